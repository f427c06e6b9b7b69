package packets

import (
	"encoding/binary"
	"net/netip"
)

var be = binary.BigEndian

// Numbers of protocols and the places of header fields.
const (
	etherLen = 14
	ip4Len   = 20
	ip6Len   = 40

	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeVLAN = 0x8100
	typeIPv6 = 0x86dd

	protoICMP     = 1
	protoIGMP     = 2
	protoTCP      = 6
	protoUDP      = 17
	protoFragment = 44
	protoICMPv6   = 58
	protoRaw      = 255
)

// sum adds up the words of a message for an Internet checksum.
func sum(start uint32, b []byte) uint32 {
	s := start
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// pseudo is the sum of the pseudo-header.
func pseudo(src, dst netip.Addr, proto uint8, n int) uint32 {
	return sum(sum(uint32(proto)+uint32(n), src.AsSlice()), dst.AsSlice())
}

func addr4(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b[:4])) }
func addr6(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b[:16])) }

// ipPacket is what an IP packet is made of; ok is false if it is too short for its headers.
type ipPacket struct {
	src, dst   netip.Addr
	proto      uint8
	ttl, tos   uint8
	upper      []byte
	upperAt    int
	whole      bool // not a fragment, and not cut off
	fragAt     int  // of the fragment header (IPv6), 0 none
	fragOffset int
	more       bool
	total      int // the length that the header tells
}

func parseIP(b []byte) (p ipPacket, ok bool) {
	if len(b) < 1 {
		return p, false
	}
	if b[0]>>4 == 6 {
		return parseIP6(b)
	}
	n := int(b[0]&15) * 4
	if b[0]>>4 != 4 || n < ip4Len || len(b) < n {
		return p, false
	}
	frag := be.Uint16(b[6:])
	p = ipPacket{
		src: addr4(b[12:]), dst: addr4(b[16:]), proto: b[9], ttl: b[8], tos: b[1], upperAt: n,
		total: int(be.Uint16(b[2:])), fragOffset: int(frag&0x1fff) * 8, more: frag&0x2000 != 0,
	}
	p.whole = p.total == len(b) && frag&0x3fff == 0
	p.upper = b[n:]
	return p, true
}

func parseIP6(b []byte) (p ipPacket, ok bool) {
	if len(b) < ip6Len {
		return p, false
	}
	p = ipPacket{
		src: addr6(b[8:]), dst: addr6(b[24:]), proto: b[6], ttl: b[7], tos: uint8(be.Uint16(b) >> 4), upperAt: ip6Len,
		total: int(be.Uint16(b[4:])) + ip6Len,
	}
	p.whole = p.total == len(b)
	for {
		at := p.upperAt
		switch p.proto {
		case 0, 43, 60:
			if len(b) < at+8 || len(b) < at+8+int(b[at+1])*8 {
				return p, true
			}
			p.proto, p.upperAt = b[at], at+8+int(b[at+1])*8
		case protoFragment:
			if len(b) < at+8 {
				return p, true
			}
			p.fragAt, p.proto, p.upperAt, p.whole = at, b[at], at+8, false
			p.fragOffset, p.more = int(be.Uint16(b[at+2:])&^7), b[at+3]&1 != 0
			if p.fragOffset != 0 {
				p.upper = b[p.upperAt:]
				return p, true
			}
		default:
			p.upper = b[p.upperAt:]
			return p, true
		}
	}
}

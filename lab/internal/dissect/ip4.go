package dissect

import (
	"encoding/binary"
	"fmt"
)

const (
	protoHopByHop = 0
	protoICMP     = 1
	protoIGMP     = 2
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoDCCP     = 33
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoESP      = 50
	protoAH       = 51
	protoICMPv6   = 58
	protoNone     = 59
	protoDestOpts = 60
	protoSCTP     = 132
	protoEthernet = 143
)

// ipProtocols are the words for protocols in a header's description under -v.
var ipProtocols = names{
	protoHopByHop: "Options", protoICMP: "ICMP", protoIGMP: "IGMP", protoIPv4: "IPIP", protoTCP: "TCP", 8: "EGP",
	9: "IGRP", protoUDP: "UDP", protoDCCP: "DCCP", protoIPv6: "IPv6", protoRouting: "Routing",
	protoFragment: "Fragment", 46: "RSVP", protoGRE: "GRE", protoESP: "ESP", protoAH: "AH", 55: "Mobile IP",
	protoICMPv6: "ICMPv6", 62: "Mobile IP (old)", 88: "EIGRP", 89: "OSPF", 103: "PIM", 108: "Compressed IP",
	112: "VRRP", 113: "PGM", protoSCTP: "SCTP", 135: "Mobility", protoEthernet: "Ethernet",
}

func ipProtocol(p uint8) string {
	return ipProtocols.of(uint32(p), func() string { return "unknown" })
}

const (
	ip4Len        = 20
	moreFragments = 0x2000
	fragOffset    = 0x1fff
)

var fragmentFlags = []bit{{moreFragments, "+"}, {0x4000, "DF"}, {0x8000, "rsvd"}}

// hasPorts says whether a protocol's own method writes the addresses, with ports.
func hasPorts(p uint8) bool {
	return p == protoTCP || p == protoUDP || p == protoSCTP || p == protoDCCP
}

// ip4 writes an IPv4 packet.
func (d *dissector) ip4(b []byte, length int) {
	d.proto = "ip"
	if v := u8(b, 0) >> 4; v != 4 {
		if v == 6 {
			d.s("IP6, wrong link-layer encapsulation")
		} else {
			d.f("IP%d", v)
		}
		d.bad()
		return
	}
	if !d.options.LinkHeader {
		d.s("IP ")
	}
	if len(b) < ip4Len {
		d.trunc()
		return
	}
	if length < ip4Len {
		d.f("truncated-ip %d", length)
		return
	}
	header := int(b[0]&0xf) * 4
	if header < ip4Len {
		d.f("bad-hlen %d", header)
		return
	}
	total := int(u16(b, 2))
	if length < total {
		d.f("truncated-ip - %d bytes missing! ", total-length)
	}
	if total < header {
		d.f("bad-len %d", total)
		return
	}
	b = upTo(b, total)
	payload := total - header
	off := u16(b, 6)
	if d.options.Verbose > 0 && !d.ip4Header(b, header, off) {
		return
	}
	if off&fragOffset != 0 {
		d.laterFragment(b)
		return
	}
	if !hasPorts(b[9]) {
		d.f("%s > %s: ", d.addr4(b, 12), d.addr4(b, 16))
	}
	if len(b) < header {
		d.f(" [remaining caplen(%d) < header length(%d)]", len(b), header)
		panic(truncated{})
	}
	d.transport(b[9], ipPacket{header: b, version: 4, fragmented: off&moreFragments != 0}, b[header:], payload)
}

// laterFragment writes a fragment that has no header of the protocol above.
func (d *dissector) laterFragment(b []byte) {
	d.f("%s > %s:", d.addr4(b, 12), d.addr4(b, 16))
	if name := d.options.Names.ProtocolName(b[9]); name != "" {
		d.s(" " + name)
	} else {
		d.f(" ip-proto-%d", b[9])
	}
}

// ip4Header writes the fields of the header, and says whether the packet goes on.
func (d *dissector) ip4Header(b []byte, header int, off uint16) bool {
	d.f("(tos 0x%x", b[1])
	d.s([]string{"", ",ECT(1)", ",ECT(0)", ",CE"}[b[1]&3])
	if ttl := b[8]; ttl > 0 {
		d.f(", ttl %d", ttl)
	}
	d.f(", id %d, offset %d, flags [%s], proto %s (%d), length %d", u16(b, 4), int(off&fragOffset)*8,
		bits(fragmentFlags, uint32(off), ", ", "none"), ipProtocol(b[9]), b[9], u16(b, 2))
	whole := true
	if header > ip4Len {
		d.s(", options (")
		if whole = d.ip4Options(b[ip4Len:], header-ip4Len); !whole {
			d.s(" [truncated-option]")
		}
		d.s(")")
	}
	if !d.options.NoChecksums && header <= len(b) {
		if sum := checksum(b[:header]); sum != 0 {
			have := u16(b, 10)
			d.f(", bad cksum %x (->%x)!", have, shouldBe(have, sum))
		}
	}
	d.s(")\n    ")
	if !whole {
		d.f("%s > %s: ", d.addr4(b, 12), d.addr4(b, 16))
		d.trunc()
	}
	return whole
}

const (
	optEnd       = 0
	optNop       = 1
	optRecord    = 7
	optTimestamp = 68
	optLoose     = 131
	optStrict    = 137
	optAlert     = 148
)

var ip4OptionNames = names{
	optEnd: "EOL", optNop: "NOP", optTimestamp: "timestamp", 130: "security", optRecord: "RR", optStrict: "SSRR",
	optLoose: "LSRR", optAlert: "RA", 82: "traceroute",
}

// ip4Options writes n bytes of options, and says whether they were captured.
func (d *dissector) ip4Options(b []byte, n int) bool {
	sep := ""
	for n > 0 {
		d.s(sep)
		sep = ","
		kind, size := u8(b, 0), 1
		d.s(ip4OptionNames.of(uint32(kind), func() string { return fmt.Sprintf("unknown %d", kind) }))
		if kind != optNop && kind != optEnd {
			if size = int(u8(b, 1)); size < 2 {
				d.f(" [bad length %d]", size)
				return true
			}
		}
		if size > n {
			d.f(" [bad length %d]", size)
			return true
		}
		if size > len(b) {
			return false
		}
		whole := true
		switch kind {
		case optEnd:
			return true
		case optTimestamp:
			whole = d.timestampOption(b, size)
		case optRecord, optLoose, optStrict:
			whole = d.routeOption(b, size)
		case optAlert:
			if size < 4 {
				d.f(" [bad length %d]", size)
			} else if v := u16(b, 2); v != 0 {
				d.f(" value %d", v)
			}
		}
		if !whole {
			return false
		}
		b, n = b[size:], n-size
	}
	return true
}

// routeOption writes a recorded or a source route of size bytes, and says whether it
// was captured. An address that does not fit is read beyond the option.
func (d *dissector) routeOption(o []byte, size int) bool {
	if size < 3 {
		d.f(" [bad length %d]", size)
		return true
	}
	if (size+1)&3 != 0 {
		d.f(" [bad length %d]", size)
	}
	next := int(o[2]) - 1
	if next < 3 || (next+1)&3 != 0 || next > size+1 {
		d.f(" [bad ptr %d]", o[2])
	}
	for at := 3; at < size; at += 4 {
		if at+4 > len(o) {
			return false
		}
		d.s(" " + d.addr4(o, at))
		if uint32(next) > uint32(at) {
			d.s(",")
		}
	}
	return true
}

// timestampOption writes the timestamps of routers, and says whether they were
// captured. One that does not fit is read beyond the option.
func (d *dissector) timestampOption(o []byte, size int) bool {
	if size < 4 {
		d.f("[bad length %d]", size)
		return true
	}
	d.s(" TS{")
	form, hop := o[3]&0xf, 8
	if form == 0 {
		hop = 4
	}
	if (size-4)&(hop-1) != 0 {
		d.f("[bad length %d]", size)
	}
	next, at := int(o[2])-1, 0
	if next < 4 || (next-4)&(hop-1) != 0 || next > size+1 {
		d.f("[bad ptr %d]", o[2])
	}
	switch form {
	case 0, 1, 3:
		d.s(map[uint8]string{0: "TSONLY", 1: "TS+ADDR", 3: "PRESPEC"}[form])
		for at = 4; at < size; at += hop {
			if at+hop > len(o) {
				return false
			}
			sep, who := " ", ""
			if next == at {
				sep = " ^ "
			}
			if hop == 8 {
				who = d.addr4(o, at)
			}
			d.f("%s%d@%s", sep, u32(o, at+hop-4), who)
		}
	default:
		d.f("[bad ts type %d]", form)
	}
	if next == at {
		d.s(" ^ ")
	}
	if missed := o[3] >> 4; missed != 0 {
		d.f(" [%d hops not recorded]} ", missed)
	} else {
		d.s("}")
	}
	return true
}

// finalDestination is where an IPv4 packet goes in the end: the last address of a
// source route, which checksums cover.
func finalDestination(b []byte) []byte {
	dst := bytesAt(b, 16, 4)
	o := upTo(b, int(b[0]&0xf)*4)
	for o = after(o, ip4Len); len(o) > 0; {
		size := 1
		if o[0] == optEnd {
			break
		}
		if o[0] != optNop {
			if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
				break
			}
			size = int(o[1])
		}
		if (o[0] == optLoose || o[0] == optStrict) && size >= 7 {
			return o[size-4 : size]
		}
		o = o[size:]
	}
	return dst
}

// ipPacket is what the protocols above IP know of the packet that carries them.
type ipPacket struct {
	header     []byte // from the first byte of the IP header on
	version    int
	fragmented bool
}

// protocol is the protocol field of the IP header itself, before any extension.
func (ip *ipPacket) protocol() uint8 {
	if ip.version == 6 {
		return u8(ip.header, 6)
	}
	return u8(ip.header, 9)
}

// addrs are the source and destination as text.
func (d *dissector) addrs(ip *ipPacket) (src, dst string) {
	if ip.version == 6 {
		return d.addr6(ip.header, 8), d.addr6(ip.header, 24)
	}
	return d.addr4(ip.header, 12), d.addr4(ip.header, 16)
}

// checksum is the checksum of a payload of n bytes with IP's pseudo header before it.
func (ip *ipPacket) checksum(proto uint8, b []byte, n int) uint16 {
	if ip.version == 6 {
		var tail [8]byte
		binary.BigEndian.PutUint32(tail[:], uint32(n))
		tail[7] = proto
		return checksum(bytesAt(ip.header, 8, 16), finalDestination6(ip.header), tail[:], b[:n])
	}
	tail := [4]byte{0, proto, byte(n >> 8), byte(n)}
	return checksum(bytesAt(ip.header, 12, 4), finalDestination(ip.header), tail[:], b[:n])
}

package packettest

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
)

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// raw reads hexadecimal digits with blanks between them.
func raw(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

func be16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func be32(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func addr(s string) []byte {
	return netip.MustParseAddr(s).AsSlice()
}

type ip4Fields struct {
	src, dst            string
	tos, id, frag, ttl  int
	options             []byte
	wrongSum            bool
	extraLength, hlenBy int
}

func ip4Packet(proto int, payload []byte, f ip4Fields) []byte {
	if f.src == "" {
		f.src, f.dst = "10.0.0.1", "10.0.0.2"
	}
	if f.ttl == 0 {
		f.ttl = 64
	}
	n := 20 + len(f.options)
	h := join([]byte{byte(0x40 | n/4 + f.hlenBy), byte(f.tos)}, be16(n+len(payload)+f.extraLength), be16(f.id), be16(f.frag),
		[]byte{byte(f.ttl), byte(proto), 0, 0}, addr(f.src), addr(f.dst), f.options)
	sum := checksum(h)
	if f.wrongSum {
		sum ^= 0x1234
	}
	binary.BigEndian.PutUint16(h[10:], sum)
	return append(h, payload...)
}

// pseudo sums the pseudo header of a payload.
func pseudo(proto int, src, dst string, payload []byte) uint16 {
	return checksum(addr(src), addr(dst), be32(len(payload)), be32(proto), payload)
}

// summed puts the checksum of a payload at a place.
func summed(payload []byte, at, proto int, src, dst string) []byte {
	p := append([]byte(nil), payload...)
	binary.BigEndian.PutUint16(p[at:], pseudo(proto, src, dst, p))
	return p
}

func own(payload []byte, at int) []byte {
	p := append([]byte(nil), payload...)
	binary.BigEndian.PutUint16(p[at:], checksum(p))
	return p
}

func ip6Packet(next int, payload []byte, src, dst string) []byte {
	return join(raw("60000000"), be16(len(payload)), []byte{byte(next), 64}, addr(src), addr(dst), payload)
}

func tcpSegment(sport, dport int, seq, ack uint32, flags int, options, data []byte) []byte {
	n := 20 + len(options)
	return join(be16(sport), be16(dport), be32(int(seq)), be32(int(ack)), []byte{byte(n / 4 << 4), byte(flags)}, be16(502), be16(0), be16(7), options, data)
}

func udpDatagram(sport, dport int, data []byte) []byte {
	return join(be16(sport), be16(dport), be16(8+len(data)), be16(0), data)
}

const (
	a4, b4 = "10.0.0.1", "10.0.0.2"
	a6, b6 = "2001:db8::1", "fe80::2"
)

func tcp4(seg []byte) []byte {
	return ip4Packet(6, summed(seg, 16, 6, a4, b4), ip4Fields{id: 1, frag: 0x4000})
}
func tcp6(seg []byte) []byte { return ip6Packet(6, summed(seg, 16, 6, a6, b6), a6, b6) }
func udp4(d []byte) []byte   { return ip4Packet(17, summed(d, 6, 17, a4, b4), ip4Fields{}) }
func udp6(d []byte) []byte   { return ip6Packet(17, summed(d, 6, 17, a6, b6), a6, b6) }
func icmp4(m []byte) []byte  { return ip4Packet(1, own(m, 2), ip4Fields{}) }
func icmp66(m []byte) []byte { return ip6Packet(58, summed(m, 2, 58, a6, b6), a6, b6) }
func igmp4(m []byte) []byte {
	return ip4Packet(2, own(m, 2), ip4Fields{ttl: 1, options: raw("94040000")})
}
func gre4(m []byte) []byte          { return ip4Packet(47, m, ip4Fields{}) }
func text(s string) []byte          { return []byte(s) }
func zeros(n int) []byte            { return make([]byte, n) }
func option(s string) []byte        { b := raw(s); return append(b, make([]byte, (4-len(b)%4)%4)...) }
func arpMsg(s string) []byte        { return raw(s) }
func ext(next int, s string) []byte { return join([]byte{byte(next)}, raw(s)) }

const a6hex = "20010db8000000000000000000000001"

func etherFrame(kind int, payload []byte) []byte {
	return join(raw("020000000002 020000000001"), be16(kind), payload)
}

// checksum is the Internet checksum of the parts, all but the last of even length.
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, p := range parts {
		for i, c := range p {
			sum += uint32(c) << (8 * (1 - i%2))
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherRARP = 0x8035
	etherVLAN = 0x8100
	etherIPv6 = 0x86dd
	etherQinQ = 0x88a8
	ether9100 = 0x9100
	ether9200 = 0x9200
)

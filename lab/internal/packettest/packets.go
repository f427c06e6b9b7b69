// Package packettest makes the packets that tests of captures read: of each protocol
// that a lab's hosts speak, whole, cut short and damaged.
package packettest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/rulewalk/rulewalk/lab/internal/capture"
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

// packet is a packet of the network layer and its EtherType.
type packet struct {
	kind int
	data []byte
}

func network() []packet {
	var all []packet
	ip := func(p ...[]byte) {
		for _, b := range p {
			kind := etherIPv4
			if b[0]>>4 == 6 {
				kind = etherIPv6
			}
			all = append(all, packet{kind, b})
		}
	}
	ip(tcpPackets()...)
	ip(udpPackets()...)
	ip(icmpPackets()...)
	ip(icmp6Packets()...)
	ip(tunnelPackets()...)
	ip(headerPackets()...)
	return append(all, arpPackets()...)
}

func tcpPackets() [][]byte {
	stamps := "0101080a0000000100000002"
	var p [][]byte
	for _, wrap := range []func([]byte) []byte{tcp4, tcp6} {
		p = append(p,
			wrap(tcpSegment(40000, 1234, 1000, 0, 2, option("020405b40402080a00000001000000000103030a"), nil)),
			wrap(tcpSegment(1234, 40000, 5000, 1001, 0x12, option("020405b40402080a00000001000000010103030a"), nil)),
			wrap(tcpSegment(40000, 1234, 1001, 5001, 0x10, raw(stamps), nil)),
			wrap(tcpSegment(40000, 1234, 1001, 5001, 0x18, raw(stamps), text("hello\n"))),
			wrap(tcpSegment(1234, 40000, 5001, 1007, 0x10, option("0101050a000003f1000003f7"), nil)),
			wrap(tcpSegment(1234, 40000, 5001, 1007, 0x10, option("01010512000003f1000003f700000400000004ff"), nil)),
			wrap(tcpSegment(1234, 40000, 5001, 1007, 0x11, nil, nil)),
			wrap(tcpSegment(40000, 1234, 1007, 5002, 0x14, nil, text("reset \x01because\x80 of many many many things"))),
			wrap(tcpSegment(40000, 1234, 7, 0, 0x04, nil, nil)),
			wrap(tcpSegment(80, 40001, 1, 1, 0x18, nil, text("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n<html>"))),
			wrap(tcpSegment(40001, 80, 1, 1, 0x18, nil, text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))),
			wrap(tcpSegment(40001, 8080, 1, 1, 0x18, nil, text("body without a request"))),
			wrap(tcpSegment(40002, 25, 1, 1, 0x18, nil, text("EHLO there\n"))),
			wrap(tcpSegment(40002, 21, 1, 1, 0x18, nil, text("USER no newline"))),
			wrap(tcpSegment(22, 40002, 1, 1, 0x18, nil, text("SSH-2.0-OpenSSH_9.2\r\n"))),
			wrap(tcpSegment(22, 40002, 1, 1, 0x18, nil, raw("0001020304"))),
			wrap(tcpSegment(43, 40002, 1, 1, 0x18, nil, text("whois\x00x"))),
			wrap(tcpSegment(40003, 53, 1, 1, 0x18, nil, join(be16(29), dnsQuery()))),
			wrap(tcpSegment(40003, 53, 1, 1, 0x18, nil, join(be16(77), dnsQuery()))),
			wrap(tcpSegment(40003, 53, 1, 1, 0x18, nil, raw("00"))),
			wrap(tcpSegment(7, 7, 1, 1, 0xff, nil, text("all flags"))),
			wrap(tcpSegment(7, 7, 1, 1, 0, nil, nil)),
		)
		for _, o := range []string{
			"0604000000010706000000020b06000000030c06000000040d0600000005", "00", "0101", "020405b400", "0204", "02ff", "0300", "0501", "0509000000000000000000",
			"1312000102030405060708090a0b0c0d0e0f", "1404aabb", "1c048005", "1c048004", "1d0401ff", "1d1001020304050607080910111213141516", "1d03", "1d02ff",
			"2202", "220a0102030405060708", "220501020304", "fe04f989", "fe0cf9890102030405060708", "fe041234", "fe03f9", "fd06deadbeef", "fd02", "4d0a1122334455667788",
			"1e0c0081112233445566778899", "1e0c0101aaaaaaaaaaaaaaaa", "1e140081aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb", "1e0400", "1e0c1101aaaaaaaabbbbbbbb", "1e101002aaaaaaaaaaaaaaaabbbbbbbb",
			"1e181003000102030405060708090a0b0c0d0e0f10111213", "1e082001aaaaaaaa", "1e142007aaaaaaaa000000010000000200031234", "1e0420ff", "1e083001c0a80001", "1e0a3401c0a800011f90",
			"1e103001c0a80001aaaaaaaaaaaaaaaa", "1e123102c0a800011f90aaaaaaaaaaaaaaaa", "1e14360120010db8000000000000000000000001", "1e16360120010db80000000000000000000000011f90",
			"1e1c300120010db8000000000000000000000001aaaaaaaaaaaaaaaa", "1e0440010203", "1e035000", "1e045105", "1e0c60000000000000000001", "1e0c7000aaaaaaaaaaaaaaaa", "1e0480aa", "1e0930", "1e02",
		} {
			for _, flags := range []int{2, 0x12, 0x10} {
				p = append(p, wrap(tcpSegment(50000, 50001, 1, 1, flags, option(o), nil)))
			}
		}
		short := tcpSegment(9, 10, 1, 1, 0x10, nil, nil)
		short[12] = 0x40
		long := tcpSegment(9, 10, 1, 1, 0x10, nil, nil)
		long[12] = 0xf0
		p = append(p, wrap(short), wrap(long), ip4Packet(6, tcpSegment(1, 2, 3, 4, 0x12, nil, text("bad sum")), ip4Fields{}))
	}
	return p
}

func dnsQuery() []byte {
	return raw("1234 0100 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001")
}

func dnsMessages() [][]byte {
	name, ptr := "076578616d706c6503636f6d00", "c00c"
	response := func(counts, records string) []byte {
		return raw("1234 8180 0001" + counts + name + "0001 0001" + records)
	}
	return [][]byte{
		dnsQuery(),
		raw("1234 0120 0001 0000 0000 0001" + name + "001c 0001" + "00 0029 1000 00 00 8000 0000"),
		raw("1234 0120 0002 0000 0000 0000" + name + "001c 0003" + ptr + "00ff 0001"),
		raw("1234 0110 0001 0000 0000 0001" + name + "0041 0001" + "00 0029 04d0 00 00 0000 000c 000a0008 0102030405060708"),
		raw("0000 8400 0000 0001 0000 0000" + name + "0001 8001 00000078 0004 0a000001"),
		raw("0000 0000 0001 0000 0000 0000" + name + "000c 8001"),
		response("0001 0000 0000", ptr+"0001 0001 0000003c 0004 5db8d822"),
		response("0002 0001 0001", ptr+"0005 0001 00015180 0006 03777777 c00c"+ptr+"001c 0001 0000003c 0010 20010db8000000000000000000000001"+
			ptr+"0002 0001 00000e10 0005 026e73c00c"+ptr+"0001 0001 00000e10 0004 7f000001"),
		response("0001 0000 0000", ptr+"000f 0001 0000003c 0009 000a 046d61696c c00c"),
		response("0001 0000 0000", ptr+"0010 0001 0000003c 0008 03616263 03646566"),
		response("0000 0001 0000", ptr+"0006 0001 0000003c 001c 026e73c00c 0461646d c00c 00000001 00000002 00000003 00000004"),
		response("0001 0000 0000", ptr+"0021 0001 0000003c 0009 0001 0002 0050 0161 00"),
		response("0001 0000 0000", ptr+"0100 0001 0000003c 0008 0001 0002 68747470"),
		response("0001 0000 0000", ptr+"000c 0003 00000000 0002 c00c"),
		response("0001 0000 0000", "c0ff 0001 0001 00000000 0004 01020304"),
		response("0001 0000 0000", "40 0001 0001 00000000 0004 01020304"),
		raw("1234 8583 0001 0000 0000 0001" + name + "0001 0001" + "00 0029 0200 01 00 8000 0014 0008 0007 0001 18 00 0a0000 000b 0002 0064 000c 0001 00"),
		raw("1234 2c00 0000 0001 0000 0000"),
		raw("1234 0900 0001 0001 0000 0000" + name + "0001 0001"),
		raw("1234 0100"),
	}
}

func udpPackets() [][]byte {
	p := [][]byte{
		udp4(udpDatagram(5000, 5001, text("hello"))),
		udp6(udpDatagram(5000, 5001, text("hello"))),
		ip4Packet(17, udpDatagram(5000, 5001, text("no sum")), ip4Fields{}),
		ip6Packet(17, udpDatagram(5000, 5001, text("bad sum")), a6, b6),
		udp4(join(be16(5000), be16(5001), be16(100), be16(0), text("bad length"))),
		udp4(join(be16(5000), be16(5001), be16(4), be16(0), text("x"))),
		udp4(join(be16(5000), be16(5001), be16(10), be16(0), text("padding"))),
		ip4Packet(17, raw("13881389"), ip4Fields{}),
		ip4Packet(17, summed(udpDatagram(1, 2, text("wrong")), 6, 17, a4, "10.0.0.9"), ip4Fields{}),
		udp4(udpDatagram(68, 67, join(raw("01010600deadbeef00000000"), zeros(16), raw("020000000001"), zeros(10+192), raw("63825363350101ff")))),
		udp4(udpDatagram(67, 68, join(raw("02010600deadbeef00000000"), zeros(228)))),
		udp4(udpDatagram(40000, 4789, join(raw("0800000000002a00"), etherFrame(etherIPv4, udp4(udpDatagram(1, 2, text("inner"))))))),
		udp4(udpDatagram(40000, 4789, join(raw("0000000000002a00"), etherFrame(0x1234, text("unknown"))))),
		udp4(udpDatagram(40000, 4789, raw("08"))),
		udp4(udpDatagram(40000, 8472, join(raw("0800000000002a00"), etherFrame(etherIPv4, udp4(udpDatagram(1, 2, text("inner"))))))),
		udp6(udpDatagram(8472, 40000, join(raw("0000000100002a00"), etherFrame(etherIPv6, udp6(udpDatagram(1, 2, text("inner"))))))),
		udp4(udpDatagram(40000, 8472, raw("08"))),
	}
	for _, m := range dnsMessages() {
		p = append(p, udp4(udpDatagram(40000, 53, m)), udp6(udpDatagram(53, 40000, m)), udp4(udpDatagram(5353, 5353, m)))
	}
	return p
}

func icmpPackets() [][]byte {
	quotes := [][]byte{
		udp4(udpDatagram(5000, 33434, text("probe"))),
		tcp4(tcpSegment(40000, 80, 1, 0, 2, nil, nil)),
		ip4Packet(47, text("whatever"), ip4Fields{}),
		ip4Packet(1, raw("0800f7ff00000000"), ip4Fields{options: raw("94040000")}),
	}
	p := [][]byte{
		icmp4(join(raw("08000000"), be16(77), be16(1), text("abcdefgh"))),
		icmp4(join(raw("00000000"), be16(77), be16(1), text("abcdefgh"))),
		ip4Packet(1, join(raw("08001234"), be16(77), be16(1), text("bad sum")), ip4Fields{}),
		icmp4(raw("0900000002020708 c0a8000100000000 c0a8000200000001")),
		icmp4(raw("0900000001030e11 c0a8000100000000")),
		icmp4(raw("090000000002000a")),
		icmp4(raw("0a00000000000000")),
		icmp4(raw("0d00000000010002 0036ee8000000000 00000000")),
		icmp4(raw("0e00000000010002 0036ee8002932e00 04fffff1")),
		icmp4(raw("1100000000010002 00000000")), icmp4(raw("1200000000010002 ffffff00")),
		icmp4(raw("0f00000000010002")), icmp4(raw("1000000000010002")), icmp4(raw("2a00000000010002")),
		ip6Packet(1, raw("0800f7ff00000000"), a6, b6), ip4Packet(58, raw("8000f7ff00000000"), ip4Fields{}),
	}
	for _, q := range quotes {
		for code := range 17 {
			p = append(p, icmp4(join([]byte{3, byte(code), 0, 0}, be16(0), be16(1400), q)))
		}
		p = append(p, icmp4(join(raw("0304000000000000"), q)))
		for code := range 5 {
			p = append(p, icmp4(join([]byte{5, byte(code), 0, 0}, addr("10.0.0.254"), q)))
		}
		for code := range 3 {
			p = append(p, icmp4(join([]byte{11, byte(code), 0, 0}, zeros(4), q)), icmp4(join([]byte{12, byte(code), 0, 0, 20, 0, 0, 0}, q)))
		}
		p = append(p, icmp4(join(raw("0400000000000000"), q)))
		padded := append(append([]byte(nil), q...), make([]byte, 128-len(q))...)
		labels := own(raw("20000000 0008 01 01 00010201 0010 02 05 aabbccddeeff00112233aabb"), 2)
		p = append(p, icmp4(join(raw("0b00000000200000"), padded, labels)), icmp4(join(raw("0b00000000000000"), padded, labels)),
			icmp4(join(raw("0303000000000000"), padded, raw("20001234 0008 01 02 00010201"))), icmp4(join(raw("0303000000200000"), padded, raw("10001234 0008 01 02 00010201"))))
	}
	return append(p,
		igmp4(raw("1164000000000000")), igmp4(raw("1164 0000 e0000001")), igmp4(raw("1114 0000 e0000001")), igmp4(raw("1100000000000000")), igmp4(raw("1164 0000 00000000 0002 0003")),
		igmp4(raw("1200 0000 e0000005")), igmp4(raw("1600 0000 e0000005")), igmp4(raw("1700 0000 e0000005")),
		igmp4(raw("1164 0000 00000000 0a7d 0000")), igmp4(raw("1120 0000 e0000009 0a7d 0002 0a000001 0a000002")), igmp4(raw("11ff 0000 e0000009 0a7d 0009")),
		igmp4(raw("2200 0000 0000 0001 04000000 e00000fb")), igmp4(raw("2200 0000 0000 0002 01000002 e00000fb 0a000001 0a000002 07000000 e00000fc")),
		igmp4(raw("2200 0000 0000 0003 04000000 e00000fb")), igmp4(raw("2200 0000 0000")), igmp4(raw("4400 0000 0000 0000")),
		ip4Packet(2, raw("1164 ffff 00000000"), ip4Fields{}),
	)
}

func icmp6Packets() [][]byte {
	quotes := [][]byte{
		udp6(udpDatagram(5000, 33434, text("probe"))),
		tcp6(tcpSegment(40000, 80, 1, 0, 2, nil, nil)),
		ip6Packet(0, join(ext(17, "00 0502 0000 0100"), udpDatagram(1, 33435, nil)), a6, b6),
		ip6Packet(44, join(ext(17, "00 0001 00000007"), udpDatagram(1, 33435, nil)), a6, b6),
		ip6Packet(44, join(ext(17, "00 0009 00000007"), text("later")), a6, b6),
		ip6Packet(51, join(ext(6, "04 0000 00000001 00000002 0102030405060708090a0b0c"), tcpSegment(1, 80, 1, 1, 2, nil, nil)), a6, b6),
		ip6Packet(47, text("gre..."), a6, b6),
	}
	p := [][]byte{
		icmp66(join(raw("80000000"), be16(77), be16(1), text("abcdefgh"))),
		icmp66(join(raw("81000000"), be16(77), be16(1), text("abcdefgh"))),
		ip6Packet(58, raw("80001234 004d0001"), a6, b6), ip6Packet(58, nil, a6, b6),
	}
	for _, q := range quotes {
		for code := range 7 {
			p = append(p, icmp66(join([]byte{1, byte(code), 0, 0}, zeros(4), q)), icmp66(join([]byte{4, byte(code), 0, 0}, be32(40), q)))
		}
		for code := range 3 {
			p = append(p, icmp66(join([]byte{3, byte(code), 0, 0}, zeros(4), q)))
		}
		p = append(p, icmp66(join(raw("02000000"), be32(1280), q)))
	}
	target, lla, tlla := addr("fe80::1"), "0101020000000001", "0201020000000002"
	options := []string{
		"", lla, tlla, "0304 40c0 00278d00 00093a80 00000000" + "20010db8000000000000000000000000", "0304 40ff ffffffff ffffffff 00000000" + "20010db8000000000000000000000000",
		"0501 0000 000005dc", "0502 0000 000005dc 0000000000000000", "0701 0000 000003e8", "0801 0000 0001 0708", "1803 4008 00000708 20010db8000000000000000000000000",
		"1802 4010 ffffffff 20010db800000000", "1801 0018 00000708", "1804 4018 00000708" + strings.Repeat("00", 24), "1903 0000 00000708 20010db8000000000000000000000053", "1905 0000 00000708" + strings.Repeat("20010db8000000000000000000000053", 2),
		"1f03 0000 00000708 076578616d706c65 00 00000000000000", "1f04 0000 00000708 076578616d706c65 03636f6d 00 016100 00 00000000 0000000000000000",
		"0402 0000 00000000 6000000000000000", "0e01 aabbccddeeff", "0e01 aabbccddeeff" + lla, "0100", "01", lla + tlla, "01ff 0000",
	}
	for _, o := range options {
		b := raw(o)
		p = append(p,
			icmp66(join(raw("8500000000000000"), b)),
			icmp66(join(raw("86000000 40c8 0708 00007530 000003e8"), b)),
			icmp66(join(raw("8700000000000000"), target, b)),
			icmp66(join(raw("88000000e0000000"), target, b)),
			icmp66(join(raw("8900000000000000"), target, addr("2001:db8::9"), b)))
	}
	mld := func(s string) []byte {
		m := raw(s)
		return ip6Packet(0, join(ext(58, "00 0502 0000 0100"), summed(m, 2, 58, a6, b6)), a6, b6)
	}
	group := "ff020000000000000000000000000005"
	return append(p,
		mld("8200000027100000"+group), mld("8300000000000000"+group), mld("8400000000000000"+group), mld("820000002710"), mld("8200000027100000"+group+"0a7d 0000"),
		mld("82000000ffff0000"+group+"0aff 0002"+a6hex+a6hex), mld("8200000027100000"+group+"0a7d 0009"+a6hex),
		mld("8f00000000000001 04000000"+group), mld("8f00000000000002 01000001"+group+a6hex+"09000000"+group), mld("8f00000000000003 04000000"+group), mld("8f00000000000001 04000009"+group),
		icmp66(raw("8d00000000000000")), icmp66(raw("9000000000070000")), icmp66(raw("9100000000070000"+a6hex)), icmp66(raw("9200000000070000")), icmp66(raw("930000000007c000"+lla)),
		icmp66(raw("aa00000001020304")),
	)
}

const a6hex = "20010db8000000000000000000000001"

func tunnelPackets() [][]byte {
	inner4, inner6 := udp4(udpDatagram(1, 2, text("inner"))), udp6(udpDatagram(1, 2, text("inner")))
	return [][]byte{
		ip4Packet(4, inner4, ip4Fields{}), ip4Packet(41, inner6, ip4Fields{}), ip6Packet(41, inner6, a6, b6), ip6Packet(4, inner4, a6, b6),
		ip4Packet(4, inner6, ip4Fields{}), ip4Packet(41, inner4, ip4Fields{}),
		gre4(join(raw("00000800"), inner4)), gre4(join(raw("000086dd"), inner6)), gre4(join(raw("20000800 0000002a"), inner4)), gre4(join(raw("b0000800 abcd0000 0000002a 00000007"), inner4)),
		gre4(join(raw("00006558"), etherFrame(etherIPv4, inner4))), gre4(join(raw("00001234"), text("x"))), gre4(raw("0000")), gre4(raw("20000800")), gre4(raw("0002 0800")),
		gre4(join(raw("40000800 00000000 0800 00 08 0a000001 0a000002 fffe 02 04 00010002 1234 00 00 0000 00 00"), inner4)), gre4(join(raw("40000800 00000000 0800 01 08 0a000001 0a000002 fffe 00 03 000102 0800 08 04 01020304 0000 00 00"), inner4)),
		gre4(raw("3001880b 00040001 00000001 ff03")), gre4(raw("3081880b 00040001 00000001 00000009 ff03")), gre4(raw("2001880b 00040001")), gre4(raw("3081 1234 00040001 00000001 00000009")),
		ip4Packet(51, join(ext(6, "04 0000 00000001 00000002 0102030405060708090a0b0c"), tcpSegment(1, 2, 1, 1, 2, nil, nil)), ip4Fields{}), ip4Packet(51, raw("11020001 00000001 00000002 01020304 0001000200080000"), ip4Fields{}),
		ip6Packet(51, join(ext(17, "02 0000 00000001 00000002 01020304"), udpDatagram(3, 4, nil)), a6, b6),
		ip4Packet(50, raw("00000001 00000002 aabbccddeeff"), ip4Fields{}), ip6Packet(50, raw("00000001 00000002 aabbccddeeff"), a6, b6), ip4Packet(50, raw("0000000100000002"), ip4Fields{}),
		ip6Packet(143, etherFrame(etherIPv4, inner4), a6, b6), ip4Packet(143, etherFrame(etherIPv4, inner4), ip4Fields{}), ip6Packet(59, nil, a6, b6), ip4Packet(59, text("x"), ip4Fields{}),
		ip4Packet(253, text("experiment"), ip4Fields{}), ip6Packet(254, text("experiment"), a6, b6), ip4Packet(61, text("x"), ip4Fields{}),
	}
}

func headerPackets() [][]byte {
	d := udpDatagram(5000, 5001, text("hello"))
	var p [][]byte
	for tos := range 4 {
		p = append(p, ip4Packet(17, d, ip4Fields{tos: 0xb8 | tos, id: 4711}))
	}
	for _, o := range []string{
		"07 0b 08 0a000001 0a000002 00", "07 0b 04 00000000 00000000 00", "83 0b 04 0a000009 0a000008 01", "89 0b 0c 0a000009 0a000008 01", "44 0c 0d 00 00000001 00000002", "44 14 0d 01 0a000001 00000001 0a000002 00000002",
		"44 14 15 31 0a000001 00000001 0a000002 00000002", "44 0c 05 52 0a000001 00000001", "44 0c 05 03 0a000001 00000001", "94 04 0000", "94 04 0001", "82 04 0000", "52 04 0000", "01010101", "00010203", "07 02 00 00", "07 01 00 00", "07 ff 00 00", "44 03 00 00", "83 0a 04 0a000009 0a0000 01 00", "1f 04 aabb",
		"44 0d 05 01 0a000001 00000001 00 000000", "94 03 00 00",
	} {
		p = append(p, ip4Packet(17, summed(d, 6, 17, a4, b4), ip4Fields{options: option(o)}))
	}
	p = append(p,
		ip4Packet(17, d, ip4Fields{frag: 0x2000, id: 9}), ip4Packet(17, text("later"), ip4Fields{frag: 0x2010, id: 9}), ip4Packet(6, text("last"), ip4Fields{frag: 0x0020, id: 9}),
		ip4Packet(1, raw("0800000000000000"), ip4Fields{frag: 0x2000}), ip4Packet(6, tcpSegment(1, 2, 3, 4, 0x10, nil, text("first")), ip4Fields{frag: 0x2000}), ip4Packet(17, d, ip4Fields{frag: 0xc000}),
		ip4Packet(17, d, ip4Fields{wrongSum: true}), ip4Packet(17, d, ip4Fields{extraLength: 100}), ip4Packet(17, d, ip4Fields{extraLength: -5}), ip4Packet(17, d, ip4Fields{extraLength: -33}), ip4Packet(17, d, ip4Fields{extraLength: -30}),
		ip4Packet(17, d, ip4Fields{hlenBy: -1}), ip4Packet(17, d, ip4Fields{hlenBy: 3}), ip4Packet(17, d, ip4Fields{hlenBy: 10}), ip4Packet(17, d, ip4Fields{ttl: 256}),
		ip4Packet(17, d, ip4Fields{src: "127.0.0.1", dst: "255.255.255.255"}),
	)
	ext6 := func(next int, parts ...[]byte) []byte { return ip6Packet(next, join(parts...), a6, b6) }
	p = append(p,
		ext6(0, ext(17, "00 0104 00000000"), d), ext6(0, ext(17, "00 000000000000"), d), ext6(0, ext(60, "00 0502 0000 0100"), ext(17, "00 1e02 0000 0100"), d), ext6(60, ext(17, "02 c910"+a6hex+"01020000"), d), ext6(60, ext(17, "02 c912"+a6hex+"0100 00 00"), d),
		ext6(0, ext(17, "00 c204 00000001"), d), ext6(0, ext(17, "00 c203 00000001"), d), ext6(0, ext(17, "00 0503 000000 00"), d), ext6(0, ext(17, "00 01ff 00000000"), d), ext6(0, ext(0, "00 0104 00000000"), ext(17, "00 0104 00000000"), d), ext6(60, ext(0, "00 0104 00000000"), ext(17, "00 0104 00000000"), d),
		ext6(43, ext(17, "02 00 01 00000000"+a6hex), d), ext6(43, ext(17, "02 02 01 00000001"+a6hex), d), ext6(43, ext(17, "04 04 01 01 00 0007"+a6hex+a6hex), d), ext6(43, ext(17, "02 04 01 00 08 0007"+a6hex), d), ext6(43, ext(17, "01 00 01 00000000 0000000000000000"), d), ext6(43, ext(17, "00 09 01 00000000"), d), ext6(43, ext(17, "01 04 01 00 00 0000 0000000000000000"), d),
		ext6(43, ext(6, "02 00 01 00000000"+a6hex), summed(tcpSegment(1, 2, 3, 4, 2, nil, nil), 16, 6, a6, "2001:db8::1")),
		ext6(44, ext(17, "00 0001 00000007"), d), ext6(44, ext(17, "00 0061 00000007"), text("later")), ext6(44, ext(58, "00 0000 00000007"), raw("8000000000000000")), ext6(44, ext(17, "00 0001 00000007")),
		ext6(0, ext(44, "00 0104 00000000"), ext(6, "00 0001 0000ffff"), tcpSegment(1, 2, 3, 4, 2, nil, nil)),
		ip6Packet(17, summed(d, 6, 17, "::1", "::ffff:1.2.3.4"), "::1", "::ffff:1.2.3.4"), ip6Packet(17, d, "::1.2.3.4", "::"), ip6Packet(17, d, "1:0:0:2:0:0:0:3", "1:0:2:0:3:0:4:0"),
	)
	flow := ip6Packet(17, d, a6, b6)
	copy(flow, raw("6b812345"))
	long := ip6Packet(17, d, a6, b6)
	long[5] += 50
	short := ip6Packet(17, d, a6, b6)
	short[5] -= 4
	none := ip6Packet(17, nil, a6, b6)
	jumbo := ip6Packet(0, join(ext(17, "00 c204 00010000"), d), a6, b6)
	jumbo[4], jumbo[5] = 0, 0
	badJumbo := ip6Packet(0, join(ext(17, "00 c204 00000100"), d), a6, b6)
	badJumbo[4], badJumbo[5] = 0, 0
	lost := ip6Packet(60, join(ext(17, "00 0104 00000000"), d), a6, b6)
	lost[4], lost[5] = 0, 0
	return append(p, flow, long, short, none, jumbo, badJumbo, lost)
}

func arpPackets() []packet {
	mac1, mac2, ip1, ip2, zero := "020000000001", "020000000002", "0a000001", "0a000002", "000000000000"
	var p []packet
	for _, s := range []string{
		"0001 0800 06 04 0001" + mac1 + ip1 + zero + ip2, "0001 0800 06 04 0001" + mac1 + ip1 + mac2 + ip2, "0001 0800 06 04 0002" + mac2 + ip2 + mac1 + ip1, "0001 0800 06 04 0003" + mac1 + ip1 + mac1 + ip1, "0001 0800 06 04 0004" + mac1 + ip1 + mac1 + ip1,
		"0001 0800 06 04 0008" + mac1 + ip1 + mac1 + ip1, "0001 0800 06 04 0009" + mac1 + ip1 + mac1 + ip1, "0001 0800 06 04 0007" + mac1 + ip1 + mac1 + ip1, "0006 0800 06 04 0001" + mac1 + ip1 + zero + ip2, "0001 86dd 06 04 0001" + mac1 + ip1 + zero + ip2,
		"0001 0800 06 06 0001" + mac1 + mac1 + zero + mac1, "0001 0800 00 04 0001" + ip1 + ip2, "0020 0800 08 04 0001" + mac1 + "0102" + ip1 + mac2 + "0304" + ip2, "0001 0800 06 04 0001" + mac1 + ip1 + zero + ip2 + strings.Repeat("00", 18), "0001 1234 06 04 0002" + mac2 + ip2 + mac1 + ip1, "1234 0800 06 04 0001" + mac1 + ip1 + zero + ip2,
	} {
		p = append(p, packet{etherARP, arpMsg(s)})
	}
	return append(p, packet{etherRARP, arpMsg("0001 0800 06 04 0003" + mac1 + ip1 + mac1 + ip1)})
}

func etherFrame(kind int, payload []byte) []byte {
	return join(raw("020000000002 020000000001"), be16(kind), payload)
}

// etherFrames are frames that are not plain IP.
func etherFrames() [][]byte {
	ip := udp4(udpDatagram(1, 2, text("tagged")))
	tag := func(kind, vlan int, rest []byte) []byte {
		f := etherFrame(kind, be16(vlan))
		return append(f, rest...)
	}
	frame8023 := func(b []byte) []byte { return etherFrame(len(b), b) }
	stpConfig := "424203 0000 00 00 00 8000020000000001 00000004 8000020000000002 8001 0100 1400 0200 0f00"
	frames := [][]byte{
		tag(etherVLAN, 5, join(be16(etherIPv4), ip)), tag(etherVLAN, 0xf00a, join(be16(etherVLAN), be16(7), be16(etherIPv4), ip)), tag(etherQinQ, 100, join(be16(etherVLAN), be16(7), be16(etherIPv6), udp6(udpDatagram(1, 2, nil)))),
		tag(ether9100, 5, join(be16(etherARP), raw("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002"))), tag(ether9200, 1, join(be16(0x1234), text("x"))), tag(etherVLAN, 5, join(be16(len(raw(stpConfig))), raw(stpConfig))), etherFrame(etherVLAN, raw("0001")),
		etherFrame(0x1234, text("an unknown protocol, longer than one line")), etherFrame(0x0101, text("x")), etherFrame(etherIPv4, raw("65")), etherFrame(etherIPv4, append([]byte{0x60}, ip[1:]...)), etherFrame(etherIPv4, append([]byte{0x55}, ip[1:]...)), etherFrame(etherIPv6, ip),
		frame8023(raw(stpConfig)), frame8023(raw("424203 0000 02 02 7c 8000020000000001 00000004 8000020000000002 8001 0100 1400 0200 0f00 00")), frame8023(raw("424203 0000 02 02 0e 8000020000000001 00000004 8000020000000002 8001 0100 1400 0200 0f00 00")), frame8023(raw("424203 0000 00 80")), frame8023(raw("424203 0000 00 07")), frame8023(raw("424203 0000 07 00")), frame8023(raw("424203 0001 00 00")), frame8023(raw("424203 0000 00 00 00")), frame8023(raw("424203 00")),
		frame8023(join(raw("aaaa03 000000 0800"), ip)), frame8023(join(raw("aaaa03 000000 1234"), ip)), frame8023(join(raw("aaaa03 0000f8 0800"), ip)), frame8023(join(raw("aaaa03 123456 0001"), text("x"))), frame8023(join(raw("aaaa03 00000c 010b"), raw(stpConfig)[3:])), frame8023(join(raw("aaaa03 0080c2 0007 0000"), etherFrame(etherIPv4, ip))), frame8023(join(raw("aaaa03 0080c2 000e"), raw(stpConfig)[3:])), frame8023(join(raw("aaaa03 080007 1234"), text("x"))), frame8023(raw("aaaa03 0000")),
		frame8023(join(raw("060603"), ip)), frame8023(raw("0401af 81 01 02")), frame8023(raw("0001af")), frame8023(raw("0001bf 81")), frame8023(raw("0405af 77 01 02")), frame8023(raw("4e7fe3 00")), frame8023(raw("424373")), frame8023(raw("0000 0100")), frame8023(raw("0405 0905")), frame8023(raw("1213 0e04 00")), frame8023(raw("f2f3 0401 00")), frame8023(raw("0408")), frame8023(raw("0408 00")), frame8023(raw("1012 63")), frame8023(raw("8eaa 43")),
		raw("0102030405"), append(etherFrame(60, raw(stpConfig)), zeros(7)...),
	}
	return frames
}

// Packets returns the packets: all of them on Ethernet, and what can be without it also
// with the other headers. They are the same every time.
func Packets() []capture.Packet {
	var all []capture.Packet
	add := func(link capture.LinkType, b []byte) {
		all = append(all, capture.Packet{LinkType: link, Data: b, Length: len(b)})
	}
	for _, f := range etherFrames() {
		add(capture.Ethernet, f)
	}
	for _, p := range network() {
		add(capture.Ethernet, etherFrame(p.kind, p.data))
	}
	for i, p := range network() {
		if i%7 == 0 && p.kind != etherARP && p.kind != etherRARP {
			add(capture.Raw, p.data)
		}
		if i%5 == 0 {
			add(capture.LinuxSLL, join(be16(i%6), be16(1), be16(6*(i%2)), raw("0200000000010000"), be16(p.kind), p.data))
			add(capture.LinuxSLL2, join(be16(p.kind), be16(0), be32(1), be16(772), []byte{byte(i % 6), byte(6 * (i % 2))}, raw("0200000000010000"), p.data))
		}
	}
	add(capture.Raw, raw("75"))
	for _, s := range []string{"0004", "0001", "0007", "1234", "8100"} {
		body := join(raw("424203 0000 00 80"), zeros(30))
		if s == "8100" {
			body = join(raw("0005 0800"), udp4(udpDatagram(1, 2, nil)))
		}
		add(capture.LinuxSLL, join(raw("0000 0001 0006 0200000000010000"), raw(s), body))
		add(capture.LinuxSLL2, join(raw(s), raw("0000 00000001 0304 00 06 0200000000010000"), body))
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	for i := range all {
		all[i].Time = start.Add(time.Duration(i) * 1234567 * time.Microsecond)
	}
	return all
}

// Cut returns packets of which fewer bytes were captured: of each, n random cuts.
func Cut(pkts []capture.Packet, r *rand.Rand, n int) []capture.Packet {
	var out []capture.Packet
	for _, p := range pkts {
		for range n {
			q := p
			if len(p.Data) > 1 {
				q.Data = p.Data[:1+r.IntN(len(p.Data)-1)]
			}
			out = append(out, q)
		}
	}
	return out
}

// Damage returns packets with a few bytes changed: of each, n.
func Damage(pkts []capture.Packet, r *rand.Rand, n int) []capture.Packet {
	var out []capture.Packet
	for _, p := range pkts {
		for range n {
			q := p
			q.Data = append([]byte(nil), p.Data...)
			for range 1 + r.IntN(3) {
				q.Data[r.IntN(len(q.Data))] = byte(r.IntN(256))
			}
			if r.IntN(4) == 0 {
				q.Data = q.Data[:1+r.IntN(len(q.Data))]
			}
			out = append(out, q)
		}
	}
	return out
}

// Describe names a packet in a test's message.
func Describe(p *capture.Packet) string {
	return fmt.Sprintf("%s, %d of %d bytes: %x", p.LinkType, len(p.Data), p.Length, p.Data)
}

// ByLinkType divides packets, for pcap files have one link type.
func ByLinkType(pkts []capture.Packet) map[capture.LinkType][]capture.Packet {
	g := make(map[capture.LinkType][]capture.Packet)
	for _, p := range pkts {
		g[p.LinkType] = append(g[p.LinkType], p)
	}
	return g
}

// Pcap returns a pcap file of packets that have one link type.
func Pcap(pkts []capture.Packet) ([]byte, error) {
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	if err := w.WriteFileHeader(262144, layers.LinkType(pkts[0].LinkType)); err != nil {
		return nil, err
	}
	for _, p := range pkts {
		ci := gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(p.Data), Length: p.Length}
		if err := w.WritePacket(ci, p.Data); err != nil {
			return nil, err
		}
	}
	return file.Bytes(), nil
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

// Second is a time that tells the place of a packet in a file.
func Second(place int) time.Time { return time.Unix(int64(place), 0) }

// Place is the place that a time of Second tells.
func Place(t time.Time) int { return int(t.Unix()) }

package packettest

import (
	"strings"
)

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

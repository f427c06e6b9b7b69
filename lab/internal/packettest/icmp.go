package packettest

import (
	"strings"
)

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

package packettest

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

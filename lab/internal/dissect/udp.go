package dissect

const udpLen = 8

// udp writes a UDP datagram.
func (d *dissector) udp(ip *ipPacket, b []byte, length int) {
	d.proto = "udp"
	if len(b) < 4 {
		if ip.protocol() == protoUDP {
			src, dst := d.addrs(ip)
			d.f("%s > %s: ", src, dst)
		}
		d.trunc()
		return
	}
	sport, dport := u16(b, 0), u16(b, 2)
	d.ports(ip, protoUDP, d.udpPort(sport), d.udpPort(dport))
	if length < udpLen {
		d.f("truncated-udp %d", length)
		return
	}
	if len(b) < 6 {
		d.trunc()
		return
	}
	said := int(u16(b, 4))
	if said == 0 && length > 1<<16-1 {
		said = length // a jumbogram (RFC 2675)
	}
	if said < udpLen {
		d.f("truncated-udplength %d", said)
		return
	}
	said -= udpLen
	n := min(length-udpLen, said)
	if len(b) < udpLen {
		d.trunc()
		return
	}
	if d.options.Verbose > 0 && !d.options.NoChecksums && !ip.fragmented {
		d.udpChecksum(ip, b, n)
	}
	if !d.options.Quiet && d.udpPayload(sport, dport, b[udpLen:], n) {
		return
	}
	if said > n && !ip.fragmented {
		d.f("UDP, bad length %d > %d", said, n)
	} else {
		d.f("UDP, length %d", said)
	}
}

// udpChecksum writes whether the checksum over n bytes of payload is right; IPv4's
// needs -vv.
func (d *dissector) udpChecksum(ip *ipPacket, b []byte, n int) {
	have := u16(b, 6)
	switch {
	case ip.version == 4 && d.options.Verbose < 2:
	case ip.version == 4 && have == 0:
		d.s("[no cksum] ")
	case n+udpLen > len(b):
	default:
		if sum := ip.checksum(protoUDP, b, n+udpLen); sum != 0 {
			d.f("[bad udp cksum 0x%04x -> 0x%04x!] ", have, shouldBe(have, sum))
		} else {
			d.s("[udp sum ok] ")
		}
	}
}

// udpPayload writes a payload whose port tells the protocol, and says whether it did.
func (d *dissector) udpPayload(sport, dport uint16, b []byte, n int) bool {
	either := func(ports ...uint16) bool { return anyOf(sport, dport, ports) }
	switch {
	case either(53):
		d.dns(b, n, false, false)
	case either(5353):
		d.dns(b, n, false, true)
	case either(67, 68):
		d.bootp(b, n)
	case either(otvPort):
		d.otv(b, n)
	case either(4789):
		d.vxlan(b, n)
	default:
		return false
	}
	return true
}

// vxlan writes an Ethernet frame in UDP (RFC 7348).
func (d *dissector) vxlan(b []byte, n int) {
	d.proto = "vxlan"
	d.s("VXLAN")
	const header = 8
	if n < header {
		d.bad()
		return
	}
	flags := u8(b, 0)
	d.f(", flags [%s] (0x%02x), ", bits([]bit{{8, "I"}}, uint32(flags), "", "invalid"), flags)
	d.f("vni %d\n", u24(b, 4))
	need(b, header)
	d.proto = "ether"
	d.ether(b[header:], n-header)
}

// otvPort is where Linux sends VXLAN by default. tcpdump takes it for the protocol of
// the same form that IANA has there.
const otvPort = 8472

// otv writes an Ethernet frame in UDP, as Overlay Transport Virtualization has it.
func (d *dissector) otv(b []byte, n int) {
	d.proto = "otv"
	d.s("OTV, ")
	const header = 8
	if n < header {
		d.f("[length %d < %d]", n, header)
		d.bad()
		need(b, n)
		return
	}
	flags := u8(b, 0)
	set := "."
	if flags&8 != 0 {
		set = "I"
	}
	d.f("flags [%s] (0x%02x), ", set, flags)
	d.f("overlay %d, ", u24(b, 1))
	d.f("instance %d\n", u24(b, 4))
	need(b, header)
	d.proto = "ether"
	d.ether(b[header:], n-header)
}

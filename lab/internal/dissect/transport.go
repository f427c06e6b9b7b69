package dissect

import "strconv"

func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// transport writes the payload of an IP packet of the given protocol
// (ip_demux_print).
func (d *dissector) transport(proto uint8, ip ipPacket, b []byte, length int) {
	for proto == protoAH {
		if len(b) == 0 {
			d.proto = "ah"
			d.trunc()
			return
		}
		proto = u8(b, 0)
		n := d.ah(b)
		b, length = after(b, n), length-n
	}
	switch proto {
	case protoTCP:
		d.tcp(&ip, b, length)
	case protoUDP:
		d.udp(&ip, b, length)
	case protoICMP:
		if d.only(ip.version, 4, proto) {
			d.icmp(b, length, ip.fragmented)
		}
	case protoICMPv6:
		if d.only(ip.version, 6, proto) {
			d.icmp6(&ip, b, length)
		}
	case protoIGMP:
		if d.only(ip.version, 4, proto) {
			d.igmp(b, length)
		}
	case protoESP:
		d.esp(b, length)
	case protoIPv4:
		d.ip4(b, length)
	case protoIPv6:
		d.ip6(b, length)
	case protoGRE:
		d.gre(b, length)
	case protoEthernet:
		if d.only(ip.version, 6, proto) {
			d.proto = "ether"
			d.ether(b, length)
		}
	case protoNone:
		d.s("no next header")
	default:
		if name := d.options.Names.ProtocolName(proto); name != "" {
			d.s(" " + name)
		} else {
			d.f(" ip-proto-%d", proto)
		}
		d.f(" %d", length)
	}
}

// only says whether a protocol that needs one version of IP got it.
func (d *dissector) only(got, want int, proto uint8) bool {
	if got == want {
		return true
	}
	d.f("[%s requires IPv%d]", ipProtocol(proto), want)
	d.bad()
	return false
}

// ah writes an authentication header and returns its length.
func (d *dissector) ah(b []byte) int {
	d.proto = "ah"
	d.s("AH")
	words := int(u8(b, 1))
	n := (words + 2) * 4
	d.s("(")
	if d.options.Verbose > 0 {
		d.f("length=%d(%d-bytes),", words, n)
	}
	if rsv := u16(b, 2); rsv != 0 {
		d.f("reserved=0x%x[MustBeZero],", rsv)
	}
	d.f("spi=0x%08x,", u32(b, 4))
	d.f("seq=0x%x,icv=0x", u32(b, 8))
	for at := 12; at < n; at++ {
		d.f("%02x", u8(b, at))
	}
	d.s("): ")
	return n
}

// esp writes what is not encrypted of an encrypted payload.
func (d *dissector) esp(b []byte, length int) {
	d.proto = "esp"
	if len(b) <= 8 {
		d.trunc()
		return
	}
	d.f("ESP(spi=0x%08x,seq=0x%x), length %d", u32(b, 0), u32(b, 4), length)
}

package packets

import (
	"fmt"
	"strings"
)

// describe tells a frame in one line.
func describe(f []byte) string {
	if len(f) < etherLen {
		return fmt.Sprintf("%d bytes %x", len(f), f)
	}
	head, typ, b := fmt.Sprintf("%x>%x ", f[6:12], f[:6]), be.Uint16(f[12:]), f[etherLen:]
	if typ == typeVLAN && len(b) >= 4 {
		head += fmt.Sprintf("vlan %d ", be.Uint16(b)&0xfff)
		typ, b = be.Uint16(b[2:]), b[4:]
	}
	switch {
	case typ == typeARP && len(b) >= 28:
		return head + fmt.Sprintf("ARP %d: %v (%x) to %v (%x)", b[7], addr4(b[14:]), b[8:14], addr4(b[24:]), b[18:24])
	case typ == typeIPv4 || typ == typeIPv6:
		return head + describeIP(b)
	}
	return head + fmt.Sprintf("type %04x %x", typ, b[:min(len(b), 40)])
}

// describeIP tells an IP packet.
func describeIP(b []byte) string {
	p, ok := parseIP(b)
	if !ok {
		return fmt.Sprintf("no IP packet: %x", b[:min(len(b), 40)])
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%v > %v ttl %d", p.src, p.dst, p.ttl)
	if p.tos != 0 {
		fmt.Fprintf(&s, " tos %#x", p.tos)
	}
	if b[0]>>4 == 4 && b[6]&0x40 != 0 {
		s.WriteString(" DF")
	}
	if p.fragOffset != 0 || p.more {
		fmt.Fprintf(&s, " fragment at %d more %v", p.fragOffset, p.more)
	}
	fmt.Fprintf(&s, " length %d: ", p.total)
	u := p.upper
	switch {
	case p.fragOffset != 0:
		fmt.Fprintf(&s, "proto %d", p.proto)
	case p.proto == protoUDP && len(u) >= 8:
		fmt.Fprintf(&s, "UDP %d > %d", be.Uint16(u), be.Uint16(u[2:]))
	case p.proto == protoTCP && len(u) >= 20:
		fmt.Fprintf(&s, "TCP %d > %d flags %#x seq %d ack %d", be.Uint16(u), be.Uint16(u[2:]), u[13], be.Uint32(u[4:]), be.Uint32(u[8:]))
	case p.proto == protoICMP && len(u) >= 8:
		fmt.Fprintf(&s, "ICMP %d/%d %08x", u[0], u[1], be.Uint32(u[4:]))
		if isError4(u[0]) {
			s.WriteString(" about " + describeIP(u[8:]))
		}
	case p.proto == protoICMPv6 && len(u) >= 8:
		fmt.Fprintf(&s, "ICMPv6 %d/%d %08x", u[0], u[1], be.Uint32(u[4:]))
		switch {
		case u[0] < 128:
			s.WriteString(" about " + describeIP(u[8:]))
		case u[0] >= 135 && u[0] <= 137 && len(u) >= 24:
			fmt.Fprintf(&s, " %v %x", addr6(u[8:]), u[24:])
		}
	default:
		fmt.Fprintf(&s, "proto %d %x", p.proto, u[:min(len(u), 16)])
	}
	return s.String()
}

// class is what a frame is, without what changes from one to the next.
func class(f []byte) string {
	if len(f) < etherLen {
		return "a short frame"
	}
	typ, b := be.Uint16(f[12:]), f[etherLen:]
	if typ == typeVLAN && len(b) >= 4 {
		typ, b = be.Uint16(b[2:]), b[4:]
	}
	switch {
	case typ == typeARP && len(b) >= 28:
		return fmt.Sprintf("ARP %d", b[7])
	case typ == typeIPv4 || typ == typeIPv6:
		p, ok := parseIP(b)
		frag := ""
		if p.fragOffset != 0 || p.more {
			frag = "fragment of "
		}
		switch {
		case !ok:
			return "no IP packet"
		case p.fragOffset == 0 && (p.proto == protoICMP || p.proto == protoICMPv6) && len(p.upper) >= 2:
			return fmt.Sprintf("%sICMPv%c %d/%d", frag, "46"[b[0]>>4&2/2], p.upper[0], p.upper[1])
		}
		return fmt.Sprintf("%sIPv%d proto %d", frag, b[0]>>4, p.proto)
	}
	return fmt.Sprintf("type %04x", typ)
}

// isError4 reports whether an ICMP message quotes a packet.
func isError4(typ byte) bool {
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

package dissect

import "fmt"

const (
	etherIPv4   = 0x0800
	etherARP    = 0x0806
	etherTrail  = 0x1000
	etherTEB    = 0x6558
	etherRARP   = 0x8035
	etherVLAN   = 0x8100
	etherIPv6   = 0x86dd
	etherQinQ   = 0x88a8
	ether9100   = 0x9100
	ether9200   = 0x9200
	etherMaxLen = 1500 // a type up to this is a length: 802.3
)

var etherNames = names{
	0x0200: "PUP", etherIPv4: "IPv4", etherARP: "ARP", 0x0500: "Sprite", 0x0600: "NS", etherTrail: "Trail",
	0x6001: "MOP DL", 0x6002: "MOP RC", 0x6003: "DN", 0x6004: "LAT", 0x6007: "SCA", etherTEB: "TEB",
	etherRARP: "Reverse ARP", 0x8038: "Lanbridge", 0x803c: "DEC DNS", 0x803e: "DEC DTS", 0x805b: "VEXP",
	0x805c: "VPROD", 0x809b: "Appletalk", 0x80f3: "Appletalk ARP", etherVLAN: "802.1Q", 0x8137: "IPX",
	etherIPv6: "IPv6", 0x880b: "PPP", 0x8808: "MPCP", 0x8809: "Slow Protocols", 0x8847: "MPLS unicast",
	0x8848: "MPLS multicast", 0x8863: "PPPoE D", 0x8864: "PPPoE S", 0x886f: "MS NLB heartbeat", 0x8870: "Jumbo",
	0x888e: "EAPOL", 0x8899: "Realtek protocols", 0x88a2: "AoE", etherQinQ: "802.1Q-QinQ", 0x88ca: "TIPC",
	0x88cc: "LLDP", 0x88e5: "802.1AE MACsec", 0x88f7: "PTP", 0x8902: "CFM", 0xabcd: "CFM (old)", 0x893a: "IEEE1905.1",
	0x8947: "GeoNet", 0x894f: "NSH", 0x9000: "Loopback", ether9100: "802.1Q-9100", ether9200: "802.1Q-9200",
	0x0707: "GeoNet (old)", 0x1111: "CALM FAST", 0xd28b: "Arista Vendor Specific Protocol",
	0x00fe: "GRE-OSI", 0xfefe: "OSI",
}

func etherName(t uint16) string {
	return etherNames.of(uint32(t), func() string { return "Unknown" })
}

func (d *dissector) etherType(t uint16) {
	if d.options.Quiet {
		d.s(etherNames.of(uint32(t), func() string { return fmt.Sprintf("Unknown Ethertype (0x%04x)", t) }))
		return
	}
	d.f("ethertype %s (0x%04x)", etherName(t), t)
}

func isVLAN(t uint16) bool {
	return t == etherVLAN || t == etherQinQ || t == ether9100 || t == ether9200
}

// ether writes an Ethernet frame and returns the length of its header.
func (d *dissector) ether(b []byte, length int) int {
	if length < len(b) {
		d.f("[length %d < caplen %d]", length, len(b))
		d.bad()
		return length
	}
	const header = 14
	if len(b) < header {
		d.trunc()
		return len(b)
	}
	frame, whole, shown := b, length, false
	if d.options.LinkHeader {
		d.f("%s > %s, ", d.mac(frame, 6), d.mac(frame, 0))
	}
	// size writes the frame's length once, then commas.
	size := func() {
		if shown {
			d.s(", ")
		} else {
			d.f(", length %d: ", whole)
			shown = true
		}
	}
	t := u16(b, 12)
	b, length = b[header:], length-header
	n := header
	for ; isVLAN(t); n += 4 {
		if len(b) < 4 || length < 4 {
			d.proto = "vlan"
			d.trunc()
			return n + min(len(b), length)
		}
		if d.options.LinkHeader {
			d.etherType(t)
			size()
			d.s(tci(u16(b, 0)) + ", ")
		}
		t = u16(b, 2)
		b, length = b[4:], length-4
	}
	if t <= etherMaxLen {
		return n + d.frame8023(frame, b, length, int(t), shown)
	}
	if d.options.LinkHeader {
		d.etherType(t)
		size()
	}
	if !d.network(t, b, length) {
		if !d.options.LinkHeader {
			d.f("%s > %s, ", d.mac(frame, 6), d.mac(frame, 0))
			d.etherType(t)
			d.f(", length %d: ", whole)
		}
		d.other(b)
	}
	return n
}

// frame8023 writes the payload of a frame whose type is a length, and returns the
// length of its LLC header.
func (d *dissector) frame8023(frame, b []byte, length, field int, shown bool) int {
	if field < length {
		length = field
		b = upTo(b, length)
	}
	if d.options.LinkHeader {
		d.s("802.3")
		if !shown {
			d.f(", length %d: ", length)
		}
	}
	n := d.llc(b, length, frame)
	if n < 0 {
		d.other(b)
		n = -n
	}
	return n
}

// tci is a VLAN tag's priority and number.
func tci(v uint16) string {
	s := fmt.Sprintf("vlan %d, p %d", v&0xfff, v>>13)
	if v&0x1000 != 0 {
		s += ", DEI"
	}
	return s
}

// network writes the payload of an EtherType, and says whether it knew how.
func (d *dissector) network(t uint16, b []byte, length int) bool {
	switch t {
	case etherIPv4:
		d.ip4(b, length)
	case etherIPv6:
		d.ip6(b, length)
	case etherARP, etherRARP:
		d.arp(b, length)
	default:
		return false
	}
	return true
}

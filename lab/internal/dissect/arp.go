package dissect

import "fmt"

var (
	arpHardware = names{
		1: "Ethernet", 6: "TokenRing", 7: "ArcNet", 15: "FrameRelay", 23: "Strip", 24: "IEEE 1394", 32: "InfiniBand", 19: "ATM",
	}
	arpOperations = names{
		1: "Request", 2: "Reply", 3: "Reverse Request", 4: "Reverse Reply", 8: "Inverse Request", 9: "Inverse Reply", 10: "NACK Reply",
	}
)

// arp writes an ARP message (RFC 826).
func (d *dissector) arp(b []byte, length int) {
	d.proto = "arp"
	need(b, 8)
	a := arpMessage{d: d, b: b, proto: u16(b, 2), hardLen: int(b[4]), protoLen: int(b[5])}
	hardware, op := u16(b, 0), u16(b, 6)
	need(b, 8+2*a.hardLen+2*a.protoLen)
	if !d.options.LinkHeader {
		d.s("ARP, ")
	}
	verbose := d.options.Verbose > 0
	if odd := !a.ipv4() || a.protoLen != 4 || a.hardLen == 0; odd || verbose {
		d.f("%s (len %d), %s (len %d)", arpHardware.of(uint32(hardware), func() string { return fmt.Sprintf("Unknown Hardware (%d)", hardware) }), a.hardLen,
			etherNames.of(uint32(a.proto), func() string { return fmt.Sprintf("Unknown Protocol (0x%04x)", a.proto) }), a.protoLen)
		if !verbose {
			d.f(", length %d", length)
			return
		}
		d.s(", ")
	}
	d.s(arpOperations.of(uint32(op), func() string { return fmt.Sprintf("Unknown (%d)", op) }) + " ")
	if !a.operation(op) {
		d.opaque(b)
		return
	}
	d.f(", length %d", length)
}

type arpMessage struct {
	d                 *dissector
	b                 []byte
	proto             uint16
	hardLen, protoLen int
}

func (a *arpMessage) ipv4() bool { return a.proto == etherIPv4 || a.proto == etherTrail }

// ip is one of the protocol addresses, if it is one of IPv4.
func (a *arpMessage) ip(at int) string {
	switch {
	case !a.ipv4():
		return "<wrong proto type>"
	case a.protoLen != 4:
		return "<wrong len>"
	}
	return a.d.addr4(a.b, at)
}

func (a *arpMessage) senderIP() string { return a.ip(8 + a.hardLen) }
func (a *arpMessage) targetIP() string { return a.ip(8 + 2*a.hardLen + a.protoLen) }
func (a *arpMessage) sender() string   { return a.d.linkAddr(a.b, 8, a.hardLen) }
func (a *arpMessage) target() string {
	return a.d.linkAddr(a.b, 8+a.hardLen+a.protoLen, a.hardLen)
}

func (a *arpMessage) hasTarget() bool {
	for _, c := range bytesAt(a.b, 8+a.hardLen+a.protoLen, a.hardLen) {
		if c != 0 {
			return true
		}
	}
	return false
}

// operation writes who asks or tells what, and says whether it knew how.
func (a *arpMessage) operation(op uint16) bool {
	d := a.d
	switch op {
	case 1:
		d.s("who-has " + a.targetIP())
		if a.hasTarget() {
			d.s(" (" + a.target() + ")")
		}
		d.s(" tell " + a.senderIP())
	case 2:
		d.s(a.senderIP() + " is-at " + a.sender())
	case 3, 8:
		d.s("who-is " + a.target() + " tell " + a.sender())
	case 4:
		d.s(a.target() + " at " + a.targetIP())
	case 9:
		d.s(a.sender() + " at " + a.senderIP())
	default:
		return false
	}
	return true
}

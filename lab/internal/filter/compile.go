package filter

import (
	"fmt"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

const (
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	etherRARP  = 0x8035
	etherVLAN  = 0x8100
	etherIPv6  = 0x86dd
	etherQinQ  = 0x88a8
	ether9100  = 0x9100
	etherAARP  = 0x80f3
	etherATalk = 0x809b
	etherIPX   = 0x8137
	maxLength  = 1500 // a type up to this is the length of an 802.3 frame

	sapOSI     = 0xfe
	sapIP      = 0x06
	sapIPX     = 0xe0
	sapNetBEUI = 0xf0
	sapSTP     = 0x42
)

// etherTypes are the protocols that are EtherTypes.
var etherTypes = map[string]uint32{
	"ip": etherIPv4, "arp": etherARP, "rarp": etherRARP, "ip6": etherIPv6, "atalk": etherATalk, "aarp": etherAARP, "decnet": 0x6003,
	"lat": 0x6004, "sca": 0x6007, "mopdl": 0x6001, "moprc": 0x6002, "iso": sapOSI, "stp": sapSTP, "ipx": sapIPX, "netbeui": sapNetBEUI,
}

// ipProtocols are the protocols over IP: their numbers, and the version that carries
// them, none for both.
var ipProtocols = map[string]struct {
	number uint32
	over   string
}{
	"tcp": {6, ""}, "udp": {17, ""}, "sctp": {132, ""}, "icmp": {1, "ip"}, "igmp": {2, "ip"}, "igrp": {9, "ip"}, "pim": {103, ""},
	"vrrp": {112, "ip"}, "carp": {112, "ip"}, "icmp6": {58, "ip6"}, "ah": {51, ""}, "esp": {50, ""},
}

// compiler knows where the parts of a packet begin. The test for a VLAN moves them for
// all that comes after it in the expression, as in libpcap.
type compiler struct {
	options Options
	kind    uint32 // where the link header's type field is
	payload uint32 // where the network header begins
	noKind  bool   // there is no type field: the packet is IP
}

func (c *compiler) link() error {
	switch c.options.LinkType {
	case capture.Ethernet:
		c.kind, c.payload = 12, 14
	case capture.LinuxSLL:
		c.kind, c.payload = 14, 16
	case capture.LinuxSLL2:
		c.kind, c.payload = 0, capture.SLL2Len
	case capture.Raw:
		c.noKind = true
	default:
		return fmt.Errorf("unknown data link type %d", c.options.LinkType)
	}
	return nil
}

// node compiles a part of an expression. The parts are compiled in the order in which
// they are written.
func (c *compiler) node(n node) (test, error) {
	switch n := n.(type) {
	case andNode:
		return c.both(n.a, n.b, and)
	case orNode:
		return c.both(n.a, n.b, or)
	case notNode:
		t, err := c.node(n.a)
		if err != nil {
			return test{}, err
		}
		return not(t), nil
	case protoNode:
		return c.protocol(n.proto)
	case idNode:
		return c.id(n)
	case relationNode:
		return c.relation(n)
	case wordNode:
		return c.word(n)
	}
	return test{}, errSyntax
}

func (c *compiler) both(a, b node, join func(a, b test) test) (test, error) {
	ta, err := c.node(a)
	if err != nil {
		return test{}, err
	}
	tb, err := c.node(b)
	if err != nil {
		return test{}, err
	}
	return join(ta, tb), nil
}

// linkType tests for a protocol of the link: an EtherType, or up to 1500 an LLC SAP
// (gen_linktype).
func (c *compiler) linkType(proto uint32) test {
	switch c.options.LinkType {
	case capture.Raw:
		switch proto {
		case etherIPv4:
			return masked(0, 1, 0xf0, 0x40)
		case etherIPv6:
			return masked(0, 1, 0xf0, 0x60)
		}
		return always(false)
	case capture.Ethernet:
		isLLC := not(above(c.kind, 2, maxLength))
		return c.llcType(proto, isLLC, true)
	case capture.LinuxSLL:
		return c.llcType(proto, equal(c.kind, 2, 4), false)
	}
	return equal(c.kind, 2, proto)
}

// llcType tests for a protocol that 802.2 frames may carry; isLLC tests for such frames.
// Ethernet has the type of its frames elsewhere than cooked headers do.
func (c *compiler) llcType(proto uint32, isLLC test, ethernet bool) test {
	at, byType := c.payload, equal(c.kind, 2, proto)
	snap := func(oui, kind uint32) test {
		return all(equal(at, 4, 0xaaaa0300|oui>>16), equal(at+4, 4, oui&0xffff<<16|kind))
	}
	switch {
	case proto == sapOSI || proto == sapIP || proto == sapNetBEUI:
		return and(isLLC, equal(at, 2, proto<<8|proto))
	case proto == sapIPX && ethernet:
		const novell = 0xffff
		return or(equal(c.kind, 2, etherIPX), and(isLLC, either(snap(0, etherIPX), equal(at, 1, sapIPX), equal(at, 2, novell))))
	case proto == sapIPX:
		const novell = 1
		return either(equal(c.kind, 2, etherIPX), equal(c.kind, 2, novell), and(isLLC, or(equal(at, 1, sapIPX), snap(0, etherIPX))))
	case proto == etherATalk:
		return or(byType, and(isLLC, snap(0x080007, proto)))
	case proto == etherAARP:
		return or(byType, and(isLLC, snap(0, proto)))
	case proto <= maxLength && ethernet:
		return and(isLLC, equal(c.kind+2, 1, proto))
	case proto <= maxLength:
		return and(isLLC, equal(at, 1, proto))
	}
	return byType
}

// protocol tests for a protocol that stands by itself (gen_proto_abbrev).
func (c *compiler) protocol(name string) (test, error) {
	if t, ok := etherTypes[name]; ok {
		return c.linkType(t), nil
	}
	if p, ok := ipProtocols[name]; ok {
		return c.transport(p.number, p.over), nil
	}
	switch name {
	case "link":
		return test{}, fmt.Errorf("link layer applied in wrong context")
	case "radio":
		return test{}, fmt.Errorf("'radio' is not a valid protocol type")
	}
	return test{}, unsupported(name)
}

// transport tests for a protocol over IP; over says which version, "" both. In IPv6 it
// may follow a fragment header.
func (c *compiler) transport(number uint32, over string) test {
	v4 := and(c.linkType(etherIPv4), equal(c.payload+9, 1, number))
	const fragment = 44
	v6 := and(c.linkType(etherIPv6), or(equal(c.payload+6, 1, number), and(equal(c.payload+6, 1, fragment), equal(c.payload+40, 1, number))))
	switch over {
	case "ip":
		return v4
	case "ip6":
		return v6
	}
	return or(v4, v6)
}

// firstFragment tests that an IPv4 packet is not a later fragment.
func (c *compiler) firstFragment() test {
	at := c.payload + 6
	return when(func(m *machine) bool { return m.load(0, at, 2)&0x1fff == 0 })
}

// word compiles a condition that has a word of its own.
func (c *compiler) word(n wordNode) (test, error) {
	switch n.word {
	case "less":
		return when(func(m *machine) bool { return m.length <= n.value }), nil
	case "greater":
		return when(func(m *machine) bool { return m.length >= n.value }), nil
	case "byte":
		return when(func(m *machine) bool {
			v := m.load(0, n.value, 1)
			return n.op == "=" && v == n.operand || n.op == "<" && v < n.operand || n.op == ">" && v > n.operand
		}), nil
	case "broadcast":
		return c.broadcast(n.proto)
	case "multicast":
		return c.multicast(n.proto)
	case "vlan":
		return c.vlan(n)
	case "inbound":
		return c.direction(false)
	case "outbound":
		return c.direction(true)
	case "ifname":
		return test{}, fmt.Errorf("ifname supported only on PF linktype")
	case "ifindex":
		return c.interfaceIndex(n.value)
	}
	return test{}, unsupported(n.word)
}

func (c *compiler) broadcast(proto string) (test, error) {
	switch proto {
	case "", "link":
		if c.options.LinkType != capture.Ethernet {
			return test{}, fmt.Errorf("not a broadcast link")
		}
		return and(equal(2, 4, 0xffffffff), equal(0, 2, 0xffff)), nil
	case "ip":
		host := ^c.options.Netmask
		at := c.payload + 16
		return and(c.linkType(etherIPv4), or(masked(at, 4, host, 0), masked(at, 4, host, host))), nil
	}
	return test{}, fmt.Errorf("only link-layer/IP broadcast filters supported")
}

func (c *compiler) multicast(proto string) (test, error) {
	switch {
	case (proto == "" || proto == "link") && c.options.LinkType == capture.Ethernet:
		return when(func(m *machine) bool { return m.load(0, 0, 1)&1 != 0 }), nil
	case proto == "ip":
		at := c.payload + 16
		return and(c.linkType(etherIPv4), when(func(m *machine) bool { return m.load(0, at, 1) >= 224 })), nil
	case proto == "ip6":
		return and(c.linkType(etherIPv6), equal(c.payload+24, 1, 255)), nil
	}
	return test{}, fmt.Errorf("link-layer multicast filters supported only on ethernet/FDDI/token ring/ARCNET/802.11/ATM LANE/Fibre Channel")
}

// vlan tests for a tag, and lets all later tests look behind it.
func (c *compiler) vlan(n wordNode) (test, error) {
	if c.options.LinkType != capture.Ethernet {
		return test{}, fmt.Errorf("no VLAN support for %s", c.options.LinkType.Description())
	}
	t := either(c.linkType(etherVLAN), c.linkType(etherQinQ), c.linkType(ether9100))
	if n.hasValue {
		const most = 0xfff
		if n.value > most {
			return test{}, fmt.Errorf("VLAN tag %d greater than maximum %d", n.value, most)
		}
		t = and(t, masked(c.payload, 2, most, n.value))
	}
	c.kind += 4
	c.payload += 4
	return t, nil
}

// direction tests whether a packet was sent.
func (c *compiler) direction(out bool) (test, error) {
	var sent test
	switch {
	case c.options.LinkType == capture.LinuxSLL:
		sent = equal(0, 2, 4)
	case c.options.LinkType == capture.LinuxSLL2:
		sent = equal(10, 1, 4)
	case c.options.Savefile:
		return test{}, fmt.Errorf("inbound/outbound not supported on %s when reading savefiles", c.options.LinkType.Description())
	default:
		sent = when(func(m *machine) bool { return m.packet.Direction == capture.Out })
	}
	if !out {
		sent = not(sent)
	}
	return sent, nil
}

func (c *compiler) interfaceIndex(index uint32) (test, error) {
	switch {
	case c.options.LinkType == capture.LinuxSLL2:
		return equal(4, 4, index), nil
	case c.options.Savefile:
		return test{}, fmt.Errorf("ifindex not supported on %s when reading savefiles", c.options.LinkType.Description())
	}
	return when(func(m *machine) bool { return m.packet.Interface.Index == int(index) }), nil
}

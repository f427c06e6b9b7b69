package dissect

import (
	"strconv"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

var packetTypes = names{0: "In", 1: "B", 2: "M", 3: "P", 4: "Out"}

func packetType(v uint32) string { return packetTypes.of(v, func() string { return "?" }) }

// raw writes a packet that has no link header.
func (d *dissector) raw(b []byte, length int) {
	d.proto = "raw"
	if d.options.LinkHeader {
		d.s("ip: ")
	}
	d.proto = "ipn"
	switch v := u8(b, 0) >> 4; v {
	case 4:
		d.ip4(b, length)
	case 6:
		d.ip6(b, length)
	default:
		d.f("unknown ip %d", v)
	}
}

// cooked1 writes a packet with a cooked header, version 1, and returns the length of
// the header.
func (d *dissector) cooked1(b []byte, length int) int {
	d.proto = "sll"
	const header = 16
	need(b, header)
	show := func(length int) {
		d.proto = "sll"
		kind := packetType(uint32(u16(b, 0)))
		for range 3 - len(kind) {
			d.s(" ")
		}
		d.s(kind + " ")
		if u16(b, 4) == 6 {
			d.s(d.mac(b, 6) + " ")
		}
		d.cookedType(u16(b, 14), length)
	}
	return d.cooked(b, length, header, u16(b, 14), show)
}

// cooked2 writes a packet with a cooked header, version 2, and returns the length of
// the header.
func (d *dissector) cooked2(b []byte, length int) int {
	d.proto = "sll2"
	need(b, capture.SLL2Len)
	index := u32(b, 4)
	d.f("%-5s %-3s ", d.interfaceName(index), packetType(uint32(b[10])))
	show := func(length int) {
		d.proto = "sll2"
		d.s("ifindex " + strconv.FormatUint(uint64(index), 10) + " ")
		if b[11] == 6 {
			d.s(d.mac(b, 12) + " ")
		}
		d.cookedType(u16(b, 0), length)
	}
	return d.cooked(b, length, capture.SLL2Len, u16(b, 0), show)
}

// interfaceName is the name of the packet's interface, as the packet or else the host
// tells it.
func (d *dissector) interfaceName(index uint32) string {
	if d.iface.Name != "" && d.iface.Name != "any" {
		return d.iface.Name
	}
	if f := d.options.InterfaceOf; f != nil {
		if name := f(int(index)); name != "" {
			return name
		}
	}
	return "?"
}

// cookedType writes the protocol field of a cooked header and the packet's length.
func (d *dissector) cookedType(t uint16, length int) {
	if d.options.Quiet {
		return
	}
	switch {
	case t > etherMaxLen:
		d.f("ethertype %s (0x%04x)", etherName(t), t)
	case t == 1:
		d.s("802.3")
	case t == 4:
		d.s("802.2")
	default:
		d.f("ethertype Unknown (0x%04x)", t)
	}
	d.f(", length %d: ", length)
}

// cooked writes what follows a cooked header of protocol t; show writes the header.
func (d *dissector) cooked(b []byte, length, header int, t uint16, show func(length int)) int {
	if d.options.LinkHeader {
		show(length)
	}
	n := header
	b, length = after(b, header), length-header
	for ; t == etherVLAN; n += 4 {
		if len(b) < 4 {
			d.proto = "vlan"
			d.trunc()
			return n + len(b)
		}
		if d.options.LinkHeader {
			d.s(tci(u16(b, 0)) + ", ")
		}
		if t = u16(b, 2); t <= etherMaxLen {
			t = 4
		}
		if !d.options.Quiet {
			d.s("ethertype " + etherName(t) + ", ")
		}
		b, length = b[4:], length-4
	}
	switch {
	case t == 4:
		if k := d.llc(b, length, nil); k >= 0 {
			n += k
		} else {
			d.other(b)
		}
	case t <= etherMaxLen:
		d.other(b)
	case !d.network(t, b, length):
		if !d.options.LinkHeader {
			show(length + header)
		}
		d.other(b)
	}
	return n
}

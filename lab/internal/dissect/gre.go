package dissect

import "net/netip"

const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080
)

var greFlags = []bit{
	{greChecksum, "checksum present"},
	{greRouting, "routing present"},
	{greKey, "key present"},
	{greSequence, "sequence# present"},
	{0x0800, "source routing present"},
	{greAck, "ack present"},
}

// gre writes a GRE packet (RFC 2784, 2890; version 1: RFC 2637).
func (d *dissector) gre(b []byte, length int) {
	d.proto = "gre"
	g := greHeader{d: d, b: b, left: length}
	if !g.has(2) {
		d.trunc()
		return
	}
	flags := g.b16()
	d.f("GREv%d", flags&7)
	ok := true
	switch flags & 7 {
	case 0:
		ok = g.version0(flags, length)
	case 1:
		ok = g.version1(flags, length)
	default:
		d.s(" ERROR: unknown-version")
	}
	if !ok {
		d.trunc()
	}
}

// greHeader goes through the fields of a header; left is what it has on the wire.
type greHeader struct {
	d    *dissector
	b    []byte
	left int
}

func (g *greHeader) has(n int) bool { return n <= len(g.b) && n <= g.left }

func (g *greHeader) skip(n int) { g.b, g.left = g.b[n:], g.left-n }

func (g *greHeader) b16() uint16 {
	v := u16(g.b, 0)
	g.skip(2)
	return v
}

func (g *greHeader) b32() uint32 {
	v := u32(g.b, 0)
	g.skip(4)
	return v
}

func (g *greHeader) flags(flags uint16) {
	if g.d.options.Verbose > 0 {
		g.d.f(", Flags [%s]", bits(greFlags, uint32(flags), ", ", "none"))
	}
}

// version0 writes the header and the payload, and says whether the header was whole.
func (g *greHeader) version0(flags uint16, length int) bool {
	d := g.d
	g.flags(flags)
	if !g.has(2) {
		return false
	}
	proto := g.b16()
	if flags&(greChecksum|greRouting) != 0 {
		if !g.has(2) {
			return false
		}
		if sum := g.b16(); d.options.Verbose > 0 {
			d.f(", sum 0x%x", sum)
		}
		if !g.has(2) {
			return false
		}
		d.f(", off 0x%x", g.b16())
	}
	for _, field := range []struct {
		flag   uint16
		format string
	}{{greKey, ", key=0x%x"}, {greSequence, ", seq %d"}} {
		if flags&field.flag == 0 {
			continue
		}
		if !g.has(4) {
			return false
		}
		d.f(field.format, g.b32())
	}
	if flags&greRouting != 0 && !g.routes() {
		return false
	}
	g.proto(proto, length)
	switch {
	case proto == etherTEB:
		d.proto = "ether"
		d.ether(g.b, g.left)
	case proto == etherIPv4 || proto == etherIPv6:
		d.network(proto, g.b, g.left)
	default:
		d.f("gre-proto-0x%x", proto)
	}
	return true
}

// proto writes what is inside, how long it all is and what parts it from the payload.
func (g *greHeader) proto(proto uint16, length int) {
	d := g.d
	if d.options.LinkHeader {
		d.f(", proto %s (0x%04x)", etherNames.of(uint32(proto), func() string { return "unknown" }), proto)
	}
	d.f(", length %d", length)
	if d.options.Verbose > 0 {
		d.s("\n\t")
	} else {
		d.s(": ")
	}
}

// routes writes source routes (RFC 1701).
func (g *greHeader) routes() bool {
	d := g.d
	for {
		if !g.has(4) {
			return false
		}
		family, offset, n := u16(g.b, 0), int(g.b[2]), int(g.b[3])
		g.skip(4)
		if family == 0 && n == 0 {
			return true
		}
		ok := true
		switch family {
		case 0x0800:
			d.s(", (rtaf=ip")
			ok = g.route(offset, n, 4)
			d.s(")")
		case 0xfffe:
			d.s(", (rtaf=asn")
			ok = g.route(offset, n, 2)
			d.s(")")
		default:
			d.f(", (rtaf=0x%x)", family)
		}
		if !ok || g.left < n {
			return false
		}
		g.b, g.left = after(g.b, n), g.left-n
	}
}

// route writes the hops of one source route, which have size bytes each.
func (g *greHeader) route(offset, n, size int) bool {
	d := g.d
	switch {
	case offset%size != 0:
		d.f(", badoffset=%d", offset)
		return true
	case n%size != 0:
		d.f(", badlength=%d", n)
		return true
	case offset >= n:
		d.f(", badoff/len=%d/%d", offset, n)
		return true
	}
	for at := 0; at < n; at += size {
		if !g.has(at + size) {
			return false
		}
		d.s(" ")
		if at == offset {
			d.s("*")
		}
		if size == 4 {
			d.s(netip.AddrFrom4([4]byte(g.b[at:])).String())
		} else {
			d.f("%x", u16(g.b, at))
		}
	}
	return true
}

// version1 writes the header of a PPTP packet, whose PPP payload stays as it is.
func (g *greHeader) version1(flags uint16, length int) bool {
	d := g.d
	g.flags(flags)
	if !g.has(2) {
		return false
	}
	proto := g.b16()
	for _, field := range []struct {
		flag   uint16
		format string
		mask   uint32
	}{{greKey, ", call %d", 0xffff}, {greSequence, ", seq %d", ^uint32(0)}, {greAck, ", ack %d", ^uint32(0)}} {
		if flags&field.flag == 0 {
			continue
		}
		if !g.has(4) {
			return false
		}
		d.f(field.format, g.b32()&field.mask)
	}
	if flags&greSequence == 0 {
		d.s(", no-payload")
		if d.options.LinkHeader {
			d.f(", proto %s (0x%04x)", etherNames.of(uint32(proto), func() string { return "unknown" }), proto)
		}
		d.f(", length %d", length)
		return true
	}
	g.proto(proto, length)
	d.f("gre-proto-0x%x", proto)
	return true
}

package conformance

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Query is one question: a flow, and whether the stored route is asked for.
type Query struct {
	Flow     rpdb.Flow
	FibMatch bool
}

var (
	dsts4 = addrs(
		"0.0.0.0", "0.0.0.5", "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.9", "10.0.0.130", "10.0.0.255", "10.0.1.1",
		"10.1.0.1", "10.1.0.5", "10.1.0.255", "10.2.0.9", "10.200.0.1", "20.0.0.1", "20.0.5.5", "20.1.0.1", "30.0.0.1",
		"127.0.0.1", "127.0.0.2", "127.5.0.1", "127.255.255.255", "192.168.9.9", "8.8.8.8", "200.1.1.1", "224.0.0.1",
		"224.0.0.9", "239.1.2.3", "255.255.255.255", "169.254.3.3", "240.0.0.7", "10.0.9.2",
	)
	srcs4 = addrs(
		"10.0.0.1", "10.0.0.2", "10.1.0.1", "10.2.0.1", "192.168.9.9", "127.0.0.1", "127.5.0.1", "9.9.9.9", "10.0.0.9",
		"10.1.0.9", "20.0.0.1", "10.0.0.255", "224.0.0.1", "255.255.255.255", "0.0.0.7", "8.8.8.8", "10.1.0.255",
		"169.254.1.1",
	)
	// good4 are sources and destinations of an ordinary forwarded packet.
	good4 = addrs("10.0.0.9", "10.1.0.9", "9.9.9.9", "20.0.0.1", "10.1.0.77", "8.8.8.8", "20.1.0.1", "10.0.0.130")

	dsts6 = addrs(
		"::", "::1", "2001:db8:a::1", "2001:db8:a::2", "2001:db8:a::", "2001:db8:b::1", "2001:db8:b::9", "2001:db8:c::1",
		"2001:db8:f::1", "2001:db8:f::2", "2001:db8:f:1::1", "2001:db8:f:2::5", "2001:db8:9::1", "2000::1", "fe80::9",
		"fe80::1", "ff02::1", "ff0e::1", "ff05::2", "fd00::1", "fd00::9", "::ffff:1.2.3.4", "::1.2.3.4", "8000::1",
		"2002:102:304::1", "2002:505::1", "2001:0:1::1", "fec0::5", "2001:db8:50::7",
	)
	srcs6 = addrs(
		"2001:db8:a::1", "2001:db8:b::1", "2001:db8:c::1", "2001:db8:a::2", "2001:db8:a::99", "2001:db8:b::99", "fd00::1",
		"fe80::1", "::1", "3fff::1", "ff02::1", "2001:db8:f::1", "2002:102:304::1",
	)
)

// queries draws questions to a state: at the edges of its own prefixes and
// addresses, and from the pools.
func queries(d dice, f rpdb.Family, st *rpdb.State, n int) []Query {
	g := flowGen{dice: d, family: f}
	g.edges(st)
	out := make([]Query, n)
	for i := range out {
		out[i] = g.query()
	}
	return out
}

type flowGen struct {
	dice
	family rpdb.Family
	dsts   []netip.Addr // edges of the routes
	owns   []netip.Addr // addresses of the host, and their neighbours
	devs   []int
}

// edges collects the first and last address of each prefix, and those beyond.
func (g *flowGen) edges(st *rpdb.State) {
	for i := range st.Routes {
		r := &st.Routes[i]
		if r.Family != g.family {
			continue
		}
		first, last := r.Dst.Masked().Addr(), lastOf(r.Dst)
		for _, a := range []netip.Addr{first, first.Next(), last, first.Prev(), last.Next()} {
			if a.IsValid() {
				g.dsts = append(g.dsts, a)
			}
		}
		for _, h := range r.NextHops {
			if rpdb.FamilyOf(h.Gateway) == g.family {
				g.dsts = append(g.dsts, h.Gateway)
			}
		}
	}
	for i := range st.Addrs {
		if a := &st.Addrs[i]; a.Family == g.family {
			g.owns = append(g.owns, a.Local, a.Local, a.Address().Next())
			g.dsts = append(g.dsts, a.Local)
		}
	}
	for i := range st.Links {
		g.devs = append(g.devs, st.Links[i].Index)
	}
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (g *flowGen) query() Query {
	q := Query{FibMatch: g.chance(22)}
	f := &q.Flow
	f.Dst, f.Src = g.dst(), g.src()
	switch x := g.IntN(100); {
	case x < 45:
	case x < 72:
		f.OIF = g.dev()
	default:
		f.IIF = g.dev()
		g.arriving(f)
	}
	f.Mark = pick[uint32](g.dice, 0, 0, 0, 1, 5, 0x105, 0x1ff)
	f.TOS = pick[uint8](g.dice, 0, 0, 0, 0x10, 0x30, 0x04, 0x1c, 0xfc, 0x13, 0x40, 0x08)
	f.UID = pick[uint32](g.dice, 0, 0, 1000, 5000)
	if g.family == rpdb.IPv4 {
		f.IPProto = pick[uint8](g.dice, 17, 17, 17, 6, 1)
	} else {
		f.IPProto = pick[uint8](g.dice, 0, 0, 17, 6, 58)
		if g.chance(25) {
			f.FlowLabel = pick[uint32](g.dice, 5, 0x12345, 0x10005)
		}
		if f.IIF != 0 {
			f.UID = rpdb.InvalidUID
			if g.chance(15) {
				f.UID = 1000
			}
		}
	}
	if f.IPProto != rpdb.ProtoICMP || g.chance(30) {
		f.SPort = pick[uint16](g.dice, 0, 0, 5, 1000, 1005)
		f.DPort = pick[uint16](g.dice, 0, 0, 80, 85, 0x150)
	}
	return q
}

// arriving makes most packets that arrive look like ones that do.
func (g *flowGen) arriving(f *rpdb.Flow) {
	if g.family == rpdb.IPv6 {
		if g.chance(60) && !f.Src.IsValid() {
			f.Src = pick(g.dice, srcs6...)
		}
		return
	}
	if g.chance(70) {
		f.Src = pick(g.dice, good4...)
	}
	if g.chance(25) {
		f.Dst = pick(g.dice, good4...)
	}
}

func (g *flowGen) dst() netip.Addr {
	if g.chance(55) && len(g.dsts) > 0 {
		return pick(g.dice, g.dsts...)
	}
	if g.family == rpdb.IPv6 {
		return pick(g.dice, dsts6...)
	}
	return pick(g.dice, dsts4...)
}

func (g *flowGen) src() netip.Addr {
	switch x := g.IntN(100); {
	case x < 50:
		return netip.Addr{}
	case x < 75 && len(g.owns) > 0:
		return pick(g.dice, g.owns...)
	case g.family == rpdb.IPv6:
		return pick(g.dice, srcs6...)
	}
	return pick(g.dice, srcs4...)
}

func (g *flowGen) dev() int {
	if g.chance(3) {
		return 99 // no such device
	}
	return pick(g.dice, g.devs...)
}

// command is the question as ip route get has it.
func (q *Query) command(n *names) string {
	f := &q.Flow
	var b strings.Builder
	b.WriteString("ip route get")
	if q.FibMatch {
		b.WriteString(" fibmatch")
	}
	fmt.Fprintf(&b, " %s", f.Dst)
	if f.Src.IsValid() {
		fmt.Fprintf(&b, " from %s", f.Src)
	}
	if f.IIF != 0 {
		fmt.Fprintf(&b, " iif %s", n.of(f.IIF))
	}
	if f.OIF != 0 {
		fmt.Fprintf(&b, " oif %s", n.of(f.OIF))
	}
	for _, x := range []struct {
		word string
		v    uint64
	}{
		{"mark", uint64(f.Mark)},
		{"tos", uint64(f.TOS)},
		{"ipproto", uint64(f.IPProto)},
		{"sport", uint64(f.SPort)},
		{"dport", uint64(f.DPort)},
		{"flowlabel", uint64(f.FlowLabel)},
	} {
		if x.v != 0 {
			fmt.Fprintf(&b, " %s %d", x.word, x.v)
		}
	}
	if f.UID != rpdb.InvalidUID {
		fmt.Fprintf(&b, " uid %d", f.UID)
	}
	return b.String()
}

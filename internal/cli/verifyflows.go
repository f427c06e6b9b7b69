package cli

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// edges makes flows at the edges of a state: where a prefix begins and ends and
// just outside, the values that rules select and the next ones, each own address as
// source, each device in and out.
type edges struct {
	r    *rand.Rand
	st   *rpdb.State
	uid  uint32
	pool map[rpdb.Family]*pool
	next int // of the plain destinations that are asked about first
	all  []netip.Addr
}

// pool holds the values of each field that are worth trying for a family.
type pool struct {
	family rpdb.Family
	dsts   []netip.Addr
	srcs   []netip.Addr
	devs   []int
	marks  []uint32
	tos    []uint8
	uids   []uint32
	protos []uint8
	ports  []uint16
	labels []uint32
}

// maxEdges bounds the routes of a table whose edges are collected; of more a sample
// is taken.
const maxEdges = 20_000

func newEdges(st *rpdb.State, seed uint64, families []rpdb.Family, uid uint32) *edges {
	e := &edges{r: rand.New(rand.NewPCG(seed, 0)), st: st, uid: uid, pool: map[rpdb.Family]*pool{}}
	for _, f := range families {
		p := e.newPool(f)
		e.pool[f] = p
		e.all = append(e.all, p.dsts...)
	}
	e.r.Shuffle(len(e.all), func(i, j int) { e.all[i], e.all[j] = e.all[j], e.all[i] })
	return e
}

// wellKnown are destinations that every host has an answer for.
var wellKnown = map[rpdb.Family][]string{
	rpdb.IPv4: {"127.0.0.1", "127.0.0.2", "8.8.8.8", "10.0.0.1", "169.254.1.1", "192.168.1.1", "240.0.0.1", "255.255.255.255", "224.0.0.1", "239.1.2.3"},
	rpdb.IPv6: {"::1", "2001:db8::1", "fe80::1", "fd00::1", "ff02::1", "2000::", "::ffff:10.0.0.1", "64:ff9b::1"},
}

func (e *edges) newPool(f rpdb.Family) *pool {
	p := &pool{family: f, uids: []uint32{e.uid}, marks: []uint32{0}, tos: []uint8{0}, ports: []uint16{0}}
	p.protos = []uint8{rpdb.ProtoTCP, rpdb.ProtoUDP}
	for _, s := range wellKnown[f] {
		p.dsts = append(p.dsts, netip.MustParseAddr(s))
	}
	e.addresses(p)
	e.routes(p)
	e.rules(p)
	for i := range e.st.Links {
		p.devs = append(p.devs, e.st.Links[i].Index)
	}
	p.dsts, p.srcs = unique(p.dsts), unique(p.srcs)
	return p
}

func unique(as []netip.Addr) []netip.Addr {
	slices.SortFunc(as, netip.Addr.Compare)
	return slices.Compact(as)
}

func (e *edges) addresses(p *pool) {
	for i := range e.st.Addrs {
		a := &e.st.Addrs[i]
		if a.Family != p.family {
			continue
		}
		p.srcs = append(p.srcs, a.Local)
		p.dsts = append(p.dsts, a.Local)
		p.dsts = append(p.dsts, around(a.Subnet())...)
	}
}

func (e *edges) routes(p *pool) {
	n := 0
	for i := range e.st.Routes {
		if e.st.Routes[i].Family == p.family {
			n++
		}
	}
	for i := range e.st.Routes {
		r := &e.st.Routes[i]
		if r.Family != p.family || n > maxEdges && e.r.IntN(n) >= maxEdges {
			continue
		}
		p.dsts = append(p.dsts, around(r.Dst)...)
		if r.Src.IsValid() && r.Src.Bits() > 0 {
			p.srcs = append(p.srcs, around(r.Src)...)
		}
		if r.TOS != 0 {
			p.tos = append(p.tos, r.TOS)
		}
		for _, h := range r.NextHops {
			if rpdb.FamilyOf(h.Gateway) == p.family {
				p.dsts = append(p.dsts, h.Gateway)
			}
		}
	}
}

func (e *edges) rules(p *pool) {
	for i := range e.st.Rules {
		r := &e.st.Rules[i]
		if r.Family != p.family {
			continue
		}
		if r.From.IsValid() && r.From.Bits() > 0 {
			p.srcs = append(p.srcs, around(r.From)...)
		}
		if r.To.IsValid() && r.To.Bits() > 0 {
			p.dsts = append(p.dsts, around(r.To)...)
		}
		if r.MarkMask != 0 {
			low := r.MarkMask & -r.MarkMask
			p.marks = append(p.marks, r.Mark, r.Mark^low, r.Mark|^r.MarkMask)
		}
		if r.TOS != 0 {
			p.tos = append(p.tos, r.TOS, r.TOS^4, r.TOS|0xe0)
		}
		if r.DSCP.Set {
			p.tos = append(p.tos, r.DSCP.V.Value<<2, (r.DSCP.V.Value^1)<<2)
		}
		if r.IPProto != 0 {
			p.protos = append(p.protos, r.IPProto)
		}
		p.ports = append(p.ports, portEdges(r.SPort)...)
		p.ports = append(p.ports, portEdges(r.DPort)...)
		if r.UID.Set {
			u := r.UID.V
			p.uids = append(p.uids, u.Start, u.Start-1, u.End, u.End+1)
		}
		if r.FlowLabelMask != 0 {
			p.labels = append(p.labels, r.FlowLabel, r.FlowLabel^1)
		}
	}
}

func portEdges(p rpdb.PortRange) []uint16 {
	if p.Start == 0 {
		return nil
	}
	return []uint16{p.Start, p.Start - 1, p.End, p.End + 1}
}

// around returns the first and the last address of a prefix, its neighbours
// outside, and the ones next to the ends inside.
func around(p netip.Prefix) []netip.Addr {
	if !p.IsValid() {
		return nil
	}
	first, last := p.Masked().Addr(), lastAddr(p)
	out := []netip.Addr{first, first.Next(), last}
	if a := first.Prev(); a.IsValid() {
		out = append(out, a)
	}
	if a := last.Next(); a.IsValid() {
		out = append(out, a)
	}
	return slices.DeleteFunc(out, func(a netip.Addr) bool { return !a.IsValid() })
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// flow returns the next flow: first every destination by itself, then mixtures.
func (e *edges) flow() rpdb.Flow {
	if e.next < len(e.all) {
		e.next++
		dst := e.all[e.next-1]
		return e.defaults(rpdb.Flow{Dst: dst, UID: e.uid})
	}
	p := e.pool[rpdb.FamilyOf(e.all[e.r.IntN(len(e.all))])]
	f := rpdb.Flow{Dst: pick(e.r, p.dsts), UID: pick(e.r, p.uids), Mark: pick(e.r, p.marks), TOS: pick(e.r, p.tos)}
	if e.r.IntN(3) > 0 && len(p.srcs) > 0 {
		f.Src = pick(e.r, p.srcs)
	}
	switch e.r.IntN(4) {
	case 0:
		f.OIF = pick(e.r, p.devs)
	case 1:
		f.IIF = pick(e.r, p.devs)
		if !f.Src.IsValid() || e.r.IntN(2) == 0 {
			f.Src = pick(e.r, p.dsts)
		}
	}
	if e.r.IntN(2) == 0 {
		f.IPProto = pick(e.r, p.protos)
		f.SPort, f.DPort = pick(e.r, p.ports), pick(e.r, p.ports)
	}
	if len(p.labels) > 0 {
		f.FlowLabel = pick(e.r, p.labels)
	}
	return e.defaults(f)
}

// defaults fills in what the kernel would put there.
func (e *edges) defaults(f rpdb.Flow) rpdb.Flow {
	switch {
	case f.Family() == rpdb.IPv4:
		if f.IPProto != rpdb.ProtoTCP && f.IPProto != rpdb.ProtoICMP {
			f.IPProto = rpdb.ProtoUDP // the kernel takes no other
		}
		if f.IIF != 0 {
			f.UID = 0
		}
	case f.IIF != 0:
		f.UID = rpdb.InvalidUID
	}
	return f
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

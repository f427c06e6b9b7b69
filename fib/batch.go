package fib

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// LookupBatch sets out[i] to the decision on flows[i]. It panics if out is shorter
// than flows. It is faster than as many calls of Lookup where a table does not fit the
// caches, for the memory accesses of several flows overlap.
func (f *FIB) LookupBatch(flows []rpdb.Flow, out []rpdb.Decision) {
	out = out[:len(flows)]
	for len(flows) > 0 {
		n := min(len(flows), batch)
		if n == batch {
			f.expectFlows((*[batch]rpdb.Flow)(flows))
		}
		for i := range flows[:n] {
			out[i] = f.db.Lookup(&flows[i])
		}
		flows, out = flows[n:], out[n:]
	}
}

// expectFlows asks memory for what the decisions on flows of one family will look at in
// the plan's big table: the routes to the destinations, and to the sources of packets
// that arrived. A source that is not valid counts for nothing.
func (f *FIB) expectFlows(flows *[batch]rpdb.Flow) {
	p := f.four
	if flows[0].Dst.Is6() {
		p = f.six
	}
	if p.big == nil {
		return
	}
	var dst, src [batch]netip.Addr
	for i := range flows {
		dst[i], src[i] = flows[i].Dst, flows[i].Src
		if flows[i].IIF == 0 || !src[i].IsValid() {
			src[i] = dst[i]
		}
	}
	f.expectRoutes(p, &dst)
	f.expectRoutes(p, &src)
}

// expectRoutes asks memory for the routes to addresses of one family in a plan's big
// table.
func (f *FIB) expectRoutes(p *plan, addrs *[batch]netip.Addr) {
	var ids, places [batch]uint32
	if !p.big.live.current.Load().lookupBatch(addrs, &ids) {
		return
	}
	sum, n := uint32(0), 0
	for _, id := range ids {
		if id < uint32(rpdb.EntryOther)<<kindShift {
			r := p.big.route(id & placeMask)
			sum += uint32(r.Dst.Bits()) + r.NHID // they are on lines of their own
			places[n] = id & placeMask
			n++
		}
	}
	keep(sum)
	f.db.ExpectHits(p.family, p.big.at, places[:n])
}

// keep has the compiler leave the loads of a value in.
//
//go:noinline
func keep(uint32) {}

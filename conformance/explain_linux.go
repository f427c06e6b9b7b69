//go:build linux

package conformance

import (
	"errors"
	"maps"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Reasons for leaving a difference out, see docs/exclusions.md.
const (
	reasonOrder   = "history: the same dump in a fresh namespace gets the engine's answer"
	reasonReadd   = "history: the same dump after its routes were added anew gets the engine's answer"
	reasonHung    = "history: the same dump after its longer prefixes were added anew gets the engine's answer"
	reasonCarrier = "history: the same dump after a carrier came and went gets the engine's answer"
	reasonRefused = "history: the kernel refuses to add the route again, so what its gateway was resolved to is past"
	reasonShared  = "two routes of one walk share a nexthop object, and so a cached answer"
	reasonLeg     = "history: the kernel refuses to add the route again, and takes another of its legs"
	reasonFacts   = "hidden fact: whether a rule, or a route of type local, was ever added"
)

// explain names why a difference says nothing about the engine, or returns nothing.
// Each reason is told in docs/exclusions.md.
func (w *worker) explain(db *rpdb.Database, m *Mismatch) string {
	if w.factsExplain(db, m) {
		return reasonFacts
	}
	if m.Scenario.Family == rpdb.IPv6 && sharedAnswer(db.State(), m.walk) {
		return reasonShared
	}
	return w.historyExplains(m)
}

// historyExplains lets the kernel itself show that the dump does not settle the
// answer: in a namespace with the same dump, played anew, and then after something
// that leaves the dump as it is, it gives the engine's answer.
func (w *worker) historyExplains(m *Mismatch) string {
	before, c, reason := w.playAnew(m, nil)
	if before == nil || reason != "" {
		return reason
	}
	refused := false
	routes := found(c.walk)
	for _, in := range leavesToReadd(before, routes, m.Scenario.Family) {
		_, _, reason := w.playAnew(m, func(l *lab, st *rpdb.State) string {
			refused = readd(l, st, in) || refused
			return reasonReadd
		})
		if reason != "" {
			return reason
		}
	}
	for _, r := range routes {
		_, _, reason := w.playAnew(m, func(l *lab, st *rpdb.State) string { return rehang(l, st, r) })
		if reason != "" {
			return reason
		}
	}
	_, _, reason = w.playAnew(m, func(l *lab, st *rpdb.State) string {
		recarry(l, st)
		return reasonCarrier
	})
	switch {
	case reason != "":
		return reason
	case refused && followsFromGateway(c.diff):
		return reasonRefused
	case refused && w.agreesWith(anyLeg(before), m):
		return reasonLeg
	}
	return ""
}

// playAnew plays the scenario of a mismatch in a fresh namespace, does something
// there, and asks again. If the dump is the same as before and the kernel's answer
// now is the engine's, it returns the reason that touch names. The state and the
// comparison are those before the touch.
func (w *worker) playAnew(m *Mismatch, touch func(*lab, *rpdb.State) string) (*rpdb.State, comparison, string) {
	l, err := newLab()
	if err != nil {
		return nil, comparison{}, ""
	}
	defer func() { _ = l.Close() }()
	quiet := worker{run: w.run, trace: w.trace, variety: Variety{}}
	ops := m.Scenario.Ops(m.Round)
	if m.replayed != nil {
		ops = m.replayed
	}
	if quiet.change(l, ops) != nil {
		return nil, comparison{}, ""
	}
	before, c, err := quiet.askAgain(l, m)
	switch {
	case err != nil:
		return nil, comparison{}, ""
	case c.same():
		return before, c, reasonOrder
	case touch == nil:
		return before, c, ""
	}
	reason := touch(l, before)
	after, again, err := quiet.askAgain(l, m)
	if err != nil || !again.same() || !sameState(before, after) {
		reason = ""
	}
	return before, c, reason
}

// anyLeg is the state with the choice among the legs of a multipath route left open.
func anyLeg(st *rpdb.State) *rpdb.State {
	open := *st
	open.Sysctls = maps.Clone(st.Sysctls)
	delete(open.Sysctls, "net/ipv4/fib_multipath_hash_seed")
	open.Kernel = rpdb.Kernel{Release: "6.15"} // the last that no source pins to a leg
	return &open
}

// recarry gives the devices without carrier one for a moment, which makes the kernel
// compute the bounds of multipath routes anew.
func recarry(l *lab, st *rpdb.State) {
	up := map[int]bool{}
	for i := range st.Links {
		up[st.Links[i].Index] = st.Links[i].Up()
	}
	for _, v := range frontDevs {
		if !up[v] || up[peerOf[v]] {
			continue
		}
		for _, op := range []LinkOp{{Index: peerOf[v], Up: true}, {Index: peerOf[v], Down: true}} {
			if errors.Join(l.apply(op), l.settle()) != nil {
				return // the comparison of the states shows it
			}
		}
	}
}

// askAgain reads the state and puts the question of a mismatch.
func (w *worker) askAgain(l *lab, m *Mismatch) (*rpdb.State, comparison, error) {
	st, err := l.conn.State(nil)
	if err != nil {
		return nil, comparison{}, err
	}
	db, err := st.Build()
	if err != nil {
		return nil, comparison{}, err
	}
	cs, err := w.compareAll(l, db, []Query{m.Query})
	if err != nil {
		return nil, comparison{}, err
	}
	return st, cs[0], nil
}

// leaf is a prefix of a table.
type leaf struct {
	table uint32
	dst   netip.Prefix
}

// found lists the routes that a walk took from its tables, whether they ended it or
// not.
func found(walk *rpdb.Walk) []*rpdb.Route {
	var out []*rpdb.Route
	for i := range walk.Lookups {
		for j := range walk.Lookups[i].Steps {
			for _, r := range walk.Lookups[i].Steps[j].Routes {
				switch r.Verdict {
				case rpdb.RouteChosen, rpdb.RouteThrow, rpdb.RouteError:
					out = append(out, r.Route)
				}
			}
		}
	}
	return out
}

// leavesToReadd returns the sets of prefixes to be added anew, one after the other:
// those of the routes found; those with all longer ones inside them (an IPv6 node with
// nothing but source routes is found by the prefix of whichever route the kernel
// hung on it); all those about whose nexthops the kernel remembers something.
func leavesToReadd(st *rpdb.State, found []*rpdb.Route, f rpdb.Family) []map[leaf]bool {
	exact, within := map[leaf]bool{}, map[leaf]bool{}
	for _, d := range found {
		exact[leaf{d.Table, d.Dst}] = true
		maps.Copy(within, inside(st, d, d.Dst.Bits()))
	}
	indirect, user := map[leaf]bool{}, map[leaf]bool{}
	for i := range st.Routes {
		r := &st.Routes[i]
		if r.Family != f {
			continue
		}
		if r.NHID != 0 || len(r.NextHops) > 1 || len(r.NextHops) == 1 && r.NextHops[0].Gateway.IsValid() {
			indirect[leaf{r.Table, r.Dst}] = true
		}
		if r.Protocol != rpdb.ProtoKernel || indirect[leaf{r.Table, r.Dst}] {
			user[leaf{r.Table, r.Dst}] = true
		}
	}
	return []map[leaf]bool{exact, within, indirect, user}
}

// inside lists the prefixes of a route's table that lie in its own and have at least
// so many bits.
func inside(st *rpdb.State, at *rpdb.Route, bits int) map[leaf]bool {
	in := map[leaf]bool{}
	for i := range st.Routes {
		r := &st.Routes[i]
		if r.Family == at.Family && r.Table == at.Table && at.Dst.Overlaps(r.Dst) && r.Dst.Bits() >= bits {
			in[leaf{r.Table, r.Dst}] = true
		}
	}
	return in
}

// readd empties prefixes, of routes that no dump shows too, and adds their routes
// again in the order of the dump. It makes the kernel forget the sources that it has
// cached.
func readd(l *lab, st *rpdb.State, in map[leaf]bool) (refused bool) {
	routes := routesOf(st, in)
	removeAll(l, routes)
	refused = appendAll(l, routes)
	a := rpdb.Addr{
		Family: rpdb.IPv4, Index: rpdb.Loopback, Local: netip.MustParseAddr("198.51.100.200"), PrefixLen: 32,
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}
	for _, v := range []Verb{Add, Del} {
		_ = l.apply(AddrOp{v, a})
	}
	return refused
}

// rehang makes the kernel find an IPv6 node by a route of its own again: with the
// longer prefixes away, a source route comes and goes, and they are added anew.
func rehang(l *lab, st *rpdb.State, at *rpdb.Route) string {
	routes := routesOf(st, inside(st, at, at.Dst.Bits()+1))
	removeAll(l, routes)
	visitor := rpdb.Route{
		Family: rpdb.IPv6, Table: at.Table, Dst: at.Dst, Src: netip.MustParsePrefix("100::1/128"),
		Type: rpdb.Unreachable, Protocol: rpdb.ProtoStatic,
	}
	for _, v := range []Verb{Add, Del} {
		if l.apply(RouteOp{Verb: v, Route: visitor}) != nil {
			return ""
		}
	}
	appendAll(l, routes)
	return reasonHung
}

// routesOf lists the routes of some prefixes, in the order of the dump.
func routesOf(st *rpdb.State, in map[leaf]bool) []rpdb.Route {
	var routes []rpdb.Route
	for _, r := range st.Routes {
		if in[leaf{r.Table, r.Dst}] && r.Table != flushTable {
			routes = append(routes, r)
		}
	}
	return routes
}

// removeAll empties the prefixes of routes.
func removeAll(l *lab, routes []rpdb.Route) {
	const most = 40 // more routes than any prefix has
	for _, r := range routes {
		key := rpdb.Route{Family: r.Family, Table: r.Table, Dst: r.Dst, Src: r.Src, TOS: r.TOS}
		for range most {
			if l.apply(RouteOp{Verb: Del, Route: key, AnyScope: true}) != nil {
				break
			}
		}
	}
}

// appendAll adds routes, and tells whether the kernel refused one.
func appendAll(l *lab, routes []rpdb.Route) (refused bool) {
	for _, r := range routes {
		if m, err := rtnl.NewRoute(r, rtnl.FlagsAppend); err == nil {
			refused = rtnl.Exec(l.conn, m) != nil || refused
		}
	}
	return refused
}

// factsExplain tells whether the answer with the other value of a hidden fact is the
// kernel's. Unless only the visited tables differ, the walk must have said that it
// had to assume something.
func (w *worker) factsExplain(db *rpdb.Database, m *Mismatch) bool {
	onlyTrace := len(m.diff) == 1 && m.diff[0] == diffVisits
	if len(m.walk.Unknown) == 0 && !onlyTrace {
		return false
	}
	known := db.State().Facts
	for _, fact := range []struct {
		is  rpdb.Tri
		set func(*rpdb.Facts, rpdb.Tri)
	}{
		{known.CustomRules4, func(f *rpdb.Facts, v rpdb.Tri) { f.CustomRules4 = v }},
		{known.CustomRules6, func(f *rpdb.Facts, v rpdb.Tri) { f.CustomRules6 = v }},
		{known.CustomLocal4, func(f *rpdb.Facts, v rpdb.Tri) { f.CustomLocal4 = v }},
	} {
		if fact.is != rpdb.Unknown {
			continue
		}
		for _, v := range []rpdb.Tri{rpdb.Yes, rpdb.No} {
			st := *db.State()
			fact.set(&st.Facts, v)
			if w.agreesWith(&st, m) {
				return true
			}
		}
	}
	return false
}

// agreesWith tells whether the engine gives the kernel's answer on another state.
func (w *worker) agreesWith(st *rpdb.State, m *Mismatch) bool {
	db, err := st.Build()
	if err != nil {
		return false
	}
	c := comparison{kernel: m.kernel, traced: m.traced, visits: m.visits}
	c.judge(db, &m.Query, emptyTables(st, m.Scenario.Family))
	return c.same()
}

// sharedAnswer tells whether the walk met a nexthop object twice, itself or in a
// group. The kernel keeps the first route's answer in the object and gives it to the
// second, within one question (rt6_get_pcpu_route).
func sharedAnswer(st *rpdb.State, walk *rpdb.Walk) bool {
	met := map[uint32]bool{}
	for _, r := range found(walk) {
		for _, id := range singles(st, r.NHID) {
			if met[id] {
				return true
			}
			met[id] = true
		}
	}
	return false
}

// singles lists the objects that stand behind an id: the members of a group, or the
// one itself.
func singles(st *rpdb.State, id uint32) []uint32 {
	at := slices.IndexFunc(st.NextHops, func(h rpdb.NextHopObject) bool { return h.ID == id })
	if at < 0 {
		return nil
	}
	members := st.NextHops[at].Group
	if len(members) == 0 {
		return []uint32{id}
	}
	ids := make([]uint32, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	return ids
}

// followsFromGateway tells whether answers differ in no more than the scope of a
// gateway shows in: whether the gateway is used, and on input whether a redirect is
// sent.
func followsFromGateway(diff []string) bool {
	return slices.Contains(diff, "gateway") && !slices.ContainsFunc(diff, func(d string) bool {
		return d != "gateway" && d != "flags"
	})
}

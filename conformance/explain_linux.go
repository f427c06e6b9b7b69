//go:build linux

package conformance

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Reasons for leaving a difference out, see docs/exclusions.md.
const (
	reasonOrder = "history: the same dump in a fresh namespace gets the engine's answer"
	reasonReadd = "history: the same dump after its routes were added anew gets the engine's answer"
	reasonFacts = "hidden fact: whether a rule, or a route of type local, was ever added"
)

// explain names why a difference says nothing about the engine, or returns nothing.
// Each reason is told in docs/exclusions.md.
func (w *worker) explain(db *rpdb.Database, m *Mismatch) string {
	if w.factsExplain(db, m) {
		return reasonFacts
	}
	return w.historyExplains(m)
}

// historyExplains lets the kernel itself show that the dump does not settle the
// answer: in a namespace with the same dump, played anew, and then with the routes
// in question added anew, it gives the engine's answer.
func (w *worker) historyExplains(m *Mismatch) string {
	l, err := newLab()
	if err != nil {
		return ""
	}
	defer func() { _ = l.Close() }()
	quiet := worker{run: w.run, trace: w.trace, variety: Variety{}}
	ops := m.Scenario.Ops(m.Round)
	if m.replayed != nil {
		ops = m.replayed
	}
	if quiet.change(l, ops) != nil {
		return ""
	}
	before, c, err := quiet.askAgain(l, m)
	if err != nil {
		return ""
	}
	if c.same() {
		return reasonOrder
	}
	for _, routes := range [][]rpdb.Route{sameLeaf(before, c.lookup.Route), indirect(before, m.Scenario.Family)} {
		readd(l, routes)
		after, again, err := quiet.askAgain(l, m)
		if err == nil && again.same() && sameState(before, after) {
			return reasonReadd
		}
	}
	return ""
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

// sameLeaf returns the routes that share table and prefix with one.
func sameLeaf(st *rpdb.State, of *rpdb.Route) []rpdb.Route {
	var out []rpdb.Route
	for i := range st.Routes {
		if r := &st.Routes[i]; of != nil && r.Family == of.Family && r.Table == of.Table && r.Dst == of.Dst {
			out = append(out, *r)
		}
	}
	return out
}

// indirect returns the routes about whose nexthops the kernel remembers something.
func indirect(st *rpdb.State, f rpdb.Family) []rpdb.Route {
	var out []rpdb.Route
	for i := range st.Routes {
		r := &st.Routes[i]
		if r.Family != f {
			continue
		}
		gateway := len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid()
		if gateway || len(r.NextHops) > 1 || r.NHID != 0 || f == rpdb.IPv6 && r.Protocol != rpdb.ProtoKernel {
			out = append(out, *r)
		}
	}
	return out
}

// readd deletes routes and adds them again in their order, and makes the kernel
// forget the sources that it has cached.
func readd(l *lab, routes []rpdb.Route) {
	for _, r := range routes {
		if m, err := rtnl.DelRoute(r); err == nil {
			_ = rtnl.Exec(l.conn, m)
		}
	}
	for _, r := range routes {
		if m, err := rtnl.NewRoute(r, rtnl.FlagsAppend); err == nil {
			_ = rtnl.Exec(l.conn, m) // the comparison of the states shows a failure
		}
	}
	a := rpdb.Addr{
		Family: rpdb.IPv4, Index: rpdb.Loopback, Local: netip.MustParseAddr("198.51.100.200"), PrefixLen: 32,
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}
	for _, v := range []Verb{Add, Del} {
		_ = l.apply(AddrOp{v, a})
	}
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

package fib

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/rpdb"
)

// version is one of tables that change while they are read. It knows the next, and so
// what has changed since: what the tables say of other addresses is what they said.
type version struct {
	next  atomic.Pointer[FIB] // nil: it is the present one
	steps int                 // since all that was there before was forgotten
	dst   netip.Prefix        // whose routes the change to it concerned; not valid for a rule
	all   bool                // or else everything
}

// maxVersions is how many versions a former one holds on to. It does not know what changed
// after these.
const maxVersions = 1024

// forgotten stands for the versions that are too many.
var forgotten = &FIB{version: version{all: true}}

// holds reports whether what the tables were found to say of an address before is what
// they say in the version.
func (v *version) holds(a netip.Addr) bool {
	f := v.next.Load()
	return f == nil || f.keeps(a)
}

// keeps reports whether no change from the one to f on concerned an address.
func (f *FIB) keeps(a netip.Addr) bool {
	a = a.WithZone("")
	for ; f != nil; f = f.next.Load() {
		if f.all || f.dst.Contains(a) {
			return false
		}
	}
	return true
}

// with returns a FIB with a change. It is nil if the state must be compiled anew.
// There is one writer, and f is its latest.
func (f *FIB) with(c *rpdb.Change) (*FIB, error) {
	if f.next.Load() != nil { // a change has failed
		return nil, nil
	}
	plan := &f.four
	if c.Rule != nil && c.Rule.Family == rpdb.IPv6 || c.Route != nil && c.Route.Family == rpdb.IPv6 {
		plan = &f.six
	}
	db := f.db.With(c)
	switch db {
	case nil:
		return nil, nil
	case f.db:
		return f, nil
	}
	out := &FIB{db: db, four: f.four, six: f.six}
	if plan == &f.four {
		plan = &out.four
	} else {
		plan = &out.six
	}
	var err error
	if c.Rule != nil {
		*plan, err = (*plan).withRules(db, c)
	} else {
		out.dst = c.Route.Dst
		*plan, err = (*plan).withTable(db, c.Route)
	}
	if err != nil {
		return nil, err
	}
	db.SetFinders((*finder4)(out), (*finder6)(out))
	// Before the change can be seen, readers must be able to know of it.
	if out.steps = f.steps + 1; out.steps == maxVersions {
		out.steps = 0
		f.next.Store(forgotten)
	} else {
		f.next.Store(out)
	}
	if c.Route != nil {
		if err := (*plan).change(db, c.Route); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// expect asks memory for what some changes of routes will look at, at most
// [rpdb.MaxExpected].
func (f *FIB) expect(changes []*rpdb.Change) {
	if len(changes) < 2 {
		return
	}
	f.db.Expect(changes)
	for _, c := range changes {
		if c.Route == nil {
			continue
		}
		p := f.four
		if c.Route.Family == rpdb.IPv6 {
			p = f.six
		}
		if t := p.table(c.Route.Table); t != nil {
			t.lookup(c.Route.Dst.Addr())
		}
	}
}

// withTable returns a plan in which a route's table is, and every rule is found for
// the route's destination that was found for no other.
func (p *plan) withTable(db *rpdb.Database, r *rpdb.Route) (*plan, error) {
	at := db.Tables(p.family)[r.Table]
	if at >= len(p.tables) {
		return newPlan(db, p.family, p, true)
	}
	t := p.tables[at]
	if t.spread == nil || t.spread[r.Dst] {
		return p, nil
	}
	t.spread = nil
	if !p.index.spread[t.id] {
		return p, nil
	}
	return newPlan(db, p.family, p, true)
}

// change sets what the table of a route has for its destination.
func (p *plan) change(db *rpdb.Database, r *rpdb.Route) error {
	t := p.tables[db.Tables(p.family)[r.Table]]
	e := db.Entry(p.family, t.at, r.Dst)
	defer p.cells[t.at].set(db, p.family, t)
	return t.put(db, p.family, &e)
}

// withRules returns a plan with a change of a rule.
func (p *plan) withRules(db *rpdb.Database, c *rpdb.Change) (*plan, error) {
	if p.delta.changes == maxDelta || p.walks != db.WalksRules(p.family) {
		return newPlan(db, p.family, p, true)
	}
	out := *p
	out.db, out.short = db, nil
	place := db.ChangedRule(p.db, p.family)
	out.delta = p.delta.start(len(p.rules))
	if c.Kind == rpdb.RemoveRule {
		out.delta.remove(int32(place))
		return &out, nil
	}
	out.delta.add(int32(place))
	out.rules, out.words = slices.Clip(p.rules), slices.Clip(p.words)
	out.addRule(place)
	return &out, nil
}

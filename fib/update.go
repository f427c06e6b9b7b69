package fib

import (
	"slices"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/rpdb"
)

// version is a version of tables that change while they are read. It is current while
// now has its number: what was read of the tables before current said so is of this
// version.
type version struct {
	now    *atomic.Uint64
	number uint64
}

func (v version) current() bool { return v.now.Load() == v.number }

// changing is in now while the tables are of no version.
const changing = 0

// with returns a FIB with a change. It is nil if the state must be compiled anew.
// There is one writer, and f is its latest.
func (f *FIB) with(c *rpdb.Change) (*FIB, error) {
	db := f.db.With(c)
	switch db {
	case nil:
		return nil, nil
	case f.db:
		return f, nil
	}
	out := &FIB{four: f.four, six: f.six}
	plan := &out.four
	if c.Rule != nil && c.Rule.Family == rpdb.IPv6 || c.Route != nil && c.Route.Family == rpdb.IPv6 {
		plan = &out.six
	}
	var err error
	if c.Rule != nil {
		*plan, err = (*plan).withRules(db, c)
	} else {
		*plan, err = (*plan).withTable(db, c.Route)
	}
	if err != nil {
		return nil, err
	}
	out.version = version{f.version.now, f.version.number + 1}
	out.finish(db)
	if c.Route != nil {
		f.version.now.Store(changing)
		if err := (*plan).change(db, c.Route); err != nil {
			return nil, err
		}
	}
	out.version.now.Store(out.version.number)
	return out, nil
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

package fib

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// FIB is a policy database compiled for lookups. It gives the decisions of the
// [rpdb.Database] that it was compiled from, and gives them fast: rules are found by
// what they select, and the longest prefix of a table as in an [LPM], so that the
// cost hardly grows with the number of either.
//
// What needs no more than one rule after the other and one route of a prefix is
// answered at once. Where an entry, a rule or the key asks for more (several routes of
// a prefix, tos, oif, dead nexthops, throw, goto, VRFs, source routes, scores), the
// FIB leaves the lookup to rpdb itself, and tells it which rules to try.
//
// A FIB never changes: one that was superseded in a [Live] gives its answers for good,
// if more slowly. Its methods are safe for concurrent use, take no lock, do not wait and
// do not allocate.
type FIB struct {
	db        *rpdb.Database
	four, six *plan
	version
}

// Compile compiles a database. It costs the time of [NewLPM] for the tables and some
// 2 µs a rule. The FIB refers to the database, and takes beside it what the LPMs take,
// and 8 bytes a route of a table whose routes do not stand in the state in the order
// of a kernel's dump.
func Compile(db *rpdb.Database) (*FIB, error) { return compileFor(db, false) }

// compileFor compiles a database. keep tells that changes will follow.
func compileFor(db *rpdb.Database, keep bool) (*FIB, error) {
	f := &FIB{}
	var err error
	if f.four, err = newPlan(db, rpdb.IPv4, nil, keep); err != nil {
		return nil, err
	}
	if f.six, err = newPlan(db, rpdb.IPv6, nil, keep); err != nil {
		return nil, err
	}
	f.db = db.WithFinders((*finder4)(f), (*finder6)(f))
	return f, nil
}

// Database returns a database that answers as fast as the FIB.
func (f *FIB) Database() *rpdb.Database { return f.db }

// Lookup answers which way a flow goes, as [rpdb.Database.Lookup] does.
func (f *FIB) Lookup(flow *rpdb.Flow) rpdb.Decision { return f.db.Lookup(flow) }

// Find makes one lookup through the rules and nothing else, as [rpdb.Database.Find]
// does: what a program needs that forwards packets itself.
func (f *FIB) Find(k *rpdb.Key) rpdb.Found {
	p := f.four
	if k.Family == rpdb.IPv6 {
		p = f.six
	}
	if s := p.short; s != nil && k.OIF|k.L3MDev|int(k.Scope) == 0 {
		a := k.Dst
		b := filterBits(a)
		if s.filter[b>>6&15]>>(b&63)&1 == 0 && (a.Is4() || !ownLink6(key6(a))) || !s.concerns(a) {
			if place := s.table.lookup(a); place < 1<<kindShift {
				r := s.table.route(place)
				if f.holds(k.Dst) {
					return rpdb.Found{Rule: s.rule, Table: s.id, Route: r}
				}
			}
		}
	}
	if h, ok := p.find(k); ok && f.holds(k.Dst) {
		if p.walks && h.table >= 0 && h.id>>kindShift == 0 {
			return rpdb.Found{Rule: h.rule, Table: p.cells[h.table].table, Route: h.route}
		}
		return p.found(h)
	}
	return f.db.Find(k)
}

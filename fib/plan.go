package fib

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// plan is a family's rules and tables compiled for lookups. It answers those that
// need one rule after the other and the longest prefix of tables; where an entry, a
// rule or the key asks for more, it says so. All but the tables never changes.
type plan struct {
	db     *rpdb.Database
	family rpdb.Family
	walks  bool // whether rules are walked; else tables are asked in order
	rules  []planRule
	words  []ruleWords  // by number, of IPv4 rules
	index  *ruleIndex   // of the rules before the changes
	tables []*planTable // by their places
	cells  []tableCell  // by the places of tables
	order  []*planTable // those that are asked without rules
	ports  map[int]bool // devices that belong to a VRF, by ifindex
	delta  ruleDelta
	short  *straight  // nil: there is none
	big    *planTable // the biggest of those that caches do not hold; nil: there is none
}

// planRule is a rule as the plan needs it.
type planRule struct {
	table    int32 // its place, -1: there is none
	suppress int16 // results of at most this prefix length do not count
	err      uint8
	does     ruleKind
	match    ruleMatch
}

type ruleKind uint8

const (
	ruleTable ruleKind = iota
	ruleEnd            // the walk ends with an error
	ruleOther          // only rpdb knows
)

// hit is what a lookup found. It has no more fields than the compiler keeps in
// registers.
type hit struct {
	rule  int32       // place of the deciding rule, -1 for none
	table int32       // place of the table, -1: no route decided
	id    uint32      // that the table has for the destination
	route *rpdb.Route // nil without a table
}

// nothing is the hit where nothing decided.
var nothing = hit{rule: -1, table: -1}

// outcome is how a look at a rule ends.
type outcome uint8

const (
	missed  outcome = iota // the walk goes on
	decided                // the hit is the answer
	left                   // rpdb has to look
)

// plain reports whether the plan may answer a key.
func (p *plan) plain(k *rpdb.Key) bool {
	return k.OIF|k.L3MDev|int(k.Scope) == 0 && (p.ports == nil || !p.ports[k.IIF]) &&
		(p.family == rpdb.IPv4 || !ownLink6(key6(k.Dst)))
}

// find makes a lookup through the rules; ok is false if rpdb has to.
func (p *plan) find(k *rpdb.Key) (h hit, ok bool) {
	if !p.plain(k) {
		return h, false
	}
	if !p.walks {
		return p.inOrder(k.Dst)
	}
	i := p.first(k)
	if i == none {
		return nothing, true
	}
	h, what := p.try(i, k)
	if what == missed {
		h, what = p.rest(i, k)
	}
	return h, what == decided
}

// first returns the place of the first rule that a key can match.
func (p *plan) first(k *rpdb.Key) int32 {
	if p.delta.places != nil {
		return p.delta.first(p, k)
	}
	return p.index.first(k)
}

// rest goes on with the walk behind a rule.
func (p *plan) rest(i int32, k *rpdb.Key) (h hit, what outcome) {
	c := p.candidates(k)
	for {
		next := c.Next(int(i) + 1)
		if next < 0 {
			return nothing, decided
		}
		i = int32(next)
		if h, what = p.try(i, k); what != missed {
			return h, what
		}
	}
}

// candidates returns the rules that a key can match.
func (p *plan) candidates(k *rpdb.Key) rpdb.Candidates {
	c := p.index.candidates(k)
	if p.delta.places != nil {
		c.Places = p.delta.places
		c.Add(p.delta.added)
	}
	return c
}

// try looks at the rule at a place.
func (p *plan) try(i int32, k *rpdb.Key) (h hit, what outcome) {
	number := p.delta.number(i)
	r := &p.rules[number]
	switch r.match {
	case matchWords:
		if !p.words[number].match(k) {
			return h, missed
		}
	case matchOther:
		if !p.db.RuleMatches(p.family, int(i), k) {
			return h, missed
		}
	}
	switch {
	case r.does == ruleEnd:
		return hit{rule: i, table: -1}, decided
	case r.does == ruleOther:
		return h, left
	case r.table < 0:
		return h, missed
	}
	return p.look(i, r, k)
}

// look looks a key up in the table of a rule that matched.
func (p *plan) look(i int32, r *planRule, k *rpdb.Key) (hit, outcome) {
	c := &p.cells[r.table]
	id, route := c.id.Load(), (*rpdb.Route)(nil)
	if id != varies {
		route = c.route.Load()
	} else {
		t := p.tables[r.table]
		if id = t.lookup(k.Dst); id == NoRoute {
			return hit{}, missed
		}
		if id < uint32(rpdb.EntryOther)<<kindShift {
			route = t.route(id & placeMask)
		}
	}
	switch {
	case route == nil:
		return hit{}, left
	case r.suppress >= 0 && id>>kindShift == 0 && route.Dst.Bits() <= int(r.suppress):
		return hit{}, missed
	}
	return hit{i, r.table, id, route}, decided
}

// inOrder is the lookup while no rule was ever changed: the first table that has a
// route. IPv4 has local and main in one trie then, so main counts if its prefix is
// the longer one.
func (p *plan) inOrder(dst netip.Addr) (h hit, ok bool) {
	for i, t := range p.order {
		id := t.lookup(dst)
		if id == NoRoute {
			continue
		}
		if p.family == rpdb.IPv4 && i == 0 && !p.longest(id, dst) {
			return h, false
		}
		if id >= uint32(rpdb.EntryOther)<<kindShift {
			return h, false
		}
		return hit{-1, int32(t.at), id, t.route(id & placeMask)}, true
	}
	return nothing, true
}

// longest reports whether table main has no longer prefix for an address than the one
// that table local has.
func (p *plan) longest(id uint32, dst netip.Addr) bool {
	local, main := p.order[0], p.order[1]
	other := main.lookup(dst)
	if other == NoRoute {
		return true
	}
	if max(id, other)>>kindShift > uint32(rpdb.EntryError) {
		return false
	}
	return local.route(id&placeMask).Dst.Bits() >= main.route(other&placeMask).Dst.Bits()
}

// ownLink6 reports whether an address is one that means something on one link only:
// multicast, link-local, or the loopback address.
func ownLink6(k u128) bool {
	return k.hi>>56 == 0xff || k.hi>>54 == 0xfe80>>6 || k == u128{lo: 1}
}

// err is the error that a hit is.
func (p *plan) err(h hit) rpdb.Errno {
	switch {
	case h.rule < 0 && h.table < 0:
		return rpdb.ENETUNREACH
	case h.table < 0:
		return rpdb.Errno(p.rules[p.delta.number(h.rule)].err)
	case h.id>>kindShift != 0:
		return h.route.Type.Err()
	}
	return rpdb.OK
}

// found is a hit as rpdb tells it.
func (p *plan) found(h hit) rpdb.Found {
	f := rpdb.Found{Rule: h.rule, Route: h.route, Ending: rpdb.Ending{Err: p.err(h), Leg: -1}}
	if h.table >= 0 {
		f.Table = p.cells[h.table].table
		if f.Err == rpdb.OK || p.family == rpdb.IPv6 { // its error routes have a nexthop, lo
			f.Leg = 0
		}
		if !p.walks && p.family == rpdb.IPv4 && f.Table == rpdb.TableLocal {
			f.Table = rpdb.TableMain
		}
	}
	return f
}

// finder4 and finder6 are the plans of a FIB as [rpdb.Finder]s.
type (
	finder4 FIB
	finder6 FIB
)

// Find implements [rpdb.Finder].
func (f *finder4) Find(k rpdb.Key) (rpdb.Hit, bool) { return (*FIB)(f).hit(f.four, &k) }

// Find implements [rpdb.Finder].
func (f *finder6) Find(k rpdb.Key) (rpdb.Hit, bool) { return (*FIB)(f).hit(f.six, &k) }

// Candidates implements [rpdb.Finder].
func (f *finder4) Candidates(k rpdb.Key) rpdb.Candidates { return f.four.candidates(&k) }

// Candidates implements [rpdb.Finder].
func (f *finder6) Candidates(k rpdb.Key) rpdb.Candidates { return f.six.candidates(&k) }

func (f *FIB) hit(p *plan, k *rpdb.Key) (out rpdb.Hit, ok bool) {
	h, ok := p.find(k)
	if !ok {
		return out, false
	}
	out = rpdb.Hit{Err: p.err(h), Rule: int(h.rule), Table: int(h.table), Place: h.id & placeMask}
	if h.table >= 0 {
		out.Way = p.tables[h.table].way(out.Place)
	}
	return out, f.holds(k.Dst)
}

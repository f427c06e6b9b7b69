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
	index  *ruleIndex   // of the rules before the changes
	tables []*planTable // by their places
	order  []*planTable // those that are asked without rules
	ports  map[int]bool // devices that belong to a VRF, by ifindex
	delta  ruleDelta
}

// planRule is a rule as the plan needs it.
type planRule struct {
	does     ruleKind
	whole    bool  // it matches every key that it is found for
	suppress int16 // results of at most this prefix length do not count
	err      rpdb.Errno
	table    *planTable // nil if it has no routes
}

type ruleKind uint8

const (
	ruleTable ruleKind = iota
	ruleEnd            // the walk ends with an error
	ruleOther          // only rpdb knows
)

// hit is what a lookup found.
type hit struct {
	err   rpdb.Errno
	rule  int32
	table *planTable // nil: no route decided
	place uint32
}

// outcome is how a look at a rule ends.
type outcome uint8

const (
	missed  outcome = iota // the walk goes on
	decided                // the hit is the answer
	left                   // rpdb has to look
)

// find makes a lookup through the rules; ok is false if rpdb has to.
func (p *plan) find(k *rpdb.Key) (h hit, ok bool) {
	if k.OIF != 0 || k.L3MDev != 0 || k.Scope != 0 || p.ports != nil && p.ports[k.IIF] {
		return h, false
	}
	if p.family == rpdb.IPv6 && ownLink6(k.Dst) {
		return h, false
	}
	if !p.walks {
		return p.inOrder(k.Dst)
	}
	i := p.first(k)
	if i == none {
		return hit{err: rpdb.ENETUNREACH, rule: -1}, true
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
			return hit{err: rpdb.ENETUNREACH, rule: -1}, decided
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
	r := &p.rules[p.delta.number(i)]
	if !r.whole && !p.db.RuleMatches(p.family, int(i), k) {
		return h, missed
	}
	switch r.does {
	case ruleEnd:
		return hit{err: r.err, rule: i}, decided
	case ruleOther:
		return h, left
	}
	if r.table == nil {
		return h, missed
	}
	id, _ := r.table.lpm.Load().Lookup(k.Dst)
	if id>>kindShift != 0 {
		return p.unusual(id, i, r.table)
	}
	if r.suppress >= 0 && r.table.route(id).Dst.Bits() <= int(r.suppress) {
		return h, missed
	}
	return hit{table: r.table, place: id, rule: i}, decided
}

// unusual is the outcome of an id that is not simply that of a route.
func (p *plan) unusual(id uint32, rule int32, t *planTable) (h hit, what outcome) {
	switch {
	case id == NoRoute:
		return h, missed
	case rpdb.EntryKind(id>>kindShift) != rpdb.EntryError:
		return h, left
	}
	place := id & placeMask
	return hit{err: t.route(place).Type.Err(), table: t, place: place, rule: rule}, decided
}

// inOrder is the lookup while no rule was ever changed: the first table that has a
// route. IPv4 has local and main in one trie then, so main counts if its prefix is
// the longer one.
func (p *plan) inOrder(dst netip.Addr) (h hit, ok bool) {
	for i, t := range p.order {
		id, found := t.lpm.Load().Lookup(dst)
		if !found {
			continue
		}
		if p.family == rpdb.IPv4 && i == 0 && !p.longest(id, dst) {
			return h, false
		}
		if id>>kindShift == 0 {
			return hit{table: t, place: id, rule: -1}, true
		}
		h, what := p.unusual(id, -1, t)
		return h, what == decided
	}
	return hit{err: rpdb.ENETUNREACH, rule: -1}, true
}

// longest reports whether table main has no longer prefix for an address than the one
// that table local has.
func (p *plan) longest(id uint32, dst netip.Addr) bool {
	local, main := p.order[0], p.order[1]
	other, both := main.lpm.Load().Lookup(dst)
	if !both {
		return true
	}
	if max(id, other)>>kindShift > uint32(rpdb.EntryError) {
		return false
	}
	return local.route(id&placeMask).Dst.Bits() >= main.route(other&placeMask).Dst.Bits()
}

// ownLink6 reports whether an address is one that means something on one link only:
// multicast, link-local, or the loopback address.
func ownLink6(a netip.Addr) bool {
	k := key6(a)
	return k.hi>>56 == 0xff || k.hi>>54 == 0xfe80>>6 || k == u128{lo: 1}
}

// found is a hit as rpdb tells it.
func (p *plan) found(h hit) rpdb.Found {
	f := rpdb.Found{Err: h.err, Rule: int(h.rule), Leg: -1}
	if h.table != nil {
		f.Table, f.Route = h.table.id, h.table.route(h.place)
		if h.err == rpdb.OK || p.family == rpdb.IPv6 { // its error routes have a nexthop, lo
			f.Leg = 0
		}
		if !p.walks && p.family == rpdb.IPv4 && h.table.id == rpdb.TableLocal {
			f.Table = rpdb.TableMain
		}
	}
	return f
}

// finder is a plan as a [rpdb.Finder], of a version of the tables.
type finder struct {
	*plan
	version version
}

// Find implements [rpdb.Finder].
func (f *finder) Find(k rpdb.Key) (rpdb.Hit, bool) {
	h, ok := f.find(&k)
	out := rpdb.Hit{Err: h.err, Rule: int(h.rule), Table: -1, Place: h.place}
	if h.table != nil {
		out.Table = h.table.at
	}
	return out, ok && f.version.current()
}

// Candidates implements [rpdb.Finder].
func (f *finder) Candidates(k rpdb.Key) rpdb.Candidates { return f.candidates(&k) }

package fib

import "github.com/rulewalk/rulewalk/rpdb"

// straight is the short way through a plan for the keys that no rule concerns but
// those at the end, without selectors: what of these the first looks at decides, in
// most hosts table main behind local. It exists where other rules are found by the
// destination alone.
type straight struct {
	to    *LPM // of the rules found by the destination; nil: there are none
	table *planTable
	rule  int32
	id    uint32 // of the table
}

// newStraight returns the short way through a plan, nil if there is none.
func newStraight(p *plan) *straight {
	x := p.index
	if !p.walks || p.ports != nil || len(x.marks) > 0 || x.from.lpm != nil || x.iif.slots != nil || x.tunnel != nil ||
		x.uid.starts != nil || x.sport.starts != nil || x.dport.starts != nil || p.delta.places != nil {
		return nil
	}
	i := x.head(x.rest)
	if i == none {
		return nil
	}
	r := &p.rules[i]
	if r.match != matchWhole || r.does != ruleTable || r.table < 0 || r.suppress >= 0 {
		return nil
	}
	t := p.tables[r.table]
	return &straight{to: x.to.lpm, table: t, rule: i, id: t.id}
}

// find returns the id that decides on a key without oif and scope; the plan has to
// look if it is not simply that of a route.
func (s *straight) find(k *rpdb.Key) uint32 {
	t := s.table.live.current.Load()
	if k.Dst.Is4() {
		a := key4(k.Dst)
		if s.to != nil && s.to.four.lookup4(a) != 0 {
			return NoRoute
		}
		return t.four.lookup4(a) - 1
	}
	a := key6(k.Dst)
	if ownLink6(a) || s.to != nil && s.to.six.lookup6(a) != 0 {
		return NoRoute
	}
	return t.six.lookup6(a) - 1
}

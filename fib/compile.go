package fib

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// newPlan compiles a family of a database. The tables of old, if it is there, stay;
// they are what the database has but for the last change. keep tells that changes
// will follow.
func newPlan(db *rpdb.Database, f rpdb.Family, old *plan, keep bool) (*plan, error) {
	p := &plan{db: db, family: f, walks: db.WalksRules(f)}
	if err := p.compileTables(old, keep); err != nil {
		return nil, err
	}
	if old != nil {
		p.ports = old.ports
	} else {
		p.ports = vrfPorts(db)
	}
	p.index = newRuleIndex(db, f, p.spread)
	for i := range p.index.whole {
		p.addRule(i)
		if p.index.whole[i] {
			p.rules[i].match = matchWhole
		}
	}
	for _, id := range [3]uint32{rpdb.TableLocal, rpdb.TableMain, rpdb.TableDefault} {
		if t := p.table(id); f == rpdb.IPv4 || id != rpdb.TableDefault {
			if t == nil {
				t = &planTable{id: id}
				t.live.current.Store(new(LPM))
			}
			p.order = append(p.order, t)
		}
	}
	p.short = newStraight(p)
	p.big = p.biggest()
	return p, nil
}

// compileTables compiles the tables that old does not have.
func (p *plan) compileTables(old *plan, keep bool) error {
	at := p.db.Tables(p.family)
	p.tables = make([]*planTable, len(at))
	var row map[uint32][]rpdb.Route
	if old == nil {
		row = rows(p.db.State(), p.family)
	} else {
		copy(p.tables, old.tables)
	}
	for id, place := range at {
		if p.tables[place] != nil {
			continue
		}
		t, err := newTable(p.db, p.family, id, place, row[id], keep)
		if err != nil {
			return err
		}
		p.tables[place] = t
	}
	p.cells = make([]tableCell, len(p.tables))
	for place, t := range p.tables {
		p.cells[place].table = t.id
		p.cells[place].set(p.db, p.family, t)
	}
	return nil
}

// cached is the size of a table that is taken to stay in caches.
const cached = 1 << 18

// biggest returns the biggest table, nil if all are in caches.
func (p *plan) biggest() (big *planTable) {
	size := cached
	for _, t := range p.tables {
		if n := t.live.current.Load().Bytes(); n > size {
			big, size = t, n
		}
	}
	return big
}

// vrfPorts returns the devices that belong to a VRF or are one, nil if there are
// none.
func vrfPorts(db *rpdb.Database) (ports map[int]bool) {
	for i := range db.State().Links {
		if l := &db.State().Links[i]; db.VRFOf(l.Index) != 0 {
			if ports == nil {
				ports = map[int]bool{}
			}
			ports[l.Index] = true
		}
	}
	return ports
}

// table returns a table, nil if it has no routes.
func (p *plan) table(id uint32) *planTable {
	if at, ok := p.db.Tables(p.family)[id]; ok {
		return p.tables[at]
	}
	return nil
}

// spread returns the prefixes of a table if they are few and leave something out.
func (p *plan) spread(id uint32) (prefixes map[netip.Prefix]bool, ok bool) {
	t := p.table(tableOf(id))
	if t == nil {
		return nil, true
	}
	for prefix := range t.spread {
		if prefix.Bits() == 0 {
			return nil, false
		}
	}
	return t.spread, t.spread != nil
}

func tableOf(id uint32) uint32 {
	if id == rpdb.TableUnspec {
		return rpdb.TableMain
	}
	return id
}

// addRule compiles the rule at a place, as the last by number.
func (p *plan) addRule(place int) {
	r := p.db.Rule(p.family, place)
	out := planRule{suppress: -1, table: -1, match: matchOther}
	if t := p.table(tableOf(r.Table)); t != nil {
		out.table = int32(t.at)
	}
	switch {
	case r.Action == rpdb.ActGoto || r.Action == rpdb.ActNop, r.L3MDev,
		r.SuppressIfGroup.Set && r.SuppressIfGroup.V != -1, p.family == rpdb.IPv6 && r.Flags&rpdb.RuleFindSaddr != 0:
		out.does = ruleOther
	case r.Action != rpdb.ActTable:
		out.does, out.err = ruleEnd, uint8(r.Action.Err())
	case r.SuppressPrefixLen.Set && r.SuppressPrefixLen.V >= 0:
		out.suppress = int16(min(r.SuppressPrefixLen.V, 128))
	}
	if p.family == rpdb.IPv4 {
		words, ok := wordsOf(r, p.db.RuleSelectors(p.family, place))
		p.words = append(p.words, words)
		if ok {
			out.match = matchWords
		}
	}
	p.rules = append(p.rules, out)
}

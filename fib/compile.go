package fib

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// newPlan compiles a family of a database.
func newPlan(db *rpdb.Database, f rpdb.Family) (*plan, error) {
	p := &plan{db: db, family: f, walks: db.WalksRules(f)}
	at := db.Tables(f)
	p.tables = make([]*planTable, len(at))
	row := rows(db.State(), f)
	for id, place := range at {
		t, err := newTable(db, f, id, place, row[id])
		if err != nil {
			return nil, err
		}
		p.tables[place] = t
	}
	for i := range db.State().Links {
		if l := &db.State().Links[i]; db.VRFOf(l.Index) != 0 {
			if p.ports == nil {
				p.ports = map[int]bool{}
			}
			p.ports[l.Index] = true
		}
	}
	p.index = newRuleIndex(db, f, p.spread)
	p.rules = make([]planRule, len(p.index.whole))
	for i, r := range db.Rules(f) {
		p.rules[i] = p.compileRule(r)
		p.rules[i].whole = p.index.whole[i]
	}
	for _, id := range [3]uint32{rpdb.TableLocal, rpdb.TableMain, rpdb.TableDefault} {
		if t := p.table(id); f == rpdb.IPv4 || id != rpdb.TableDefault {
			if t == nil {
				t = &planTable{id: id, lpm: new(LPM)}
			}
			p.order = append(p.order, t)
		}
	}
	return p, nil
}

// table returns a table, nil if it has no routes.
func (p *plan) table(id uint32) *planTable {
	if at, ok := p.db.Tables(p.family)[id]; ok {
		return p.tables[at]
	}
	return nil
}

// spread returns the prefixes of a table if they are few and leave something out.
func (p *plan) spread(id uint32) ([]netip.Prefix, bool) {
	t := p.table(tableOf(id))
	if t == nil {
		return nil, true
	}
	for _, prefix := range t.list {
		if prefix.Bits() == 0 {
			return nil, false
		}
	}
	return t.list, t.list != nil || t.lpm.Bytes() == 0
}

func tableOf(id uint32) uint32 {
	if id == rpdb.TableUnspec {
		return rpdb.TableMain
	}
	return id
}

func (p *plan) compileRule(r *rpdb.Rule) planRule {
	out := planRule{suppress: -1, table: p.table(tableOf(r.Table))}
	switch {
	case r.Action == rpdb.ActGoto || r.Action == rpdb.ActNop, r.L3MDev,
		r.SuppressIfGroup.Set && r.SuppressIfGroup.V != -1, p.family == rpdb.IPv6 && r.Flags&rpdb.RuleFindSaddr != 0:
		out.does = ruleOther
	case r.Action != rpdb.ActTable:
		out.does, out.err = ruleEnd, r.Action.Err()
	case r.SuppressPrefixLen.Set && r.SuppressPrefixLen.V >= 0:
		out.suppress = int16(min(r.SuppressPrefixLen.V, 128))
	}
	return out
}

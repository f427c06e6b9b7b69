package fib

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// shape is a selector that rules are found by, with its value.
type shape struct {
	kind   shapeKind
	prefix netip.Prefix
	a, b   uint64 // the value and the mask, or the ends of a range
}

type shapeKind uint8

const (
	byRest shapeKind = iota
	byFrom
	byTo
	byMark
	byTunnel
	byDPort
	bySPort
	byUID
	byVRF
	byIIF
	byOIF
)

// shapesOf lists the selectors that a rule can be found by. never tells that the
// rule matches nothing.
func shapesOf(db *rpdb.Database, index int, r *rpdb.Rule) (out []shape, never bool) {
	if r.Invert() {
		return nil, false
	}
	iif, oif := db.RuleAttached(r.Family, index)
	if !iif || !oif {
		return nil, true
	}
	for _, p := range []struct {
		kind   shapeKind
		prefix netip.Prefix
	}{{byFrom, r.From}, {byTo, r.To}} {
		// Without a source, an IPv6 rule with this flag matches by its other selectors.
		if p.kind == byFrom && r.Family == rpdb.IPv6 && r.Flags&rpdb.RuleFindSaddr != 0 {
			continue
		}
		if p.prefix.IsValid() && p.prefix.Bits() > 0 && rpdb.FamilyOf(p.prefix.Addr()) == r.Family {
			out = append(out, shape{kind: p.kind, prefix: netip.PrefixFrom(p.prefix.Addr().WithZone(""), p.prefix.Bits()).Masked()})
		}
	}
	if r.MarkMask != 0 {
		out = append(out, shape{kind: byMark, a: uint64(r.Mark & r.MarkMask), b: uint64(r.MarkMask)})
	}
	if r.TunID != 0 {
		out = append(out, shape{kind: byTunnel, a: r.TunID})
	}
	out = appendRange(out, byDPort, r.DPort)
	out = appendRange(out, bySPort, r.SPort)
	if r.UID.Set && r.UID.V.Start <= r.UID.V.End {
		out = append(out, shape{kind: byUID, a: uint64(r.UID.V.Start), b: uint64(r.UID.V.End)})
	}
	out = appendDevice(out, db, byIIF, r.IIF)
	return appendDevice(out, db, byOIF, r.OIF), false
}

func appendRange(out []shape, kind shapeKind, p rpdb.PortRange) []shape {
	if p.Start == 0 || p.Mask != 0 && p.Mask != 0xffff {
		return out
	}
	s := shape{kind: kind, a: uint64(p.Start), b: uint64(p.End)}
	if p.Mask != 0 {
		s.b = s.a
	}
	if s.a > s.b {
		return out
	}
	return append(out, s)
}

func appendDevice(out []shape, db *rpdb.Database, kind shapeKind, name string) []shape {
	l := db.LinkByName(name)
	if name == "" || l == nil {
		return out
	}
	if l.IsVRF() && db.Kernel().Has(rpdb.FeatureRuleVRFSelector) {
		kind = byVRF
	}
	return append(out, shape{kind: kind, a: uint64(l.Index)})
}

// cost is how many rules a lookup is likely to find with a shape: those that share
// it, and for a wide prefix those that only most flows match.
func (s *shape) cost(shared int) int {
	if (s.kind == byFrom || s.kind == byTo) && s.prefix.Bits() < s.prefix.Addr().BitLen()/4 {
		return 16 * shared
	}
	return shared
}

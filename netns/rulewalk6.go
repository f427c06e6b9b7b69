package netns

import (
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// lookupRules6 looks a gateway up through the rules, with no source and no input
// device (fib6_lookup). Suppressors do not count: this lookup has no destination entry
// that fib6_rule_suppress could judge.
func (n *Namespace) lookupRules6(dst netip.Addr, oif int, strict bool) found6 {
	if !n.customRules6() {
		for _, id := range []uint32{tableLocal, tableMain} {
			if f := n.lookupTable6(id, dst, oif, strict); f.route != nil {
				return f
			}
		}
		return found6{}
	}
	w := walker6{dst: dst, oif: oif}
	if d := n.byIndex(oif); d != nil {
		if w.l3 = n.vrfOf(d); w.l3 == d {
			w.oif = 0
		}
	}
	l := &n.rules.ipv6
	for i := 0; i < len(l.list); i++ {
		r := l.list[i]
		if w.matches(n, r) == r.Invert() {
			continue
		}
		switch r.Action {
		case rpdb.ActNop:
		case rpdb.ActGoto:
			if to := l.target(r); to >= 0 {
				i = to - 1
			}
		case rpdb.ActTable:
			id := r.Table
			if r.L3MDev && w.l3 != nil {
				id = w.l3.VRFTable
			}
			if f := n.lookupTable6(id, dst, w.oif, strict); f.route != nil && n.sourceFits6(r, f.nh.Dev) {
				return f
			}
		default:
			return found6{}
		}
	}
	return found6{}
}

// sourceFits6 reports whether a rule that looks for a source address by itself, which
// no request of ip makes, finds one on a device (fib6_rule_saddr): any that the device
// has.
func (n *Namespace) sourceFits6(r *rule, index int) bool {
	if r.Flags&rpdb.RuleFindSaddr == 0 || !r.From.IsValid() || r.From.Bits() == 0 {
		return true
	}
	d := n.byIndex(index)
	return d != nil && d.inet6 != nil && slices.ContainsFunc(d.inet6.addrs, func(a *addr6) bool { return r.From.Contains(a.addr) })
}

func (n *Namespace) lookupTable6(id uint32, dst netip.Addr, oif int, strict bool) found6 {
	t := n.fib6.table(id)
	if t == nil {
		return found6{}
	}
	return n.lookup6(t, dst, netip.Addr{}, oif, strict)
}

// walker6 is a walk through the IPv6 rules for a check of the kernel's own.
type walker6 struct {
	dst netip.Addr
	oif int
	l3  *device // the VRF that the flow belongs to, nil: none
}

// matches tells whether the selectors of a rule fit (fib_rule_match,
// fib6_rule_match).
func (w *walker6) matches(n *Namespace, r *rule) bool {
	has := func(p netip.Prefix) bool { return p.IsValid() && p.Bits() > 0 }
	switch {
	case r.iif != 0, r.oif != 0 && !w.matchesOIF(n, r.oif):
		return false
	case r.Mark&r.MarkMask != 0, r.FlowLabel&r.FlowLabelMask != 0, r.TunID != 0, r.UID.Set && r.UID.V.Start > 0:
		return false
	case r.L3MDev && w.l3 == nil:
		return false
	case has(r.From) && r.Flags&rpdb.RuleFindSaddr == 0, has(r.To) && !r.To.Contains(w.dst):
		return false
	case r.TOS != 0 && !r.DSCP.Set, r.DSCP.Set && r.DSCP.V.Value&r.DSCP.V.Mask&0x3f != 0:
		return false
	}
	return r.IPProto == 0 && r.SPort.Start == 0 && r.DPort.Start == 0
}

// matchesOIF compares the output device; a VRF means the flows that leave through it.
func (w *walker6) matchesOIF(n *Namespace, index int) bool {
	if d := n.byIndex(index); d != nil && d.IsVRF() {
		return w.l3 == d
	}
	return index == w.oif
}

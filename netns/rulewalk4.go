package netns

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// walker4 is a walk through the IPv4 rules for a check of the kernel's own
// (fib_rules_lookup).
type walker4 struct {
	*flow4
	l3 *device // the VRF that the flow belongs to, nil: none
}

// walkRules4 looks a flow up through the rules (__fib_lookup).
func (n *Namespace) walkRules4(f *flow4) (found4, rpdb.Errno) {
	w := walker4{flow4: f}
	if d := n.byIndex(f.oif); d != nil {
		if w.l3 = n.vrfOf(d); w.l3 == d {
			inner := *f
			inner.oif = 0
			w.flow4 = &inner
		}
	}
	l := &n.rules.ipv4
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
			if res, errno, done := n.ruleTable4(r, &w); done {
				return res, errno
			}
		case rpdb.ActUnreachable:
			return found4{}, rpdb.ENETUNREACH
		case rpdb.ActProhibit:
			return found4{}, rpdb.EACCES
		default:
			return found4{}, rpdb.EINVAL
		}
	}
	return found4{}, rpdb.ENETUNREACH
}

// ruleTable4 looks a flow up in the table of a rule (fib4_rule_action,
// fib4_rule_suppress). It reports whether the walk ends.
func (n *Namespace) ruleTable4(r *rule, w *walker4) (found4, rpdb.Errno, bool) {
	id := r.Table
	switch {
	case r.L3MDev && w.l3 != nil:
		id = w.l3.VRFTable
	case r.L3MDev: // matched because it is inverted
		id = rpdb.TableUnspec
	}
	t := n.table4Of(id)
	if t == nil {
		return found4{}, 0, false
	}
	res, errno := n.lookupTable4(t, w.flow4)
	if errno == rpdb.EAGAIN {
		return res, errno, false
	}
	if errno == rpdb.OK && suppressed4(r, &res) {
		return res, errno, false
	}
	return res, errno, true
}

// suppressed4 tells whether a rule drops what was found.
func suppressed4(r *rule, res *found4) bool {
	if r.SuppressPrefixLen.Set && int(res.alias.plen) <= int(r.SuppressPrefixLen.V) {
		return true
	}
	return r.SuppressIfGroup.Set && r.SuppressIfGroup.V != -1 && res.hop != nil && res.hop.dev != nil &&
		res.hop.dev.Group == uint32(r.SuppressIfGroup.V)
}

// matches tells whether the selectors of a rule fit a flow that has a destination, an
// output device and lo as input device, all else being 0 (fib_rule_match,
// fib4_rule_match).
func (w *walker4) matches(n *Namespace, r *rule) bool {
	has := func(p netip.Prefix) bool { return p.IsValid() && p.Bits() > 0 }
	switch {
	case r.iif != 0 && !w.matchesIIF(n, r.iif), r.oif != 0 && !w.matchesOIF(n, r.oif):
		return false
	case r.Mark&r.MarkMask != 0, r.TunID != 0, r.UID.Set && r.UID.V.Start > 0:
		return false
	case r.L3MDev && w.l3 == nil:
		return false
	case has(r.From) && !r.From.Contains(netip.IPv4Unspecified()), has(r.To) && !r.To.Contains(toAddr4(w.dst)):
		return false
	case r.TOS != 0 && !r.DSCP.Set, r.DSCP.Set && r.DSCP.V.Value&r.DSCP.V.Mask&0x3f != 0:
		return false
	}
	return r.IPProto == 0 && r.SPort.Start == 0 && r.DPort.Start == 0
}

// matchesIIF compares the input device, which is lo; a VRF means the flows that came
// in through it, of which there are none here.
func (w *walker4) matchesIIF(n *Namespace, index int) bool {
	d := n.byIndex(index)
	return index == rpdb.Loopback && (d == nil || !d.IsVRF())
}

// matchesOIF compares the output device; a VRF means the flows that leave through it.
func (w *walker4) matchesOIF(n *Namespace, index int) bool {
	if d := n.byIndex(index); d != nil && d.IsVRF() {
		return w.l3 == d
	}
	return index == w.oif
}

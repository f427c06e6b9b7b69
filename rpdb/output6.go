package rpdb

import "net/netip"

// decide6 decides on an IPv6 flow.
func (db *Database) decide6(f *Flow, w *Walk) Decision {
	d := Decision{RuleIndex: -1, Leg: -1}
	l := look6{db: db, w: w, output: f.IIF == 0, cause: f.Cause, packet: f.Hashed == HashedPacket, next: f.NextHeader, known: db.six.hash.known6(f.Unknown), res: found6{rule: -1}}
	l.k = Key{
		Family: IPv6, Dst: f.Dst.WithZone(""), Src: netip.IPv6Unspecified(), Mark: f.Mark, TOS: f.TOS & 0xfc,
		UID: f.UID, IPProto: f.IPProto, SPort: f.SPort, DPort: f.DPort, FlowLabel: f.FlowLabel & 0xfffff, TunID: f.TunID,
	}
	if f.Src.IsValid() && !f.Src.IsUnspecified() {
		l.k.Src, l.k.HasSrc = f.Src.WithZone(""), true
	}
	// Gateways need not be reachable for a host that forwards (ip6_pol_route).
	if !db.six.forwarding {
		l.strict = strictReachable
	}
	if l.output {
		l.send(f.OIF, f.Bound, &d)
	} else {
		l.arrive(f.IIF, &d)
	}
	return d
}

// send decides on a packet that this host sends (ip6_route_output_flags). A source
// that is given need not be an address of this host. bound: a socket is bound to the device.
func (l *look6) send(oif int, bound bool, d *Decision) {
	l.k.OIF = oif
	if l.k.HasSrc {
		l.w.source(SourceTrace{Addr: l.k.Src, How: SourceGiven})
	}
	if dev := l.db.devs[oif]; dev != nil && dev.vrf != 0 && linkScope6(l.k.Dst) {
		l.strict |= strictIface
		l.answer(l.vrfLinkScope(dev), d)
		return
	}
	l.k.IIF = Loopback
	if needsIface6(l.k.Dst) || oif != 0 && (!l.k.HasSrc || bound) {
		l.strict |= strictIface
	}
	err := l.rules(ForOutput)
	l.db.decided(d, IPv6, l.res.rule)
	l.answer(err, d)
}

// vrfLinkScope looks up a link-local or multicast destination that is bound to a
// VRF or a port of one: the VRF's table is asked without any rule, and the VRF
// device itself has no links (vrf_link_scope_lookup, spec IPv6 9.9).
func (l *look6) vrfLinkScope(dev *device) Errno {
	if !dev.IsVRF() {
		return l.direct(ForOutput, l.db.vrfTable(dev.vrf))
	}
	l.w.begin(ForOutput, &l.k)
	if t := l.w.current(); t != nil {
		t.Direct = true
	}
	l.w.end(ENETUNREACH)
	return ENETUNREACH
}

// arrive decides on a packet that arrived on a device (ip6_route_input_lookup).
func (l *look6) arrive(iif int, d *Decision) {
	dev := l.db.devs[iif]
	if dev == nil {
		d.Err, d.Drop = ENODEV, DropNoDevice
		return
	}
	l.k.IIF = iif
	if needsIface6(l.k.Dst) && dev.Type != arphrdPIMReg {
		l.strict |= strictIface
	}
	err := l.rules(ForInput)
	l.db.decided(d, IPv6, l.res.rule)
	l.answer(err, d)
	l.arrivalChecks(dev, d)
}

const arphrdPIMReg = 779

// answer fills the decision from the outcome of the lookup (rt6_fill_node).
func (l *look6) answer(err Errno, d *Decision) {
	res := &l.res
	d.Err = err
	if res.route == nil {
		return
	}
	d.Table, d.Route, d.Leg = res.table, res.route, res.pick6.leg
	d.Undetermined = res.undetermined
	if err != OK {
		return
	}
	d.Type, d.UsesRoute = res.own().Type, true
	d.OIF = resultDev6(res.route, &res.hop)
	d.Gateway = res.hop.gw
	if loopReject(&res.pick6, res.hop.dev) {
		d.Drop = DropLoopbackRoute
	}
	if !l.k.Src.IsUnspecified() {
		d.FlowSrc = l.k.Src
	}
	if l.output {
		l.sources(d)
		return
	}
	d.Src = d.FlowSrc
	if multicast6(res.route.Dst.Addr()) {
		// The multicast router knows no such packet, and the reply cannot be built
		// (ip6mr_get_route).
		d.Err = EMSGSIZE
	}
}

// resultDev6 is the device of the answer: local and anycast routes of the kernel's
// own making deliver on lo, or on the VRF (ip6_rt_get_dev_rcu).
func resultDev6(r *Route, l *leg6) int {
	if r.Type != Local && !kernelAnycast(r) || l.dev == nil || l.dev.IsVRF() {
		return l.oif
	}
	if l.dev.vrf != 0 && !needsIface6(r.Dst.Addr()) {
		return l.dev.vrf
	}
	return Loopback
}

// arrivalChecks makes the checks around the lookup for a packet that arrived
// (ip6_rcv_core, ip6_forward). RTM_GETROUTE knows nothing of them, so that Err
// stays as it is.
func (l *look6) arrivalChecks(dev *device, d *Decision) {
	foreign := !dev.IsLoopback() && !dev.IsVRF()
	if l.k.HasSrc {
		l.check(d, dev, CheckMartianSource, DropMartianSource, multicast6(l.k.Src) || l.k.Src == netip.IPv6Loopback() && foreign)
	}
	l.check(d, dev, CheckMartianDest, DropMartianDest, l.k.Dst == netip.IPv6Loopback() && foreign)
	if d.Err != OK || d.Type == Local || d.Type == Anycast {
		return
	}
	l.db.noteForwarding6(l.w)
	l.check(d, dev, CheckForwarding, DropForwardingOff, !l.db.six.forwarding)
}

// check records one check; the first that fails is the reason for the drop.
func (l *look6) check(d *Decision, dev *device, kind CheckKind, why Drop, failed bool) {
	c := Check{What: kind, Passed: !failed, Dev: dev.Index}
	if failed {
		c.Drop = why
		if d.Drop == NoDrop {
			d.Drop = why
		}
	}
	l.w.check(c)
}

// needsIface6 reports whether an address means something on one link only
// (rt6_need_strict).
func needsIface6(a netip.Addr) bool { return linkScope6(a) || a == netip.IPv6Loopback() }

// linkScope6 reports whether an address is multicast or link-local.
func linkScope6(a netip.Addr) bool {
	return multicast6(a) || a.Is6() && !a.Is4In6() && a.IsLinkLocalUnicast()
}

// multicast6 reports whether an IPv6 address is multicast; a v4-mapped one never is.
func multicast6(a netip.Addr) bool { return a.As16()[0] == 0xff }

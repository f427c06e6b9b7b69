package rpdb

import "net/netip"

// decide6 decides on an IPv6 flow.
func (db *Database) decide6(f *Flow, w *Walk, d *Decision) {
	k := Key{
		Family: IPv6, Dst: f.Dst.WithZone(""), Src: netip.IPv6Unspecified(), Mark: f.Mark, TOS: f.TOS & 0xfc,
		UID: f.UID, IPProto: f.IPProto, SPort: f.SPort, DPort: f.DPort, FlowLabel: f.FlowLabel & 0xfffff, TunID: f.TunID,
	}
	if f.Src.IsValid() && !f.Src.IsUnspecified() {
		k.Src, k.HasSrc = f.Src.WithZone(""), true
	}
	if f.IIF != 0 {
		db.input6(f, &k, w, d)
		return
	}
	db.output6(f, &k, w, d)
}

// output6 decides on a packet that this host sends (ip6_route_output_flags). A
// source that is given need not be an address of this host.
func (db *Database) output6(f *Flow, k *Key, w *Walk, d *Decision) {
	k.OIF = f.OIF
	if k.HasSrc {
		w.source(SourceTrace{Addr: k.Src, How: SourceGiven})
	}
	if dev := db.devs[f.OIF]; dev != nil && dev.vrf != 0 && linkScope6(k.Dst) {
		db.vrfLinkScope(f, k, dev, w, d)
		return
	}
	k.IIF = Loopback
	l := db.newLook6(f, w, k, true, needsIface6(k.Dst) || f.OIF != 0 && !k.HasSrc)
	err := l.rules(ForOutput)
	db.decided(d, IPv6, l.res.rule)
	l.answer(err, d)
}

// vrfLinkScope decides on a packet to a link-local or multicast address that is
// bound to a VRF or a port of one: the VRF's table is asked without any rule, and
// the VRF device itself has no links (vrf_link_scope_lookup, spec IPv6 9.9).
func (db *Database) vrfLinkScope(f *Flow, k *Key, dev *device, w *Walk, d *Decision) {
	l := db.newLook6(f, w, k, true, true)
	if dev.IsVRF() {
		w.begin(ForOutput, k)
		if t := w.current(); t != nil {
			t.Direct = true
		}
		w.end(ENETUNREACH)
		d.Err = ENETUNREACH
		return
	}
	l.answer(l.direct(ForOutput, db.vrfTable(dev.vrf)), d)
}

// input6 decides on a packet that arrived on a device (ip6_route_input_lookup).
// Routing checks neither the source nor forwarding; both are checked around it.
func (db *Database) input6(f *Flow, k *Key, w *Walk, d *Decision) {
	dev := db.devs[f.IIF]
	if dev == nil {
		d.Err, d.Drop = ENODEV, DropNoDevice
		return
	}
	k.IIF = f.IIF
	l := db.newLook6(f, w, k, false, needsIface6(k.Dst) && dev.Type != arphrdPIMReg)
	err := l.rules(ForInput)
	db.decided(d, IPv6, l.res.rule)
	l.answer(err, d)
	db.arrive6(k, dev, w, d)
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
	d.Type, d.UsesRoute = res.route.Type, true
	d.OIF = l.db.resultDev6(res.route, &res.leg)
	d.Gateway = res.leg.gw
	if l.db.loopReject(&res.pick6, res.leg.dev) {
		d.Drop = DropLoopbackRoute
	}
	if l.k.Src != netip.IPv6Unspecified() {
		d.FlowSrc = l.k.Src
	}
	if !l.output {
		d.Src = d.FlowSrc
		// ip6mr_get_route knows no such packet, and the reply cannot be built.
		if res.route.Dst.Addr().IsMulticast() {
			d.Err = EMSGSIZE
		}
		return
	}
	l.sources(d)
}

// resultDev6 is the device of the answer: local and anycast routes of the kernel's
// own making deliver on lo, or on the VRF (ip6_rt_get_dev_rcu).
func (db *Database) resultDev6(r *Route, l *leg6) int {
	if r.Type != Local && !kernelAnycast(r) || l.dev == nil || l.dev.IsVRF() {
		return l.oif
	}
	if l.dev.vrf != 0 && !needsIface6(r.Dst.Addr()) {
		return l.dev.vrf
	}
	return Loopback
}

// arrive6 makes the checks around the lookup for a packet that arrived
// (ip6_rcv_core, ip6_forward). RTM_GETROUTE knows nothing of them: Err stays.
func (db *Database) arrive6(k *Key, dev *device, w *Walk, d *Decision) {
	drop := func(kind CheckKind, bad bool, why Drop) {
		w.check(Check{What: kind, Passed: !bad, Dev: dev.Index, Drop: why})
		if bad && d.Drop == NoDrop {
			d.Drop = why
		}
	}
	foreign := !dev.IsLoopback() && !dev.IsVRF()
	if k.HasSrc {
		drop(CheckMartianSource, k.Src.IsMulticast() || k.Src.IsLoopback() && foreign, DropMartianSource)
	}
	drop(CheckMartianDest, k.Dst.IsLoopback() && foreign, DropMartianDest)
	if d.Err != OK || d.Type == Local || d.Type == Anycast || d.Route == nil {
		return
	}
	db.noteForwarding6(w)
	drop(CheckForwarding, !db.six.forwarding, DropForwardingOff)
}

// needsIface6 reports whether an address means something on one link only
// (rt6_need_strict).
func needsIface6(a netip.Addr) bool { return linkScope6(a) || a.IsLoopback() }

// linkScope6 reports whether an address is multicast or link-local.
func linkScope6(a netip.Addr) bool {
	return a.IsMulticast() || a.IsLinkLocalUnicast()
}

package rpdb

import "net/netip"

// out4 is the state of one IPv4 output decision (ip_route_output_key_hash_rcu).
type out4 struct {
	db  *Database
	f   *Flow
	w   *Walk
	d   Decision
	k   Key
	src netip.Addr // unspecified until chosen
	dst netip.Addr
	dev *device // of the answer
	typ RouteType
	res found4
	// reported tells that a lookup's table and tos go into the answer.
	reported bool
}

// output4 decides on a packet that this host sends (spec IPv4 section 5).
func (db *Database) output4(f *Flow, w *Walk) Decision {
	o := out4{db: db, f: f, w: w, d: Decision{RuleIndex: -1, Leg: -1}, dst: f.Dst, src: netip.IPv4Unspecified()}
	if f.Src.IsValid() {
		o.src = f.Src
	}
	o.k = Key{
		Family: IPv4, IIF: Loopback, OIF: f.OIF, Mark: f.Mark, TOS: f.TOS & 0xfc, UID: f.UID,
		IPProto: f.IPProto, SPort: f.SPort, DPort: f.DPort, TunID: f.TunID,
	}
	if f.Direct {
		o.k.Scope = ScopeLink
	}
	if !o.src.IsUnspecified() {
		w.source(SourceTrace{Addr: o.src, How: SourceGiven})
	}
	if o.givenSource() && o.givenDevice() && o.zeroDestination() {
		o.lookup()
	}
	return o.d
}

// fail ends the decision with an error.
func (o *out4) fail(err Errno, why Drop) bool {
	o.d.Err, o.d.Drop = err, why
	return false
}

// givenSource checks a source that the flow came with. It returns false when the
// decision is made.
func (o *out4) givenSource() bool {
	if o.src.IsUnspecified() {
		return true
	}
	if o.src.IsMulticast() || isLimitedBroadcast(o.src) {
		return o.fail(EINVAL, DropInvalidSource)
	}
	toMany := o.dst.IsMulticast() || isLimitedBroadcast(o.dst)
	if o.f.AnySource && (o.f.OIF != 0 || !toMany) {
		return true
	}
	dev := o.db.owner(o.src, o.w)
	o.w.check(Check{What: CheckSourceOwner, Passed: dev != nil, Dev: dev.index(), Drop: DropSourceNotLocal})
	if dev == nil {
		return o.fail(ENETUNREACH, DropSourceNotLocal)
	}
	if o.f.OIF == 0 && toMany {
		o.dev = dev
		return o.make()
	}
	return true
}

// givenDevice checks the device that the flow is bound to.
func (o *out4) givenDevice() bool {
	if o.f.OIF == 0 {
		return true
	}
	dev := o.db.devs[o.f.OIF]
	ok := dev != nil && dev.Up() && !dev.NoInet
	o.w.check(Check{What: CheckOutDevice, Passed: ok, Dev: o.f.OIF, Drop: DropDeviceDown})
	if dev == nil {
		return o.fail(ENODEV, DropNoDevice)
	}
	if !ok {
		return o.fail(ENETUNREACH, DropDeviceDown)
	}
	o.dev = dev
	if isLocalMulticast(o.dst) || isLimitedBroadcast(o.dst) || o.f.IPProto == protoIGMP {
		o.sourceOf(dev, ScopeLink)
		return o.make()
	}
	if o.dst.IsMulticast() {
		o.sourceOf(dev, ScopeGlobal)
	} else if o.dst.IsUnspecified() {
		o.sourceOf(dev, ScopeHost)
	}
	return true
}

// sourceOf chooses a source among the device's addresses if there is none yet.
func (o *out4) sourceOf(dev *device, scope Scope) {
	if !o.src.IsUnspecified() {
		return
	}
	if a := o.db.selectAddr(dev, netip.Addr{}, scope, o.w); a.IsValid() {
		o.src = a
	}
}

// zeroDestination answers a flow to 0.0.0.0: it stays on this host.
func (o *out4) zeroDestination() bool {
	if !o.dst.IsUnspecified() {
		return true
	}
	o.dst = o.src
	if o.dst.IsUnspecified() {
		o.dst = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		o.src = o.dst
		o.w.source(SourceTrace{Addr: o.src, How: SourceLoopback, Dev: Loopback})
	}
	o.dev, o.typ = o.db.devs[Loopback], Local
	return o.make()
}

// lookup asks the rules and finishes the decision from what they say.
func (o *out4) lookup() {
	o.k.Dst, o.k.Src = o.dst, o.src
	err, res := o.db.lookup4(ForOutput, &o.k, o.w)
	o.db.decided(&o.d, IPv4, res.rule)
	if err != OK {
		// With a device given the kernel takes the destination to be on-link there,
		// whatever the tables said; not so in a VRF.
		if o.k.OIF != 0 && (o.k.L3MDev == 0 || o.dst.IsMulticast()) {
			o.d.Rule, o.d.RuleIndex = nil, -1
			o.d.TOS, o.d.Realms, o.d.Assumed = res.stale, o.db.ruleRealms(&res), true
			o.sourceOf(o.dev, ScopeLink)
			o.typ = Unicast
			o.make()
			return
		}
		o.db.refused(&o.d, &res, o.w)
		o.fail(err, NoDrop)
		return
	}
	o.res, o.reported = res, true
	o.typ = res.alias.route.Type
	if o.typ == Local {
		o.toLocal()
	} else {
		o.toNexthop()
	}
}

// toLocal finishes with delivery on this host: the device is lo, or the VRF.
func (o *out4) toLocal() {
	if o.src.IsUnspecified() {
		if p := o.res.alias.info.prefsrc; p.IsValid() {
			o.src = p
			o.w.source(SourceTrace{Addr: p, How: SourcePrefSrc})
		} else {
			o.src = o.dst
			o.w.source(SourceTrace{Addr: o.dst, How: SourceDst})
		}
	}
	o.dev = o.db.localDevice(o.res.hop)
	o.make()
}

// localDevice is the device that local delivery is reported on.
func (db *Database) localDevice(h *hop) *device {
	if h != nil && h.dev != nil && h.dev.vrf != 0 {
		return db.devs[h.dev.vrf]
	}
	return db.devs[Loopback]
}

// toNexthop finishes with the chosen nexthop (fib_select_path).
func (o *out4) toNexthop() {
	if o.k.OIF == 0 {
		if len(o.res.alias.info.paths()) > 1 {
			o.db.choosePath4(o.f, o.src, o.dst, true, &o.res, &o.d)
		} else if o.res.plen == 0 && o.typ == Unicast && o.f.Hashed != HashedNot {
			o.db.chooseDefault4(&o.k, &o.res, o.w)
		}
	}
	if o.src.IsUnspecified() {
		if a := o.db.source4(&o.k, &o.res, o.w); a.IsValid() {
			o.src = a
		}
	}
	o.dev = o.res.hop.dev
	o.make()
}

// make builds the answer (__mkroute_output). It always returns false: the decision
// is made.
func (o *out4) make() bool {
	d := &o.d
	if o.dev == nil || o.dev.NoInet {
		return o.fail(EINVAL, DropNoIPDevice)
	}
	if o.src.IsLoopback() && !o.dev.IsLoopback() && !o.dev.IsVRF() {
		o.dev.note4(o.w, "route_localnet", b2i(o.dev.conf4.routeLocalnet))
		if !o.dev.conf4.routeLocalnet {
			return o.fail(EINVAL, DropLoopbackSource)
		}
	}
	useRoute := o.reported
	switch {
	case isLimitedBroadcast(o.dst):
		o.typ, useRoute = Broadcast, false
	case o.dst.IsMulticast():
		o.typ = Multicast
	}
	if o.typ == Local || o.dev.IsLoopback() {
		d.Flags |= FlagLocal // the device of a local type is lo or the VRF
	}
	switch o.typ {
	case Broadcast:
		d.Flags |= FlagBroadcast | FlagLocal
		useRoute = useRoute && o.db.kernel.Has(FeatureBroadcastRoute)
	case Multicast:
		// A default route gives the device, but no gateway.
		useRoute = useRoute && o.res.plen >= 4
		d.Flags |= FlagMulticast
		if o.db.joined(o.dev, o.dst, o.w) {
			d.Flags |= FlagLocal
		} else {
			d.Flags &^= FlagLocal
		}
	}
	d.Type, d.OIF = o.typ, o.dev.Index
	if !o.src.IsUnspecified() {
		d.Src = o.src
	}
	o.db.report4(d, &o.res, o.reported, useRoute)
	return false
}

// refused notes the route whose type refused a packet, if it was a route. A dump
// shows every route by a blackhole object as blackhole (fib_dump_info).
func (db *Database) refused(d *Decision, res *found4, w *Walk) {
	if res.alias == nil {
		return
	}
	d.Table, d.Route = res.table, res.alias.route
	if d.Route.NHID != 0 && d.Route.Type == Blackhole {
		w.assume("the type of "+d.Route.Dst.String()+", which its nexthop object hides", "blackhole")
	}
}

// report4 copies what the answer shows of the matched route. useRoute tells that
// the packet follows its nexthop.
func (db *Database) report4(d *Decision, res *found4, reported, useRoute bool) {
	if !reported {
		return
	}
	d.Table, d.Route, d.Leg = res.table, res.alias.route, res.leg
	d.TOS = res.alias.route.TOS
	if useRoute {
		d.UsesRoute = true
		if res.hop != nil {
			d.Realms = res.hop.realms
			if res.hop.usesGateway() {
				d.Gateway = res.hop.gw
			}
		}
	}
	d.Realms = mergeRealms(d.Realms, db.ruleRealms(res))
}

// ruleRealms returns the realms of the rule that ended a walk.
func (db *Database) ruleRealms(res *found4) uint32 {
	if res.rule < 0 {
		return 0
	}
	return db.rules4[res.rule].Realms
}

// mergeRealms fills the missing halves of a nexthop's realms with the rule's
// (set_class_tag).
func mergeRealms(route, rule uint32) uint32 {
	if route&0xffff == 0 {
		route |= rule & 0xffff
	}
	if route&0xffff0000 == 0 {
		route |= rule & 0xffff0000
	}
	return route
}

// decided notes the rule that decided.
func (db *Database) decided(d *Decision, f Family, index int) {
	d.RuleIndex = index
	if index >= 0 {
		d.Rule = db.rulesOf(f)[index].Rule
	}
}

func (d *device) index() int {
	if d == nil {
		return 0
	}
	return d.Index
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

package rpdb

import (
	"net/netip"
	"slices"
)

// in4 is the state of one IPv4 input decision (ip_route_input_rcu,
// ip_route_input_slow).
type in4 struct {
	db    *Database
	f     *Flow
	w     *Walk
	d     Decision
	dev   *device
	src   netip.Addr
	dst   netip.Addr
	res   found4
	found bool   // res holds a route
	itag  uint32 // realms from the way back
}

// input4 decides on a packet that arrived on a device (spec IPv4 section 6).
func (db *Database) input4(f *Flow, w *Walk) Decision {
	in := in4{db: db, f: f, w: w, d: Decision{RuleIndex: -1, Leg: -1}, dev: db.devs[f.IIF], dst: f.Dst, src: netip.IPv4Unspecified()}
	if f.Src.IsValid() {
		in.src = f.Src
	}
	switch {
	case in.dev == nil:
		in.fail(ENODEV, DropNoDevice)
	case in.dev.NoInet:
		in.fail(EINVAL, DropNoIPDevice)
	case in.dst.IsMulticast():
		in.multicast()
	default:
		in.unicast()
	}
	return in.d
}

func (in *in4) fail(err Errno, why Drop) {
	in.d.Err, in.d.Drop = err, why
}

// multicast decides on a packet to a group (ip_route_input_mc,
// ip_mc_validate_source).
func (in *in4) multicast() {
	joined := in.db.joined(in.dev, in.dst, in.w)
	if !joined && in.dev.vrf != 0 && in.dev.vrf != in.dev.Index {
		joined = in.db.joined(in.db.devs[in.dev.vrf], in.dst, in.w)
	}
	if !joined {
		in.dev.note4(in.w, "mc_forwarding", b2i(in.dev.conf4.mcForwarding))
	}
	ok := joined || !isLocalMulticast(in.dst) && in.dev.conf4.mcForwarding
	in.w.check(Check{What: CheckMulticast, Passed: ok, Dev: in.dev.Index, Drop: DropNotJoined})
	if !ok {
		in.fail(EINVAL, DropNotJoined)
		return
	}
	switch {
	case in.src.IsMulticast() || isLimitedBroadcast(in.src):
		in.martianSource()
		return
	case in.src.IsLoopback() && !in.localnet():
		in.martianSource()
		return
	case in.src.IsUnspecified():
		if !isLocalMulticast(in.dst) && in.f.IPProto != protoIGMP {
			in.martianSource()
			return
		}
	default:
		if !in.validSource(netip.IPv4Unspecified(), 0) {
			return
		}
	}
	in.d.Type, in.d.Flags, in.d.OIF = Multicast, FlagMulticast, Loopback
	if joined {
		in.d.Flags |= FlagLocal
	}
	in.d.Realms, in.d.SourceRealms = in.itag, in.itag
}

func (in *in4) martianSource() {
	in.w.check(Check{What: CheckMartianSource, Dev: in.dev.Index, Drop: DropMartianSource})
	in.fail(EINVAL, DropMartianSource)
}

func (in *in4) martianDest() {
	in.w.check(Check{What: CheckMartianDest, Dev: in.dev.Index, Drop: DropMartianDest})
	in.fail(EINVAL, DropMartianDest)
}

// localnet reports whether loopback addresses may come from this device.
func (in *in4) localnet() bool {
	in.dev.note4(in.w, "route_localnet", b2i(in.dev.conf4.routeLocalnet))
	return in.dev.conf4.routeLocalnet
}

// unicast decides on every other packet.
func (in *in4) unicast() {
	switch {
	case in.src.IsMulticast() || isLimitedBroadcast(in.src):
		in.martianSource()
	case isLimitedBroadcast(in.dst) || in.src.IsUnspecified() && in.dst.IsUnspecified():
		in.broadcast()
	case in.src.IsUnspecified():
		in.martianSource()
	case in.dst.IsUnspecified():
		in.martianDest()
	case in.dst.IsLoopback() && !in.localnet():
		in.martianDest()
	case !in.dst.IsLoopback() && in.src.IsLoopback() && !in.localnet():
		in.martianSource()
	default:
		in.w.check(Check{What: CheckMartianSource, Passed: true, Dev: in.dev.Index})
		in.lookup()
	}
}

// key is the key of the packet's own lookup. Protocol and ports are read from the
// packet only if some rule needs them (fib4_rules_early_flow_dissect).
func (in *in4) key() Key {
	k := Key{
		Family: IPv4, Dst: in.dst, Src: in.src, IIF: in.dev.Index, Mark: in.f.Mark,
		TOS: in.f.TOS & 0xfc, TunID: in.f.TunID,
	}
	if in.db.dissect4 {
		k.IPProto = in.f.IPProto
		if in.f.IPProto != ProtoICMP {
			k.SPort, k.DPort = in.f.SPort, in.f.DPort
		}
	}
	return k
}

func (in *in4) lookup() {
	k := in.key()
	err, res := in.db.lookup4(ForInput, &k, in.w)
	in.db.decided(&in.d, IPv4, res.rule)
	in.dev.note4(in.w, "forwarding", b2i(in.dev.conf4.forwarding))
	if err != OK {
		in.db.refused(&in.d, &res, in.w)
		if !in.dev.conf4.forwarding {
			in.forwardingOff()
			return
		}
		in.fail(err, NoDrop)
		return
	}
	in.res, in.found = res, true
	switch {
	case res.alias.route.Type == Broadcast && !in.dev.conf4.bcForwarding:
		in.broadcast()
	case res.alias.route.Type == Broadcast:
		in.forward()
	case res.alias.route.Type == Local:
		if in.validSource(in.dst, 0) {
			in.local(Local, FlagLocal)
		}
	case !in.dev.conf4.forwarding:
		in.db.refused(&in.d, &in.res, in.w)
		in.forwardingOff()
	case res.alias.route.Type != Unicast:
		in.db.refused(&in.d, &in.res, in.w)
		in.fail(EINVAL, DropNotForwardable)
	default:
		in.forward()
	}
}

func (in *in4) forwardingOff() {
	in.w.check(Check{What: CheckForwarding, Dev: in.dev.Index, Drop: DropForwardingOff})
	in.fail(EHOSTUNREACH, DropForwardingOff)
}

// broadcast delivers a broadcast on this host.
func (in *in4) broadcast() {
	if !in.src.IsUnspecified() && !in.validSource(netip.IPv4Unspecified(), 0) {
		return
	}
	in.local(Broadcast, FlagBroadcast|FlagLocal)
}

// local delivers the packet on this host.
func (in *in4) local(t RouteType, flags uint32) {
	in.d.Type, in.d.Flags = t, flags
	var h *hop
	if in.found {
		h = in.res.hop
	}
	in.d.OIF = in.db.localDevice(h).index()
	in.report(false)
	in.d.Realms, in.d.SourceRealms = in.itag, in.itag
}

// forward sends the packet on (ip_mkroute_input).
func (in *in4) forward() {
	if len(in.res.alias.info.paths()) > 1 {
		in.db.choosePath4(in.f, in.src, in.dst, false, &in.res, &in.d)
	}
	in.w.check(Check{What: CheckForwarding, Passed: true, Dev: in.dev.Index})
	out := in.res.hop.dev
	if out == nil || out.NoInet {
		in.fail(EINVAL, DropNoIPDevice)
		return
	}
	onlink, ok := in.validate(in.dst, out.Index)
	if !ok {
		return
	}
	in.d.Type, in.d.OIF = in.res.alias.route.Type, out.Index
	if onlink && out == in.dev && out.conf4.sendRedirects && in.sharedMedia(out) {
		in.d.Flags |= FlagRedirect
	}
	in.report(true)
}

// sharedMedia reports whether a redirect may be sent: the device is a shared
// medium, or sender and gateway are on one subnet (inet_addr_onlink).
func (in *in4) sharedMedia(out *device) bool {
	if out.conf4.sharedMedia {
		return true
	}
	gw := in.res.hop.gw
	return slices.ContainsFunc(out.addrs4, func(a *Addr) bool {
		return a.Subnet().Contains(in.src) && (!gw.Is4() || a.Subnet().Contains(gw))
	})
}

func (in *in4) report(useRoute bool) {
	in.db.report4(&in.d, &in.res, in.found, useRoute)
	in.d.Realms, in.d.SourceRealms = mergeRealms(in.d.Realms, in.itag), in.itag
}

func (in *in4) validSource(dst netip.Addr, oif int) bool {
	_, ok := in.validate(dst, oif)
	return ok
}

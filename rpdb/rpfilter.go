package rpdb

import "net/netip"

// validate checks the source of a packet that arrived (fib_validate_source). dst
// is the packet's destination, oif the device that it will leave by, or 0. onlink
// tells that the source is reached without a gateway, which redirects depend on.
func (in *in4) validate(dst netip.Addr, oif int) (onlink, ok bool) {
	c := &in.dev.conf4
	in.dev.note4(in.w, "rp_filter", c.rpFilter)
	if c.rpFilter == 0 && !in.db.realmUsers && (in.dev.Index != oif || !c.sendRedirects) {
		if c.acceptLocal {
			return false, in.passed()
		}
		if in.db.facts.CustomLocal4 != Yes && !in.db.custom4 {
			if in.db.facts.CustomLocal4 == Unknown {
				in.w.assume("whether a route of type local was ever added by hand", "no")
			}
			if _, own := in.db.owners[in.src]; own {
				return false, in.dropped(EINVAL, DropLocalSource)
			}
			return false, in.passed()
		}
	}
	return in.reverse(dst, oif)
}

// reverse is the full check: the way back to the source must lead through the
// device that the packet came in on (__fib_validate_source).
func (in *in4) reverse(dst netip.Addr, oif int) (onlink, ok bool) {
	k := in.reverseKey(dst, oif)
	err, res := in.db.lookup4(ForReverse, &k, in.w)
	if err != OK {
		return false, in.lastResort(DropReverseNoRoute)
	}
	in.dev.note4(in.w, "accept_local", b2i(in.dev.conf4.acceptLocal))
	typ := res.alias.route.Type
	if typ != Unicast && (typ != Local || !in.dev.conf4.acceptLocal) {
		return false, in.dropped(EINVAL, DropLocalSource)
	}
	in.itag = in.combineRealms(&res)
	if in.usesDevice(&res) || typ == Local && in.dev.IsLoopback() {
		return res.hop.scope >= ScopeHost, in.passed()
	}
	if len(in.dev.addrs4) == 0 {
		return false, in.lastResort(DropRPFilter)
	}
	if in.dev.conf4.rpFilter == 1 {
		return false, in.dropped(in.rpErrno(), DropRPFilter)
	}
	k.OIF, k.IgnoreLinkState = in.dev.Index, true
	err, res = in.db.lookup4(ForReverseDev, &k, in.w)
	if err == OK && res.alias.route.Type == Unicast {
		onlink = res.hop.scope >= ScopeHost
	}
	return onlink, in.passed()
}

// reverseKey is the key of the way back: source and destination swapped, arriving
// from where the packet is going.
func (in *in4) reverseKey(dst netip.Addr, oif int) Key {
	k := Key{Family: IPv4, Dst: in.src, Src: dst, IIF: Loopback, TOS: in.f.TOS & 0xfc}
	if oif != 0 {
		k.IIF = oif
	}
	k.L3MDev = in.dev.vrf // the rules see the device that the packet leaves by, not the VRF
	in.dev.note4(in.w, "src_valid_mark", b2i(in.dev.conf4.srcValidMark))
	if in.dev.conf4.srcValidMark {
		k.Mark = in.f.Mark
	}
	if in.db.dissect4 {
		k.IPProto = in.f.IPProto
		if in.f.IPProto != ProtoICMP {
			k.SPort, k.DPort = in.f.DPort, in.f.SPort
		}
	}
	return k
}

// usesDevice reports whether any nexthop of a route, even a dead one, leaves by the
// device that the packet came in on (fib_info_nh_uses_dev).
func (in *in4) usesDevice(res *found4) bool {
	hops := res.alias.info.paths()
	for i := range hops {
		h := &hops[i]
		if h.oif == in.dev.Index || h.dev != nil && h.dev.vrf == in.dev.Index {
			return true
		}
	}
	return false
}

// combineRealms takes the realms of a packet's source from the way back
// (fib_combine_itag).
func (in *in4) combineRealms(res *found4) uint32 {
	var tag uint32
	if res.alias.info.nh == nil {
		tag = res.hop.realms << 16
	}
	rule := in.db.ruleRealms(res)
	if tag == 0 {
		tag = rule << 16
	}
	return tag | rule>>16
}

// lastResort passes the packet where rp_filter is off.
func (in *in4) lastResort(why Drop) bool {
	if in.dev.conf4.rpFilter != 0 {
		return in.dropped(in.rpErrno(), why)
	}
	in.itag = 0
	return in.passed()
}

// rpErrno is the errno of a packet that rp_filter drops.
func (in *in4) rpErrno() Errno {
	if in.db.kernel.Has(FeatureRPFilterEINVAL) {
		return EINVAL
	}
	return EXDEV
}

func (in *in4) passed() bool {
	in.w.check(in.rpCheck(true, NoDrop))
	return true
}

func (in *in4) dropped(err Errno, why Drop) bool {
	in.w.check(in.rpCheck(false, why))
	in.db.refused(&in.d, &in.res, in.w)
	in.fail(err, why)
	return false
}

func (in *in4) rpCheck(ok bool, why Drop) Check {
	c := &in.dev.conf4
	return Check{
		What: CheckRPFilter, Passed: ok, Dev: in.dev.Index, Drop: why,
		Value: c.rpFilter, All: c.rpFilterAll, DevValue: c.rpFilterDev,
	}
}

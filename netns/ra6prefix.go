package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

const (
	prefixOption = 32       // length of a prefix option (struct prefix_info)
	leastLife    = 2 * 3600 // seconds that an advertisement leaves an address at least (MIN_VALID_LIFETIME)

	prefixOnLink, prefixAuto, prefixPreferPD = 0x80, 0x40, 0x10 // flags of a prefix option

	prefixAddress   = 1 // PREFIX_ADDRESS
	prefixCacheInfo = 2

	protoRA6 = 2 // IFAPROT_KERNEL_RA
)

const rtmNewPrefix netlink.HeaderType = 52

// routes takes over the routes that the router knows (rt6_route_rcv).
func (ra *advertisement) routes() {
	c := &ra.d.conf6
	if ra.ours() || c[conf6RARouterPref] == 0 {
		return
	}
	for _, o := range ra.options.routes {
		plen, lifetime := int32(o[2]), binary.BigEndian.Uint32(o[4:])
		switch {
		case plen == 0 && c[conf6RADefaultRouter] == 0,
			lifetime != 0 && lifetime < uint32(c[conf6RAMinLifetime]),
			plen < c[conf6RAMinPlen], plen > c[conf6RAMaxPlen]:
			continue
		}
		ra.routeInfo(o, uint8(plen), lifetime)
	}
}

// routeInfo takes up one option with a route.
func (ra *advertisement) routeInfo(o []byte, plen uint8, lifetime uint32) {
	n, pref := ra.n, rpdb.RouterPref(o[3]>>3&3)
	switch {
	case len(o) > 24, plen > 128, plen > 64 && len(o) < 16, pref == raPrefInvalid:
		return
	}
	var b [16]byte
	copy(b[:], o[8:min(cap(o), 24)]) // the kernel reads on in what comes behind an option without a prefix
	dst := netip.PrefixFrom(netip.AddrFrom16(b), int(plen)).Masked()
	r := n.routeInfo6(ra.d, dst, ra.from)
	if plen == 0 {
		r = n.defaultRouter6(ra.d, ra.from)
	}
	switch {
	case r != nil && lifetime == 0:
		_ = n.remove6(r, byKernel())
		return
	case r == nil && lifetime != 0:
		c := &config6{
			table: n.tableOf6(ra.d, tableMain), metric: metricUser, dev: ra.d.Index, dst: dst.Addr(), dstLen: plen, src: netip.IPv6Unspecified(),
			gateway: ra.from, flags: flagAddrconf | flagRouteInfo, pref: pref, protocol: rpdb.ProtoRA, typ: rpdb.Unicast, cause: byKernel(),
		}
		if plen == 0 {
			c.flags |= flagDefault
		}
		_ = n.addRoute6(c)
		r = n.routeInfo6(ra.d, dst, ra.from)
	case r != nil:
		r.pref = pref
		r.flags |= flagRouteInfo
	}
	if r != nil {
		n.setExpires6(r, lifetime)
	}
}

// routeInfo6 is the route to a prefix that a router told (rt6_get_route_info).
func (n *Namespace) routeInfo6(d *device, dst netip.Prefix, gw netip.Addr) *route6 {
	t := n.fib6.table(n.tableOf6(d, tableMain))
	if t == nil {
		return nil
	}
	fn := locate(&t.root, key6Of(dst.Addr()), uint8(dst.Bits()))
	if fn == nil {
		return nil
	}
	for r := fn.leaf; r != nil; r = r.next {
		if r.nhid == 0 && r.nh.Dev == d.Index && r.flags&flagRouteInfo != 0 && r.nh.Gateway == gw {
			return r
		}
	}
	return nil
}

// prefixes takes over the prefixes of the link (addrconf_prefix_rcv).
func (ra *advertisement) prefixes() {
	if ra.d.conf6[conf6RAPrefixes] == 0 {
		return
	}
	for _, o := range ra.options.prefixes {
		if len(o) >= prefixOption {
			ra.prefix(o)
		}
	}
}

func (ra *advertisement) prefix(o []byte) {
	c := &ra.d.conf6
	addr, plen, flags := addr6Of(o[16:]), o[2], o[3]
	valid, preferred := binary.BigEndian.Uint32(o[4:]), binary.BigEndian.Uint32(o[8:])
	switch {
	case addr.IsMulticast(), linkLocalNet.Contains(addr), preferred > valid, valid != 0 && valid < uint32(c[conf6RAMinLifetime]):
		return
	}
	if flags&prefixOnLink != 0 {
		ra.onLink(addr, plen, valid)
	}
	if flags&prefixAuto != 0 && c[conf6Autoconf] != 0 && !(c[conf6HonorPIOFlag] != 0 && flags&prefixPreferPD != 0) {
		if plen != 64 || !ra.address(addr, valid, preferred) {
			return
		}
	}
	ra.notifyPrefix(o)
}

// onLink adds, refreshes or removes the route to a prefix of the link.
func (ra *advertisement) onLink(addr netip.Addr, plen uint8, valid uint32) {
	n := ra.n
	const own = flagAddrconf | flagPrefix
	r := n.prefixRoute6(ra.d, addr, plen, own, flagDefault, true)
	switch {
	case r != nil && valid == 0:
		_ = n.remove6(r, byKernel())
	case r != nil:
		n.setExpires6(r, valid)
	case valid != 0:
		c := &config6{
			table: n.tableOf6(ra.d, tableMain), metric: metricAddrconf, dev: ra.d.Index, dst: addr, dstLen: plen, src: netip.IPv6Unspecified(),
			protocol: rpdb.ProtoKernel, typ: rpdb.Unicast, flags: own, cause: byKernel(),
		}
		if valid != rpdb.Forever {
			c.expires, c.flags = seconds(valid), c.flags|flagExpires
		}
		_ = n.addRoute6(c)
	}
}

// address makes or refreshes the host's own address in a prefix
// (addrconf_prefix_rcv_add_addr). It reports false if there is none to make.
func (ra *advertisement) address(prefix netip.Addr, valid, preferred uint32) bool {
	n, in := ra.n, ra.d.inet6
	b, flags, ok := ra.ownAddress(prefix)
	if !ok {
		return false
	}
	addr := netip.AddrFrom16(b)
	a := n.find6(addr, ra.d)
	if a == nil && valid != 0 {
		a = &addr6{
			in: in, addr: addr, plen: 64, scope: scopeOf6(prefix), proto: protoRA6, flags: flags, valid: valid, preferred: preferred,
		}
		if in.optimistic() && n.conf.all6[conf6Forwarding] == 0 && ra.options.source != nil {
			a.flags |= rpdb.IFAOptimistic
		}
		if most := ra.d.conf6[conf6MaxAddresses]; most != 0 && int32(len(in.addrs)) >= most || n.insertAddr6(a) != nil {
			return false
		}
		a.flags |= rpdb.IFAManageTempAddr
		a.tokenized = ra.d.in6.token != [16]byte{}
		n.startDAD6(a)
	} else if a != nil {
		ra.refresh(a, valid, preferred)
	}
	ra.verify = true
	return true
}

// ownAddress is the host's own address in a prefix of 64 bits, and its flags.
func (ra *advertisement) ownAddress(prefix netip.Addr) (b [16]byte, flags uint32, ok bool) {
	b = prefix.As16()
	d := ra.d
	if d.in6.token != [16]byte{} {
		copy(b[8:], d.in6.token[8:])
		return b, 0, true
	}
	if mode := d.conf6[conf6AddrGenMode]; (mode == genModeStable || mode == genModeRandom) && ra.n.stableID6(&b, d, 0) {
		return b, rpdb.IFAStablePrivacy, true
	}
	return b, 0, eui64(&b, d) || inheritID6(&b, d.inet6)
}

// inheritID6 writes the identifier of the device's link-local address (ipv6_inherit_eui64).
func inheritID6(b *[16]byte, in *inet6Dev) bool {
	a := in.linkLocal(rpdb.IFATentative)
	if a == nil {
		return false
	}
	own := a.addr.As16()
	copy(b[8:], own[8:])
	return true
}

// refresh gives an address new lifetimes. Unless the device honours short ones, a router
// cannot end an address within two hours (RFC 4862, 5.5.3 e).
func (ra *advertisement) refresh(a *addr6, valid, preferred uint32) {
	now := ra.n.world.now()
	age, left := uint32((now-a.updated)/hz), uint32(0)
	if a.valid > age {
		left = a.valid - age
	}
	if left == 0 {
		return
	}
	if ra.d.conf6[conf6HonorPIOLife] == 0 {
		valid = max(valid, min(left, leastLife))
	}
	tentative := a.flags&rpdb.IFATentative != 0
	a.valid, a.preferred, a.updated = valid, preferred, now
	a.flags &^= rpdb.IFADeprecated
	if !tentative {
		ra.n.notifyAddr6(a)
	}
}

// notifyPrefix tells of a prefix (inet6_prefix_notify).
func (ra *advertisement) notifyPrefix(o []byte) {
	m := &message{b: make([]byte, 12, 64)}
	m.b[0] = byte(rpdb.IPv6)
	binary.NativeEndian.PutUint32(m.b[4:], uint32(ra.d.Index))
	m.b[8], m.b[9], m.b[10] = o[0], o[2], o[3]
	m.put(prefixAddress, o[16:32])
	m.put(prefixCacheInfo, words32(binary.BigEndian.Uint32(o[8:]), binary.BigEndian.Uint32(o[4:])))
	ra.n.notify(nil, GroupIPv6Prefix, rtmNewPrefix, 0, m.b)
}

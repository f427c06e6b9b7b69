package netns

import (
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// newRoute6 answers RTM_NEWROUTE of IPv6 (inet6_rtm_newroute).
func newRoute6(r *request) error {
	n := r.ns
	c, err := n.parseRoute6(r)
	if err != nil {
		return err
	}
	if c.metric == 0 {
		c.metric = metricUser
	}
	if c.legs != nil {
		return n.addLegs6(c)
	}
	return n.addRoute6(c)
}

// addRoute6 adds one route (ip6_route_add).
func (n *Namespace) addRoute6(c *config6) error {
	if err := c.validate(); err != nil {
		return err
	}
	r, err := n.makeRoute6(c)
	if err != nil {
		return err
	}
	return n.insert6(r, c.cause)
}

// validate checks what needs no look at the namespace (fib6_config_validate).
func (c *config6) validate() error {
	switch {
	case c.cloned:
		return fail(rpdb.EINVAL, "Userspace can not set RTF_CACHE")
	case c.typ > rpdb.XResolve:
		return fail(rpdb.EINVAL, "Invalid route type")
	case c.dstLen > 128:
		return fail(rpdb.EINVAL, "Invalid prefix length")
	case c.srcLen > 128:
		return fail(rpdb.EINVAL, "Invalid source address length")
	case c.nhid != 0 && c.srcLen != 0:
		return fail(rpdb.EINVAL, "Nexthops can not be used with source routing")
	}
	return nil
}

// makeRoute6 makes a route that is in no table yet; the table itself is made
// (ip6_route_info_create).
func (n *Namespace) makeRoute6(c *config6) (*route6, error) {
	t := n.fib6.newTable(c.table)
	m, err := parseMetrics(c.metrics)
	if err != nil {
		return nil, err
	}
	if c.protocol == rpdb.ProtoUnspec {
		c.protocol = rpdb.ProtoBoot
	}
	r := &route6{
		table: t, metric: c.metric, typ: c.typ, protocol: c.protocol, flags: c.flags, pref: c.pref,
		dst:     netip.PrefixFrom(c.dst, int(c.dstLen)).Masked(),
		metrics: m,
	}
	if c.srcLen > 0 {
		r.src = netip.PrefixFrom(c.src, int(c.srcLen)).Masked()
	}
	if r.typ == rpdb.TypeUnspec {
		r.typ = rpdb.Unicast
	}
	if c.flags&flagExpires != 0 {
		r.expires = n.world.now() + c.expires
	}
	return r, n.setHop6(r, c)
}

// setHop6 gives a route its nexthop and its preferred source
// (ip6_route_info_create_nh).
func (n *Namespace) setHop6(r *route6, c *config6) error {
	dev := 0
	if c.nhid != 0 {
		h, d, err := n.checkObject6(c)
		if err != nil {
			return err
		}
		r.nhid, r.object, dev = c.nhid, h, d
	} else {
		if err := n.initHop6(&r.nh, c); err != nil {
			return err
		}
		dev = r.nh.Dev
		if c.flags&flagReject != 0 || dev == rpdb.Loopback && !isLoopback6(c.dst) && c.flags&(flagAnycast|flagLocal) == 0 {
			r.flags, r.pref = flagReject, rpdb.PrefMedium
		}
	}
	if c.prefsrc.IsValid() {
		if !n.hasAddr6(c.prefsrc, n.byIndex(dev), false, rpdb.IFATentative) {
			return fail(rpdb.EINVAL, "Invalid source address")
		}
		r.prefsrc = c.prefsrc
	}
	return nil
}

// initHop6 checks and makes a nexthop (fib6_nh_init).
func (n *Namespace) initHop6(nh *rpdb.NextHop, c *config6) error {
	var d *device
	nh.Weight = 1
	if c.dev != 0 {
		if d = n.byIndex(c.dev); d == nil || n.inet6(d) == nil {
			return fail(rpdb.ENODEV, "")
		}
	}
	if c.onlink {
		if d == nil {
			return fail(rpdb.ENODEV, "Nexthop device required for onlink")
		}
		if !d.Up() {
			return fail(rpdb.ENETDOWN, "Nexthop device is not up")
		}
		nh.Flags |= rpdb.NHOnlink
	}
	if c.flags&flagReject != 0 {
		if n.inet6(n.byIndex(rpdb.Loopback)) == nil {
			return fail(rpdb.ENODEV, "")
		}
		nh.Dev = rpdb.Loopback
		return nil
	}
	if c.gateway.IsValid() {
		var err error
		if d, err = n.validateGateway6(c, d); err != nil {
			return err
		}
		nh.Gateway = c.gateway
	}
	return n.finishHop6(nh, c, d)
}

func (n *Namespace) finishHop6(nh *rpdb.NextHop, c *config6, d *device) error {
	if d == nil {
		return fail(rpdb.ENODEV, "")
	}
	if in := n.inet6(d); in == nil || in.disabled() {
		return fail(rpdb.EACCES, "IPv6 is disabled on nexthop device")
	}
	if !d.Up() && !c.ignoreDown {
		return fail(rpdb.ENETDOWN, "Nexthop device is not up")
	}
	if c.flags&(flagLocal|flagAnycast) == 0 && !d.hasCarrier() {
		nh.Flags |= rpdb.NHLinkDown
	}
	if c.encap != nil {
		var err error
		if nh.Encap, err = buildEncap(c.encap.Type, c.encapAttr); err != nil {
			return err
		}
	}
	nh.Dev = d.Index
	return nil
}

// addLegs6 adds a multipath route leg by leg (ip6_route_multipath_add).
func (n *Namespace) addLegs6(c *config6) error {
	if err := c.validate(); err != nil {
		return err
	}
	cfgs, routes, err := n.makeLegs6(c)
	if err != nil {
		return err
	}
	replace := c.cause.flags&flagReplace != 0
	flags := flagCreate
	if replace {
		flags = flagReplace
	}
	flags |= c.cause.flags & flagAppend
	quiet := *c.cause
	quiet.silent = true
	for i, r := range routes {
		if err = n.insert6(r, &quiet); err != nil {
			if replace && i > 0 {
				err = fail(refusal(err).Errno, "ipv6: multipath route replace failed (check consistency of installed routes)")
			}
			if i > 0 {
				n.notifyLegs6(routes[0], routes[i-1], c.cause, flags)
			}
			for _, made := range cfgs[:i] {
				_ = n.deleteRoute6(made)
			}
			return err
		}
		// The kernel changes the request, whose header comes back in the outcome.
		quiet.flags = quiet.flags&^(flagExcl|flagReplace) | flagCreate
		c.cause.req.head.Flags = quiet.flags
	}
	n.notifyLegs6(routes[0], routes[len(routes)-1], c.cause, flags)
	return nil
}

func (n *Namespace) makeLegs6(c *config6) (cfgs []*config6, routes []*route6, err error) {
	for l, rest, ok := nextLeg6(c.legs); ok; l, rest, ok = nextLeg6(rest) {
		cfg := c.leg(l)
		r, err := n.makeRoute6(cfg)
		if err != nil {
			return nil, nil, err
		}
		r.nh.Weight = uint32(l.hops) + 1
		for _, o := range routes {
			if o.sameHop(r) {
				return nil, nil, fail(rpdb.EEXIST, "")
			}
		}
		cfgs, routes = append(cfgs, cfg), append(routes, r)
	}
	return cfgs, routes, nil
}

// notifyLegs6 tells of a multipath route at once (ip6_route_mpath_notify).
func (n *Namespace) notifyLegs6(first, last *route6, c *cause6, flags netlink.HeaderFlags) {
	if flags&flagAppend != 0 && last.ring != nil {
		first = last.siblings()[1]
	}
	n.notifyRoute6(first, rtnl.RTMNewRoute, c, flags)
}

package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// minScope4 is the widest scope of a route type (fib_props).
var minScope4 = [...]rpdb.Scope{
	rpdb.TypeUnspec: rpdb.ScopeNowhere,
	rpdb.Local:      rpdb.ScopeHost,
	rpdb.Broadcast:  rpdb.ScopeLink,
	rpdb.Anycast:    rpdb.ScopeLink,
	rpdb.NAT:        rpdb.ScopeNowhere,
	rpdb.XResolve:   rpdb.ScopeNowhere,
}

// createInfo4 checks a request and makes the info of the new route, or finds it
// (fib_create_info).
func (n *Namespace) createInfo4(c *config4) (*fibInfo, error) {
	if minScope4[c.typ] > c.scope {
		return nil, fail(rpdb.EINVAL, "Invalid scope")
	}
	if c.flags&(rpdb.NHDead|rpdb.NHLinkDown) != 0 {
		return nil, fail(rpdb.EINVAL, "Invalid rtm_flags - can not contain DEAD or LINKDOWN")
	}
	var object *nexthop
	if c.nhid != 0 {
		if fi := n.reuseObjectInfo4(c); fi != nil {
			fi.refs++
			return fi, nil
		}
		if object = n.nexthops.find(c.nhid); object == nil {
			return nil, fail(rpdb.EINVAL, "Nexthop id does not exist")
		}
	}
	if c.multi != nil {
		if hops, err := countHops(c.multi); err != nil || hops == 0 {
			if err == nil {
				err = fail(rpdb.EINVAL, "")
			}
			return nil, err
		}
	}
	ms, err := parseMetrics(c.metrics)
	if err != nil {
		return nil, err
	}
	fi := &fibInfo{
		typ: c.typ, scope: c.scope, proto: c.proto, table: c.table, priority: c.priority,
		prefsrc: c.prefsrc, flags: c.flags, metrics: ms.orNone(), object: object,
	}
	if c.nhid == 0 {
		if fi.hops, err = n.hops4(c); err != nil {
			return nil, err
		}
	}
	if err := n.checkInfo4(c, fi); err != nil {
		return nil, err
	}
	return n.ip4.share(fi), nil
}

// reuseObjectInfo4 finds an info of the same nexthop object, whatever its metrics
// are, for a request without metrics (fib_find_info_nh).
func (n *Namespace) reuseObjectInfo4(c *config4) *fibInfo {
	if c.metrics != nil {
		return nil
	}
	h := n.nexthops.find(c.nhid)
	if h == nil {
		return nil
	}
	for _, fi := range h.infos4 {
		if fi.proto == c.proto && fi.scope == c.scope && fi.prefsrc == c.prefsrc &&
			fi.priority == c.priority && fi.typ == c.typ && fi.table == c.table && (fi.flags^c.flags)&^cmpFlags == 0 {
			return fi
		}
	}
	return nil
}

// hops4 reads the nexthops of a request (fib_get_nhs, fib_nh_init).
func (n *Namespace) hops4(c *config4) ([]hop4, error) {
	if c.multi == nil {
		h, err := makeHop4(&c.hop, 1)
		return []hop4{h}, err
	}
	var hops []hop4
	for b := c.multi; ; {
		attrs, rest, ok := nextHop(b)
		if !ok {
			break
		}
		b = rest
		hc, err := readHop(attrs)
		if err != nil {
			return nil, err
		}
		h, err := makeHop4(&hc, attrs.weight)
		if err != nil {
			return nil, err
		}
		hops = append(hops, h)
	}
	switch first := &hops[0]; {
	case c.hop.oif != 0 && first.oif != c.hop.oif:
		return nil, fail(rpdb.EINVAL, "Nexthop device index does not match RTA_OIF")
	case c.hop.gw.IsValid() && first.gw != c.hop.gw:
		return nil, fail(rpdb.EINVAL, "Nexthop gateway does not match RTA_GATEWAY or RTA_VIA")
	case c.hop.realms != 0 && first.realms != c.hop.realms:
		return nil, fail(rpdb.EINVAL, "Nexthop class id does not match RTA_FLOW")
	}
	return hops, nil
}

func makeHop4(c *hopConfig, weight uint32) (hop4, error) {
	h := hop4{oif: c.oif, gw: c.gw, flags: c.flags & 0xff, weight: weight, realms: c.realms}
	if c.encap != nil {
		encap, err := buildEncap(c.encapType, c.encap)
		if err != nil {
			return hop4{}, err
		}
		h.encap = encap
	}
	return h, nil
}

// checkInfo4 checks type, scope, nexthops and preferred source.
func (n *Namespace) checkInfo4(c *config4, fi *fibInfo) error {
	if c.typ.Err() != rpdb.OK {
		if c.hop.gw.IsValid() || c.hop.oif != 0 || c.multi != nil {
			return fail(rpdb.EINVAL, "Gateway, device and multipath can not be specified for this route type")
		}
		return nil
	}
	if c.typ == rpdb.TypeUnspec || c.typ > rpdb.Multicast {
		return fail(rpdb.EINVAL, "Invalid route type")
	}
	if c.scope > rpdb.ScopeHost {
		return fail(rpdb.EINVAL, "Invalid scope")
	}
	if err := n.checkHops4(c, fi); err != nil {
		return err
	}
	if fi.prefsrc != 0 && !n.validPrefSrc4(c) {
		return fail(rpdb.EINVAL, "Invalid prefsrc address")
	}
	return nil
}

func (n *Namespace) checkHops4(c *config4, fi *fibInfo) error {
	switch {
	case fi.object != nil:
		return fi.object.check4(c.scope)
	case c.scope == rpdb.ScopeHost:
		h := &fi.hops[0]
		if len(fi.hops) != 1 {
			return fail(rpdb.EINVAL, "Route with host scope can not have multiple nexthops")
		}
		if h.gw.IsValid() {
			return fail(rpdb.EINVAL, "Route with host scope can not have a gateway")
		}
		h.scope = rpdb.ScopeNowhere
		if h.dev = n.byIndex(h.oif); h.dev == nil {
			return fail(rpdb.ENODEV, "")
		}
		return nil
	}
	down := 0
	for i := range fi.hops {
		h := &fi.hops[i]
		if err := n.checkHop4(h, c.table, c.scope); err != nil {
			return err
		}
		if h.flags&rpdb.NHLinkDown != 0 {
			down++
		}
	}
	if down == len(fi.hops) {
		fi.flags |= rpdb.NHLinkDown
	}
	return nil
}

// checkHop4 resolves a nexthop (fib_check_nh).
func (n *Namespace) checkHop4(h *hop4, table uint32, scope rpdb.Scope) error {
	var err error
	switch {
	case h.gw.Is6():
		return n.checkGateway6(h, table)
	case h.gw.IsValid() && h.flags&rpdb.NHOnlink != 0:
		err = n.checkOnlink4(h, scope)
	case h.gw.IsValid():
		err = n.checkGateway4(h, table, scope)
	default:
		err = n.checkDirect4(h)
	}
	if err == nil && !h.dev.hasCarrier() {
		h.flags |= rpdb.NHLinkDown
	}
	return err
}

// checkGateway6 resolves an IPv6 gateway as for a route of that family
// (fib_check_nh_v6_gw). It says nothing of the carrier.
func (n *Namespace) checkGateway6(h *hop4, table uint32) error {
	c := &config6{table: table, dev: h.oif, gateway: h.gw, onlink: h.flags&rpdb.NHOnlink != 0}
	var nh rpdb.NextHop
	if err := n.initHop6(&nh, c); err != nil {
		return err
	}
	h.dev, h.oif, h.scope = n.byIndex(nh.Dev), nh.Dev, rpdb.ScopeLink
	return nil
}

// checkDirect4 is for a nexthop without gateway (fib_check_nh_nongw).
func (n *Namespace) checkDirect4(h *hop4) error {
	if h.flags&(rpdb.NHPervasive|rpdb.NHOnlink) != 0 {
		return fail(rpdb.EINVAL, "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set")
	}
	d := n.byIndex(h.oif)
	switch {
	case d == nil || d.inet4 == nil:
		return fail(rpdb.ENODEV, "")
	case d.Flags&rpdb.IFFUp == 0:
		return fail(rpdb.ENETDOWN, "Device for nexthop is not up")
	}
	h.dev, h.scope = d, rpdb.ScopeHost
	return nil
}

// checkOnlink4 is for a gateway that is taken to be on the link
// (fib_check_nh_v4_gw).
func (n *Namespace) checkOnlink4(h *hop4, scope rpdb.Scope) error {
	if scope >= rpdb.ScopeLink {
		return fail(rpdb.EINVAL, "Nexthop has invalid scope")
	}
	d := n.byIndex(h.oif)
	switch {
	case d == nil:
		return fail(rpdb.ENODEV, "Nexthop device required for onlink")
	case d.Flags&rpdb.IFFUp == 0:
		return fail(rpdb.ENETDOWN, "Nexthop device is not up")
	}
	table := n.l3Table(d)
	if table == 0 {
		table = rpdb.TableLocal
	}
	if n.addrType4(fromAddr4(h.gw), table) != rpdb.Unicast {
		return fail(rpdb.EINVAL, "Nexthop has invalid gateway")
	}
	h.dev, h.scope = d, rpdb.ScopeLink
	return nil
}

// checkGateway4 finds the way to a gateway: in the table of the route unless that is
// main, else through the rules (fib_check_nh_v4_gw).
func (n *Namespace) checkGateway4(h *hop4, table uint32, scope rpdb.Scope) error {
	f := flow4{dst: fromAddr4(h.gw), oif: h.oif, scope: max(scope+1, rpdb.ScopeLink)}
	var res found4
	err := rpdb.EAGAIN
	if table != rpdb.TableMain {
		if t := n.ip4.tables[table]; t != nil {
			res, err = n.lookupTable4(t, &f)
		}
	}
	if err != rpdb.OK {
		res, err = n.lookup4(&f)
	}
	switch {
	case err != rpdb.OK:
		return fail(err, "Nexthop has invalid gateway")
	case res.alias.typ != rpdb.Unicast && res.alias.typ != rpdb.Local:
		return fail(rpdb.EINVAL, "Nexthop has invalid gateway")
	case res.hop.dev == nil:
		return fail(rpdb.EINVAL, "No egress device for nexthop gateway")
	}
	h.scope, h.oif, h.dev = res.alias.info.scope, res.hop.oif, res.hop.dev
	if h.dev.Flags&rpdb.IFFUp == 0 {
		return fail(rpdb.ENETDOWN, "")
	}
	return nil
}

// validPrefSrc4 checks the preferred source (fib_valid_prefsrc).
func (n *Namespace) validPrefSrc4(c *config4) bool {
	if c.typ == rpdb.Local && c.dst != 0 && c.prefsrc == c.dst {
		return true
	}
	table := c.table
	if table == rpdb.TableMain {
		table = rpdb.TableLocal
	}
	return n.addrType4(c.prefsrc, table) == rpdb.Local ||
		table != rpdb.TableLocal && n.addrType4(c.prefsrc, rpdb.TableLocal) == rpdb.Local
}

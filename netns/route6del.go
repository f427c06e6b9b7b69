package netns

import (
	"math"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// delRoute6 answers RTM_DELROUTE of IPv6 (inet6_rtm_delroute).
func delRoute6(r *request) error {
	n := r.ns
	c, err := n.parseRoute6(r)
	if err != nil {
		return err
	}
	if c.nhid != 0 && !n.hasObject(c.nhid) {
		return fail(rpdb.EINVAL, "Nexthop id does not exist")
	}
	if c.legs == nil {
		c.deleteAll = true
		return n.deleteRoute6(c)
	}
	var last error
	for l, rest, ok := nextLeg6(c.legs); ok; l, rest, ok = nextLeg6(rest) {
		one := *c
		if l.dev != 0 {
			one.dev = l.dev
		}
		if gw := l.find(nla.RTAGateway); len(gw) >= 16 {
			one.gateway = addr6Of(gw)
		}
		if err := n.deleteRoute6(&one); err != nil {
			last = err
		}
	}
	return last
}

// deleteRoute6 removes the first route that fits (ip6_route_del).
func (n *Namespace) deleteRoute6(c *config6) error {
	t := n.fib6.table(c.table)
	if t == nil {
		return fail(rpdb.ESRCH, "FIB table does not exist")
	}
	none := fail(rpdb.ESRCH, "")
	if c.cloned {
		return nil // no entry of the cache: none is an answer too
	}
	fn := locate(&t.root, key6Of(c.dst), c.dstLen)
	if fn != nil && c.srcLen > 0 && fn.subtree != nil {
		fn = locate(fn.subtree, key6Of(c.src), c.srcLen)
	}
	if fn == nil {
		return none
	}
	if fn.isTable() && fn.leaf == nil && c.fitsNull() {
		return fail(rpdb.ENOENT, "")
	}
	for r := fn.leaf; r != nil; r = r.next {
		if !c.fits(r) {
			continue
		}
		if r.nhid == 0 && !c.gateway.IsValid() {
			return n.removeSiblings6(r, c)
		}
		return n.remove6(r, c.cause)
	}
	return none
}

// fits reports whether a route is one that the request means.
func (c *config6) fits(r *route6) bool {
	switch {
	case r.nhid != 0 && c.nhid != 0 && r.nhid != c.nhid,
		c.metric != 0 && c.metric != r.metric,
		c.protocol != 0 && c.protocol != r.protocol:
		return false
	case r.nhid != 0:
		return true
	case c.nhid != 0,
		c.dev != 0 && c.dev != r.nh.Dev,
		c.gateway.IsValid() && c.gateway != gatewayOrZero(r):
		return false
	}
	return true
}

// fitsNull is fits for the entry that an empty table begins with (fib6_null_entry).
func (c *config6) fitsNull() bool {
	null := &route6{metric: math.MaxUint32, protocol: rpdb.ProtoKernel, nh: rpdb.NextHop{Dev: rpdb.Loopback}}
	return c.fits(null)
}

// removeSiblings6 removes a route, with all of its siblings where the request named
// no leg (__ip6_del_rt_siblings).
func (n *Namespace) removeSiblings6(r *route6, c *config6) error {
	if r.ring == nil || !c.deleteAll {
		return n.remove6(r, c.cause)
	}
	body := n.fillRoute6(r)
	quiet := *c.cause
	quiet.silent = true
	for _, s := range r.siblings()[1:] {
		if err := n.remove6(s, &quiet); err != nil {
			return err
		}
	}
	err := n.remove6(r, &quiet)
	n.notify(c.cause.req, GroupIPv6Route, rtnl.RTMDelRoute, 0, body)
	return err
}

func gatewayOrZero(r *route6) netip.Addr {
	if r.nh.Gateway.IsValid() {
		return r.nh.Gateway
	}
	return netip.IPv6Unspecified()
}

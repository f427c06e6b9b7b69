package netns

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// isLinkLocal6, isLoopback6 and isMapped6 are types of addresses
// (ipv6_addr_type).
func isLinkLocal6(a netip.Addr) bool { return a.Is6() && !a.Is4In6() && a.IsLinkLocalUnicast() }
func isLoopback6(a netip.Addr) bool  { return a == netip.IPv6Loopback() }

// validateGateway6 checks a gateway and returns the device it is reached by
// (ip6_validate_gw). d is the device that was asked for, nil for none.
func (n *Namespace) validateGateway6(c *config6, d *device) (*device, error) {
	gw := c.gateway
	linkLocal := isLinkLocal6(gw)
	local := fail(rpdb.EINVAL, "Gateway can not be a local address")
	asked := d != nil
	if asked && n.hasAddr6(gw, d, !linkLocal, 0) {
		return nil, local
	}
	if !linkLocal {
		if gw.IsUnspecified() || gw.IsMulticast() {
			return nil, fail(rpdb.EINVAL, "Invalid gateway address")
		}
		var err error
		if c.onlink {
			err = n.checkOnlink6(c, d)
		} else {
			d, err = n.resolveGateway6(c, d)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case d == nil:
		return nil, fail(rpdb.EINVAL, "Egress device not specified")
	case d.IsLoopback():
		return nil, fail(rpdb.EINVAL, "Egress device can not be loopback device for this route")
	case !asked && n.hasAddr6(gw, d, !linkLocal, 0):
		return nil, local
	}
	return d, nil
}

// checkOnlink6 checks a gateway that is said to be on the link
// (ip6_route_check_nh_onlink).
func (n *Namespace) checkOnlink6(c *config6, d *device) error {
	t := n.fib6.table(n.tableOf6(d, tableMain))
	if t == nil {
		return fail(rpdb.EINVAL, "")
	}
	f := n.lookup6(t, c.gateway, c.prefsrc, c.dev, false)
	if !f.rejects() && !f.route.dst.Addr().IsUnspecified() &&
		(f.route.typ != rpdb.Unicast || f.nh.Dev != d.Index) {
		return fail(rpdb.EINVAL, "Nexthop has invalid gateway or device mismatch")
	}
	return nil
}

// resolveGateway6 looks a gateway up, in the route's own table, then by the rules
// (ip6_route_check_nh).
func (n *Namespace) resolveGateway6(c *config6, d *device) (*device, error) {
	unreachable := fail(rpdb.EHOSTUNREACH, "")
	var f found6
	if t := n.fib6.table(c.table); c.table != 0 && t != nil {
		f = n.lookup6(t, c.gateway, c.prefsrc, c.dev, true)
		if f.rejects() || f.nh.Gateway.IsValid() || d != nil && f.nh.Dev != d.Index {
			f = found6{}
		}
	}
	if f.route == nil {
		if f = n.lookupRules6(c.gateway, c.dev, true); f.rejects() || f.nh.Gateway.IsValid() {
			return nil, unreachable
		}
	}
	if d == nil {
		return n.byIndex(f.nh.Dev), nil
	}
	if f.nh.Dev != d.Index {
		return nil, unreachable
	}
	return d, nil
}

// tableOf6 is the table that a device's routes go to: that of its VRF, else dflt
// (l3mdev_fib_table).
func (n *Namespace) tableOf6(d *device, dflt uint32) uint32 {
	if v := n.vrfOf(d); v != nil {
		return v.VRFTable
	}
	return dflt
}

package netns

import (
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// removePrefSrc6 takes an address that is gone out of the routes that prefer it
// (rt6_remove_prefsrc).
func (n *Namespace) removePrefSrc6(addr netip.Addr) {
	n.fib6.walk(func(r *route6) *route6 {
		if r.nhid == 0 && r.prefsrc == addr && !n.hasAddr6(addr, n.byIndex(r.nh.Dev), false, rpdb.IFATentative) {
			r.prefsrc = netip.Addr{}
		}
		return r
	})
}

// disableRoutes6 takes away the routes of a device that goes down, or away for good
// (rt6_disable_ip, fib6_ifdown). A multipath route stays while a leg lives.
func (n *Namespace) disableRoutes6(d *device, unregister bool) {
	n.fib6.walk(func(r *route6) *route6 {
		mine := r.nhid == 0 && r.nh.Dev == d.Index
		switch {
		case r.nhid != 0:
		case r.flags&flagFlush != 0, (unregister || r.ring == nil) && mine:
			_ = n.remove6(r, byKernel())
		case unregister || r.ring == nil:
		default:
			return n.killLegs6(r, d)
		}
		return r
	})
}

// killLegs6 marks the legs of a multipath route that a device takes down with it, and
// removes the route once all are dead.
func (n *Namespace) killLegs6(r *route6, d *device) *route6 {
	dead, used := 0, false
	legs := r.siblings()
	for _, s := range legs {
		if s.nh.Dev == d.Index {
			used = true
		}
		if s.nh.Dev == d.Index || s.nh.Flags&rpdb.NHDead != 0 {
			dead++
		}
	}
	if used && dead == len(legs) {
		for _, s := range legs {
			s.flags |= flagFlush
		}
		_ = n.remove6(r, byKernel())
		return r
	}
	for _, s := range legs {
		if s.nh.Dev == d.Index {
			s.nh.Flags |= rpdb.NHDead | rpdb.NHLinkDown
		}
	}
	n.changes.Add(1)
	return r.lastSibling()
}

// linkdown6 marks the routes of a device without carrier (rt6_sync_down_dev with
// NETDEV_CHANGE).
func (n *Namespace) linkdown6(d *device) {
	n.fib6.walk(func(r *route6) *route6 {
		if r.nhid == 0 && r.nh.Dev == d.Index && r.flags&(flagLocal|flagAnycast) == 0 {
			r.nh.Flags |= rpdb.NHLinkDown
		}
		return r
	})
	n.changes.Add(1)
}

// linkup6 takes marks from the routes of a device (rt6_sync_up).
func (n *Namespace) linkup6(d *device, flags uint32) {
	if flags&rpdb.NHDead != 0 && d.hasCarrier() {
		flags |= rpdb.NHLinkDown
	}
	n.fib6.walk(func(r *route6) *route6 {
		if r.nhid == 0 && r.nh.Dev == d.Index {
			r.nh.Flags &^= flags
		}
		return r
	})
	n.changes.Add(1)
}

// syncMTU6 follows a change of a device's MTU in the metrics of its routes
// (rt6_mtu_change).
func (n *Namespace) syncMTU6(d *device) {
	n.changeRouteMTU6(d, d.MTU)
	d.conf6[conf6MTU] = int32(d.MTU)
}

// changeRouteMTU6 follows a new MTU of a device's link: it replaces larger ones, and that
// which the device had.
func (n *Namespace) changeRouteMTU6(d *device, mtu uint32) {
	old := uint32(d.conf6[conf6MTU])
	n.fib6.walk(func(r *route6) *route6 {
		if !r.goesBy(d) || r.metrics.get(nla.RTAXLock)&(1<<nla.RTAXMTU) != 0 {
			return r
		}
		if have := r.metrics.get(nla.RTAXMTU); have >= mtu || have < mtu && have == old {
			r.metrics = r.metrics.with(nla.RTAXMTU, mtu)
		}
		return r
	})
}

// goesBy reports whether a nexthop of a route is on a device.
func (r *route6) goesBy(d *device) bool {
	if r.nhid == 0 {
		return r.nh.Dev == d.Index
	}
	legs, _ := r.object.legs6()
	return slices.ContainsFunc(legs, func(h rpdb.NextHop) bool { return h.Dev == d.Index })
}

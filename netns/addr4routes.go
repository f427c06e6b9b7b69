package netns

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// kernelRoute4 is a route that an address brings with it, as the kernel asks itself
// for it (fib_magic).
func (n *Namespace) kernelRoute4(d *device, typ rpdb.RouteType, dst uint32, plen uint8, prim *addr4, metric uint32) (*table4, *config4) {
	c := &config4{
		dst: dst, plen: plen, typ: typ, proto: rpdb.ProtoKernel, scope: rpdb.ScopeLink,
		priority: metric, prefsrc: prim.local, hop: hopConfig{oif: d.Index},
		nlFlags: netlink.Create | netlink.Append,
	}
	if c.table = n.l3Table(d); c.table == 0 {
		c.table = rpdb.TableLocal
		if typ == rpdb.Unicast {
			c.table = rpdb.TableMain
		}
	}
	if typ == rpdb.Local {
		c.scope = rpdb.ScopeHost
	}
	return n.newTable4(c.table), c
}

// addKernel4 adds such a route; that it is there already, or cannot be, is no error.
func (n *Namespace) addKernel4(d *device, typ rpdb.RouteType, dst uint32, plen uint8, prim *addr4, metric uint32) {
	t, c := n.kernelRoute4(d, typ, dst, plen, prim, metric)
	_ = n.insertRoute4(t, c)
}

// delKernel4 deletes such a route if it is there.
func (n *Namespace) delKernel4(d *device, typ rpdb.RouteType, dst uint32, plen uint8, prim *addr4, metric uint32) {
	t, c := n.kernelRoute4(d, typ, dst, plen, prim, metric)
	_ = n.deleteRoute4(t, c)
}

// prefixType is the type of the route to the subnet of an address.
func prefixType(d *device) rpdb.RouteType {
	if d.IsLoopback() {
		return rpdb.Local
	}
	return rpdb.Unicast
}

// addAddrRoutes4 adds the routes of an address (fib_add_ifaddr).
func (n *Namespace) addAddrRoutes4(in *inDevice, a *addr4) {
	d := in.dev
	prefix := a.address & a.mask()
	prim := a
	if a.secondary() {
		if prim = in.primaryOf(prefix, a.plen); prim == nil {
			return
		}
	}
	n.addKernel4(d, rpdb.Local, a.local, 32, prim, 0)
	if d.Flags&rpdb.IFFUp == 0 {
		return
	}
	if a.broadcast != 0 && a.broadcast != lbcast4 {
		n.addKernel4(d, rpdb.Broadcast, a.broadcast, 32, prim, 0)
		n.forgetUnresolved(d, a.broadcast)
	}
	if prefix == 0 || a.secondary() || prefix == a.local && a.plen == 32 {
		return
	}
	if a.flags&rpdb.IFANoPrefixRoute == 0 {
		n.addKernel4(d, prefixType(d), prefix, a.plen, prim, a.metric)
	}
	if a.plen < 31 {
		if !n.world.has(rpdb.FeatureNoNetworkBroadcast) {
			n.addKernel4(d, rpdb.Broadcast, prefix, 32, prim, 0)
		}
		n.addKernel4(d, rpdb.Broadcast, prefix|^a.mask(), 32, prim, 0)
		n.forgetUnresolved(d, prefix|^a.mask())
	}
}

// forgetUnresolved removes a neighbour whose hardware address is not known, as its
// address has become one of all hosts (arp_invalidate).
func (n *Namespace) forgetUnresolved(d *device, a uint32) {
	x := n.neighs.find(d, toAddr4(a))
	if x == nil || x.state&rpdb.NUDValid != 0 {
		return
	}
	_ = n.updateNeigh(x, neighUpdate{state: rpdb.NUDFailed, override: true})
	n.removeNeigh(x)
}

// changeMetric4 gives the prefix route of an address another metric
// (fib_modify_prefix_metric).
func (n *Namespace) changeMetric4(a *addr4, metric uint32) {
	d := a.in.dev
	prefix := a.address & a.mask()
	if d.Flags&rpdb.IFFUp == 0 || a.flags&(rpdb.IFASecondary|rpdb.IFANoPrefixRoute) != 0 ||
		prefix == 0 || prefix == a.local && a.plen == 32 {
		return
	}
	n.addKernel4(d, prefixType(d), prefix, a.plen, a, metric)
	n.delKernel4(d, prefixType(d), prefix, a.plen, a, a.metric)
}

// kept are the routes that other addresses still need.
type kept struct{ local, own, high, low bool }

// broadcast notes that an address of the subnet of a is a broadcast address of
// another one.
func (k *kept) broadcast(x, own, high, low uint32) {
	k.own = k.own || x == own
	k.high = k.high || x == high
	k.low = k.low || x == low
}

// delAddrRoutes4 deletes the routes of an address, but for those that the others of
// the device still need (fib_del_ifaddr). going is the primary address whose subnet
// is about to go, if there is one.
func (n *Namespace) delAddrRoutes4(in *inDevice, a, going *addr4) {
	d := in.dev
	high, low := a.address|^a.mask(), a.address&a.mask()
	prim, subnet := a, false
	switch {
	case a.secondary():
		if prim = in.primaryOf(low, a.plen); prim == nil {
			return
		}
	case low != 0 && (low != a.local || a.plen < 32):
		if a.flags&rpdb.IFANoPrefixRoute == 0 {
			n.delKernel4(d, prefixType(d), low, a.plen, prim, 0)
		}
		subnet = true
	}
	keep, gone := neededRoutes4(in, a, prim, going)
	if !keep.own {
		n.delKernel4(d, rpdb.Broadcast, a.broadcast, 32, prim, 0)
	}
	if subnet && a.plen < 31 {
		if !keep.high {
			n.delKernel4(d, rpdb.Broadcast, high, 32, prim, 0)
		}
		if !keep.low {
			n.delKernel4(d, rpdb.Broadcast, low, 32, prim, 0)
		}
	}
	if keep.local {
		return
	}
	n.delKernel4(d, rpdb.Local, a.local, 32, prim, 0)
	table := n.l3Table(d)
	if table == 0 {
		table = rpdb.TableLocal
	}
	if gone && n.addrType4(a.local, table) != rpdb.Local && n.syncDownAddr4(d, a.local) {
		n.flush4()
	}
}

// neededRoutes4 goes through the addresses of the device, unless they all go. gone
// tells that a itself is no longer among them.
func neededRoutes4(in *inDevice, a, prim, going *addr4) (keep kept, gone bool) {
	if in.dead {
		return kept{}, true
	}
	high, low := a.address|^a.mask(), a.address&a.mask()
	gone = true
	same := false // another primary with the same local address was seen
	var of *addr4 // the primary of x
	for _, x := range in.list {
		if x == a {
			gone = false
			continue
		}
		if going != nil && x.shares(going) {
			continue
		}
		if x.secondary() {
			switch {
			case x.shares(prim):
				of = prim
			case !same:
				continue
			case of == nil || !x.shares(of):
				of = in.primaryOf(x.address, x.plen)
			}
			if of == nil || of.local != prim.local {
				continue
			}
		} else {
			if x.local != prim.local {
				continue
			}
			of = x
			same = same || x != prim
		}
		keep.local = keep.local || x.local == a.local
		keep.broadcast(x.broadcast, a.broadcast, high, low)
		if of == x && x.plen < 31 {
			if net := x.address & x.mask(); net != 0 {
				keep.broadcast(x.address|^x.mask(), a.broadcast, high, low)
				keep.broadcast(net, a.broadcast, high, low)
			}
		}
	}
	return keep, gone
}

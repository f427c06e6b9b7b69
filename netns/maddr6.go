package netns

import (
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// group6 is a multicast group that a device takes part in (struct ifmcaddr6).
type group6 struct {
	addr    netip.Addr
	users   int
	created jiffies
	heard   bool // the device receives what is sent to it (MAF_LOADED)
}

// anycast6 is an anycast address of a device (struct ifacaddr6).
type anycast6 struct {
	addr    netip.Addr
	users   int
	route   *route6
	created jiffies
}

const iffNoARPOrLoopback = rpdb.IFFNoARP | rpdb.IFFLoopback

const (
	iffMulticast = rpdb.IFFMulticast
	ifaTentative = rpdb.IFATentative
)

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

// snapshot is the list of addresses as it is now, for loops that change it.
func (in *inet6Dev) snapshot() []*addr6 {
	if in == nil {
		return nil
	}
	return slices.Clone(in.addrs)
}

// joinGroup6 has a device take part in a group (__ipv6_dev_mc_inc).
func (n *Namespace) joinGroup6(in *inet6Dev, addr netip.Addr) {
	for _, g := range in.groups {
		if g.addr == addr {
			g.users++
			return
		}
	}
	g := &group6{addr: addr, users: 1, created: n.world.now()}
	in.groups = slices.Insert(in.groups, 0, g)
	in.dev.hearGroup(addr, true, &g.heard)
	n.notifyGroup6(rtmNewMulticast, in, g)
	n.groupsChanged(in.dev)
}

// leaveGroup6 is __ipv6_dev_mc_dec.
func (n *Namespace) leaveGroup6(in *inet6Dev, addr netip.Addr) {
	for i, g := range in.groups {
		if g.addr == addr {
			if g.users--; g.users == 0 {
				in.groups = slices.Delete(in.groups, i, i+1)
				in.dev.hearGroup(addr, false, &g.heard)
				n.notifyGroup6(rtmDelMulticast, in, g)
				n.groupsChanged(in.dev)
			}
			return
		}
	}
}

// dropGroups6 ends the groups of a device, most without a word
// (ipv6_mc_destroy_dev).
func (n *Namespace) dropGroups6(in *inet6Dev) {
	n.leaveGroup6(in, mustAddr("ff02::1"))
	if in.dev.conf6[conf6Forwarding] != 0 {
		n.leaveGroup6(in, mustAddr("ff02::2"))
	}
	in.groups = nil
}

// notifyGroup6 tells of a group (inet6_ifmcaddr_notify), always as one of global
// scope.
func (n *Namespace) notifyGroup6(typ netlink.HeaderType, in *inet6Dev, g *group6) {
	b := fillGroup6(nla.IFAMulticast, g.addr, in.dev.Index, g.created, g.created)
	b[3] = byte(rpdb.ScopeGlobal)
	n.notify(nil, GroupIPv6MCAddr, typ, 0, b)
}

// solicited6 is the group that neighbours ask for an address
// (addrconf_addr_solict_mult).
func solicited6(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 2, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

func (n *Namespace) joinSolicited6(in *inet6Dev, a netip.Addr) {
	if in.dev.flags&iffNoARPOrLoopback == 0 {
		n.joinGroup6(in, solicited6(a))
	}
}

func (n *Namespace) leaveSolicited6(in *inet6Dev, a netip.Addr) {
	if in.dev.flags&iffNoARPOrLoopback == 0 {
		n.leaveGroup6(in, solicited6(a))
	}
}

// anycastOf6 is the address of all routers of an address's subnet, if it has one.
func anycastOf6(a *addr6) (netip.Addr, bool) {
	addr := a.subnet().Addr()
	return addr, a.plen < 127 && !addr.IsUnspecified()
}

// joinAnycast6 adds the anycast address of a subnet, with its route
// (addrconf_join_anycast).
func (n *Namespace) joinAnycast6(a *addr6) {
	in := a.in
	addr, ok := anycastOf6(a)
	if !ok || in.dead {
		return
	}
	for _, c := range in.anycasts {
		if c.addr == addr {
			c.users++
			return
		}
	}
	r, err := n.hostRoute6(in.dev, addr, rpdb.Anycast)
	if err != nil {
		return
	}
	in.anycasts = slices.Insert(in.anycasts, 0, &anycast6{addr: addr, users: 1, route: r, created: n.world.now()})
	_ = n.insert6(r, byKernel())
	n.joinSolicited6(in, addr)
}

// leaveAnycast6 is addrconf_leave_anycast.
func (n *Namespace) leaveAnycast6(a *addr6) {
	addr, ok := anycastOf6(a)
	if !ok {
		return
	}
	for i, c := range a.in.anycasts {
		if c.addr != addr {
			continue
		}
		if c.users--; c.users == 0 {
			a.in.anycasts = slices.Delete(a.in.anycasts, i, i+1)
			n.dropAnycast6(a.in, c)
		}
		return
	}
}

func (n *Namespace) dropAnycast6(in *inet6Dev, c *anycast6) {
	n.leaveSolicited6(in, c.addr)
	_ = n.remove6(c.route, byKernel())
}

// autojoin6 joins the group of an address that asks for it (ipv6_mc_config).
func (n *Namespace) autojoin6(in *inet6Dev, addr netip.Addr) rpdb.Errno {
	key := autojoinKey6{addr, in.dev.Index}
	switch {
	case !multicastNet.Contains(addr):
		return rpdb.EINVAL
	case n.addrs6.autojoin[key]:
		return rpdb.EADDRINUSE
	case n.addrs6.autojoin == nil:
		n.addrs6.autojoin = map[autojoinKey6]bool{}
	}
	n.addrs6.autojoin[key] = true
	n.joinGroup6(in, addr)
	return rpdb.OK
}

func (n *Namespace) autoleave6(in *inet6Dev, addr netip.Addr) {
	key := autojoinKey6{addr, in.dev.Index}
	if n.addrs6.autojoin[key] {
		delete(n.addrs6.autojoin, key)
		n.leaveGroup6(in, addr)
	}
}

package netns

import (
	"net/netip"
	"sync"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Packets is what carries the packets of a world. Its methods are called under the
// locks of the world: they must return soon and must not use the world.
type Packets interface {
	// Probe asks who has an address on a link (neigh_probe): its last known holder alone
	// if lladdr is not nil, else everybody.
	Probe(n *Namespace, dev int, addr netip.Addr, lladdr []byte)
	// Resolved tells that what waits for a neighbour can be sent, or, if not ok, never will
	// be (neigh_invalidate).
	Resolved(n *Namespace, dev int, addr netip.Addr, ok bool)
	// GroupsChanged tells that a device begins or ends to take part in groups, or comes up
	// with some, or goes down.
	GroupsChanged(n *Namespace, dev int)
	// AskRouters tells that routers are to be asked for advertisements on a device, from
	// its link-local address, until one answers (addrconf_rs_timer).
	AskRouters(n *Namespace, dev int, from netip.Addr)
	// GroupsToldAgain tells that routers are to be told again of the groups of a device: it has
	// its first usable link-local address, or its carrier again.
	GroupsToldAgain(n *Namespace, dev int)
	// Detect asks whether somebody on the link has an address that is to become this
	// host's (ndisc_send_ns from the unspecified address), with a nonce unless that is zero.
	Detect(n *Namespace, dev int, addr netip.Addr, nonce [6]byte)
	// Announce tells all on the link that this host has an address
	// (ndisc_send_na, not asked for).
	Announce(n *Namespace, dev int, addr netip.Addr)
	// Changed tells that a request may have set a timer earlier than the one that
	// [World.Work] told of last.
	Changed()
}

// SetPackets has something carry the packets of the world. It must be set before the
// world is used; without it nobody answers a neighbour's probes.
func (w *World) SetPackets(p Packets) { w.packets = p }

func (w *World) changed() {
	if w.packets != nil {
		w.packets.Changed()
	}
}

// Neighbour returns the hardware address that packets to an address on a link go to
// (neigh_resolve_output). ok is false while it is not known: then the address is asked
// for, and Packets.Resolved tells how that ended. An error is one of the neighbour table: the
// device has gone or has no state of the family.
//
// It is safe for concurrent use; a known neighbour costs a lock for reading.
func (n *Namespace) Neighbour(dev int, addr netip.Addr) (lladdr []byte, ok bool, err error) {
	if lladdr, ok = n.knownNeigh(dev, addr); ok {
		return lladdr, true, nil
	}
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.byIndex(dev)
	if d == nil {
		return nil, false, rpdb.ENODEV
	}
	x := n.neighs.find(d, addr)
	if x == nil {
		if x, err = n.createNeigh(d, addr, 0); err != nil {
			return nil, false, refusal(err).Errno
		}
	}
	defer n.world.changed()
	n.useNeigh(x)
	x.used.Store(int64(n.world.now()))
	if x.state&rpdb.NUDValid != 0 {
		return x.lladdr, true, nil
	}
	return nil, false, nil
}

// knownNeigh is Neighbour for one that needs no change of its state.
func (n *Namespace) knownNeigh(dev int, addr netip.Addr) (lladdr []byte, ok bool) {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	x := n.neighs.find(n.byIndex(dev), addr)
	if x == nil || x.state&(nudConnected|rpdb.NUDDelay|rpdb.NUDProbe) == 0 {
		return nil, false
	}
	if now := int64(n.world.now()); x.used.Load() != now {
		x.used.Store(now)
	}
	return x.lladdr, true
}

// NeighNews is what a packet tells of a neighbour (the arguments of neigh_update).
type NeighNews struct {
	LLAddr       []byte // nil: not told
	State        uint16 // rpdb.NUD*
	Create       bool   // one that is not known yet is made
	Override     bool   // another address replaces the known one
	WeakOverride bool   // it makes a connected neighbour stale
	NotFailed    bool   // one that was given up stays so
	// RouterTold: Router tells whether it is a router (NEIGH_UPDATE_F_OVERRIDE_ISROUTER).
	RouterTold, Router bool
}

// HeardNeighbour changes what is known of a neighbour by a packet that came from it
// (neigh_update without NEIGH_UPDATE_F_ADMIN). It reports whether there is one.
func (n *Namespace) HeardNeighbour(dev int, addr netip.Addr, news NeighNews) bool {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.byIndex(dev)
	if d == nil {
		return false
	}
	x := n.neighs.find(d, addr)
	if x == nil {
		if !news.Create {
			return false
		}
		var err error
		if x, err = n.createNeigh(d, addr, 0); err != nil {
			return false
		}
	}
	if news.NotFailed && x.state&rpdb.NUDFailed != 0 {
		return true
	}
	n.learnNeigh(x, news)
	n.world.changed()
	return true
}

// learnNeigh is __neigh_update for news from packets.
func (n *Namespace) learnNeigh(x *neigh, news NeighNews) {
	old, state, now := x.state, news.State, n.world.now()
	if old&(rpdb.NUDNoARP|rpdb.NUDPermanent) != 0 {
		return
	}
	known := old&rpdb.NUDValid != 0
	same := news.LLAddr == nil || known && string(news.LLAddr) == string(x.lladdr)
	if news.LLAddr == nil && !known {
		return
	}
	if state&nudConnected != 0 {
		x.confirmed = now
	}
	routerTold := news.RouterTold
	switch {
	case !known:
	case !same && !news.Override:
		routerTold = false
		if !news.WeakOverride || old&nudConnected == 0 {
			return
		}
		same, state = true, rpdb.NUDStale
	case same && state == rpdb.NUDStale:
		state = old
	}
	tell := false
	if state != old || !same {
		x.updated = now
	}
	if state != old {
		n.setNeighState(x, state, now)
		tell = true
	}
	if !same {
		x.lladdr, tell = append([]byte(nil), news.LLAddr...), true
		if state&nudConnected == 0 {
			x.confirmed = now - 2*jiffies(n.neighParmsOf(x)[neighReachable])
		}
	}
	if !known {
		n.resolved(x, true)
	}
	if routerTold && (x.flags&ntfRouter != 0) != news.Router {
		x.flags ^= ntfRouter
		tell = true
	}
	if tell {
		n.notifyNeigh(rtnl.RTMNewNeigh, x, 1, 0)
	}
}

// setNeighState changes the state and sets the timer that belongs to it.
func (n *Namespace) setNeighState(x *neigh, state uint16, now jiffies) {
	if (x.state&rpdb.NUDValid != 0) != (state&rpdb.NUDValid != 0) {
		n.neighChanges.Add(1)
	}
	x.state, x.timer = state, 0
	switch {
	case state&rpdb.NUDReachable != 0:
		n.neighs.arm(x, now+jiffies(n.neighParmsOf(x)[neighReachable]))
	case state&(rpdb.NUDIncomplete|rpdb.NUDDelay|rpdb.NUDProbe) != 0:
		n.neighs.arm(x, now)
	}
	if state&rpdb.NUDProbe != 0 {
		x.probes = 0
	}
}

// NeighLLAddr returns the hardware address of a neighbour if it is known (NUD_VALID),
// and does not ask for it.
func (n *Namespace) NeighLLAddr(dev int, addr netip.Addr) (lladdr []byte, ok bool) {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	if x := n.neighs.find(n.byIndex(dev), addr); x != nil && x.state&rpdb.NUDValid != 0 {
		return x.lladdr, true
	}
	return nil, false
}

// ConfirmNeighbour tells that a neighbour was heard of by a transport, so that it need
// not be asked (dst_confirm, neigh_confirm).
func (n *Namespace) ConfirmNeighbour(dev int, addr netip.Addr) {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if x := n.neighs.find(n.byIndex(dev), addr); x != nil {
		x.confirmed = n.world.now()
	}
}

// AnswersFor reports whether the namespace answers for the address of somebody else on
// a link (pneigh_lookup).
func (n *Namespace) AnswersFor(dev int, addr netip.Addr) bool {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.neighs.proxy(n.byIndex(dev), addr) != nil
}

// AnswersAsRouter is AnswersFor, and tells whether it answers as a router
// (pndisc_is_router).
func (n *Namespace) AnswersAsRouter(dev int, addr netip.Addr) (answers, router bool) {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	x := n.neighs.proxy(n.byIndex(dev), addr)
	return x != nil, x != nil && x.flags&ntfRouter != 0
}

// HasNeighbour reports whether there is a neighbour, in whatever state.
func (n *Namespace) HasNeighbour(dev int, addr netip.Addr) bool {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.neighs.find(n.byIndex(dev), addr) != nil
}

// probe sends what asks for the neighbour (neigh_probe: arp_solicit, ndisc_solicit).
func (n *Namespace) probe(x *neigh) {
	asked := x.probes
	x.probes++
	p := n.world.packets
	if p == nil {
		return
	}
	var lladdr []byte
	if c := n.neighParmsOf(x); asked < uint32(c[neighUcastProbes]) {
		if x.addr.Is4() || x.state&rpdb.NUDValid != 0 {
			lladdr = x.lladdr
		}
	} else if asked < uint32(c[neighUcastProbes]+c[neighAppProbes]) {
		return
	}
	p.Probe(n, x.dev.Index, x.addr, lladdr)
}

// resolved tells what waits for the neighbour that it can go, or never will.
func (n *Namespace) resolved(x *neigh, ok bool) {
	if p := n.world.packets; p != nil {
		p.Resolved(n, x.dev.Index, x.addr, ok)
	}
}

// groupsChanged tells that a device takes part in other groups of IPv6.
func (n *Namespace) groupsChanged(d *device) {
	if p := n.world.packets; p != nil && d.flags&iffNoARPOrLoopback == 0 {
		p.GroupsChanged(n, d.Index)
	}
}

// JoinGroup has a device take part in a multicast group, as a socket does with
// IP_ADD_MEMBERSHIP or IPV6_JOIN_GROUP; leave ends that. Like sockets it is not saved.
func (n *Namespace) JoinGroup(dev int, group netip.Addr) (leave func(), err error) {
	if !group.IsMulticast() {
		return nil, rpdb.EINVAL
	}
	change := func(more bool) error {
		n.world.rtnl.RLock()
		defer n.world.rtnl.RUnlock()
		n.mu.Lock()
		defer n.mu.Unlock()
		d := n.byIndex(dev)
		if d == nil || group.Is4() && d.inet4 == nil || group.Is6() && d.inet6 == nil {
			return rpdb.ENODEV
		}
		n.changes.Add(1)
		switch {
		case group.Is6() && more:
			n.joinGroup6(d.inet6, group)
		case group.Is6():
			n.leaveGroup6(d.inet6, group)
		case more:
			n.joinGroup4(d.inet4, fromAddr4(group))
		default:
			n.leaveGroup4(d.inet4, fromAddr4(group))
		}
		return nil
	}
	if err := change(true); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { _ = change(false) }), nil
}

// tellGroupsAgain has routers told of all groups of a device.
func (n *Namespace) tellGroupsAgain(d *device) {
	if p := n.world.packets; p != nil && d.flags&iffNoARPOrLoopback == 0 {
		p.GroupsToldAgain(n, d.Index)
	}
}

// Namespaces returns the namespaces of the world, oldest first.
func (w *World) Namespaces() []*Namespace { return w.all() }

// AddrType is what an address is to the namespace. For IPv4 the table local of the main
// domain tells, or that of the VRF that the device oif is or belongs to, if oif is not 0
// (inet_addr_type_dev_table); an IPv6 address is local if a device of that domain has
// it (ipv6_chk_addr).
func (n *Namespace) AddrType(a netip.Addr, oif int) rpdb.RouteType {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	d := n.byIndex(oif)
	if a.Is4() {
		table := uint32(rpdb.TableLocal)
		if t := n.l3Table(d); d != nil && t != 0 {
			table = t
		}
		return n.addrType4(fromAddr4(a), table)
	}
	a = a.WithZone("")
	if a.IsMulticast() {
		return rpdb.Multicast
	}
	for _, x := range n.devices.list {
		if x.inet6 == nil || d != nil && n.vrfOf(x) != n.vrfOf(d) || a.IsLinkLocalUnicast() && d != nil && !d.IsVRF() && x != d {
			continue
		}
		for _, b := range x.inet6.addrs {
			if b.addr == a && b.flags&(rpdb.IFATentative|rpdb.IFAOptimistic) != rpdb.IFATentative {
				return rpdb.Local
			}
		}
	}
	return rpdb.Unicast
}

// NeighUnlocked reports whether a neighbour was last changed long enough ago that another
// hardware address may replace the known one (NEIGH_VAR_LOCKTIME).
func (n *Namespace) NeighUnlocked(dev int, addr netip.Addr) bool {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	x := n.neighs.find(n.byIndex(dev), addr)
	return x == nil || n.world.now() > x.updated+jiffies(n.neighParmsOf(x)[neighLockTime])
}

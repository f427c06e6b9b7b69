package netns

import (
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// scope6 is the scope of an address as bits (IFA_HOST, IFA_LINK, IFA_SITE); 0 is
// global.
type scope6 uint8

const (
	scopeHost6 scope6 = 0x10
	scopeLink6 scope6 = 0x20
	scopeSite6 scope6 = 0x40
)

var (
	linkLocalNet = netip.MustParsePrefix("fe80::/10")
	siteLocalNet = netip.MustParsePrefix("fec0::/10")
	multicastNet = netip.MustParsePrefix("ff00::/8")
)

// scopeOf6 is ipv6_addr_scope.
func scopeOf6(a netip.Addr) scope6 {
	switch {
	case isLoopback6(a):
		return scopeHost6
	case linkLocalNet.Contains(a):
		return scopeLink6
	case siteLocalNet.Contains(a):
		return scopeSite6
	case multicastNet.Contains(a):
		return map[byte]scope6{1: scopeHost6, 2: scopeLink6, 5: scopeSite6}[a.As16()[1]&15]
	}
	return 0
}

// rank6 is the number that the addresses of a device are sorted by, the widest first
// (ipv6_addr_src_scope).
func rank6(a netip.Addr) int {
	switch {
	case multicastNet.Contains(a):
		return int(a.As16()[1] & 15)
	case isLoopback6(a), linkLocalNet.Contains(a):
		return 2
	case siteLocalNet.Contains(a):
		return 5
	}
	return 14
}

// rtScope is the scope as messages have it (rt_scope).
func (s scope6) rtScope() rpdb.Scope {
	switch {
	case s&scopeHost6 != 0:
		return rpdb.ScopeHost
	case s&scopeLink6 != 0:
		return rpdb.ScopeLink
	case s&scopeSite6 != 0:
		return rpdb.ScopeSite
	}
	return rpdb.ScopeGlobal
}

// dadState is how far an address is with the detection of duplicates
// (INET6_IFADDR_STATE_*).
type dadState uint8

const (
	statePreDAD dadState = iota
	stateDAD
	statePostDAD // it is over
	stateErrDAD  // somebody else has the address
	stateDead
)

// addr6 is an IPv6 address of a device (struct inet6_ifaddr).
type addr6 struct {
	in               *inet6Dev
	addr, peer       netip.Addr // peer: invalid if none
	plen             uint8
	scope            scope6
	proto            uint8
	state            dadState
	flags            uint32 // IFA_F_*
	metric           uint32
	valid, preferred uint32
	created, updated jiffies
	route            *route6 // to itself, in table local once the address is valid
	hashed           bool    // found by lookups of addresses
	queued           bool    // work waits for it
	tokenized        bool    // its identifier is the device's token
	dad              dad6
}

// inet6Dev is the IPv6 part of a device (struct inet6_dev).
type inet6Dev struct {
	dev      *device
	dead     bool
	vrf      *device // that it was enslaved to when addresses were added
	addrs    []*addr6
	groups   []*group6 // the newest first
	anycasts []*anycast6
}

// inet6 returns the IPv6 part of a device, nil if it has none.
func (n *Namespace) inet6(d *device) *inet6Dev {
	if d == nil {
		return nil
	}
	return d.inet6
}

// vrfOf returns the VRF that a device is, or that it is enslaved to, or nil
// (l3mdev_master_dev_rcu).
func (n *Namespace) vrfOf(d *device) *device {
	switch {
	case d == nil:
		return nil
	case d.IsVRF():
		return d
	case d.master != nil && d.master.IsVRF():
		return d.master
	}
	return nil
}

// addrs6 are what a namespace keeps of IPv6 addresses beside the devices.
type addrs6 struct {
	byAddr   map[netip.Addr][]*addr6 // inet6_addr_lst
	work     []*addr6                // what DAD has to do soon
	later    []*addr6                // and at a time of theirs
	autojoin map[autojoinKey6]bool
	busy     bool    // in World.busy
	verify   jiffies // when a lifetime ends next, 0 for never
}

type autojoinKey6 struct {
	addr netip.Addr
	dev  int
}

func (n *Namespace) hash6(a *addr6) {
	if n.addrs6.byAddr == nil {
		n.addrs6.byAddr = map[netip.Addr][]*addr6{}
	}
	n.addrs6.byAddr[a.addr] = append(n.addrs6.byAddr[a.addr], a)
	a.hashed = true
}

func (n *Namespace) unhash6(a *addr6) {
	if !a.hashed {
		return
	}
	a.hashed = false
	left := slices.DeleteFunc(n.addrs6.byAddr[a.addr], func(x *addr6) bool { return x == a })
	if len(left) == 0 {
		delete(n.addrs6.byAddr, a.addr)
		return
	}
	n.addrs6.byAddr[a.addr] = left
}

// hasAddr6 reports whether an address belongs to the VRF of a device and may be used
// on it; addresses with a banned flag do not count, and the device itself not where
// anyDev is set (ipv6_chk_addr_and_flags).
func (n *Namespace) hasAddr6(addr netip.Addr, d *device, anyDev bool, banned uint32) bool {
	vrf := n.vrfOf(d)
	if anyDev {
		d = nil
	}
	for _, a := range n.addrs6.byAddr[addr] {
		flags := a.flags
		if flags&rpdb.IFAOptimistic != 0 {
			flags &^= rpdb.IFATentative
		}
		if n.vrfOf(a.in.dev) == vrf && flags&banned == 0 &&
			(d == nil || a.in.dev == d || a.scope&(scopeLink6|scopeHost6) == 0) {
			return true
		}
	}
	return false
}

// find returns an address of the device, or nil (ipv6_get_ifaddr).
func (n *Namespace) find6(addr netip.Addr, d *device) *addr6 {
	for _, a := range n.addrs6.byAddr[addr] {
		if d == nil || a.in.dev == d {
			return a
		}
	}
	return nil
}

// link puts an address into the device's list: before those of its scope
// (ipv6_link_dev_addr).
func (in *inet6Dev) link(a *addr6) {
	i := slices.IndexFunc(in.addrs, func(x *addr6) bool { return rank6(a.addr) >= rank6(x.addr) })
	if i < 0 {
		i = len(in.addrs)
	}
	in.addrs = slices.Insert(in.addrs, i, a)
}

func (in *inet6Dev) unlink(a *addr6) {
	in.addrs = slices.DeleteFunc(in.addrs, func(x *addr6) bool { return x == a })
}

// subnet6 is the prefix of an address.
func (a *addr6) subnet() netip.Prefix { return netip.PrefixFrom(a.addr, int(a.plen)).Masked() }

// insertAddr6 adds an address that is set up but for its route (ipv6_add_addr).
func (n *Namespace) insertAddr6(a *addr6) error {
	d := a.in.dev
	none := rpdb.EADDRNOTAVAIL
	switch {
	case a.addr.IsUnspecified():
		return fail(none, "ipv6: Invalid address")
	case multicastNet.Contains(a.addr) && a.flags&rpdb.IFAMCAutoJoin == 0:
		return fail(none, `ipv6: Cannot assign multicast address without "IFA_F_MCAUTOJOIN" flag`)
	case !d.IsLoopback() && !d.IsVRF() && isLoopback6(a.addr):
		return fail(none, "ipv6: Cannot assign loopback address on this device")
	case a.in.dead:
		return fail(rpdb.ENODEV, "ipv6: device is going away")
	case a.in.disabled():
		return fail(rpdb.EACCES, "ipv6: IPv6 is disabled on this device")
	}
	r, err := n.hostRoute6(d, a.addr, rpdb.Local)
	if err != nil {
		return err
	}
	if n.find6(a.addr, d) != nil {
		return fail(rpdb.EEXIST, "")
	}
	a.route = r
	a.state = statePreDAD
	if a.flags&rpdb.IFANoDAD == 0 {
		a.flags |= rpdb.IFATentative
	}
	a.created = n.world.now()
	a.updated = a.created
	n.hash6(a)
	a.in.link(a)
	n.changes.Add(1)
	return nil
}

// hostRoute6 makes the route to an own address, which is in no table yet
// (addrconf_f6i_alloc).
func (n *Namespace) hostRoute6(d *device, addr netip.Addr, typ rpdb.RouteType) (*route6, error) {
	c := &config6{
		table: n.tableOf6(d, tableLocal), dev: d.Index, dst: addr, dstLen: 128, src: netip.IPv6Unspecified(),
		protocol: rpdb.ProtoKernel, typ: typ, flags: flagLocal, ignoreDown: true, cause: byKernel(),
	}
	if typ == rpdb.Anycast {
		c.flags = flagAnycast
	}
	return n.makeRoute6(c)
}

// deleteAddr6 removes an address with its routes (ipv6_del_addr).
func (n *Namespace) deleteAddr6(a *addr6) {
	if a.state == stateDead {
		return
	}
	a.state = stateDead
	n.unqueueDAD6(a)
	n.unhash6(a)
	action, until := cleanupNone, jiffies(0)
	if a.flags&rpdb.IFAPermanent != 0 && a.flags&rpdb.IFANoPrefixRoute == 0 {
		action, until = n.cleanupOf6(a)
	}
	a.in.unlink(a)
	n.changes.Add(1)
	n.notifyDelAddr6(a)
	if action != cleanupNone {
		n.cleanupPrefix6(a, a.addr, until, action == cleanupDelete)
	}
	n.removePrefSrc6(a.addr)
}

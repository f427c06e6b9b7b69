package netns

import (
	"encoding/binary"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// group4 is an IPv4 multicast group that a device takes part in (struct ip_mc_list).
type group4 struct {
	addr    uint32
	users   int
	created uint32 // hundredths of a second
	heard   bool   // the device receives what is sent to it (loaded)
}

const (
	allHosts4      = 224<<24 | 1 // 224.0.0.1
	maxMemberships = 20          // igmp_max_memberships

	rtmNewMulticast netlink.HeaderType = 56
	rtmDelMulticast netlink.HeaderType = 57
)

// membership4 is a group that an address asked for (struct ip_mc_socklist).
type membership4 struct {
	addr  uint32
	index int
}

// joinGroup4 has a device take part in a group (____ip_mc_inc_group).
func (n *Namespace) joinGroup4(in *inDevice, addr uint32) {
	for _, g := range in.groups {
		if g.addr == addr {
			g.users++
			return
		}
	}
	g := &group4{addr: addr, users: 1, created: n.world.uptime()}
	in.groups = slices.Insert(in.groups, 0, g)
	in.dev.hearGroup(toAddr4(addr), true, &g.heard)
	n.notifyGroup4(rtmNewMulticast, in, g)
	n.groupsChanged(in.dev)
}

// leaveGroup4 is __ip_mc_dec_group.
func (n *Namespace) leaveGroup4(in *inDevice, addr uint32) {
	i := slices.IndexFunc(in.groups, func(g *group4) bool { return g.addr == addr })
	if i < 0 {
		return
	}
	if g := in.groups[i]; g.users > 1 {
		g.users--
	} else {
		in.groups = slices.Delete(in.groups, i, i+1)
		in.dev.hearGroup(toAddr4(addr), false, &g.heard)
		n.notifyGroup4(rtmDelMulticast, in, g)
		n.groupsChanged(in.dev)
	}
}

// inGroup4 reports whether a device takes part in a group (ip_check_mc_rcu).
func (n *Namespace) inGroup4(index int, addr uint32) bool {
	d := n.byIndex(index)
	return d != nil && d.inet4 != nil &&
		slices.ContainsFunc(d.inet4.groups, func(g *group4) bool { return g.addr == addr })
}

// autojoin4 joins the group that an address is, if it asks for it
// (ip_mc_autojoin_config, __ip_mc_join_group).
func (n *Namespace) autojoin4(a *addr4) rpdb.Errno {
	m := membership4{a.address, a.in.dev.Index}
	switch {
	case !isMulticast4(a.address):
		return rpdb.EINVAL
	case slices.Contains(n.ip4.joined, m):
		return rpdb.EADDRINUSE
	case len(n.ip4.joined) >= maxMemberships:
		return rpdb.ENOBUFS
	}
	n.ip4.joined = append(n.ip4.joined, m)
	n.joinGroup4(a.in, a.address)
	return rpdb.OK
}

// autoleave4 undoes autojoin4.
func (n *Namespace) autoleave4(a *addr4) {
	i := slices.Index(n.ip4.joined, membership4{a.address, a.in.dev.Index})
	if i >= 0 {
		n.ip4.joined = slices.Delete(n.ip4.joined, i, i+1)
		n.leaveGroup4(a.in, a.address)
	}
}

func appendGroup4(in *inDevice, g *group4) []byte {
	b := []byte{byte(rpdb.IPv4), 32, byte(rpdb.IFAPermanent), byte(rpdb.ScopeGlobal)}
	w := &message{binary.NativeEndian.AppendUint32(b, uint32(in.dev.Index))}
	w.b = appendBE32(w.b, nla.IFAMulticast, g.addr)
	w.put(nla.IFACacheInfo, words32(rpdb.Forever, rpdb.Forever, g.created, g.created))
	return w.b
}

// notifyGroup4 tells of a group (inet_ifmcaddr_notify), which kernels do since 6.15.
func (n *Namespace) notifyGroup4(typ netlink.HeaderType, in *inDevice, g *group4) {
	n.notify(nil, GroupIPv4MCAddr, typ, 0, appendGroup4(in, g))
}

// dumpGroups4 answers RTM_GETMULTICAST for IPv4 (inet_dump_ifmcaddr).
func dumpGroups4(r *request) error {
	return r.ns.dumpDevs4(r, func(in *inDevice) {
		for _, g := range in.groups {
			r.row(rtmGetMulticast, 0, appendGroup4(in, g))
		}
	})
}

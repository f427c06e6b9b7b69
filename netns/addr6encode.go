package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of an address (IFA_*).
const (
	addrHeaderLen = 8 // struct ifaddrmsg

	protoLoopback  = 1 // IFAPROT_KERNEL_LO
	protoLinkLocal = 3 // IFAPROT_KERNEL_LL
)

// words32 is a struct of words.
func words32(vs ...uint32) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}

func addrHeader6(plen uint8, flags uint32, scope rpdb.Scope, dev int) []byte {
	h := make([]byte, addrHeaderLen, 128)
	h[0], h[1], h[2], h[3] = byte(rpdb.IPv6), plen, byte(flags), byte(scope)
	binary.NativeEndian.PutUint32(h[4:], uint32(dev))
	return h
}

// lifetimes are the seconds left of an address (inet6_fill_ifaddr).
func (n *Namespace) lifetimes6(a *addr6) (preferred, valid uint32) {
	preferred, valid = a.preferred, a.valid
	if a.flags&rpdb.IFAPermanent != 0 && preferred == rpdb.Forever {
		return rpdb.Forever, rpdb.Forever
	}
	if preferred == rpdb.Forever {
		return preferred, valid
	}
	age := uint32((n.world.now() - a.updated) / hz)
	preferred -= min(preferred, age)
	if valid != rpdb.Forever {
		valid -= min(valid, age)
	}
	return preferred, valid
}

// fillAddr6 writes an address (inet6_fill_ifaddr).
func (n *Namespace) fillAddr6(a *addr6) []byte {
	m := &message{b: addrHeader6(a.plen, a.flags, a.scope.rtScope(), a.in.dev.Index)}
	if a.peer.IsValid() {
		m.put(nla.IFALocal, a.addr.AsSlice())
		m.put(nla.IFAAddress, a.peer.AsSlice())
	} else {
		m.put(nla.IFAAddress, a.addr.AsSlice())
	}
	if a.metric != 0 {
		m.u32(nla.IFAPriority, a.metric)
	}
	preferred, valid := n.lifetimes6(a)
	m.put(nla.IFACacheInfo, words32(preferred, valid, uint32(a.created.clock()), uint32(a.updated.clock())))
	m.u32(nla.IFAFlags, a.flags)
	if a.proto != 0 {
		m.u8(nla.IFAProto, a.proto)
	}
	return m.b
}

// fillGroup6 writes a multicast group or an anycast address of a device
// (inet6_fill_ifmcaddr, inet6_fill_ifacaddr).
func fillGroup6(typ uint16, addr netip.Addr, dev int, created, updated jiffies) []byte {
	scope := rpdb.ScopeGlobal
	if scopeOf6(addr)&scopeSite6 != 0 {
		scope = rpdb.ScopeSite
	}
	m := &message{b: addrHeader6(128, rpdb.IFAPermanent, scope, dev)}
	m.put(typ, addr.AsSlice())
	m.put(nla.IFACacheInfo, words32(rpdb.Forever, rpdb.Forever, uint32(created.clock()), uint32(updated.clock())))
	return m.b
}

// tellAddr6 sends the notification of an address alone (inet6_ifa_notify).
func (n *Namespace) tellAddr6(a *addr6, typ netlink.HeaderType) {
	n.notify(nil, GroupIPv6Addr, typ, 0, n.fillAddr6(a))
}

// notifyAddr6 tells that an address changed (ipv6_ifa_notify with event 0).
func (n *Namespace) notifyAddr6(a *addr6) {
	if !a.in.dead {
		n.tellAddr6(a, rtnl.RTMNewAddr)
	}
}

// notifyNewAddr6 tells that an address is valid now, and adds what it brings
// (ipv6_ifa_notify with RTM_NEWADDR).
func (n *Namespace) notifyNewAddr6(a *addr6) {
	if a.in.dead {
		return
	}
	n.tellAddr6(a, rtnl.RTMNewAddr)
	if a.route != nil && a.route.node == nil {
		_ = n.insert6(a.route, byKernel())
	}
	if a.in.forwarding() {
		n.joinAnycast6(a)
	}
	if a.peer.IsValid() {
		n.addPrefixRoute6(a.in.dev, a.peer, 128, a.metric, 0)
	}
}

// notifyDelAddr6 tells that an address is gone, and removes what it brought
// (ipv6_ifa_notify with RTM_DELADDR).
func (n *Namespace) notifyDelAddr6(a *addr6) {
	d := a.in.dev
	n.tellAddr6(a, rtnl.RTMDelAddr)
	if a.in.forwarding() {
		n.leaveAnycast6(a)
	}
	n.leaveSolicited6(a.in, a.addr)
	if a.peer.IsValid() {
		if r := n.prefixRoute6(d, a.peer, 128, 0, 0, false); r != nil {
			_ = n.remove6(r, byKernel())
		}
	}
	if a.route != nil {
		_ = n.remove6(a.route, byKernel())
		a.route = nil
	}
}

// modelAddrs6 are the addresses of all devices in the order of a dump.
func (n *Namespace) modelAddrs6() []rpdb.Addr {
	var out []rpdb.Addr
	for _, d := range n.devices.list {
		if d.inet6 == nil {
			continue
		}
		for _, a := range d.inet6.addrs {
			m := rpdb.Addr{
				Family: rpdb.IPv6, Index: d.Index, Local: a.addr, Peer: a.peer, PrefixLen: a.plen,
				Scope: a.scope.rtScope(), Flags: a.flags, Metric: a.metric, Protocol: a.proto,
				Created: uint32(a.created.clock()), Updated: uint32(a.updated.clock()),
			}
			m.Preferred, m.Valid = n.lifetimes6(a)
			out = append(out, m)
		}
	}
	return out
}

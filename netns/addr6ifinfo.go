package netns

import (
	"encoding/binary"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// rsSent6 is the flag of a device by which routers were asked for advertisements
// (IF_RS_SENT).
const rsSent6 = 0x10

// fillIfInfo6 writes the IPv6 part of a device as a message of its own
// (inet6_fill_ifinfo).
func fillIfInfo6(d *device) []byte {
	m := &message{b: make([]byte, 16, 768)}
	m.b[0] = byte(rpdb.IPv6)
	binary.NativeEndian.PutUint16(m.b[2:], d.Type)
	binary.NativeEndian.PutUint32(m.b[4:], uint32(d.Index))
	binary.NativeEndian.PutUint32(m.b[8:], d.Flags)
	m.str(nla.IFLAIfname, d.Name)
	if len(d.Address) > 0 {
		m.put(nla.IFLAAddress, d.Address)
	}
	m.u32(nla.IFLAMTU, d.MTU)
	if i := d.iflink(); i != d.Index {
		m.u32(nla.IFLALink, uint32(i))
	}
	m.u8(nla.IFLAOperstate, d.Operstate)
	m.nest(nla.IFLAProtInfo, func() { d.putInet6(m, true) })
	return m.b
}

// notifyIfInfo6 tells that the IPv6 part of a device changed (inet6_ifinfo_notify).
func (n *Namespace) notifyIfInfo6(d *device) {
	n.notify(nil, GroupIPv6IfInfo, rtnl.RTMNewLink, 0, fillIfInfo6(d))
}

// lonely6 reports whether an address is the only one of scope link that can be used
// (ipv6_lonely_lladdr).
func (n *Namespace) lonely6(a *addr6) bool {
	const counted = rpdb.IFAPermanent | rpdb.IFATentative | rpdb.IFAOptimistic | rpdb.IFADADFailed
	for _, o := range a.in.addrs {
		if o != a && o.scope == scopeLink6 && o.flags&counted == rpdb.IFAPermanent {
			return false
		}
	}
	return true
}

// askRouters6 notes that routers are asked for advertisements once the first
// link-local address is valid (addrconf_dad_completed).
func (n *Namespace) askRouters6(a *addr6) {
	d := a.in.dev
	if !a.in.acceptsRA() || d.conf6[conf6Solicits] == 0 || d.IsLoopback() || d.Type == arphrdTunnel {
		return
	}
	n.solicitRouters6(a)
}

// linkLocal is an address of scope link that has none of some flags (ipv6_get_lladdr).
func (in *inet6Dev) linkLocal(banned uint32) *addr6 {
	for _, a := range slices.Backward(in.addrs) {
		if a.scope == scopeLink6 && a.flags&banned == 0 {
			return a
		}
	}
	return nil
}

// solicitRouters6 has routers asked from an address.
func (n *Namespace) solicitRouters6(a *addr6) {
	d := a.in.dev
	d.in6.flags |= rsSent6
	if p := n.world.packets; p != nil {
		p.AskRouters(n, d.Index, a.addr)
	}
}

// acceptsRA reports whether advertisements of routers count on the device
// (ipv6_accept_ra).
func (in *inet6Dev) acceptsRA() bool {
	accepts := in.dev.conf6[conf6AcceptRA]
	return accepts == 2 || accepts != 0 && !in.forwarding()
}

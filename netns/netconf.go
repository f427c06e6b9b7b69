package netns

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Messages about settings of devices (linux/netconf.h).
const (
	rtmNewNetconf netlink.HeaderType = 80
	rtmDelNetconf netlink.HeaderType = 81
	rtmGetNetconf netlink.HeaderType = 82

	netconfIfindex         = 1
	netconfForwarding      = 2
	netconfRPFilter        = 3
	netconfMCForwarding    = 4
	netconfProxyNeigh      = 5
	netconfIgnoreLink      = 6
	netconfBCForwarding    = 8
	netconfForceForwarding = 9

	netconfAll     = -1 // every setting
	netconfOfAll   = -1 // ifindex of "all"
	netconfDefault = -2 // ifindex of "default"
)

// encodeNetconf4 is the body of a message about the IPv4 settings of a device
// (inet_netconf_fill_devconf).
func encodeNetconf4(index int, c *conf4, typ int) []byte {
	m := &message{b: []byte{byte(rpdb.IPv4), 0, 0, 0}}
	m.u32(netconfIfindex, uint32(index))
	for _, v := range []struct{ typ, at int }{
		{netconfForwarding, conf4Forwarding},
		{netconfRPFilter, conf4RPFilter},
		{netconfMCForwarding, conf4MCForwarding},
		{netconfBCForwarding, conf4BCForwarding},
		{netconfProxyNeigh, conf4ProxyARP},
		{netconfIgnoreLink, conf4IgnoreLinkdown},
	} {
		if typ == netconfAll || typ == v.typ {
			m.u32(uint16(v.typ), uint32(c[v.at]))
		}
	}
	return m.b
}

// encodeNetconf6 is the same for IPv6 (inet6_netconf_fill_devconf).
func encodeNetconf6(index int, c *conf6, typ int) []byte {
	m := &message{b: []byte{byte(rpdb.IPv6), 0, 0, 0}}
	m.u32(netconfIfindex, uint32(index))
	for _, v := range []struct{ typ, at int }{
		{netconfForwarding, conf6Forwarding},
		{netconfMCForwarding, conf6MCForwarding},
		{netconfProxyNeigh, conf6ProxyNDP},
		{netconfIgnoreLink, conf6IgnoreLinkdown},
	} {
		if typ == netconfAll || typ == v.typ {
			m.u32(uint16(v.typ), uint32(c[v.at]))
		}
	}
	return m.b
}

func (n *Namespace) notifyNetconf4(d *device, typ int) {
	n.notify(nil, GroupIPv4NetConf, rtmNewNetconf, 0, encodeNetconf4(d.Index, &d.conf4, typ))
}

func (n *Namespace) notifyNetconf6(d *device, typ int) {
	n.notify(nil, GroupIPv6NetConf, rtmNewNetconf, 0, encodeNetconf6(d.Index, &d.conf6, typ))
}

// notifyNoNetconf tells that a device has no settings of a family any more.
func (n *Namespace) notifyNoNetconf(f rpdb.Family, index int) {
	m := &message{b: []byte{byte(f), 0, 0, 0}}
	m.u32(netconfIfindex, uint32(index))
	g := GroupIPv4NetConf
	if f == rpdb.IPv6 {
		g = GroupIPv6NetConf
	}
	n.notify(nil, g, rtmDelNetconf, 0, m.b)
}

// A renamed device loses its settings' names and gets new ones
// (devinet_sysctl_unregister, devinet_sysctl_register).
func (n *Namespace) renameNetconf4(d *device) {
	n.notifyNoNetconf(rpdb.IPv4, d.Index)
	n.notifyNetconf4(d, netconfAll)
}

func (n *Namespace) renameNetconf6(d *device) {
	n.notifyNoNetconf(rpdb.IPv6, d.Index)
	n.notifyNetconf6(d, netconfAll)
}

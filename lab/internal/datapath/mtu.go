package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const (
	minMTU6 = 1280
	maxIP   = 65535
)

// metricOf returns a metric of the route that a packet follows.
func metricOf(d *rpdb.Decision, id uint16) (v uint32, locked, ok bool) {
	if d.Route == nil || !d.UsesRoute {
		return 0, false, false
	}
	for _, m := range d.Route.Sibling(d.Leg).Metrics {
		if m.ID == id {
			return m.Val, m.Lock, true
		}
	}
	return 0, false, false
}

// pathMTU is the size of the largest packet that goes a way (ip_dst_mtu_maybe_forward,
// ip6_dst_mtu_maybe_forward): what was learned of the path, the route's metric, or the
// device's MTU.
func (h *Host) pathMTU(v *netns.View, d *rpdb.Decision, dst netip.Addr) (mtu int, locked bool) {
	dev := v.Device(d.OIF)
	if dev == nil {
		return minMTU6, false
	}
	mtu = int(dev.MTU)
	if dst.Is6() {
		mtu = int(dev.Conf6.MTU)
	}
	if dst.Is4() && mtu > maxIP {
		mtu = maxIP
	}
	if m, lock, ok := metricOf(d, nla.RTAXMTU); ok && m != 0 {
		mtu, locked = int(m), lock
	}
	if x, ok := h.ns.Exception(dst, d); ok && x.MTU != 0 {
		mtu, locked = min(mtu, x.MTU), locked || x.Locked
	}
	return mtu, locked
}

// defaultHops is the TTL or hop limit of what this host sends (ip4_dst_hoplimit,
// ip6_dst_hoplimit).
func (h *Host) defaultHops(v *netns.View, d *rpdb.Decision, six bool) uint8 {
	if m, _, ok := metricOf(d, nla.RTAXHopLimit); ok && m != 0 {
		return uint8(m)
	}
	if !six {
		return uint8(v.Setting("ipv4/ip_default_ttl"))
	}
	if dev := v.Device(d.OIF); dev != nil && dev.Conf6.HopLimit > 0 {
		return uint8(dev.Conf6.HopLimit)
	}
	return 64
}

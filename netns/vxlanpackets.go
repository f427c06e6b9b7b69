package netns

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// VXLANInfo is what a vxlan device is, in a View.
type VXLANInfo struct {
	VNI           uint32
	Port          uint16
	Ports         [2]uint16  // range of the source ports; 0, 0: that of the host
	Local, Remote netip.Addr // unspecified: any, none
	TTL, TOS, DF  uint8
	TTLInherit    bool
	Link          int
	Label         uint32
	Learning      bool
	// ZeroChecksum tells that packets go without the checksum of UDP.
	ZeroChecksum, ZeroChecksum6 bool
	// Home is the namespace whose packets carry those of the device.
	Home *Namespace
}

func (v *vxlan) view() *VXLANInfo {
	c := &v.conf
	return &VXLANInfo{
		VNI: c.vni, Port: c.port, Local: c.local, Remote: c.remote, TTL: c.ttl, TOS: c.tos, DF: c.df, Link: int(int32(c.link)), Label: c.label,
		Ports:    [2]uint16{uint16(c.ports[0])<<8 | uint16(c.ports[1]), uint16(c.ports[2])<<8 | uint16(c.ports[3])},
		Learning: c.flags&vxlanLearn != 0, TTLInherit: c.flags&vxlanTTLInherit != 0,
		ZeroChecksum: c.flags&vxlanZeroCsumTx != 0, ZeroChecksum6: c.flags&vxlanZeroCsum6Tx != 0, Home: v.home,
	}
}

// VXLANRemote is a far end of a vxlan device.
type VXLANRemote struct {
	Addr  netip.Addr
	Port  uint16
	VNI   uint32
	Index int // of the device that leads there, 0: whichever the routes say
}

// VXLANRemotes returns where a vxlan device sends frames for a hardware address: to the
// ends of its entry, or else to those of the default one (vxlan_xmit). It may be called by
// many goroutines.
func (n *Namespace) VXLANRemotes(dev int, addr [6]byte) (ends []VXLANRemote) {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	d := n.byIndex(dev)
	if d == nil {
		return nil
	}
	v, ok := d.own.(*vxlan)
	if !ok {
		return nil
	}
	f := v.find(macAddr(addr), v.conf.vni)
	if f == nil {
		f = v.find(macAddr{}, v.conf.vni)
	}
	if f == nil {
		return nil
	}
	for _, r := range f.remotes {
		e := VXLANRemote{r.ip, r.port, r.vni, int(int32(r.index))}
		if e.Port == 0 {
			e.Port = v.conf.port
		}
		if e.VNI == 0 {
			e.VNI = v.conf.vni
		}
		ends = append(ends, e)
	}
	return ends
}

// VXLANLearn tells a vxlan device behind which far end a hardware address is
// (vxlan_snoop). It reports whether the frame may go on: not one of an address that a
// user has put elsewhere.
func (n *Namespace) VXLANLearn(dev int, addr [6]byte, from netip.Addr) bool {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.byIndex(dev)
	if d == nil {
		return false
	}
	v, ok := d.own.(*vxlan)
	if !ok {
		return false
	}
	now := n.world.now()
	if f := v.find(macAddr(addr), v.conf.vni); f != nil {
		r := f.first()
		if r == nil || r.ip == from {
			f.updated = now
			return true
		}
		if f.state&(rpdb.NUDPermanent|rpdb.NUDNoARP) != 0 || f.nh != nil {
			return false
		}
		r.ip, f.updated = from, now
		v.notifyFDB(rtnl.RTMNewNeigh, f, r)
		return true
	}
	f, err := v.create(vxlanChange{
		addr: macAddr(addr), sourceVNI: v.conf.vni, remote: vxlanRemote{ip: from, vni: v.conf.vni}, state: rpdb.NUDReachable, flags: ntfSelf,
	})
	if err == nil {
		v.notifyFDB(rtnl.RTMNewNeigh, f, f.first())
	}
	return true
}

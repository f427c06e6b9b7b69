package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// linkMessage says what a message about a link holds beside the link.
type linkMessage struct {
	change     uint32
	event      uint32
	extMask    uint32
	target     *int32 // IFLA_TARGET_NETNSID
	newNSID    *int32
	newIfindex int
}

// encode returns the body of an RTM_NEWLINK or RTM_DELLINK message about d for a
// reader in namespace n, with attributes in the kernel's order (rtnl_fill_ifinfo).
func (d *device) encode(n *Namespace, o linkMessage) []byte {
	m := &message{b: make([]byte, 16, 1536)}
	binary.NativeEndian.PutUint16(m.b[2:], d.Type)
	binary.NativeEndian.PutUint32(m.b[4:], uint32(d.Index))
	binary.NativeEndian.PutUint32(m.b[8:], d.Flags)
	binary.NativeEndian.PutUint32(m.b[12:], o.change)
	if o.target != nil {
		m.u32(iflaTargetNetNSID, uint32(*o.target))
	}
	m.str(iflaIfname, d.Name)
	d.putNumbers(m)
	d.putCarrier(m)
	if o.event != 0 {
		m.u32(iflaEvent, o.event)
	}
	if len(d.Address) > 0 {
		m.put(iflaAddress, d.Address)
		m.put(iflaBroadcast, d.broadcast)
	}
	d.counters.put(m)
	m.nest(iflaXDP, func() { m.u8(iflaXDPAttached, 0) })
	d.putLinkInfo(m)
	if o.newNSID != nil {
		m.u32(iflaNewNetNSID, uint32(*o.newNSID))
	}
	if o.newIfindex != 0 {
		m.u32(iflaNewIfindex, uint32(o.newIfindex))
	}
	d.putIflink(m, n)
	m.str(iflaQdisc, d.Qdisc)
	d.putFamilies(m, o.extMask)
	m.put(iflaMap, make([]byte, 32))
	if len(d.AltNames) > 0 {
		m.nest(iflaPropList|nestedFlag, func() {
			for _, a := range d.AltNames {
				m.str(iflaAltIfname, a)
			}
		})
	}
	m.put(iflaDevlinkPort|nestedFlag, nil)
	m.put(iflaDPLLPin|nestedFlag, nil)
	return m.b
}

func (d *device) putNumbers(m *message) {
	m.u32(iflaTxQLen, d.TxQLen)
	m.u8(iflaOperstate, d.Operstate)
	m.u8(iflaLinkMode, d.linkMode)
	m.flag(iflaNetNSImmutable, d.immutable)
	m.u32(iflaMTU, d.MTU)
	m.u32(iflaMinMTU, d.minMTU)
	m.u32(iflaMaxMTU, d.maxMTU)
	m.u32(iflaGroup, d.Group)
	m.u32(iflaPromiscuity, d.promiscuity)
	m.u32(iflaAllMulti, d.allMulti)
	m.u32(iflaNumTxQueues, d.queues[0])
	m.u32(iflaGSOMaxSegs, d.sizes.gsoSegs)
	m.u32(iflaGSOMaxSize, d.sizes.gso)
	m.u32(iflaGROMaxSize, d.sizes.gro)
	m.u32(iflaGSOIPv4MaxSize, d.sizes.gso4)
	m.u32(iflaGROIPv4MaxSize, d.sizes.gro4)
	m.u32(iflaTSOMaxSize, d.sizes.tso)
	m.u32(iflaTSOMaxSegs, d.sizes.tsoSegs)
	m.u32(iflaPacingHorizon, 0)
	m.u32(iflaNumRxQueues, d.queues[1])
	if d.master != nil {
		m.u32(iflaMaster, uint32(d.master.Index))
	}
}

func (d *device) putCarrier(m *message) {
	m.flag(iflaCarrier, d.hasCarrier())
	if d.alias != "" {
		m.str(iflaIfAlias, d.alias)
	}
	m.u32(iflaCarrierChanges, d.carrierUps+d.carrierDowns)
	m.u32(iflaCarrierUps, d.carrierUps)
	m.u32(iflaCarrierDowns, d.carrierDowns)
	m.u16(iflaHeadroom, d.headroom)
	m.u16(iflaTailroom, d.tailroom)
	m.flag(iflaProtoDown, d.protoDown)
	if d.protoDownReason != 0 {
		m.nest(iflaProtoDownReason, func() { m.u32(protoDownReasonValue, d.protoDownReason) })
	}
}

// putLinkInfo adds what the kind says of the device and of it as a port
// (rtnl_link_fill).
func (d *device) putLinkInfo(m *message) {
	slave := d.master != nil && d.master.kind != nil
	if d.kind == nil && !slave {
		return
	}
	m.nest(iflaLinkInfo, func() {
		if d.kind != nil {
			m.str(iflaInfoKind, d.kind.name)
			if d.kind.fill != nil {
				m.nest(iflaInfoData, func() { d.kind.fill(d, m) })
			}
		}
		if slave {
			d.putSlaveInfo(m)
		}
	})
}

func (d *device) putSlaveInfo(m *message) {
	k := d.master.kind
	m.str(iflaInfoSlaveKind, k.name)
	if k.fillPort != nil {
		m.nest(iflaInfoSlaveData, func() { k.fillPort(d, m) })
	}
}

// putIflink adds IFLA_LINK_NETNSID and IFLA_LINK (rtnl_fill_link_netnsid).
func (d *device) putIflink(m *message, n *Namespace) {
	other := d.peer
	if other == nil {
		other = d.lower
	}
	at := d.ns
	switch {
	case d.kind != nil && d.kind.linkNetns != nil:
		at = d.kind.linkNetns(d)
	case other != nil:
		at = other.ns
	}
	away := at != d.ns
	if away {
		m.u32(iflaLinkNetNSID, uint32(n.nsid(at)))
	}
	if i := d.iflink(); away || i != d.Index {
		m.u32(iflaLink, uint32(i))
	}
}

// putFamilies adds what the address families say (rtnl_fill_link_af).
func (d *device) putFamilies(m *message, extMask uint32) {
	m.nest(iflaAFSpec, func() {
		if !d.NoInet {
			m.nest(uint16(rpdb.IPv4), func() { m.words(iflaInetConf, d.conf4[:d.ns.world.told4()]) })
		}
		if !d.NoInet6 {
			m.nest(uint16(rpdb.IPv6), func() { d.putInet6(m, extMask&extMaskSkipStats == 0) })
		}
	})
}

const (
	ipstatsMax = 38 // __IPSTATS_MIB_MAX
	icmp6Max   = 7  // __ICMP6_MIB_MAX
)

// putInet6 adds the IPv6 state (inet6_fill_ifla6_attrs).
func (d *device) putInet6(m *message, stats bool) {
	m.u32(iflaInet6Flags, d.in6.flags)
	m.words(iflaInet6CacheInfo, []int32{65535, int32(d.in6.stamp), int32(d.in6.reachable), int32(d.in6.retrans)})
	m.words(iflaInet6Conf, d.conf6.report(d.ns.world.told6()))
	if stats {
		m.put(iflaInet6Stats, counters(ipstatsMax))
		m.put(iflaInet6ICMP6Stats, counters(icmp6Max))
	}
	m.put(iflaInet6Token, d.in6.token[:])
	m.u8(iflaInet6AddrGenMode, uint8(d.conf6[conf6AddrGenMode]))
	if d.in6.raMTU != 0 {
		m.u32(iflaInet6RAMTU, d.in6.raMTU)
	}
}

// counters are n counters of which the first tells how many they are and the others
// are 0 (__snmp6_fill_stats64).
func counters(n int) []byte {
	return append(binary.NativeEndian.AppendUint64(nil, uint64(n)), make([]byte, 8*(n-1))...)
}

// notifyLink sends RTM_NEWLINK with the flags that changed, unless the device is
// being deleted (rtmsg_ifinfo).
func (n *Namespace) notifyLink(r *request, typ netlink.HeaderType, d *device, o linkMessage) {
	if d.registered && !d.leaving {
		n.notify(r, GroupLink, typ, 0, d.encode(n, o))
	}
}

const linkEventFeatures = 2 // IFLA_EVENT_FEATURES

// notifyLinkEvent tells of events that nothing else tells of (rtnetlink_event).
func notifyLinkEvent(n *Namespace, d *device, e event) {
	switch e {
	case eventChangeMTU, eventChangeAddr, eventChangeName, eventChangeUpper, eventChangeTxQLen:
		n.notifyLink(nil, rtnl.RTMNewLink, d, linkMessage{})
	case eventFeatures:
		n.notifyLink(nil, rtnl.RTMNewLink, d, linkMessage{event: linkEventFeatures})
	}
}

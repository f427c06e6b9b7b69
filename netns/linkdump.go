package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
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
		m.u32(nla.IFLATargetNetNSID, uint32(*o.target))
	}
	m.str(nla.IFLAIfname, d.Name)
	d.putNumbers(m)
	d.putCarrier(m)
	if o.event != 0 {
		m.u32(nla.IFLAEvent, o.event)
	}
	if len(d.Address) > 0 {
		m.put(nla.IFLAAddress, d.Address)
		m.put(nla.IFLABroadcast, d.broadcast)
	}
	d.counters.put(m)
	m.nest(nla.IFLAXDP, func() { m.u8(nla.IFLAXDPAttached, 0) })
	d.putLinkInfo(m)
	if o.newNSID != nil {
		m.u32(nla.IFLANewNetNSID, uint32(*o.newNSID))
	}
	if o.newIfindex != 0 {
		m.u32(nla.IFLANewIfindex, uint32(o.newIfindex))
	}
	d.putIflink(m, n)
	m.str(nla.IFLAQdisc, d.Qdisc)
	d.putFamilies(m, o.extMask)
	m.put(nla.IFLAMap, make([]byte, 32))
	if len(d.AltNames) > 0 {
		m.nest(nla.IFLAPropList|nestedFlag, func() {
			for _, a := range d.AltNames {
				m.str(nla.IFLAAltIfname, a)
			}
		})
	}
	m.put(nla.IFLADevlinkPort|nestedFlag, nil)
	m.put(nla.IFLADPLLPin|nestedFlag, nil)
	return m.b
}

func (d *device) putNumbers(m *message) {
	m.u32(nla.IFLATxQLen, d.TxQLen)
	m.u8(nla.IFLAOperstate, d.Operstate)
	m.u8(nla.IFLALinkMode, d.linkMode)
	m.flag(nla.IFLANetNSImmutable, d.immutable)
	m.u32(nla.IFLAMTU, d.MTU)
	m.u32(nla.IFLAMinMTU, d.minMTU)
	m.u32(nla.IFLAMaxMTU, d.maxMTU)
	m.u32(nla.IFLAGroup, d.Group)
	m.u32(nla.IFLAPromiscuity, d.promiscuity)
	m.u32(nla.IFLAAllMulti, d.allMulti)
	m.u32(nla.IFLANumTxQueues, d.queues[0])
	m.u32(nla.IFLAGSOMaxSegs, d.sizes.gsoSegs)
	m.u32(nla.IFLAGSOMaxSize, d.sizes.gso)
	m.u32(nla.IFLAGROMaxSize, d.sizes.gro)
	m.u32(nla.IFLAGSOIPv4MaxSize, d.sizes.gso4)
	m.u32(nla.IFLAGROIPv4MaxSize, d.sizes.gro4)
	m.u32(nla.IFLATSOMaxSize, d.sizes.tso)
	m.u32(nla.IFLATSOMaxSegs, d.sizes.tsoSegs)
	m.u32(nla.IFLAPacingHorizon, 0)
	m.u32(nla.IFLANumRxQueues, d.queues[1])
	if d.master != nil {
		m.u32(nla.IFLAMaster, uint32(d.master.Index))
	}
}

func (d *device) putCarrier(m *message) {
	m.flag(nla.IFLACarrier, d.hasCarrier())
	if d.alias != "" {
		m.str(nla.IFLAIfAlias, d.alias)
	}
	m.u32(nla.IFLACarrierChanges, d.carrierUps+d.carrierDowns)
	m.u32(nla.IFLACarrierUps, d.carrierUps)
	m.u32(nla.IFLACarrierDowns, d.carrierDowns)
	m.u16(nla.IFLAHeadroom, d.headroom)
	m.u16(nla.IFLATailroom, d.tailroom)
	m.flag(nla.IFLAProtoDown, d.protoDown)
	if d.protoDownReason != 0 {
		m.nest(nla.IFLAProtoDownReason, func() { m.u32(protoDownReasonValue, d.protoDownReason) })
	}
}

// putLinkInfo adds what the kind says of the device and of it as a port
// (rtnl_link_fill).
func (d *device) putLinkInfo(m *message) {
	slave := d.master != nil && d.master.kind != nil
	if d.kind == nil && !slave {
		return
	}
	m.nest(nla.IFLALinkInfo, func() {
		if d.kind != nil {
			m.str(nla.IFLAInfoKind, d.kind.name)
			if d.kind.fill != nil {
				m.nest(nla.IFLAInfoData, func() { d.kind.fill(d, m) })
			}
		}
		if slave {
			d.putSlaveInfo(m)
		}
	})
}

func (d *device) putSlaveInfo(m *message) {
	k := d.master.kind
	m.str(nla.IFLAInfoSlaveKind, k.name)
	if k.fillPort != nil {
		m.nest(nla.IFLAInfoSlaveData, func() { k.fillPort(d, m) })
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
		m.u32(nla.IFLALinkNetNSID, uint32(n.nsid(at)))
	}
	if i := d.iflink(); away || i != d.Index {
		m.u32(nla.IFLALink, uint32(i))
	}
}

// putFamilies adds what the address families say (rtnl_fill_link_af).
func (d *device) putFamilies(m *message, extMask uint32) {
	m.nest(nla.IFLAAFSpec, func() {
		if !d.NoInet {
			m.nest(uint16(rpdb.IPv4), func() { m.words(nla.IFLAInetConf, d.conf4[:d.ns.world.told4()]) })
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
	m.u32(nla.IFLAInet6Flags, d.in6.flags)
	m.words(nla.IFLAInet6CacheInfo, []int32{65535, int32(d.in6.stamp), int32(d.in6.reachable), int32(d.in6.retrans)})
	m.words(nla.IFLAInet6Conf, d.conf6.report(d.ns.world.told6()))
	if stats {
		m.put(nla.IFLAInet6Stats, counters(ipstatsMax))
		m.put(nla.IFLAInet6ICMP6Stats, counters(icmp6Max))
	}
	m.put(nla.IFLAInet6Token, d.in6.token[:])
	m.u8(nla.IFLAInet6AddrGenMode, uint8(d.conf6[conf6AddrGenMode]))
	if d.in6.raMTU != 0 {
		m.u32(nla.IFLAInet6RAMTU, d.in6.raMTU)
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

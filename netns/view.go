package netns

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// View is what the packets of a namespace need to know of it, as it was at one moment. It
// never changes; [Namespace.View] gives a new one after every change.
type View struct {
	Database *rpdb.Database
	Devices  []*Device // by their ifindex

	index                 map[int]*Device
	changes, neighChanges uint64
	sysctls               map[string]int64
	limited6              [4]uint64 // net/ipv6/icmp/ratemask
	proxies6, forwards6   bool
}

// Device is a network device in a View.
type Device struct {
	rpdb.Link
	// ID is the device's own for as long as it lives, whatever its name, ifindex or
	// namespace; no other device of the world ever has it.
	ID        uint64
	Carrier   bool
	Broadcast []byte
	Counters  *Counters
	Conf4     Conf4
	Conf6     Conf6
	// Receives are hardware addresses beside its own that the device receives, groups
	// among them.
	Receives map[[6]byte]bool
	// Groups are the multicast groups that it takes part in, Anycasts its anycast addresses.
	Groups, Anycasts []netip.Addr

	Pair *Device // veth: the other end, of which only ID is set; nil: it is gone
	// PairIn is the namespace that the other end was in when the view was made.
	PairIn *Namespace
	Lower  uint64 // vlan, macvlan: the ID of the device below, 0: none
	// Above are the IDs of the devices stacked on it by kind: vlan, macvlan.
	VLANs    []VLANAbove
	Macvlans []uint64

	Ports []BridgePort // of a bridge

	VLAN    *VLANInfo
	Macvlan *MacvlanInfo
	Tunnel  *TunnelInfo
	VXLAN   *VXLANInfo
	Tun     *TunConfig
}

// BridgePort is a port of a bridge in a View.
type BridgePort struct {
	Index      int
	Forwarding bool
}

// VLANInfo is what a VLAN device is.
type VLANInfo struct{ Proto, ID uint16 }

// VLANAbove is a VLAN device on top of another.
type VLANAbove struct {
	VLANInfo
	Device uint64
}

// MacvlanInfo is what a macvlan device is.
type MacvlanInfo struct {
	Mode    uint32
	Sources [][]byte
}

// TunnelInfo are the parameters of a tunnel: the attributes of IFLA_INFO_DATA by number.
type TunnelInfo struct{ Attrs map[uint16][]byte }

// Conf4 are the settings of IPv4 that packets meet on a device, combined with those of
// all as the kernel combines them (IN_DEV_*).
type Conf4 struct {
	Forwarding, ProxyARP, ProxyARPPVLAN, DropGratuitousARP, DropUnicast bool
	RouteLocalnet, SrcValidMark                                         bool
	AcceptRedirects, SecureRedirects, SendRedirects, SharedMedia        bool
	ARPAnnounce, ARPIgnore, ARPAccept, ARPNotify                        int32
	ARPFilter                                                           bool
	// IGMPVersion is the version that the device is made to speak, 0: that of the routers; the
	// intervals are those of reports that nobody asked for, of versions 1 and 2, and of 3.
	IGMPVersion                  int
	IGMPInterval2, IGMPInterval3 time.Duration
}

// Conf6 are the settings of IPv6 that packets meet on a device.
type Conf6 struct {
	// Solicitations is how often routers are asked, negative: for ever; the pauses between
	// begin with one and grow to the other.
	Solicitations                                             int32
	SolicitInterval, SolicitMaximumInterval                   time.Duration
	HopLimit, MTU                                             int32
	Disabled, Forwarding, ProxyNDP, AcceptRedirects, AcceptRA bool
	// RouterHeard tells that a router has advertised itself since routers were asked.
	RouterHeard bool
	// Router tells whether the device itself has forwarding set: it says so in neighbour
	// advertisements, whatever all has.
	Router                                                          bool
	ForceTLLAO, NotifyNeighbours, DropUnicast, DropUnsolicited      bool
	SuppressFragments                                               bool  // of neighbour discovery (suppress_frag_ndisc)
	NeighbourClass                                                  uint8 // traffic class of neighbour discovery (ndisc_tclass)
	AcceptUntracked, MLDVersion, Solicits, SolicitDelay, SolicitGap int32
}

// The modes of a macvlan device.
const (
	MacvlanPrivate  = macvlanPrivate
	MacvlanVEPA     = macvlanVEPA
	MacvlanBridge   = macvlanBridge
	MacvlanPassthru = macvlanPassthru
	MacvlanSource   = macvlanSource
)

// View returns the present state for packets. While nothing changes it costs two loads;
// after a change, time linear in devices and routes, after one of neighbours alone, in
// the neighbours. It is safe for concurrent use.
func (n *Namespace) View() *View {
	v := n.view.Load()
	if v != nil && v.changes == n.changes.Load() && v.neighChanges == n.neighChanges.Load() {
		return v
	}
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	fresh := n.newView(v)
	n.view.Store(fresh)
	return fresh
}

// newView is the view of the present state. old is a former one, or nil.
func (n *Namespace) newView(old *View) *View {
	v := &View{changes: n.changes.Load(), neighChanges: n.neighChanges.Load()}
	var err error
	if v.Database, err = n.database(); err != nil {
		// No emulated state is one that rpdb refuses.
		panic(err)
	}
	if old != nil && old.changes == v.changes {
		v.Devices, v.index, v.sysctls, v.limited6 = old.Devices, old.index, old.sysctls, old.limited6
		v.proxies6, v.forwards6 = old.proxies6, old.forwards6
		return v
	}
	v.index = make(map[int]*Device, len(n.devices.list))
	for _, d := range n.devices.list {
		x := n.viewDevice(d)
		v.Devices, v.index[d.Index] = append(v.Devices, x), x
	}
	v.sysctls = map[string]int64{}
	for _, name := range viewSysctls {
		v.sysctls[name] = n.sysctlInt(name)
	}
	v.limited6 = n.limited6()
	v.proxies6, v.forwards6 = n.conf.all6[conf6ProxyNDP] != 0, n.conf.all6[conf6Forwarding] != 0
	return v
}

// limited6 are the types of ICMPv6 messages whose rate is limited.
func (n *Namespace) limited6() (set [4]uint64) {
	for _, r := range strings.Split(n.text(ratemask6), ",") {
		from, to, ranged := strings.Cut(r, "-")
		if !ranged {
			to = from
		}
		low, err := strconv.ParseUint(from, 10, 8)
		high, errTo := strconv.ParseUint(to, 10, 8)
		for t := low; err == nil && errTo == nil && t <= high; t++ {
			set[t/64] |= 1 << (t % 64)
		}
	}
	return set
}

// Limited6 reports whether the rate of ICMPv6 messages of a type is limited.
func (v *View) Limited6(typ uint8) bool { return v.limited6[typ/64]>>(typ%64)&1 != 0 }

// Proxies6 reports whether the namespace as a whole answers for others
// (net.ipv6.conf.all.proxy_ndp), which packets that it forwards are checked for.
func (v *View) Proxies6() bool { return v.proxies6 }

// Forwards6 reports whether the namespace as a whole forwards IPv6
// (net.ipv6.conf.all.forwarding).
func (v *View) Forwards6() bool { return v.forwards6 }

// viewSysctls are the settings that packets meet and that belong to no device.
var viewSysctls = []string{
	"ipv4/ip_default_ttl", "ipv4/icmp_echo_ignore_all", "ipv4/icmp_echo_ignore_broadcasts", "ipv4/icmp_ratelimit", "ipv4/icmp_ratemask",
	"ipv4/icmp_msgs_per_sec", "ipv4/icmp_msgs_burst", "ipv4/icmp_errors_use_inbound_ifaddr", "ipv4/ip_no_pmtu_disc",
	"ipv4/ip_forward_use_pmtu", "ipv4/fwmark_reflect", "ipv4/ip_nonlocal_bind", "ipv4/route/mtu_expires", "ipv4/route/min_pmtu",
	"ipv4/igmp_qrv", "ipv4/igmp_link_local_mcast_reports", "ipv4/ipfrag_time", "ipv6/fwmark_reflect", "ipv6/icmp/echo_ignore_all", "ipv6/icmp/echo_ignore_anycast",
	"ipv6/icmp/echo_ignore_multicast", "ipv6/icmp/error_anycast_as_unicast", "ipv6/icmp/ratelimit", "ipv6/anycast_src_echo_reply",
	"ipv6/auto_flowlabels", "ipv6/flowlabel_reflect", "ipv6/flowlabel_state_ranges", "ipv6/ip6frag_time", "ipv4/ipfrag_high_thresh", "ipv6/ip6frag_high_thresh",
	"ipv6/max_dst_opts_length", "ipv6/max_dst_opts_number", "ipv6/max_hbh_length", "ipv6/max_hbh_opts_number",
	"ipv6/route/mtu_expires",
}

// Setting returns a setting by its path below net, of those that packets meet.
func (v *View) Setting(name string) int64 { return v.sysctls[name] }

// Device returns a device by its ifindex, or nil.
func (v *View) Device(index int) *Device { return v.index[index] }

func (n *Namespace) viewDevice(d *device) *Device {
	out := &Device{
		Link: d.Link, ID: d.id, Carrier: d.hasCarrier(), Broadcast: d.broadcast, Counters: &d.counters,
		Conf4: n.viewConf4(d), Conf6: n.viewConf6(d), Receives: map[[6]byte]bool{},
	}
	if d.running {
		out.Flags |= d.flags & (iffPromisc | iffAllMulti)
	}
	for _, l := range []hwAddrs{d.unicast, d.multicast} {
		for _, h := range l {
			if len(h.addr) == macLen {
				out.Receives[[6]byte(h.addr)] = true
			}
		}
	}
	if d.inet4 != nil {
		for _, g := range d.inet4.groups {
			out.Groups = append(out.Groups, toAddr4(g.addr))
		}
	}
	if d.inet6 != nil {
		for _, g := range d.inet6.groups {
			out.Groups = append(out.Groups, g.addr)
		}
		for _, a := range d.inet6.anycasts {
			out.Anycasts = append(out.Anycasts, a.addr)
		}
	}
	if d.peer != nil {
		out.Pair, out.PairIn = &Device{ID: d.peer.id}, d.peer.ns
	}
	if d.lower != nil {
		out.Lower = d.lower.id
	}
	for _, u := range d.uppers {
		switch own := u.own.(type) {
		case *vlan:
			out.VLANs = append(out.VLANs, VLANAbove{VLANInfo{own.proto, own.id}, u.id})
		case *macvlan:
			out.Macvlans = append(out.Macvlans, u.id)
		}
	}
	switch own := d.own.(type) {
	case *vlan:
		out.VLAN = &VLANInfo{own.proto, own.id}
	case *macvlan:
		out.Macvlan = &MacvlanInfo{own.mode, own.sources}
	case *bridge:
		for _, p := range own.ports {
			out.Ports = append(out.Ports, BridgePort{p.dev.Index, p.state == portForwarding})
		}
	case *tunnel:
		out.Tunnel = &TunnelInfo{map[uint16][]byte{}}
		for i, a := range own.kind.attrs {
			if own.values[i] != nil {
				out.Tunnel.Attrs[a.typ] = own.values[i]
			}
		}
	case *vxlan:
		out.VXLAN = own.view()
	case *tun:
		c := own.TunConfig
		out.Tun = &c
	}
	return out
}

// viewConf4 combines settings as IN_DEV_ANDCONF, IN_DEV_ORCONF and IN_DEV_MAXCONF do.
func (n *Namespace) viewConf4(d *device) Conf4 {
	own, all := &d.conf4, &n.conf.all4
	or := func(i int) bool { return own[i] != 0 || all[i] != 0 }
	and := func(i int) bool { return own[i] != 0 && all[i] != 0 }
	c := Conf4{
		Forwarding: own[conf4Forwarding] != 0, ProxyARP: or(conf4ProxyARP), ProxyARPPVLAN: own[24] != 0,
		DropGratuitousARP: or(30), DropUnicast: or(conf4DropUnicast), SecureRedirects: or(4), SendRedirects: or(5), SharedMedia: or(6),
		RouteLocalnet: or(conf4RouteLocalnet), SrcValidMark: or(conf4SrcValidMark),
		ARPFilter: or(12), ARPAnnounce: max(own[17], all[17]), ARPIgnore: max(own[18], all[18]),
		ARPAccept: max(own[20], all[20]), ARPNotify: max(own[21], all[21]),
	}
	c.IGMPInterval2, c.IGMPInterval3 = time.Duration(own[26])*time.Millisecond, time.Duration(own[27])*time.Millisecond
	for version := 2; version >= 1; version-- { // IGMP_V1_SEEN before IGMP_V2_SEEN
		if int(own[16]) == version || int(all[16]) == version {
			c.IGMPVersion = version
		}
	}
	c.AcceptRedirects = or(conf4AcceptRedirects)
	if c.Forwarding { // IN_DEV_RX_REDIRECTS
		c.AcceptRedirects = and(conf4AcceptRedirects)
	}
	return c
}

func (n *Namespace) viewConf6(d *device) Conf6 {
	own, all := &d.conf6, &n.conf.all6
	return Conf6{
		Solicitations: own[conf6Solicits], SolicitInterval: jiffies(own[8]).duration(), SolicitMaximumInterval: jiffies(own[43]).duration(),
		HopLimit: own[1], MTU: own[conf6MTU], Disabled: d.NoInet6 || own[conf6Disable] != 0,
		Forwarding: all[conf6Forwarding] != 0 || own[conf6ForceForwarding] != 0,
		ProxyNDP:   own[conf6ProxyNDP] != 0 || all[conf6ProxyNDP] != 0,
		// ndisc_redirect_rcv, ipv6_accept_ra
		AcceptRedirects: own[4] != 0 && own[conf6Forwarding] == 0,
		AcceptRA:        own[conf6AcceptRA] == 2 || own[conf6AcceptRA] == 1 && own[conf6Forwarding] == 0,
		Router:          own[conf6Forwarding] != 0,
		RouterHeard:     d.in6.flags&raReceived6 != 0,

		ForceTLLAO: own[28] != 0, NotifyNeighbours: own[29] != 0 || all[29] != 0, DropUnicast: own[40] != 0, DropUnsolicited: own[41] != 0,
		SuppressFragments: own[32] != 0, NeighbourClass: uint8(own[50]), AcceptUntracked: own[57],
		MLDVersion: max(own[16], all[16]), Solicits: own[conf6Solicits], SolicitDelay: own[9], SolicitGap: own[8],
	}
}

package snapshot

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ownRoutes fills in the routes that the kernel makes for a host's own addresses,
// where a source shows routes but none of table local, as ip route without table
// all does. What the routes themselves tell of addresses helps where addresses
// are missing. Both are said.
func (m *merger) ownRoutes() {
	if m.hasNoLocal(rpdb.IPv4) {
		if m.state.Missing&rpdb.PartAddrs4 != 0 {
			m.addrsOfRoutes()
		}
		m.state.Routes = append(m.state.Routes, m.localRoutes4()...)
		m.l.warn.addf(Assumed, "", 0, "no IPv4 route of table local (ip route show table all shows every table): they are derived from the addresses")
	}
	if m.hasNoLocal(rpdb.IPv6) {
		m.state.Routes = append(m.state.Routes, m.localRoutes6()...)
		m.l.warn.addf(Assumed, "", 0, "no IPv6 route of table local (ip route show table all shows every table): they are derived from the addresses")
	}
}

// hasNoLocal reports whether routes of the family are there, but none of table
// local.
func (m *merger) hasNoLocal(f rpdb.Family) bool {
	if m.state.Missing&byFamily(f, rpdb.PartRoutes4, rpdb.PartRoutes6) != 0 {
		return false
	}
	any := false
	for i := range m.state.Routes {
		r := &m.state.Routes[i]
		if r.Family == f {
			any = true
			if r.Table == rpdb.TableLocal {
				return false
			}
		}
	}
	return any
}

// addrsOfRoutes derives IPv4 addresses: a route of proto kernel, scope link, with a
// src is what an address of that subnet brings with it. lo has 127.0.0.1/8.
func (m *merger) addrsOfRoutes() {
	s := m.state
	add := func(dev int, local netip.Addr, bits int, scope rpdb.Scope) {
		s.Addrs = append(s.Addrs, rpdb.Addr{
			Family: rpdb.IPv4, Index: dev, Local: local, PrefixLen: uint8(bits), Scope: scope,
			Flags: rpdb.IFAPermanent, Valid: rpdb.Forever, Preferred: rpdb.Forever,
		})
	}
	add(rpdb.Loopback, netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8, rpdb.ScopeHost)
	n := 0
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Family == rpdb.IPv4 && r.Table == rpdb.TableMain && r.Protocol == rpdb.ProtoKernel &&
			r.Scope == rpdb.ScopeLink && r.PrefSrc.IsValid() && len(r.NextHops) == 1 && r.Dst.Contains(r.PrefSrc) {
			add(r.NextHops[0].Dev, r.PrefSrc, r.Dst.Bits(), rpdb.ScopeGlobal)
			n++
		}
	}
	m.l.warn.addf(Assumed, "", 0, "%d IPv4 addresses are derived from the routes of proto kernel; others are not known", n)
}

// ownDevices returns the devices whose addresses have routes in table local: those
// that are up and in no VRF.
func (m *merger) ownDevices() map[int]*rpdb.Link {
	all, own := map[int]*rpdb.Link{}, map[int]*rpdb.Link{}
	for i := range m.state.Links {
		all[m.state.Links[i].Index] = &m.state.Links[i]
	}
	for i, l := range all {
		master := all[l.Master]
		if l.Up() && !l.IsVRF() && (master == nil || !master.IsVRF()) {
			own[i] = l
		}
	}
	return own
}

// subnet is the part of a device that has one primary address.
type subnet struct {
	dev    int
	prefix netip.Prefix
}

// primaries returns the first address of every subnet, which is the source of
// the routes of all addresses of it.
func (m *merger) primaries() map[subnet]netip.Addr {
	first := map[subnet]netip.Addr{}
	for i := range m.state.Addrs {
		a := &m.state.Addrs[i]
		if a.Family == rpdb.IPv4 && a.Flags&rpdb.IFASecondary == 0 {
			if s := (subnet{a.Index, a.Subnet()}); !first[s].IsValid() {
				first[s] = a.Local
			}
		}
	}
	return first
}

// localRoutes4 returns what fib_add_ifaddr puts into table local.
func (m *merger) localRoutes4() []rpdb.Route {
	var out []rpdb.Route
	have := map[netip.Prefix]bool{}
	add := func(a *rpdb.Addr, t rpdb.RouteType, dst netip.Prefix, src netip.Addr) {
		if have[dst] {
			return
		}
		have[dst] = true
		scope := rpdb.ScopeLink
		if t == rpdb.Local {
			scope = rpdb.ScopeHost
		}
		out = append(out, rpdb.Route{
			Family: rpdb.IPv4, Table: rpdb.TableLocal, Dst: dst, Type: t, Scope: scope,
			Protocol: rpdb.ProtoKernel, PrefSrc: src, NextHops: []rpdb.NextHop{{Dev: a.Index, Weight: 1}},
		})
	}
	devices, primaries := m.ownDevices(), m.primaries()
	for i := range m.state.Addrs {
		a := &m.state.Addrs[i]
		dev := devices[a.Index]
		if a.Family != rpdb.IPv4 || dev == nil {
			continue
		}
		src := a.Local
		if p := primaries[subnet{a.Index, a.Subnet()}]; p.IsValid() && a.Flags&rpdb.IFASecondary != 0 {
			src = p
		}
		add(a, rpdb.Local, netip.PrefixFrom(a.Local, 32), src)
		if a.Broadcast.IsValid() && a.Broadcast != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			add(a, rpdb.Broadcast, netip.PrefixFrom(a.Broadcast, 32), src)
		}
		net := a.Subnet()
		if a.Flags&rpdb.IFASecondary != 0 || net.Addr().As4()[0] == 0 {
			continue
		}
		if dev.IsLoopback() && net.Bits() < 32 {
			add(a, rpdb.Local, net, src)
		}
		if net.Bits() < 31 {
			if !m.state.Kernel.Has(rpdb.FeatureNoNetworkBroadcast) {
				add(a, rpdb.Broadcast, netip.PrefixFrom(net.Addr(), 32), src)
			}
			add(a, rpdb.Broadcast, netip.PrefixFrom(lastOf(net), 32), src)
		}
	}
	return out
}

// lastOf returns the all-ones address of an IPv4 subnet.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// localRoutes6 returns the local and multicast routes of table local
// (addrconf_dst_alloc, addrconf_add_mroute). The anycast routes of a router are
// not among them.
func (m *merger) localRoutes6() []rpdb.Route {
	var out []rpdb.Route
	add := func(dev int, t rpdb.RouteType, dst netip.Prefix, metric uint32) {
		out = append(out, rpdb.Route{
			Family: rpdb.IPv6, Table: rpdb.TableLocal, Dst: dst, Type: t, Protocol: rpdb.ProtoKernel,
			Priority: metric, NextHops: []rpdb.NextHop{{Dev: dev, Weight: 1}},
		})
	}
	devices, joined := m.ownDevices(), map[int]bool{}
	for i := range m.state.Addrs {
		a := &m.state.Addrs[i]
		dev := devices[a.Index]
		if a.Family != rpdb.IPv6 || dev == nil || a.Flags&(rpdb.IFATentative|rpdb.IFADADFailed) != 0 {
			continue
		}
		add(a.Index, rpdb.Local, netip.PrefixFrom(a.Local, 128), 0)
		if !dev.IsLoopback() && !joined[a.Index] {
			joined[a.Index] = true
			add(a.Index, rpdb.Multicast, netip.MustParsePrefix("ff00::/8"), 256)
		}
	}
	return out
}

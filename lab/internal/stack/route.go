package stack

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// flow is what the host looks up for a packet of a socket with these options.
func (o *Options) flow(proto uint8, src, dst netip.AddrPort) rpdb.Flow {
	return rpdb.Flow{
		Dst: dst.Addr().WithZone(""), Src: src.Addr().WithZone(""),
		OIF: o.Device, Mark: o.Mark, TOS: o.TOS, UID: o.UID,
		IPProto: proto, SPort: src.Port(), DPort: dst.Port(), Bound: o.Device != 0, Direct: o.DontRoute, Hashed: rpdb.HashedFlow,
	}
}

// meta is what the packets of a socket carry beside their headers.
func (o *Options) meta() Meta {
	return Meta{Mark: o.Mark, UID: o.UID, OIF: o.Device, DontRoute: o.DontRoute}
}

// target makes a destination of what the caller gave: v4-mapped addresses are IPv4
// ones, the unspecified address is this host, and a zone or the scope of a
// link-local address binds the socket to its device (inet6_csk_route_socket,
// tcp_v6_connect). That may be another than the socket is bound to if it only sends
// (udpv6_sendmsg, rawv6_sendmsg).
func (s *Stack) target(o *Options, dst netip.AddrPort, src netip.Addr, use use) (netip.AddrPort, rpdb.Errno) {
	a := dst.Addr().Unmap()
	if !a.IsValid() {
		return dst, rpdb.EINVAL
	}
	if src.IsValid() && !src.IsUnspecified() && src.Is4() != a.Is4() {
		if src.Is4() {
			return dst, rpdb.EAFNOSUPPORT
		}
		return dst, rpdb.ENETUNREACH
	}
	if a.IsUnspecified() {
		switch {
		case a.Is6():
			a = netip.IPv6Loopback()
		case use == toSend: // the route tells
		case src.IsValid() && !src.IsUnspecified():
			a = src
		default:
			a = s.self4(o)
		}
	}
	if errno := s.scope(o, a, use); errno != rpdb.OK {
		return dst, errno
	}
	return netip.AddrPortFrom(a.WithZone(""), dst.Port()), rpdb.OK
}

// self4 is this host as IPv4 packets to 0.0.0.0 find it: an address of the device that the
// socket is bound to, else 127.0.0.1 (ip_route_output_key_hash_rcu).
func (s *Stack) self4(o *Options) netip.Addr {
	if o.Device != 0 {
		f := rpdb.Flow{Dst: netip.IPv4Unspecified(), OIF: o.Device, Bound: true, Hashed: rpdb.HashedFlow}
		if p := s.net.Route(&f); p.Err == rpdb.OK && p.Src.IsValid() {
			return p.Src
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// use is what a socket needs an address for.
type use bool

const (
	toBind use = true // to be bound or connected to it
	toSend use = false
)

// scope binds the options to the device that the zone of a link-local address
// names.
func (s *Stack) scope(o *Options, a netip.Addr, use use) rpdb.Errno {
	if !a.Is6() || !a.IsLinkLocalUnicast() && !a.IsLinkLocalMulticast() {
		return rpdb.OK
	}
	if z := a.Zone(); z != "" {
		index, errno := s.zone(z)
		switch {
		case errno != rpdb.OK:
			return errno
		case use == toBind && index != 0 && o.Device != 0 && o.Device != index && !s.inVRF(index, o.Device):
			return rpdb.EINVAL
		case index != 0:
			o.Device = index
		}
	}
	if o.Device == 0 && use == toBind { // "bind to interface" is required for link-local
		return rpdb.EINVAL
	}
	return rpdb.OK
}

// zone finds the index of a zone, a device's name or number. A name that no device
// has counts as no zone, as for package net.
func (s *Stack) zone(z string) (int, rpdb.Errno) {
	if l, ok := s.net.Link(0, z); ok {
		return l.Index, rpdb.OK
	}
	i, err := strconv.Atoi(z)
	if err != nil || i <= 0 {
		return 0, rpdb.OK
	}
	if _, ok := s.net.Link(i, ""); !ok {
		return 0, rpdb.ENODEV
	}
	return i, rpdb.OK
}

func (s *Stack) inVRF(device, vrf int) bool {
	l, ok := s.net.Link(device, "")
	return ok && l.Master == vrf
}

// checkBind tells whether a socket may bind to an address (__inet_bind,
// __inet6_bind), and normalises it: no zone, which binds to a device instead.
func (s *Stack) checkBind(o *Options, a netip.Addr) (netip.Addr, rpdb.Errno) {
	if o.Device != 0 {
		if _, ok := s.net.Link(o.Device, ""); !ok {
			return a, rpdb.ENODEV
		}
	}
	if !a.IsValid() || a.IsUnspecified() {
		return a, rpdb.OK
	}
	if errno := s.scope(o, a, toBind); errno != rpdb.OK {
		return a, errno
	}
	a = a.WithZone("")
	nonlocal := "net/ipv4/ip_nonlocal_bind"
	if a.Is6() && !a.Is4In6() {
		nonlocal = "net/ipv6/ip_nonlocal_bind"
	}
	if o.FreeBind || s.sysctlInt(nonlocal, 0) != 0 {
		return a, rpdb.OK
	}
	switch s.net.AddrType(a.Unmap(), o.Device) {
	case rpdb.Local:
		return a, rpdb.OK
	case rpdb.Multicast, rpdb.Broadcast:
		if a.Is4() {
			return a, rpdb.OK
		}
	}
	if a.IsMulticast() {
		return a, rpdb.OK
	}
	return a, rpdb.EADDRNOTAVAIL
}

// hops is the TTL or hop limit that a packet leaves with (ip_select_ttl,
// ip6_sk_dst_hoplimit).
func (s *Stack) hops(o *Options, p *Path, dst netip.Addr) uint8 {
	switch {
	case dst.IsMulticast():
		return 1 // IP_MULTICAST_TTL
	case o.TTL != 0:
		return o.TTL
	case p.Hops != 0:
		return p.Hops
	}
	if dst.Is4() {
		return uint8(s.sysctlInt("net/ipv4/ip_default_ttl", 64))
	}
	return 64
}

// sysctlInt reads a numeric setting; what the host does not have is def.
func (s *Stack) sysctlInt(path string, def int) int {
	v, ok := s.net.Sysctl(path)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil {
		return def
	}
	return n
}

// deviceMatches tells whether a socket bound to a device, or to none, takes what
// arrived (inet_bound_dev_eq). accept is the protocol's l3mdev_accept.
func deviceMatches(bound, iif, sdif int, accept bool) bool {
	if bound == 0 {
		return sdif == 0 || accept
	}
	return bound == iif || bound == sdif
}

// l3mdevAccept is net.ipv4.*_l3mdev_accept: sockets that are bound to no device
// take what arrived on a device of a VRF. sdif is the packet's.
func (s *Stack) l3mdevAccept(proto string, sdif int) bool {
	def := 0
	if proto == "raw" {
		def = 1
	}
	return sdif != 0 && s.sysctlInt("net/ipv4/"+proto+"_l3mdev_accept", def) != 0
}

package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// chain6 is how far the extension headers of a packet have been looked at
// (struct inet6_skb_parm).
type chain6 struct {
	next   int  // where the number of the next header stands (nhoff)
	at     int  // where that header begins
	alert  bool // the packet has a router alert
	pieces bool // it came in fragments, or in one (IP6SKB_FRAGMENTED)
}

const nextHeader6 = 6 // where the IPv6 header tells of the header behind it

// receive6 takes up an IPv6 packet that a device received (ipv6_rcv, ip6_rcv_finish).
func (h *Host) receive6(p *packet) {
	if !sane6(p) {
		h.e.free(p)
		return
	}
	h.takeUp6(p)
}

// takeUp6 goes on with a packet whose header is good.
func (h *Host) takeUp6(p *packet) {
	p.six = chain6{next: nextHeader6, at: ip6Len}
	if p.data()[nextHeader6] == protoHopByHop && !h.hopByHop(p) {
		h.e.free(p)
		return
	}
	if v := p.in.vrf(); v != nil {
		h.enterVRF6(p, v)
	}
	if !p.routed {
		h.route6(p)
	}
	h.input6(p)
}

// sane6 checks the header and cuts what lies behind the packet (ip6_rcv_core).
func sane6(p *packet) bool {
	b, dev := p.data(), p.in.dev
	if p.kind == toOther || dev.Conf6.Disabled || len(b) < ip6Len || b[0]>>4 != 6 {
		return false
	}
	src, dst := src6(b), dst6(b)
	if !dev.IsLoopback() {
		if !dev.IsVRF() && (src.IsLoopback() || dst.IsLoopback()) || dst.IsInterfaceLocalMulticast() {
			return false
		}
	}
	switch {
	case src.IsMulticast(), dst.IsMulticast() && b[25]&15 == 0:
		return false
	case !dst.IsMulticast() && p.kind != toHost && dev.Conf6.DropUnicast:
		return false
	}
	n := int(be16(b[4:]))
	if n == 0 && b[nextHeader6] == protoHopByHop { // a jumbo payload tells its length in an option
		return true
	}
	if ip6Len+n > len(b) {
		return false
	}
	p.trim(ip6Len + n)
	return true
}

// enterVRF6 has a packet arrive on the VRF of its device (vrf_ip6_rcv). Neighbour
// discovery stays with the device.
func (h *Host) enterVRF6(p *packet, v *link) {
	b := p.data()
	if isNeighbourDiscovery(b, p.six) {
		return
	}
	if !strict6(dst6(b)) {
		v.dev.Counters.RxPackets.Add(1)
		v.dev.Counters.RxBytes.Add(uint64(len(b)))
		v.tap(p, In)
	}
	p.in = v
}

// strict6 reports whether an address means something on one link only
// (rt6_need_strict).
func strict6(a netip.Addr) bool {
	return a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsLoopback()
}

// flowOf6 is what rules and multipath see of a packet. The ports of fragments are not
// known.
func flowOf6(b []byte) rpdb.Flow {
	f := rpdb.Flow{Dst: dst6(b), Src: src6(b), TOS: tclass6(b), FlowLabel: flowLabel6(b), IPProto: b[nextHeader6], NextHeader: b[nextHeader6], Hashed: rpdb.HashedFlow}
	switch proto, at, piece := skip6(b); {
	case at < 0:
	case proto == protoFragment:
		f.IPProto = b[at]
	default:
		f.IPProto = proto
		if piece < 0 && at < len(b) {
			f.SPort, f.DPort = ports(proto, b[at:])
		}
	}
	return f
}

// route6 decides where a packet that arrived goes (ip6_route_input). What means
// something on one link only is looked up with the device itself.
func (h *Host) route6(p *packet) {
	f := flowOf6(p.data())
	f.IIF, f.Mark = p.in.dev.Index, p.mark
	f.Hashed, f.Cause = rpdb.HashedPacket, h.quotedFlow(p.data())
	if strict6(f.Dst) {
		f.IIF = p.real.dev.Index
	}
	p.d = h.lookup(f)
	p.routed = true
}

// input6 does what the decision says (dst_input).
func (h *Host) input6(p *packet) {
	d := &p.d
	switch {
	case dst6(p.data()).IsMulticast() && (d.Err == rpdb.EMSGSIZE || d.Err == rpdb.OK && d.Type == rpdb.Multicast):
		// The route is one for groups (ip6_mc_input); no reply tells of it.
		if !joined(p.real, dst6(p.data())) {
			h.e.free(p)
			return
		}
		d.Err, d.Type = rpdb.OK, rpdb.Multicast
		h.deliver6(p)
	case d.Err != rpdb.OK || d.Drop == rpdb.DropLoopbackRoute:
		h.routeError6(p)
		h.e.free(p)
	case d.Type == rpdb.Local || d.Type == rpdb.Anycast:
		h.deliver6(p)
	default:
		h.forward6(p)
	}
}

// routeError6 tells the sender why there is no way (ip6_pkt_drop).
func (h *Host) routeError6(p *packet) {
	switch {
	case p.d.Err == rpdb.EINVAL:
	case p.d.Err == rpdb.EACCES:
		h.error6(p, icmp6Unreach, unreach6Prohibited, 0)
	default:
		h.error6(p, icmp6Unreach, unreach6Route, 0)
	}
}

// deliver6 gives a packet to this host, one header after the other (ip6_input,
// ip6_protocol_deliver_rcu).
func (h *Host) deliver6(p *packet) {
	for p != nil {
		b := p.data()
		if p.six.at > len(b) {
			h.e.free(p)
			return
		}
		switch b[p.six.next] {
		case protoRouting:
			p = h.routingHeader(p)
		case protoFragment:
			p = h.fragmentHeader(p)
		case protoDestOpts:
			p = h.destinationOptions(p)
		default:
			h.deliverUpper6(p)
			return
		}
	}
}

// deliverUpper6 gives a packet to what its last header asks for.
func (h *Host) deliverUpper6(p *packet) {
	b := p.data()
	proto, upper := b[p.six.next], p.six.at
	if proto == rpdb.ProtoUDP && h.receiveVXLAN(p, upper) {
		return
	}
	if h.receiveTunnel(p, src6(b), dst6(b), tclass6(b), proto, upper) {
		return
	}
	in := h.arrival6(p, proto, upper)
	known := h.control6(p, proto, upper)
	wanted := h.toSockets(b, in)
	if !wanted && !known {
		switch proto {
		case rpdb.ProtoUDP, protoUDPLite:
			if validUDP(proto, src6(b), dst6(b), b[upper:]) {
				p.trimUDP(proto, upper)
				h.error6(p, icmp6Unreach, unreach6Port, 0)
			}
		case rpdb.ProtoTCP: // the sockets answer it themselves
		default:
			h.error6(p, icmp6Parameter, parameterNextHeader, uint32(p.six.next))
		}
	}
	if !wanted {
		h.e.free(p)
	}
}

// arrival6 is what sockets learn of a packet. One that this host sent to itself arrives
// on the device that has the address (IP6CB(skb)->iif).
func (h *Host) arrival6(p *packet, proto uint8, upper int) stack.Arrival {
	in := h.arrival(p, proto, upper)
	if p.in == p.real && p.in.dev.IsLoopback() {
		if in.IIF = p.meta.OIF; in.IIF == 0 {
			in.IIF = h.origin6(p)
		}
	}
	return in
}

// origin6 is the device that a packet came from in the sense of the scopes of
// addresses (icmp6_iif): behind lo and VRFs stands the device of the route.
func (h *Host) origin6(p *packet) int {
	if p.in == nil {
		return p.d.OIF
	}
	if p.in.dev.IsLoopback() || p.in.dev.IsVRF() {
		if i := routeDevice(&p.d); i != 0 && !(p.in.dev.IsVRF() && !strict6(dst6(p.data()))) {
			return i
		}
	}
	return p.in.dev.Index
}

// routeDevice is the device of the route that a packet follows, 0 if there is none.
func routeDevice(d *rpdb.Decision) int {
	if r := d.Route; r != nil && d.Leg >= 0 && d.Leg < len(r.NextHops) {
		return r.NextHops[d.Leg].Dev
	}
	return 0
}

// control6 handles the protocols that the host itself speaks, and reports whether it
// knows the protocol.
func (h *Host) control6(p *packet, proto uint8, upper int) bool {
	b := p.data()[upper:]
	switch proto {
	case rpdb.ProtoICMPv6:
		h.icmp6(p, b)
		return true
	case protoNone:
		return true
	case rpdb.ProtoTCP:
		if len(b) >= 20 && b[13]&0x10 != 0 {
			h.confirm(src6(p.data()))
		}
	}
	return false
}

// trimUDP cuts what lies behind a valid datagram, which errors do not quote (__udp4_lib_rcv,
// __udp6_lib_rcv).
func (p *packet) trimUDP(proto uint8, upper int) {
	if n := int(be16(p.data()[upper+4:])); proto == rpdb.ProtoUDP && n != 0 {
		p.trim(upper + n)
	}
}

// validUDP reports whether a datagram for a port that nobody has is one that the sender
// is told of (__udp4_lib_rcv, __udp6_lib_rcv, udplite_checksum_init): its length and checksum
// are right.
func validUDP(proto uint8, src, dst netip.Addr, b []byte) bool {
	if len(b) < 8 {
		return false
	}
	n, whole := int(be16(b[4:])), len(b)
	if n == 0 && (src.Is6() || proto == protoUDPLite) {
		n = len(b)
	}
	if n < 8 || n > len(b) {
		return false
	}
	if proto == rpdb.ProtoUDP {
		whole = n
	}
	if be16(b[6:]) == 0 {
		return src.Is4() && proto == rpdb.ProtoUDP
	}
	return fold(sum(b[:n], pseudo(src, dst, proto, whole))) == 0
}

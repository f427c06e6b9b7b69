package datapath

import (
	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// receive4 takes up an IPv4 packet that a device received (ip_rcv, ip_rcv_finish).
func (h *Host) receive4(p *packet) {
	if p.kind == toOther || p.in.dev.NoInet && !p.in.dev.IsLoopback() || !sane4(p) {
		h.e.free(p)
		return
	}
	if v := p.in.vrf(); v != nil { // l3mdev_ip_rcv
		v.dev.Counters.RxPackets.Add(1)
		v.dev.Counters.RxBytes.Add(uint64(len(p.data())))
		v.tap(p, In)
		p.in = v
	}
	if !p.routed {
		h.route4(p)
	}
	if ihl4(p.data()) > 20 && (p.d.Drop == rpdb.NoDrop || p.d.Drop == rpdb.DropForwardingOff) && !h.receiveOptions4(p) {
		h.e.free(p)
		return
	}
	if p.kind == toBroadcast || p.kind == toMulticast {
		if p.d.Err == rpdb.OK && p.d.Type == rpdb.Unicast || p.d.Type == rpdb.Local && p.real.dev.Conf4.DropUnicast {
			h.e.free(p)
			return
		}
	}
	h.input4(p)
}

// sane4 checks the header and cuts what lies behind the packet (ip_rcv_core).
func sane4(p *packet) bool {
	b := p.data()
	if len(b) < 20 || b[0]>>4 != 4 || ihl4(b) < 20 || len(b) < ihl4(b) {
		return false
	}
	n := int(be16(b[2:]))
	if n < ihl4(b) || n > len(b) || checksum(b[:ihl4(b)]) != 0 && !p.routed {
		return false
	}
	p.trim(n)
	return true
}

// flowOf4 is what rules and multipath see of a packet. The ports of fragments are not known,
// not even those of the first (__skb_flow_dissect).
func flowOf4(b []byte) rpdb.Flow {
	f := rpdb.Flow{Dst: dst4(b), Src: src4(b), TOS: b[1], IPProto: b[9], Hashed: rpdb.HashedFlow}
	if offset4(b) == 0 && !more4(b) {
		f.SPort, f.DPort = ports(b[9], b[min(ihl4(b), len(b)):])
	}
	return f
}

// ports are the first two words of the header of a transport that has ports, or what stands
// in their place (proto_ports_offset).
func ports(proto uint8, b []byte) (src, dst uint16) {
	switch proto {
	case rpdb.ProtoTCP, rpdb.ProtoUDP, protoDCCP, protoESP, protoSCTP, protoUDPLite:
	case protoAuth:
		b = b[min(4, len(b)):]
	default:
		return 0, 0
	}
	if len(b) < 4 {
		return 0, 0
	}
	return be16(b), be16(b[2:])
}

// quotedFlow is the flow of the packet that an ICMP error quotes, nil if the packet is none.
// It is valid until the next packet.
func (h *Host) quotedFlow(b []byte) *rpdb.Flow {
	if b[0]>>4 == 4 {
		n := ihl4(b)
		if b[9] != rpdb.ProtoICMP || offset4(b) != 0 || len(b) < n+icmpLen+20 || !isError4(b[n]) {
			return nil
		}
		h.quoted = flowOf4(b[n+icmpLen:])
		return &h.quoted
	}
	proto, at, _ := skip6(b)
	if proto != rpdb.ProtoICMPv6 || at < 0 || len(b) < at+icmpLen+ip6Len || b[at]&0x80 != 0 {
		return nil
	}
	h.quoted = flowOf6(b[at+icmpLen:])
	return &h.quoted
}

// route4 decides where a packet that arrived goes (ip_route_input_noref).
func (h *Host) route4(p *packet) {
	f := flowOf4(p.data())
	f.IIF, f.Mark = p.real.dev.Index, p.mark
	f.Hashed, f.Cause = rpdb.HashedPacket, h.quotedFlow(p.data())
	p.d = h.lookup(f)
	p.routed = true
	if p.d.Drop == rpdb.DropNotJoined && joined(p.real, f.Dst) { // rpdb does not know the groups
		p.d = rpdb.Decision{
			RuleIndex: -1, Leg: -1, Type: rpdb.Multicast, OIF: rpdb.Loopback, Flags: rpdb.FlagMulticast | rpdb.FlagLocal,
		}
	}
}

// input4 does what the decision says (dst_input).
func (h *Host) input4(p *packet) {
	d := &p.d
	switch {
	case d.Err != rpdb.OK:
		h.routeError4(p)
		h.e.free(p)
	case d.Type == rpdb.Local || d.Type == rpdb.Broadcast && d.Flags&rpdb.FlagLocal != 0 || d.Type == rpdb.Multicast:
		h.deliver4(p)
	default:
		h.forward4(p)
	}
}

// routeError4 tells the sender why there is no way (ip_error), with one message a second
// and a few more at first.
func (h *Host) routeError4(p *packet) {
	if p.d.Drop != rpdb.NoDrop && p.d.Drop != rpdb.DropForwardingOff || !p.real.dev.Conf4.Forwarding {
		return // martians, and hosts that do not forward: nobody is told
	}
	code := uint8(0)
	switch p.d.Err {
	case rpdb.EHOSTUNREACH:
		code = unreachHost
	case rpdb.ENETUNREACH:
		code = unreachNet
	case rpdb.EACCES:
		code = unreachFiltered
	default:
		return
	}
	now := h.ticks()
	if h.limits.peer(src4(p.data()), now).allowRouteError(now) {
		h.limits.present = now
		h.error4(p, icmpUnreach, code, 0)
		h.limits.present = 0
	}
}

// deliver4 gives a packet to this host (ip_local_deliver).
func (h *Host) deliver4(p *packet) {
	b := p.data()
	if offset4(b) != 0 || more4(b) {
		if p = h.reassemble4(p, byHost); p == nil {
			return
		}
		b = p.data()
	}
	proto, upper := b[9], ihl4(b)
	if proto == rpdb.ProtoUDP && h.receiveVXLAN(p, upper) {
		return
	}
	if h.receiveTunnel(p, src4(b), dst4(b), b[1], proto, upper) {
		return
	}
	in := h.arrival(p, proto, upper)
	known := h.control4(p, proto)
	wanted := h.toSockets(b, in)
	if !wanted && !known {
		switch proto {
		case rpdb.ProtoUDP, protoUDPLite:
			if validUDP(proto, src4(b), dst4(b), b[upper:]) {
				p.trimUDP(proto, upper)
				h.error4(p, icmpUnreach, unreachPort, 0)
			}
		case rpdb.ProtoTCP: // the sockets answer it themselves
		default:
			h.error4(p, icmpUnreach, unreachProto, 0)
		}
	}
	if !wanted {
		h.e.free(p)
	}
}

// arrival is what sockets learn of a packet.
func (h *Host) arrival(p *packet, proto uint8, upper int) stack.Arrival {
	in := stack.Arrival{
		IIF: p.in.dev.Index, Proto: proto, Upper: upper, Mark: p.mark, Type: p.d.Type,
		LinkBroadcast: p.kind != toHost, Time: h.e.clock.Now(),
	}
	if p.in != p.real {
		in.SDIF = p.real.dev.Index
	}
	if p.in.dev.IsLoopback() {
		// A packet of this host to itself arrives on the device that has the address
		// (ip_route_output_key_hash_rcu: orig_oif), or that its socket is bound to.
		if dev := routeDevice(&p.d); p.d.Type == rpdb.Local && dev != 0 && p.meta.OIF == 0 {
			in.IIF = dev
		} else if p.meta.OIF != 0 {
			in.IIF = p.meta.OIF
		}
	}
	return in
}

// control4 handles the protocols that the host itself speaks, and reports whether it
// knows the protocol.
func (h *Host) control4(p *packet, proto uint8) bool {
	b := p.data()[ihl4(p.data()):]
	switch proto {
	case rpdb.ProtoICMP:
		h.icmp4(p, b)
		return true
	case protoIGMP:
		h.heardIGMP(p, b)
		return true
	case rpdb.ProtoTCP:
		if len(b) >= 20 && b[13]&0x10 != 0 {
			h.confirm(src4(p.data()))
		}
	}
	return false
}

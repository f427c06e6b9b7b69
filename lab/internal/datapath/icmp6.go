package datapath

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// ICMPv6 types, and codes of errors.
const (
	icmp6Unreach      = 1
	icmp6TooBig       = 2
	icmp6TimeExceeded = 3
	icmp6Parameter    = 4
	icmp6Echo         = 128
	icmp6EchoReply    = 129

	unreach6Route      = 0
	unreach6Prohibited = 1
	unreach6Scope      = 2
	unreach6Addr       = 3
	unreach6Port       = 4

	parameterField      = 0
	parameterNextHeader = 1
	parameterOption     = 2
	parameterIncomplete = 3
)

// maxError6 is how much an error quotes, so that it always fits.
const maxError6 = minMTU6 - ip6Len - icmpLen

// error6 tells the sender of a packet what became of it (icmp6_send).
func (h *Host) error6(p *packet, typ, code uint8, info uint32) {
	dev := p.in
	if dev == nil {
		dev = h.links[p.d.OIF]
	}
	h.errorFrom6(p, dev, typ, code, info)
}

// errorFrom6 is error6 for a packet that is at a device.
func (h *Host) errorFrom6(p *packet, dev *link, typ, code uint8, info uint32) {
	b := p.ip()
	if dev == nil || len(b) < ip6Len || !h.mayTell6(p, b, typ, code, info) {
		return
	}
	cause := flowOf6(b)
	f := rpdb.Flow{Dst: src6(b), IPProto: rpdb.ProtoICMPv6, DPort: message(typ, code), Cause: &cause}
	if dst := dst6(b); !dst.IsMulticast() && p.kind == toHost && (h.ns.AddrType(dst, dev.dev.Index) == rpdb.Local || h.anycast6(dst, dev)) {
		f.Src = dst
	} else if p.in != nil { // rather an address of the device that it arrived on
		in := p.real.dev.Index
		if p.real.dev.IsLoopback() {
			in = h.origin6(p)
		}
		f.Src = h.view.Database.SourceOn(in, f.Dst, 0)
	}
	if h.view.Setting("ipv6/fwmark_reflect") != 0 {
		f.Mark = p.mark
	}
	f.OIF = h.errorDevice6(p, dev, f.Dst)
	d := h.lookup6(f)
	if d.Err != rpdb.OK || d.Drop == rpdb.DropLoopbackRoute || anycastRoute(&d, f.Dst) || !h.allowed6(typ, dev, &d, f.Dst) {
		return
	}
	quote := b[:min(len(b), maxError6)]
	m := make([]byte, icmpLen+len(quote))
	m[0], m[1] = typ, code
	put32(m[4:], info)
	copy(m[icmpLen:], quote)
	h.sendICMP6(&f, d, 0, 0, m)
}

// errorDevice6 is the device that an error is bound to: that of the scope of the
// sender's address, or the VRF.
func (h *Host) errorDevice6(p *packet, dev *link, to netip.Addr) int {
	switch v := dev.vrf(); {
	case to.IsLinkLocalUnicast():
		if dev == p.in {
			return h.origin6(p)
		}
		return dev.dev.Index
	case dev.dev.IsVRF():
		return dev.dev.Index
	case v != nil:
		return v.dev.Index
	}
	return 0
}

// mayTell6 reports whether a message about a packet may be sent at all: not about what was
// sent to many, with two exceptions, nor about another error.
func (h *Host) mayTell6(p *packet, b []byte, typ, code uint8, info uint32) bool {
	if dst6(b).IsMulticast() || p.kind != toHost {
		option := typ == icmp6Parameter && code == parameterOption && (int(info) >= len(b) || b[info]>>6 == optTell)
		if typ != icmp6TooBig && !option {
			return false
		}
	}
	if src := src6(b); src.IsUnspecified() || src.IsMulticast() {
		return false
	}
	proto, at, piece := skip6(b)
	if at < 0 || proto != rpdb.ProtoICMPv6 {
		return true
	}
	if at >= len(b) {
		return piece > 0
	}
	return b[at]&0x80 != 0
}

// anycast6 reports whether errors may come from an anycast address
// (ipv6_chk_acast_addr_src).
func (h *Host) anycast6(a netip.Addr, dev *link) bool {
	if a.IsLinkLocalUnicast() {
		return slices.Contains(dev.dev.Anycasts, a)
	}
	for _, d := range h.view.Devices {
		if slices.Contains(d.Anycasts, a) {
			return true
		}
	}
	return false
}

// anycastRoute reports whether a route tells that its destination is an anycast address
// (ipv6_anycast_destination).
func anycastRoute(d *rpdb.Decision, dst netip.Addr) bool {
	if d.Type == rpdb.Anycast {
		return true
	}
	return d.Route != nil && d.Route.Dst.Bits() < 127 && !d.Gateway.IsValid() && d.Route.Dst.Addr() == dst
}

// allowed6 limits what is sent (icmpv6_global_allow, icmpv6_xrlim_allow): the wider the
// prefix of the route, the more.
func (h *Host) allowed6(typ uint8, dev *link, d *rpdb.Decision, to netip.Addr) bool {
	v := h.view
	if !v.Limited6(typ) || d.OIF == rpdb.Loopback || dev.dev.IsLoopback() {
		return true
	}
	every := ticks(v.Setting("ipv6/icmp/ratelimit"))
	if d.Route != nil {
		if _, cached := h.ns.Exception(to, d); !cached {
			every >>= (128 - d.Route.Dst.Bits()) >> 5
		}
	}
	return h.allowed(to, every)
}

// sendICMP6 sends a message by a flow whose way is known. m is the message, of which the
// checksum is not set.
func (h *Host) sendICMP6(f *rpdb.Flow, d rpdb.Decision, class uint8, label uint32, m []byte) {
	src := f.Src
	if !src.IsValid() {
		src = d.Src
	}
	if !src.IsValid() {
		src = netip.IPv6Unspecified()
	}
	r := h.e.build6(src, f.Dst, rpdb.ProtoICMPv6, class, h.hops6(&d, f.Dst), len(m))
	b := r.data()
	copy(b[ip6Len:], m)
	sealICMP6(b, b[ip6Len:])
	h.autoLabel(b, label)
	r.d, r.routed, r.mark = d, true, f.Mark
	r.meta.Mark, r.meta.OIF, r.meta.IgnoreDF = f.Mark, f.OIF, true
	h.output6(r)
}

// sealICMP6 sets the checksum of a message in a packet.
func sealICMP6(b, m []byte) {
	put16(m[2:], 0)
	put16(m[2:], fold(sum(m, pseudo(src6(b), dst6(b), rpdb.ProtoICMPv6, len(m)))))
}

// icmp6 is icmpv6_rcv: m is the message.
func (h *Host) icmp6(p *packet, m []byte) {
	b := p.data()
	if len(m) < icmpLen || fold(sum(m, pseudo(src6(b), dst6(b), rpdb.ProtoICMPv6, len(m)))) != 0 {
		return
	}
	switch m[0] {
	case icmp6Echo:
		if h.view.Setting("ipv6/icmp/echo_ignore_all") == 0 {
			h.echo6(p, m)
		}
	case icmp6EchoReply:
	case icmp6Unreach, icmp6TooBig, icmp6TimeExceeded, icmp6Parameter:
		h.heardError6(p, m)
	case routerSolicitation, routerAdvertisement, neighbourSolicitation, neighbourAdvertisement, icmp6Redirect:
		h.neighbourDiscovery(p, m)
	case mldQuery:
		h.heardQuery(p, m)
	default:
		if m[0]&0x80 == 0 { // an error that nobody knows
			h.heardError6(p, m)
		}
	}
}

// echo6 answers an echo request (icmpv6_echo_reply).
func (h *Host) echo6(p *packet, m []byte) {
	b := p.data()
	dst := dst6(b)
	anycast := !dst.IsMulticast() && anycastRoute(&p.d, dst)
	switch {
	case dst.IsMulticast() && h.view.Setting("ipv6/icmp/echo_ignore_multicast") != 0,
		anycast && h.view.Setting("ipv6/icmp/echo_ignore_anycast") != 0:
		return
	}
	f := rpdb.Flow{Dst: src6(b), IPProto: rpdb.ProtoICMPv6, DPort: message(icmp6EchoReply, 0), Hashed: rpdb.HashedFlow, OIF: h.origin6(p)}
	if p.d.Type == rpdb.Local || anycast && h.view.Setting("ipv6/anycast_src_echo_reply") != 0 {
		f.Src = dst
	}
	const reflectEcho = 4
	if h.view.Setting("ipv6/flowlabel_reflect")&reflectEcho != 0 {
		f.FlowLabel = flowLabel6(b)
	}
	if h.view.Setting("ipv6/fwmark_reflect") != 0 {
		f.Mark = p.mark
	}
	d := h.lookup6(f)
	if d.Err != rpdb.OK || d.Drop == rpdb.DropLoopbackRoute || !h.allowed6(icmp6EchoReply, p.in, &d, f.Dst) {
		return
	}
	r := slices.Clone(m)
	r[0] = icmp6EchoReply
	h.sendICMP6(&f, d, tclass6(b), f.FlowLabel, r)
}

// heardError6 passes an error on to who sent the packet that it quotes (icmpv6_notify),
// and learns from it.
func (h *Host) heardError6(p *packet, m []byte) {
	quoted := m[icmpLen:]
	if len(quoted) < ip6Len {
		return
	}
	proto, at, _ := skip6(quoted)
	if at < 0 || at+8 > len(quoted) {
		return
	}
	e := h.quotes6(p, m, quoted)
	e.Info = be32(m[4:])
	tunnel := h.tunnelError6(quoted, proto)
	if m[0] == icmp6TooBig && (tunnel || h.mayLearn6(&e, proto)) {
		h.learnMTU6(p, quoted, int(e.Info))
	}
	if h.transport != nil && !tunnel {
		h.transport.ICMPError(e)
	}
}

// quotes6 is an ICMPv6 message for sockets.
func (h *Host) quotes6(p *packet, m, quoted []byte) stack.ICMPError {
	in := h.arrival6(p, rpdb.ProtoICMPv6, 0)
	return stack.ICMPError{
		Offender: src6(p.data()), Type: m[0], Code: m[1], Quoted: slices.Clone(quoted),
		IIF: in.IIF, SDIF: in.SDIF, TTL: p.data()[7], Time: in.Time,
	}
}

// mayLearn6 reports whether an ICMPv6 message teaches something of the way of the packet that
// it quotes: it is one of ICMPv6 (icmpv6_err), or a socket sent it.
func (h *Host) mayLearn6(e *stack.ICMPError, proto uint8) bool {
	return proto == rpdb.ProtoICMPv6 || h.transport != nil && h.transport.Sent(e)
}

// learnMTU6 remembers the MTU of a path (ip6_update_pmtu, __ip6_rt_update_pmtu).
func (h *Host) learnMTU6(p *packet, quoted []byte, mtu int) {
	f := flowOf6(quoted)
	f.TOS, f.FlowLabel = tclass6(quoted), flowLabel6(quoted)
	switch proto := f.IPProto; {
	case f.Dst.IsLinkLocalUnicast():
		f.OIF = h.origin6(p)
	case proto == rpdb.ProtoICMPv6, p.in.dev.IsVRF(): // icmpv6_err asks for the way back
		f.OIF = p.in.dev.Index
	}
	f.IPProto, f.SPort, f.DPort = 0, 0, 0 // ip6_update_pmtu does not tell them
	d := h.lookup(f)
	if d.Err != rpdb.OK || d.Type == rpdb.Local || d.Type == rpdb.Anycast {
		return
	}
	if now, _ := h.pathMTU(h.view, &d, f.Dst); mtu >= now || mtu < minMTU6 {
		return
	}
	life := time.Duration(h.view.Setting("ipv6/route/mtu_expires")) * time.Second / 250
	h.ns.Except(f.Dst, &d, func(x *netns.Exception) {
		x.MTU, x.Expires = mtu, h.e.clock.Now().Add(life)
	})
}

// tooBig6 tells a socket of this host that its packet does not fit.
func (h *Host) tooBig6(p *packet, mtu int) {
	if p.local && h.transport != nil {
		b := p.data()
		h.transport.ICMPError(stack.ICMPError{
			Offender: src6(b), Type: icmp6TooBig, Info: uint32(mtu), Quoted: slices.Clone(b), Time: h.e.clock.Now(),
		})
	}
}

package datapath

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// ICMP types, and codes of destination unreachable.
const (
	icmpEchoReply    = 0
	icmpUnreach      = 3
	icmpQuench       = 4
	icmpRedirect     = 5
	icmpEcho         = 8
	icmpTimeExceeded = 11
	icmpParameter    = 12
	icmpTimestamp    = 13
	icmpTimestampRep = 14
	icmpMaskReply    = 18

	unreachNet        = 0
	unreachHost       = 1
	unreachProto      = 2
	unreachPort       = 3
	unreachFragNeeded = 4
	unreachFiltered   = 13
	lastUnreach       = 15

	exceededFragments = 1

	redirectHost = 1
)

const icmpLen = 8

// message is what stands in place of a port in the flow of an ICMP message (union
// flowi_uli).
func message(typ, code uint8) uint16 { return uint16(typ)<<8 | uint16(code) }

// isError4 reports whether an ICMP type is an error (icmp_pointers). Types that the kernel
// does not know count as errors, since nothing may be said about those.
func isError4(typ uint8) bool {
	return typ != icmpEchoReply && typ != icmpEcho && (typ < icmpTimestamp || typ > icmpMaskReply)
}

// error4 tells the sender of a packet what became of it (icmp_send).
func (h *Host) error4(p *packet, typ, code uint8, info uint32) {
	b := p.ip()
	if len(b) < 20 || !h.mayTell4(p, b) {
		return
	}
	in := p.real
	src := netip.Addr{}
	switch {
	case p.routed && (p.d.Flags&rpdb.FlagLocal != 0 || p.local && p.d.Type == rpdb.Local) || p.local && !p.routed && h.ownAddr4(dst4(b), 0):
		src = dst4(b)
	case in != nil && h.view.Setting("ipv4/icmp_errors_use_inbound_ifaddr") != 0:
		src = h.view.Database.SourceOn(in.dev.Index, src4(b), rpdb.ScopeLink)
	}
	cause := flowOf4(b)
	cause.Hashed = rpdb.HashedPacket
	f := rpdb.Flow{Dst: src4(b), Src: src, TOS: b[1], IPProto: rpdb.ProtoICMP, DPort: message(typ, code), Cause: &cause}
	if typ != icmpEchoReply {
		f.TOS = b[1]&0x1e | 0xc0
	}
	if h.view.Setting("ipv4/fwmark_reflect") != 0 {
		f.Mark = p.mark
	}
	if v := p.in; v != nil && v.dev.IsVRF() {
		f.OIF = v.dev.Index
	} else if p.local {
		if v := h.vrfOf(p.d.OIF); v != nil {
			f.OIF = v.dev.Index
		}
	}
	d := h.lookup(f)
	if d.Err != rpdb.OK || !h.allowed4(typ, code, &d, f.Dst) {
		return
	}
	if !src.IsValid() || src.IsUnspecified() {
		src = d.Src
	}
	if f.Dst.IsUnspecified() { // this host itself
		f.Dst = src
	}
	if !src.IsValid() {
		src = dummyRouter
	}
	room, _ := h.pathMTU(h.view, &d, f.Dst)
	opts, ok := h.echoOptions4(p, src)
	if !ok {
		return
	}
	quote := b[:min(len(b), min(room, 576)-20-len(opts)-icmpLen)]
	r := h.e.build4(src, f.Dst, rpdb.ProtoICMP, f.TOS, h.defaultHops(h.view, &d, false), icmpLen+len(quote), opts...)
	m := r.data()[20+len(opts):]
	m[0], m[1] = typ, code
	put32(m[4:], info)
	copy(m[icmpLen:], quote)
	h.sendICMP4(r, d, f.Mark, f.OIF)
}

// sendICMP4 sends a message whose way is known.
func (h *Host) sendICMP4(r *packet, d rpdb.Decision, mark uint32, oif int) {
	m := r.data()[ihl4(r.data()):]
	put16(m[2:], 0)
	put16(m[2:], checksum(m))
	r.d, r.routed, r.mark = d, true, mark
	r.meta.Mark, r.meta.OIF = mark, oif
	h.output4(r)
}

// mayTell4 reports whether a message about a packet may be sent at all: not about what was
// sent to many, fragments behind the first, or another error.
func (h *Host) mayTell4(p *packet, b []byte) bool {
	switch {
	case p.kind != toHost && !p.local, offset4(b) != 0, p.d.Flags&(rpdb.FlagBroadcast|rpdb.FlagMulticast) != 0:
		return false
	case src4(b).IsMulticast():
		return false
	}
	if b[9] == rpdb.ProtoICMP {
		n := ihl4(b)
		return len(b) > n && !isError4(b[n])
	}
	return true
}

// allowed4 limits what is sent (icmpv4_global_allow, icmpv4_xrlim_allow).
func (h *Host) allowed4(typ, code uint8, d *rpdb.Decision, to netip.Addr) bool {
	v := h.view
	if typ == icmpUnreach && code == unreachFragNeeded || typ < 32 && v.Setting("ipv4/icmp_ratemask")>>typ&1 == 0 {
		return true
	}
	if d.OIF == rpdb.Loopback {
		return true
	}
	return h.allowed(to, ticks(v.Setting("ipv4/icmp_ratelimit")))
}

// icmp4 is icmp_rcv: b is the message.
func (h *Host) icmp4(p *packet, b []byte) {
	if len(b) < icmpLen || checksum(b) != 0 {
		return
	}
	many := p.d.Flags&(rpdb.FlagBroadcast|rpdb.FlagMulticast) != 0
	if many && (b[0] == icmpEcho || b[0] == icmpTimestamp) && h.view.Setting("ipv4/icmp_echo_ignore_broadcasts") != 0 {
		return
	}
	switch b[0] {
	case icmpEcho:
		if h.view.Setting("ipv4/icmp_echo_ignore_all") == 0 {
			h.reply4(p, icmpEchoReply, b)
		}
	case icmpTimestamp:
		if len(b) >= icmpLen+4 {
			h.replyTimestamp(p, b)
		}
	case icmpUnreach, icmpTimeExceeded, icmpParameter, icmpQuench:
		h.heardError4(p, b)
	case icmpRedirect:
		h.heardRedirect4(p, b)
	}
}

func (h *Host) replyTimestamp(p *packet, b []byte) {
	m := make([]byte, 20)
	copy(m, b[:icmpLen+4])
	m[1] = 0
	ms := timestamp4(h.e.clock.Now())
	put32(m[12:], ms)
	put32(m[16:], ms)
	h.reply4(p, icmpTimestampRep, m)
}

// reply4 answers a question (icmp_reply).
func (h *Host) reply4(p *packet, typ uint8, m []byte) {
	b := p.data()
	src := dst4(b)
	if p.d.Flags&rpdb.FlagLocal == 0 || p.d.Flags&(rpdb.FlagBroadcast|rpdb.FlagMulticast) != 0 {
		src = h.specDst4(p)
	}
	f := rpdb.Flow{Dst: src4(b), Src: src, TOS: b[1], IPProto: rpdb.ProtoICMP, Hashed: rpdb.HashedFlow}
	if h.view.Setting("ipv4/fwmark_reflect") != 0 {
		f.Mark = p.mark
	}
	if p.in.dev.IsVRF() {
		f.OIF = p.in.dev.Index
	}
	d := h.lookup(f)
	if d.Err != rpdb.OK {
		return
	}
	if !src.IsValid() || src.IsUnspecified() {
		src = d.Src
	}
	if !src.IsValid() {
		return
	}
	opts, ok := h.echoOptions4(p, src)
	if !ok {
		return
	}
	r := h.e.build4(src, f.Dst, rpdb.ProtoICMP, b[1], h.defaultHops(h.view, &d, false), len(m), opts...)
	x := r.data()[20+len(opts):]
	copy(x, m)
	x[0] = typ
	h.sendICMP4(r, d, f.Mark, f.OIF)
}

// specDst4 is the address of this host for the sender of a packet to many
// (fib_compute_spec_dst).
func (h *Host) specDst4(p *packet) netip.Addr {
	from, scope := src4(p.data()), rpdb.ScopeGlobal
	if from.IsUnspecified() {
		scope = rpdb.ScopeLink
	} else {
		f := rpdb.Flow{Dst: from, TOS: p.data()[1], Hashed: rpdb.HashedNot}
		if p.real.dev.Conf4.SrcValidMark {
			f.Mark = p.mark
		}
		if p.in.dev.IsVRF() {
			f.OIF = p.in.dev.Index
		}
		if d := h.lookup(f); d.Err == rpdb.OK {
			return d.Src
		}
	}
	return h.view.Database.SourceOn(p.real.dev.Index, from, scope)
}

// heardError4 passes an error on to who sent the packet that it quotes (icmp_unreach,
// icmp_socket_deliver), and learns from it.
func (h *Host) heardError4(p *packet, b []byte) {
	quoted := b[icmpLen:]
	if len(quoted) < 20 || quoted[0]>>4 != 4 {
		return
	}
	e := h.quotes4(p, b)
	switch {
	case b[0] == icmpUnreach && b[1] == unreachFragNeeded:
		switch h.view.Setting("ipv4/ip_no_pmtu_disc") {
		case 0:
			e.Info = uint32(be16(b[6:]))
		case 2, 3: // of what there is no protocol that tells forged ones apart
			return
		} // else nothing is believed but that packets are too large
		h.learnMTU4(p, &e, int(e.Info))
	case b[0] == icmpUnreach && b[1] > lastUnreach, b[0] == icmpTimeExceeded && b[1] == exceededFragments:
		return
	case b[0] == icmpParameter:
		e.Info = uint32(b[4])
	}
	if h.tunnelError4(quoted) {
		return
	}
	if h.transport != nil {
		h.transport.ICMPError(e)
	}
}

// quotes4 is an ICMP error for sockets.
func (h *Host) quotes4(p *packet, b []byte) stack.ICMPError {
	e := stack.ICMPError{
		Offender: src4(p.data()), Type: b[0], Code: b[1], Quoted: slices.Clone(b[icmpLen:]), IIF: p.in.dev.Index, TTL: p.data()[8],
		Time: h.e.clock.Now(),
	}
	if p.in != p.real {
		e.SDIF = p.real.dev.Index
	}
	return e
}

// learnMTU4 remembers the MTU of a path, for every leg of a multipath route
// (ipv4_update_pmtu, __ip_rt_update_pmtu).
func (h *Host) learnMTU4(p *packet, e *stack.ICMPError, mtu int) {
	f := flowOf4(e.Quoted)
	if v := p.in; v.dev.IsVRF() {
		f.OIF = v.dev.Index
	}
	d := h.lookup(f)
	if d.Err != rpdb.OK || !h.mayLearn4(e) {
		return
	}
	now, locked := h.pathMTU(h.view, &d, f.Dst)
	if locked || mtu >= now {
		return
	}
	if least := int(h.view.Setting("ipv4/route/min_pmtu")); mtu < least {
		mtu, locked = min(now, least), true
	}
	life := time.Duration(h.view.Setting("ipv4/route/mtu_expires")) * time.Second / 250
	for _, leg := range legsOf(&d) {
		h.ns.Except(f.Dst, &leg, func(x *netns.Exception) {
			x.MTU, x.Locked, x.Expires = mtu, locked, h.e.clock.Now().Add(life)
		})
	}
}

// legsOf are the decisions for the other legs of a multipath route too.
func legsOf(d *rpdb.Decision) []rpdb.Decision {
	if d.Route == nil || !d.UsesRoute || len(d.Route.NextHops) < 2 {
		return []rpdb.Decision{*d}
	}
	out := make([]rpdb.Decision, 0, len(d.Route.NextHops))
	for i, n := range d.Route.NextHops {
		x := *d
		x.Leg, x.OIF, x.Gateway = i, n.Dev, n.Gateway
		out = append(out, x)
	}
	return out
}

// tooBig4 tells a socket of this host, or whoever sent a packet, that it does not fit.
func (h *Host) tooBig4(p *packet, mtu int) {
	if p.local && h.transport != nil {
		b := p.data()
		h.transport.ICMPError(stack.ICMPError{
			Offender: src4(b), Type: icmpUnreach, Code: unreachFragNeeded, Info: uint32(mtu),
			Quoted: slices.Clone(b), Time: h.e.clock.Now(),
		})
		return
	}
	h.error4(p, icmpUnreach, unreachFragNeeded, uint32(mtu))
}

// sendRedirect4 tells a sender that it has a shorter way (ip_rt_send_redirect).
func (h *Host) sendRedirect4(p *packet) {
	b := p.data()
	now := h.ticks()
	if !h.limits.peer(src4(b), now).allowRedirect(now) {
		return
	}
	gw := h.next4(p, dst4(b))
	if !gw.Is4() {
		return
	}
	g := gw.As4()
	h.error4(p, icmpRedirect, redirectHost, be32(g[:]))
}

// mayLearn4 reports whether an ICMP message teaches something of the way of the packet that
// it quotes: a socket sent it, or it is an answer to an echo request, which the host itself
// sent (icmp_err).
func (h *Host) mayLearn4(e *stack.ICMPError) bool {
	n := ihl4(e.Quoted)
	if e.Quoted[9] == rpdb.ProtoICMP && len(e.Quoted) > n && e.Quoted[n] == icmpEchoReply {
		return true
	}
	return h.transport != nil && h.transport.Sent(e)
}

// dummyRouter is the source of errors of a router without an address (INADDR_DUMMY, RFC 7600).
var dummyRouter = netip.AddrFrom4([4]byte{192, 0, 0, 8})

// redirectLife is how long a redirect counts (RT_GC_TIMEOUT).
const redirectLife = 300 * time.Second

// heardRedirect4 takes a shorter way (icmp_redirect, __ip_do_redirect) once the router there
// is known.
func (h *Host) heardRedirect4(p *packet, b []byte) {
	quoted, conf := b[icmpLen:], &p.real.dev.Conf4
	if len(quoted) < 28 || b[1]&7 > 3 || !conf.AcceptRedirects {
		return
	}
	if e := h.quotes4(p, b); !h.mayLearn4(&e) {
		return
	}
	gw := netip.AddrFrom4([4]byte(b[4:8]))
	if gw.IsMulticast() || gw == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || b[4] == 0 {
		return
	}
	f := flowOf4(quoted)
	if p.in.dev.IsVRF() {
		f.OIF = p.in.dev.Index
	}
	d := h.lookup(f)
	old, dst := h.next4(&packet{d: d}, dst4(quoted)), dst4(quoted)
	if d.Err != rpdb.OK || d.OIF != p.real.dev.Index || old == dst || old != src4(p.data()) || gw == old {
		return
	}
	if conf.SharedMedia {
		if h.ns.AddrType(gw, 0) != rpdb.Unicast {
			return
		}
	} else if !h.sharesSubnet4(p.real, gw, old) || conf.SecureRedirects && !h.isDefault4(gw, d.OIF) {
		return
	}
	if _, known, err := h.ns.Neighbour(d.OIF, gw); err == nil && known {
		h.ns.Except(dst, &d, func(x *netns.Exception) { x.Gateway, x.Expires = gw, h.e.clock.Now().Add(redirectLife) })
	}
}

// sharesSubnet4 reports whether two addresses are in one subnet of a device
// (inet_addr_onlink).
func (h *Host) sharesSubnet4(l *link, a, b netip.Addr) bool {
	for _, x := range h.view.Database.State().Addrs {
		if x.Index == l.dev.Index && x.Family == rpdb.IPv4 && x.Subnet().Contains(a) && x.Subnet().Contains(b) {
			return true
		}
	}
	return false
}

// isDefault4 reports whether a default route leads by a router (ip_fib_check_default).
func (h *Host) isDefault4(gw netip.Addr, dev int) bool {
	for _, r := range h.view.Database.State().Routes {
		if r.Family != rpdb.IPv4 || r.Dst.Bits() != 0 {
			continue
		}
		for _, n := range r.NextHops {
			if n.Gateway == gw && n.Dev == dev {
				return true
			}
		}
	}
	return false
}

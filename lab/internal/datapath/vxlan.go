package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

const (
	udpLen   = 8
	vxlanLen = 8
)

// sendVXLAN wraps a frame in UDP and sends it to the far ends that its address stands
// behind (vxlan_xmit).
func (l *link) sendVXLAN(p *packet) {
	b := p.data()
	if len(b) < etherLen {
		l.e.free(p)
		return
	}
	ends := l.host.ns.VXLANRemotes(l.dev.Index, [6]byte(b))
	if len(ends) == 0 {
		l.dev.Counters.TxDropped.Add(1)
		l.e.free(p)
		return
	}
	for i, end := range ends {
		q := p
		if i < len(ends)-1 {
			q = l.e.clone(p)
		}
		l.sendVXLANTo(q, end)
	}
}

// sendVXLANTo is vxlan_xmit_one.
func (l *link) sendVXLANTo(p *packet, end netns.VXLANRemote) {
	v := l.dev.VXLAN
	h := l.e.Host(v.Home)
	view := h.now()
	if !set(end.Addr) {
		l.e.free(p)
		return
	}
	in := innerOf(p, true)
	f := rpdb.Flow{Dst: end.Addr, TOS: outerTOS(v.TOS, in.tos), OIF: end.Index, IPProto: rpdb.ProtoUDP, DPort: end.Port}
	if set(v.Local) {
		f.Src = v.Local
	}
	f.SPort = vxlanSourcePort(v, p.data(), h.Seed())
	d := view.Database.Lookup(&f)
	if d.Err != rpdb.OK || h == l.host && d.OIF == l.dev.Index {
		l.dropTunnel(p)
		return
	}
	src := v.Local
	if !set(src) {
		src = d.Src
	}
	if !l.fitsVXLAN(p, h, &in, &d, end.Addr) {
		l.dropTunnel(p)
		return
	}
	l.sent(p)
	wrapVXLAN(v, p, f.SPort, end, src)
	ttl := v.TTL
	switch {
	case v.TTLInherit:
		ttl = in.ttl
	case ttl == 0 && end.Addr.IsMulticast():
		ttl = 1
	case ttl == 0:
		ttl = h.defaultHops(view, &d, end.Addr.Is6())
	}
	l.ipHeader(p, rpdb.ProtoUDP, src, end.Addr, f.TOS, ttl, v.DF == 1 || v.DF == 2 && in.df, v.Label)
	p.d, p.routed, p.local, p.fwd = d, true, true, false
	p.meta = stack.Meta{OIF: end.Index}
	if end.Addr.Is6() {
		h.output6(p)
	} else {
		h.output4(p)
	}
}

// fitsVXLAN reports whether a frame fits the path, and tells the sender of its packet if
// not (skb_tunnel_check_pmtu).
func (l *link) fitsVXLAN(p *packet, h *Host, in *inner, d *rpdb.Decision, dst netip.Addr) bool {
	mtu, _ := h.pathMTU(h.view, d, dst)
	mtu -= udpLen + vxlanLen + etherLen + 20
	if dst.Is6() {
		mtu -= ip6Len - 20
	}
	if len(in.ip) <= mtu || l.isBridgePort() {
		return true
	}
	q := *p
	q.off += in.at
	q.net = q.off
	switch {
	case in.proto == protoIPv4 && in.df:
		l.host.error4(&q, icmpUnreach, unreachFragNeeded, uint32(mtu))
	case in.proto == protoIPv6:
		l.host.error6(&q, icmp6TooBig, 0, uint32(max(mtu, minMTU6)))
	default:
		return true
	}
	return false
}

// wrapVXLAN puts the headers of UDP and vxlan before a frame.
func wrapVXLAN(v *netns.VXLANInfo, p *packet, sport uint16, end netns.VXLANRemote, src netip.Addr) {
	x := p.push(vxlanLen)
	put32(x, 0x08000000)
	put32(x[4:], end.VNI<<8)
	u := p.push(udpLen)
	n := len(p.data())
	put16(u, sport)
	put16(u[2:], end.Port)
	put16(u[4:], uint16(n))
	put16(u[6:], 0)
	if src.Is4() && v.ZeroChecksum || src.Is6() && v.ZeroChecksum6 {
		return
	}
	c := fold(sum(p.data(), pseudo(src, end.Addr, rpdb.ProtoUDP, n)))
	if c == 0 {
		c = 0xffff
	}
	put16(u[6:], c)
}

// vxlanSourcePort is the port that stands for the flow in a frame (udp_flow_src_port), so
// that flows spread over equal ways.
func vxlanSourcePort(v *netns.VXLANInfo, frame []byte, seed uint64) uint16 {
	lo, hi := uint32(v.Ports[0]), uint32(v.Ports[1])
	if lo == 0 && hi == 0 || hi <= lo {
		lo, hi = 32768, 60999
	}
	x := seed ^ 0xcbf29ce484222325
	end := min(len(frame), etherLen+40)
	for _, c := range frame[:end] {
		x = (x ^ uint64(c)) * 0x100000001b3
	}
	return uint16(lo + uint32(x>>32)%(hi-lo))
}

// receiveVXLAN unwraps a datagram for a vxlan device (vxlan_rcv). It reports whether there
// is a device that hears the port; then the packet is done with.
func (h *Host) receiveVXLAN(p *packet, upper int) bool {
	b := p.data()[upper:]
	if len(b) < udpLen+vxlanLen {
		return false
	}
	port := be16(b[2:])
	hears := false
	for _, l := range h.e.vxlans {
		v := l.dev.VXLAN
		if l.host == nil || v == nil || v.Home != h.ns || v.Port != port || !l.dev.Up() {
			continue
		}
		hears = true
		if x := b[udpLen:]; x[0]&8 != 0 && be32(x[4:])>>8 == v.VNI {
			l.unwrapVXLAN(p, upper+udpLen+vxlanLen)
			return true
		}
	}
	if hears {
		h.e.free(p)
	}
	return hears
}

// unwrapVXLAN has the device receive the frame that begins at an offset.
func (l *link) unwrapVXLAN(p *packet, at int) {
	b := p.data()
	from, outer := netip.Addr{}, uint8(0)
	if b[0]>>4 == 4 {
		from, outer = src4(b), b[1]
	} else {
		from, outer = src6(b), tclass6(b)
	}
	p.pull(at)
	frame := p.data()
	switch {
	case len(frame) < etherLen, string(frame[6:12]) == string(l.dev.Address): // our own, sent back
		l.e.free(p)
		return
	case l.dev.VXLAN.Learning && !l.host.ns.VXLANLearn(l.dev.Index, [6]byte(frame[6:12]), from):
		l.e.free(p)
		return
	}
	p.proto = be16(frame[12:])
	l.unwrapped(p, outer&^3)
}

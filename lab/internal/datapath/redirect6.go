package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

const (
	redirectLen   = 40     // of a redirect up to its options
	redirectEvery = second // one destination, and one source, is told of shorter ways
)

// sendRedirect6 tells a sender that it has a shorter way (ndisc_send_redirect).
func (h *Host) sendRedirect6(p *packet) {
	b, now := p.data(), h.ticks()
	l, from, dst := p.real, src6(b), dst6(b)
	target := h.next6(p, dst)
	if !h.limits.peer(dst, now).allow(now, redirectEvery) {
		return
	}
	src, ok := h.linkLocal6(l)
	if !ok || target != dst && !target.IsLinkLocalUnicast() {
		return
	}
	d := h.lookup(rpdb.Flow{Dst: from, Src: src, OIF: l.dev.Index, IPProto: rpdb.ProtoICMPv6, Hashed: rpdb.HashedFlow})
	if d.Err != rpdb.OK || d.Gateway.IsValid() || !h.limits.peer(from, now).allow(now, redirectEvery) {
		return
	}
	m := make([]byte, redirectLen, minMTU6)
	m[0] = icmp6Redirect
	t, to := target.As16(), dst.As16()
	copy(m[8:], t[:])
	copy(m[24:], to[:])
	if lladdr, ok := h.ns.NeighLLAddr(l.dev.Index, target); ok && l.ether() {
		m = append(m, addrOption(ndTargetLLAddr, lladdr)...)
	}
	n := min(minMTU6-ip6Len-len(m), len(b)+8) &^ 7
	m = append(m, ndRedirected, uint8(n/8), 0, 0, 0, 0, 0, 0)
	m = append(m, b[:n-8]...)
	r := h.e.build6(src, from, rpdb.ProtoICMPv6, l.dev.Conf6.NeighbourClass, ndHops, len(m))
	x := r.data()
	copy(x[ip6Len:], m)
	sealICMP6(x, x[ip6Len:])
	r.d, r.routed, r.quiet = d, true, true
	h.dispatch6(r)
}

// heardRedirect6 takes a shorter way (ndisc_redirect_rcv, rt6_do_redirect).
func (h *Host) heardRedirect6(l *link, p *packet, m []byte) {
	from := src6(p.data())
	if len(m) < redirectLen || !from.IsLinkLocalUnicast() || !l.dev.Conf6.AcceptRedirects {
		return
	}
	target, dst := addr16(m[8:24]), addr16(m[24:40])
	o, ok := parseNDOptions(m[redirectLen:])
	if !ok || dst.IsMulticast() || target != dst && !target.IsLinkLocalUnicast() {
		return
	}
	lladdr, ok := l.lladdrOf(o.target)
	if !ok || !h.routesBy6(l, dst, from, quotedSource(o.redirected, p)) {
		return
	}
	if quoted := o.redirected; quoted != nil && !h.believes6(p, m, quoted[8:]) {
		return
	}
	onLink := target == dst
	h.heard(l, target, netns.NeighNews{
		LLAddr: lladdr, State: rpdb.NUDStale, Create: true, Override: true, WeakOverride: true, RouterTold: !onLink, Router: true,
	})
	d := h.lookup(rpdb.Flow{Dst: dst, Src: quotedSource(o.redirected, p), OIF: l.dev.Index})
	if d.Err == rpdb.OK {
		h.ns.Except(dst, &d, func(x *netns.Exception) { x.Gateway = target })
	}
}

// believes6 reports whether a redirect about a packet counts (icmpv6_notify).
func (h *Host) believes6(p *packet, m, quoted []byte) bool {
	if len(quoted) < ip6Len {
		return false
	}
	proto, at, _ := skip6(quoted)
	if at < 0 || at+8 > len(quoted) {
		return false
	}
	e := h.quotes6(p, m, quoted)
	return h.mayLearn6(&e, proto)
}

// quotedSource is the source of the packet that a redirect is about.
func quotedSource(redirected []byte, p *packet) netip.Addr {
	if len(redirected) >= 8+ip6Len {
		return src6(redirected[8:])
	}
	return dst6(p.data())
}

// routesBy6 reports whether packets to a destination go by a router on a link
// (ip6_route_redirect).
func (h *Host) routesBy6(l *link, dst, router, src netip.Addr) bool {
	d := h.lookup(rpdb.Flow{Dst: dst, Src: src, OIF: l.dev.Index})
	return d.Err == rpdb.OK && d.OIF == l.dev.Index && h.next6(&packet{d: d}, dst) == router
}

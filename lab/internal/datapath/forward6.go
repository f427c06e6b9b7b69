package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// forward6 sends on a packet that is not for this host (ip6_forward).
func (h *Host) forward6(p *packet) {
	b := p.data()
	if !p.real.dev.Conf6.Forwarding && !p.in.dev.Conf6.Forwarding || p.kind != toHost {
		h.e.free(p)
		return
	}
	if b[7] <= 1 {
		h.error6(p, icmp6TimeExceeded, 0, 0)
		h.e.free(p)
		return
	}
	if h.view.Proxies6() && h.ns.AnswersFor(p.in.dev.Index, dst6(b)) && h.forProxy(p) {
		return
	}
	if !h.scopeAllows6(p) {
		h.e.free(p)
		return
	}
	if mtu := h.forwardMTU6(p); len(b) > mtu {
		h.errorFrom6(p, h.links[p.d.OIF], icmp6TooBig, 0, uint32(mtu))
		h.e.free(p)
		return
	}
	b[7]--
	p.fwd, p.local, p.meta.OIF = true, false, 0
	h.dispatch6(p)
}

// scopeAllows6 tells senders of shorter ways, and keeps what belongs to a link on it.
func (h *Host) scopeAllows6(p *packet) bool {
	if p.d.OIF == p.in.dev.Index || p.d.OIF == p.real.dev.Index {
		h.sendRedirect6(p)
		return true
	}
	switch src := src6(p.data()); {
	case src.IsUnspecified(), src.IsMulticast(), src.IsLoopback():
		return false
	case src.IsLinkLocalUnicast():
		h.error6(p, icmp6Unreach, unreach6Scope, 0)
		return false
	}
	return true
}

// forProxy handles a packet to an address that this host answers for, and reports
// whether it is done with (ip6_forward_proxy_check).
func (h *Host) forProxy(p *packet) bool {
	b := p.data()
	if proto, at, _ := skip6(b); proto == rpdb.ProtoICMPv6 && at >= 0 && at < len(b) {
		if b[at] >= routerSolicitation && b[at] <= icmp6Redirect {
			h.deliver6(p)
			return true
		}
	}
	if dst6(b).IsLinkLocalUnicast() {
		h.tellUnreachable(p)
		h.e.free(p)
		return true
	}
	return false
}

// forwardMTU6 is ip6_dst_mtu_maybe_forward for a router: of what the route says only a locked
// MTU counts here. The rest does when the packet leaves.
func (h *Host) forwardMTU6(p *packet) int {
	mtu := minMTU6
	if m, locked, ok := metricOf(&p.d, nla.RTAXMTU); ok && m != 0 && locked {
		mtu = int(m)
	} else if out := h.links[p.d.OIF]; out != nil {
		mtu = int(out.dev.Conf6.MTU)
	}
	return max(mtu, minMTU6)
}

// next6 is the neighbour that a packet goes to (rt6_nexthop).
func (h *Host) next6(p *packet, dst netip.Addr) netip.Addr {
	if x, ok := h.ns.Exception(dst, &p.d); ok && x.Gateway.IsValid() {
		return x.Gateway
	}
	if p.d.UsesRoute && p.d.Gateway.IsValid() {
		return p.d.Gateway
	}
	return dst
}

// dispatch6 sends a packet out by the device of its decision, in pieces if this host made
// it and it is too large (ip6_output, ip6_finish_output).
func (h *Host) dispatch6(p *packet) sending {
	l := h.linkOf(p.d.OIF)
	if l == nil || l.dev.Conf6.Disabled {
		h.e.free(p)
		return sentOn // ip6_output tells nobody
	}
	b := p.data()
	dst := dst6(b)
	next := h.next6(p, dst)
	mtu := h.outputMTU(l, p, dst)
	if len(b) <= mtu || l.dev.IsLoopback() && len(b) <= int(l.dev.MTU) {
		return h.finish6(l, p, next)
	}
	if p.fwd {
		h.errorFrom6(p, l, icmp6TooBig, 0, uint32(mtu))
		h.e.free(p)
		return lost
	}
	var parts []*packet
	if p.meta.IgnoreDF {
		parts = h.fragment6(p, mtu)
	}
	s := lost
	if parts == nil {
		h.tooBig6(p, mtu)
	} else {
		s = h.sendPieces(l, parts, next, (*Host).finish6)
	}
	h.e.free(p)
	return s
}

// finish6 sends a packet or a piece of one (ip6_finish_output2).
func (h *Host) finish6(l *link, p *packet, next netip.Addr) sending {
	if dst := dst6(p.data()); dst.IsMulticast() && !h.copyToGroup6(l, p, dst) {
		h.e.free(p)
		return sentOn
	}
	return h.toNeighbour(l, p, next)
}

// copyToGroup6 gives this host its copy of what it sends to a group, and reports whether
// the packet leaves it (ip6_finish_output2).
func (h *Host) copyToGroup6(l *link, p *packet, dst netip.Addr) bool {
	if l.dev.IsLoopback() {
		return true
	}
	if joined(l, dst) && !p.quiet {
		c := h.e.clone(p)
		c.in, c.real, c.kind = l, l, toMulticast
		c.d.Err, c.d.Type = rpdb.OK, rpdb.Multicast
		l.copyBack(c)
	}
	return p.data()[7] != 0 && !dst.IsInterfaceLocalMulticast()
}

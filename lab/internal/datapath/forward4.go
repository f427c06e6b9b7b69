package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// forward4 sends on a packet that is not for this host (ip_forward).
func (h *Host) forward4(p *packet) {
	b := p.data()
	if p.kind != toHost {
		h.e.free(p)
		return
	}
	if b[8] <= 1 {
		h.error4(p, icmpTimeExceeded, 0, 0)
		h.e.free(p)
		return
	}
	p.fwd = true
	mtu := h.forwardMTU4(p)
	if len(b) > mtu && dontFragment4(b) {
		h.error4(p, icmpUnreach, unreachFragNeeded, uint32(mtu))
		h.e.free(p)
		return
	}
	b[8]--
	put16(b[10:], adjust16(be16(b[10:]), uint16(b[8]+1)<<8|uint16(b[9]), uint16(b[8])<<8|uint16(b[9])))
	if p.d.Flags&rpdb.FlagRedirect != 0 {
		h.sendRedirect4(p)
	}
	h.forwardOptions4(p)
	p.local, p.meta.OIF = false, 0
	h.dispatch4(p)
}

// forwardMTU4 is ip_dst_mtu_maybe_forward for a router: what it learned of the path does
// not count, since others could teach it wrong, unless the route's MTU is locked.
func (h *Host) forwardMTU4(p *packet) int {
	out := h.links[p.d.OIF]
	if out == nil {
		return minMTU6
	}
	m, locked, ok := metricOf(&p.d, nla.RTAXMTU)
	mtu := min(int(out.dev.MTU), maxIP)
	if ok && m != 0 {
		mtu = int(m)
	}
	if locked || h.view.Setting("ipv4/ip_forward_use_pmtu") != 0 {
		if m, ok := h.ns.PathMTU(dst4(p.data()), &p.d); ok {
			mtu = min(mtu, m)
		}
	}
	return mtu
}

// outputMTU is the size of the largest packet that this host sends a way without cutting it
// (ip_skb_dst_mtu, ip6_skb_dst_mtu).
func (h *Host) outputMTU(l *link, p *packet, dst netip.Addr) int {
	if p.local && p.meta.DeviceMTU {
		return min(int(l.dev.MTU), maxIP)
	}
	mtu, _ := h.pathMTU(h.view, &p.d, dst)
	return mtu
}

// next4 is the neighbour that a packet goes to (rt_nexthop).
func (h *Host) next4(p *packet, dst netip.Addr) netip.Addr {
	if x, ok := h.ns.Exception(dst, &p.d); ok && x.Gateway.IsValid() {
		return x.Gateway
	}
	if p.d.UsesRoute && p.d.Gateway.IsValid() {
		return p.d.Gateway
	}
	return dst
}

// dispatch4 sends a packet out by the device of its decision, in pieces if it is too
// large (ip_output, ip_finish_output).
func (h *Host) dispatch4(p *packet) sending {
	l := h.linkOf(p.d.OIF)
	if l == nil {
		h.e.free(p)
		return lost
	}
	b := p.data()
	dst := dst4(b)
	mtu := h.outputMTU(l, p, dst)
	if p.fwd {
		mtu = h.forwardMTU4(p)
	}
	next := h.next4(p, dst)
	if len(b) <= mtu || l.dev.IsLoopback() && len(b) <= int(l.dev.MTU) {
		return h.toNeighbour(l, p, next)
	}
	if dontFragment4(b) && !p.meta.IgnoreDF {
		h.tooBig4(p, mtu)
		h.e.free(p)
		return lost
	}
	s := h.sendPieces(l, h.fragment4(p, mtu), next, (*Host).toNeighbour)
	h.e.free(p)
	return s
}

// sendPieces sends fragments until one is lost (ip_do_fragment, ip6_fragment).
func (h *Host) sendPieces(l *link, parts []*packet, next netip.Addr, send func(*Host, *link, *packet, netip.Addr) sending) sending {
	for i, part := range parts {
		if s := send(h, l, part, next); s != sentOn {
			for _, rest := range parts[i+1:] {
				h.e.free(rest)
			}
			return s
		}
	}
	return sentOn
}

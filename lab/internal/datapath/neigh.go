package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// waitKey is a neighbour that packets wait for.
type waitKey struct {
	dev  int
	addr netip.Addr
}

// maxWaiting is how many packets wait for one neighbour (unres_qlen; the kernel counts
// their bytes).
const maxWaiting = 101

// toNeighbour sends a packet to a neighbour, or has it wait until the neighbour's
// hardware address is known (ip_finish_output2, neigh_output).
func (h *Host) toNeighbour(l *link, p *packet, next netip.Addr) sending {
	proto := uint16(protoIPv4)
	if p.data()[0]>>4 == 6 {
		proto = protoIPv6
	}
	p.proto, p.net = proto, p.off
	if !l.ether() {
		if l.dev.IsLoopback() {
			_, _, _ = h.ns.Neighbour(l.dev.Index, next)
		}
		return l.send(p)
	}
	lladdr, ok, err := h.ns.Neighbour(l.dev.Index, next)
	switch {
	case err != nil:
		h.e.free(p)
		return lost
	case ok:
		if len(h.confirms) > 0 && h.confirms[next] {
			delete(h.confirms, next)
			h.ns.ConfirmNeighbour(l.dev.Index, next)
		}
		l.address(p, lladdr, proto)
		return l.send(p)
	}
	k := waitKey{l.dev.Index, next}
	h.wait(k, p)
	h.e.askNow(h, k)
	return sentOn
}

// wait queues a packet for a neighbour that is being asked for (__neigh_event_send): of
// too many the oldest is lost.
func (h *Host) wait(k waitKey, p *packet) {
	if h.waiting == nil {
		h.waiting = map[waitKey][]*packet{}
	}
	q := append(h.waiting[k], p)
	if len(q) > maxWaiting {
		h.e.free(q[0])
		q = q[1:]
	}
	h.waiting[k] = q
}

// Resolved implements netns.Packets.
func (e *Engine) Resolved(n *netns.Namespace, dev int, addr netip.Addr, ok bool) {
	e.post(job{f: func() { e.Host(n).resolved(waitKey{dev, addr}, ok) }})
}

// resolved sends what waited for a neighbour, or tells the senders that there is none
// (arp_error_report, ndisc_error_report).
func (h *Host) resolved(k waitKey, ok bool) {
	q := h.waiting[k]
	delete(h.waiting, k)
	l := h.linkOf(k.dev)
	for _, p := range q {
		switch {
		case l == nil:
			h.e.free(p)
		case ok:
			h.toNeighbour(l, p, k.addr)
		default:
			h.tellUnreachable(p)
			h.e.free(p)
		}
	}
}

// tellUnreachable tells the sender of a packet that the next hop does not answer
// (ipv4_link_failure, ip6_link_failure).
func (h *Host) tellUnreachable(p *packet) {
	if p.data()[0]>>4 == 6 {
		h.error6(p, icmp6Unreach, unreach6Addr, 0)
	} else {
		h.error4(p, icmpUnreach, unreachHost, 0)
	}
}

// heard takes over what a packet tells of a neighbour, and sends what waited for it before
// anything else goes there (neigh_update). It reports whether there is such a neighbour.
func (h *Host) heard(l *link, addr netip.Addr, news netns.NeighNews) bool {
	ok := h.ns.HeardNeighbour(l.dev.Index, addr, news)
	h.sendWaiting(l, addr)
	return ok
}

// sendWaiting sends what waited for a neighbour that is known now.
func (h *Host) sendWaiting(l *link, addr netip.Addr) {
	if k := (waitKey{l.dev.Index, addr}); len(h.waiting[k]) > 0 {
		if _, known := h.ns.NeighLLAddr(l.dev.Index, addr); known {
			h.resolved(k, true)
		}
	}
}

// Probe implements netns.Packets.
func (e *Engine) Probe(n *netns.Namespace, dev int, addr netip.Addr, lladdr []byte) {
	h := e.Host(n)
	e.post(job{host: h, asks: waitKey{dev, addr}, f: func() {
		l := h.linkOf(dev)
		if l == nil || !l.ether() {
			return
		}
		var last *packet // the source that it has is the one to ask with
		if q := h.waiting[waitKey{dev, addr}]; len(q) > 0 {
			last = q[len(q)-1]
		}
		if addr.Is4() {
			h.solicitARP(l, addr, lladdr, last)
		} else {
			h.solicit6(l, addr, lladdr, last)
		}
	}})
}

// confirm notes that a transport heard of a destination, so that the neighbour on the
// way there need not be asked (sk_dst_confirm).
func (h *Host) confirm(a netip.Addr) {
	if h.confirms == nil || len(h.confirms) > 1024 {
		h.confirms = map[netip.Addr]bool{}
	}
	h.confirms[a] = true
}

// ownAddr4 reports whether an IPv4 address is one of this host (inet_addr_type).
func (h *Host) ownAddr4(a netip.Addr, oif int) bool { return h.ns.AddrType(a, oif) == rpdb.Local }

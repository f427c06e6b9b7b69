package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

const multicastHops6 = 1 // IPV6_DEFAULT_MCASTHOPS

// output6 sends a packet of this host (ip6_xmit, ip6_local_out).
func (h *Host) output6(p *packet) sending {
	h.now()
	b := p.data()
	if len(b) < ip6Len || len(b) > maxIP+ip6Len {
		h.e.free(p)
		return lost
	}
	p.net, p.proto, p.local = p.off, protoIPv6, true
	if d := p.meta.Decision; d != nil && !p.routed {
		p.d, p.routed = *d, true
	}
	if !p.routed {
		f := flowOf6(b)
		f.OIF, f.Mark, f.UID = p.meta.OIF, p.meta.Mark, p.meta.UID
		f.FlowLabel = p.meta.FlowLabel
		if p.meta.Raw {
			f.SPort, f.DPort = 0, 0
		}
		p.d = h.lookup(f)
		p.routed = true
	}
	if p.d.Err != rpdb.OK || p.d.Drop == rpdb.DropLoopbackRoute {
		h.refused(p)
		return lost
	}
	dst := dst6(b)
	if b[7] == 0 {
		b[7] = h.hops6(&p.d, dst)
	}
	put16(b[4:], uint16(len(b)-ip6Len))
	if l := h.vrfOf(p.d.OIF); l != nil && !strict6(dst) {
		l.tap(p, Out) // l3mdev_ip6_out
	}
	return h.dispatch6(p)
}

// hops6 is the hop limit of a packet that asks for none (ip6_sk_dst_hoplimit).
func (h *Host) hops6(d *rpdb.Decision, dst netip.Addr) uint8 {
	if dst.IsMulticast() {
		return multicastHops6
	}
	return h.defaultHops(h.view, d, true)
}

// build6 makes a packet of this host with an IPv6 header for n bytes behind it.
func (e *Engine) build6(src, dst netip.Addr, proto, class, hops uint8, n int) *packet {
	p := e.fresh(ip6Len + n)
	b := p.data()
	put32(b, 6<<28|uint32(class)<<20)
	put16(b[4:], uint16(n))
	b[6], b[7] = proto, hops
	s, d := src.As16(), dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	p.local = true
	return p
}

// autoLabel gives a packet of the host itself the flow label that belongs to its flow
// (ip6_make_flowlabel).
func (h *Host) autoLabel(b []byte, asked uint32) {
	mode := h.view.Setting("ipv6/auto_flowlabels")
	label := asked & 0xfffff
	if label == 0 && mode != 0 && mode != 2 {
		x := h.Seed()
		for _, c := range b[8:min(len(b), ip6Len+2)] { // addresses, type and code
			x = (x ^ uint64(c)) * 0x100000001b3
		}
		label = uint32(x>>32) & 0xfffff
		if h.view.Setting("ipv6/flowlabel_state_ranges") != 0 {
			label |= 0x80000
		}
	}
	put32(b, be32(b)&^0xfffff|label)
}

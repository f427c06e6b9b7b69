package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// receiveTunnel unwraps a packet that arrived for a tunnel of this host
// (ip_tunnel_rcv, ip6_tnl_rcv). upper is where the inner header begins. It reports
// whether there is a tunnel for it; then the packet is done with.
func (h *Host) receiveTunnel(p *packet, src, dst netip.Addr, outer, proto uint8, upper int) bool {
	switch proto {
	case protoGRE:
		return h.receiveGRE(p, src, dst, outer, upper)
	case protoIPIP, protoIPv6in:
	default:
		return false
	}
	l := h.tunnelFor(src, dst, func(l *link, t *tunnel) bool {
		if src.Is6() {
			return l.dev.Kind == "ip6tnl" && (t.inner == 0 || t.inner == proto)
		}
		return t.proto == proto
	})
	if l == nil {
		return false
	}
	p.pull(upper)
	p.proto = protoIPv4
	if proto == protoIPv6in {
		p.proto = protoIPv6
	}
	l.unwrapped(p, outer)
	return true
}

// receiveGRE is gre_rcv with ipgre_rcv.
func (h *Host) receiveGRE(p *packet, src, dst netip.Addr, outer uint8, upper int) bool {
	b := p.data()[upper:]
	if len(b) < 4 || b[1]&7 != 0 {
		return false
	}
	flags, inner := greFlags(be16(b))&(greChecksum|greKey|greSeq), be16(b[2:])
	n := flags.length()
	if len(b) < n {
		return false
	}
	key, at := uint32(0), 4
	if flags&greChecksum != 0 {
		at += 4
	}
	if flags&greKey != 0 {
		key = be32(b[at:])
	}
	l := h.tunnelFor(src, dst, func(l *link, t *tunnel) bool {
		return t.proto == protoGRE && t.ether == (inner == protoTEB) && t.in&greKey == flags&greKey && (flags&greKey == 0 || t.inKey == key)
	})
	if l == nil {
		return false
	}
	t := l.tunnel()
	if t.in&greChecksum != flags&greChecksum || flags&greChecksum != 0 && checksum(b) != 0 || t.in&greSeq != 0 && flags&greSeq == 0 {
		l.dev.Counters.RxErrors.Add(1)
		h.e.free(p)
		return true
	}
	p.pull(upper + n)
	p.proto = inner
	l.unwrapped(p, outer)
	return true
}

// unwrapped has a tunnel device receive what came out of it. outer is the type of service
// of the outer header, whose mark of congestion goes on (IP_ECN_decapsulate).
func (l *link) unwrapped(p *packet, outer uint8) {
	if outer&3 == 3 && !congested(p) {
		l.dev.Counters.RxErrors.Add(1)
		l.e.free(p)
		return
	}
	l.dev.Counters.RxPackets.Add(1)
	l.dev.Counters.RxBytes.Add(uint64(len(p.data())))
	p.net, p.kind = p.off, toHost
	p.routed, p.local, p.fwd, p.depth = false, false, false, 0
	p.in, p.real, p.meta = nil, nil, stack.Meta{}
	l.e.queue(l, p)
}

// congested marks a packet that came out of a tunnel. It reports false for one whose
// sender does not know of such marks, which is lost instead.
func congested(p *packet) bool {
	b := p.data()
	switch {
	case p.proto == protoIPv4 && len(b) >= 20:
		if b[1]&3 == 0 {
			return false
		}
		b[1] |= 3
		sealIP4(b)
	case p.proto == protoIPv6 && len(b) >= ip6Len:
		if b[1]>>4&3 == 0 {
			return false
		}
		b[1] |= 0x30
	}
	return true
}

// tunnelError4 takes in an error about a packet that a tunnel of this host wrapped
// (ipgre_err, ipip_err): the path of the tunnel is narrower, which was learned already. It
// reports whether the packet was one of a tunnel.
func (h *Host) tunnelError4(quoted []byte) bool {
	switch quoted[9] {
	case protoGRE, protoIPIP, protoIPv6in:
	default:
		return false
	}
	src, dst := src4(quoted), dst4(quoted)
	return h.tunnelFor(dst, src, func(_ *link, t *tunnel) bool { return t.proto == quoted[9] }) != nil
}

// tunnelError6 is tunnelError4 for tunnels in IPv6, with the last protocol of the headers
// (ip6_tnl_err).
func (h *Host) tunnelError6(quoted []byte, proto uint8) bool {
	switch proto {
	case protoGRE, protoIPIP, protoIPv6in:
	default:
		return false
	}
	return h.tunnelFor(dst6(quoted), src6(quoted), func(l *link, _ *tunnel) bool { return l.dev.Kind == "ip6tnl" }) != nil
}

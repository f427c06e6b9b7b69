package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// inner is what a tunnel sees of a packet that it wraps.
type inner struct {
	proto    uint16 // of the packet, or of the one in the frame
	ip       []byte
	tos, ttl uint8
	df       bool
	at       int // where the packet begins behind an Ethernet header
}

func innerOf(p *packet, ether bool) (in inner) {
	b := p.data()
	in.proto = p.proto
	if ether && len(b) >= etherLen {
		in.proto, in.at = be16(b[12:]), etherLen
	}
	in.ip = b[in.at:]
	switch {
	case in.proto == protoIPv4 && len(in.ip) >= 20:
		in.tos, in.ttl, in.df = in.ip[1], in.ip[8], dontFragment4(in.ip)
	case in.proto == protoIPv6 && len(in.ip) >= ip6Len:
		in.tos, in.ttl = tclass6(in.ip), in.ip[7]
	}
	return in
}

// sendTunnel wraps a packet and sends it to the other end (ip_tunnel_xmit, ip6_tnl_xmit).
func (l *link) sendTunnel(p *packet) {
	t := l.tunnel()
	if t == nil {
		l.dropTunnel(p)
		return
	}
	in := innerOf(p, t.ether)
	remote := t.remote
	if l.dev.Kind == "sit" && !set(remote) {
		remote = sixToFour(in.ip)
	}
	if !set(remote) {
		l.dropTunnel(p)
		return
	}
	f := rpdb.Flow{Dst: remote, TOS: outerTOS(t.tos, in.tos), OIF: t.link, Mark: t.mark, IPProto: t.proto}
	if set(t.local) {
		f.Src = t.local
	}
	h := l.host
	d := h.lookup(f)
	if d.Err != rpdb.OK || d.OIF == l.dev.Index {
		if d.Err == rpdb.OK {
			l.dev.Counters.Collisions.Add(1)
		}
		if !t.ether {
			h.tellUnreachable(p)
		}
		l.dropTunnel(p)
		return
	}
	if !l.fitsTunnel(p, t, &in, &d, remote) {
		l.dropTunnel(p)
		return
	}
	src := t.local
	if !set(src) {
		src = d.Src
	}
	l.sent(p)
	l.wrap(p, t, &in, src, remote, f.TOS)
	p.d, p.routed, p.local, p.fwd = d, true, true, false
	p.meta = stack.Meta{Mark: t.mark, OIF: t.link, IgnoreDF: !t.df}
	if remote.Is6() {
		h.output6(p)
	} else {
		h.output4(p)
	}
}

func (l *link) dropTunnel(p *packet) {
	l.dev.Counters.TxErrors.Add(1)
	l.dev.Counters.TxCarrierErrors.Add(1)
	l.e.free(p)
}

// sixToFour is the end of an automatic tunnel (2002::/16).
func sixToFour(b []byte) netip.Addr {
	if len(b) >= ip6Len && b[0]>>4 == 6 && b[24] == 0x20 && b[25] == 2 {
		return netip.AddrFrom4([4]byte(b[26:30]))
	}
	return netip.Addr{}
}

// outerTOS is the type of service of the outer header (ip_tunnel_xmit,
// ip_tunnel_ecn_encap): 1 stands for that of the inner packet, and the bits of ECN go out
// in any case.
func outerTOS(own, inner uint8) uint8 {
	if own == 1 {
		own = inner
	}
	ecn := inner & 3
	if ecn == 3 {
		ecn = 2
	}
	return own&^3 | ecn
}

// fitsTunnel tells the sender of a packet that does not fit into the tunnel
// (tnl_update_pmtu). It reports whether the packet fits.
func (l *link) fitsTunnel(p *packet, t *tunnel, in *inner, d *rpdb.Decision, remote netip.Addr) bool {
	h := l.host
	mtu := int(l.dev.MTU)
	if t.df {
		outer, _ := h.pathMTU(h.view, d, remote)
		mtu = outer - t.overhead() - in.at
	}
	if len(in.ip) <= mtu {
		return true
	}
	switch {
	case in.proto == protoIPv4 && in.df:
		q := *p
		q.off += in.at
		q.net = q.off
		h.error4(&q, icmpUnreach, unreachFragNeeded, uint32(mtu))
		return false
	case in.proto == protoIPv6 && max(mtu, minMTU6) < len(in.ip):
		q := *p
		q.off += in.at
		q.net = q.off
		h.error6(&q, icmp6TooBig, 0, uint32(max(mtu, minMTU6)))
		return false
	}
	return true
}

// wrap puts the headers of a tunnel before a packet.
func (l *link) wrap(p *packet, t *tunnel, in *inner, src, dst netip.Addr, tos uint8) {
	proto := t.proto
	if t.proto == protoGRE {
		t.gre(p, in)
	} else if t.proto == 0 {
		proto = protoIPIP
		if in.proto == protoIPv6 {
			proto = protoIPv6in
		}
	}
	ttl := t.ttl
	if ttl == 0 {
		ttl = in.ttl
	}
	if dst.Is6() {
		l.wrap6(p, t, proto, src, dst, tos, ttl)
		return
	}
	l.ipHeader(p, proto, src, dst, tos, ttl, t.df || in.df, 0)
}

// ipHeader puts an outer IP header before a packet (iptunnel_xmit, udp_tunnel6_xmit_skb).
func (l *link) ipHeader(p *packet, proto uint8, src, dst netip.Addr, tos, ttl uint8, df bool, label uint32) {
	n := len(p.data())
	if dst.Is6() {
		b := p.push(ip6Len)
		put32(b, 6<<28|uint32(tos)<<20|label&0xfffff)
		put16(b[4:], uint16(n))
		b[6], b[7] = proto, ttl
		s, d := src.As16(), dst.As16()
		copy(b[8:], s[:])
		copy(b[24:], d[:])
		p.proto, p.net = protoIPv6, p.off
		return
	}
	b := p.push(20)
	clear(b)
	b[0], b[1], b[8], b[9] = 0x45, tos, ttl, proto
	put16(b[2:], uint16(n+20))
	if df {
		b[6] = 0x40
	}
	s, d := src.As4(), dst.As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	p.proto, p.net = protoIPv4, p.off
}

// wrap6 puts an IPv6 header before a packet, and the option that says how often it may be
// wrapped still.
func (l *link) wrap6(p *packet, t *tunnel, proto uint8, src, dst netip.Addr, tos, ttl uint8) {
	if !t.noLimit {
		copy(p.push(8), []byte{proto, 0, 4, 1, t.limit, 1, 1, 0})
		proto = protoDestOpts
	}
	l.ipHeader(p, proto, src, dst, tos, ttl, false, 0)
}

// gre puts a GRE header before a packet (gre_build_header).
func (t *tunnel) gre(p *packet, in *inner) {
	proto := in.proto
	if t.ether {
		proto = protoTEB
	}
	b := p.push(t.out.length())
	put16(b, uint16(t.out&(greChecksum|greKey|greSeq)))
	put16(b[2:], proto)
	at := 4
	if t.out&greChecksum != 0 {
		put32(b[at:], 0)
		at += 4
	}
	if t.out&greKey != 0 {
		put32(b[at:], t.oKey)
		at += 4
	}
	if t.out&greSeq != 0 {
		put32(b[at:], t.seq)
		t.seq++
	}
	if t.out&greChecksum != 0 {
		put16(b[4:], checksum(p.data()))
	}
}

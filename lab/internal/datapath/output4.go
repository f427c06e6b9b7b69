package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// output4 sends a packet of this host (ip_queue_xmit, ip_local_out).
func (h *Host) output4(p *packet) sending {
	v := h.now()
	b := p.data()
	if len(b) < 20 || ihl4(b) < 20 || len(b) < ihl4(b) {
		h.e.free(p)
		return lost
	}
	p.net, p.proto, p.local = p.off, protoIPv4, true
	if d := p.meta.Decision; d != nil && !p.routed {
		p.d, p.routed = *d, true
	}
	if !p.routed {
		f := flowOf4(b)
		f.OIF, f.Mark, f.UID = p.meta.OIF, p.meta.Mark, p.meta.UID
		if p.meta.Raw {
			f.SPort, f.DPort = 0, 0
		}
		p.d = h.lookup(f)
		p.routed = true
	}
	if p.d.Err != rpdb.OK {
		h.refused(p)
		return lost
	}
	if be16(b[4:]) == 0 && !dontFragment4(b) {
		h.nextID++
		put16(b[4:], uint16(h.nextID))
	}
	if b[8] == 0 {
		b[8] = h.defaultHops(v, &p.d, false)
	}
	put16(b[2:], uint16(len(b)))
	sealIP4(b)
	if l := h.vrfOf(p.d.OIF); l != nil && !h.links[p.d.OIF].dev.IsVRF() {
		l.tap(p, Out) // l3mdev_ip_out
	}
	dst := dst4(b)
	if p.d.Flags&(rpdb.FlagBroadcast|rpdb.FlagMulticast) != 0 {
		h.copyToSelf(p, dst)
		if dst.IsMulticast() && b[8] == 0 {
			h.e.free(p)
			return lost
		}
	}
	return h.dispatch4(p)
}

// copyToSelf gives this host its copy of what it sends to all (ip_mc_output).
func (h *Host) copyToSelf(p *packet, dst netip.Addr) {
	if p.d.Flags&rpdb.FlagLocal == 0 && !dst.IsMulticast() {
		return
	}
	l := h.links[p.d.OIF]
	if l == nil || l.dev.IsLoopback() || dst.IsMulticast() && !joined(l, dst) {
		return
	}
	c := h.e.clone(p)
	c.in, c.real, c.kind = l, l, toHost
	c.d.OIF = rpdb.Loopback
	l.copyBack(c)
}

func joined(l *link, group netip.Addr) bool {
	for _, g := range l.dev.Groups {
		if g == group {
			return true
		}
	}
	return false
}

// refused tells the socket of a packet that there is no way for it.
func (h *Host) refused(p *packet) {
	defer h.e.free(p)
	if h.transport == nil {
		return
	}
	b := p.data()
	e := stack.ICMPError{Quoted: append([]byte(nil), b...), Time: h.e.clock.Now(), Local: true}
	if b[0]>>4 == 6 {
		e.Offender, e.Type = src6(b), icmp6Unreach
		if p.d.Err == rpdb.EACCES {
			e.Code = unreach6Prohibited
		}
	} else {
		e.Offender, e.Type = src4(b), icmpUnreach
		switch p.d.Err {
		case rpdb.EHOSTUNREACH:
			e.Code = unreachHost
		case rpdb.EACCES:
			e.Code = unreachFiltered
		}
	}
	h.transport.ICMPError(e)
}

// vrfOf returns the VRF that a device belongs to, nil if there is none.
func (h *Host) vrfOf(index int) *link {
	if l := h.links[index]; l != nil {
		return l.vrf()
	}
	return nil
}

// build4 makes a packet of this host with an IPv4 header for n bytes behind it.
func (e *Engine) build4(src, dst netip.Addr, proto, tos, ttl uint8, n int, opts ...byte) *packet {
	p := e.fresh(20 + len(opts) + n)
	b := p.data()
	clear(b[:20])
	copy(b[20:], opts)
	b[0], b[1], b[8], b[9] = 0x45+byte(len(opts)/4), tos, ttl, proto
	put16(b[2:], uint16(len(b)))
	s, d := src.As4(), dst.As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	p.local = true
	return p
}

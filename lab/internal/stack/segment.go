package stack

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Flags of the TCP header.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	_
	flagACK
)

// Kinds of TCP options.
const (
	optionEnd = iota
	optionNop
	optionMSS
	optionScale
	optionSACKPermitted
	optionSACK
	_
	_
	optionTimestamp
)

func flagsOf(tcp []byte) byte { return tcp[13] }

// option returns the value of an option in a TCP header, nil if it is not there.
func option(tcp []byte, kind byte) []byte {
	n := int(tcp[12]>>4) * 4
	if n < tcpHeader || n > len(tcp) {
		return nil
	}
	for o := tcp[tcpHeader:n]; len(o) > 0; {
		switch o[0] {
		case optionEnd:
			return nil
		case optionNop:
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return nil
		}
		if o[0] == kind {
			return o[2:o[1]]
		}
		o = o[o[1]:]
	}
	return nil
}

// send completes a segment that gVisor made and sends it: p has room for the IP
// header before it.
func (t *tcpStack) send(p []byte, ip ipHeader, o *owner, device int) {
	opt := Options{} // of resets, which no socket sends
	if o != nil {
		opt = o.o
	}
	opt.Device = device
	p = dropSACK(p, ip.size())
	seg := p[ip.size():]
	flags := flagsOf(seg)
	local, remote := ends(&ip, seg)
	if flags&flagRST != 0 && o != nil && !t.closing(local, remote) {
		p = answer(p, ip.size()) // to a segment that the connection cannot take
		seg, o = p[ip.size():], nil
	}
	ip.tos, ip.df = opt.TOS, true
	if flags&flagSYN != 0 {
		f := opt.flow(rpdb.ProtoTCP, local, remote)
		path := t.s.net.Route(&f)
		announce(seg, &path, ip.dst.Is4(), opt.MSS)
		ip.ttl = t.s.hops(&opt, &path, ip.dst)
	}
	if o != nil && o.syn != nil {
		o.syn.window(seg)
	}
	switch {
	case ip.dst.Is6():
		ip.label = t.s.label(local, remote)
	case flags&(flagSYN|flagACK) != flagSYN|flagACK && (flags&flagRST == 0 || o != nil):
		ip.id = t.s.nextID(local, remote)
	}
	ip.put(p)
	checksumTCP(&ip, seg)
	if o != nil && o.syn != nil && flags&(flagSYN|flagACK) == flagSYN && !o.syn.first(p, &ip, opt.meta()) {
		return // retransmissions are synTimer's
	}
	t.s.output(p, opt.meta())
}

// answer makes of a reset by gVisor one that answers a segment as the kernel does
// (tcp_v4_send_reset): without options and, as what it answers has an ACK, without
// one.
func answer(p []byte, ip int) []byte {
	seg := p[ip:]
	if be.Uint32(seg[4:]) != 0 {
		seg[13] = flagRST
		clear(seg[8:12])
	}
	seg[12] = tcpHeader / 4 << 4
	clear(seg[14:16])
	return p[:ip+tcpHeader]
}

// ends are the two ends of a segment that is sent.
func ends(ip *ipHeader, seg []byte) (local, remote netip.AddrPort) {
	return netip.AddrPortFrom(ip.src, be.Uint16(seg)), netip.AddrPortFrom(ip.dst, be.Uint16(seg[2:]))
}

func checksumTCP(ip *ipHeader, seg []byte) {
	seg[16], seg[17] = 0, 0
	be.PutUint16(seg[16:], ip.sum(seg))
}

// headers are the IP and TCP headers of a full segment.
func headers(v4 bool) int {
	if v4 {
		return ipv4Header + tcpHeader
	}
	return ipv6Header + tcpHeader
}

// announce sets what Linux announces in a SYN: the segment size that the path's
// device takes, and the first window (tcp_select_initial_window: half of the
// default receive buffer, in whole segments).
func announce(seg []byte, p *Path, v4 bool, user uint16) {
	o := option(seg, optionMSS)
	mss := advertised(p, v4, user)
	if len(o) != 2 || mss == 0 {
		return
	}
	be.PutUint16(o, uint16(mss))
	if flagsOf(seg)&flagACK != 0 && option(seg, optionTimestamp) != nil {
		mss -= 12
	}
	const space = 65536
	be.PutUint16(seg[14:], uint16(min(space-space%mss, 65535)))
}

// clamp lowers the segment size that a peer announces in its SYN to what the way to
// it carries (tcp_sync_mss), which is how gVisor learns of it.
func clamp(seg []byte, p *Path, v4 bool, user uint16) {
	o := option(seg, optionMSS)
	if len(o) != 2 {
		return
	}
	mss := int(be.Uint16(o))
	if p.Err == rpdb.OK && p.MTU != 0 {
		mss = max(48, min(mss, p.MTU-headers(v4)))
	}
	if user != 0 {
		mss = min(mss, int(user))
	}
	if option(seg, optionSACKPermitted) != nil {
		mss += spaceForSACK(option(seg, optionTimestamp) != nil)
	}
	be.PutUint16(o, uint16(min(mss, 65535)))
}

// spaceForSACK is the room that gVisor leaves in every segment for selective
// acknowledgments. They are taken out of segments with data (dropSACK), so that
// these are as long as Linux's.
func spaceForSACK(timestamps bool) int {
	if timestamps {
		return 28
	}
	return 36
}

// dropSACK takes the selective acknowledgments out of a segment with data; the next
// one without has them.
func dropSACK(p []byte, ip int) []byte {
	seg := p[ip:]
	n := int(seg[12]>>4) * 4
	if n == tcpHeader || n == len(seg) || flagsOf(seg)&flagSYN != 0 {
		return p
	}
	if option(seg, optionSACK) == nil {
		return p
	}
	keep := tcpHeader
	if option(seg, optionTimestamp) != nil {
		keep += 12 // comes first, after two nops
	}
	copy(seg[keep:], seg[n:])
	seg[12] = byte(keep/4) << 4
	return p[:len(p)-(n-keep)]
}

// reset answers a segment that no socket wants (tcp_v4_send_reset,
// tcp_v6_send_reset).
func (s *Stack) reset(a *arrived, in *Arrival) {
	seg := a.upper
	if flagsOf(seg)&flagRST != 0 || in.Type != rpdb.Local {
		return
	}
	ip := ipHeader{src: a.dst, dst: a.src, proto: rpdb.ProtoTCP, tos: a.tos &^ 3 /* INET_ECN_MASK */, df: true}
	n := ip.size()
	p := make([]byte, n+tcpHeader)
	r := p[n:]
	copy(r, seg[2:4])
	copy(r[2:], seg[:2])
	r[12], r[13] = tcpHeader/4<<4, flagRST
	if flagsOf(seg)&flagACK != 0 {
		copy(r[4:8], seg[8:12])
	} else {
		r[13] |= flagACK
		be.PutUint32(r[8:], be.Uint32(seg[4:])+segmentLength(seg))
	}
	o := Options{}
	fwmark := "net/ipv4/fwmark_reflect"
	if ip.dst.Is6() {
		fwmark = "net/ipv6/fwmark_reflect"
		ip.label = s.label(netip.AddrPortFrom(ip.src, be.Uint16(r)), netip.AddrPortFrom(ip.dst, be.Uint16(r[2:])))
	}
	if s.sysctlInt(fwmark, 0) != 0 {
		o.Mark = in.Mark
	}
	if in.SDIF != 0 || ip.dst.IsLinkLocalUnicast() && ip.dst.Is6() {
		o.Device = in.IIF
	}
	local, remote := ends(&ip, r)
	f := o.flow(rpdb.ProtoTCP, local, remote)
	if ip.dst.Is4() { // the lookup of IPv6 leaves the traffic class out
		f.TOS = a.tos
	}
	path := s.net.Route(&f)
	ip.ttl = s.hops(&o, &path, ip.dst)
	ip.put(p)
	checksumTCP(&ip, r)
	m := o.meta()
	m.Decision = &path.Decision
	s.output(p, m)
}

// segmentLength is what a segment takes of the sequence space.
func segmentLength(seg []byte) uint32 {
	n := uint32(len(seg) - min(len(seg), int(seg[12]>>4)*4))
	if flagsOf(seg)&flagSYN != 0 {
		n++
	}
	if flagsOf(seg)&flagFIN != 0 {
		n++
	}
	return n
}

package datapath

import (
	"net/netip"
	"slices"
	"time"
)

// fragment4 cuts a packet into pieces of at most mtu bytes (ip_do_fragment). Options are
// in the first piece alone, but for those that belong into all.
func (h *Host) fragment4(p *packet, mtu int) []*packet {
	b := p.data()
	first, rest := b[:ihl4(b)], fragmentHeader4(b)
	payload, at := b[len(first):], offset4(b)
	last := !more4(b)
	var out []*packet
	header := first
	for len(payload) > 0 {
		n := min(len(payload), mtu-len(header))
		if n < len(payload) {
			n &^= 7
		}
		if n <= 0 {
			return nil
		}
		part := h.e.fresh(len(header) + n)
		buf, off := part.buf, part.off
		*part = *p
		part.buf, part.off, part.net = buf, off, off
		x := part.data()
		copy(x, header)
		copy(x[len(header):], payload[:n])
		flags := uint16(at / 8)
		if n < len(payload) || !last {
			flags |= 0x2000
		}
		if dontFragment4(b) {
			flags |= 0x4000
		}
		put16(x[2:], uint16(len(x)))
		put16(x[6:], flags)
		sealIP4(x)
		out = append(out, part)
		payload, at = payload[n:], at+n
		header = rest
	}
	return out
}

// fragmentHeader4 is the header of pieces behind the first: with the options that are
// copied (ip_options_fragment).
func fragmentHeader4(b []byte) []byte {
	head := slices.Clone(b[:20])
	for opts := b[20:ihl4(b)]; len(opts) > 0; {
		n := 1
		if opts[0] > 1 {
			if len(opts) < 2 || int(opts[1]) < 2 || int(opts[1]) > len(opts) {
				break
			}
			n = int(opts[1])
		}
		if opts[0] == 0 {
			break
		}
		if opts[0]&0x80 != 0 {
			head = append(head, opts[:n]...)
		}
		opts = opts[n:]
	}
	for len(head)%4 != 0 {
		head = append(head, 0)
	}
	head[0] = 0x40 | byte(len(head)/4)
	return head
}

// fragKey identifies the fragments of one packet.
type fragKey struct {
	src, dst netip.Addr
	id       uint32
	proto    uint8
	vrf      int
}

// maxPartial bounds the packets whose pieces have not all come, and maxPieces the
// pieces of one.
const (
	maxPartial = 256
	maxPieces  = 128
)

// reassembly is a packet of which pieces have come (struct ipq, struct frag_queue).
type reassembly struct {
	first  *packet // the piece at 0
	pieces []piece // in order
	total  int     // -1: the last piece has not come
	stop   func() bool
}

type piece struct {
	at   int
	data []byte
}

// add takes a piece in. It reports whether the packet can still be whole: overlapping
// pieces end it (ip_frag_queue, since 4.20).
func (r *reassembly) add(at int, data []byte, last bool) bool {
	end := at + len(data)
	if last {
		if r.total >= 0 && r.total != end {
			return false
		}
		r.total = end
	}
	if r.total >= 0 && end > r.total || end > maxIP || len(r.pieces) >= maxPieces {
		return false
	}
	i, _ := slices.BinarySearchFunc(r.pieces, at, func(p piece, at int) int { return p.at - at })
	if i < len(r.pieces) && r.pieces[i].at == at && len(r.pieces[i].data) == len(data) {
		return true // the same again
	}
	if i > 0 && r.pieces[i-1].at+len(r.pieces[i-1].data) > at || i < len(r.pieces) && r.pieces[i].at < end {
		return false
	}
	r.pieces = slices.Insert(r.pieces, i, piece{at, data})
	return true
}

// whole returns the bytes of the packet once all have come.
func (r *reassembly) whole() ([]byte, bool) {
	if r.total < 0 || r.first == nil {
		return nil, false
	}
	out := make([]byte, 0, r.total)
	for _, p := range r.pieces {
		if p.at != len(out) {
			return nil, false
		}
		out = append(out, p.data...)
	}
	return out, len(out) == r.total
}

// partialOf finds or begins a reassembly; timeout is called when it takes too long.
func (h *Host) partialOf(k fragKey, life time.Duration, timeout func(*reassembly)) *reassembly {
	if r := h.partial[k]; r != nil {
		return r
	}
	if h.partial == nil {
		h.partial = map[fragKey]*reassembly{}
	}
	if len(h.partial) >= maxPartial {
		return nil
	}
	r := &reassembly{total: -1}
	h.partial[k] = r
	r.stop = h.e.after(life, func() {
		if h.partial[k] == r {
			delete(h.partial, k)
			timeout(r)
		}
	})
	return r
}

// reassemble4 takes in a piece, and returns the packet once it is whole (ip_defrag).
func (h *Host) reassemble4(p *packet) *packet {
	b := p.data()
	k := fragKey{src: src4(b), dst: dst4(b), id: uint32(be16(b[4:])), proto: b[9], vrf: p.in.dev.Index}
	if p.in == p.real {
		k.vrf = 0
	}
	life := time.Duration(h.view.Setting("ipv4/ipfrag_time")) * time.Second / 250
	r := h.partialOf(k, life, func(r *reassembly) {
		if r.first != nil { // ip_expire
			h.error4(r.first, icmpTimeExceeded, 1, 0)
		}
	})
	n := ihl4(b)
	data := b[n:]
	if r == nil || more4(b) && len(data)%8 != 0 || !r.add(offset4(b), slices.Clone(data), !more4(b)) {
		if r != nil {
			r.stop()
			delete(h.partial, k)
		}
		h.e.free(p)
		return nil
	}
	if offset4(b) == 0 {
		r.first = p
	}
	payload, ok := r.whole()
	if !ok {
		return nil
	}
	r.stop()
	delete(h.partial, k)
	f := r.first
	head := slices.Clone(f.data()[:ihl4(f.data())])
	whole := make([]byte, headroom, headroom+len(head)+len(payload))
	whole = append(append(whole, head...), payload...)
	f.buf, f.off, f.net = whole, headroom, headroom
	x := f.data()
	put16(x[2:], uint16(len(x)))
	put16(x[6:], 0)
	sealIP4(x)
	return f
}

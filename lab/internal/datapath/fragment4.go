package datapath

import (
	"slices"
	"time"
)

// fragment4 cuts a packet into pieces of at most mtu bytes (ip_do_fragment). Options are
// in the first piece alone, but for those that belong into all.
func (h *Host) fragment4(p *packet, mtu int) []*packet {
	b := p.data()
	first := b[:ihl4(b)]
	rest := first // a piece of a piece has the right options already
	if offset4(b) == 0 {
		rest = fragmentHeader4(b)
	}
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

// fragmentHeader4 is the header of pieces behind the first: options that are not for all of
// them do nothing there (ip_options_fragment).
func fragmentHeader4(b []byte) []byte {
	head := slices.Clone(b[:ihl4(b)])
	for opts := head[20:]; len(opts) > 0 && opts[0] != opt4End; {
		if opts[0] == opt4Noop {
			opts = opts[1:]
			continue
		}
		if len(opts) < 2 || int(opts[1]) < 2 || int(opts[1]) > len(opts) {
			break
		}
		option := opts[:opts[1]]
		opts = opts[len(option):]
		if option[0]&0x80 == 0 {
			for i := range option {
				option[i] = opt4Noop
			}
		}
	}
	return head
}

// reassemble4 takes in a piece, and returns the packet once it is whole (ip_defrag).
func (h *Host) reassemble4(p *packet, user fragUser) *packet {
	b := p.data()
	k := fragKey{src: src4(b), dst: dst4(b), id: uint32(be16(b[4:])), proto: b[9], user: user}
	if p.in != p.real {
		k.dev = p.in.dev.Index
	}
	life := time.Duration(h.view.Setting("ipv4/ipfrag_time")) * time.Second / 250
	r := h.partialOf(k, life, h.view.Setting("ipv4/ipfrag_high_thresh"), func(r *reassembly) {
		if r.first != nil { // ip_expire
			h.error4(r.first, icmpTimeExceeded, 1, 0)
		}
	})
	if r == nil {
		h.e.free(p)
		return nil
	}
	data := b[ihl4(b):]
	if more4(b) {
		data = data[:len(data)&^7]
	}
	if r = h.addPiece(k, r, p, piece{offset4(b), slices.Clone(data)}, b[1]&3, !more4(b)); r == nil {
		return nil
	}
	payload, ecn, ok := r.whole()
	if !ok {
		return nil
	}
	return h.join4(r.first, payload, ecn)
}

// join4 makes one packet of the first piece's header and the data of all
// (ip_frag_reasm).
func (h *Host) join4(first *packet, payload []byte, ecn uint8) *packet {
	b := first.data()
	head := b[:ihl4(b)]
	if len(head)+len(payload) > maxIP {
		h.e.free(first)
		return nil
	}
	whole := make([]byte, headroom, headroom+len(head)+len(payload))
	whole = append(append(whole, head...), payload...)
	first.buf, first.off, first.net = whole, headroom, headroom
	x := first.data()
	put16(x[2:], uint16(len(x)))
	put16(x[6:], 0)
	x[1] |= ecn
	sealIP4(x)
	return first
}

package datapath

import (
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

const fragmentLen = 8 // of the fragment header

// unfragmentable6 is where the part of a packet ends that every piece carries, and where
// the number of the header behind it stands (ip6_find_1stfragopt).
func unfragmentable6(b []byte) (end, next int) {
	end, next = ip6Len, nextHeader6
	routed := false
	for end+2 <= len(b) {
		switch b[next] {
		case protoHopByHop:
		case protoRouting:
			routed = true
		case protoDestOpts:
			if routed {
				return end, next
			}
		default:
			return end, next
		}
		next, end = end, end+(int(b[end+1])+1)*8
	}
	return end, next
}

// fragment6 cuts a packet of this host into pieces of at most mtu bytes (ip6_fragment).
// It returns nil if that cannot be done.
func (h *Host) fragment6(p *packet, mtu int) []*packet {
	b := p.data()
	head, next := unfragmentable6(b)
	room := (mtu - head - fragmentLen)
	if head >= len(b) || room < 8 {
		return nil
	}
	id, proto := 1+uint32(h.e.random(1<<32-1)), b[next]
	var out []*packet
	for at := head; at < len(b); {
		n := min(len(b)-at, room)
		if at+n < len(b) {
			n &^= 7
		}
		part := h.e.fresh(head + fragmentLen + n)
		buf, off := part.buf, part.off
		*part = *p
		part.buf, part.off, part.net = buf, off, off
		x := part.data()
		copy(x, b[:head])
		x[next] = protoFragment
		f := x[head:]
		f[0], f[1] = proto, 0
		flags := uint16(at - head)
		if at+n < len(b) {
			flags |= 1
		}
		put16(f[2:], flags)
		put32(f[4:], id)
		copy(f[fragmentLen:], b[at:at+n])
		put16(x[4:], uint16(len(x)-ip6Len))
		out = append(out, part)
		at += n
	}
	return out
}

// fragmentHeader takes in a piece, and returns the packet once it is whole
// (ipv6_frag_rcv).
func (h *Host) fragmentHeader(p *packet) *packet {
	b := p.data()
	at := p.six.at
	if p.six.pieces || be16(b[4:]) == 0 || at+fragmentLen > len(b) {
		return h.parameterProblem(p, parameterField, at)
	}
	f := b[at:]
	offset, more := int(be16(f[2:]))&^7, f[3]&1 != 0
	if offset == 0 && !more { // the only piece
		passHeader6(p, fragmentLen)
		p.six.pieces = true
		return p
	}
	if truncated6(b) {
		return h.parameterProblem(p, parameterIncomplete, 0)
	}
	data := f[fragmentLen:]
	switch end := offset + len(data); {
	case end > maxIP:
		return h.parameterProblem(p, parameterField, at+2)
	case more && end&7 != 0:
		return h.parameterProblem(p, parameterField, 4) // the length of the payload
	}
	return h.reassemble6(p, offset, data, more)
}

// parameterProblem tells the sender what is wrong with a packet, and drops it.
func (h *Host) parameterProblem(p *packet, code uint8, at int) *packet {
	h.error6(p, icmp6Parameter, code, uint32(at))
	h.e.free(p)
	return nil
}

// truncated6 reports whether a first piece lacks the upper-layer header
// (ipv6frag_thdr_truncated).
func truncated6(b []byte) bool {
	proto, at, _ := skip6(b)
	if at < 0 || proto == protoFragment {
		return false
	}
	switch proto {
	case rpdb.ProtoTCP:
		at += 20
	case rpdb.ProtoUDP, rpdb.ProtoICMPv6:
		at += 8
	default:
		at++
	}
	return at > len(b)
}

// reassemble6 is ip6_frag_queue with ip6_frag_reasm.
func (h *Host) reassemble6(p *packet, offset int, data []byte, more bool) *packet {
	b, at := p.data(), p.six.at
	k := fragKey{src: src6(b), dst: dst6(b), id: be32(b[at+4:])}
	if k.dst.IsMulticast() || k.dst.IsLinkLocalUnicast() {
		k.dev = p.in.dev.Index
	}
	life := time.Duration(h.view.Setting("ipv6/ip6frag_time")) * time.Second / 250
	r := h.partialOf(k, life, h.view.Setting("ipv6/ip6frag_high_thresh"), func(r *reassembly) {
		if r.first != nil { // ip6frag_expire_frag_queue
			h.error6(r.first, icmp6TimeExceeded, 1, 0)
		}
	})
	if r == nil {
		h.e.free(p)
		return nil
	}
	if r = h.addPiece(k, r, p, piece{offset, slices.Clone(data)}, tclass6(b)&3, !more); r == nil {
		return nil
	}
	payload, ecn, ok := r.whole()
	if !ok {
		return nil
	}
	return h.join6(r.first, payload, ecn)
}

// join6 makes one packet of the first piece's headers and the data of all.
func (h *Host) join6(first *packet, payload []byte, ecn uint8) *packet {
	b, at := first.data(), first.six.at
	if at-ip6Len+len(payload) > maxIP {
		h.e.free(first)
		return nil
	}
	whole := make([]byte, headroom, headroom+at+len(payload))
	whole = append(append(whole, b[:at]...), payload...)
	whole[headroom+first.six.next] = b[at]
	first.buf, first.off, first.net = whole, headroom, headroom
	x := first.data()
	put16(x[4:], uint16(len(x)-ip6Len))
	x[1] |= ecn << 4
	first.six.pieces = true
	return first
}

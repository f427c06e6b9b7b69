package datapath

import (
	"net/netip"
	"slices"
	"time"
)

// fragKey identifies the fragments of one packet.
type fragKey struct {
	src, dst netip.Addr
	id       uint32
	proto    uint8
	dev      int // the VRF, or for addresses of a link the device
	user     fragUser
}

// fragUser is who puts fragments together (enum ip_defrag_users).
type fragUser uint8

const (
	byHost    fragUser = iota // this host, to which the packet goes (IP_DEFRAG_LOCAL_DELIVER)
	byMacvlan                 // a device with macvlans, which hear whole packets (IP_DEFRAG_MACVLAN)
)

// pieceCost is what a piece takes of the memory for reassembly beside its data
// (skb->truesize).
const pieceCost = 768

// reassembly is a packet of which pieces have come (struct inet_frag_queue).
type reassembly struct {
	first  *packet // the piece at 0
	pieces []piece // in order
	runs   []run   // in order
	reach  int     // the end of the farthest piece
	have   int     // bytes that have come
	cost   int     // memory
	total  bool    // reach is the end of the packet: its last piece has come
	ecn    uint8   // a bit for each value that pieces have
	stop   func() bool
}

type piece struct {
	at   int
	data []byte
}

// run is a row of pieces without a gap that came in order.
type run struct{ at, end int }

// outcome is what becomes of a piece.
type outcome uint8

const (
	taken  outcome = iota
	again          // it was there already
	broken         // it contradicts the others: the packet is lost
)

// add takes a piece in (ip_frag_queue, inet_frag_queue_insert). What lies within a run is a
// repetition; all other overlap ends the packet.
func (r *reassembly) add(p piece, last bool) outcome {
	end := p.at + len(p.data)
	switch {
	case last && (end < r.reach || r.total && end != r.reach), r.total && end > r.reach, len(p.data) == 0:
		return broken
	case end > maxIP:
		return broken
	}
	r.total = r.total || last
	r.reach = max(r.reach, end)
	i, _ := slices.BinarySearchFunc(r.runs, p.at, func(x run, at int) int { return x.end - at - 1 }) // the first that ends behind p.at
	switch {
	case i == len(r.runs) && i > 0 && r.runs[i-1].end == p.at:
		r.runs[i-1].end = end
	case i < len(r.runs) && r.runs[i].at < end:
		if r.runs[i].at <= p.at && end <= r.runs[i].end {
			return again
		}
		return broken
	default:
		r.runs = slices.Insert(r.runs, i, run{p.at, end})
	}
	i, _ = slices.BinarySearchFunc(r.pieces, p.at, func(x piece, at int) int { return x.at - at })
	r.pieces = slices.Insert(r.pieces, i, p)
	r.have += len(p.data)
	return taken
}

// done reports whether all pieces have come.
func (r *reassembly) done() bool { return r.total && r.first != nil && r.have == r.reach }

// whole returns the bytes of the packet once all have come, and the congestion mark that
// the pieces make together. It is not ok if some of them take part in congestion
// notification and others do not (ip_frag_ecn_table).
func (r *reassembly) whole() (data []byte, ecn uint8, ok bool) {
	data = make([]byte, 0, r.reach)
	for _, p := range r.pieces {
		data = append(data, p.data...)
	}
	const notCapable, experienced = 1, 1 << 3
	if r.ecn&experienced != 0 && r.ecn != experienced {
		ecn = 3
	}
	return data, ecn, r.ecn&notCapable == 0 || r.ecn == notCapable
}

// partialOf finds or begins a reassembly, nil if it would take too much memory
// (inet_frag_find); timeout is called when it takes too long.
func (h *Host) partialOf(k fragKey, life time.Duration, most int64, timeout func(*reassembly)) *reassembly {
	if r := h.partial[k]; r != nil {
		return r
	}
	if h.partial == nil {
		h.partial = map[fragKey]*reassembly{}
	}
	if int64(h.partialCost) > most {
		return nil
	}
	r := new(reassembly)
	h.partial[k] = r
	r.stop = h.e.after(life, func() {
		if h.partial[k] == r {
			h.endPartial(k, r)
			h.now()
			timeout(r)
		}
	})
	return r
}

// endPartial forgets a reassembly.
func (h *Host) endPartial(k fragKey, r *reassembly) {
	r.stop()
	delete(h.partial, k)
	h.partialCost -= r.cost
}

// addPiece adds the piece that a packet carries. It returns the reassembly once it is done,
// which then is forgotten.
func (h *Host) addPiece(k fragKey, r *reassembly, p *packet, x piece, ecn uint8, last bool) *reassembly {
	switch r.add(x, last) {
	case again:
		h.e.free(p)
		return nil
	case broken:
		h.endPartial(k, r)
		h.e.free(p)
		return nil
	}
	r.ecn |= 1 << ecn
	r.cost += len(x.data) + pieceCost
	h.partialCost += len(x.data) + pieceCost
	if x.at == 0 {
		r.first = p
	}
	if !r.done() {
		return nil
	}
	h.endPartial(k, r)
	return r
}

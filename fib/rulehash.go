package fib

import "math/bits"

// hashIndex finds the rules of a number: a table of open addressing, at most half
// full, or where that would be big, four fifths. A slot has the number in its upper half, and the rules' reference plus one in
// the lower, 0 if it is empty.
type hashIndex struct {
	slots []uint64
	shift uint8
}

func (h *hashIndex) find(v uint32) ref {
	if len(h.slots) == 0 {
		return noRules
	}
	if len(h.slots) == 2 { // of one number
		if s := max(h.slots[0], h.slots[1]); uint32(s>>32) == v {
			return ref(uint32(s) - 1)
		}
		return noRules
	}
	mask := uint(len(h.slots) - 1)
	for i := uint(spread(v) >> (h.shift & 31)); ; i++ {
		s := h.slots[i&mask]
		if uint32(s) == 0 {
			return noRules
		}
		if uint32(s>>32) == v {
			return ref(uint32(s) - 1)
		}
	}
}

func spread(v uint32) uint32 { return v * 0x9e3779b1 }

func newHashIndex(in map[uint32]ref) (h hashIndex) {
	if len(in) == 0 {
		return h
	}
	room := 2 * len(in)
	if len(in) > 1<<15 {
		room = 5 * len(in) / 4
	}
	n := bits.Len(uint(room - 1))
	h.slots, h.shift = make([]uint64, 1<<n), uint8(32-n)
	mask := uint(len(h.slots) - 1)
	for v, r := range in {
		i := uint(spread(v) >> (h.shift & 31))
		for h.slots[i&mask] != 0 {
			i++
		}
		h.slots[i&mask] = uint64(v)<<32 | uint64(r+1)
	}
	return h
}

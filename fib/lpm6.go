package fib

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// The nodes of an IPv6 table take 8 bits each: a bitmap of 256 bits, a word with
// the number of bits set before each quarter of it but the first, and the words of
// the runs. Where a long way leads to one part of the addresses only, a path node
// compares the bits in between at once: the length of the prefix, its four words,
// the leaf of the addresses outside, and the word of those inside.
const (
	bitmapWords = 8

	pathWords   = 7
	pathOutside = 5
	pathInside  = 6
)

// path, with child, marks a word as the place of a path node.
const path = 1 << 30

// lpm6 is an IPv6 table. Addresses that lack the bits which all its prefixes share
// (but for ::/0) have the leaf outside.
type lpm6 struct {
	direct  []uint32
	common  uint64 // the shared first bits
	skip    uint8  // how many they are, less than 48
	bits    uint8  // that index direct, behind the shared ones
	outside uint32
	nodes   []uint32
}

func (t *lpm6) lookup(hi, lo uint64) uint32 {
	w := t.first(hi)
	pos := uint(t.skip) + uint(t.bits)
	for w&(child|path) == child && pos <= 56 {
		w = t.inside(w, uint(hi>>(56-pos&63)&0xff))
		pos += 8
	}
	for w&child != 0 {
		w, pos = t.step(w, hi, lo, pos)
	}
	return w
}

// inside returns the word that a node has for the next bits of an address.
func (t *lpm6) inside(w uint32, index uint) uint32 {
	at := uint(w & (path - 1))
	quarter := index >> 6
	starts := uint64(t.nodes[at+2*quarter]) | uint64(t.nodes[at+2*quarter+1])<<32
	rank := t.nodes[at+bitmapWords] >> (8 * quarter & 31) & 0xff
	return t.nodes[at+bitmapWords+uint(rank)+uint(bits.OnesCount64(starts<<(63-index&63)))]
}

// first returns the word of the direct level.
func (t *lpm6) first(hi uint64) uint32 {
	if (hi^t.common)>>(64-t.skip&127) != 0 { // a shift by 64 gives 0
		return t.outside
	}
	i := hi << (t.skip & 63) >> (64 - t.bits&127)
	if i >= uint64(len(t.direct)) {
		return t.outside
	}
	return t.direct[i]
}

// step follows one word whose node stands behind pos bits of the address.
func (t *lpm6) step(w uint32, hi, lo uint64, pos uint) (uint32, uint) {
	if w&path != 0 {
		return t.along(t.nodes[w&(path-1):], hi, lo)
	}
	return t.inside(w, octet(hi, lo, pos)), pos + 8
}

// octet returns the 8 bits behind the first pos bits of an address. Bits behind the
// last are 0.
func octet(hi, lo uint64, pos uint) uint {
	if pos <= 56 {
		return uint(hi >> (56 - pos) & 0xff)
	}
	if pos >= 64 {
		return uint(lo << (pos - 64) >> 56)
	}
	return uint((hi<<(pos-56) | lo>>(120-pos)) & 0xff)
}

// along compares an address with a path node.
func (t *lpm6) along(node []uint32, hi, lo uint64) (uint32, uint) {
	n := uint(node[0])
	phi := uint64(node[1]) | uint64(node[2])<<32
	plo := uint64(node[3]) | uint64(node[4])<<32
	if n <= 64 {
		if (hi^phi)>>(64-n) != 0 {
			return node[pathOutside], n
		}
	} else if hi != phi || (lo^plo)>>(128-n) != 0 {
		return node[pathOutside], n
	}
	return node[pathInside], n
}

// lookupBatch takes one step of every address that has not reached its leaf, until
// all have.
func (t *lpm6) lookupBatch(addrs *[batch]netip.Addr, ids *[batch]uint32) {
	type descent struct {
		hi, lo uint64
		word   uint32
		place  uint8 // in ids
		pos    uint8
	}
	var open [batch]descent
	n := 0
	for i := range addrs {
		hi, lo := key6(addrs[i])
		w := t.first(hi)
		open[n%batch] = descent{hi, lo, w, uint8(i), t.skip + t.bits}
		ids[i] = w - 1
		n += int(w >> 31)
	}
	for n > 0 {
		left := 0
		for i := range open[:n] {
			d := open[i]
			var w uint32
			pos := uint(d.pos)
			if d.word&path == 0 && pos <= 56 {
				w, pos = t.inside(d.word, uint(d.hi>>(56-pos&63)&0xff)), pos+8
			} else {
				w, pos = t.step(d.word, d.hi, d.lo, pos)
			}
			ids[d.place%batch] = w - 1 // NoRoute for 0
			d.word, d.pos = w, uint8(pos)
			open[left%batch] = d
			left += int(w >> 31)
		}
		n = left
	}
}

// key6 returns an IPv6 address as two numbers. AsSlice does not escape; As16 would
// make the processor wait for its stores (they are narrower than the load).
func key6(addr netip.Addr) (hi, lo uint64) {
	b := addr.AsSlice()
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:16])
}

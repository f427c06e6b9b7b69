package fib

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// The levels of an IPv4 table: some bits of the address index an array, then each
// level takes strideBits. The address is thought to be 36 bits long, so that the
// last level is as wide as the others.
const (
	addrBits   = 32
	strideBits = 6
	padBits    = 36 - addrBits
	strideMask = 1<<strideBits - 1
)

// child marks a word as the place of a node; others are leaves: an id plus one,
// or 0 where no prefix covers.
const child = 1 << 31

// lpm4 is an IPv4 table.
type lpm4 struct {
	direct []uint32 // nil in an empty table, else 2^6, 2^12 or 2^18 words
	shift  uint8    // 32 less the bits that index direct
	nodes  []uint32
}

func (t *lpm4) lookup(a uint32) uint32 {
	i := a >> (t.shift & 31)
	if uint(i) >= uint(len(t.direct)) {
		return 0
	}
	w := t.direct[i]
	if w&child == 0 {
		return w
	}
	if w = t.step(w, a>>((t.shift-strideBits)&31)&strideMask); w&child == 0 {
		return w
	}
	return t.descend(w, a)
}

// lookupBatch goes through each of the first two levels for all addresses before it
// goes on with any.
func (t *lpm4) lookupBatch(addrs *[batch]netip.Addr, ids *[batch]uint32) {
	var keys, words [batch]uint32
	direct, shift := t.direct, t.shift&31
	for i := range addrs {
		a := key4(addrs[i])
		keys[i] = a
		if d := a >> shift; uint(d) < uint(len(direct)) {
			words[i] = direct[d]
		}
	}
	shift = (shift - strideBits) & 31
	for i, w := range words {
		if w&child != 0 {
			if w = t.step(w, keys[i]>>shift&strideMask); w&child != 0 {
				w = t.descend(w, keys[i])
			}
		}
		ids[i] = w - 1 // NoRoute for 0
	}
}

// descend follows the nodes from the second level on to a leaf.
func (t *lpm4) descend(w, addr uint32) uint32 {
	rest := uint64(addr) << padBits
	for shift := t.shift + padBits - 2*strideBits; w&child != 0; shift -= strideBits {
		w = t.step(w, uint32(rest>>(shift&63))&strideMask)
	}
	return w
}

// step returns the word that a node has for the next bits of an address.
func (t *lpm4) step(w, index uint32) uint32 {
	at := uint(w &^ child)
	starts := uint64(t.nodes[at]) | uint64(t.nodes[at+1])<<32
	return t.nodes[at+1+uint(bits.OnesCount64(starts<<((strideMask-index)&63)))]
}

// key4 returns an IPv4 address as a number.
func key4(addr netip.Addr) uint32 {
	b := addr.As4()
	return binary.BigEndian.Uint32(b[:])
}

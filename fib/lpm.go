package fib

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// The levels of an LPM: directBits of the address index an array, then each
// level takes strideBits. The address is thought to be levelBits long, so that
// the last level is as wide as the others.
const (
	addrBits   = 32
	directBits = 18
	strideBits = 6
	levelBits  = 36 // directBits + 3*strideBits
	padBits    = levelBits - addrBits

	directShift = addrBits - directBits
	firstShift  = directShift - strideBits
	strideMask  = 1<<strideBits - 1
)

// child marks a word as the place of a node; others are leaves: an id plus one,
// or 0 where no prefix covers.
const child = 1 << 31

// MaxID is the largest id that an entry of an LPM may have.
const MaxID = child - 2

// NoRoute stands in the results of [LPM.LookupBatch] for an address that no
// prefix covers.
const NoRoute = ^uint32(0)

// batch is the number of addresses whose cache misses LookupBatch overlaps.
const batch = 8

// LPM is a longest-prefix-match table of IPv4 prefixes, each with an id. It never
// changes, and its methods are safe for concurrent use and do not allocate.
//
// The first 18 bits of an address index an array. Its word is the answer, or the
// place of a node: 64 bits that tell at which of the next 6 bits' values a new
// run of equal words begins, and one word for each run. A lookup of an address
// whose prefix is no longer than 24 bits touches two places in memory. A table of
// n prefixes takes 1 MiB, and about 5 bytes a prefix of a full Internet table.
type LPM struct {
	direct *[1 << directBits]uint32
	nodes  []uint32
}

// Lookup returns the id of the longest prefix that covers an address; ok is false
// if there is none, which is so for every IPv6 address (a v4-mapped one included).
func (t *LPM) Lookup(addr netip.Addr) (id uint32, ok bool) {
	if !addr.Is4() {
		return 0, false
	}
	a := key(addr)
	w := t.direct[a>>directShift]
	if w&child != 0 {
		w = t.descend(w, a)
	}
	return w - 1, w != 0
}

// LookupBatch sets ids[i] to the id of the longest prefix that covers addrs[i], or
// to [NoRoute]. It panics if ids is shorter than addrs. It is faster than as many
// calls of Lookup, for the memory accesses of several addresses overlap.
func (t *LPM) LookupBatch(addrs []netip.Addr, ids []uint32) {
	ids = ids[:len(addrs)]
	for len(addrs) >= batch {
		t.lookup8((*[batch]netip.Addr)(addrs), (*[batch]uint32)(ids))
		addrs, ids = addrs[batch:], ids[batch:]
	}
	for i, addr := range addrs {
		ids[i] = NoRoute
		if id, ok := t.Lookup(addr); ok {
			ids[i] = id
		}
	}
}

// lookup8 goes through the direct level for all addresses before it goes on with
// any.
func (t *LPM) lookup8(addrs *[batch]netip.Addr, ids *[batch]uint32) {
	var keys, words [batch]uint32
	for i := range addrs {
		if addrs[i].Is4() {
			keys[i] = key(addrs[i])
			words[i] = t.direct[keys[i]>>directShift]
		}
	}
	for i, w := range words {
		if w&child != 0 {
			w = t.descend(w, keys[i])
		}
		ids[i] = w - 1 // NoRoute for 0
	}
}

// descend follows the nodes from a word of the direct level to a leaf.
func (t *LPM) descend(w, addr uint32) uint32 {
	w = t.step(w, addr>>firstShift&strideMask)
	if w&child == 0 {
		return w
	}
	rest := uint64(addr) << padBits
	for shift := firstShift + padBits - strideBits; w&child != 0; shift -= strideBits {
		w = t.step(w, uint32(rest>>shift)&strideMask)
	}
	return w
}

// step returns the word that a node has for the next bits of an address.
func (t *LPM) step(w, index uint32) uint32 {
	node := t.nodes[w&^child:]
	starts := uint64(node[0]) | uint64(node[1])<<32
	return node[1+bits.OnesCount64(starts<<(strideMask-index))]
}

// key returns an IPv4 address as a number.
func key(addr netip.Addr) uint32 {
	b := addr.As4()
	return binary.BigEndian.Uint32(b[:])
}

package fib

import (
	"math/bits"
	"net/netip"
	"sync/atomic"
)

// A table's words. Those without either mark are leaves: an id plus one, or 0 where
// no prefix covers.
const (
	child = 1 << 31 // the place of a node
	path  = 1 << 30 // the place of a path node
)

const (
	// strideBits is the number of bits of an address that a node takes.
	strideBits = 6

	// nodeHead is the number of words of a node before those of its runs.
	nodeHead = 2

	// pathBits is how many bits a path node saves at least: it costs a branch.
	pathBits    = 5 * strideBits
	pathWords   = 7
	pathOutside = 5
	pathInside  = 6
)

// table holds the prefixes of one family. The addresses of all but the prefix of
// length 0 have their first skip bits in common; the next bits index direct, whose
// last word is that of the addresses elsewhere. Behind these bits follow nodes of
// strideBits bits each: a bitmap that tells at which of their values a run of equal
// words begins, and a word for each run. Where a long way leads to one part of the
// addresses only, a path node compares all bits in between at once: the length of
// the prefix, its four words, the leaf of the addresses outside, and the word of
// those inside.
//
// Words may change while they are read; all else in a node never does. The first
// words of nodes are 0, so that a leaf can be followed too, and leads to nothing.
type table struct {
	direct []uint32
	nodes  []uint32
	common u128 // the shared bits
	mask   uint64
	skip   uint8 // how many bits are shared, at most maxSkip
	bits   uint8 // that index direct
	shift  uint8 // 64 less bits; modulo 32 it is 32 less bits too
}

// end is the number of bits before the first nodes.
func (t *table) end() uint { return uint(t.skip) + uint(t.bits) }

// longer6 follows the first word of an IPv6 address to a leaf. It makes four steps
// without a branch: what is not a node any more stays as it is.
func (t *table) longer6(w uint32, a u128) uint32 {
	nodes, end := t.nodes, t.end()
	rest := a.hi<<(end&63) | a.lo>>(-end&63)
	w = tryStep(nodes, w, uint(rest>>58))
	w = tryStep(nodes, w, uint(rest>>52))
	w = tryStep(nodes, w, uint(rest>>46))
	w = tryStep(nodes, w, uint(rest>>40))
	if w >= path {
		w = walk(nodes, w, a, end+4*strideBits)
	}
	return w
}

// first returns the word that direct has for an address.
func (t *table) first(hi uint64) uint32 {
	i := hi << (t.skip & 63) >> (t.shift & 63)
	if hi&t.mask != t.common.hi {
		i = uint64(len(t.direct)) - 1
	}
	if i >= uint64(len(t.direct)) {
		return 0
	}
	return atomic.LoadUint32(&t.direct[i])
}

// tryStep returns the word that a node has for the next bits of an address, or a word
// that is not of a node as it is.
func tryStep(nodes []uint32, w uint32, index uint) uint32 {
	is := uint32(int32(w) >> 31) // all bits for a node, else none
	return w ^ (step(nodes, w&is, index)^w)&is
}

// step returns the word that a node has for the next bits of an address: the last
// bits of index.
func step(nodes []uint32, w uint32, index uint) uint32 {
	return atomic.LoadUint32(&nodes[wordAt(nodes, w, index)])
}

// wordAt returns the place of the word that a node has for the next bits of an
// address.
func wordAt(nodes []uint32, w uint32, index uint) uint {
	at := uint(w &^ child)
	high := nodes[at+1] // the greater index first: then the other needs no check
	starts := uint64(nodes[at]) | uint64(high)<<32
	return at + 1 + uint(bits.OnesCount64(starts<<(^index&63)))
}

// walk follows the nodes to a leaf. A node that is not a path node stands behind pos
// bits of the address.
func walk(nodes []uint32, w uint32, a u128, pos uint) uint32 {
	for w >= path {
		if w < child {
			w, pos = along(nodes[w&^path:], a)
			continue
		}
		w = step(nodes, w, a.stride(pos))
		pos += strideBits
	}
	return w
}

// along compares an address with a path node and returns the next word and how many
// bits stand before it.
func along(node []uint32, a u128) (uint32, uint) {
	n, prefix := pathPrefix(node)
	if a.masked(n) == prefix {
		return atomic.LoadUint32(&node[pathInside]), n
	}
	return atomic.LoadUint32(&node[pathOutside]), n
}

func pathPrefix(node []uint32) (length uint, prefix u128) {
	node = node[:pathWords]
	return uint(node[0]), u128{
		uint64(node[1]) | uint64(node[2])<<32,
		uint64(node[3]) | uint64(node[4])<<32,
	}
}

// longer4 follows the second word of an IPv4 address to a leaf.
func (t *table) longer4(w, a uint32) uint32 {
	return walk(t.nodes, w, u128{hi: uint64(a) << 32}, t.end()+strideBits)
}

// batch is the number of addresses whose cache misses LookupBatch overlaps.
const batch = 32

// lookupBatch4 loads a word of direct for all addresses, then the bitmaps of their
// nodes, then the words of these, so that the processor waits for many at once. The
// table is not empty. It reports whether all addresses are IPv4; if not, there is no
// result.
func (t *table) lookupBatch4(addrs *[batch]netip.Addr, ids *[batch]uint32) bool {
	var keys, words, at [batch]uint32
	direct, nodes, shift := t.direct, t.nodes, t.shift
	for i := range addrs {
		if !addrs[i].Is4() {
			return false
		}
		a := key4(addrs[i])
		keys[i], words[i] = a, atomic.LoadUint32(&direct[a>>(shift&31)])
	}
	shift -= strideBits
	for i, w := range &words {
		is := uint32(int32(w) >> 31)
		at[i] = uint32(wordAt(nodes, w&is, uint(keys[i]>>(shift&31))))
	}
	for i, w := range &words {
		is := uint32(int32(w) >> 31)
		w ^= (atomic.LoadUint32(&nodes[at[i]]) ^ w) & is
		if w >= path {
			w = t.longer4(w, keys[i])
		}
		ids[i] = w - 1 // NoRoute for 0
	}
	return true
}

// lookupBatch6 takes one step of every address whose word is that of a node, until
// none is or the first 64 bits behind direct are used up. It reports whether all
// addresses are IPv6; if not, there is no result.
func (t *table) lookupBatch6(addrs *[batch]netip.Addr, ids *[batch]uint32) bool {
	var rests [batch]uint64 // the bits of each address that nodes take
	var words, at [batch]uint32
	var open [batch]uint8 // the addresses with a node
	n := 0
	end := t.end()
	for i := range addrs {
		if !addrs[i].Is6() {
			return false
		}
		a := key6(addrs[i])
		w := t.first(a.hi)
		rests[i] = a.hi<<(end&63) | a.lo>>(-end&63)
		words[i] = w
		open[n%batch] = uint8(i)
		n += int(w >> 31)
	}
	nodes := t.nodes
	pos := end
	for shift := uint(64 - strideBits); n > 0 && shift >= strideBits; shift -= strideBits {
		for _, i := range open[:n] {
			i %= batch
			at[i] = uint32(wordAt(nodes, words[i], uint(rests[i]>>(shift&63))))
		}
		left := 0
		for _, i := range open[:n] {
			i %= batch
			w := atomic.LoadUint32(&nodes[at[i]])
			words[i] = w
			open[left%batch] = i
			left += int(w >> 31)
		}
		n = left
		pos += strideBits
	}
	for i, w := range &words {
		if w >= path {
			w = walk(nodes, w, key6(addrs[i]), pos)
		}
		ids[i] = w - 1 // NoRoute for 0
	}
	return true
}

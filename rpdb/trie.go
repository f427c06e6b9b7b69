package rpdb

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// trie maps prefixes of one family to values, and finds the longest that covers an
// address. It never changes: with and without return another one, which shares what
// is equal, and cost a node for every 6 bits of the prefix that others share. The
// zero trie is empty.
type trie[V any] struct {
	root *trieNode[V]
	zero *V // of the prefix of length 0
	size int
}

// trieStride is the number of bits that a node looks at. It has the prefixes that end
// within them, and a child for each value of them below which there are others.
const trieStride = 6

// trieNode is a node. The bits of vals stand for the prefixes that end in it: those
// of length 1 first, then by their bits.
type trieNode[V any] struct {
	vals [2]uint64
	kids uint64
	val  []V
	kid  []*trieNode[V]
	leaf *trieLeaf[V] // the only prefix below the node above; then the node is nothing else
}

type trieLeaf[V any] struct {
	prefix triePrefix
	val    V
}

// triePrefix is a prefix as numbers: the address from the top bit on, and the length.
type triePrefix struct {
	hi, lo uint64
	bits   int
}

func prefixWords(p netip.Prefix) triePrefix {
	hi, lo := addrWords(p.Masked().Addr())
	return triePrefix{hi, lo, p.Bits()}
}

// addrWords is an address as numbers, an IPv4 one in the upper half of the first.
func addrWords(a netip.Addr) (hi, lo uint64) {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:])) << 32, 0
	}
	b := a.AsSlice()
	if len(b) < 16 {
		return 0, 0
	}
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
}

// chunk returns the bits that a node at a depth looks at.
func chunk(hi, lo uint64, depth int) uint {
	const most = 64 - trieStride
	switch {
	case depth <= most:
		return uint(hi>>(most-depth)) & 63
	case depth < 64:
		return uint(hi<<(depth-most)|lo>>(64+most-depth)) & 63
	}
	return uint(lo<<(depth-64)>>most) & 63
}

// covers reports whether a prefix covers an address.
func (p *triePrefix) covers(hi, lo uint64) bool {
	if p.bits <= 64 {
		return (hi^p.hi)>>(64-p.bits) == 0
	}
	return hi == p.hi && (lo^p.lo)>>(128-p.bits) == 0
}

// valBit is the place of a prefix that ends in a node, n bits behind its start.
func valBit(chunk uint, n int) uint { return 1<<n - 2 + chunk>>(trieStride-n) }

// ancestors has for each chunk the prefixes of a node that cover it, and shorter the
// prefixes up to each length.
var ancestors, shorter = func() (a [64][2]uint64, s [trieStride + 1][2]uint64) {
	for c := range uint(64) {
		for n := 1; n <= trieStride; n++ {
			a[c][valBit(c, n)>>6] |= 1 << (valBit(c, n) & 63)
			for m := n; m <= trieStride; m++ {
				s[m][valBit(c, n)>>6] |= 1 << (valBit(c, n) & 63)
			}
		}
	}
	return a, s
}()

// rank is the number of bits set before a place.
func rank(b *[2]uint64, at uint) int {
	if at < 64 {
		return bits.OnesCount64(b[0] & (1<<at - 1))
	}
	return bits.OnesCount64(b[0]) + bits.OnesCount64(b[1]&(1<<(at-64)-1))
}

// longest finds the longest prefix of at most limit bits that covers an address.
func (t *trie[V]) longest(addr netip.Addr, limit int) (plen int, v V, ok bool) {
	hi, lo := addrWords(addr)
	var best *V
	if t.zero != nil && limit >= 0 {
		best = t.zero
	}
	n := t.root
	for depth := 0; n != nil && depth < limit; depth += trieStride {
		c := chunk(hi, lo, depth)
		a, s := &ancestors[c], &shorter[min(limit-depth, trieStride)]
		first, second := n.vals[0]&a[0]&s[0], n.vals[1]&a[1]&s[1]
		if first|second != 0 {
			at := uint(bits.Len64(first)) - 1
			if second != 0 {
				at = uint(bits.Len64(second)) + 63
			}
			best, plen = &n.val[rank(&n.vals, at)], depth+bits.Len(at+2)-1
		}
		if n.kids>>c&1 == 0 {
			break
		}
		n = n.kid[bits.OnesCount64(n.kids&(1<<c-1))]
		if l := n.leaf; l != nil {
			if l.prefix.bits <= limit && l.prefix.covers(hi, lo) {
				best, plen = &l.val, l.prefix.bits
			}
			break
		}
	}
	if best == nil {
		return 0, v, false
	}
	return plen, *best, true
}

// get returns the value of a prefix.
func (t *trie[V]) get(p netip.Prefix) (v V, ok bool) {
	plen, v, ok := t.longest(p.Addr(), p.Bits())
	if !ok || plen != p.Bits() {
		var none V
		return none, false
	}
	return v, true
}

// with returns a trie that has a value for a prefix.
func (t *trie[V]) with(p netip.Prefix, v V) *trie[V] {
	out := *t
	out.put(p, v, false)
	return &out
}

// set is with for a trie that nobody else has seen.
func (t *trie[V]) set(p netip.Prefix, v V) { t.put(p, v, true) }

func (t *trie[V]) put(p netip.Prefix, v V, mine bool) {
	if p.Bits() == 0 {
		if t.zero == nil {
			t.size++
		}
		t.zero = &v
		return
	}
	var added bool
	t.root, added = t.root.put(&trieLeaf[V]{prefixWords(p), v}, 0, mine)
	if added {
		t.size++
	}
}

// put returns the node with a prefix, itself if it is mine.
func (n *trieNode[V]) put(l *trieLeaf[V], depth int, mine bool) (out *trieNode[V], added bool) {
	out = n.own(mine)
	c := chunk(l.prefix.hi, l.prefix.lo, depth)
	if rest := l.prefix.bits - depth; rest <= trieStride {
		at := valBit(c, rest)
		i := rank(&out.vals, at)
		if out.vals[at>>6]>>(at&63)&1 != 0 {
			out.val[i] = l.val
			return out, false
		}
		out.vals[at>>6] |= 1 << (at & 63)
		out.val = slices.Insert(out.val, i, l.val)
		return out, true
	}
	i := bits.OnesCount64(out.kids & (1<<c - 1))
	if out.kids>>c&1 == 0 {
		out.kids |= 1 << c
		out.kid = slices.Insert(out.kid, i, &trieNode[V]{leaf: l})
		return out, true
	}
	switch k := out.kid[i]; {
	case k.leaf == nil:
		out.kid[i], added = k.put(l, depth+trieStride, mine)
	case k.leaf.prefix == l.prefix:
		out.kid[i] = &trieNode[V]{leaf: l}
	default:
		node, _ := (*trieNode[V])(nil).put(k.leaf, depth+trieStride, true)
		out.kid[i], added = node.put(l, depth+trieStride, true)
	}
	return out, added
}

// own returns a node that may be changed.
func (n *trieNode[V]) own(mine bool) *trieNode[V] {
	if n == nil {
		return new(trieNode[V])
	}
	if mine {
		return n
	}
	out := *n
	// With room for one more.
	out.val = append(make([]V, 0, len(n.val)+1), n.val...)
	out.kid = append(make([]*trieNode[V], 0, len(n.kid)+1), n.kid...)
	return &out
}

// without returns a trie that lacks a prefix.
func (t *trie[V]) without(p netip.Prefix) *trie[V] {
	out := *t
	if _, ok := t.get(p); !ok {
		return &out
	}
	out.size--
	if p.Bits() == 0 {
		out.zero = nil
	} else {
		out.root = t.root.without(prefixWords(p), 0)
	}
	return &out
}

// without returns the node without a prefix that is there, nil for an empty one.
func (n *trieNode[V]) without(p triePrefix, depth int) *trieNode[V] {
	out := n.own(false)
	c := chunk(p.hi, p.lo, depth)
	if rest := p.bits - depth; rest <= trieStride {
		at := valBit(c, rest)
		i := rank(&out.vals, at)
		out.vals[at>>6] &^= 1 << (at & 63)
		out.val = slices.Delete(out.val, i, i+1)
	} else {
		i := bits.OnesCount64(out.kids & (1<<c - 1))
		var left *trieNode[V]
		if out.kid[i].leaf == nil {
			left = out.kid[i].without(p, depth+trieStride)
		}
		if out.kid[i] = left; left == nil {
			out.kids &^= 1 << c
			out.kid = slices.Delete(out.kid, i, i+1)
		}
	}
	if len(out.val) == 0 && len(out.kid) == 0 {
		return nil
	}
	return out
}

// all calls visit with every value.
func (t *trie[V]) all(visit func(V)) {
	if t.zero != nil {
		visit(*t.zero)
	}
	t.root.all(visit)
}

func (n *trieNode[V]) all(visit func(V)) {
	if n == nil {
		return
	}
	for _, v := range n.val {
		visit(v)
	}
	for _, k := range n.kid {
		if k.leaf != nil {
			visit(k.leaf.val)
		} else {
			k.all(visit)
		}
	}
}

// near calls visit with the value of every prefix within p, and perhaps of others
// that are not far from it.
func (t *trie[V]) near(p netip.Prefix, visit func(V)) {
	if t.zero != nil {
		visit(*t.zero)
	}
	t.root.near(prefixWords(p), 0, visit)
}

func (n *trieNode[V]) near(p triePrefix, depth int, visit func(V)) {
	if n == nil {
		return
	}
	for _, v := range n.val {
		visit(v)
	}
	// The chunks of the children that can be within.
	first, last := uint(0), uint(63)
	if rest := p.bits - depth; rest > 0 {
		first = chunk(p.hi, p.lo, depth)
		last = first | 63>>min(rest, trieStride)
	}
	at := bits.OnesCount64(n.kids & (1<<first - 1))
	for c := first; c <= last; c++ {
		if n.kids>>c&1 == 0 {
			continue
		}
		if k := n.kid[at]; k.leaf != nil {
			visit(k.leaf.val)
		} else {
			k.near(p, depth+trieStride, visit)
		}
		at++
	}
}

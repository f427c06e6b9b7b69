package rpdb

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// trieNodes are the nodes that some tries share. A change stores one pointer, to a value
// or to a new node, so that a search sees it or does not; the writer's lock keeps changes
// apart.
type trieNodes[V any] struct {
	writer sync.Mutex
	root   atomic.Pointer[trieNode[V]]
	zero   atomic.Pointer[V] // of the prefix of length 0
	owner  uint32            // of the nodes that may be changed; the others are copied
}

// trieOwners numbers the owners of nodes.
var trieOwners atomic.Uint32

func newTrieOwner() uint32 { return trieOwners.Add(1) }

// trieStride is the number of bits that a node looks at. It has the prefixes that end
// within them, and a child for each value of them below which there are others.
const trieStride = 6

// trieNode is a node, or a leaf. The bits of vals stand for the prefixes that end in
// it: those of length 1 first, then by their bits. Once a node can be seen, only what the
// pointers in val and kid are changes; in val, nil is a prefix that was removed. At least
// one is not.
type trieNode[V any] struct {
	vals  [2]uint64
	kids  uint64
	val   []atomic.Pointer[V]
	kid   []atomic.Pointer[trieNode[V]]
	one   atomic.Pointer[V] // the value of a leaf
	bits  uint8             // the length of a leaf's prefix; vals has its address
	leaf  bool              // it has one prefix, the only below the node above, and nothing else
	owner uint32
}

func (t *trieNodes[V]) newLeaf(p triePrefix, v *V) *trieNode[V] {
	n := &trieNode[V]{vals: [2]uint64{p.hi, p.lo}, bits: uint8(p.bits), leaf: true, owner: t.owner}
	n.one.Store(v)
	return n
}

// prefix is that of a leaf.
func (n *trieNode[V]) prefix() triePrefix { return triePrefix{n.vals[0], n.vals[1], int(n.bits)} }

// longest finds the longest prefix of at most limit bits that covers an address.
func (t *trieNodes[V]) longest(hi, lo uint64, limit int) (plen int, v *V) {
	if limit >= 0 {
		v = t.zero.Load()
	}
	n := t.root.Load()
	for depth := 0; n != nil && depth < limit; depth += trieStride {
		c := chunk(hi, lo, depth)
		a, s := &ancestors[c], &shorter[min(limit-depth, trieStride)]
		first, second := n.vals[0]&a[0]&s[0], n.vals[1]&a[1]&s[1]
		for first|second != 0 {
			at := uint(bits.Len64(first)) - 1
			if second != 0 {
				at = uint(bits.Len64(second)) + 63
			}
			if here := n.val[rank(&n.vals, at)].Load(); here != nil {
				v, plen = here, depth+bits.Len(at+2)-1
				break
			}
			if second != 0 {
				second &^= 1 << (at & 63)
			} else {
				first &^= 1 << at
			}
		}
		if n.kids>>c&1 == 0 {
			break
		}
		n = n.kid[bits.OnesCount64(n.kids&(1<<c-1))].Load()
		if n.leaf {
			if p := n.prefix(); p.bits <= limit && p.covers(hi, lo) {
				v, plen = n.one.Load(), p.bits
			}
			break
		}
	}
	return plen, v
}

// get returns the value of a prefix, nil if there is none.
func (t *trieNodes[V]) get(p triePrefix) *V {
	if plen, v := t.longest(p.hi, p.lo, p.bits); v != nil && plen == p.bits {
		return v
	}
	return nil
}

// change sets the value of a prefix, nil for none. had tells whether it had one.
func (t *trieNodes[V]) change(p triePrefix, v *V, had bool) {
	switch {
	case v != nil:
		t.put(p, v, false)
	case !had:
	case p.bits == 0:
		t.zero.Store(nil)
	case t.remove(&t.root, p, 0):
		t.root.Store(nil)
	}
}

// put sets the value of a prefix, and reports whether it had none. unseen tells that
// nobody else has seen the nodes.
func (t *trieNodes[V]) put(p triePrefix, v *V, unseen bool) (added bool) {
	if p.bits == 0 {
		return t.zero.Swap(v) == nil
	}
	return t.putBelow(&t.root, p, v, 0, unseen)
}

func (t *trieNodes[V]) putBelow(at *atomic.Pointer[trieNode[V]], p triePrefix, v *V, depth int, unseen bool) (added bool) {
	c := chunk(p.hi, p.lo, depth)
	if p.bits-depth <= trieStride {
		return t.putHere(at, valBit(c, p.bits-depth), v, unseen)
	}
	old := at.Load()
	n := old
	has := n != nil && n.kids>>c&1 != 0
	if n == nil || n.owner != t.owner || !has && !unseen {
		n = t.copyOf(n)
	}
	if !has {
		n.addKid(c, t.newLeaf(p, v))
	}
	if n != old {
		at.Store(n)
	}
	if !has {
		return true
	}
	kid := n.kidAt(c)
	switch k := kid.Load(); {
	case !k.leaf:
		return t.putBelow(kid, p, v, depth+trieStride, unseen)
	case k.prefix() != p:
		var both atomic.Pointer[trieNode[V]]
		t.putBelow(&both, k.prefix(), k.one.Load(), depth+trieStride, true)
		t.putBelow(&both, p, v, depth+trieStride, true)
		kid.Store(both.Load())
		return true
	case k.owner == t.owner:
		k.one.Store(v)
	default:
		kid.Store(t.newLeaf(p, v))
	}
	return false
}

// putHere is put for a prefix that ends in a node, at a place of vals.
func (t *trieNodes[V]) putHere(at *atomic.Pointer[trieNode[V]], place uint, v *V, unseen bool) (added bool) {
	old := at.Load()
	n := old
	if n == nil || n.owner != t.owner || !n.hasVal(place) && !unseen {
		n = t.copyOf(n)
	}
	if !n.hasVal(place) {
		n.addVal(place)
	}
	added = n.valAt(place).Swap(v) == nil
	if n != old {
		at.Store(n)
	}
	return added
}

func (n *trieNode[V]) hasVal(place uint) bool { return n.vals[place>>6]>>(place&63)&1 != 0 }

func (n *trieNode[V]) valAt(place uint) *atomic.Pointer[V] { return &n.val[rank(&n.vals, place)] }

func (n *trieNode[V]) kidAt(c uint) *atomic.Pointer[trieNode[V]] {
	return &n.kid[bits.OnesCount64(n.kids&(1<<c-1))]
}

// copyOf returns a copy of a node, which nobody else has seen, without prefixes that
// were removed. That of nil is empty.
func (t *trieNodes[V]) copyOf(n *trieNode[V]) *trieNode[V] {
	out := &trieNode[V]{owner: t.owner}
	if n == nil {
		return out
	}
	out.kids = n.kids
	out.val = make([]atomic.Pointer[V], 0, len(n.val)+1) // with room for one more
	out.kid = make([]atomic.Pointer[trieNode[V]], len(n.kid), len(n.kid)+1)
	i := 0
	for w, set := range n.vals {
		for ; set != 0; set &= set - 1 {
			if v := n.val[i].Load(); v != nil {
				out.vals[w] |= set & -set
				out.val = out.val[:len(out.val)+1]
				out.val[len(out.val)-1].Store(v)
			}
			i++
		}
	}
	for i := range n.kid {
		out.kid[i].Store(n.kid[i].Load())
	}
	return out
}

// addVal makes room for the value of a place that has none.
func (n *trieNode[V]) addVal(place uint) {
	i := rank(&n.vals, place)
	n.vals[place>>6] |= 1 << (place & 63)
	n.val = insertPointer(n.val, i)
}

// addKid adds a child.
func (n *trieNode[V]) addKid(c uint, kid *trieNode[V]) {
	i := bits.OnesCount64(n.kids & (1<<c - 1))
	n.kids |= 1 << c
	n.kid = insertPointer(n.kid, i)
	n.kid[i].Store(kid)
}

// insertPointer puts a nil pointer to the i-th place of a list that nobody else has seen.
func insertPointer[T any](list []atomic.Pointer[T], i int) []atomic.Pointer[T] {
	old := list
	if len(old) == cap(old) {
		list = make([]atomic.Pointer[T], len(old)+1, 2*len(old)+1)
		for j := range old[:i] {
			list[j].Store(old[j].Load())
		}
	} else {
		list = old[:len(old)+1]
	}
	for j := len(old); j > i; j-- {
		list[j].Store(old[j-1].Load())
	}
	list[i].Store(nil)
	return list
}

// remove removes a prefix, which is there, from what a pointer leads to. It reports
// whether nothing is left; then all is as it was.
func (t *trieNodes[V]) remove(at *atomic.Pointer[trieNode[V]], p triePrefix, depth int) (empty bool) {
	n := at.Load()
	c := chunk(p.hi, p.lo, depth)
	if rest := p.bits - depth; rest <= trieStride {
		place := valBit(c, rest)
		if len(n.kid) == 0 && !n.hasOther(rank(&n.vals, place)) {
			return true
		}
		if n.owner != t.owner {
			n = t.copyOf(n)
			n.valAt(place).Store(nil)
			at.Store(n)
		} else {
			n.valAt(place).Store(nil)
		}
		return false
	}
	if !n.kidAt(c).Load().leaf {
		if n.owner != t.owner {
			n = t.copyOf(n)
			at.Store(n)
		}
		if !t.remove(n.kidAt(c), p, depth+trieStride) {
			return false
		}
	}
	if len(n.kid) == 1 && !n.hasOther(-1) {
		return true
	}
	n = t.copyOf(n)
	i := bits.OnesCount64(n.kids & (1<<c - 1))
	n.kids &^= 1 << c
	for ; i+1 < len(n.kid); i++ {
		n.kid[i].Store(n.kid[i+1].Load())
	}
	n.kid[i].Store(nil)
	n.kid = n.kid[:i]
	at.Store(n)
	return false
}

// hasOther reports whether a node has a value but for the i-th.
func (n *trieNode[V]) hasOther(i int) bool {
	for j := range n.val {
		if j != i && n.val[j].Load() != nil {
			return true
		}
	}
	return false
}

// near calls visit with every prefix within p and its value, and perhaps with others
// that are not far from it.
func (t *trieNodes[V]) near(p triePrefix, visit func(triePrefix, *V)) {
	if v := t.zero.Load(); v != nil {
		visit(triePrefix{}, v)
	}
	if n := t.root.Load(); n != nil {
		n.near(p, 0, 0, 0, visit)
	}
}

// near is trieNodes.near for a node behind the first depth bits of hi and lo.
func (n *trieNode[V]) near(p triePrefix, hi, lo uint64, depth int, visit func(triePrefix, *V)) {
	i := 0
	for w, set := range n.vals {
		for ; set != 0; set &= set - 1 {
			if v := n.val[i].Load(); v != nil {
				visit(valPrefix(hi, lo, depth, uint(64*w+bits.TrailingZeros64(set))), v)
			}
			i++
		}
	}
	// The chunks of the children that can be within.
	first, last := uint(0), uint(63)
	if rest := p.bits - depth; rest > 0 {
		first = chunk(p.hi, p.lo, depth)
		last = first | 63>>min(rest, trieStride)
	}
	for c := first; c <= last; c++ {
		if n.kids>>c&1 == 0 {
			continue
		}
		if k := n.kidAt(c).Load(); k.leaf {
			visit(k.prefix(), k.one.Load())
		} else {
			h, l := withChunk(hi, lo, c, depth)
			k.near(p, h, l, depth+trieStride, visit)
		}
	}
}

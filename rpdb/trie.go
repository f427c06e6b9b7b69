package rpdb

import (
	"maps"
	"net/netip"
	"sync/atomic"
)

// trie maps prefixes of one family to values, and finds the longest that covers an
// address. It never changes: with and without return another one. All methods are safe
// for concurrent use, and lookups take no lock. newTrie makes an empty one.
//
// A trie and those that came of it, one after the other, share their nodes, which are
// those of the newest (Baker's arrays): most changes store one pointer. An older trie
// knows the next, which knows what the change took away. So a lookup in the newest is a
// search of the nodes, and in another also a look at what changed since. Now and then
// the next trie gets nodes of its own, copied where changes come to them, so that a
// former one holds on to some changes only.
type trie[V any] struct {
	nodes *trieNodes[V]
	size  int
	steps int                     // how many came before it with the same nodes
	next  atomic.Pointer[trie[V]] // nil: it is the newest
	index atomic.Pointer[trieIndex[V]]

	// What the one before had for the prefix that changed, nil for nothing.
	prefix triePrefix
	old    *V
}

// maxSteps is the number of changes that a trie of a size may know of.
func maxSteps(size int) int { return 1024 + size/4 }

func newTrie[V any]() *trie[V] { return &trie[V]{nodes: &trieNodes[V]{owner: newTrieOwner()}} }

// longest finds the longest prefix of at most limit bits that covers an address. The
// value is nil if there is none.
func (t *trie[V]) longest(addr netip.Addr, limit int) (plen int, v *V) {
	hi, lo := addrWords(addr)
	plen, v = t.nodes.longest(hi, lo, limit)
	if t.next.Load() == nil { // still: so the nodes were those of this trie
		return plen, v
	}
	return t.former(hi, lo, limit)
}

// former is longest for a trie that is not the newest. Of a prefix that changed since,
// what the first change took away counts; of others, what the nodes have.
func (t *trie[V]) former(hi, lo uint64, limit int) (plen int, v *V) {
	var changed [129]bool // by length
	var best *trie[V]     // took away the longest
	note := func(s *trie[V]) bool {
		n := s.prefix.bits
		if n > limit || changed[n] || !s.prefix.covers(hi, lo) {
			return false
		}
		changed[n] = true
		if s.old != nil && (best == nil || n > best.prefix.bits) {
			best = s
		}
		return true
	}
	last := t.indexed(hi, lo, note)
	for from, walked := limit, 0; ; {
		plen, v = t.nodes.longest(hi, lo, from)
		more := false
		for s := last.next.Load(); s != nil; s = last.next.Load() {
			last = s
			more = note(s) || more
			walked++
		}
		switch {
		case more: // the nodes may have been read before the change or after it
			from = limit
			continue
		case best != nil && (v == nil || best.prefix.bits >= plen):
			plen, v = best.prefix.bits, best.old
		case v != nil && changed[plen]:
			from = plen - 1
			continue
		}
		t.indexUpTo(last, walked)
		return plen, v
	}
}

// trieIndex has the first change of each prefix after a trie, up to another.
type trieIndex[V any] struct {
	first   map[triePrefix]*trie[V]
	lengths [129]bool
	last    *trie[V]
}

// indexed calls note with the changes in the index that concern an address, and returns
// the last that is in it.
func (t *trie[V]) indexed(hi, lo uint64, note func(*trie[V]) bool) (last *trie[V]) {
	x := t.index.Load()
	if x == nil {
		return t
	}
	for n, any := range x.lengths {
		if any {
			if s := x.first[prefixOf(hi, lo, n)]; s != nil {
				note(s)
			}
		}
	}
	return x.last
}

// indexUpTo makes a longer index if many changes were looked at one by one.
func (t *trie[V]) indexUpTo(last *trie[V], walked int) {
	x := trieIndex[V]{last: t}
	old := t.index.Load()
	if old != nil {
		x = *old
	}
	if walked < 256+len(x.first)/32 {
		return
	}
	x.first = maps.Clone(x.first)
	if x.first == nil {
		x.first = map[triePrefix]*trie[V]{}
	}
	for s := x.last; s != last; {
		s = s.next.Load()
		if x.first[s.prefix] == nil {
			x.first[s.prefix], x.lengths[s.prefix.bits] = s, true
		}
	}
	x.last = last
	t.index.CompareAndSwap(old, &x)
}

// get returns the value of a prefix, nil if there is none.
func (t *trie[V]) get(p netip.Prefix) *V {
	if plen, v := t.longest(p.Addr(), p.Bits()); v != nil && plen == p.Bits() {
		return v
	}
	return nil
}

// with returns a trie that has a value for a prefix.
func (t *trie[V]) with(p netip.Prefix, v *V) *trie[V] { return t.change(prefixWords(p), v) }

// without returns a trie that lacks a prefix.
func (t *trie[V]) without(p netip.Prefix) *trie[V] { return t.change(prefixWords(p), nil) }

// set is with for a trie that nobody else has seen, and changes it.
func (t *trie[V]) set(p netip.Prefix, v *V) {
	if t.nodes.put(prefixWords(p), v, true) {
		t.size++
	}
}

// change returns a trie with another value for a prefix, nil for none.
func (t *trie[V]) change(p triePrefix, v *V) *trie[V] {
	c := t.nodes
	c.writer.Lock()
	if t.next.Load() != nil || t.steps >= maxSteps(t.size) {
		c.writer.Unlock()
		return t.apart().change(p, v)
	}
	defer c.writer.Unlock()
	out := &trie[V]{nodes: c, size: t.size, steps: t.steps + 1, prefix: p, old: c.get(p)}
	if out.old != nil {
		out.size--
	}
	if v != nil {
		out.size++
	}
	t.next.Store(out) // first: whoever sees the change in the nodes must know of it
	c.change(p, v, out.old != nil)
	return out
}

// apart returns a trie that is equal, with nodes of its own. They are shared until
// changes come to them.
func (t *trie[V]) apart() *trie[V] {
	c := t.nodes
	c.writer.Lock()
	defer c.writer.Unlock()
	out := newTrie[V]()
	out.size = t.size
	out.nodes.root.Store(c.root.Load())
	out.nodes.zero.Store(c.zero.Load())
	c.owner = newTrieOwner()
	t.eachChange(func(s *trie[V]) { out.nodes.change(s.prefix, s.old, out.nodes.get(s.prefix) != nil) })
	return out
}

// eachChange calls visit with the first change of each prefix since t, and returns the
// prefixes.
func (t *trie[V]) eachChange(visit func(*trie[V])) (changed map[triePrefix]bool) {
	for s := t.next.Load(); s != nil; s = s.next.Load() {
		if changed[s.prefix] {
			continue
		}
		if changed == nil {
			changed = map[triePrefix]bool{}
		}
		changed[s.prefix] = true
		visit(s)
	}
	return changed
}

// all calls visit with every value, in any order. Changes wait for it; so visit must
// make none to a trie with the same nodes.
func (t *trie[V]) all(visit func(*V)) { t.near(netip.Prefix{}, visit) }

// near is all for the values of the prefixes within p, and perhaps of others.
func (t *trie[V]) near(p netip.Prefix, visit func(*V)) {
	c := t.nodes
	c.writer.Lock()
	defer c.writer.Unlock()
	changed := t.eachChange(func(s *trie[V]) {
		if s.old != nil {
			visit(s.old)
		}
	})
	within := triePrefix{}
	if p.IsValid() {
		within = prefixWords(p)
	}
	c.near(within, func(q triePrefix, v *V) {
		if !changed[q] {
			visit(v)
		}
	})
}

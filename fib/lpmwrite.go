package fib

import (
	"math/bits"
	"sync/atomic"
)

// liveTable is a table that changes while it is read, and what its one writer knows
// of it. A change stores words, each at once, so that every address has either its
// old leaf or its new one. Where a node needs a run more, a new node is written to
// the room behind the others, and a word is stored that leads to it. What no word
// leads to any more stays until the table is compacted.
type liveTable struct {
	table
	owners  []uint8 // the owners of the leaves in nodes
	direct0 []uint8 // and in direct
	used    int     // words of nodes
	garbage int     // words of nodes that nothing leads to
	move    compaction
}

// change gives the addresses of a prefix an answer, but for those that longer
// prefixes own.
type change struct {
	addr   u128
	length uint
	answer
}

// fits reports whether a change is one of the addresses that direct is for.
func (t *table) fits(c *change) bool {
	return len(t.direct) > 0 && (c.length == 0 || c.length >= uint(t.skip) && c.addr.hi&t.mask == t.common.hi)
}

// slots returns which words of direct are for the addresses of a prefix.
func (t *table) slots(addr u128, length uint) (from, to int) {
	if length == 0 {
		return 0, len(t.direct)
	}
	from = int(addr.hi << t.skip >> t.shift)
	if end := t.end(); length < end {
		return from, from + 1<<(end-length)
	}
	return from, from + 1
}

// set makes a change in the first words of direct. There must be room for
// maxGrowth more words of nodes.
func (t *liveTable) set(c *change, words int) {
	from, to := t.slots(c.addr, c.length)
	for i := from; i < min(to, words); i++ {
		r := cell{&t.direct[i], &t.direct0[i]}
		if c.length <= t.end() {
			t.fill(r, c)
		} else {
			t.descend(r, t.end(), c)
		}
	}
}

// maxGrowth is more than the words that one change can take: a node of each
// length on the way, a full one at its end, and a path node.
const maxGrowth = 256

// cell is a word that can be stored, and its owner.
type cell struct {
	word  *uint32
	owner *uint8
}

func (t *liveTable) at(place int) cell { return cell{&t.nodes[place], &t.owners[place]} }

func (r cell) answer() answer { return answer{*r.word, *r.owner} }

func (r cell) set(a answer) {
	atomic.StoreUint32(r.word, a.leaf)
	*r.owner = a.owner
}

// takes reports whether a change gives a leaf another answer.
func (c *change) takes(a answer) bool { return uint(a.owner) <= c.length && a != c.answer }

// fill makes a change in all that a word leads to.
func (t *liveTable) fill(r cell, c *change) {
	switch a := r.answer(); {
	case a.leaf >= child:
		at := int(a.leaf &^ child)
		for i := range bits.OnesCount64(t.starts(at)) {
			t.fill(t.at(at+nodeHead+i), c)
		}
	case a.leaf >= path:
		at := int(a.leaf &^ path)
		t.fill(t.at(at+pathOutside), c)
		t.fill(t.at(at+pathInside), c)
	case c.takes(a):
		r.set(c.answer)
	}
}

func (t *liveTable) starts(node int) uint64 {
	return uint64(t.nodes[node]) | uint64(t.nodes[node+1])<<32
}

// descend makes a change to a part of the addresses that share the first pos bits of
// the change, which a word leads to.
func (t *liveTable) descend(r cell, pos uint, c *change) {
	switch a := r.answer(); {
	case a.leaf >= child:
		t.descendNode(r, pos, c)
	case a.leaf >= path:
		t.descendPath(r, pos, c)
	case c.takes(a):
		r.set(t.chain(pos, c, a))
	}
}

func (t *liveTable) descendPath(r cell, pos uint, c *change) {
	at := int(*r.word &^ path)
	length, prefix := pathPrefix(t.nodes[at:])
	switch {
	case c.length < length || c.addr.masked(length) != prefix:
		r.set(t.expand(at, pos))
		t.descendNode(r, pos, c)
	case c.length == length:
		t.fill(t.at(at+pathInside), c)
	default:
		t.descend(t.at(at+pathInside), length, c)
	}
}

// descendNode makes a change in a node that stands behind pos bits. The change
// has more.
func (t *liveTable) descendNode(r cell, pos uint, c *change) {
	node := int(*r.word &^ child)
	first := c.addr.stride(pos)
	last := first
	if below := pos + strideBits; c.length < below {
		last += 1<<(below-c.length) - 1
	}
	deeper := c.length > pos+strideBits
	starts := t.starts(node)
	i, j := rank(starts, first), rank(starts, last)
	if w := t.at(node + nodeHead + i); i == j {
		switch a := w.answer(); {
		case deeper && a.leaf >= path:
			t.descend(w, pos+strideBits, c)
			return
		case a.leaf < path && !c.takes(a):
			return
		}
	}
	place := t.split(node, first, last)
	starts = t.starts(place)
	for k := rank(starts, first); k <= rank(starts, last); k++ {
		w := t.at(place + nodeHead + k)
		if deeper {
			w.set(t.chain(pos+strideBits, c, w.answer()))
		} else {
			t.fill(w, c)
		}
	}
	if place != node {
		r.set(answer{leaf: uint32(place) | child})
	}
}

// rank returns which run of a node holds a value of its bits.
func rank(starts uint64, i uint) int { return bits.OnesCount64(starts<<(^i&63)) - 1 }

// split returns a node as another one is, with runs of their own from first to
// last: itself if it has them.
func (t *liveTable) split(node int, first, last uint) int {
	old := t.starts(node)
	starts := old | 1<<first | 1<<last<<1
	if starts == old {
		return node
	}
	place := t.grow(nodeHead + bits.OnesCount64(starts))
	t.nodes[place], t.nodes[place+1] = uint32(starts), uint32(starts>>32)
	at := place + nodeHead
	for rest := starts; rest != 0; rest &= rest - 1 {
		from := node + nodeHead + rank(old, uint(bits.TrailingZeros64(rest)))
		t.nodes[at], t.owners[at] = t.nodes[from], t.owners[from]
		at++
	}
	t.garbage += nodeHead + bits.OnesCount64(old)
	return place
}

// grow takes words of nodes into use and returns the place of the first.
func (t *liveTable) grow(n int) int {
	place := t.used
	t.used += n
	return place
}

// chain makes nodes for addresses that share the first pos bits of a change, had one
// leaf, and now have another within its prefix.
func (t *liveTable) chain(pos uint, c *change, around answer) answer {
	end := c.length - 1 - (c.length-1-pos)%strideBits
	first := c.addr.stride(end)
	a := t.put(around, c.answer, first, first+1<<(end+strideBits-c.length))
	if end >= pos+pathBits {
		return t.putPath(way{c.addr.masked(end), end, around}, a)
	}
	for end > pos {
		end -= strideBits
		first = c.addr.stride(end)
		a = t.put(around, a, first, first+1)
	}
	return a
}

// put makes a node that has one answer from first to before last, and another around.
func (t *liveTable) put(around, inside answer, first, last uint) answer {
	var r runsOf
	if first > 0 {
		r.add(0, around)
	}
	r.add(first, inside)
	if last < 1<<strideBits {
		r.add(last, around)
	}
	return t.putRuns(&r)
}

func (t *liveTable) putRuns(r *runsOf) answer {
	place := t.grow(nodeHead + r.n)
	t.nodes[place], t.nodes[place+1] = uint32(r.starts), uint32(r.starts>>32)
	copy(t.nodes[place+nodeHead:], r.words[:r.n])
	copy(t.owners[place+nodeHead:], r.owners[:r.n])
	return answer{leaf: uint32(place) | child}
}

func (t *liveTable) putPath(w way, inside answer) answer {
	place := t.grow(pathWords)
	copy(t.nodes[place:], []uint32{
		uint32(w.length), uint32(w.prefix.hi), uint32(w.prefix.hi >> 32),
		uint32(w.prefix.lo), uint32(w.prefix.lo >> 32), w.outside.leaf, inside.leaf,
	})
	t.owners[place+pathOutside], t.owners[place+pathInside] = w.outside.owner, inside.owner
	return answer{leaf: uint32(place) | path}
}

// expand makes a node of the first stride of a path node that stands behind pos bits.
// The path node remains behind it where it is not used up.
func (t *liveTable) expand(at int, pos uint) answer {
	length, prefix := pathPrefix(t.nodes[at:])
	inside := answer{leaf: uint32(at) | path}
	if length == pos+strideBits {
		inside = t.at(at + pathInside).answer()
		t.garbage += pathWords
	}
	first := prefix.stride(pos)
	return t.put(t.at(at+pathOutside).answer(), inside, first, first+1)
}

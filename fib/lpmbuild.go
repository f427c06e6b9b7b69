package fib

import (
	"slices"
	"sort"
)

// maxSkip is the number of shared first bits that a table makes use of.
const maxSkip = 40

// build compiles sorted prefixes. It leaves room for a writer if the table is one that
// changes.
func build(ps []prefix, is4, live bool) liveTable {
	n := len(ps)
	var outside uint32
	if n > 0 && ps[0].length == 0 {
		outside = ps[0].leaf
		ps = ps[1:]
	}
	t := liveTable{}
	if len(ps) > 0 && !is4 {
		t.skip = uint8(sharedBits(ps))
		t.common = ps[0].addr.masked(uint(t.skip))
		t.mask = u128{hi: ^uint64(0)}.masked(uint(t.skip)).hi
	}
	t.bits = directBits(n, t.skip)
	t.shift = 64 - t.bits
	t.direct = make([]uint32, 1<<t.bits+1)
	b := builder{runs: flatten(ps, outside, live), live: live}
	b.nodes = make([]uint32, nodeHead, nodeHead+len(b.runs)+len(b.runs)/4)
	if live {
		b.owners = make([]uint8, nodeHead, cap(b.nodes))
		t.direct0 = make([]uint8, len(t.direct))
	}
	b.direct(&t)
	t.direct[1<<t.bits] = outside
	if live {
		t.used = len(b.nodes)
		room := roomFor(t.used, 0)
		t.nodes, t.owners = make([]uint32, room), make([]uint8, room)
		copy(t.nodes, b.nodes)
		copy(t.owners, b.owners)
	} else {
		t.nodes = slices.Clip(b.nodes)
	}
	return t
}

// sharedBits is the number of first bits that sorted prefixes have in common.
func sharedBits(ps []prefix) uint {
	n := min(ps[0].addr.shared(ps[len(ps)-1].addr), maxSkip)
	for i := range ps {
		n = min(n, uint(ps[i].length))
	}
	return n
}

// directBits is the number of bits that index the array of a table of n prefixes
// that share some bits: such that nodes begin at multiples of their stride, and that
// the array has at most 64 words a prefix, and 2^21.
func directBits(n int, skip uint8) uint8 {
	b := strideBits - skip%strideBits
	for b+strideBits <= 21 && 1<<(b+strideBits) <= 64*n {
		b += strideBits
	}
	return b
}

// builder makes the words of a table from the first address to the last.
type builder struct {
	runs   []run // the first is that of the address that comes next
	nodes  []uint32
	live   bool
	owners []uint8 // of the words of nodes, if live
}

// direct fills the array of a table.
func (b *builder) direct(t *liveTable) {
	words := t.direct[:1<<t.bits]
	for i := 0; i < len(words); {
		a := b.word(t.common.withDirect(uint64(i), &t.table), t.end())
		last := i + 1
		if a.leaf < path {
			last = len(words)
			if next, ok := b.nextIn(t.common, uint(t.skip)); ok {
				last = int(next.hi << t.skip >> t.shift)
			}
		}
		for ; i < last; i++ {
			words[i] = a.leaf
			if b.live {
				t.direct0[i] = a.owner
			}
		}
	}
}

// withDirect sets the bits that index the array of a table.
func (a u128) withDirect(i uint64, t *table) u128 {
	return u128{hi: a.hi | i<<(t.shift-t.skip)}
}

// nextIn returns the start of the next run if it shares the first pos bits of addr,
// to which these are all.
func (b *builder) nextIn(addr u128, pos uint) (u128, bool) {
	if len(b.runs) < 2 || b.runs[1].start.masked(pos) != addr {
		return u128{}, false
	}
	return b.runs[1].start, true
}

// word returns the word for the addresses that share the first pos bits of addr: a
// leaf if they are in one run, else a new node.
func (b *builder) word(addr u128, pos uint) answer {
	for len(b.runs) > 1 && !addr.less(b.runs[1].start) {
		b.runs = b.runs[1:]
	}
	if _, ok := b.nextIn(addr, pos); !ok {
		return b.runs[0].answer
	}
	if way, ok := b.narrow(addr, pos); ok {
		return answer{leaf: b.path(way)}
	}
	return answer{leaf: b.node(addr, pos)}
}

// way is what a path node tells: the prefix that it leads to, and the answer for the
// addresses outside.
type way struct {
	prefix  u128
	length  uint
	outside answer
}

// narrow finds the longest prefix that holds all but one leaf of the addresses which
// share the first pos bits of addr, if it is so much longer that a path node pays.
func (b *builder) narrow(addr u128, pos uint) (w way, ok bool) {
	first, least := b.runs[1].start, pos+pathBits
	if b.runs[0].start == addr {
		first = addr
	}
	if least > 128 || len(b.runs) > 2 && b.runs[2].start.masked(pos) == addr && first.shared(b.runs[2].start.prev()) < least {
		return w, false
	}
	end, over := addr.next(pos)
	n := sort.Search(len(b.runs)-1, func(i int) bool { return !over && !b.runs[i+1].start.less(end) })
	last := b.runs[n] // begins behind the prefix
	if first != addr && (n < 2 || last.answer != b.runs[0].answer) {
		return w, false
	}
	shared := first.shared(last.start.prev())
	length := shared - (shared-pos)%strideBits
	return way{first.masked(length), length, last.answer}, shared >= least
}

// path appends a path node and returns the word that points to it.
func (b *builder) path(w way) uint32 {
	inside := b.word(w.prefix, w.length)
	place := uint32(len(b.nodes))
	b.nodes = append(b.nodes, uint32(w.length), uint32(w.prefix.hi), uint32(w.prefix.hi>>32),
		uint32(w.prefix.lo), uint32(w.prefix.lo>>32), w.outside.leaf, inside.leaf)
	if b.live {
		b.owners = append(b.owners, 0, 0, 0, 0, 0, w.outside.owner, inside.owner)
	}
	return place | path
}

// node appends a node, after those below it, and returns the word that points to
// it. Of the last node of an address, some bits lie behind the last bit.
func (b *builder) node(addr u128, pos uint) uint32 {
	var r runsOf
	below := min(pos+strideBits, 128)
	for i := uint(0); i < 1<<strideBits; {
		a := b.word(addr.with(i, pos), below)
		r.add(i, a)
		i += 1 << (pos + strideBits - below)
		if a.leaf < path {
			next, ok := b.nextIn(addr, pos)
			if !ok {
				break
			}
			i = next.stride(pos)
		}
	}
	place := uint32(len(b.nodes))
	b.nodes = append(b.nodes, uint32(r.starts), uint32(r.starts>>32))
	b.nodes = append(b.nodes, r.words[:r.n]...)
	if b.live {
		b.owners = append(b.owners, 0, 0)
		b.owners = append(b.owners, r.owners[:r.n]...)
	}
	return place | child
}

// runsOf are the runs of a node.
type runsOf struct {
	starts uint64
	n      int
	words  [1 << strideBits]uint32
	owners [1 << strideBits]uint8
}

// add adds what a node has from one value of its bits on.
func (r *runsOf) add(i uint, a answer) {
	if r.n > 0 && r.words[r.n-1] == a.leaf && r.owners[r.n-1] == a.owner {
		return
	}
	r.starts |= 1 << i
	r.words[r.n], r.owners[r.n] = a.leaf, a.owner
	r.n++
}

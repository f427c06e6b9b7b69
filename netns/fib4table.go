package netns

import (
	"cmp"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// alias4 is one entry of an IPv4 table (struct fib_alias).
type alias4 struct {
	dst  uint32
	plen uint8
	tos  uint8
	typ  rpdb.RouteType
	info *fibInfo
}

// key4 is where an alias belongs: aliases are in ascending order of their base
// address, then the longest prefix first, then the highest tos, then the lowest
// metric; equal ones in the order that their requests asked for.
type key4 struct {
	dst  uint32
	plen uint8
	tos  uint8
	prio uint32
}

func (a *alias4) key() key4 { return key4{a.dst, a.plen, a.tos, a.info.priority} }

// prefix4 is the key that comes before all others of a prefix.
func prefix4(dst uint32, plen uint8) key4 { return key4{dst: dst, plen: plen, tos: 0xff} }

func (k key4) compare(o key4) int {
	if k.dst != o.dst {
		return cmp.Compare(k.dst, o.dst)
	}
	return cmp.Or(
		cmp.Compare(o.plen, k.plen),
		cmp.Compare(o.tos, k.tos),
		cmp.Compare(k.prio, o.prio),
	)
}

// chunk4 bounds the aliases that move when one is inserted.
const chunk4 = 512

// table4 is an IPv4 table: its aliases in order, in pieces of a bounded size.
// Looking a key up costs O(log n); inserting and deleting move a piece, or seldom
// the list of the pieces.
type table4 struct {
	id     uint32
	chunks [][]alias4
	count  [33]int // aliases by prefix length
	total  int
}

// spot is a place between two aliases.
type spot struct{ chunk, at int }

// seek returns the place before the first alias that is not less than the key.
func (t *table4) seek(k key4) spot {
	c, _ := slices.BinarySearchFunc(t.chunks, k, func(ch []alias4, k key4) int {
		return ch[len(ch)-1].key().compare(k)
	})
	if c == len(t.chunks) {
		return spot{c, 0}
	}
	i, _ := slices.BinarySearchFunc(t.chunks[c], k, func(a alias4, k key4) int { return a.key().compare(k) })
	// Equal keys: the first of them.
	for i > 0 && t.chunks[c][i-1].key() == k {
		i--
	}
	return spot{c, i}
}

// at returns the alias after a place, nil at the end of the table.
func (t *table4) at(s spot) *alias4 {
	if s.chunk >= len(t.chunks) {
		return nil
	}
	return &t.chunks[s.chunk][s.at]
}

// next moves a place behind one alias.
func (t *table4) next(s spot) spot {
	if s.at++; s.at == len(t.chunks[s.chunk]) {
		return spot{s.chunk + 1, 0}
	}
	return s
}

// insert puts an alias at a place.
func (t *table4) insert(s spot, a alias4) {
	t.count[a.plen]++
	t.total++
	if s.chunk == len(t.chunks) {
		if s.chunk == 0 {
			t.chunks = [][]alias4{{a}}
			return
		}
		s = spot{s.chunk - 1, len(t.chunks[s.chunk-1])}
	}
	c := slices.Insert(t.chunks[s.chunk], s.at, a)
	if len(c) <= chunk4 {
		t.chunks[s.chunk] = c
		return
	}
	// Routes often come in order: then the left part stays full.
	cut := len(c) / 2
	if s.at == len(c)-1 && s.chunk == len(t.chunks)-1 {
		cut = len(c) - 1
	}
	right := slices.Clone(c[cut:])
	clear(c[cut:])
	t.chunks[s.chunk] = c[:cut:cut]
	t.chunks = slices.Insert(t.chunks, s.chunk+1, right)
}

// remove takes out the alias after a place.
func (t *table4) remove(s spot) {
	c := t.chunks[s.chunk]
	t.count[c[s.at].plen]--
	t.total--
	if c = slices.Delete(c, s.at, s.at+1); len(c) > 0 {
		t.chunks[s.chunk] = c
		return
	}
	t.chunks = slices.Delete(t.chunks, s.chunk, s.chunk+1)
}

// removeAll takes out the aliases that drop tells.
func (t *table4) removeAll(drop func(*alias4) bool) {
	for i, c := range t.chunks {
		t.chunks[i] = slices.DeleteFunc(c, func(a alias4) bool {
			if !drop(&a) {
				return false
			}
			t.count[a.plen]--
			t.total--
			return true
		})
	}
	t.chunks = slices.DeleteFunc(t.chunks, func(c []alias4) bool { return len(c) == 0 })
}

// each yields the aliases in order.
func (t *table4) each(yield func(*alias4) bool) {
	for _, c := range t.chunks {
		for i := range c {
			if !yield(&c[i]) {
				return
			}
		}
	}
}

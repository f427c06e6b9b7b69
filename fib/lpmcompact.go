package fib

import "math/bits"

// compaction is the move of a table to new arrays, without what nothing leads to. It
// goes on by some words of direct with each change, and changes the new arrays too
// where it has been, so that neither readers nor the writer wait for it.
type compaction struct {
	to    *liveTable // nil: none is under way
	moved int        // words of direct
}

// roomFor is the size of nodes for a table that takes some words of them, with more to
// come.
func roomFor(used, more int) int { return used + max(used/4, more) + 4*maxGrowth }

// apply makes a change. If it returns another table, that is to take the place of
// this one.
func (t *liveTable) apply(c *change) *liveTable {
	t.set(c, len(t.direct))
	if t.move.to != nil {
		t.move.to.set(c, t.move.moved)
	}
	room := len(t.nodes) - t.used
	if t.move.to == nil && room < max(len(t.nodes)/16, 2*maxGrowth) {
		t.beginMove(room)
	}
	if t.move.to == nil {
		return t
	}
	// The move ends before the room does.
	changes := max(room/maxGrowth-1, 1)
	if !t.moveOn((len(t.direct) - t.move.moved + changes - 1) / changes) {
		return t
	}
	return t.move.to
}

func (t *liveTable) beginMove(room int) {
	n := &liveTable{table: t.table, used: nodeHead}
	n.direct, n.direct0 = make([]uint32, len(t.direct)), make([]uint8, len(t.direct))
	size := roomFor(t.used-t.garbage, room)
	n.nodes, n.owners = make([]uint32, size), make([]uint8, size)
	t.move = compaction{to: n}
}

// moveOn moves some words of direct and what they lead to. It reports whether all
// has been moved.
func (t *liveTable) moveOn(words int) bool {
	to := t.move.to
	for i := t.move.moved; i < min(t.move.moved+words, len(t.direct)); i++ {
		a := to.copyOf(t, answer{t.direct[i], t.direct0[i]})
		to.direct[i], to.direct0[i] = a.leaf, a.owner
	}
	t.move.moved = min(t.move.moved+words, len(t.direct))
	return t.move.moved == len(t.direct)
}

// copyOf copies what a word of another table leads to. Runs that have become
// equal are one, and nodes that have one leaf are that leaf.
func (t *liveTable) copyOf(from *liveTable, a answer) answer {
	switch {
	case a.leaf >= child:
		return t.copyOfNode(from, int(a.leaf&^child))
	case a.leaf >= path:
		at := int(a.leaf &^ path)
		length, prefix := pathPrefix(from.nodes[at:])
		outside := from.at(at + pathOutside).answer()
		inside := t.copyOf(from, from.at(at+pathInside).answer())
		if inside == outside {
			return outside
		}
		return t.putPath(way{prefix, length, outside}, inside)
	}
	return a
}

func (t *liveTable) copyOfNode(from *liveTable, node int) answer {
	var r runsOf
	at := node + nodeHead
	for starts := from.starts(node); starts != 0; starts &= starts - 1 {
		r.add(uint(bits.TrailingZeros64(starts)), t.copyOf(from, from.at(at).answer()))
		at++
	}
	if r.n == 1 && r.words[0] < path {
		return answer{r.words[0], r.owners[0]}
	}
	return t.putRuns(&r)
}

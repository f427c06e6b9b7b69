package netns

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

const (
	tableDefault = 253
	tableMain    = 254
	tableLocal   = 255
)

// key6 is an IPv6 address as the bits that a tree branches at.
type key6 struct{ hi, lo uint64 }

func key6Of(a netip.Addr) key6 {
	if !a.IsValid() {
		return key6{}
	}
	b := a.As16()
	return key6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// bit returns bit i, 0 the highest (addr_bit_set). Bit 128 counts as 0.
func (k key6) bit(i uint8) bool {
	switch {
	case i < 64:
		return k.hi>>(63-i)&1 != 0
	case i < 128:
		return k.lo>>(127-i)&1 != 0
	}
	return false
}

// common is the number of leading bits that two keys share (__ipv6_addr_diff).
func (k key6) common(o key6) uint8 {
	if d := k.hi ^ o.hi; d != 0 {
		return uint8(bits.LeadingZeros64(d))
	}
	return 64 + uint8(bits.LeadingZeros64(k.lo^o.lo))
}

// node6 is a node of the tree of a table, or of the tree of source prefixes below
// one (struct fib6_node). A node without routes holds two branches together, or a
// tree of sources.
type node6 struct {
	parent, left, right *node6

	subtree *node6 // by source prefix
	leaf    *route6
	// holder lends a node without routes of its own the prefix that a search compares
	// (fn->leaf without RTN_RTINFO). It is a route that was put below the node, once; nil lends
	// ::/0.
	holder *route6
	key    key6
	plen   uint8
	root   bool // of a table or of a tree of sources
}

// isTable reports whether the node is the root of a table (RTN_TL_ROOT).
func (n *node6) isTable() bool { return n.root && n.parent == nil }

func (n *node6) child(right bool) *node6 {
	if right {
		return n.right
	}
	return n.left
}

func (n *node6) setChild(right bool, c *node6) {
	if right {
		n.right = c
	} else {
		n.left = c
	}
	if c != nil {
		c.parent = n
	}
}

// prefix is the node's destination.
func (n *node6) prefix() netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], n.key.hi)
	binary.BigEndian.PutUint64(b[8:], n.key.lo)
	return netip.PrefixFrom(netip.AddrFrom16(b), int(n.plen)).Masked()
}

// first is the route whose prefix a search compares with the destination.
func (n *node6) first() *route6 {
	if n.leaf != nil {
		return n.leaf
	}
	return n.holder
}

// reached reports whether a search for a destination looks at the node at all. One
// that has only sources, and a holder from deeper down, is passed by for most.
func (n *node6) reached(dst key6) bool {
	r := n.first()
	return r == nil || key6Of(r.dst.Addr()).common(dst) >= uint8(r.dst.Bits())
}

// findPrefix finds a node a holder (fib6_find_prefix).
func findPrefix(n *node6) *route6 {
	if n.root {
		return nil
	}
	for ; n != nil; n = n.subtree {
		if n.left != nil {
			return n.left.first()
		}
		if n.right != nil {
			return n.right.first()
		}
	}
	return nil
}

// purge finds others for the nodes from n upwards that a route which goes is the holder
// of (fib6_purge_rt).
func purge(n *node6, r *route6) {
	for ; n != nil; n = n.parent {
		if n.leaf == nil && n.holder == r {
			n.holder = findPrefix(n)
		}
	}
}

// covers reports whether the node's prefix contains an address.
func (n *node6) covers(k key6) bool { return n.key.common(k) >= n.plen }

// addNode returns the node of a prefix below root, which is made where missing and
// allowed (fib6_add_1). It returns nil where it is missing and only a replacement is
// wanted.
func addNode(root *node6, k key6, plen uint8, create, replace bool) *node6 {
	var parent *node6
	var dir bool
	n := root
	for n != nil {
		if plen < n.plen || !n.covers(k) {
			break
		}
		if plen == n.plen {
			n.holder = nil
			return n
		}
		dir = k.bit(n.plen)
		parent, n = n, n.child(dir)
	}
	if !create && replace {
		return nil
	}
	leaf := &node6{key: k, plen: plen}
	if n == nil {
		parent.setChild(dir, leaf)
		return leaf
	}
	if split := k.common(n.key); plen > split {
		in := &node6{key: k, plen: split, holder: n.first()}
		parent.setChild(dir, in)
		in.setChild(k.bit(split), leaf)
		in.setChild(!k.bit(split), n)
		return leaf
	}
	parent.setChild(dir, leaf)
	leaf.setChild(n.key.bit(plen), n)
	return leaf
}

// locate finds the node of exactly a prefix (fib6_locate_1).
func locate(root *node6, k key6, plen uint8) *node6 {
	for n := root; n != nil; n = n.child(k.bit(n.plen)) {
		if plen < n.plen || !n.covers(k) {
			return nil
		}
		if plen == n.plen {
			return n
		}
	}
	return nil
}

// repair removes a node without routes, and what held only it, and returns the node
// above (fib6_repair_tree).
func repair(n *node6) *node6 {
	for !n.isTable() {
		child := n.left
		if n.right != nil {
			child = n.right
		}
		if n.left != nil && n.right != nil || n.subtree != nil || child != nil && n.root {
			n.holder = findPrefix(n)
			return n.parent
		}
		p := n.parent
		if p.subtree == n {
			p.subtree = nil
		} else {
			p.setChild(p.right == n, child)
		}
		if p.leaf != nil || p.subtree != nil {
			return p
		}
		p.holder = nil
		n = p
	}
	return n
}

// walk calls f for every route of the tree in the order of dumps: the sources of a
// node, its branches, then its own (fib6_walk). f may remove the route it is given.
// f returns the route after which the node goes on, mostly its argument.
func (n *node6) walk(f func(*route6) *route6) {
	for _, sub := range []*node6{n.subtree, n.left, n.right} {
		if sub != nil {
			sub.walk(f)
		}
	}
	for r := n.leaf; r != nil; {
		next := r.next
		last := f(r)
		if last != r {
			next = last.next
		}
		r = next
	}
}

// table6 is a routing table (struct fib6_table).
type table6 struct {
	id   uint32
	root node6
}

// fib6 are the tables of a namespace in the order of dumps: by the lower eight bits
// of their number, the newest of equal ones first (fib_table_hash).
type fib6 struct {
	tables []*table6

	collect jiffies // when expired routes are removed next, 0 for never
}

// table returns a table, or nil (fib6_get_table).
func (f *fib6) table(id uint32) *table6 {
	if id == 0 {
		id = tableMain
	}
	for i := f.bucket(id); i < len(f.tables) && byte(f.tables[i].id) == byte(id); i++ {
		if f.tables[i].id == id {
			return f.tables[i]
		}
	}
	return nil
}

// bucket is where the tables with the lower bits of id begin.
func (f *fib6) bucket(id uint32) int {
	i, _ := slices.BinarySearchFunc(f.tables, byte(id), func(t *table6, b byte) int { return int(byte(t.id)) - int(b) })
	return i
}

// newTable returns a table, which is made where missing (fib6_new_table).
func (f *fib6) newTable(id uint32) *table6 {
	if id == 0 {
		id = tableMain
	}
	if t := f.table(id); t != nil {
		return t
	}
	t := &table6{id: id, root: node6{root: true}}
	f.tables = slices.Insert(f.tables, f.bucket(id), t)
	return t
}

// walk visits the routes of all tables.
func (f *fib6) walk(visit func(*route6) *route6) {
	for _, t := range slices.Clone(f.tables) {
		t.root.walk(visit)
	}
}

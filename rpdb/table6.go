package rpdb

import (
	"cmp"
	"net/netip"
	"slices"
)

// table6 is one IPv6 routing table: a trie of destinations whose nodes may carry a
// trie of sources (struct fib6_table, spec IPv6 2.1).
type table6 struct {
	id    uint32
	nodes *trie[node6]
	size  int // routes
	// built has at node6.place the route of a destination that Build found, if it has
	// only that one.
	built  []*Route
	places places
}

// node6 is a destination prefix of a table, or a source prefix below one (struct
// fib6_node).
type node6 struct {
	prefix netip.Prefix
	routes []*Route     // ascending metric, then as inserted; may be empty
	sub    *trie[node6] // routes from source prefixes; nil if there are none
	within netip.Prefix // see Gate6; else invalid
	place  uint32       // of a destination, see Entry
	way    alias        // the route of a destination that has only that one, if it came after Build
}

// only returns the route of a destination that has one and no source prefixes, else
// nil.
func (n *node6) only() *Route {
	if n.sub != nil || len(n.routes) != 1 {
		return nil
	}
	return n.routes[0]
}

// open reports whether a search for a destination looks at the source prefixes.
func (n *node6) open(dst netip.Addr) bool { return !n.within.IsValid() || n.within.Contains(dst) }

// buildTables6 sorts the IPv6 routes into tables.
func buildTables6(routes []*Route, gates []Gate6) (tables tableSet[table6]) {
	tables.add(TableLocal, newTable6(TableLocal))
	tables.add(TableMain, newTable6(TableMain))
	for _, r := range routes {
		t := tables.get(r.Table)
		if t == nil {
			t = newTable6(r.Table)
			tables.add(r.Table, t)
		}
		t.add(r)
	}
	for _, g := range gates {
		if t := tables.get(g.Table); t != nil {
			if n := t.nodes.get(g.Dst); n != nil && n.sub != nil && len(n.routes) == 0 {
				n.within = g.Within
			}
		}
	}
	for _, t := range tables.list {
		t.built = make([]*Route, t.size)
		t.places.next = uint32(t.size)
		t.nodes.all(func(n *node6) { t.built[n.place] = n.only() })
	}
	return tables
}

func newTable6(id uint32) *table6 {
	return &table6{id: id, nodes: newTrie[node6]()}
}

// add appends a route to its node. Routes come in the order of the kernel's list;
// if a source mixes up metrics, the stable order by metric is restored.
func (t *table6) add(r *Route) {
	n := t.nodes.get(r.Dst)
	if n == nil {
		n = &node6{prefix: r.Dst, place: uint32(t.size)}
		t.nodes.set(r.Dst, n)
	}
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		if n.sub == nil {
			n.sub = newTrie[node6]()
		}
		n = nodeFor(n.sub, r.Src)
	}
	sorted := len(n.routes) == 0 || n.routes[len(n.routes)-1].Priority <= r.Priority
	n.routes = append(n.routes, r)
	if !sorted {
		slices.SortStableFunc(n.routes, func(a, b *Route) int { return cmp.Compare(a.Priority, b.Priority) })
	}
	t.size++
}

func nodeFor(t *trie[node6], p netip.Prefix) *node6 {
	n := t.get(p)
	if n == nil {
		n = &node6{prefix: p}
		t.set(p, n)
	}
	return n
}

// cursor6 visits the nodes of a table whose routes are tried for a flow, in the
// kernel's order (fib6_node_lookup, then fib6_backtrack).
type cursor6 struct {
	table    *table6
	dst, src netip.Addr

	at   *node6 // the node of the destination trie, nil before the start
	plen int    // length of its prefix
	from *node6 // the node of at's source trie that is tried; nil: at's own routes
	slen int    // length of its prefix
}

// routes returns the routes of the node that the cursor stands on.
func (c *cursor6) routes() []*Route {
	if c.from != nil {
		return c.from.routes
	}
	return c.at.routes
}

// first goes to the node where the search starts: the longest destination prefix
// that has no source trie, or whose source trie covers the source. The own routes
// of a node with a source trie do not count here, except those of ::/0
// (fib6_node_lookup_1).
func (c *cursor6) first() bool {
	c.plen = 129
	for c.up() {
		if c.at.sub == nil || c.at.open(c.dst) && c.descend() || c.plen == 0 {
			return c.at.sub == nil || c.from != nil || len(c.at.routes) > 0
		}
	}
	return false
}

// next goes to the node that is tried when no route of the current one will do:
// shorter sources, the own routes of the destination, then shorter destinations
// (fib6_backtrack).
func (c *cursor6) next() bool {
	if c.from != nil {
		if c.shorterSource() || len(c.at.routes) > 0 {
			return true
		}
	}
	for c.up() {
		if c.descend() || len(c.at.routes) > 0 {
			return true
		}
	}
	return false
}

// up moves to the next shorter destination prefix and to its own routes.
func (c *cursor6) up() bool {
	c.from = nil
	if c.plen == 0 {
		return false
	}
	plen, n := c.table.nodes.longest(c.dst, c.plen-1)
	if n == nil {
		c.plen = 0
		return false
	}
	c.at, c.plen = n, plen
	return true
}

// descend moves to the longest source prefix below the current destination.
func (c *cursor6) descend() bool {
	c.from, c.slen = nil, 129
	return c.at.sub != nil && c.shorterSource()
}

// shorterSource moves to the next shorter source prefix; without one, to the
// destination's own routes.
func (c *cursor6) shorterSource() bool {
	plen, n := c.at.sub.longest(c.src, c.slen-1)
	if n == nil {
		c.from = nil
		return false
	}
	c.from, c.slen = n, plen
	return true
}

package rpdb

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// table6 is one IPv6 routing table: a trie of destinations whose nodes may carry a
// trie of sources (struct fib6_table, spec IPv6 2.1).
type table6 struct {
	nodes *bart.Table[*node6]
	size  int // routes

	index  TableIndex // nil: the trie is searched
	places []place6   // what the index names
}

// node6 is a destination prefix of a table, or a source prefix below one (struct
// fib6_node).
type node6 struct {
	routes []*Route            // ascending metric, then as inserted; may be empty
	sub    *bart.Table[*node6] // routes from source prefixes; nil if there are none
}

// buildTables6 sorts the IPv6 routes into tables.
func buildTables6(routes []*Route) map[uint32]*table6 {
	tables := map[uint32]*table6{TableLocal: newTable6(), TableMain: newTable6()}
	for _, r := range routes {
		t := tables[r.Table]
		if t == nil {
			t = newTable6()
			tables[r.Table] = t
		}
		t.add(r)
	}
	return tables
}

func newTable6() *table6 { return &table6{nodes: &bart.Table[*node6]{}} }

// add appends a route to its node. Routes come in the order of the kernel's list;
// if a source mixes up metrics, the stable order by metric is restored.
func (t *table6) add(r *Route) {
	n := nodeFor(t.nodes, r.Dst)
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		if n.sub == nil {
			n.sub = &bart.Table[*node6]{}
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

func nodeFor(t *bart.Table[*node6], p netip.Prefix) *node6 {
	n, ok := t.Get(p)
	if !ok {
		n = &node6{}
		t.Insert(p, n)
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
		if c.at.sub == nil || c.descend() || c.plen == 0 {
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
	if c.plen == 129 && c.table.index != nil {
		i, ok := c.table.index.Lookup(c.dst)
		if !ok {
			c.plen = 0
			return false
		}
		c.at, c.plen = c.table.places[i].node, c.table.places[i].plen
		return true
	}
	p, n, ok := c.table.nodes.LookupPrefixLPM(netip.PrefixFrom(c.dst, c.plen-1))
	if !ok {
		c.plen = 0
		return false
	}
	c.at, c.plen = n, p.Bits()
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
	p, n, ok := c.at.sub.LookupPrefixLPM(netip.PrefixFrom(c.src, c.slen-1))
	if !ok {
		c.from = nil
		return false
	}
	c.from, c.slen = n, p.Bits()
	return true
}

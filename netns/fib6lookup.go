package netns

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// found6 is what a lookup of a gateway came to: no route if the table has none that
// fits (struct fib6_result).
type found6 struct {
	route *route6
	nh    *rpdb.NextHop
	drops bool // by a blackhole object
}

// rejects reports whether the result delivers nothing: none, or a reject route.
func (f found6) rejects() bool { return f.route == nil || f.drops || f.route.flags&flagReject != 0 }

// lookup6 searches a table for a gateway, whatever the state of links
// (fib6_table_lookup with RT6_LOOKUP_F_IGNORE_LINKSTATE). With strict, routes of
// other devices than oif do not count.
func (n *Namespace) lookup6(t *table6, dst, src netip.Addr, oif int, strict bool) found6 {
	d, s := key6Of(dst), key6Of(src)
	for fn := findNode6(&t.root, d, s); fn != nil; fn = backtrack6(fn, s) {
		if f := n.select6(fn, oif, strict); f.route != nil {
			return f
		}
	}
	return found6{}
}

// findNode6 finds the node that a search begins with (fib6_node_lookup).
func findNode6(root *node6, dst, src key6) *node6 {
	for n := descend6(root, dst); n != nil && n != root; n = n.parent {
		if !n.covers(dst) || !n.reached(dst) {
			continue
		}
		if n.subtree != nil {
			if sub := searchSource6(n.subtree, src); sub != nil {
				return sub
			}
		} else if n.leaf != nil {
			return n
		}
	}
	if root.subtree != nil {
		if sub := searchSource6(root.subtree, src); sub != nil {
			return sub
		}
	}
	return root
}

func descend6(n *node6, k key6) *node6 {
	for c := n.child(k.bit(n.plen)); c != nil; c = n.child(k.bit(n.plen)) {
		n = c
	}
	return n
}

// searchSource6 searches a tree of sources. Its root is no answer.
func searchSource6(root *node6, src key6) *node6 {
	for n := descend6(root, src); n != root; n = n.parent {
		if n.leaf != nil && n.covers(src) {
			return n
		}
	}
	return nil
}

// backtrack6 is the next node of a search (fib6_backtrack).
func backtrack6(n *node6, src key6) *node6 {
	for {
		if n.isTable() {
			return nil
		}
		p := n.parent
		if p.subtree != nil && p.subtree != n {
			n = p
			if sub := searchSource6(p.subtree, src); sub != nil {
				n = sub
			} else {
				n = p.subtree
			}
		} else {
			n = p
		}
		if n.leaf != nil || n.isTable() {
			return n
		}
	}
}

// select6 picks the route of a node: the best of the lowest metric, else the best of
// all others (rt6_select).
func (n *Namespace) select6(fn *node6, oif int, strict bool) found6 {
	if fn.leaf == nil {
		return found6{}
	}
	var best found6
	score := -1
	metric := fn.leaf.metric
	for r := fn.leaf; r != nil; r = r.next {
		if r.metric != metric && best.route != nil && best.route.metric == metric {
			break
		}
		if n.consider6(r, oif, strict, &best, &score) {
			return best
		}
	}
	return best
}

// consider6 weighs one route (rt6_score_route). It reports whether the search ends.
func (n *Namespace) consider6(r *route6, oif int, strict bool, best *found6, score *int) bool {
	if r.flags&flagExpires != 0 && n.world.now() > r.expires {
		return false
	}
	legs, blackhole := []rpdb.NextHop{r.nh}, false
	if r.nhid != 0 {
		legs, blackhole = r.object.legs6()
	}
	if blackhole {
		*best = found6{r, &rpdb.NextHop{Dev: rpdb.Loopback}, true}
		return true
	}
	for i := range legs {
		nh := &legs[i]
		if nh.Flags&rpdb.NHDead != 0 {
			continue
		}
		s := 0
		if oif == 0 || nh.Dev == oif {
			s = 2
		} else if strict {
			continue
		}
		s += 4 * int(r.pref^2&3) // low, medium, high: 1, 2, 3
		if s > *score {
			*score, *best = s, found6{r, nh, false}
			if r.nhid != 0 && !n.world.has(rpdb.FeatureMultipathOIF6) {
				break // rt6_nh_find_match
			}
		}
	}
	return false
}

package rpdb

import (
	"cmp"
	"slices"
)

// note keeps the fate of a route until the search is over; without a recorder it
// does nothing.
func (s *search6) note(r *Route, leg int, v RouteVerdict) {
	if s.notes != nil {
		s.notes[r] = RouteStep{Route: r, Leg: leg, Verdict: v}
	}
}

// beaten notes that the best route so far was overtaken.
func (s *search6) beaten(hit *pick6) {
	if s.notes != nil && hit.route != nil {
		s.note(hit.route, hit.leg, RouteLowerScore)
	}
}

// later notes routes that stand behind the chosen one.
func (s *search6) later(routes []*Route) {
	if s.notes == nil {
		return
	}
	for _, r := range routes {
		if _, ok := s.notes[r]; !ok {
			s.note(r, -1, RouteLater)
		}
	}
}

// tell writes the fate of every route that covers the destination into the step,
// longest prefix first, below it the routes with source prefixes before those
// without.
func (s *search6) tell(st *Step, found bool) {
	c := cursor6{table: s.cur.table, dst: s.cur.dst, src: s.cur.src, plen: 129}
	plen := -1
	if found {
		plen = s.cur.plen
	}
	for c.up() {
		if c.at.sub != nil {
			var sub []*node6
			c.at.sub.all(func(n *node6) { sub = append(sub, n) })
			slices.SortFunc(sub, func(a, b *node6) int {
				return cmp.Or(cmp.Compare(b.prefix.Bits(), a.prefix.Bits()), a.prefix.Addr().Compare(b.prefix.Addr()))
			})
			for _, n := range sub {
				v := RouteShorter
				if c.plen > plen {
					v = RouteHidden
				}
				if !n.prefix.Contains(c.src) {
					v = RouteSource
				}
				s.tellAll(st, n.routes, v)
			}
		}
		v := RouteShorter
		if c.at.sub != nil && c.plen > plen {
			v = RouteHidden
		}
		s.tellAll(st, c.at.routes, v)
	}
	st.Uncovered = s.cur.table.size - len(st.Routes)
}

// tellAll writes the fate of routes; those that the search did not look at get the
// given one.
func (s *search6) tellAll(st *Step, routes []*Route, otherwise RouteVerdict) {
	for _, r := range routes {
		n, ok := s.notes[r]
		if !ok {
			n = RouteStep{Route: r, Leg: -1, Verdict: otherwise}
		}
		st.Routes = append(st.Routes, n)
	}
}

package rpdb

import "net/netip"

// strict6 is the set of demands that a lookup makes on a route (RT6_LOOKUP_F_*).
type strict6 uint8

const (
	strictIface     strict6 = 1 << iota // its device must be the flow's
	strictReachable                     // its gateway must not be known to be unreachable
)

// search6 is one lookup in one table (fib6_table_lookup).
type search6 struct {
	db     *Database
	w      *Walk
	cur    cursor6
	oif    int // the device that routes are compared with: oif, on input iif
	strict strict6
	notes  map[*Route]RouteStep
}

// pick6 is a route and the leg of it that a search has chosen.
type pick6 struct {
	route *Route
	obj   *object // its nexthop object, nil for nexthops of its own
	leg   int     // -1: a blackhole object
}

// leg6 is one nexthop as lookups look at it (struct fib6_nh).
type leg6 struct {
	dev   *device
	oif   int
	gw    netip.Addr
	flags uint32
}

// run returns the best route of the table. If nothing is found, what is known of
// neighbours is forgotten and everything tried once more.
func (s *search6) run() (pick6, bool) {
	strict := s.strict
	for {
		for ok := s.cur.first(); ok; ok = s.cur.next() {
			if hit, ok := s.choose(s.cur.routes(), strict); ok {
				return hit, true
			}
		}
		if strict&strictReachable == 0 {
			return pick6{}, false
		}
		strict &^= strictReachable
		clear(s.notes) // the first round decided nothing
	}
}

// choose picks the best route of a node: among those of the lowest metric, and only
// if none of them will do, among all the others, whatever their metric (rt6_select,
// find_rr_leaf).
func (s *search6) choose(routes []*Route, strict strict6) (pick6, bool) {
	n := 0
	for n < len(routes) && routes[n].Priority == routes[0].Priority {
		n++
	}
	if hit, ok := s.scan(routes[:n], strict); ok {
		s.later(routes[n:])
		return hit, true
	}
	return s.scan(routes[n:], strict)
}

// scan picks the best of some routes; of equal ones the first (__find_rr_leaf).
func (s *search6) scan(routes []*Route, strict strict6) (pick6, bool) {
	hit, best := pick6{}, -1
	for i, r := range routes {
		if s.consider(r, strict, &hit, &best) {
			s.later(routes[i+1:])
			break
		}
	}
	return hit, hit.route != nil
}

// consider takes a route if it beats the best so far. It returns true when the
// scan ends there: at a blackhole object.
func (s *search6) consider(r *Route, strict strict6, hit *pick6, best *int) bool {
	if r.Siblings == nil && r.expired() {
		s.note(r, -1, RouteExpired)
		return false
	}
	obj := s.db.object6(r)
	if obj != nil && obj.blackhole {
		s.beaten(hit)
		*hit = pick6{r, obj, -1}
		s.note(r, -1, RouteChosen)
		return true
	}
	why, failed := RouteDead, -1
	for i := range s.db.legCount(r, obj) {
		leg := s.db.leg6(r, obj, i)
		score, v := s.score(r.Sibling(i), &leg, strict)
		if score <= *best {
			if failed < 0 {
				why, failed = v, i
				if score >= 0 {
					why = RouteLowerScore
					if score == *best {
						why = RouteLater
					}
				}
			}
			continue
		}
		if hit.route != r {
			s.beaten(hit)
		}
		*hit, *best = pick6{r, obj, i}, score
		if obj != nil && !s.db.kernel.Has(FeatureMultipathOIF6) {
			break
		}
	}
	if hit.route == r {
		why, failed = RouteChosen, hit.leg
	}
	s.note(r, failed, why)
	return false
}

// score rates a leg: 2 for the right device, and four times the router preference.
// A negative score comes with the reason why the leg will not do (find_match,
// rt6_score_route).
func (s *search6) score(r *Route, l *leg6, strict strict6) (int, RouteVerdict) {
	if l.flags&NHLinkDown != 0 && l.ignoresLinkdown(s.w) {
		return -1, RouteLinkDown
	}
	if l.flags&NHDead != 0 {
		return -1, RouteDead
	}
	if r.expired() {
		return -1, RouteExpired
	}
	return s.rate(r, l, strict)
}

// expired is rt6_check_expired.
func (r *Route) expired() bool { return r.Expires.Set && r.Expires.V < 0 }

// rate is score without the look at the link's state (rt6_score_route).
func (s *search6) rate(r *Route, l *leg6, strict strict6) (int, RouteVerdict) {
	m := 0
	switch {
	case s.oif == 0 || l.oif == s.oif:
		m = 2
	case strict&strictIface != 0:
		return -1, RouteWrongOIF
	}
	m |= int(r.Pref^2) << 2
	if l.gw.IsValid() && s.db.neighFailed(l.oif, l.gw) {
		s.db.noteForwarding6(s.w)
		if strict&strictReachable != 0 {
			return -1, RouteNeighFailed
		}
	}
	return m, RouteChosen
}

// ignoresLinkdown reports whether the leg's device has ignore_routes_with_linkdown.
func (l *leg6) ignoresLinkdown(w *Walk) bool {
	if l.dev == nil {
		return false
	}
	l.dev.note6(w, "ignore_routes_with_linkdown", b2i(l.dev.conf6.ignoreLinkdown))
	return l.dev.conf6.ignoreLinkdown
}

// object6 returns the nexthop object of a route, nil if it has none.
func (db *Database) object6(r *Route) *object {
	if r.NHID == 0 {
		return nil
	}
	return db.six.objects[r.NHID]
}

func (db *Database) legCount(r *Route, obj *object) int {
	if obj != nil {
		return len(obj.hops)
	}
	return len(r.NextHops)
}

// leg6 returns a nexthop of a route or of its object.
func (db *Database) leg6(r *Route, obj *object, i int) leg6 {
	if obj != nil {
		h := &obj.hops[i]
		l := leg6{dev: h.dev, oif: h.oif, gw: h.gw}
		if h.dead {
			l.flags = NHDead
		}
		return l
	}
	h := &r.NextHops[i]
	return leg6{dev: db.devs[h.Dev], oif: h.Dev, gw: h.Gateway, flags: h.Flags}
}

// neighFailed reports whether a gateway is known to be unreachable
// (rt6_check_neigh).
func (db *Database) neighFailed(dev int, gw netip.Addr) bool {
	s, ok := db.neighs[neighKey{dev, gw}]
	return ok && s&NUDFailed != 0 && s&NUDValid == 0
}

package explain

import (
	"fmt"

	"github.com/rulewalk/rulewalk/rpdb"
)

// route tells what became of a route that covers the destination.
func (b *builder) route(l *rpdb.LookupTrace, s *rpdb.Step, i int) RouteView {
	r := &s.Routes[i]
	return RouteView{
		Route: b.w.route(r.Route), short: b.w.shortRoute(r.Route),
		Verdict: r.Verdict.String(), Reason: b.routeReason(l, s, r),
	}
}

func (b *builder) routeReason(l *rpdb.LookupTrace, s *rpdb.Step, r *rpdb.RouteStep) string {
	rt := r.Route
	switch r.Verdict {
	case rpdb.RouteChosen:
		return chosenReason(s, r)
	case rpdb.RouteShorter:
		if w := winner(s); w != nil {
			return fmt.Sprintf("shorter prefix: /%d < /%d", rt.Dst.Bits(), w.Dst.Bits())
		}
		return "shorter prefix"
	case rpdb.RouteLater:
		return laterReason(rt, winner(s))
	case rpdb.RouteTOS:
		return fmt.Sprintf("tos %s ≠ %s", hex(uint64(l.Key.TOS)), hex(uint64(rt.TOS)))
	case rpdb.RouteScope:
		return fmt.Sprintf("scope %s is wider than %s", b.w.names.Scope(rt.Scope), b.w.names.Scope(l.Key.Scope))
	case rpdb.RouteDead:
		return b.deadReason(r)
	case rpdb.RouteLinkDown:
		return fmt.Sprintf("%s has no carrier, and ignore_routes_with_linkdown is set", b.legDev(r))
	case rpdb.RouteWrongOIF:
		if l.Key.OIF == 0 {
			return "its device is not the one asked for"
		}
		return fmt.Sprintf("dev %s ≠ oif %s", b.legDev(r), b.w.dev(l.Key.OIF))
	case rpdb.RouteSource:
		return fmt.Sprintf("%s ∉ from %s", b.srcWord(&l.Key), rt.Src)
	case rpdb.RouteExpired:
		return "its lifetime is over"
	case rpdb.RouteNeighFailed:
		return "its gateway is known not to answer"
	case rpdb.RouteLowerScore:
		return lowerReason(rt, winner(s))
	case rpdb.RouteHidden:
		if rt.Src.Bits() > 0 {
			return "passed by: a route of its prefix was refused or deleted, and the kernel now compares a longer prefix here"
		}
		return "hidden: its prefix also has routes for other sources"
	case rpdb.RouteLeafAbandoned:
		return "passed over with the nexthop object of the same base address"
	case rpdb.RouteThrow:
		return "throw: leaves this table"
	case rpdb.RouteError:
		return "answers " + routeErr(rt).Name()
	}
	return ""
}

// routeErr is the error that a route ends a lookup with: that of its type, or that
// of a blackhole nexthop object.
func routeErr(r *rpdb.Route) rpdb.Errno {
	if err := r.Type.Err(); err != rpdb.OK {
		return err
	}
	return rpdb.EINVAL
}

func chosenReason(s *rpdb.Step, r *rpdb.RouteStep) string {
	if r.Route.Dst.Bits() == 0 {
		if onlyOf(s, r) {
			return "the only route that covers it"
		}
		return "the best default route"
	}
	return "longest prefix that covers it"
}

// onlyOf reports whether a route is the only one of its table that covers the
// destination.
func onlyOf(s *rpdb.Step, r *rpdb.RouteStep) bool {
	return len(s.Routes) == 1 && &s.Routes[0] == r
}

// winner returns the route that a table chose, nil if none.
func winner(s *rpdb.Step) *rpdb.Route {
	for i := range s.Routes {
		switch s.Routes[i].Verdict {
		case rpdb.RouteChosen, rpdb.RouteError, rpdb.RouteThrow:
			return s.Routes[i].Route
		}
	}
	return nil
}

func laterReason(r, w *rpdb.Route) string {
	switch {
	case w == nil:
		return "another of this prefix stands before it"
	case r.TOS != w.TOS:
		return fmt.Sprintf("tos %s is tried after %s", hex(uint64(r.TOS)), hex(uint64(w.TOS)))
	case r.Priority > w.Priority:
		return fmt.Sprintf("metric %d > %d", r.Priority, w.Priority)
	}
	return "stands after it with the same metric"
}

func lowerReason(r, w *rpdb.Route) string {
	if w != nil && r.Pref != w.Pref {
		return fmt.Sprintf("pref %s, the chosen has %s", prefWord(r.Pref), prefWord(w.Pref))
	}
	return "another of this prefix fits the device better"
}

func prefWord(p rpdb.RouterPref) string {
	switch p {
	case rpdb.PrefHigh:
		return "high"
	case rpdb.PrefLow:
		return "low"
	}
	return "medium"
}

func (b *builder) deadReason(r *rpdb.RouteStep) string {
	dev := b.hopDev(r)
	if l := b.w.links[dev]; l != nil && !l.Up() {
		return "dead: " + l.Name + " is down"
	}
	return "dead nexthop"
}

func (b *builder) legDev(r *rpdb.RouteStep) string { return b.w.dev(b.hopDev(r)) }

// hopDev returns the device of the nexthop that a verdict is about.
func (b *builder) hopDev(r *rpdb.RouteStep) int {
	hops := r.Route.NextHops
	switch {
	case r.Leg >= 0 && r.Leg < len(hops):
		return hops[r.Leg].Dev
	case len(hops) > 0:
		return hops[0].Dev
	}
	return 0
}

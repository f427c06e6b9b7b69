package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// What IPv6 routes need of nexthop objects.

func (n *Namespace) hasObject6(uint32) bool { return false }

// objectLegs6 returns the nexthops of an object, and whether it is a blackhole.
func (n *Namespace) objectLegs6(uint32) ([]rpdb.NextHop, bool) { return nil, false }

// checkObject6 checks whether a route may use an object, and returns the device of
// its first nexthop (fib6_check_nexthop).
func (n *Namespace) checkObject6(*config6) (int, error) {
	return 0, fail(rpdb.EINVAL, "Nexthop id does not exist")
}

func (n *Namespace) fillObject6(_ *message, r *route6) (rpdb.RouteType, uint32) { return r.typ, 0 }

// dropped6 lets go of what a route that left its table held.
func (n *Namespace) dropped6(*route6) {}

func (n *Namespace) modelObject6(r rpdb.Route) rpdb.Route { return r }

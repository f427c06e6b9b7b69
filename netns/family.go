package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// byFamily makes one handler of those of the two families. A request of another
// family is refused, as where no part registered for it (rtnl_get_link); so is one
// of a family whose handler is nil.
func byFamily(v4, v6 func(*request) error) func(*request) error {
	return func(r *request) error {
		h := v4
		switch r.family() {
		case rpdb.IPv4:
		case rpdb.IPv6:
			h = v6
		default:
			h = nil
		}
		if h == nil {
			return fail(rpdb.EOPNOTSUPP, "")
		}
		return h(r)
	}
}

// dumpByFamily is byFamily for dumps: one of no family lists all (rtnl_dump_all).
func dumpByFamily(v4, v6 func(*request) error) func(*request) error {
	one := byFamily(v4, v6)
	return func(r *request) error {
		if r.family() == rpdb.IPv4 && v4 != nil || r.family() == rpdb.IPv6 && v6 != nil {
			return one(r)
		}
		for _, h := range []func(*request) error{v4, v6} {
			if h == nil {
				continue
			}
			if err := h(r); err != nil {
				return err
			}
		}
		return nil
	}
}

// routeByFamily is byFamily for requests about routes, which IPv4 multicast routing
// takes too.
func routeByFamily(v4, v6 func(*request) error) func(*request) error {
	h := byFamily(v4, v6)
	return func(r *request) error {
		if r.family() == familyIPMR {
			return newMRoute(r)
		}
		return h(r)
	}
}

// dumpRoutes answers RTM_GETROUTE with NLM_F_DUMP.
func dumpRoutes(r *request) error {
	if f := r.family(); f == familyIPMR || f == familyIP6MR {
		return dumpMRoutes(r)
	}
	return dumpByFamily(dumpRoutes4, dumpRoutes6)(r)
}

// family is the first byte of every request (struct rtgenmsg).
func (r *request) family() rpdb.Family { return rpdb.Family(r.data[0]) }

// neighOrFDB takes requests of AF_BRIDGE to forwarding databases.
func neighOrFDB(neigh, fdb func(*request) error) func(*request) error {
	return func(r *request) error {
		if r.family() == familyBridge {
			return fdb(r)
		}
		return neigh(r)
	}
}

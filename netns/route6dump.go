package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// dumpFilter is what a dump of routes is to show (struct fib_dump_filter).
type dumpFilter struct {
	table    uint32
	typ      rpdb.RouteType
	protocol uint8
	dev      *device
	prefix   bool // only routes of router advertisements (RTM_F_PREFIX)
	cached   bool // only the cache
	set      bool
}

// dumpRoutes6 answers RTM_GETROUTE with NLM_F_DUMP for IPv6 (inet6_dump_fib).
func dumpRoutes6(r *request) error {
	n := r.ns
	f, err := n.routeFilter(r)
	if err != nil {
		return err
	}
	r.filtered = r.filtered || f.set
	flags := netlink.HeaderFlags(0)
	if r.strict() { // without the routes or without the cache, of which one is always left out
		flags = netlink.DumpFiltered
	}
	tables := n.fib6.tables
	if f.table != 0 {
		t := n.fib6.table(f.table)
		if t == nil {
			if rpdb.Family(r.data[0]) != rpdb.IPv6 {
				return nil
			}
			return fail(rpdb.ENOENT, "ipv6: FIB table does not exist")
		}
		tables = []*table6{t}
	}
	for _, t := range tables {
		t.root.walk(func(rt *route6) *route6 {
			if n.shows6(&f, rt) {
				r.row(rtnl.RTMNewRoute, flags, n.fillRoute6(rt))
			}
			return rt.lastSibling()
		})
	}
	return nil
}

// shows6 reports whether a dump has a route (rt6_dump_route).
func (n *Namespace) shows6(f *dumpFilter, r *route6) bool {
	switch {
	case f.cached, f.prefix && r.flags&flagPrefix == 0,
		f.typ != 0 && f.typ != r.typ,
		f.dev != nil && !n.usesDev6(r, f.dev.Index),
		f.protocol != 0 && f.protocol != r.protocol:
		return false
	}
	return true
}

// usesDev6 reports whether any nexthop of a route is of a device
// (fib6_info_uses_dev).
func (n *Namespace) usesDev6(r *route6, dev int) bool {
	if r.nhid != 0 {
		legs, _ := r.object.legs6()
		for i := range legs {
			if legs[i].Dev == dev {
				return true
			}
		}
		return false
	}
	for _, s := range r.siblings() {
		if s.nh.Dev == dev {
			return true
		}
	}
	return false
}

// routeFilter reads the filter of a dump (ip_valid_fib_dump_req).
func (n *Namespace) routeFilter(r *request) (dumpFilter, error) {
	var f dumpFilter
	if !r.strict() {
		if len(r.data) >= routeHeaderLen {
			f.prefix = binary.NativeEndian.Uint32(r.data[8:])&flagOnlyPrefix != 0
		}
		return f, nil
	}
	if len(r.data) < routeHeaderLen {
		return f, fail(rpdb.EINVAL, "Invalid header for FIB dump request")
	}
	h := r.data[:routeHeaderLen]
	if h[1] != 0 || h[2] != 0 || h[3] != 0 || h[6] != 0 {
		return f, fail(rpdb.EINVAL, "Invalid values in header for FIB dump request")
	}
	flags := binary.NativeEndian.Uint32(h[8:])
	if flags&^(rpdb.FlagCloned|flagOnlyPrefix) != 0 {
		return f, fail(rpdb.EINVAL, "Invalid flags for FIB dump request")
	}
	f.cached, f.prefix = flags&rpdb.FlagCloned != 0, flags&flagOnlyPrefix != 0
	f.table, f.protocol, f.typ = uint32(h[4]), h[5], rpdb.RouteType(h[7])
	tb, err := parseAttrs(r.data[routeHeaderLen:], route4Policy, deprecatedStrict, &r.ext)
	if err != nil {
		return f, err
	}
	for typ := range tb {
		switch {
		case !tb.has(typ):
		case typ == nla.RTATable:
			f.table = tb.u32(nla.RTATable)
		case typ == nla.RTAOIF:
			if f.dev = n.byIndex(int(int32(tb.u32(nla.RTAOIF)))); f.dev == nil {
				return f, fail(rpdb.ENODEV, "")
			}
		default:
			return f, fail(rpdb.EINVAL, "Unsupported attribute in dump request")
		}
	}
	f.set = flags != 0 || f.protocol != 0 || f.typ != 0 || f.table != 0 || f.dev != nil
	return f, nil
}

// flagOnlyPrefix asks for routes of router advertisements only (RTM_F_PREFIX).
const flagOnlyPrefix uint32 = 0x800

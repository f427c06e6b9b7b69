package netns

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// newRoute4 answers RTM_NEWROUTE (inet_rtm_newroute). The table is made before the
// route is checked, and stays if that fails.
func newRoute4(r *request) error {
	n := r.ns
	c, err := n.parseConfig4(r)
	if err != nil {
		return err
	}
	if err := n.insertRoute4(n.newTable4(c.table), c); err != nil {
		return err
	}
	if c.typ == rpdb.Local {
		n.ip4.customLocal = true
	}
	return nil
}

// delRoute4 answers RTM_DELROUTE (inet_rtm_delroute).
func delRoute4(r *request) error {
	n := r.ns
	c, err := n.parseConfig4(r)
	if err != nil {
		return err
	}
	if c.nhid != 0 && !n.hasObject(c.nhid) {
		return fail(rpdb.EINVAL, "Nexthop id does not exist")
	}
	t := n.table4Of(c.table)
	if t == nil {
		return fail(rpdb.ESRCH, "FIB table does not exist")
	}
	return n.deleteRoute4(t, c)
}

// dumpRoutes4 answers RTM_GETROUTE with NLM_F_DUMP (inet_dump_fib).
func dumpRoutes4(r *request) error {
	n := r.ns
	f, err := n.routeFilter(r)
	if err != nil {
		return err
	}
	r.filtered = r.filtered || f.set
	if f.prefix {
		return nil
	}
	if f.table != 0 && n.table4Of(f.table) == nil {
		if r.family() == rpdb.IPv4 {
			return fail(rpdb.ENOENT, "ipv4: FIB table does not exist")
		}
		return nil
	}
	if f.cached {
		return n.dumpExceptions4(r, &f)
	}
	n.eachTable4(func(t *table4) bool {
		if f.table == 0 || f.table == t.id {
			n.dumpTable4(r, t, &f)
		}
		return true
	})
	return nil
}

// dumpTable4 lists a table (fn_trie_dump_leaf).
func (n *Namespace) dumpTable4(r *request, t *table4, f *dumpFilter) {
	flags := netlink.HeaderFlags(0)
	if r.strict() { // without the exceptions
		flags = netlink.DumpFiltered
	}
	t.each(func(a *alias4) bool {
		if f.typ != 0 && a.typ != f.typ || f.protocol != 0 && a.info.proto != f.protocol ||
			f.dev != nil && !n.usesDev4(a.info, f.dev) {
			return true
		}
		r.row(rtnl.RTMNewRoute, flags, n.appendRoute4(nil, a, t.id))
		return true
	})
}

// usesDev4 reports whether a nexthop leaves by a device (fib_info_nh_uses_dev).
func (n *Namespace) usesDev4(fi *fibInfo, d *device) bool {
	hops := fi.hops
	if fi.object != nil {
		hops = fi.object.hops()
	}
	for i := range hops {
		if hops[i].dev == d {
			return true
		}
	}
	return false
}

package netns

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// exceptions are what packets taught a namespace of the way to single destinations
// (struct fib_nh_exception, struct rt6_exception): the MTU of the path, and a better
// gateway.
type exceptions struct {
	mu   sync.Mutex
	ways map[exceptionKey]Exception
}

// exceptionKey is a destination and the nexthop that the exception is of.
type exceptionKey struct {
	dst, gateway netip.Addr
	oif          int
}

// Exception is what is known of the way to one destination.
type Exception struct {
	MTU     int        // of the path, 0: not known
	Locked  bool       // the path takes less than the least MTU that is believed
	Gateway netip.Addr // a router's redirect; invalid: none
	Expires time.Time  // of the MTU; for IPv4 of all of it
}

func keyOfException(dst netip.Addr, d *rpdb.Decision) exceptionKey {
	k := exceptionKey{dst: dst, oif: d.OIF}
	if d.UsesRoute {
		k.gateway = d.Gateway
	}
	return k
}

// Exception returns what is known of the way to a destination by a decision
// (find_exception). It is safe for concurrent use and costs a lock and a map.
func (n *Namespace) Exception(dst netip.Addr, d *rpdb.Decision) (Exception, bool) {
	x := &n.exceptions
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.ways) == 0 {
		return Exception{}, false
	}
	k := keyOfException(dst, d)
	e, ok := x.ways[k]
	if ok && !e.Expires.IsZero() && !n.world.config.Clock().Before(e.Expires) {
		e.MTU, e.Locked, e.Expires = 0, false, time.Time{}
		if !e.Gateway.IsValid() || dst.Is4() {
			delete(x.ways, k)
			return Exception{}, false
		}
		x.ways[k] = e
	}
	return e, ok
}

// PathMTU returns the MTU of the path to a destination, if packets taught it.
func (n *Namespace) PathMTU(dst netip.Addr, d *rpdb.Decision) (int, bool) {
	e, ok := n.Exception(dst, d)
	return e.MTU, ok && e.MTU != 0
}

// Except changes what is known of the way to a destination (update_or_create_fnhe).
func (n *Namespace) Except(dst netip.Addr, d *rpdb.Decision, change func(*Exception)) {
	x := &n.exceptions
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ways == nil {
		x.ways = map[exceptionKey]Exception{}
	}
	k := keyOfException(dst, d)
	e := x.ways[k]
	change(&e)
	x.ways[k] = e
}

// flushExceptions forgets what packets taught of the ways of a family (fnhe_genid_bump,
// fib6_run_gc).
func (n *Namespace) flushExceptions(f rpdb.Family) {
	n.exceptions.mu.Lock()
	defer n.exceptions.mu.Unlock()
	for k := range n.exceptions.ways {
		if rpdb.FamilyOf(k.dst) == f {
			delete(n.exceptions.ways, k)
		}
	}
}

// forgetExceptions4 forgets what packets taught of the ways by a nexthop, as a route is
// gone that had it (free_nh_exceptions).
func (n *Namespace) forgetExceptions4(gateway netip.Addr, oif int) {
	n.exceptions.mu.Lock()
	defer n.exceptions.mu.Unlock()
	for k := range n.exceptions.ways {
		if k.dst.Is4() && k.gateway == gateway && k.oif == oif {
			delete(n.exceptions.ways, k)
		}
	}
}

// flagRedirected is RTCF_REDIRECTED, which an answer shows.
const flagRedirected uint32 = 0x00040000

// except changes an answer to what packets taught of the way (rt_fill_info,
// rt6_fill_node).
func (n *Namespace) except(rep *rtnl.Reply, x Exception) {
	if x.Gateway.IsValid() {
		rep.Gateway, rep.Flags = x.Gateway, rep.Flags|flagRedirected
	}
	if !x.Expires.IsZero() {
		rep.Cache.Set = true
		rep.Cache.V.Expires = int32(x.Expires.Sub(n.world.config.Clock()) * userHz / time.Second)
	}
	if x.MTU == 0 {
		return
	}
	metrics := slices.DeleteFunc(slices.Clone(rep.Metrics), func(m rpdb.Metric) bool { return m.ID == nla.RTAXMTU })
	rep.Metrics = append(metrics, rpdb.Metric{ID: nla.RTAXMTU, Val: uint32(x.MTU), Lock: x.Locked})
	slices.SortFunc(rep.Metrics, func(a, b rpdb.Metric) int { return cmp.Compare(a.ID, b.ID) })
}

// dumpExceptions4 lists what packets taught of single destinations
// (fib_dump_info_fnhe). The kernel's order is that of a hash with a random key.
func (n *Namespace) dumpExceptions4(r *request, f *dumpFilter) error {
	db, err := n.database()
	if err != nil {
		return err
	}
	n.exceptions.mu.Lock()
	keys := slices.SortedFunc(maps.Keys(n.exceptions.ways), func(a, b exceptionKey) int { return a.dst.Compare(b.dst) })
	n.exceptions.mu.Unlock()
	for _, k := range keys {
		if !k.dst.Is4() {
			continue
		}
		d := db.Lookup(&rpdb.Flow{Dst: k.dst, OIF: k.oif})
		x, ok := n.Exception(k.dst, &d)
		if !ok || d.Err != rpdb.OK || f.table != 0 && d.Table != f.table {
			continue
		}
		rep := rtnl.Reply{
			Family: rpdb.IPv4, Dst: netip.PrefixFrom(k.dst, 32), Table: d.Table, Type: rpdb.Unicast, Flags: rpdb.FlagCloned,
			OIF: d.OIF, Gateway: d.Gateway,
		}
		n.except(&rep, x)
		r.row(rtnl.RTMNewRoute, 0, rtnl.EncodeReply(rep))
	}
	return nil
}

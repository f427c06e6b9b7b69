package netns

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
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
	Expires time.Time  // of the MTU
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
	if ok && e.MTU != 0 && !n.world.config.Clock().Before(e.Expires) {
		e.MTU, e.Locked = 0, false
		if !e.Gateway.IsValid() {
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

// FlushExceptions forgets all that packets taught (rt_cache_flush).
func (n *Namespace) FlushExceptions() {
	n.exceptions.mu.Lock()
	defer n.exceptions.mu.Unlock()
	n.exceptions.ways = nil
}

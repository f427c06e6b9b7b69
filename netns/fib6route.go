package netns

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Flags of an IPv6 route that no message shows (RTF_*).
type flags6 uint16

const (
	flagReject flags6 = 1 << iota
	flagLocal
	flagAnycast
	flagAddrconf
	flagPrefix
	flagDefault
	flagExpires
	flagRouteInfo
	flagFlush // marked for removal with its siblings (should_flush)
)

// route6 is an IPv6 route with one nexthop, or with a nexthop object (struct
// fib6_info). A multipath route is a ring of them.
type route6 struct {
	next  *route6 // in the node
	node  *node6  // nil: not in a table
	table *table6
	ring  *ring6 // nil: no siblings

	dst, src netip.Prefix
	metric   uint32
	flags    flags6
	typ      rpdb.RouteType
	protocol uint8
	pref     rpdb.RouterPref
	prefsrc  netip.Addr
	expires  jiffies // with flagExpires
	metrics  *metrics
	nhid     uint32
	object   *nexthop // of nhid
	nh       rpdb.NextHop
}

// ring6 are the siblings of a multipath route in the order of their ring.
type ring6 struct{ legs []*route6 }

// siblings returns the ring as seen from a route, which is first.
func (r *route6) siblings() []*route6 {
	if r.ring == nil {
		return []*route6{r}
	}
	i := slices.Index(r.ring.legs, r)
	return slices.Concat(r.ring.legs[i:], r.ring.legs[:i])
}

// lastSibling is where a walk over the node goes on after a multipath route.
func (r *route6) lastSibling() *route6 {
	if r.ring == nil {
		return r
	}
	n := len(r.ring.legs)
	return r.ring.legs[(slices.Index(r.ring.legs, r)+n-1)%n]
}

// ecmp reports whether the route can be a sibling (rt6_qualify_for_ecmp).
func (r *route6) ecmp() bool {
	return r.flags&flagAddrconf == 0 && r.nhid == 0 && r.nh.Gateway.IsValid()
}

// sameHop reports whether two routes have one nexthop (rt6_duplicate_nexthop).
func (r *route6) sameHop(o *route6) bool {
	if r.nhid != 0 || o.nhid != 0 {
		return r.nhid == o.nhid
	}
	return r.nh.Dev == o.nh.Dev && r.nh.Gateway == o.nh.Gateway && sameEncap(r.nh.Encap, o.nh.Encap)
}

func sameEncap(a, b *rpdb.Encap) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Type == b.Type && bytes.Equal(a.Data, b.Data)
}

// cause6 is what changes routes: a request with its flags, which may differ from leg
// to leg, or the kernel itself (struct nl_info).
type cause6 struct {
	req    *request
	flags  netlink.HeaderFlags
	silent bool // skip_notify
}

func (c *cause6) has(f netlink.HeaderFlags) bool { return c.req != nil && c.flags&f != 0 }

// byKernel is a change that no request asked for.
func byKernel() *cause6 { return &cause6{} }

// Flags of a request for something new. Their bits mean other things for a dump.
const (
	flagCreate  = netlink.Create
	flagExcl    = netlink.Excl
	flagReplace = netlink.Replace
	flagAppend  = netlink.Append
)

// insert6 puts a route into its table (fib6_add).
func (n *Namespace) insert6(r *route6, c *cause6) error {
	create := c.req == nil || c.flags&flagCreate != 0
	replace := c.has(flagReplace)
	missing := fail(rpdb.ENOENT, "Can not replace route - no match found")
	fn := addNode(&r.table.root, key6Of(r.dst.Addr()), uint8(r.dst.Bits()), create, replace)
	if fn == nil {
		return missing
	}
	at := fn
	if r.src.IsValid() && r.src.Bits() > 0 {
		if fn.subtree == nil {
			fn.subtree = &node6{parent: fn, root: true}
		}
		sub := fn.subtree
		at = addNode(sub, key6Of(r.src.Addr()), uint8(r.src.Bits()), create, replace)
		if at == nil {
			if sub.left == nil && sub.right == nil {
				fn.subtree = nil
			}
			if fn.leaf == nil && !fn.isTable() {
				repair(fn)
				n.changes.Add(1)
			}
			return missing
		}
		if fn.leaf == nil && !fn.isTable() {
			fn.holder = r
		}
	}
	err := n.insertAt(at, r, c)
	if err == nil {
		n.collectLater6(r)
	}
	if err != nil && at != fn && fn.leaf == nil && !fn.isTable() {
		fn.holder = findPrefix(fn)
		n.changes.Add(1)
	}
	if err != nil && at.leaf == nil && !at.root {
		repair(at)
		n.changes.Add(1)
	}
	return err
}

// place is where insertAt puts a route.
type place struct {
	before   **route6
	siblings bool
	found    bool // *before is to be replaced
}

// findPlace searches the node for the place of a route (the first half of
// fib6_add_rt2node). The flags that a notification carries are collected in flags.
func (n *Namespace) findPlace(fn *node6, r *route6, c *cause6, flags *netlink.HeaderFlags) (place, error) {
	var p place
	var fallback **route6
	replace := c.has(flagReplace)
	p.before = &fn.leaf
	for it := fn.leaf; it != nil; it = it.next {
		if it.metric == r.metric {
			if c.has(flagExcl) {
				return p, fail(rpdb.EEXIST, "")
			}
			*flags &^= flagExcl
			switch {
			case replace && r.ecmp() == it.ecmp():
				p.found = true
				return p, nil
			case replace:
				if fallback == nil {
					fallback = p.before
				}
			case it.sameHop(r):
				it.refresh(r)
				return p, fail(rpdb.EEXIST, "")
			case r.ecmp() && it.ecmp():
				p.siblings = true
			}
		}
		if it.metric > r.metric {
			break
		}
		p.before = &it.next
	}
	if fallback != nil {
		p.before, p.found = fallback, true
	}
	return p, nil
}

// refresh takes over the expiry of an equal route that was added again.
func (r *route6) refresh(o *route6) {
	if r.flags&flagExpires == 0 {
		return
	}
	if o.flags&flagExpires == 0 {
		r.flags &^= flagExpires
	} else {
		r.expires = o.expires
	}
	if o.metrics.get(nla.RTAXMTU) != 0 {
		r.metrics = r.metrics.with(nla.RTAXMTU, o.metrics.get(nla.RTAXMTU))
	}
}

// insertAt puts a route among those of its node (fib6_add_rt2node).
func (n *Namespace) insertAt(fn *node6, r *route6, c *cause6) error {
	flags := flagExcl
	if c.has(flagAppend) {
		flags |= flagAppend
	}
	p, err := n.findPlace(fn, r, c, &flags)
	if err != nil {
		return err
	}
	if c.has(flagReplace) && !p.found && c.flags&flagCreate == 0 {
		return fail(rpdb.ENOENT, "")
	}
	if p.siblings {
		joinRing(fn, r)
	}
	r.node = fn
	placed6(r)
	n.changes.Add(1)
	if p.found {
		n.replaceAt(p.before, r, c)
		return nil
	}
	r.next = *p.before
	*p.before = r
	n.notifyRoute6(r, rtnl.RTMNewRoute, c, flags|flagCreate)
	return nil
}

// replaceAt puts a route into the place of another, and of all its siblings.
func (n *Namespace) replaceAt(at **route6, r *route6, c *cause6) {
	old, fn := *at, r.node
	r.next = old.next
	*at = r
	n.notifyRoute6(r, rtnl.RTMNewRoute, c, flagReplace)
	siblings := old.ring != nil
	old.node = nil
	if !siblings {
		purge(fn, old)
		dropped6(old)
		return
	}
	gone := []*route6{old}
	for p := &r.next; *p != nil && (*p).metric <= r.metric; {
		if it := *p; it.ecmp() {
			*p, it.node = it.next, nil
			gone = append(gone, it)
		} else {
			p = &it.next
		}
	}
	for _, g := range gone {
		g.ring = nil
		purge(fn, g)
		dropped6(g)
	}
}

// joinRing makes a route the last sibling of those of its metric.
func joinRing(fn *node6, r *route6) {
	first := fn.leaf
	for first.metric != r.metric || !first.ecmp() {
		first = first.next
	}
	if first.ring == nil {
		first.ring = &ring6{legs: []*route6{first}}
	}
	r.ring = first.ring
	// list_add_tail: before the first, in a ring.
	if i := slices.Index(r.ring.legs, first); i > 0 {
		r.ring.legs = slices.Insert(r.ring.legs, i, r)
	} else {
		r.ring.legs = append(r.ring.legs, r)
	}
}

// leaveRing takes a route out of its siblings.
func (r *route6) leaveRing() {
	if r.ring == nil {
		return
	}
	ring := r.ring
	ring.legs = slices.DeleteFunc(ring.legs, func(x *route6) bool { return x == r })
	if len(ring.legs) == 1 {
		ring.legs[0].ring = nil
	}
	r.ring = nil
}

// remove6 takes a route out of its table (fib6_del).
func (n *Namespace) remove6(r *route6, c *cause6) error {
	fn := r.node
	if fn == nil {
		return fail(rpdb.ENOENT, "")
	}
	for p := &fn.leaf; *p != nil; p = &(*p).next {
		if *p != r {
			continue
		}
		*p, r.node = r.next, nil
		r.leaveRing()
		if fn.leaf == nil {
			fn = repair(fn)
		}
		purge(fn, r)
		n.changes.Add(1)
		dropped6(r)
		r.flags &^= flagExpires // fib6_purge_rt, before the notification
		n.notifyRoute6(r, rtnl.RTMDelRoute, c, 0)
		return nil
	}
	return fail(rpdb.ENOENT, "")
}

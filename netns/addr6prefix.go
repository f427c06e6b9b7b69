package netns

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// cleanup6 is what becomes of a prefix route when an address goes
// (enum cleanup_prefix_rt_t).
type cleanup6 uint8

const (
	cleanupNone cleanup6 = iota
	cleanupDelete
	cleanupExpire
)

// addPrefixRoute6 adds the route to the prefix of an address
// (addrconf_prefix_route).
func (n *Namespace) addPrefixRoute6(d *device, addr netip.Addr, plen uint8, metric uint32, expires jiffies) {
	c := &config6{
		table: n.tableOf6(d, tableMain), metric: metric, dev: d.Index, dst: addr, dstLen: plen,
		src: netip.IPv6Unspecified(), protocol: rpdb.ProtoKernel, typ: rpdb.Unicast, cause: byKernel(),
	}
	if metric == 0 {
		c.metric = metricAddrconf
	}
	if expires != 0 {
		c.expires, c.flags = expires, flagExpires
	}
	_ = n.addRoute6(c) // the kernel does not look either
}

// addMulticastRoute6 adds the route to all groups by a device
// (addrconf_add_mroute).
func (n *Namespace) addMulticastRoute6(d *device) {
	_ = n.addRoute6(&config6{
		table: n.tableOf6(d, tableLocal), metric: metricAddrconf, dev: d.Index,
		dst: multicastNet.Addr(), dstLen: 8, src: netip.IPv6Unspecified(),
		protocol: rpdb.ProtoKernel, typ: rpdb.Multicast, cause: byKernel(),
	})
}

// prefixRoute6 finds the route to a prefix by a device that has some flags and not others
// (addrconf_get_prefix_route).
func (n *Namespace) prefixRoute6(d *device, addr netip.Addr, plen uint8, flags, noFlags flags6, noGateway bool) *route6 {
	t := n.fib6.table(n.tableOf6(d, tableMain))
	if t == nil {
		return nil
	}
	fn := locate(&t.root, key6Of(netip.PrefixFrom(addr, int(plen)).Masked().Addr()), plen)
	if fn == nil {
		return nil
	}
	for r := fn.leaf; r != nil; r = r.next {
		if r.nhid == 0 && r.nh.Dev == d.Index && !(noGateway && r.nh.Gateway.IsValid()) && r.flags&flags == flags && r.flags&noFlags == 0 {
			return r
		}
	}
	return nil
}

// cleanupOf6 tells what becomes of the prefix route without an address, and until
// when other addresses need it (check_cleanup_prefix_route).
func (n *Namespace) cleanupOf6(a *addr6) (cleanup6, jiffies) {
	action, until := cleanupDelete, n.world.now()
	for _, o := range a.in.addrs {
		if o == a || o.plen != a.plen || o.subnet() != a.subnet() {
			continue
		}
		if o.flags&(rpdb.IFAPermanent|rpdb.IFANoPrefixRoute) != 0 {
			return cleanupNone, 0
		}
		action = cleanupExpire
		until = max(until, o.updated+seconds(o.valid))
	}
	return action, until
}

// cleanupPrefix6 removes the prefix route of an address or of its peer, or lets it
// expire (cleanup_prefix_route).
func (n *Namespace) cleanupPrefix6(a *addr6, addr netip.Addr, until jiffies, remove bool) {
	r := n.prefixRoute6(a.in.dev, addr, a.plen, 0, flagDefault, true)
	switch {
	case r == nil:
	case remove:
		_ = n.remove6(r, byKernel())
	case r.flags&flagExpires == 0:
		r.flags, r.expires = r.flags|flagExpires, until
	}
}

// lifetime6 is the lifetime of a prefix route: none, or a span. The kernel keeps it
// in hundredths of a second.
type lifetime6 struct {
	finite bool
	span   jiffies
}

func (l lifetime6) expires() jiffies {
	if !l.finite {
		return 0
	}
	return l.span
}

// modifyPrefix6 changes the prefix route of an address whose metric or lifetime
// changed; false if there is none (modify_prefix_route).
//
// The kernel takes the hundredths of a second of a new lifetime for a time in its own
// ticks, which is long past.
func (n *Namespace) modifyPrefix6(a *addr6, addr netip.Addr, l lifetime6) bool {
	r := n.prefixRoute6(a.in.dev, addr, a.plen, 0, flagDefault, true)
	if r == nil {
		return false
	}
	metric := a.metric
	if metric == 0 {
		metric = metricAddrconf
	}
	switch {
	case r.metric != metric:
		_ = n.remove6(r, byKernel())
		n.addPrefixRoute6(a.in.dev, addr, a.plen, a.metric, l.expires())
	case !l.finite:
		r.flags &^= flagExpires
	default:
		r.flags, r.expires = r.flags|flagExpires, jiffies(l.span.clock())-bootJiffies
	}
	return true
}

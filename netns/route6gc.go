package netns

// gcInterval6 is how often the kernel looks for routes whose time is over.
func (n *Namespace) gcInterval6() jiffies { return jiffies(n.sysctlInt("ipv6/route/gc_interval")) }

// collect6 removes the routes whose time is over (fib6_run_gc). The kernel does so
// from time to time, when told to (ipv6/route/flush), and when a device goes down or changes
// its hardware address.
func (n *Namespace) collect6() {
	now := n.world.now()
	n.fib6.collect = 0
	n.fib6.walk(func(r *route6) *route6 {
		switch {
		case r.flags&flagExpires == 0:
		case now > r.expires:
			_ = n.remove6(r, byKernel())
		default:
			n.fib6.collect = now + n.gcInterval6()
		}
		return r
	})
}

// collectLater6 sees to it that a route that expires is collected (fib6_start_gc).
func (n *Namespace) collectLater6(r *route6) {
	if r.flags&flagExpires != 0 && n.fib6.collect == 0 {
		n.fib6.collect = n.world.now() + n.gcInterval6()
	}
}

// ndisc6 is the part of IPv6 that keeps neighbours (ndisc_netdev_event).
func ndisc6(n *Namespace, _ *device, e event) {
	if e == eventDown || e == eventChangeAddr {
		n.collect6()
	}
}

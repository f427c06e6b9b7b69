package netns

// ready6 is the flag of a device whose link carries (IF_READY).
const ready6 = 0x80000000

func (in *inet6Dev) ready() bool { return in.dev.in6.flags&ready6 != 0 }

func (in *inet6Dev) setReady() { in.dev.in6.flags |= ready6 }

func (in *inet6Dev) disabled() bool   { return in.dev.conf6[conf6Disable] != 0 }
func (in *inet6Dev) forwarding() bool { return in.dev.conf6[conf6Forwarding] != 0 }

// optimistic reports whether optimistic addresses are allowed
// (ipv6_allow_optimistic_dad).
func (in *inet6Dev) optimistic() bool {
	return in.dev.ns.conf.all6[conf6OptimisticDAD] != 0 || in.dev.conf6[conf6OptimisticDAD] != 0
}

// keepsAddrs reports whether addresses survive that the device goes down.
func (in *inet6Dev) keepsAddrs() bool {
	keep := in.dev.ns.conf.all6[conf6KeepAddrOnDown]
	if keep == 0 {
		keep = in.dev.conf6[conf6KeepAddrOnDown]
	}
	return keep > 0
}

// detects reports whether duplicates are looked for (the head of
// addrconf_dad_begin).
func (in *inet6Dev) detects() bool {
	return in.dev.flags&iffNoARPOrLoopback == 0 &&
		(in.dev.ns.conf.all6[conf6AcceptDAD] >= 1 || in.dev.conf6[conf6AcceptDAD] >= 1)
}

// usesOptimistic reports whether optimistic addresses count as valid
// (ipv6_use_optimistic_addr).
func (in *inet6Dev) usesOptimistic() bool {
	return in.optimistic() && (in.dev.ns.conf.all6[conf6UseOptimistic] != 0 || in.dev.conf6[conf6UseOptimistic] != 0)
}

// ignoreLinkdown is ip6_ignore_linkdown.
func (in *inet6Dev) ignoreLinkdown() bool { return in.dev.conf6[conf6IgnoreLinkdown] != 0 }

// forwarding6Changed follows a change of the device's forwarding
// (dev_forward_change).
func (n *Namespace) forwarding6Changed(d *device) {
	in := n.inet6(d)
	if in == nil {
		return
	}
	if d.flags&iffMulticast != 0 {
		for _, g := range []string{"ff02::2", "ff01::2", "ff05::2"} {
			if in.forwarding() {
				n.joinGroup6(in, mustAddr(g))
			} else {
				n.leaveGroup6(in, mustAddr(g))
			}
		}
	}
	for _, a := range in.snapshot() {
		switch {
		case a.flags&ifaTentative != 0:
		case in.forwarding():
			n.joinAnycast6(a)
		default:
			n.leaveAnycast6(a)
		}
	}
}

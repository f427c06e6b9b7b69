package rpdb

import "strconv"

// device is a Link with what lookups need of it at hand.
type device struct {
	*Link
	vrf    int // ifindex of the VRF it belongs to (itself if it is one), 0 none
	addrs4 []*Addr
	addrs6 []*Addr
	conf4  conf4
	conf6  conf6
}

// conf4 holds the IPv4 sysctls of a device, combined with those of "all" as the
// kernel's IN_DEV_* macros do. unset has a bit for every name of ConfNames4 that
// the state does not tell for the device.
type conf4 struct {
	rpFilter, rpFilterAll, rpFilterDev                       int // max(all, dev), and both
	acceptLocal, routeLocalnet, srcValidMark, ignoreLinkdown bool
	sendRedirects, sharedMedia                               bool
	forwarding                                               bool
	bcForwarding, mcForwarding                               bool
	unset                                                    uint32
}

// conf6 holds the IPv6 sysctls of a device, combined with "all" where the kernel
// combines them.
type conf6 struct {
	forwarding, disabled, ignoreLinkdown bool
	oifAddrsOnly                         bool
	useTempaddr                          int
	optimisticDAD, useOptimistic         bool
	unset                                uint32
}

// confReader reads the sysctls of one device and of "all" below one tree.
type confReader struct {
	s     Sysctls
	tree  string // net/ipv4/conf/ or net/ipv6/conf/
	dev   string
	names []string
	unset uint32
}

// value returns the device's and all's value of a name; a value that the state
// does not tell is dflt and noted in unset.
func (c *confReader) value(name string, dflt int) (dev, all int) {
	dev = c.one(c.dev, name, dflt)
	allDflt := 0
	if dflt != 0 {
		allDflt = dflt
	}
	return dev, c.one("all", name, allDflt)
}

func (c *confReader) one(dev, name string, dflt int) int {
	if v, ok := c.s.Int(c.tree + dev + "/" + name); ok {
		return int(v)
	}
	for i, n := range c.names {
		if n == name {
			c.unset |= 1 << i
		}
	}
	return dflt
}

func (c *confReader) or(name string, dflt int) bool {
	dev, all := c.value(name, dflt)
	return dev != 0 || all != 0
}

func (c *confReader) and(name string) bool {
	dev, all := c.value(name, 0)
	return dev != 0 && all != 0
}

// readConf4 combines the IPv4 sysctls of a device (IN_DEV_RPFILTER and its like).
func readConf4(s Sysctls, dev string) conf4 {
	c := confReader{s: s, tree: "net/ipv4/conf/", dev: dev, names: ConfNames4}
	var out conf4
	out.rpFilterDev, out.rpFilterAll = c.value("rp_filter", 0)
	out.rpFilter = max(out.rpFilterDev, out.rpFilterAll)
	out.acceptLocal = c.or("accept_local", 0)
	out.routeLocalnet = c.or("route_localnet", 0)
	out.srcValidMark = c.or("src_valid_mark", 0)
	out.ignoreLinkdown = c.or("ignore_routes_with_linkdown", 0)
	out.sendRedirects = c.or("send_redirects", 1)
	out.sharedMedia = c.or("shared_media", 1)
	fwd, _ := s.Int("net/ipv4/ip_forward")
	out.forwarding = c.one(dev, "forwarding", int(fwd)) != 0
	out.bcForwarding = c.and("bc_forwarding")
	out.mcForwarding = c.and("mc_forwarding")
	out.unset = c.unset
	return out
}

// readConf6 combines the IPv6 sysctls of a device. Writing "all" sets forwarding and
// ignore_routes_with_linkdown of every device; from then on the device's own counts.
func readConf6(s Sysctls, dev string) conf6 {
	c := confReader{s: s, tree: "net/ipv6/conf/", dev: dev, names: ConfNames6}
	var out conf6
	out.forwarding = c.one(dev, "forwarding", 0) != 0
	out.disabled = c.one(dev, "disable_ipv6", 0) != 0
	out.ignoreLinkdown = c.one(dev, "ignore_routes_with_linkdown", 0) != 0
	out.oifAddrsOnly = c.one(dev, "use_oif_addrs_only", 0) != 0
	out.useTempaddr = c.one(dev, "use_tempaddr", 0)
	out.optimisticDAD = c.or("optimistic_dad", 0)
	out.useOptimistic = c.or("use_optimistic", 0)
	out.unset = c.unset
	return out
}

// note4 records that a decision used a sysctl of the device that the state does
// not tell.
func (d *device) note4(w *Walk, name string, assumed int) {
	if w == nil {
		return
	}
	for i, n := range ConfNames4 {
		if n == name && d.conf4.unset&(1<<i) != 0 {
			w.assume("sysctl net/ipv4/conf/"+d.Name+"/"+name, strconv.Itoa(assumed))
		}
	}
}

// note6 is note4 for the IPv6 sysctls.
func (d *device) note6(w *Walk, name string, assumed int) {
	if w == nil {
		return
	}
	for i, n := range ConfNames6 {
		if n == name && d.conf6.unset&(1<<i) != 0 {
			w.assume("sysctl net/ipv6/conf/"+d.Name+"/"+name, strconv.Itoa(assumed))
		}
	}
}

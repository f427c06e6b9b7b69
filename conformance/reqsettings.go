package conformance

import "github.com/rulewalk/rulewalk/rpdb"

// settings draws writes to /proc/sys/net among addresses, routes and devices that come
// and go: what follows from a setting shows in dumps and notifications.
func (g *reqGen) settings() {
	g.prelude(nil)
	r4, r6 := &gen4{dice: g.dice, t: &g.t}, &gen6{dice: g.dice, t: &g.t}
	for i := range reqLength {
		switch x := g.IntN(100); {
		case x < 50:
			g.op(g.setting())
		case x < 58:
			g.op(AddrOp{pick(g.dice, Add, Add, Replace), g.dressed(r4.addr())})
		case x < 72:
			g.op(AddrOp{pick(g.dice, Add, Add, Replace), g.dressed(r6.addr())})
		case x < 76:
			g.op(AddrOp{Del, pick(g.dice, r4.addr(), r6.addr())})
		case x < 80:
			g.oddDump(pick(g.dice, dumpNetConf4, dumpNetConf6))
		case x < 82:
			g.get("ip netconf show dev", rtnlGetNetConf, header(4, byte(pick(g.dice, rpdb.IPv4, rpdb.IPv6))),
				attr(1, u32(uint32(pick(g.dice, -1, -2, 1, devV0, devV1, 99)))))
		case x < 84:
			g.oddDump(dumpLinks)
		default:
			g.op(linkEvent(g.dice))
		}
		if i%10 == 9 {
			g.dump(dumpLinks, dumpAllAddrs, dumpRoutes4, dumpRoutes6, dumpNetConf4, dumpNetConf6)
		}
	}
	g.dump(dumpLinks, dumpAllAddrs, dumpRoutes4, dumpRoutes6, dumpNetConf4, dumpNetConf6, dumpGroups4, dumpGroups6)
}

// setting draws a write to a setting of a device, of all or of those to come.
func (g *reqGen) setting() Op {
	where := pick(g.dice, "all", "default", "lo", devNames[devV0], devNames[devV1], devNames[peerOf[devV0]])
	if g.chance(5) {
		return SysctlOp{"net/ipv4/ip_forward", pick(g.dice, "0", "1", "1", "2", "x")}
	}
	if g.chance(40) {
		name := pick(g.dice, "forwarding", "promote_secondaries", "ignore_routes_with_linkdown", "rp_filter", "proxy_arp",
			"accept_redirects", "route_localnet", "bc_forwarding", "shared_media", "send_redirects", "mc_forwarding", "nosuch")
		return SysctlOp{"net/ipv4/conf/" + where + "/" + name, pick(g.dice, "0", "1", "1", "2", "-1", "x")}
	}
	kind := pick(g.dice, []string{"mtu", "1280", "1281", "1400", "1500", "1501", "9000"},
		[]string{"addr_gen_mode", "0", "1", "0", "1", "2", "4"},
		[]string{"stable_secret", "2001:db8::1", "fe80::1:2:3", "x"},
		[]string{"hop_limit", "1", "64", "255", "256", "0"},
		[]string{"disable_ipv6", "0", "1", "0", "1", "2"},
		[]string{"keep_addr_on_down", "0", "1", "-1"},
		[]string{pick(g.dice, "forwarding", "proxy_ndp", "ignore_routes_with_linkdown", "force_forwarding", "disable_policy",
			"use_oif_addrs_only", "accept_source_route", "optimistic_dad", "use_optimistic", "mc_forwarding"), "0", "1", "1", "2", "x"})
	return SysctlOp{"net/ipv6/conf/" + where + "/" + kind[0], pick(g.dice, kind[1:]...)}
}

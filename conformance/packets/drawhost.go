package packets

import (
	"fmt"
	"net/netip"
	"strconv"
)

// host draws the settings and the addresses, routes and rules of a host.
func (d *drawing) host(h int) {
	d.basics(h)
	d.random(h)
	d.ip(h, "link set lo up")
	for i := range d.ports {
		if p := &d.ports[i]; p.host == h {
			d.address(p)
		}
	}
	if d.chance(30) {
		a := netip.AddrFrom4([4]byte{192, 168, 9, byte(h)})
		d.ip(h, "addr add %v/32 dev lo", a)
		d.addrs4 = append(d.addrs4, a)
	}
	d.neighbours(h)
	d.reach(h)
	d.extraRoutes(h)
	if d.chance(50) {
		d.rules(h)
	}
}

// basics are the settings that make the answers of the kernel the same every time: no
// rates, no random labels, short waits for neighbours, and no probes of those that answered.
func (d *drawing) basics(h int) {
	before := []string{
		"net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0",
		"net.ipv6.conf.all.router_solicitations=0", "net.ipv6.conf.default.router_solicitations=0",
		"net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=1000000", "net.ipv4.icmp_msgs_burst=1000000",
		"net.ipv6.icmp.ratelimit=0", "net.ipv6.auto_flowlabels=0",
	}
	steps := make([]Step, 0, len(before))
	for _, s := range before {
		steps = append(steps, Step{Host: d.name(h), Tool: "sysctl", Args: s, Basic: true})
	}
	d.cables = append(steps, d.cables...)
	for _, dev := range d.names[h] {
		for _, v := range []string{"ipv4", "ipv6"} {
			for _, s := range []string{"retrans_time_ms=" + strconv.Itoa(retransTime), "proxy_delay=0", "delay_first_probe_time=1000", "base_reachable_time_ms=10000000"} {
				d.settings = append(d.settings, Step{Host: d.name(h), Tool: "sysctl", Args: "net." + v + ".neigh." + dev + "." + s, Basic: true})
			}
		}
	}
}

// random draws settings that change what a host does.
func (d *drawing) random(h int) {
	set := func(pct int, name string, values ...string) {
		if d.chance(pct) {
			d.sysctl(h, name, pick(d.dice, values...))
		}
	}
	set(75, "net.ipv4.ip_forward", "1")
	set(75, "net.ipv6.conf.all.forwarding", "1")
	set(100, "net.ipv4.fib_multipath_hash_seed", strconv.Itoa(1+d.IntN(1000)))
	set(50, "net.ipv4.fib_multipath_hash_policy", "1", "3")
	set(50, "net.ipv6.fib_multipath_hash_policy", "1", "3")
	set(15, "net.ipv4.icmp_echo_ignore_all", "1")
	set(15, "net.ipv4.icmp_echo_ignore_broadcasts", "0")
	set(10, "net.ipv4.icmp_errors_use_inbound_ifaddr", "1")
	set(10, "net.ipv4.ip_default_ttl", "33")
	set(10, "net.ipv4.fwmark_reflect", "1")
	set(10, "net.ipv6.fwmark_reflect", "1")
	set(10, "net.ipv4.ip_forward_use_pmtu", "1")
	set(5, "net.ipv4.ip_no_pmtu_disc", "1")
	set(10, "net.ipv6.icmp.echo_ignore_all", "1")
	set(10, "net.ipv6.icmp.echo_ignore_multicast", "1")
	set(10, "net.ipv6.conf.all.proxy_ndp", "1")
	set(100, "net.ipv4.conf.all.send_redirects", "0")
	for i := range d.ports {
		p := &d.ports[i]
		if p.host != h {
			continue
		}
		conf := "net.ipv4.conf." + p.name + "."
		set(100, conf+"send_redirects", "0")
		set(40, conf+"rp_filter", "1", "2", "0")
		set(10, conf+"accept_local", "1")
		set(10, conf+"route_localnet", "1")
		set(10, conf+"src_valid_mark", "1")
		set(10, conf+"forwarding", "0", "1")
		set(15, conf+"arp_ignore", "1", "2", "3", "8")
		set(15, conf+"arp_announce", "1", "2")
		set(10, conf+"arp_filter", "1")
		set(10, conf+"proxy_arp", "1")
		set(10, conf+"bc_forwarding", "1")
		set(5, conf+"drop_unicast_in_l2_multicast", "1")
		set(5, conf+"log_martians", "1")
	}
	set(20, "net.ipv4.conf.all.bc_forwarding", "1")
	if len(d.silent[h]) > 0 {
		d.silence(h)
		return
	}
	set(15, "net.ipv4.conf.all.rp_filter", "1", "2")
}

// silence keeps devices below macvlans from answering what the macvlans hear too: the copy for
// those comes by the kernel's work queue, on whatever processor, at no certain time.
func (d *drawing) silence(h int) {
	for _, dev := range d.silent[h] {
		d.sysctl(h, "net.ipv4.conf."+dev+".arp_ignore", "8")
		d.sysctl(h, "net.ipv4.conf."+dev+".rp_filter", "1")
		d.sysctl(h, "net.ipv6.conf."+dev+".disable_ipv6", "1")
	}
}

func (d *drawing) address(p *port) {
	if !d.chance(97) {
		return
	}
	brd := ""
	if d.chance(70) {
		brd = " brd +"
	}
	d.ip(p.host, "addr add %v/%d%s dev %s", p.addr4, p.bits4, brd, p.name)
	d.ip(p.host, "addr add %v/64 dev %s", p.addr6, p.name)
	if d.chance(10) {
		second := p.addr4.As4()
		second[3] += 4
		a := netip.AddrFrom4(second)
		d.ip(p.host, "addr add %v/%d dev %s", a, p.bits4, p.name)
		d.addrs4 = append(d.addrs4, a)
	}
}

// neighbours makes the neighbours of a host permanent.
func (d *drawing) neighbours(h int) {
	if !d.static {
		return
	}
	for i := range d.ports {
		p := &d.ports[i]
		if p.host != h {
			continue
		}
		for _, o := range d.segments[p.segment] {
			if q := &d.ports[o]; q.host != h {
				d.ip(h, "neigh add %v lladdr %s dev %s nud permanent", q.addr4, q.mac, p.name)
				d.ip(h, "neigh add %v lladdr %s dev %s nud permanent", q.addr6, q.mac, p.name)
			}
		}
	}
}

// next are the ports on the shortest ways from a host to a segment: neighbours' ports.
func (d *drawing) next(h, segment int) (via []int) {
	dist := make([]int, len(d.t.Hosts))
	for i := range dist {
		dist[i] = -1
	}
	var queue []int
	for _, p := range d.segments[segment] {
		if dist[d.ports[p].host] < 0 {
			dist[d.ports[p].host] = 0
			queue = append(queue, d.ports[p].host)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for i, p := range d.ports {
			if q := d.ports[i^1]; p.host == queue[0] && dist[q.host] < 0 {
				dist[q.host] = dist[queue[0]] + 1
				queue = append(queue, q.host)
			}
		}
	}
	for i, p := range d.ports {
		if q := d.ports[i^1]; p.host == h && dist[q.host] == dist[h]-1 {
			via = append(via, i^1)
		}
	}
	return via
}

// reach gives a host routes to most segments by the shortest ways.
func (d *drawing) reach(h int) {
	for s := range d.segments {
		via := d.next(h, s)
		if len(via) == 0 || !d.chance(80) {
			continue
		}
		at := d.ports[d.segments[s][0]]
		d.route(h, netip.PrefixFrom(at.addr4, at.bits4).Masked().String(), "", via)
		d.route(h, netip.PrefixFrom(at.addr6, 64).Masked().String(), "-6 ", via)
	}
	if d.chance(40) {
		if via := d.next(h, d.IntN(len(d.segments))); len(via) > 0 {
			d.route(h, "default", "", via)
			d.route(h, "default", "-6 ", via)
		}
	}
}

// route adds a route by one or several of some neighbours' ports.
func (d *drawing) route(h int, dst, family string, via []int) {
	gateway := func(i int) netip.Addr {
		if family == "" {
			return d.ports[i].addr4
		}
		return d.ports[i].addr6
	}
	if len(via) > 1 && d.chance(50) {
		line := family + "route add " + dst
		for _, v := range via {
			line += fmt.Sprintf(" nexthop via %v dev %s weight %d", gateway(v), d.ports[v^1].name, 1+d.IntN(3))
		}
		d.ip(h, "%s", line)
		return
	}
	v := pick(d.dice, via...)
	extra := ""
	if d.chance(8) {
		extra = fmt.Sprintf(" mtu %s%d", pick(d.dice, "", "lock "), 1280+d.IntN(3)*50)
	}
	if d.chance(5) {
		extra += fmt.Sprintf(" hoplimit %d", 5+d.IntN(3))
	}
	d.ip(h, "%sroute add %s via %v dev %s%s", family, dst, gateway(v), d.ports[v^1].name, extra)
}

// extraRoutes adds routes of all types, most in a table of their own.
func (d *drawing) extraRoutes(h int) {
	mine := d.mine(h)
	for range d.IntN(5) {
		table := pick(d.dice, "main", "100", "100", "101")
		dst := pick(d.dice, "10.0.0.0/8", "10.0.1.0/24", "10.0.0.0/23", "default", "198.18.0.0/15", "10.0.2.2", "192.168.9.0/24")
		dst6 := pick(d.dice, "fd00::/16", "fd00:0:0:1::/64", "default", "2001:db8::/32", "fd00:0:0:2::2")
		if d.chance(30) {
			d.ip(h, "route add %s %s table %s", pick(d.dice, "blackhole", "unreachable", "prohibit", "throw"), dst, table)
			d.ip(h, "-6 route add %s %s table %s", pick(d.dice, "blackhole", "unreachable", "prohibit", "throw"), dst6, table)
			continue
		}
		if len(mine) == 0 {
			continue
		}
		p := pick(d.dice, mine...)
		via, dev := d.ports[p^1], d.ports[p].name
		if d.chance(15) {
			d.ip(h, "route add %s dev %s table %s", dst, dev, table)
			d.ip(h, "-6 route add %s dev %s table %s", dst6, dev, table)
			continue
		}
		d.ip(h, "route add %s via %v dev %s table %s", dst, via.addr4, dev, table)
		d.ip(h, "-6 route add %s via %v dev %s table %s", dst6, via.addr6, dev, table)
	}
}

// mine are the ports of a host.
func (d *drawing) mine(h int) (out []int) {
	for i, p := range d.ports {
		if p.host == h {
			out = append(out, i)
		}
	}
	return out
}

// rules draws rules of both families.
func (d *drawing) rules(h int) {
	mine := d.mine(h)
	for range 1 + d.IntN(4) {
		selector := pick(d.dice, "fwmark 1", "fwmark 2/3", "from 10.0.1.0/24", "to 10.0.2.0/24", "tos 0x10", "ipproto udp", "ipproto icmp", "dport 9",
			"from 10.0.0.0/8", "to 198.18.0.0/15", "iif lo", "not fwmark 1", "dsfield 0x20")
		selector6 := pick(d.dice, "fwmark 1", "fwmark 2/3", "from fd00:0:0:1::/64", "to fd00:0:0:2::/64", "tos 0x10", "ipproto udp", "ipproto ipv6-icmp", "dport 9",
			"from fd00::/16", "iif lo", "not fwmark 1")
		if len(mine) > 0 && d.chance(30) {
			dev := d.ports[pick(d.dice, mine...)].name
			selector = pick(d.dice, "iif ", "oif ") + dev
			selector6 = pick(d.dice, "iif ", "oif ") + dev
		}
		pref := 10 + d.IntN(100)
		action := func() string {
			return pick(d.dice, "lookup 100", "lookup 100", "lookup 100", "lookup 101", "lookup main suppress_prefixlength 0", "prohibit", "unreachable", "blackhole")
		}
		d.ip(h, "rule add pref %d %s %s", pref, selector, action())
		d.ip(h, "-6 rule add pref %d %s %s", pref, selector6, action())
	}
}

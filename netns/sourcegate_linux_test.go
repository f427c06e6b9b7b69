package netns_test

import (
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// passedBy6 brings the kernel to pass by routes from source prefixes (rpdb.Gate6), in
// the ways that are known, and out of that, with a lookup after each step.
func passedBy6() script6 {
	from := func(dst, src string) rpdb.Route {
		r := testRoute(dst, "v1")
		r.Src = netip.MustParsePrefix(src)
		return r
	}
	const a, b = "2001:a::/32", "2001:b::/32"
	var s script6
	lookups := func(dsts ...string) {
		for _, dst := range dsts {
			f := rpdb.Flow{Dst: netip.MustParseAddr(dst), Src: netip.MustParseAddr("2001:a::1")}
			s = append(s, func() (netlink.Message, error) { return rtnl.GetRoute(f, rtnl.GetOptions{FibMatch: true}), nil })
		}
	}
	change := func(m func() (netlink.Message, error), dsts ...string) {
		s = append(s, m)
		lookups(dsts...)
	}
	add := func(r rpdb.Route, o ...func(*rpdb.Route)) func() (netlink.Message, error) {
		return route6(rtnl.FlagsAdd, r, o...)
	}
	s = script6{add(testRoute("::/0", "v1"), metric(5))}

	// A change that finds nothing, without and with a longer prefix below.
	change(add(from("2001::/16", a)))
	change(route6(rtnl.FlagsChange, testRoute("2001::/16", "v0"), metric(9)), "2001:9::1")
	change(add(testRoute("2001:1::/32", "v0")))
	change(route6(rtnl.FlagsChange, testRoute("2001::/16", "v0"), metric(9)), "2001:9::1", "2001:1::1")
	change(add(from("2001::/16", b)), "2001:9::1")

	// One with another source; the holder is the right branch, which goes.
	change(add(from("2003::/16", a)))
	change(add(testRoute("2003:8000::/32", "v0")))
	change(route6(rtnl.FlagsChange, from("2003::/16", b)), "2003:9::1", "2003:8000::1")
	change(add(testRoute("2003:1::/32", "v0")), "2003:9::1")
	change(noRoute6(testRoute("2003:8000::/32", "v0")), "2003:9::1", "2003:1::1")
	change(noRoute6(testRoute("2003:1::/32", "v0")), "2003:9::1")

	// The branch below holds two prefixes.
	change(add(from("2004::/16", a)))
	change(add(testRoute("2004:1::/32", "v0")))
	change(add(testRoute("2004:2::/32", "v0")))
	change(route6(rtnl.FlagsChange, from("2004::/16", b)), "2004:9::1", "2004:1::1", "2004:3::1")
	change(noRoute6(testRoute("2004:1::/32", "v0")), "2004:9::1", "2004:1::1", "2004:2::1")

	// The newer of two sources is deleted.
	change(add(from("2005::/16", a)))
	change(add(from("2005::/16", b)))
	change(add(testRoute("2005:1::/32", "v0")))
	change(noRoute6(from("2005::/16", b)), "2005:9::1")

	// A route is replaced, and one that is there is added again.
	change(add(from("2006::/16", a)))
	change(add(testRoute("2006:1::/32", "v0")))
	change(route6(rtnl.FlagsReplace, from("2006::/16", a), mtu(1300)), "2006:9::1")
	change(add(from("2006::/16", a)), "2006:9::1")

	// One of two metrics goes.
	change(add(from("2008::/16", a), metric(1)))
	change(add(from("2008::/16", a), metric(2)))
	change(add(testRoute("2008:1::/32", "v0")))
	change(noRoute6(func() rpdb.Route { r := from("2008::/16", a); r.Priority = 2; return r }()), "2008:9::1")

	// A route without a source comes and goes.
	change(add(from("2009::/16", a)))
	change(add(testRoute("2009:1::/32", "v0")))
	change(add(testRoute("2009::/16", "v0"), metric(9)), "2009:9::1")
	change(noRoute6(testRoute("2009::/16", "v0")), "2009:9::1", "2009:1::1")
	return s
}

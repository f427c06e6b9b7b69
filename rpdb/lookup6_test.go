package rpdb

import (
	"net/netip"
	"testing"
)

// host6 is the host of the spec's cases: e0, e1, e2 with 2001:db8:{a,b,c}::1/64.
func host6(routes ...Route) *State {
	s := &State{
		Rules:   DefaultRules(IPv6),
		Links:   []Link{{Index: 1, Name: "lo", Flags: IFFUp | IFFLoopback}},
		Sysctls: Sysctls{"net/ipv4/fib_multipath_hash_seed": "12345", forwarding6: "0"},
		Facts:   Facts{CustomRules6: No},
	}
	for i, n := range []string{"a", "b", "c"} {
		dev := i + 2
		a := netip.MustParseAddr("2001:db8:" + n + "::1")
		s.Links = append(s.Links, Link{Index: dev, Name: "e" + string(rune('0'+i)), Flags: IFFUp})
		s.Addrs = append(s.Addrs, Addr{Family: IPv6, Index: dev, Local: a, PrefixLen: 64, Flags: IFAPermanent})
		s.Routes = append(s.Routes,
			Route{Family: IPv6, Table: TableLocal, Dst: netip.PrefixFrom(a, 128), Type: Local, Protocol: ProtoKernel, NextHops: []NextHop{{Dev: dev}}},
			Route{Family: IPv6, Table: TableMain, Dst: netip.PrefixFrom(a, 64).Masked(), Type: Unicast, Protocol: ProtoKernel, Priority: 256, NextHops: []NextHop{{Dev: dev}}})
	}
	s.Routes = append(s.Routes, routes...)
	return s
}

// route6 is a unicast route of table main with metric 1024.
func route6(dst string, change func(*Route), hops ...NextHop) Route {
	r := Route{Family: IPv6, Table: TableMain, Dst: netip.MustParsePrefix(dst), Type: Unicast, Protocol: ProtoBoot, Priority: 1024, NextHops: hops}
	if change != nil {
		change(&r)
	}
	return r
}

func via(gw string, dev int) NextHop {
	return NextHop{Gateway: netip.MustParseAddr(gw), Dev: dev, Weight: 1}
}

func build(t testing.TB, s *State) *Database {
	t.Helper()
	db, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// The kernel lets a source prefix hide the routes of the same destination that have
// none (spec IPv6 2.1, case 8).
func TestSubtreeHidesPlainRoute(t *testing.T) {
	plain := route6("2001:db8:f::/48", nil, via("2001:db8:a::fe", 2))
	from := route6("2001:db8:f::/48", func(r *Route) { r.Src = netip.MustParsePrefix("2001:db8:b::/64") }, via("2001:db8:b::fe", 3))
	dflt := route6("::/0", nil, via("2001:db8:c::fe", 4))
	db := build(t, host6(dflt, plain, from))
	for _, c := range []struct {
		src  string
		want int
	}{{"2001:db8:c::1", 4}, {"2001:db8:b::7", 3}, {"::", 4}} {
		f := Flow{Dst: netip.MustParseAddr("2001:db8:f::1"), Src: netip.MustParseAddr(c.src)}
		if d := db.Lookup(&f); d.OIF != c.want || d.Err != OK {
			t.Errorf("from %s: oif %d err %v, want oif %d", c.src, d.OIF, d.Err, c.want)
		}
	}
	w := db.Walk(&Flow{Dst: netip.MustParseAddr("2001:db8:f::1"), Src: netip.MustParseAddr("2001:db8:c::1")})
	var got []RouteVerdict
	for _, r := range w.Lookups[0].Steps[1].Routes {
		got = append(got, r.Verdict)
	}
	want := []RouteVerdict{RouteSource, RouteHidden, RouteChosen}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("verdicts %v, want %v", got, want)
	}
}

func TestLookup6Allocs(t *testing.T) {
	s := host6(
		route6("2001:db8:f::/48", nil, via("2001:db8:a::fe", 2), via("2001:db8:b::fe", 3)),
		route6("2001:db8:f:1::/64", func(r *Route) { r.Src = netip.MustParsePrefix("2001:db8:b::/64") }, via("2001:db8:b::fe", 3)),
	)
	s.Facts.CustomRules6 = Yes
	db := build(t, s)
	f := Flow{Dst: netip.MustParseAddr("2001:db8:f:1::1")}
	var d Decision
	if n := testing.AllocsPerRun(100, func() { d = db.Lookup(&f) }); n != 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
	if d.Err != OK || !d.Src.IsValid() {
		t.Errorf("decision %+v", d)
	}
}

// Only the lowest metric of a prefix is honoured: if none of its routes will do, the
// best of all others is taken, whatever their metrics (spec IPv6 2.3, case 6).
func TestMetricAfterFirstGroup(t *testing.T) {
	metric := func(m uint32, p RouterPref) func(*Route) {
		return func(r *Route) { r.Priority, r.Pref = m, p }
	}
	db := build(t, host6(
		route6("2001:db8:f::/48", metric(10, PrefMedium), NextHop{Dev: 2}),
		route6("2001:db8:f::/48", metric(20, PrefLow), NextHop{Dev: 3}),
		route6("2001:db8:f::/48", metric(30, PrefHigh), NextHop{Dev: 3}),
		route6("2001:db8:f::/48", metric(40, PrefHigh), NextHop{Dev: 4}),
	))
	for oif, want := range map[int]uint32{0: 10, 3: 30, 4: 40} {
		d := db.Lookup(&Flow{Dst: netip.MustParseAddr("2001:db8:f::1"), OIF: oif})
		if d.Err != OK || d.Route.Priority != want {
			t.Errorf("oif %d: %v metric %d, want %d", oif, d.Err, d.Route.Priority, want)
		}
	}
}

// A gateway that is known to have failed is passed over unless there is nothing
// else, and always used by a host that forwards (spec IPv6 2.4, case 25).
func TestReachability(t *testing.T) {
	for _, c := range []struct {
		forwarding string
		failed     int // how many of the gateways failed
		want       int // device
	}{{"0", 1, 3}, {"0", 2, 4}, {"0", 3, 2}, {"1", 3, 2}} {
		s := host6(
			route6("2001:db8:f::/48", func(r *Route) { r.Priority = 10 }, via("2001:db8:a::fe", 2)),
			route6("2001:db8:f::/48", func(r *Route) { r.Priority = 20 }, via("2001:db8:b::fe", 3)),
			route6("2001:db8::/32", nil, via("2001:db8:c::fe", 4)),
		)
		s.Sysctls[forwarding6] = c.forwarding
		for i, gw := range []string{"2001:db8:a::fe", "2001:db8:b::fe", "2001:db8:c::fe"}[:c.failed] {
			s.Neighs = append(s.Neighs, Neigh{Family: IPv6, Index: i + 2, IP: netip.MustParseAddr(gw), State: NUDFailed})
		}
		db := build(t, s)
		if d := db.Lookup(&Flow{Dst: netip.MustParseAddr("2001:db8:f::1")}); d.OIF != c.want {
			t.Errorf("forwarding %s, %d failed: oif %d, want %d", c.forwarding, c.failed, d.OIF, c.want)
		}
	}
}

// Without a known seed a multipath route leaves the choice open, and its legs are
// told with their shares.
func TestUndetermined6(t *testing.T) {
	s := host6(route6("2001:db8:f::/48", nil, via("2001:db8:a::fe", 2),
		NextHop{Gateway: netip.MustParseAddr("2001:db8:b::fe"), Dev: 3, Weight: 3}))
	delete(s.Sysctls, "net/ipv4/fib_multipath_hash_seed")
	db := build(t, s)
	f := Flow{Dst: netip.MustParseAddr("2001:db8:f::1")}
	d := db.Lookup(&f)
	legs := db.Legs(&f, &d)
	if !d.Undetermined || len(legs) != 2 || legs[0].Share != 0.25 || legs[1].Share != 0.75 {
		t.Errorf("undetermined %v, legs %+v", d.Undetermined, legs)
	}
}

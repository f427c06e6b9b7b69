package netns_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// step4 makes one request.
type step4 func() (netlink.Message, error)

func addr4(verb netlink.HeaderFlags, dev int, prefix string, change ...func(*rpdb.Addr)) step4 {
	return func() (netlink.Message, error) { return rtnl.NewAddr(testAddr4(dev, prefix, change), verb) }
}

func noAddr4(dev int, prefix string) step4 {
	return func() (netlink.Message, error) { return rtnl.DelAddr(testAddr4(dev, prefix, nil)) }
}

func testAddr4(dev int, prefix string, change []func(*rpdb.Addr)) rpdb.Addr {
	a := testAddr(dev, prefix, nil)
	a.Family = rpdb.IPv4
	for _, c := range change {
		c(&a)
	}
	return a
}

func route4(verb netlink.HeaderFlags, prefix string, change func(*rpdb.Route), hops ...string) step4 {
	return func() (netlink.Message, error) { return rtnl.NewRoute(testRoute4(prefix, change, hops), verb) }
}

func noRoute4(prefix string, change func(*rpdb.Route), hops ...string) step4 {
	return func() (netlink.Message, error) { return rtnl.DelRoute(testRoute4(prefix, change, hops)) }
}

func testRoute4(prefix string, change func(*rpdb.Route), hops []string) rpdb.Route {
	r := testRoute(prefix, hops...)
	r.Family = rpdb.IPv4
	if len(hops) > 0 && !r.NextHops[0].Gateway.IsValid() {
		r.Scope = rpdb.ScopeLink
	}
	if change != nil {
		change(&r)
	}
	return r
}

func src4(a string) func(*rpdb.Route) {
	return func(r *rpdb.Route) { r.PrefSrc = netip.MustParseAddr(a) }
}

func of4(t rpdb.RouteType) func(*rpdb.Route) { return func(r *rpdb.Route) { r.Type = t } }

// encap gives a route a tunnel with one attribute; none for number 0.
func encap(typ, attr uint16, data ...byte) func(*rpdb.Route) {
	var b []byte
	if attr != 0 {
		b = attribute(nil, attr, data)
	}
	return func(r *rpdb.Route) { r.NextHops[0].Encap = &rpdb.Encap{Type: typ, Data: b} }
}

func up4(dev int, up bool) step4 { return step4(setUp(dev, up)) }

var scripts4 = map[string][]step4{
	"addresses": {
		addr4(rtnl.FlagsAdd, dev0, "10.0.0.1/24"), addr4(rtnl.FlagsAdd, dev0, "10.0.0.1/24"),
		addr4(rtnl.FlagsAdd, dev0, "10.0.0.2/24"), addr4(rtnl.FlagsAdd, dev0, "10.0.0.3/24"),
		addr4(rtnl.FlagsAdd, dev1, "10.1.0.1/24", func(a *rpdb.Addr) { a.Broadcast = netip.MustParseAddr("10.1.0.255") }),
		addr4(rtnl.FlagsAdd, dev1, "10.2.0.1/31"), addr4(rtnl.FlagsAdd, dev1, "10.2.0.4/32"),
		addr4(rtnl.FlagsAdd, dev1, "10.3.0.1/24", func(a *rpdb.Addr) { a.Peer = netip.MustParseAddr("10.4.0.1") }),
		addr4(rtnl.FlagsAdd, dev1, "10.5.0.1/24", func(a *rpdb.Addr) { a.Flags, a.Label = rpdb.IFANoPrefixRoute, "v1:x" }),
		addr4(rtnl.FlagsAdd, dev1, "10.6.0.1/24", func(a *rpdb.Addr) { a.Metric = 9 }),
		addr4(rtnl.FlagsReplace, dev1, "10.6.0.1/24", func(a *rpdb.Addr) { a.Metric = 10 }),
		addr4(rtnl.FlagsAdd, dev1, "10.7.0.1/24", func(a *rpdb.Addr) { a.Valid, a.Preferred = 1000, 500 }),
		addr4(rtnl.FlagsAdd, dev1, "10.7.0.2/24", func(a *rpdb.Addr) { a.Scope = rpdb.ScopeLink }),
		addr4(rtnl.FlagsAdd, dev1, "224.9.9.9/32", func(a *rpdb.Addr) { a.Flags = rpdb.IFAMCAutoJoin }),
		addr4(rtnl.FlagsAdd, dev1, "10.8.0.9/32", func(a *rpdb.Addr) { a.Flags = rpdb.IFAMCAutoJoin }),
		addr4(rtnl.FlagsAdd, 99, "10.8.0.9/32"), addr4(rtnl.FlagsAdd, 1, "10.9.0.1/16"),
		route4(rtnl.FlagsAdd, "50.0.0.0/8", src4("10.0.0.1"), "v1"),
		route4(rtnl.FlagsAdd, "51.0.0.0/8", func(r *rpdb.Route) { r.Type, r.PrefSrc = rpdb.Prohibit, netip.MustParseAddr("10.0.0.1") }),
		noAddr4(dev0, "10.0.0.1/24"), noAddr4(dev0, "10.0.0.7/24"), noAddr4(dev1, "224.9.9.9/32"), noAddr4(dev1, "10.3.0.1/24"),
		up4(dev1, false), up4(dev1, true),
	},
	"routes": {
		addr4(rtnl.FlagsAdd, dev0, "10.0.0.1/24"), addr4(rtnl.FlagsAdd, dev1, "10.1.0.1/24"),
		route4(rtnl.FlagsAdd, "20.0.0.0/8", nil, "10.0.0.9"), route4(rtnl.FlagsAdd, "20.0.0.0/8", nil, "10.1.0.9"),
		route4(rtnl.FlagsAppend, "20.0.0.0/8", nil, "10.1.0.9"), route4(rtnl.FlagsPrepend, "20.0.0.0/8", metric(7), "v0"),
		route4(rtnl.FlagsReplace, "20.0.0.0/8", nil, "v1"), route4(rtnl.FlagsChange, "21.0.0.0/8", nil, "v1"),
		route4(rtnl.FlagsAdd, "30.0.0.0/8", nil, "10.0.0.9", "10.1.0.9"), route4(rtnl.FlagsAdd, "0.0.0.0/0", src4("10.1.0.1"), "10.0.0.9"),
		route4(rtnl.FlagsAdd, "40.0.0.0/8", of4(rpdb.Unreachable)), route4(rtnl.FlagsAdd, "41.0.0.0/8", of4(rpdb.Blackhole), "v0"),
		route4(rtnl.FlagsAdd, "42.0.0.0/8", nil, "99.0.0.1"), route4(rtnl.FlagsAdd, "42.0.0.0/8", nil, "none"),
		route4(rtnl.FlagsAdd, "42.0.0.0/8", src4("9.9.9.9"), "v0"), route4(rtnl.FlagsAdd, "42.0.0.0/8", mtu(1400), "v0"),
		route4(rtnl.FlagsAdd, "43.0.0.0/8", func(r *rpdb.Route) { r.Table, r.TOS = 1000, 0x10 }, "v0"),
		route4(rtnl.FlagsAdd, "44.0.0.0/8", func(r *rpdb.Route) { r.Type, r.Table = rpdb.Local, rpdb.TableLocal }, "lo"),
		route4(rtnl.FlagsAdd, "45.0.0.0/8", nil, "fe80::9", "10.0.0.8"),
		route4(rtnl.FlagsAdd, "46.0.0.0/8", encap(2, 0), "v0"), route4(rtnl.FlagsAdd, "46.1.0.0/16", encap(2, 2, 1, 2, 3, 4), "v0"),
		route4(rtnl.FlagsAdd, "46.2.0.0/16", encap(4, 6, 0xff, 0xff), "v0"), route4(rtnl.FlagsAdd, "46.3.0.0/16", encap(2, 4), "v0"),
		route4(rtnl.FlagsAdd, "46.4.0.0/16", encap(3, 0), "v0"), route4(rtnl.FlagsAdd, "46.4.0.0/16", encap(99, 0), "v0"),
		noRoute4("46.1.0.0/16", encap(2, 2, 1, 2, 3, 5), "v0"), noRoute4("46.1.0.0/16", encap(2, 2, 1, 2, 3, 4), "v0"),
		noRoute4("20.0.0.0/8", nil), noRoute4("20.0.0.0/8", metric(7), "v0"), noRoute4("99.0.0.0/8", nil), noRoute4("30.0.0.0/8", nil, "10.0.0.9", "10.1.0.9"),
		up4(dev0, false), up4(dev0, true), noAddr4(dev0, "10.0.0.1/24"),
	},
}

// IPv4 addresses, groups and routes are those of the running kernel, refusals
// included, and so are the answers to lookups.
func TestIPv4LikeKernel(t *testing.T) {
	for name, script := range scripts4 {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			real, err := kernel.Dial(kernel.Config{NetNS: testns.New(t).Path()})
			if err != nil {
				t.Fatal(err)
			}
			defer real.Close()
			ours := netns.New().Dial()
			defer ours.Close()
			steps := append([]step4{
				func() (netlink.Message, error) {
					return rtnl.NewVeth(
						rpdb.Link{Index: dev0, Name: "v0", Address: []byte{2, 0, 0, 0, 0, 1}},
						rpdb.Link{Index: dev1, Name: "v1", Address: []byte{2, 0, 0, 0, 0, 2}})
				},
				up4(1, true), up4(dev0, true), up4(dev1, true),
			}, script...)
			for i, step := range steps {
				m, err := step()
				if err != nil {
					t.Fatalf("request %d: %v", i-4, err)
				}
				if want, got := outcome6(rtnl.Exec(real, m)), outcome6(rtnl.Exec(ours, m)); want != got {
					t.Errorf("request %d: the kernel says %q, netns %q", i-4, want, got)
				}
				if d := differ(real, ours, rpdb.IPv4); d != "" {
					t.Fatalf("after request %d:\n%s", i-4, d)
				}
				sameLookups4(t, real, ours)
			}
		})
	}
}

// sameLookups4 asks both about some flows.
func sameLookups4(t *testing.T, real, ours rtnl.Transport) {
	t.Helper()
	for _, dst := range []string{"10.0.0.1", "10.0.0.9", "20.1.1.1", "40.1.1.1", "42.1.1.1", "50.1.1.1", "8.8.8.8", "224.0.0.5"} {
		for _, o := range []rtnl.GetOptions{{}, {FibMatch: true}} {
			f := rpdb.Flow{Dst: netip.MustParseAddr(dst)}
			want, err1 := rtnl.Ask(real, f, o)
			got, err2 := rtnl.Ask(ours, f, o)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if d := rtnl.DiffReply(want, got); d != nil {
				t.Errorf("lookup of %s %+v differs in %v: the kernel says %+v, netns %+v", dst, o, d, want, got)
			}
		}
	}
}

// Addresses become deprecated and go when their time comes, secondaries with them.
func TestIPv4Lifetimes(t *testing.T) {
	now := time.Now()
	ns := netns.NewWorld(netns.Config{Clock: func() time.Time { return now }}).New()
	sock := ns.Dial()
	exec := func(s step4) {
		t.Helper()
		m, err := s()
		if err != nil {
			t.Fatal(err)
		}
		if err := rtnl.Exec(sock, m); err != nil {
			t.Fatal(err)
		}
	}
	life := func(a *rpdb.Addr) { a.Valid, a.Preferred = 20, 10 }
	exec(addr4(rtnl.FlagsAdd, 1, "10.0.0.1/24", life))
	exec(addr4(rtnl.FlagsAdd, 1, "10.0.0.2/24"))
	exec(addr4(rtnl.FlagsAdd, 1, "10.1.0.1/24"))
	have := func() (out []string) {
		head := append([]byte{byte(rpdb.IPv4)}, make([]byte, 7)...)
		m := netlink.Message{Header: netlink.Header{Type: rtnl.RTMGetAddr, Flags: netlink.Request | netlink.Dump}, Data: head}
		for a, err := range sock.Do(m) {
			if err != nil {
				t.Fatal(err)
			}
			x, err := rtnl.ParseAddr(a)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%s %#x %d", x.Local, x.Flags, int32(x.Valid)))
		}
		return out
	}
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{
		{9 * time.Second, []string{"10.0.0.1 0x0 11", "10.1.0.1 0x80 -1", "10.0.0.2 0x81 -1"}},
		{time.Second, []string{"10.0.0.1 0x20 10", "10.1.0.1 0x80 -1", "10.0.0.2 0x81 -1"}},
		{10 * time.Second, []string{"10.1.0.1 0x80 -1"}},
	} {
		now = now.Add(c.after)
		if d := cmp.Diff(c.want, have()); d != "" {
			t.Errorf("%v later:\n%s", c.after, d)
		}
	}
}

package netns_test

import (
	"encoding/binary"
	"errors"
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

// The devices of every script: v0 and v1 face each other, both of fixed addresses.
const (
	dev0 = 2
	dev1 = 3
)

// script6 is a list of requests; after it, IPv6 addresses and routes are compared.
type script6 []func() (netlink.Message, error)

// setting6 is a step that writes net/ipv6/conf/WHERE/NAME instead of sending a
// request.
type setting6 struct {
	where, name string
	value       int32
}

func (s setting6) Error() string { return "no request" }

func conf6(where, name string, v int32) func() (netlink.Message, error) {
	return func() (netlink.Message, error) { return netlink.Message{}, setting6{where, name, v} }
}

func addr6(verb netlink.HeaderFlags, dev int, prefix string, change func(*rpdb.Addr)) func() (netlink.Message, error) {
	return func() (netlink.Message, error) { return rtnl.NewAddr(testAddr(dev, prefix, change), verb) }
}

func noAddr6(dev int, prefix string) func() (netlink.Message, error) {
	return func() (netlink.Message, error) { return rtnl.DelAddr(testAddr(dev, prefix, nil)) }
}

func testAddr(dev int, prefix string, change func(*rpdb.Addr)) rpdb.Addr {
	p := netip.MustParsePrefix(prefix)
	a := rpdb.Addr{
		Family: rpdb.IPv6, Index: dev, Local: p.Addr(), PrefixLen: uint8(p.Bits()),
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}
	if change != nil {
		change(&a)
	}
	return a
}

func testRoute(prefix string, hops ...string) rpdb.Route {
	r := rpdb.Route{Family: rpdb.IPv6, Table: rpdb.TableMain, Dst: netip.MustParsePrefix(prefix), Type: rpdb.Unicast, Protocol: rpdb.ProtoStatic}
	for _, h := range hops {
		hop := rpdb.NextHop{Weight: 1}
		if gw, err := netip.ParseAddr(h); err == nil {
			hop.Gateway = gw
		} else {
			hop.Dev = map[string]int{"lo": 1, "v0": dev0, "v1": dev1, "none": 99}[h]
		}
		r.NextHops = append(r.NextHops, hop)
	}
	return r
}

func route6(verb netlink.HeaderFlags, r rpdb.Route, change ...func(*rpdb.Route)) func() (netlink.Message, error) {
	return func() (netlink.Message, error) {
		for _, c := range change {
			c(&r)
		}
		return rtnl.NewRoute(r, verb)
	}
}

func noRoute6(r rpdb.Route) func() (netlink.Message, error) {
	return func() (netlink.Message, error) { return rtnl.DelRoute(r) }
}

// hop6 adds a nexthop object.
func hop6(id uint32, dev int, gateway string) func() (netlink.Message, error) {
	return func() (netlink.Message, error) {
		return rtnl.NewNextHop(rpdb.NextHopObject{
			ID: id, Family: rpdb.IPv6, Hop: rpdb.NextHop{Dev: dev, Gateway: netip.MustParseAddr(gateway)},
		}, rtnl.FlagsAdd)
	}
}

func setUp(dev int, up bool) func() (netlink.Message, error) {
	flags := uint32(0)
	if up {
		flags = rpdb.IFFUp
	}
	return func() (netlink.Message, error) { return rtnl.SetLink(dev, flags, rpdb.IFFUp) }
}

func metric(m uint32) func(*rpdb.Route) { return func(r *rpdb.Route) { r.Priority = m } }

func mtu(v uint32) func(*rpdb.Route) {
	return func(r *rpdb.Route) { r.Metrics = []rpdb.Metric{{ID: 2, Val: v}} }
}

func setMTU(dev int, mtu uint32) func() (netlink.Message, error) {
	return func() (netlink.Message, error) { return rtnl.SetLinkAttrs(rpdb.Link{Index: dev, MTU: mtu}) }
}

var scripts6 = map[string]script6{
	"addresses": {
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:a::1/64", nil),
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:a::1/64", nil),
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:a::2/64", func(a *rpdb.Addr) { a.Flags, a.Metric = rpdb.IFANoDAD, 77 }),
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:b::2/128", func(a *rpdb.Addr) { a.Protocol = 9 }),
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:c::2/64", func(a *rpdb.Addr) { a.Flags = rpdb.IFANoPrefixRoute }),
		addr6(rtnl.FlagsAdd, dev1, "2001:db8:d::2/64", func(a *rpdb.Addr) { a.Peer = netip.MustParseAddr("2001:db8:d::9") }),
		addr6(rtnl.FlagsAdd, dev1, "fec0::1/10", nil),
		addr6(rtnl.FlagsAdd, 1, "2001:db8:e::2/64", nil),
		addr6(rtnl.FlagsAdd, dev1, "::1/128", nil),
		addr6(rtnl.FlagsAdd, dev1, "::/128", nil),
		addr6(rtnl.FlagsAdd, dev1, "ff02::9/128", nil),
		addr6(rtnl.FlagsAdd, 99, "2001:db8:e::2/64", nil),
		addr6(rtnl.FlagsReplace, dev0, "2001:db8:a::1/64", func(a *rpdb.Addr) { a.Metric = 9 }),
		addr6(rtnl.FlagsAdd, dev1, "2001:db8:f::1/48", func(a *rpdb.Addr) { a.Flags = rpdb.IFAManageTempAddr }),
		addr6(rtnl.FlagsAdd, dev1, "2001:db8:f::1/64", func(a *rpdb.Addr) { a.Valid, a.Preferred = 10, 20 }),
		noAddr6(dev0, "2001:db8:a::2/64"), noAddr6(dev0, "2001:db8:a::7/64"), noAddr6(dev0, "2001:db8:a::1/65"),
		noAddr6(dev1, "2001:db8:d::2/64"),
	},
	"devices": {
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:a::1/64", nil),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:1::/48", "2001:db8:a::9")),
		addr6(rtnl.FlagsAdd, dev1, "2001:db8:c::1/64", nil),
		addr6(rtnl.FlagsChange, dev1, "2001:db8:c::1/64", func(a *rpdb.Addr) { a.Preferred = 0 }),
		setUp(dev1, false), setUp(dev1, true), setUp(dev0, false),
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:b::1/64", func(a *rpdb.Addr) { a.Flags = rpdb.IFANoDAD }),
		setUp(dev0, true), setMTU(dev1, 1000), setMTU(dev1, 1500),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:9::/48", "v0"), mtu(1500)), route6(rtnl.FlagsAdd, testRoute("2001:db8:8::/48", "v0"), mtu(1400)),
		hop6(2, dev1, "fe80::9"),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:7::/48"), mtu(1400), func(r *rpdb.Route) { r.NHID = 2 }), setMTU(dev1, 1300), setMTU(dev1, 1500),
		setMTU(dev0, 9000), setMTU(dev0, 1300), setMTU(dev0, 1200), setMTU(dev0, 1280), setUp(dev0, false), setMTU(dev0, 1500), setUp(dev0, true), setUp(1, false), setUp(1, true),
	},
	"settings": {
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:a::1/64", nil),
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:a::2/64", func(a *rpdb.Addr) { a.Metric = 5 }),
		conf6("v0", "forwarding", 1),
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:b::1/64", nil), noAddr6(dev0, "2001:db8:a::1/64"),
		conf6("all", "forwarding", 1), conf6("v0", "forwarding", 0), conf6("all", "forwarding", 0),
		conf6("v0", "disable_ipv6", 1), addr6(rtnl.FlagsAdd, dev0, "2001:db8:c::1/64", nil),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:9::/48", "v0")),
		conf6("v0", "disable_ipv6", 0), conf6("all", "disable_ipv6", 1), conf6("all", "disable_ipv6", 0),
		conf6("v0", "addr_gen_mode", 1), setUp(dev0, false), setUp(dev0, true), conf6("v0", "addr_gen_mode", 0),
		conf6("v0", "keep_addr_on_down", 1), addr6(rtnl.FlagsAdd, dev0, "2001:db8:d::1/64", nil),
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:d::2/64", func(a *rpdb.Addr) { a.Flags = rpdb.IFANoDAD }),
		setUp(dev0, false), setUp(dev0, true), noAddr6(dev0, "2001:db8:d::1/64"),
		conf6("v0", "ignore_routes_with_linkdown", 1), setUp(dev1, false), setUp(dev1, true),
		conf6("nosuch", "forwarding", 1),
	},
	"gateways through rules": gatewaysThroughRules6(),
	"sources passed by":      passedBy6(),
	"routes": {
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:a::1/64", nil),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:1::/48", "v0")),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:1::/48", "v1")),
		route6(rtnl.FlagsAppend, testRoute("2001:db8:1::/48", "v1")),
		route6(rtnl.FlagsAppend, testRoute("2001:db8:1::/48", "2001:db8:a::9")),
		route6(rtnl.FlagsAppend, testRoute("2001:db8:1::/48", "2001:db8:a::8")),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:2::/48", "2001:db8:a::9", "2001:db8:a::8", "fe80::9"),
			func(r *rpdb.Route) { r.NextHops[2].Dev, r.NextHops[1].Weight = dev1, 7 }),
		route6(rtnl.FlagsReplace, testRoute("2001:db8:2::/48", "2001:db8:a::7")),
		route6(rtnl.FlagsChange, testRoute("2001:db8:2::/48", "v1"), metric(5)),
		route6(rtnl.FlagsChange, testRoute("2001:db8:3::/48", "v1")),
		route6(rtnl.FlagsAdd, testRoute("::/0", "v1"), metric(7)),
		route6(rtnl.FlagsAdd, testRoute("::/0"), func(r *rpdb.Route) { r.Type = rpdb.Prohibit }),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:4::/48", "v1"), func(r *rpdb.Route) { r.Src = netip.MustParsePrefix("2001:db8:a::/64") }),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:5::/48", "v1"), func(r *rpdb.Route) { r.Table = 1000 }),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:6::/48", "v1"), func(r *rpdb.Route) { r.PrefSrc = netip.MustParseAddr("2001:db8:a::2") }),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:6::/48", "v1"), func(r *rpdb.Route) { r.PrefSrc = netip.MustParseAddr("2001:db8:a::1") }),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:7::/48", "2001:db8:a::1")),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:7::/48", "2001:db8:1::1")),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:7::/48", "fe80::1")),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:7::/48", "::1")),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:7::/48", "none")),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:7::/48")),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:8::/48", "lo"), func(r *rpdb.Route) { r.Pref = rpdb.PrefHigh }),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:9::/48", "v0"), func(r *rpdb.Route) {
			r.Metrics = []rpdb.Metric{{ID: 2, Val: 1400, Lock: true}, {ID: 16, Str: "cubic"}}
		}),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:a1::/48", "v0"), encap(4, 5, 7)), route6(rtnl.FlagsAdd, testRoute("2001:db8:a2::/48", "v0"), encap(2, 1, 7, 7, 7, 7, 7, 7, 7, 7)),
		route6(rtnl.FlagsAdd, testRoute("2001:db8:a3::/48", "v0"), encap(4, 2, 1, 2, 3)),
		noRoute6(testRoute("2001:db8:1::/48", "2001:db8:a::9")), noRoute6(testRoute("2001:db8:44::/48")),
		noRoute6(testRoute("2001:db8:9::/48", "v1")), noAddr6(dev0, "2001:db8:a::1/64"),
	},
}

// IPv6 addresses and routes are those of the running kernel, refusals included.
func TestIPv6LikeKernel(t *testing.T) {
	for name, s := range scripts6 {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := testns.New(t)
			for _, kv := range [][2]string{
				{"all/accept_dad", "0"}, {"default/accept_dad", "0"}, {"default/accept_ra", "0"}, {"default/router_solicitations", "0"},
			} {
				if err := ns.Sysctl("net/ipv6/conf/"+kv[0], kv[1]); err != nil {
					t.Skipf("%v; /proc/sys must be writable", err)
				}
			}
			real, err := kernel.Dial(kernel.Config{NetNS: ns.Path()})
			if err != nil {
				t.Fatal(err)
			}
			defer real.Close()
			space := netns.New()
			ours := space.Dial()
			defer ours.Close()
			play6(t, real, ours, s, func(x setting6) {
				path := "net/ipv6/conf/" + x.where + "/" + x.name
				want, got := ns.Sysctl(path, fmt.Sprint(x.value)), space.SetSysctl(path, fmt.Sprint(x.value))
				if (want == nil) != (got == nil) {
					t.Errorf("%s=%d: the kernel says %v, netns %v", path, x.value, want, got)
				}
			})
		})
	}
}

// gatewaysThroughRules6 adds a route of another table by a gateway of table main while
// the only rule below local is one of a list.
func gatewaysThroughRules6() script6 {
	rule := func(change func(*rpdb.Rule)) rpdb.Rule {
		r := rpdb.Rule{Family: rpdb.IPv6, Pref: 10, Action: rpdb.ActTable, Table: rpdb.TableMain}
		change(&r)
		return r
	}
	add := func(r rpdb.Rule) func() (netlink.Message, error) {
		return func() (netlink.Message, error) { return rtnl.NewRule(r, rtnl.FlagsAdd) }
	}
	del := func(r rpdb.Rule) func() (netlink.Message, error) {
		return func() (netlink.Message, error) { return rtnl.DelRule(r) }
	}
	s := script6{
		addr6(rtnl.FlagsAdd, dev0, "2001:db8:a::1/64", func(a *rpdb.Addr) { a.Flags = rpdb.IFANoDAD }),
		del(rpdb.Rule{Family: rpdb.IPv6, Pref: 32766, Action: rpdb.ActTable, Table: rpdb.TableMain}),
	}
	other := testRoute("2001:db8:f::/48", "2001:db8:a::9")
	other.Table = 100
	for _, change := range []func(*rpdb.Rule){
		func(*rpdb.Rule) {},
		func(r *rpdb.Rule) { r.SuppressPrefixLen = rpdb.Some[int32](64) },
		func(r *rpdb.Rule) { r.SuppressIfGroup = rpdb.Some[int32](0) },
		func(r *rpdb.Rule) { r.From = netip.MustParsePrefix("2001:db8:a::/64") },
		func(r *rpdb.Rule) { r.To = netip.MustParsePrefix("2001:db8:a::/64") },
		func(r *rpdb.Rule) { r.IIF = "lo" },
		func(r *rpdb.Rule) { r.OIF = "v0" },
		func(r *rpdb.Rule) { r.OIF, r.Flags = "v0", rpdb.RuleInvert },
		func(r *rpdb.Rule) { r.Mark, r.MarkMask = 1, 0xff },
		func(r *rpdb.Rule) { r.FlowLabel, r.FlowLabelMask = 5, 0xff },
		func(r *rpdb.Rule) { r.FlowLabelMask = 0xff },
		func(r *rpdb.Rule) { r.UID = rpdb.Some(rpdb.UIDRange{Start: 1, End: 5}) },
		func(r *rpdb.Rule) { r.IPProto = rpdb.ProtoUDP },
		func(r *rpdb.Rule) { r.TOS = 8 },
		func(r *rpdb.Rule) { r.DSCP = rpdb.Some(rpdb.DSCP{Value: 0, Mask: 0x3f}) },
		func(r *rpdb.Rule) { r.Table, r.L3MDev = 0, true },
		func(r *rpdb.Rule) { r.Table, r.Action = 0, rpdb.ActProhibit },
		func(r *rpdb.Rule) { r.Table, r.Action, r.GotoRef = 0, rpdb.ActGoto, 20 },
	} {
		r := rule(change)
		s = append(s, add(r), route6(rtnl.FlagsAdd, other), noRoute6(other), del(r))
	}
	return s
}

func play6(t *testing.T, real, ours rtnl.Transport, s script6, set func(setting6)) {
	t.Helper()
	steps := append(script6{
		func() (netlink.Message, error) {
			return rtnl.NewVeth(
				rpdb.Link{Index: dev0, Name: "v0", Address: []byte{2, 0, 0, 0, 0, 1}},
				rpdb.Link{Index: dev1, Name: "v1", Address: []byte{2, 0, 0, 0, 0, 2}})
		},
		setUp(1, true), setUp(dev0, true), setUp(dev1, true),
	}, s...)
	for i, step := range steps {
		m, err := step()
		var x setting6
		switch {
		case errors.As(err, &x):
			set(x)
		case err != nil:
			t.Fatal(err)
		default:
			want, got := answer6(real, m), answer6(ours, m)
			if want != got {
				t.Errorf("request %d (%v): the kernel says %q, netns %q", i-4, m.Header.Type, want, got)
			}
		}
		if d := differ(real, ours, rpdb.IPv6); d != "" {
			t.Fatalf("after request %d (%v):\n%s", i-4, m.Header.Type, d)
		}
	}
}

// answer6 is what a request is answered with: an error, or a route.
func answer6(t rtnl.Transport, m netlink.Message) string {
	if m.Header.Type != rtnl.RTMGetRoute {
		return outcome6(rtnl.Exec(t, m))
	}
	var route []byte
	for a, err := range t.Do(m) {
		if err != nil {
			return outcome6(err)
		}
		route = a.Data
	}
	return fmt.Sprintf("%x", route)
}

func outcome6(err error) string {
	var e *rtnl.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%v: %s", e.Errno, e.Msg)
	}
	return fmt.Sprint(err)
}

// differ compares the dumps of a family, for as long as the kernel's worker may take.
func differ(real, ours rtnl.Transport, f rpdb.Family) string {
	var d string
	for begin := time.Now(); time.Since(begin) < 3*time.Second; time.Sleep(10 * time.Millisecond) {
		if d = cmp.Diff(dumps(real, f), dumps(ours, f)); d == "" {
			break
		}
	}
	return d
}

func dumps(t rtnl.Transport, f rpdb.Family) []string {
	var out []string
	for _, k := range []struct {
		typ    netlink.HeaderType
		header int
	}{{rtnl.RTMGetAddr, 8}, {rtnl.RTMGetRoute, 12}, {58, 8}, {62, 8}} {
		m := netlink.Message{Header: netlink.Header{Type: k.typ, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, k.header)}
		m.Data[0] = byte(f)
		for a, err := range t.Do(m) {
			if err != nil {
				return append(out, err.Error())
			}
			out = append(out, fmt.Sprintf("%d %#x %x", a.Header.Type, a.Header.Flags, withoutStamps(a, k.header)))
		}
	}
	return out
}

// withoutStamps blanks when an address was made and changed.
func withoutStamps(m netlink.Message, header int) []byte {
	b := append([]byte{}, m.Data...)
	if header != 8 {
		return b
	}
	for at := header; at+4 <= len(b); {
		n, typ := int(binary.NativeEndian.Uint16(b[at:])), binary.NativeEndian.Uint16(b[at+2:])
		if typ == 6 {
			clear(b[at+12 : at+20])
		}
		at += (n + 3) &^ 3
	}
	return b
}

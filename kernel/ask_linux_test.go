package kernel_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

var (
	pfx = netip.MustParsePrefix
	adr = netip.MustParseAddr
)

// busy builds a host with two cables, addresses, rules, routes and nexthop objects
// of both families.
func busy(t *testing.T) *lab {
	l := newLab(t)
	l.sysctl("net/ipv6/conf/default/accept_dad", "0")
	l.exec(rtnl.NewVeth(rpdb.Link{Name: "e0", Index: 10, MTU: 1400}, rpdb.Link{Name: "p0", Index: 20}))
	l.exec(rtnl.NewVeth(rpdb.Link{Name: "e1", Index: 11, Group: 7}, rpdb.Link{Name: "p1", Index: 21}))
	for _, dev := range []int{10, 11, 20, 21} {
		l.exec(rtnl.SetLink(dev, rpdb.IFFUp, rpdb.IFFUp))
	}
	l.sysctl("net/ipv4/ip_forward", "1")
	l.sysctl("net/ipv4/fib_multipath_hash_seed", "12345")
	addr := func(a rpdb.Addr) {
		t.Helper()
		a.Family, a.Valid, a.Preferred = rpdb.FamilyOf(a.Local), rpdb.Forever, rpdb.Forever
		if a.Family == rpdb.IPv6 {
			a.Flags |= rpdb.IFANoDAD
		}
		l.exec(rtnl.NewAddr(a, rtnl.FlagsAdd))
	}
	addr(rpdb.Addr{Index: 10, Local: adr("10.0.0.1"), PrefixLen: 24, Broadcast: adr("10.0.0.255"), Label: "e0:x"})
	addr(rpdb.Addr{Index: 10, Local: adr("10.0.0.2"), PrefixLen: 24})
	addr(rpdb.Addr{Index: 11, Local: adr("10.1.0.1"), PrefixLen: 24, Metric: 50, Protocol: 9})
	addr(rpdb.Addr{Index: 11, Local: adr("10.9.0.1"), Peer: adr("10.9.0.2"), PrefixLen: 32})
	addr(rpdb.Addr{Index: 10, Local: adr("2001:db8::1"), PrefixLen: 64})
	addr(rpdb.Addr{Index: 11, Local: adr("2001:db8:1::1"), PrefixLen: 64})
	addr(rpdb.Addr{Index: 11, Local: adr("2001:db8:2::1"), Peer: adr("2001:db8:2::2"), PrefixLen: 128})
	l.objects()
	l.routes()
	l.rules()
	l.exec(rtnl.NewNeigh(rpdb.Neigh{
		Family: rpdb.IPv4, Index: 10, IP: adr("10.0.0.99"), State: rpdb.NUDPermanent, LLAddr: []byte{2, 0, 0, 0, 0, 9},
	}, rtnl.FlagsAdd))
	l.settle()
	return l
}

// settle waits for the local routes of the IPv6 addresses, which the kernel adds a
// moment later.
func (l *lab) settle() {
	l.t.Helper()
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		s := l.state()
		own := map[netip.Addr]bool{}
		for _, r := range s.Routes {
			own[r.Dst.Addr()] = own[r.Dst.Addr()] || r.Type == rpdb.Local
		}
		if !slices.ContainsFunc(s.Addrs, func(a rpdb.Addr) bool { return !own[a.Local] }) {
			return
		}
	}
	l.t.Fatal("the kernel adds no local routes for the IPv6 addresses")
}

func (l *lab) sysctl(path, value string) {
	l.t.Helper()
	if err := l.ns.Sysctl(path, value); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) objects() {
	l.t.Helper()
	for _, nh := range []rpdb.NextHopObject{
		{ID: 1, Family: rpdb.IPv4, Hop: rpdb.NextHop{Dev: 10, Gateway: adr("10.0.0.10")}, Protocol: 4},
		{ID: 2, Family: rpdb.IPv4, Hop: rpdb.NextHop{Dev: 11, Gateway: adr("10.1.0.10")}},
		{ID: 3, Group: []rpdb.GroupMember{{ID: 1, Weight: 1}, {ID: 2, Weight: 1000}}},
		{ID: 4, Group: []rpdb.GroupMember{{ID: 1, Weight: 2}, {ID: 2, Weight: 1}}, Resilient: &rpdb.Resilient{
			NumBuckets: 8, IdleTimer: 6000, UnbalancedTimer: 0,
		}},
		{ID: 5, Family: rpdb.IPv4, Blackhole: true},
		{ID: 6, Family: rpdb.IPv6, Hop: rpdb.NextHop{Dev: 10, Gateway: adr("2001:db8::10")}},
	} {
		l.exec(rtnl.NewNextHop(nh, rtnl.FlagsAdd))
	}
}

func (l *lab) routes() {
	l.t.Helper()
	via := func(gw string, dev int) []rpdb.NextHop {
		return []rpdb.NextHop{{Dev: dev, Gateway: adr(gw), Weight: 1}}
	}
	for _, r := range []rpdb.Route{
		{Dst: pfx("0.0.0.0/0"), NextHops: via("10.0.0.254", 10)},
		{Dst: pfx("10.20.0.0/16"), NextHops: via("10.0.0.253", 10), Priority: 7, PrefSrc: adr("10.0.0.2"), Metrics: []rpdb.Metric{
			{ID: 2, Val: 1300, Lock: true}, {ID: 16, Str: "cubic"},
		}},
		{Dst: pfx("10.21.0.0/16"), TOS: 0x10, NextHops: []rpdb.NextHop{{Dev: 11, Weight: 1, Realms: 0x10002}}, Scope: rpdb.ScopeLink},
		{Dst: pfx("10.22.0.0/16"), NextHops: []rpdb.NextHop{
			{Dev: 10, Gateway: adr("10.0.0.10"), Weight: 1}, {Dev: 11, Gateway: adr("10.1.0.10"), Weight: 3, Flags: rpdb.NHOnlink},
		}},
		{Dst: pfx("10.23.0.0/16"), NextHops: via("2001:db8::77", 10)},
		{Dst: pfx("10.24.0.0/16"), NHID: 3},
		{Dst: pfx("10.25.0.0/16"), NHID: 4},
		{Dst: pfx("10.26.0.0/16"), NHID: 5},
		{Dst: pfx("10.27.0.0/16"), Type: rpdb.Prohibit},
		{Dst: pfx("10.28.0.0/16"), Type: rpdb.Throw, Table: 1000},
		{Dst: pfx("10.0.0.0/8"), NextHops: via("10.1.0.254", 11), Table: 1000},
		{Dst: pfx("::/0"), NextHops: via("2001:db8::fe", 10), Pref: rpdb.PrefHigh},
		{Dst: pfx("2001:db8:20::/48"), NextHops: via("2001:db8:1::fe", 11), Priority: 77, Expires: rpdb.Some(int64(600_000))},
		{Dst: pfx("2001:db8:22::/48"), NextHops: []rpdb.NextHop{
			{Dev: 10, Gateway: adr("2001:db8::10"), Weight: 1}, {Dev: 11, Gateway: adr("2001:db8:1::10"), Weight: 2},
		}},
		{Dst: pfx("2001:db8:23::/48"), Src: pfx("2001:db8:1::/64"), NextHops: []rpdb.NextHop{{Dev: 11, Weight: 1}}},
		{Dst: pfx("2001:db8:24::/48"), NHID: 6},
		{Dst: pfx("2001:db8:25::/48"), Type: rpdb.Unreachable},
		{Dst: pfx("2001:db8:26::/48"), PrefSrc: adr("2001:db8:1::1"), NextHops: []rpdb.NextHop{{Dev: 10, Weight: 1}}, Metrics: []rpdb.Metric{{ID: 2, Val: 1300}}},
	} {
		r.Family = rpdb.FamilyOf(r.Dst.Addr())
		r.Protocol = rpdb.ProtoBoot
		if r.Table == 0 {
			r.Table = rpdb.TableMain
		}
		if r.Type == 0 {
			r.Type = rpdb.Unicast
		}
		l.exec(rtnl.NewRoute(r, rtnl.FlagsAdd))
	}
}

func (l *lab) rules() {
	l.t.Helper()
	to := func(pref uint32, r rpdb.Rule) rpdb.Rule {
		r.Family, r.Pref, r.Protocol = max(r.Family, rpdb.IPv4), pref, rpdb.ProtoBoot
		if r.Action == 0 {
			r.Action, r.Table = rpdb.ActTable, 1000
		}
		return r
	}
	for _, r := range []rpdb.Rule{
		to(100, rpdb.Rule{Mark: 0x10, MarkMask: 0xff, TOS: 0x10}),
		to(101, rpdb.Rule{IPProto: 6, DPort: rpdb.PortRange{Start: 80, End: 80, Mask: 0xffff}, SPort: rpdb.PortRange{Start: 1000, End: 2000}}),
		to(102, rpdb.Rule{DSCP: rpdb.Some(rpdb.DSCP{Value: 0, Mask: 0x38}), Flags: rpdb.RuleInvert, UID: rpdb.Some(rpdb.UIDRange{Start: 0, End: 0})}),
		to(103, rpdb.Rule{From: pfx("10.1.0.5/24"), To: pfx("10.28.0.0/16"), Realms: 0x30004}),
		to(104, rpdb.Rule{IIF: "nodev", OIF: "e1", TunID: 77, SuppressPrefixLen: rpdb.Some(int32(0)), SuppressIfGroup: rpdb.Some(int32(7))}),
		to(105, rpdb.Rule{Action: rpdb.ActGoto, GotoRef: 40000, IIF: "e1"}),
		to(106, rpdb.Rule{Action: rpdb.ActProhibit, Mark: 99, MarkMask: 0xffffffff}),
		to(100, rpdb.Rule{Family: rpdb.IPv6, FlowLabel: 0x12345, FlowLabelMask: 0xfffff, Action: rpdb.ActBlackhole}),
		to(101, rpdb.Rule{Family: rpdb.IPv6, From: pfx("2001:db8:1::/64"), Action: rpdb.ActUnreachable, DPort: rpdb.PortRange{Start: 5, End: 9}}),
	} {
		l.exec(rtnl.NewRule(r, rtnl.FlagsAdd))
	}
}

// TestKernelAgrees asks the kernel about many flows through one state, and compares
// every field of its replies with what we expect.
func TestKernelAgrees(t *testing.T) {
	l := busy(t)
	db, err := l.state().Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flows() {
		for _, o := range []rtnl.GetOptions{{}, {FibMatch: true}} {
			l.sysctl("net/ipv4/route/flush", "1")
			got, err := l.conn.Ask(f, o)
			if err != nil {
				t.Fatal(err)
			}
			d := db.Lookup(&f)
			if diff := rtnl.Compare(db, f, &d, o, got); diff != nil {
				t.Errorf("%+v %+v: %v differ\nours   %+v\nkernel %+v", f, o, diff, rtnl.ExpectedOf(f, &d, o), got)
			}
		}
	}
}

// TestUndeterminedAgrees lets the kernel choose legs by its secret, and expects that
// each of its replies is one of those that are possible.
func TestUndeterminedAgrees(t *testing.T) {
	l := busy(t)
	l.sysctl("net/ipv4/fib_multipath_hash_seed", "0")
	l.sysctl("net/ipv6/conf/all/forwarding", "1")
	db, err := l.state().Build()
	if err != nil {
		t.Fatal(err)
	}
	taken := map[int]bool{}
	for i := range 60 {
		for _, f := range []rpdb.Flow{
			{Dst: adr(fmt.Sprintf("10.22.0.%d", i)), IPProto: rpdb.ProtoUDP},
			{Dst: adr(fmt.Sprintf("10.24.0.%d", i)), IPProto: rpdb.ProtoUDP},
			{Dst: adr(fmt.Sprintf("2001:db8:22::%d", i))},
			{Dst: adr(fmt.Sprintf("10.22.1.%d", i)), Src: adr("10.0.0.77"), IIF: 10, IPProto: rpdb.ProtoUDP},
			{Dst: adr(fmt.Sprintf("2001:db8:22::%d", i)), Src: adr("2001:db8::77"), IIF: 10, UID: rpdb.InvalidUID},
		} {
			for _, o := range []rtnl.GetOptions{{}, {FibMatch: true}} {
				l.sysctl("net/ipv4/route/flush", "1")
				got, err := l.conn.Ask(f, o)
				if err != nil {
					t.Fatal(err)
				}
				d := db.Lookup(&f)
				if diff := rtnl.Compare(db, f, &d, o, got); diff != nil || !d.Undetermined {
					t.Errorf("%+v %+v: %v differ (undetermined: %v)\nours   %+v\nkernel %+v", f, o, diff, d.Undetermined, rtnl.ExpectedOf(f, &d, o), got)
				}
				taken[got.OIF] = true
			}
		}
	}
	if !taken[10] || !taken[11] {
		t.Errorf("not every leg was taken: %v", taken)
	}
}

func flows() []rpdb.Flow {
	var out []rpdb.Flow
	add := func(edit func(*rpdb.Flow), dsts ...string) {
		for _, dst := range dsts {
			f := rpdb.Flow{Dst: adr(dst)}
			if f.Dst.Is4() {
				f.IPProto = rpdb.ProtoUDP
			}
			edit(&f)
			out = append(out, f)
		}
	}
	v4 := []string{
		"127.0.0.2", "10.0.0.1", "10.0.0.99", "10.0.0.255", "10.9.0.2", "10.20.1.1", "10.21.1.1", "10.22.1.1", "10.22.1.2",
		"10.23.1.1", "10.24.1.1", "10.25.1.1", "10.26.1.1", "10.27.1.1", "10.28.1.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "0.0.0.0",
	}
	v6 := []string{
		"::1", "2001:db8::1", "2001:db8::99", "2001:db8:2::2", "2001:db8:20::1", "2001:db8:22::1", "2001:db8:22::2", "2001:db8:23::1",
		"2001:db8:24::1", "2001:db8:25::1", "2001:db8:26::1", "2001:4860::1", "ff02::1", "::",
	}
	plain := func(*rpdb.Flow) {}
	add(plain, v4...)
	add(plain, v6...)
	add(func(f *rpdb.Flow) { f.Mark, f.TOS = 0x110, 0x10 }, v4...)
	add(func(f *rpdb.Flow) { f.Src = adr("10.1.0.1") }, v4...)
	add(func(f *rpdb.Flow) { f.Src = adr("2001:db8:1::1") }, v6...)
	add(func(f *rpdb.Flow) { f.OIF = 11 }, v4...)
	add(func(f *rpdb.Flow) { f.OIF = 11 }, v6...)
	add(func(f *rpdb.Flow) { f.IPProto, f.SPort, f.DPort, f.UID = 6, 1500, 80, 0 }, v4...)
	add(func(f *rpdb.Flow) { f.IPProto, f.Mark = 132, 5 }, v4[0], v6[0])
	add(func(f *rpdb.Flow) { f.IIF, f.Src, f.UID = 11, adr("10.1.0.7"), 0 }, v4...)
	add(func(f *rpdb.Flow) { f.IIF, f.Src, f.UID = 11, adr("2001:db8:1::7"), rpdb.InvalidUID }, v6...)
	add(func(f *rpdb.Flow) { f.FlowLabel = 0x12345 }, v6...)
	return out
}

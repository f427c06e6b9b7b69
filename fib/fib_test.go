package fib

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// host is a router with two devices, a table main of some prefixes and default
// rules.
func host(prefixes []netip.Prefix) *rpdb.State {
	st := &rpdb.State{
		Links: []rpdb.Link{
			{Index: 1, Name: "lo", Flags: rpdb.IFFUp | rpdb.IFFLoopback},
			{Index: 2, Name: "eth0", Flags: rpdb.IFFUp},
			{Index: 3, Name: "eth1", Flags: rpdb.IFFUp},
		},
		Sysctls: rpdb.Sysctls{"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"},
		Rules:   append(rpdb.DefaultRules(rpdb.IPv4), rpdb.DefaultRules(rpdb.IPv6)...),
		Facts:   rpdb.Facts{CustomRules4: rpdb.Yes, CustomRules6: rpdb.Yes, CustomLocal4: rpdb.No},
	}
	for i, s := range []string{"192.0.2.1/24", "2001:db8:1::1/64"} {
		p := netip.MustParsePrefix(s)
		f := rpdb.FamilyOf(p.Addr())
		st.Addrs = append(st.Addrs, rpdb.Addr{
			Family: f, Index: 2 + i, Local: p.Addr(), PrefixLen: uint8(p.Bits()), Valid: rpdb.Forever, Preferred: rpdb.Forever,
		})
		own, _ := p.Addr().Prefix(p.Addr().BitLen())
		st.Routes = append(st.Routes, rpdb.Route{
			Family: f, Table: rpdb.TableLocal, Dst: own, Type: rpdb.Local, Scope: rpdb.ScopeHost, Protocol: rpdb.ProtoKernel,
			PrefSrc: p.Addr(), NextHops: []rpdb.NextHop{{Dev: 2}},
		})
	}
	for _, p := range prefixes {
		st.Routes = append(st.Routes, routeTo(p, rpdb.TableMain))
	}
	return st
}

func routeTo(p netip.Prefix, table uint32) rpdb.Route {
	r := rpdb.Route{
		Family: rpdb.FamilyOf(p.Addr()), Table: table, Dst: p, Type: rpdb.Unicast,
		NextHops: []rpdb.NextHop{{Dev: 2, Gateway: netip.MustParseAddr("192.0.2.254"), Weight: 1}},
	}
	if r.Family == rpdb.IPv6 {
		r.Priority, r.NextHops[0].Gateway = 1024, netip.MustParseAddr("fe80::1")
	}
	return r
}

func pod(i int) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|uint32(i))))
}

func hostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// addRules adds n rules of a kind before those for main, and their tables.
func addRules(st *rpdb.State, kind string, n int) {
	r := rand.New(rand.NewPCG(3, 3))
	add := func(rule rpdb.Rule) {
		rule.Family, rule.Action = rpdb.IPv4, rpdb.ActTable
		st.Rules = append(st.Rules, rule)
	}
	tables := n/2 + 1
	for i := range tables {
		st.Routes = append(st.Routes, routeTo(netip.MustParsePrefix("0.0.0.0/0"), uint32(1000+i)))
	}
	for i := range n {
		own := uint32(1000 + i%tables)
		switch kind {
		case "vpc":
			switch {
			case i < n/2:
				add(rpdb.Rule{Pref: 512, To: hostPrefix(pod(i)), Table: rpdb.TableMain})
			case i == n/2:
				add(rpdb.Rule{Pref: 1024, Mark: 0x80, MarkMask: 0x80, Table: rpdb.TableMain})
			default:
				add(rpdb.Rule{Pref: 1536, From: hostPrefix(pod(i - n/2 - 1)), Table: own})
			}
		case "fwmark":
			add(rpdb.Rule{Pref: uint32(1000 + i), Mark: uint32(i + 1), MarkMask: 0xffffffff, Table: own})
		case "mixed":
			rule := rpdb.Rule{Pref: uint32(1000 + i), Table: own}
			switch i % 5 {
			case 0:
				rule.From = netip.PrefixFrom(pod(r.IntN(1<<24)), 16+r.IntN(17)).Masked()
			case 1:
				rule.From, rule.Mark, rule.MarkMask = hostPrefix(pod(r.IntN(1<<20))), uint32(r.IntN(16)), 0xf
			case 2:
				rule.From, rule.To = netip.PrefixFrom(pod(r.IntN(1<<24)), 24).Masked(), netip.PrefixFrom(pod(r.IntN(1<<24)), 16).Masked()
			case 3:
				rule.Mark, rule.MarkMask = uint32(r.IntN(1<<20)), 0xffffffff
			case 4:
				rule.DPort = rpdb.PortRange{Start: uint16(1 + r.IntN(60000))}
				rule.DPort.End = rule.DPort.Start + uint16(r.IntN(10))
			}
			add(rule)
		}
	}
}

// someFlow draws a packet that passes through the router and, for vpc and fwmark,
// matches a random one of the rules.
func someFlow(r *rand.Rand, kind string, n int, dst netip.Addr) rpdb.Flow {
	f := rpdb.Flow{Dst: dst, IIF: 3, Src: pod(r.IntN(1 << 20)), IPProto: 17, DPort: uint16(r.IntN(65536))}
	switch kind {
	case "vpc":
		f.Src = pod(r.IntN(max(n/2-1, 1)))
	case "fwmark":
		f.Mark = uint32(1 + r.IntN(max(n, 1)))
	case "mixed":
		f.Mark = r.Uint32N(1 << 20)
	}
	return f
}

func compile(t testing.TB, st *rpdb.State) (*rpdb.Database, *FIB) {
	t.Helper()
	db, err := st.Build()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Compile(db)
	if err != nil {
		t.Fatal(err)
	}
	return db, f
}

var someDsts = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("2001:db8::/32"),
}

func TestManyRules(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, kind := range []string{"vpc", "fwmark", "mixed"} {
		for _, n := range []int{1, 100, 3000} {
			st := host(someDsts)
			addRules(st, kind, n)
			db, f := compile(t, st)
			for range 3000 {
				flow := someFlow(r, kind, n, within(r, someDsts[r.IntN(2)]))
				if got, want := f.Lookup(&flow), db.Lookup(&flow); got != want {
					t.Fatalf("%s %d: %+v:\n got %+v\nwant %+v", kind, n, flow, got, want)
				}
			}
		}
	}
}

func TestFIBAllocates(t *testing.T) {
	st := host(someDsts)
	addRules(st, "mixed", 100)
	_, f := compile(t, st)
	flows := []rpdb.Flow{
		{Dst: netip.MustParseAddr("198.18.1.1")},
		{Dst: netip.MustParseAddr("198.18.1.1"), Src: pod(1), IIF: 3, DPort: 80},
		{Dst: netip.MustParseAddr("2001:db8::1")},
		{Dst: netip.MustParseAddr("2001:db9::1"), IIF: 3},
	}
	out := make([]rpdb.Decision, len(flows))
	key := keyOf(&flows[1])
	if n := testing.AllocsPerRun(100, func() {
		f.LookupBatch(flows, out)
		f.Find(&key)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestBatchAllocates checks that batches on a table that caches do not hold allocate
// nothing, and that they decide as Lookup does.
func TestBatchAllocates(t *testing.T) {
	for _, is4 := range []bool{true, false} {
		ps := fullPrefixes(t, is4)
		ps = ps[:min(len(ps), 100_000)]
		_, f := compile(t, host(sortedAsDumped(ps)))
		if f.four.big == nil && f.six.big == nil {
			t.Fatal("the table is small")
		}
		r := rand.New(rand.NewPCG(1, 1))
		flows, out := make([]rpdb.Flow, 3*batch+5), make([]rpdb.Decision, 3*batch+5)
		for i := range flows {
			flows[i] = rpdb.Flow{Dst: within(r, ps[r.IntN(len(ps))]), Src: within(r, ps[r.IntN(len(ps))]), IIF: 3 * (i % 2)}
			if i%2 == 0 {
				flows[i].Src = netip.Addr{}
			}
		}
		flows[batch].Dst = within(r, someDsts[map[bool]int{true: 2, false: 1}[is4]]) // of the other family
		flows[batch].Src = netip.Addr{}
		if n := testing.AllocsPerRun(10, func() { f.LookupBatch(flows, out) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		for i := range flows {
			if want := f.Lookup(&flows[i]); out[i] != want {
				t.Fatalf("%+v:\n got %+v\nwant %+v", flows[i], out[i], want)
			}
		}
	}
}

// keyOf is the key of the lookup that a packet's decision begins with.
func keyOf(f *rpdb.Flow) rpdb.Key {
	return rpdb.Key{Family: rpdb.FamilyOf(f.Dst), Dst: f.Dst, Src: f.Src, HasSrc: true, IIF: f.IIF, Mark: f.Mark, IPProto: f.IPProto, SPort: f.SPort, DPort: f.DPort}
}

// BenchmarkLookup measures decisions on packets that a router forwards, by the
// number of rules: fib and, where it does not take too long, rpdb.
func BenchmarkLookup(b *testing.B) {
	for _, kind := range []string{"default", "vpc", "fwmark", "mixed"} {
		for _, n := range []int{0, 100, 1000, 10_000, 100_000} {
			if (kind == "default") != (n == 0) {
				continue
			}
			st := host(someDsts)
			addRules(st, kind, n)
			db, f := compile(b, st)
			r := rand.New(rand.NewPCG(6, 6))
			flows := make([]rpdb.Flow, 1<<14)
			for i := range flows {
				flows[i] = someFlow(r, kind, n, within(r, someDsts[1]))
			}
			run := func(name string, db *rpdb.Database) {
				b.Run(fmt.Sprintf("%s/%d/%s", kind, n, name), func(b *testing.B) {
					i := 0
					for b.Loop() {
						db.Lookup(&flows[i&(1<<14-1)])
						i++
					}
				})
			}
			run("fib", f.Database())
			keys := make([]rpdb.Key, len(flows))
			for i := range flows {
				keys[i] = keyOf(&flows[i])
			}
			b.Run(fmt.Sprintf("%s/%d/find", kind, n), func(b *testing.B) {
				i := 0
				for b.Loop() {
					f.Find(&keys[i&(1<<14-1)])
					i++
				}
			})
			if n <= 1000 {
				run("rpdb", db)
			}
		}
	}
}

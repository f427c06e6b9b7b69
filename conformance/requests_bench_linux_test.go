package conformance

import (
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// benchHosts runs a benchmark on an emulated host and on one of the running kernel:
// 10.0.0.1/24 on eth0, whose other end is up too.
func benchHosts(b *testing.B, f func(b *testing.B, t rtnl.Transport)) {
	b.Run("netns", func(b *testing.B) {
		s := netns.New().Dial()
		b.Cleanup(func() { _ = s.Close() })
		benchHost(b, s)
		f(b, s)
	})
	b.Run("kernel", func(b *testing.B) {
		c, err := kernel.Dial(kernel.Config{NetNS: testns.New(b).Path()})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		benchHost(b, c)
		f(b, c)
	})
}

func benchHost(b *testing.B, t rtnl.Transport) {
	b.Helper()
	must(b, t)(rtnl.NewVeth(rpdb.Link{Name: "eth0", Index: 10}, rpdb.Link{Name: "peer0", Index: 11}))
	for _, dev := range []int{rpdb.Loopback, 10, 11} {
		must(b, t)(rtnl.SetLink(dev, rpdb.IFFUp, rpdb.IFFUp))
	}
	must(b, t)(rtnl.NewAddr(rpdb.Addr{
		Family: rpdb.IPv4, Index: 10, Local: netip.MustParseAddr("10.0.0.1"), PrefixLen: 24,
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}, rtnl.FlagsAdd))
}

// must returns what sends a message that must be accepted.
func must(b *testing.B, t rtnl.Transport) func(netlink.Message, error) {
	return func(m netlink.Message, err error) {
		b.Helper()
		if err == nil {
			err = rtnl.Exec(t, m)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// benchRoute is the i-th of many routes: 11.0.0.0/24, 11.0.1.0/24, ...
func benchRoute(i int) rpdb.Route {
	i += 11 << 16
	return rpdb.Route{
		Family: rpdb.IPv4, Table: rpdb.TableMain, Type: rpdb.Unicast, Protocol: 3,
		Dst:      netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 0}), 24),
		NextHops: []rpdb.NextHop{{Dev: 10, Gateway: netip.AddrFrom4([4]byte{10, 0, 0, byte(2 + i%100)})}},
	}
}

// BenchmarkNewRoute adds a route and deletes it: two requests.
func BenchmarkNewRoute(b *testing.B) {
	benchHosts(b, func(b *testing.B, t rtnl.Transport) {
		for b.Loop() {
			must(b, t)(rtnl.NewRoute(benchRoute(0), rtnl.FlagsAdd))
			must(b, t)(rtnl.DelRoute(benchRoute(0)))
		}
	})
}

// BenchmarkNewRule adds a rule and deletes it: two requests.
func BenchmarkNewRule(b *testing.B) {
	rule := rpdb.Rule{Family: rpdb.IPv4, Pref: 100, Mark: 1, MarkMask: 0xffffffff, Action: rpdb.ActTable, Table: 100}
	benchHosts(b, func(b *testing.B, t rtnl.Transport) {
		for b.Loop() {
			must(b, t)(rtnl.NewRule(rule, rtnl.FlagsAdd))
			must(b, t)(rtnl.DelRule(rule))
		}
	})
}

// BenchmarkGetRoute asks for one destination, among 1,000 routes.
func BenchmarkGetRoute(b *testing.B) {
	flow := rpdb.Flow{Dst: netip.MustParseAddr("1.0.7.9")}
	benchHosts(b, func(b *testing.B, t rtnl.Transport) {
		for i := range 1000 {
			must(b, t)(rtnl.NewRoute(benchRoute(i), rtnl.FlagsAdd))
		}
		for b.Loop() {
			for _, err := range t.Do(rtnl.GetRoute(flow, rtnl.GetOptions{})) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkDumpRoutes dumps 100,000 routes.
func BenchmarkDumpRoutes(b *testing.B) {
	benchHosts(b, func(b *testing.B, t rtnl.Transport) {
		for i := range 100_000 {
			must(b, t)(rtnl.NewRoute(benchRoute(i), rtnl.FlagsAdd))
		}
		for b.Loop() {
			n := 0
			for _, err := range t.Do(rtnl.DumpRequest(rtnl.Routes4)) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n < 100_000 {
				b.Fatalf("%d routes", n)
			}
		}
		b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "routes/s")
	})
}

// BenchmarkMillionInserts adds a million routes one by one, each acknowledged, and
// measures what the emulation keeps of one. It takes some seconds and a gigabyte, so
// that it runs only with RULEWALK_MILLION=1.
func BenchmarkMillionInserts(b *testing.B) {
	if os.Getenv("RULEWALK_MILLION") == "" {
		b.Skip("set RULEWALK_MILLION=1 to add a million routes in a network namespace")
	}
	const million = 1_000_000
	benchHosts(b, func(b *testing.B, t rtnl.Transport) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.ResetTimer()
		for i := range million {
			must(b, t)(rtnl.NewRoute(benchRoute(i), rtnl.FlagsAdd))
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(t)
		b.ReportMetric(million/b.Elapsed().Seconds(), "routes/s")
		if after.HeapAlloc > before.HeapAlloc+million {
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/million, "bytes/route")
		}
	})
}

// BenchmarkNamespaces makes many namespaces with two addresses each, and measures
// what each takes.
func BenchmarkNamespaces(b *testing.B) {
	const many = 2000
	var before, after runtime.MemStats
	var w *netns.World
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		w = netns.NewWorld(netns.Config{})
		for range many {
			s := w.New().Dial()
			benchHost(b, s)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(w)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "bytes/namespace")
}

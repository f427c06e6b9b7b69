package kernel_test

import (
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// The table of BenchmarkMillionRoutes: as many routes as the Internet has, in its
// proportion of families.
const (
	million4 = 800_000
	million6 = 200_000
)

// BenchmarkMillionRoutes measures how long it takes to read a million routes from
// the kernel into a State, and the memory for it: bytes/route is what stays,
// peak-MB the largest heap on the way. Building the table takes some seconds and a
// gigabyte, so that it runs only with RULEWALK_MILLION=1.
func BenchmarkMillionRoutes(b *testing.B) {
	if os.Getenv("RULEWALK_MILLION") == "" {
		b.Skip("set RULEWALK_MILLION=1 to build a million routes in a network namespace")
	}
	ns := testns.New(b)
	start := time.Now()
	fill(b, ns)
	b.Logf("built %d routes in %s", million4+million6, time.Since(start).Round(time.Millisecond))
	c, err := kernel.Dial(kernel.Config{NetNS: ns.Path()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := watchHeap()
	for b.Loop() {
		s, err := c.State(nil)
		if err != nil {
			b.Fatal(err)
		}
		if len(s.Routes) < million4+million6 {
			b.Fatalf("%d routes", len(s.Routes))
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(s)
		b.StartTimer()
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(million4+million6), "bytes/route")
	b.ReportMetric(float64(peak())/(1<<20), "peak-MB")
	b.ReportMetric(float64(million4+million6)*float64(b.N)/b.Elapsed().Seconds(), "routes/s")
}

// watchHeap samples the heap until the returned function is called, which returns
// the largest size seen.
func watchHeap() func() uint64 {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var peak uint64
	wg.Go(func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() uint64 {
		close(stop)
		wg.Wait()
		return peak
	}
}

// fill adds the routes in batches that are not acknowledged one by one.
func fill(b *testing.B, ns *testns.NS) {
	b.Helper()
	l := &lab{t: b, ns: ns}
	l.dial()
	l.exec(rtnl.NewVeth(rpdb.Link{Name: "e0", Index: 10}, rpdb.Link{Name: "p0", Index: 20}))
	for _, dev := range []int{rpdb.Loopback, 10, 20} {
		l.exec(rtnl.SetLink(dev, rpdb.IFFUp, rpdb.IFFUp))
	}
	l.exec(rtnl.NewAddr(rpdb.Addr{
		Family: rpdb.IPv4, Index: 10, Local: adr("172.16.0.1"), PrefixLen: 16, Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}, rtnl.FlagsAdd))
	send := batch(b, ns)
	for i := range million4 {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 0x01000000+uint32(i)<<8)
		send(rpdb.Route{
			Family: rpdb.IPv4, Table: 100, Type: rpdb.Unicast, Protocol: 186, Dst: netip.PrefixFrom(netip.AddrFrom4(a), 24),
			NextHops: []rpdb.NextHop{{Dev: 10, Weight: 1, Gateway: netip.AddrFrom4([4]byte{172, 16, 1, byte(i)})}},
		}, false)
	}
	for i := range million6 {
		a := adr("2400::").As16()
		binary.BigEndian.PutUint32(a[2:], uint32(i))
		gw := adr("fe80::100").As16()
		gw[15] = byte(i)
		send(rpdb.Route{
			Family: rpdb.IPv6, Table: 100, Type: rpdb.Unicast, Protocol: 186, Dst: netip.PrefixFrom(netip.AddrFrom16(a), 48),
			NextHops: []rpdb.NextHop{{Dev: 10, Weight: 1, Gateway: netip.AddrFrom16(gw)}}, Priority: 20,
		}, i == million6-1)
	}
}

// batch returns a function that adds routes; the last one flushes.
func batch(b *testing.B, ns *testns.NS) func(r rpdb.Route, last bool) {
	f, err := os.Open(ns.Path())
	if err != nil {
		b.Fatal(err)
	}
	nl, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: int(f.Fd())})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = f.Close(), nl.Close() })
	var pending []netlink.Message
	return func(r rpdb.Route, last bool) {
		m, err := rtnl.NewRoute(r, netlink.Create)
		if err != nil {
			b.Fatal(err)
		}
		m.Header.Flags &^= netlink.Acknowledge
		if pending = append(pending, m); len(pending) == 500 || last {
			if _, err := nl.SendMessages(pending); err != nil {
				b.Fatal(err)
			}
			pending = pending[:0]
		}
	}
}

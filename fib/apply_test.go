package fib

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// flap gives one destination after the other another route. The metrics of a route
// tell the version that brought it, so that answers tell the version that they are of.
type flap struct {
	live           *Live
	begun, visible atomic.Uint32 // the versions that may, and that must, be seen
}

const flapDsts = 16

func flapDst(n uint32) netip.Addr { return pod(int(n%flapDsts) << 8) }

func flapRoute(n uint32) *rpdb.Route {
	p, _ := flapDst(n).Prefix(24)
	r := routeTo(p, rpdb.TableMain)
	r.Metrics = []rpdb.Metric{{ID: 2, Val: n}}
	return &r
}

func newFlap(t testing.TB, st *rpdb.State) *flap {
	t.Helper()
	for i := range uint32(flapDsts) {
		st.Routes = append(st.Routes, *flapRoute(i))
	}
	live, err := NewLive(st)
	if err != nil {
		t.Fatal(err)
	}
	f := &flap{live: live}
	f.begun.Store(flapDsts - 1)
	f.visible.Store(flapDsts - 1)
	return f
}

// next makes the next version.
func (f *flap) next(t testing.TB) {
	n := f.begun.Add(1)
	ok, err := f.live.Apply(&rpdb.Change{Kind: rpdb.AddRoute, Route: flapRoute(n), Where: rpdb.Replace})
	if err != nil || !ok {
		t.Errorf("version %d: %v %v", n, ok, err)
	}
	f.visible.Store(n)
}

// check reports whether the versions that routes to all destinations are of are those
// of one version that existed between two others.
func (f *flap) check(t *testing.T, seen *[flapDsts]uint32, from, to uint32) bool {
	lo, hi := from, to
	for i, n := range seen {
		if n%flapDsts != uint32(i) {
			t.Errorf("destination %d has the route of version %d", i, n)
			return false
		}
		lo, hi = max(lo, n), min(hi, n+flapDsts-1)
	}
	if lo > hi {
		t.Errorf("%v is of no version from %d to %d", seen, from, to)
	}
	return lo <= hi
}

// TestReadersSeeChanges checks, while a route changes up to 100,000 times a second and
// rules now and then, that every answer is that of a version which existed during the
// call, and every batch that of one version.
func TestReadersSeeChanges(t *testing.T) {
	st := host(someDsts)
	addRules(st, "vpc", 100)
	f := newFlap(t, st)
	stop := make(chan struct{})
	var reads atomic.Int64
	var readers sync.WaitGroup
	for part := range 2 {
		readers.Go(func() {
			for seen := [flapDsts]uint32{}; ; reads.Add(1) {
				select {
				case <-stop:
					return
				default:
				}
				from := f.visible.Load()
				f.read(part == 0, &seen)
				if !f.check(t, &seen, from, f.begun.Load()) {
					return
				}
			}
		})
	}
	start := time.Now()
	for n := 0; time.Since(start) < 700*time.Millisecond; n++ {
		f.next(t)
		if n%500 == 0 {
			rule := &rpdb.Rule{Family: rpdb.IPv4, Pref: 100, Mark: uint32(n + 1), MarkMask: 0xffffffff, Action: rpdb.ActTable, Table: 4242}
			for _, kind := range []rpdb.ChangeKind{rpdb.AddRule, rpdb.RemoveRule} {
				if ok, err := f.live.Apply(&rpdb.Change{Kind: kind, Rule: rule}); err != nil || !ok {
					t.Errorf("rule: %v %v", ok, err)
				}
			}
		}
		for time.Since(start) < time.Duration(n)*10*time.Microsecond {
			runtime.Gosched()
		}
	}
	close(stop)
	readers.Wait()
	t.Logf("%d versions, %d readings", f.begun.Load(), reads.Load())
}

// read asks for all destinations in one version.
func (f *flap) read(batch bool, seen *[flapDsts]uint32) {
	if !batch {
		now := f.live.Load()
		for i := range seen {
			k := rpdb.Key{Family: rpdb.IPv4, Dst: flapDst(uint32(i)), Src: rpdb.IPv4.Zero(), IIF: 3}
			seen[i] = now.Find(&k).Route.Metrics[0].Val
		}
		return
	}
	flows, out := [flapDsts]rpdb.Flow{}, [flapDsts]rpdb.Decision{}
	for i := range flows {
		flows[i] = rpdb.Flow{Dst: flapDst(uint32(i))}
	}
	f.live.LookupBatch(flows[:], out[:])
	for i := range out {
		seen[i] = out[i].Route.Metrics[0].Val
	}
}

// churn changes the routes of a full table as a router of the Internet sees them: 45
// of 100 changes give a prefix another gateway, 27 withdraw one, 28 announce one.
type churn struct {
	*rand.Rand
	in, out []netip.Prefix
	made    map[netip.Prefix]netip.Addr // the gateways of changes
	n       int
}

func newChurn(ps []netip.Prefix) (c *churn, st *rpdb.State) {
	c = &churn{Rand: rand.New(rand.NewPCG(4, 4)), made: map[netip.Prefix]netip.Addr{}}
	ps = slices.Clone(ps)
	c.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
	c.out, c.in = slices.Clip(ps[:len(ps)/50]), ps[len(ps)/50:]
	return c, host(sortedAsDumped(c.in))
}

// next draws a change and makes it to the lists.
func (c *churn) next() *rpdb.Change {
	c.n++
	switch n := c.IntN(100); {
	case n < 45 || len(c.out) == 0:
		r := c.route(c.in[c.IntN(len(c.in))])
		return &rpdb.Change{Kind: rpdb.AddRoute, Route: r, Where: rpdb.Replace}
	case n < 72:
		p := take(c.Rand, &c.in)
		c.out = append(c.out, p)
		r := routeTo(p, rpdb.TableMain)
		if old := c.made[p]; old.IsValid() {
			r.NextHops[0].Gateway = old
		}
		return &rpdb.Change{Kind: rpdb.RemoveRoute, Route: &r}
	}
	r := c.route(take(c.Rand, &c.out))
	c.in = append(c.in, r.Dst)
	return &rpdb.Change{Kind: rpdb.AddRoute, Route: r, Where: rpdb.Append}
}

// route makes a route by one of 32 gateways, other than that which the prefix had.
func (c *churn) route(p netip.Prefix) *rpdb.Route {
	r := routeTo(p, rpdb.TableMain)
	hop := &r.NextHops[0]
	if old := c.made[p]; old.IsValid() {
		hop.Gateway = old
	}
	for range 1 + c.IntN(4) {
		hop.Gateway = hop.Gateway.Next()
	}
	if last := hop.Gateway.AsSlice(); last[len(last)-1] < 8 || last[len(last)-1] > 253 { // .222 to .253, and ::8 to ::ff
		hop.Gateway = netip.MustParseAddr(map[bool]string{true: "192.0.2.222", false: "fe80::8"}[p.Addr().Is4()])
	}
	c.made[p] = hop.Gateway
	return &r
}

// BenchmarkApply measures one change that readers see at once: of a route of a full
// table, and of a rule among others. cpu-ns is the time of the thread that makes it, all-ns
// that of the process, with Go's collector.
func BenchmarkApply(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		b.Run("route/"+familyName(is4), func(b *testing.B) {
			c, st := newChurn(fullPrefixes(b, is4))
			live, err := NewLive(st)
			if err != nil {
				b.Fatal(err)
			}
			for range 1000 { // what has to be done once
				mustApply(b, live, c.next())
			}
			runtime.GC()
			changes := make([]*rpdb.Change, 64)
			draw := func() {
				for i := range changes {
					changes[i] = c.next()
				}
			}
			draw()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, change := range changes {
				mustApply(b, live, change)
			}
			runtime.ReadMemStats(&after)
			for _, way := range []struct {
				name  string
				apply func()
			}{
				{"one", func() {
					for _, change := range changes {
						mustApply(b, live, change)
					}
				}},
				{"all", func() {
					if n, err := live.ApplyAll(changes); err != nil || n < len(changes) {
						b.Fatal(n, err)
					}
				}},
			} {
				b.Run(way.name, func(b *testing.B) {
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					var thread, process time.Duration
					for left := b.N; left > 0; left -= len(changes) {
						changes = changes[:min(left, cap(changes))]
						draw()
						at, all := cpuTime(), processTime()
						way.apply()
						thread += cpuTime() - at
						process += processTime() - all
					}
					b.ReportMetric(float64(thread)/float64(b.N), "cpu-ns/op")
					b.ReportMetric(float64(process)/float64(b.N), "all-ns/op")
					b.ReportMetric(0, "ns/op") // that with the drawing of changes
				})
			}
			b.Logf("%d bytes a change", (after.TotalAlloc-before.TotalAlloc)/uint64(cap(changes)))
		})
	}
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint("rule/", n), func(b *testing.B) {
			st := host(someDsts)
			addRules(st, "vpc", n)
			live, err := NewLive(st)
			if err != nil {
				b.Fatal(err)
			}
			rule := &rpdb.Rule{Family: rpdb.IPv4, Pref: 1536, From: hostPrefix(pod(1 << 20)), Action: rpdb.ActTable, Table: rpdb.TableMain}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			b.ResetTimer()
			start := cpuTime()
			kinds := [2]rpdb.ChangeKind{rpdb.AddRule, rpdb.RemoveRule}
			for i := range b.N {
				if ok, err := live.Apply(&rpdb.Change{Kind: kinds[i%2], Rule: rule}); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

func mustApply(b *testing.B, live *Live, c *rpdb.Change) {
	if ok, err := live.Apply(c); err != nil || !ok {
		b.Fatalf("%+v: %v %v", c, ok, err)
	}
}

// BenchmarkReaders measures lookups on one core while routes change on the other: the
// nanoseconds of the reader's time, by the changes a second.
func BenchmarkReaders(b *testing.B) {
	ps := fullPrefixes(b, true)
	c, st := newChurn(ps)
	live, err := NewLive(st)
	if err != nil {
		b.Fatal(err)
	}
	addrs := traffic(c.Rand, ps, 1<<20)
	for _, rate := range []int{0, 10_000, 100_000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			stop := make(chan struct{})
			var writer sync.WaitGroup
			var made atomic.Int64
			if rate > 0 {
				writer.Go(func() { made.Store(int64(c.run(live, rate, stop))) })
			}
			l := newLeast(1, len(addrs)/block)
			k := rpdb.Key{Family: rpdb.IPv4, Src: addrs[0], HasSrc: true, IIF: 3}
			var sum uint32
			start := time.Now()
			for b.Loop() {
				l.pass(0, addrs, func(part []netip.Addr) {
					for _, a := range part {
						k.Dst = a
						sum += live.Find(&k).Table
					}
				})
			}
			took := time.Since(start)
			close(stop)
			writer.Wait()
			b.ReportMetric(l.sum(0)/float64(len(addrs)), "find-ns")
			b.ReportMetric(float64(made.Load())/took.Seconds(), "changes/s")
			b.ReportMetric(0, "ns/op")
			_ = sum
		})
	}
}

// run makes changes at a rate until stop is closed, and returns their number. They
// give prefixes other routes.
func (c *churn) run(live *Live, rate int, stop chan struct{}) (n int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for start := time.Now(); ; {
		select {
		case <-stop:
			return n
		default:
		}
		if n > int(time.Since(start).Seconds()*float64(rate)) {
			time.Sleep(20 * time.Microsecond)
			continue
		}
		r := routeTo(c.in[c.IntN(len(c.in))], rpdb.TableMain)
		r.Metrics = []rpdb.Metric{{ID: 2, Val: uint32(n)}}
		r.Protocol = uint8(3 + n%2)
		if ok, err := live.Apply(&rpdb.Change{Kind: rpdb.AddRoute, Route: &r, Where: rpdb.Replace}); err != nil {
			panic(err)
		} else if ok {
			n++
		}
	}
}

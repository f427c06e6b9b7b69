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

// BenchmarkReaders measures lookups on one core while routes change on the other, 10,000
// and 100,000 times a second, and not at all: block after block, so that all three meet the
// same machine. It tells the nanoseconds of the reader's thread, how much slower than
// without changes all blocks of a rate were together, and the rates that were reached.
func BenchmarkReaders(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		ps := fullPrefixes(b, is4)
		addrs := traffic(rand.New(rand.NewPCG(7, 7)), ps, 1<<20)
		live, err := NewLive(host(sortedAsDumped(ps)))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(familyName(is4), func(b *testing.B) {
			rates := []int64{0, 10_000, 100_000}
			w := rewriter{live: live, ps: ps}
			var writer sync.WaitGroup
			stop := make(chan struct{})
			writer.Go(func() { w.run(stop) })
			k := rpdb.Key{Family: rpdb.FamilyOf(addrs[0]), Src: addrs[0], HasSrc: true, IIF: 3}
			var cpu, took [3]time.Duration
			var made [3]int64
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for b.Loop() {
				for i := range len(addrs) / block {
					for j := range rates {
						// No block that the one before has left in the caches.
						from := (i + 5*j) * block % len(addrs)
						part := addrs[from : from+block]
						w.rate.Store(rates[j])
						n, at, start := w.made.Load(), cpuTime(), time.Now()
						for i, a := range part {
							k.Dst = a
							results[i%64] = live.Find(&k)
						}
						cpu[j] += cpuTime() - at
						took[j] += time.Since(start)
						made[j] += w.made.Load() - n
					}
				}
			}
			close(stop)
			writer.Wait()
			for j, rate := range rates {
				b.ReportMetric(float64(cpu[j])/float64(b.N*len(addrs)), fmt.Sprintf("ns-%d", rate))
				if j > 0 {
					b.ReportMetric(100*(float64(cpu[j])/float64(cpu[0])-1), fmt.Sprintf("%%-%d", rate))
					b.ReportMetric(float64(made[j])/took[j].Seconds(), fmt.Sprintf("changes/s-%d", rate))
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// rewriter gives one prefix after the other another gateway.
type rewriter struct {
	live *Live
	ps   []netip.Prefix
	rate atomic.Int64 // changes a second
	made atomic.Int64
}

func (w *rewriter) run(stop chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := rand.New(rand.NewPCG(4, 4))
	at, due := time.Now(), 0.0
	for {
		select {
		case <-stop:
			return
		default:
		}
		time.Sleep(50 * time.Microsecond)
		now := time.Now()
		due = min(due+float64(w.rate.Load())*now.Sub(at).Seconds(), 10_000)
		at = now
		var some []*rpdb.Change
		for ; due >= 1; due-- {
			x := routeTo(w.ps[r.IntN(len(w.ps))], rpdb.TableMain)
			hop := &x.NextHops[0]
			for range 1 + r.IntN(3) {
				hop.Gateway = hop.Gateway.Next()
			}
			some = append(some, &rpdb.Change{Kind: rpdb.AddRoute, Route: &x, Where: rpdb.Replace})
		}
		for len(some) > 0 {
			n, err := w.live.ApplyAll(some)
			if err != nil {
				panic(err)
			}
			w.made.Add(int64(n))
			some = some[min(n+1, len(some)):] // the same gateway as before is refused
		}
	}
}

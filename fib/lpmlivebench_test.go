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
)

// updates are changes of a full table as a router of the Internet sees them: 45 of
// 100 give a random prefix another id, 27 withdraw one, 28 announce one that is not there.
type updates struct {
	live  *LiveLPM
	r     *rand.Rand
	in    []netip.Prefix
	out   []netip.Prefix
	count uint32
}

func newUpdates(t testing.TB, ps []netip.Prefix) *updates {
	t.Helper()
	live, err := NewLiveLPM(entriesOf(ps))
	if err != nil {
		t.Fatal(err)
	}
	u := &updates{live: live, r: rand.New(rand.NewPCG(1, 1))}
	for i, j := range u.r.Perm(len(ps)) {
		if i < len(ps)/50 {
			u.out = append(u.out, ps[j])
			live.Delete(ps[j])
		} else {
			u.in = append(u.in, ps[j])
		}
	}
	return u
}

func (u *updates) next() {
	u.count++
	id := u.count & 0xffffff
	switch n := u.r.IntN(100); {
	case n < 45 || len(u.in) == 0 || len(u.out) == 0:
		_ = u.live.Insert(u.in[u.r.IntN(len(u.in))], id)
	case n < 72:
		p := take(u.r, &u.in)
		u.live.Delete(p)
		u.out = append(u.out, p)
	default:
		p := take(u.r, &u.out)
		_ = u.live.Insert(p, id)
		u.in = append(u.in, p)
	}
}

func take(r *rand.Rand, from *[]netip.Prefix) netip.Prefix {
	s := *from
	i, last := r.IntN(len(s)), len(s)-1
	p := s[i]
	s[i] = s[last]
	*from = s[:last]
	return p
}

// BenchmarkLiveLPMUpdate measures a change of a full table: 100,000 are one operation.
// The time is that of the thread; the slowest change is by the clock.
func BenchmarkLiveLPMUpdate(b *testing.B) {
	const changes = 100_000
	for _, is4 := range []bool{true, false} {
		b.Run(familyName(is4), func(b *testing.B) {
			u := newUpdates(b, fullPrefixes(b, is4))
			l := newLeast(1, 1)
			took := make([]time.Duration, 0, changes)
			for b.Loop() {
				took = took[:0]
				l.time(0, 0, func() {
					for range changes {
						at := time.Now()
						u.next()
						took = append(took, time.Since(at))
					}
				})
			}
			slices.Sort(took)
			b.ReportMetric(l.sum(0)/changes, "ns/change")
			b.ReportMetric(float64(took[changes*99/100].Nanoseconds()), "p99-ns")
			b.ReportMetric(float64(u.live.Bytes())/float64(u.live.Len()), "B/prefix")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// paced makes changes at a rate until it is stopped.
func (u *updates) paced(rate *atomic.Int64, stop *atomic.Bool) (made int64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at, due := time.Now(), 0.0
	for !stop.Load() {
		time.Sleep(100 * time.Microsecond)
		now := time.Now()
		due += float64(rate.Load()) * now.Sub(at).Seconds()
		at = now
		for due = min(due, 10_000); due >= 1; due-- {
			u.next()
			made++
		}
	}
	return made
}

// BenchmarkLiveLPMReaders measures how much slower lookups are while the table
// changes 10,000 and 100,000 times a second, pass by pass.
func BenchmarkLiveLPMReaders(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		ps := fullPrefixes(b, is4)
		addrs := traffic(rand.New(rand.NewPCG(7, 7)), ps, streamLen)
		u := newUpdates(b, ps)
		ids := make([]uint32, block)
		for _, way := range []struct {
			name   string
			lookup func(part []netip.Addr)
		}{
			{"lookup", func(part []netip.Addr) {
				for i, a := range part {
					ids[i], _ = u.live.Lookup(a)
				}
			}},
			{"batch", func(part []netip.Addr) { u.live.LookupBatch(part, ids) }},
		} {
			b.Run(familyName(is4)+"/"+way.name, func(b *testing.B) {
				rates := []int64{0, 10_000, 100_000}
				var rate atomic.Int64
				var stop atomic.Bool
				var writer sync.WaitGroup
				writer.Go(func() { u.paced(&rate, &stop) })
				l := newLeast(len(rates), len(addrs)/block)
				reached, took := make([]uint32, len(rates)), make([]time.Duration, len(rates))
				for b.Loop() {
					for i := range rates {
						rate.Store(rates[i])
						count, at := u.count, time.Now()
						l.pass(i, addrs, way.lookup)
						reached[i] += u.count - count
						took[i] += time.Since(at)
					}
				}
				stop.Store(true)
				writer.Wait()
				for i, n := range rates {
					b.ReportMetric(l.sum(i)/float64(len(addrs)), fmt.Sprintf("ns-%d", n))
					if i > 0 {
						b.ReportMetric(100*(l.sum(i)/l.sum(0)-1), fmt.Sprintf("%%-%d", n))
						b.ReportMetric(float64(reached[i])/took[i].Seconds(), fmt.Sprintf("updates/s-%d", n))
					}
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkTwoCores measures how many times as many lookups two threads make at once
// as one does, in time of each thread, so that other work on the machine counts
// little.
func BenchmarkTwoCores(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("one core")
	}
	ps := fullPrefixes(b, true)
	p := newPair(b, entriesOf(ps))
	addrs := traffic(rand.New(rand.NewPCG(7, 7)), ps, streamLen)
	const alone = 2 // the structures 0 and 1 are two threads at once
	l := newLeast(3, streamLen/2/block)
	lookup := func(structure, half int) {
		ids := make([]uint32, block)
		l.pass(structure, addrs[half*streamLen/2:], func(part []netip.Addr) { p.lpm.LookupBatch(part, ids) })
	}
	for b.Loop() {
		lookup(alone, 0)
		var both sync.WaitGroup
		for half := range 2 {
			both.Go(func() { lookup(half, half) })
		}
		both.Wait()
	}
	b.ReportMetric(l.sum(alone)/l.sum(0)+l.sum(alone)/l.sum(1), "x")
	b.ReportMetric(0, "ns/op")
}

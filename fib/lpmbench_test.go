package fib

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sort"
	"testing"
	"time"
)

// streamLen is the number of addresses of a stream of destinations.
const streamLen = 1 << 22

// within draws an address inside a prefix.
func within(r *rand.Rand, p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		rest := 8*(i+1) - p.Bits()
		if rest > 0 {
			b[i] |= byte(r.Uint32()) & byte(1<<min(rest, 8)-1)
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// distinct draws addresses until it has n different ones.
func distinct(n int, draw func() netip.Addr) []netip.Addr {
	seen := make(map[[16]byte]struct{}, n)
	out := make([]netip.Addr, 0, n)
	for len(out) < n {
		a := draw()
		if _, ok := seen[a.As16()]; !ok {
			seen[a.As16()] = struct{}{}
			out = append(out, a)
		}
	}
	return out
}

// uniform draws distinct addresses, each covered address as likely as any other.
func uniform(r *rand.Rand, ps []netip.Prefix) []netip.Addr {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, netip.Prefix.Compare)
	var outer []netip.Prefix // those not within another
	size := []float64{0}
	for _, p := range ps {
		if n := len(outer); n == 0 || !outer[n-1].Contains(p.Addr()) {
			outer = append(outer, p)
			size = append(size, size[n]+math.Exp2(-float64(p.Bits())))
		}
	}
	return distinct(streamLen, func() netip.Addr {
		at := sort.SearchFloat64s(size, r.Float64()*size[len(outer)])
		return within(r, outer[max(at-1, 0)])
	})
}

// traffic draws n distinct addresses, each within a random prefix.
func traffic(r *rand.Rand, ps []netip.Prefix, n int) []netip.Addr {
	return distinct(n, func() netip.Addr { return within(r, ps[r.IntN(len(ps))]) })
}

// zipf draws from a list, the k-th of it with a probability proportional to 1/k.
func zipf(r *rand.Rand, addrs []netip.Addr) []netip.Addr {
	sum := make([]float64, len(addrs)+1)
	for k := range addrs {
		sum[k+1] = sum[k] + 1/float64(k+1)
	}
	out := make([]netip.Addr, streamLen)
	for i := range out {
		out[i] = addrs[max(sort.SearchFloat64s(sum, r.Float64()*sum[len(addrs)])-1, 0)]
	}
	return out
}

// streams draws the destinations that tables are measured with.
func streams(ps []netip.Prefix) map[string][]netip.Addr {
	r := rand.New(rand.NewPCG(7, 7))
	return map[string][]netip.Addr{
		"uni":  uniform(r, ps),
		"traf": traffic(r, ps, streamLen),
		"zipf": zipf(r, traffic(r, ps, 1<<20)),
	}
}

// block is the number of addresses that are timed at once.
const block = 1 << 16

// least keeps the least time of its thread that each block took in each structure.
type least [][]time.Duration

func newLeast(structures, blocks int) least {
	l := make(least, structures)
	for i := range l {
		l[i] = make([]time.Duration, blocks)
	}
	return l
}

func (l least) time(structure, block int, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at := cpuTime()
	f()
	if d := cpuTime() - at; l[structure][block] == 0 || d < l[structure][block] {
		l[structure][block] = d
	}
}

// pass times all blocks of a stream in one structure.
func (l least) pass(structure int, addrs []netip.Addr, f func(block []netip.Addr)) {
	for i := range l[structure] {
		l.time(structure, i, func() { f(addrs[i*block : (i+1)*block]) })
	}
}

func (l least) sum(structure int) float64 {
	var d time.Duration
	for _, x := range l[structure] {
		d += x
	}
	return float64(d.Nanoseconds())
}

func familyName(is4 bool) string { return map[bool]string{true: "inet", false: "inet6"}[is4] }

// BenchmarkLPM measures a full table and bart.Fast on it in one process, pass by
// pass over each stream: the nanoseconds of a lookup (the sum of the least time
// that each block of addresses took), and how many times as long bart takes.
func BenchmarkLPM(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		ps := fullPrefixes(b, is4)
		p := newPair(b, entriesOf(ps))
		all := streams(ps)
		for _, name := range []string{"uni", "traf", "zipf"} {
			addrs := all[name]
			b.Run(familyName(is4)+"/"+name, func(b *testing.B) {
				ids := make([]uint32, block)
				var sum uint32
				l := newLeast(3, len(addrs)/block)
				for b.Loop() {
					l.pass(0, addrs, func(part []netip.Addr) {
						for _, a := range part {
							id, _ := p.peer.Lookup(a)
							sum += id
						}
					})
					l.pass(1, addrs, func(part []netip.Addr) {
						for _, a := range part {
							id, _ := p.lpm.Lookup(a)
							sum += id
						}
					})
					l.pass(2, addrs, func(part []netip.Addr) { p.lpm.LookupBatch(part, ids) })
				}
				n := float64(len(addrs))
				peer, one, many := l.sum(0), l.sum(1), l.sum(2)
				b.ReportMetric(peer/n, "bart-ns")
				b.ReportMetric(one/n, "lookup-ns")
				b.ReportMetric(many/n, "batch-ns")
				b.ReportMetric(peer/one, "x-lookup")
				b.ReportMetric(peer/many, "x-batch")
				b.ReportMetric(0, "ns/op")
				_ = sum
			})
		}
	}
}

func BenchmarkNewLPM(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		b.Run(familyName(is4), func(b *testing.B) {
			es := entriesOf(fullPrefixes(b, is4))
			var t *LPM
			l := newLeast(1, 1)
			for b.Loop() {
				l.time(0, 0, func() { t, _ = NewLPM(es) })
			}
			b.ReportMetric(l.sum(0)/1e6, "cpu-ms")
			b.ReportMetric(float64(t.Bytes())/float64(len(es)), "B/prefix")
		})
	}
}

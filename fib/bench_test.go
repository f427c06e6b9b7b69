package fib

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"sort"
	"testing"
	"time"
)

// streamLen is the number of addresses of a stream of destinations.
const streamLen = 1 << 22

// within draws an address inside a prefix; an IPv6 one with 64 random bits at most
// of its first half.
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

// streams draws the three streams that tables are measured with: uniform over the
// covered addresses, uniform over the prefixes, and Zipf over 2^20 of these.
func streams(ps []netip.Prefix) map[string][]netip.Addr {
	r := rand.New(rand.NewPCG(7, 7))
	out := map[string][]netip.Addr{"uni": nil, "traf": nil, "zipf": nil}
	size := make([]float64, len(ps)+1)
	for i, p := range ps {
		size[i+1] = size[i] + math.Exp2(-float64(p.Bits()))
	}
	hot := make([]netip.Addr, 1<<20)
	for i := range hot {
		hot[i] = within(r, ps[r.IntN(len(ps))])
	}
	for range streamLen {
		at := sort.SearchFloat64s(size, r.Float64()*size[len(ps)])
		out["uni"] = append(out["uni"], within(r, ps[max(at-1, 0)]))
		out["traf"] = append(out["traf"], within(r, ps[r.IntN(len(ps))]))
		rank := int(math.Exp(r.Float64() * math.Log(float64(len(hot)))))
		out["zipf"] = append(out["zipf"], hot[min(rank, len(hot))-1])
	}
	return out
}

// block is the number of addresses that one structure looks up before the next has
// its turn.
const block = 1 << 16

// BenchmarkLPM measures the full table and bart.Fast on it, by turns in one
// process: for each stream the nanoseconds of a lookup (the sum of the least time
// that each block of addresses took), and how many times as long bart takes.
func BenchmarkLPM(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		ps := fullPrefixes(b, is4)
		p := newPair(b, entriesOf(ps))
		for _, name := range []string{"uni", "traf", "zipf"} {
			addrs := streams(ps)[name]
			b.Run(map[bool]string{true: "inet", false: "inet6"}[is4]+"/"+name, func(b *testing.B) {
				ids := make([]uint32, block)
				var sum uint32
				least := newLeast(3, len(addrs)/block)
				for b.Loop() {
					for i := 0; i < len(addrs)/block; i++ {
						part := addrs[i*block : (i+1)*block]
						least.time(0, i, func() {
							for _, a := range part {
								id, _ := p.peer.Lookup(a)
								sum += id
							}
						})
						least.time(1, i, func() {
							for _, a := range part {
								id, _ := p.lpm.Lookup(a)
								sum += id
							}
						})
						least.time(2, i, func() { p.lpm.LookupBatch(part, ids) })
					}
				}
				peer, one, many := least.sum(0), least.sum(1), least.sum(2)
				n := float64(len(addrs))
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

// least keeps the least time that each block took in each structure.
type least [][]time.Duration

func newLeast(structures, blocks int) least {
	l := make(least, structures)
	for i := range l {
		l[i] = make([]time.Duration, blocks)
	}
	return l
}

func (l least) time(structure, block int, f func()) {
	at := time.Now()
	f()
	if d := time.Since(at); l[structure][block] == 0 || d < l[structure][block] {
		l[structure][block] = d
	}
}

func (l least) sum(structure int) float64 {
	var d time.Duration
	for _, x := range l[structure] {
		d += x
	}
	return float64(d.Nanoseconds())
}

func BenchmarkNewLPM(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		b.Run(map[bool]string{true: "inet", false: "inet6"}[is4], func(b *testing.B) {
			es := entriesOf(fullPrefixes(b, is4))
			var t *LPM
			for b.Loop() {
				t, _ = NewLPM(es)
			}
			b.ReportMetric(float64(t.Bytes())/float64(len(es)), "B/prefix")
		})
	}
}

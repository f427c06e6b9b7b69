package fib

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// BenchmarkPolicy measures a lookup through the three default rules on a router with
// a full table in main, against the lookup in that table alone, by turns: for each
// stream the nanoseconds of both, and how many times as long the rules take.
func BenchmarkPolicy(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		ps := fullPrefixes(b, is4)
		_, f := compile(b, host(sortedAsDumped(ps)))
		lpm, err := NewLPM(entriesOf(ps))
		if err != nil {
			b.Fatal(err)
		}
		all := streams(ps)
		for _, name := range []string{"uni", "traf", "zipf"} {
			addrs := all[name]
			b.Run(map[bool]string{true: "inet", false: "inet6"}[is4]+"/"+name, func(b *testing.B) {
				least := newLeast(2, len(addrs)/block)
				k := rpdb.Key{Family: rpdb.FamilyOf(addrs[0]), Src: addrs[0], HasSrc: true, IIF: 3}
				var sum uint32
				for b.Loop() {
					for i := range len(addrs) / block {
						least.time(0, i, func() {
							for _, a := range addrs[i*block : (i+1)*block] {
								id, _ := lpm.Lookup(a)
								sum += id
							}
						})
						// Another block: of this one, caches hold what Find looks at.
						j := (i + len(addrs)/block/2) % (len(addrs) / block)
						least.time(1, j, func() {
							for i, a := range addrs[j*block : (j+1)*block] {
								k.Dst = a
								results[i%64] = f.Find(&k)
							}
						})
					}
				}
				n := float64(len(addrs))
				b.ReportMetric(least.sum(0)/n, "lpm-ns")
				b.ReportMetric(least.sum(1)/n, "find-ns")
				b.ReportMetric(least.sum(1)/least.sum(0), "x")
				b.ReportMetric(0, "ns/op")
				_ = sum
			})
		}
	}
}

// BenchmarkDecisions measures whole decisions on packets that a router with a full table
// forwards, one by one and in batches of 1,024, by turns.
func BenchmarkDecisions(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		b.Run(familyName(is4), func(b *testing.B) {
			ps := fullPrefixes(b, is4)
			_, f := compile(b, host(sortedAsDumped(ps)))
			r := rand.New(rand.NewPCG(7, 7))
			const n = 1024
			flows, out := make([]rpdb.Flow, 1<<20), make([]rpdb.Decision, n)
			from := traffic(r, ps, 1<<20)
			for i, a := range traffic(r, ps, 1<<20) {
				flows[i] = rpdb.Flow{Dst: a, Src: from[i], IIF: 3, IPProto: rpdb.ProtoUDP, SPort: 9, DPort: 9}
			}
			least := newLeast(2, len(flows)/block)
			for b.Loop() {
				for i := range len(flows) / block {
					part := flows[i*block : (i+1)*block]
					least.time(0, i, func() {
						for at := range part {
							out[at%n] = f.Lookup(&part[at])
						}
					})
					least.time(1, i, func() {
						for at := 0; at < len(part); at += n {
							f.LookupBatch(part[at:at+n], out)
						}
					})
				}
			}
			b.ReportMetric(least.sum(0)/float64(len(flows)), "lookup-ns")
			b.ReportMetric(least.sum(1)/float64(len(flows)), "batch-ns")
			b.ReportMetric(least.sum(0)/least.sum(1), "x")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// sortedAsDumped returns prefixes in the order of a kernel's dump of IPv4: by address,
// longer ones first.
func sortedAsDumped(ps []netip.Prefix) []netip.Prefix {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), b.Bits()-a.Bits())
	})
	return ps
}

// ruleFlow is what the flows of BenchmarkRules differ in.
type ruleFlow struct {
	dst, src netip.Addr // as they are: making them of numbers costs as much as Find
	mark     uint32
	dport    uint16
}

// someRuleFlows draws flows that each match a random one of the rules that addRules
// adds.
func someRuleFlows(st *rpdb.State, kind string, n int) []ruleFlow {
	r := rand.New(rand.NewPCG(6, 6))
	var rules []*rpdb.Rule
	for i := range st.Rules {
		if x := &st.Rules[i]; x.Pref != 0 && x.Pref < 32766 && (kind != "vpc" || x.From.IsValid()) {
			rules = append(rules, x)
		}
	}
	flows := make([]ruleFlow, n)
	for i := range flows {
		f := ruleFlow{dst: within(r, someDsts[1]), src: pod(r.IntN(1 << 20))}
		if len(rules) > 0 {
			x := rules[r.IntN(len(rules))]
			if x.From.IsValid() {
				f.src = within(r, x.From)
			}
			if x.To.IsValid() {
				f.dst = within(r, x.To)
			}
			f.mark, f.dport = x.Mark, x.DPort.Start
		}
		flows[i] = f
	}
	return flows
}

// BenchmarkRules measures lookups that match a random one of the rules, by their kind
// and number, all numbers by turns: the nanoseconds for each, and how they grow.
func BenchmarkRules(b *testing.B) {
	counts := []int{100, 1000, 10_000, 100_000}
	for _, kind := range []string{"vpc", "fwmark", "mixed"} {
		b.Run(kind, func(b *testing.B) {
			const flows = 1 << 20
			var fibs []*FIB
			var streams [][]ruleFlow
			for _, n := range counts {
				st := host(someDsts)
				addRules(st, kind, n)
				_, f := compile(b, st)
				fibs, streams = append(fibs, f), append(streams, someRuleFlows(st, kind, flows))
			}
			least := newLeast(len(counts), flows/block)
			for b.Loop() {
				for i := range flows / block {
					for j, f := range fibs {
						least.time(j, i, func() { findAll(f, streams[j][i*block:(i+1)*block]) })
					}
				}
			}
			for j, n := range counts {
				b.ReportMetric(least.sum(j)/flows, fmt.Sprintf("ns-%d", n))
			}
			b.ReportMetric(least.sum(2)/least.sum(0), "x-100-10000")
			b.ReportMetric(least.sum(3)/least.sum(2), "x-10000-100000")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// results are the last ones of a benchmark: to store them is what a program would do.
var results [64]rpdb.Found

func findAll(f *FIB, flows []ruleFlow) {
	k := rpdb.Key{Family: rpdb.IPv4, HasSrc: true, IIF: 3, IPProto: 17}
	for i := range flows {
		x := &flows[i]
		k.Dst, k.Src, k.Mark, k.DPort = x.dst, x.src, x.mark, x.dport
		results[i%64] = f.Find(&k)
	}
}

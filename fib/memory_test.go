package fib

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkMemory measures the memory that lookups are made in: the nanoseconds of a
// load of a random cache line of a working set, where each load must wait for the one
// before (dependent), and where the processor can overlap them (independent).
func BenchmarkMemory(b *testing.B) {
	for _, kib := range []int{16, 512, 1024, 2048, 4096, 8192, 16384, 262144} {
		words := make([]uint32, kib<<10/4)
		const line = 16 // words
		order := rand.New(rand.NewPCG(1, 1)).Perm(len(words) / line)
		for i, at := range order {
			words[at*line] = uint32(order[(i+1)%len(order)] * line)
		}
		b.Run(fmt.Sprintf("%dKiB", kib), func(b *testing.B) {
			const loads = 1 << 18
			var at, sum uint32
			seed := uint64(1)
			l := newLeast(2, 1)
			for b.Loop() {
				l.time(0, 0, func() {
					for range loads {
						at = words[at]
					}
				})
				l.time(1, 0, func() {
					for range loads {
						seed = seed*6364136223846793005 + 1442695040888963407
						sum += words[int(seed>>33)&(len(words)-1)]
					}
				})
			}
			b.ReportMetric(l.sum(0)/loads, "dependent-ns")
			b.ReportMetric(l.sum(1)/loads, "independent-ns")
			b.ReportMetric(0, "ns/op")
			_ = at + sum
		})
	}
}

// linesOf returns how many cache lines a lookup touches, of direct and of nodes.
func linesOf(t *table, a u128) int {
	const line = 16 // words
	lines := map[int]bool{-1: true}
	w, pos := t.first(a.hi), t.end()
	for w >= path {
		if w < child {
			at := int(w &^ path)
			lines[at/line], lines[(at+pathInside)/line] = true, true
			w, pos = along(t.nodes[at:], a)
			continue
		}
		place := wordAt(t.nodes, w, a.stride(pos))
		lines[int(w&^child)/line], lines[int(w&^child+1)/line], lines[int(place)/line] = true, true, true
		w, pos = t.nodes[place], pos+strideBits
	}
	return len(lines)
}

// BenchmarkLines counts the cache lines that lookups touch.
func BenchmarkLines(b *testing.B) {
	for _, is4 := range []bool{true, false} {
		ps := fullPrefixes(b, is4)
		p := newPair(b, entriesOf(ps))
		for name, addrs := range streams(ps) {
			b.Run(familyName(is4)+"/"+name, func(b *testing.B) {
				addrs := addrs[:len(addrs)/16]
				lines := 0
				for b.Loop() {
					lines = 0
					for _, a := range addrs {
						if is4 {
							lines += linesOf(&p.lpm.four, u128{hi: uint64(key4(a)) << 32})
						} else {
							lines += linesOf(&p.lpm.six, key6(a))
						}
					}
				}
				b.ReportMetric(float64(lines)/float64(len(addrs)), "lines/lookup")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

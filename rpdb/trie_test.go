package rpdb

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

// drawPrefix draws a prefix among few enough that they nest and repeat.
func drawPrefix(r *rand.Rand, six bool) netip.Prefix {
	if !six {
		a := netip.AddrFrom4([4]byte{10, byte(r.IntN(3)), byte(r.IntN(4)) << 6, byte(r.IntN(4))})
		p, _ := a.Prefix([]int{0, 1, 5, 6, 7, 12, 13, 18, 23, 24, 25, 30, 31, 32}[r.IntN(14)])
		return p
	}
	b := [16]byte{0x20, 0x01, byte(r.IntN(2)), 7: byte(r.IntN(4)) << 5, 8: byte(r.IntN(4)) << 6, 15: byte(r.IntN(3))}
	p, _ := netip.AddrFrom16(b).Prefix([]int{0, 3, 24, 54, 58, 60, 62, 64, 65, 66, 68, 120, 126, 127, 128}[r.IntN(15)])
	return p
}

// TestTrie compares tries with a list of prefixes, and old ones with theirs. Now and
// then changes go on from an old one.
func TestTrie(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		six := seed%2 == 1
		var kept []*trie[int]
		var lists []map[netip.Prefix]int
		now, list := newTrie[int](), map[netip.Prefix]int{}
		for i := range []int{200, 200, 200, 3 * maxSteps(0)}[seed%4] {
			if len(kept) > 0 && r.IntN(50) == 0 {
				at := r.IntN(len(kept))
				now, list = kept[at], lists[at]
			}
			p := drawPrefix(r, six)
			next := map[netip.Prefix]int{}
			for k, v := range list {
				next[k] = v
			}
			switch r.IntN(3) {
			case 0:
				now = now.without(p)
				delete(next, p)
			default:
				now = now.with(p, &i)
				next[p] = i
			}
			list = next
			kept, lists = append(kept, now), append(lists, next)
		}
		built := newTrie[int]()
		for p, v := range list {
			built.set(p, &v)
		}
		kept, lists = append(kept, built), append(lists, list)
		for i, k := range kept {
			if len(kept) < maxSteps(0) || i%50 == 0 {
				checkTrie(t, r, k, lists[i], six)
			}
		}
	}
}

// TestTrieReaders checks that what readers find in a trie stays while others come of it.
func TestTrieReaders(t *testing.T) {
	const prefixes = 64
	at := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i % prefixes), 0, 0}), 16)
	}
	first := newTrie[int]()
	for i := range prefixes {
		first.set(at(i), &i)
	}
	var now atomic.Pointer[trie[int]]
	now.Store(first)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				k := now.Load()
				seen := [prefixes]int{}
				low := 0
				for i := range prefixes {
					if plen, v := k.longest(at(i).Addr(), 32); v != nil && plen == 16 {
						seen[i] = *v
						low = max(low, *v)
					}
				}
				// A trie has the last values up to one, but for one that may be missing.
				for i, v := range seen {
					if v != 0 && v <= low-prefixes {
						t.Errorf("%d has %d beside %d", i, v, low)
						return
					}
				}
			}
		})
	}
	for n := prefixes; n < 20_000; n++ {
		k := now.Load().without(at(n))
		now.Store(k)
		now.Store(k.with(at(n), &n))
	}
	close(done)
	readers.Wait()
}

func checkTrie(t *testing.T, r *rand.Rand, k *trie[int], list map[netip.Prefix]int, six bool) {
	t.Helper()
	sum, want := 0, 0
	k.all(func(v *int) { sum += *v + 1 })
	for _, v := range list {
		want += v + 1
	}
	if k.size != len(list) || sum != want {
		t.Fatalf("size %d, sum %d; want %d, %d", k.size, sum, len(list), want)
	}
	for range 30 {
		at := drawPrefix(r, six)
		best, ok := netip.Prefix{}, false
		for p := range list {
			if p.Bits() <= at.Bits() && p.Contains(at.Addr()) && (!ok || p.Bits() > best.Bits()) {
				best, ok = p, true
			}
		}
		plen, v := k.longest(at.Addr(), at.Bits())
		if (v != nil) != ok || ok && (plen != best.Bits() || *v != list[best]) {
			t.Fatalf("%v: found %d %v, want %v %v %d", at, plen, v, ok, best, list[best])
		}
	}
}

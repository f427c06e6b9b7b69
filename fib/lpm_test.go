package fib

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/gaissmai/bart"

	"github.com/rulewalk/rulewalk/internal/fulltable"
)

func fullPrefixes(t testing.TB, is4 bool) []netip.Prefix {
	t.Helper()
	ps, err := fulltable.Of(is4)
	if err != nil {
		t.Skipf("no full table: %v", err)
	}
	return ps
}

func entriesOf(ps []netip.Prefix) []Entry {
	es := make([]Entry, len(ps))
	for i, p := range ps {
		es[i] = Entry{p, uint32(i)}
	}
	return es
}

// pair is a table and bart's of the same entries.
type pair struct {
	lpm  *LPM
	peer bart.Fast[uint32]
}

func newPair(t testing.TB, es []Entry) *pair {
	t.Helper()
	lpm, err := NewLPM(es)
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{lpm: lpm}
	for _, e := range es {
		p.peer.Insert(e.Prefix, e.ID)
	}
	return p
}

// compare looks addresses up in both tables, one by one and in a batch.
func (p *pair) compare(t testing.TB, addrs []netip.Addr) {
	t.Helper()
	ids := make([]uint32, len(addrs))
	p.lpm.LookupBatch(addrs, ids)
	for i, a := range addrs {
		want, wantOK := p.peer.Lookup(a)
		got, ok := p.lpm.Lookup(a)
		if ok != wantOK || ok && got != want {
			t.Fatalf("%v: got %d %v, want %d %v", a, got, ok, want, wantOK)
		}
		if !ok {
			got = NoRoute
		}
		if ids[i] != got {
			t.Fatalf("%v: got %d in a batch, %d alone", a, ids[i], got)
		}
	}
}

// edges returns the first and the last address of a prefix and those beyond.
func edges(p netip.Prefix) []netip.Addr {
	first := p.Masked().Addr()
	b := first.AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	last, _ := netip.AddrFromSlice(b)
	out := []netip.Addr{first, last}
	for _, a := range []netip.Addr{first.Prev(), last.Next()} {
		if a.IsValid() {
			out = append(out, a)
		}
	}
	return out
}

func TestFullTable(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds under the race detector")
	}
	for _, is4 := range []bool{true, false} {
		t.Run(map[bool]string{true: "inet", false: "inet6"}[is4], func(t *testing.T) {
			ps := fullPrefixes(t, is4)
			p := newPair(t, entriesOf(ps))
			var addrs []netip.Addr
			for _, pfx := range ps {
				addrs = append(addrs, edges(pfx)...)
			}
			p.compare(t, addrs)
			t.Logf("%d prefixes, %d addresses, %.1f bytes a prefix", len(ps), len(addrs), float64(p.lpm.Bytes())/float64(len(ps)))
		})
	}
}

// randomPrefix draws a prefix from a small part of the addresses, so that prefixes
// nest and touch.
func randomPrefix(r *rand.Rand) netip.Prefix {
	if r.IntN(2) == 0 {
		b := [4]byte{byte(r.IntN(3) * 127), byte(r.IntN(2)), byte(r.IntN(3)), byte(r.IntN(256))}
		return netip.PrefixFrom(netip.AddrFrom4(b), r.IntN(33)).Masked()
	}
	var b [16]byte
	for i := range b {
		b[i] = byte(r.IntN(2) * r.IntN(3) * 127)
	}
	if r.IntN(3) > 0 {
		b[0], b[1] = 0x20, 1
	}
	return netip.PrefixFrom(netip.AddrFrom16(b), r.IntN(129)).Masked()
}

func TestRandomTables(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tables := 3000
	if testing.Short() {
		tables = 500
	}
	for n := range tables {
		es := make([]Entry, r.IntN(1+min(n, 200)))
		if n%500 == 499 {
			es = make([]Entry, 5000)
		}
		for i := range es {
			es[i] = Entry{randomPrefix(r), r.Uint32N(20)}
		}
		p := newPair(t, es)
		addrs := []netip.Addr{{}, netip.IPv4Unspecified(), netip.IPv6Unspecified(), netip.MustParseAddr("::ffff:0.0.0.1")}
		for _, e := range es {
			addrs = append(addrs, edges(e.Prefix)...)
		}
		for range 50 {
			addrs = append(addrs, randomPrefix(r).Addr())
		}
		p.compare(t, addrs)
	}
}

func TestNewLPMRefuses(t *testing.T) {
	for _, e := range []Entry{{}, {netip.MustParsePrefix("10.0.0.0/8"), MaxID + 1}} {
		if _, err := NewLPM([]Entry{e}); err == nil {
			t.Errorf("%v: no error", e)
		}
	}
}

func TestLookupAllocates(t *testing.T) {
	p := newPair(t, []Entry{{netip.MustParsePrefix("10.0.0.0/8"), 1}, {netip.MustParsePrefix("2001:db8::/48"), 2}})
	addrs := make([]netip.Addr, 64)
	ids := make([]uint32, 64)
	for i := range addrs {
		addrs[i] = []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("2001:db8::1")}[i/20%2]
	}
	if n := testing.AllocsPerRun(100, func() {
		p.lpm.Lookup(addrs[0])
		p.lpm.Lookup(addrs[30])
		p.lpm.LookupBatch(addrs, ids)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzLPM(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint8(3))
	f.Fuzz(func(t *testing.T, a, b uint64, n uint8) {
		r := rand.New(rand.NewPCG(a, b))
		es := make([]Entry, n)
		for i := range es {
			es[i] = Entry{randomPrefix(r), uint32(i)}
		}
		p := newPair(t, es)
		for _, e := range es {
			p.compare(t, edges(e.Prefix))
		}
	})
}

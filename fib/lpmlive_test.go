package fib

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gaissmai/bart"
	"pgregory.net/rapid"
)

// livePair is a table that changes and bart's with the same prefixes.
type livePair struct {
	live *LiveLPM
	peer bart.Table[uint32]
}

func newLivePair(t testing.TB, es []Entry) *livePair {
	t.Helper()
	live, err := NewLiveLPM(es)
	if err != nil {
		t.Fatal(err)
	}
	p := &livePair{live: live}
	for _, e := range es {
		p.peer.Insert(e.Prefix, e.ID)
	}
	return p
}

func (p *livePair) insert(t testing.TB, pfx netip.Prefix, id uint32) {
	t.Helper()
	if err := p.live.Insert(pfx, id); err != nil {
		t.Fatal(err)
	}
	p.peer.Insert(pfx, id)
}

func (p *livePair) remove(t testing.TB, pfx netip.Prefix) {
	t.Helper()
	_, had := p.peer.Get(pfx)
	p.peer.Delete(pfx)
	if got := p.live.Delete(pfx); got != had {
		t.Fatalf("Delete(%v) is %v", pfx, got)
	}
}

func (p *livePair) compare(t testing.TB, addrs []netip.Addr) {
	t.Helper()
	ids := make([]uint32, len(addrs))
	p.live.LookupBatch(addrs, ids)
	for i, a := range addrs {
		want, wantOK := p.peer.Lookup(a)
		got, ok := p.live.Lookup(a)
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
	if p.live.Len() != p.peer.Size() {
		t.Fatalf("%d prefixes, want %d", p.live.Len(), p.peer.Size())
	}
}

// change makes a random change, of a prefix that the table has or of another.
func (p *livePair) change(t testing.TB, r *rand.Rand, known []netip.Prefix) netip.Prefix {
	t.Helper()
	pfx := randomPrefix(r)
	if len(known) > 0 && r.IntN(3) > 0 {
		pfx = known[r.IntN(len(known))]
	}
	if r.IntN(2) == 0 {
		p.insert(t, pfx, r.Uint32N(20))
	} else {
		p.remove(t, pfx)
	}
	return pfx
}

func TestLiveLPM(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	for round := range rounds {
		es := make([]Entry, r.IntN(1+round))
		known := make([]netip.Prefix, len(es))
		for i := range es {
			es[i] = Entry{randomPrefix(r), r.Uint32N(20)}
			known[i] = es[i].Prefix
		}
		p := newLivePair(t, es)
		for range 300 {
			pfx := p.change(t, r, known)
			known = append(known, pfx)
			p.compare(t, edges(pfx))
		}
		for _, pfx := range known {
			p.compare(t, edges(pfx))
		}
	}
}

// TestLiveLPMEmpties fills tables, so that they outgrow their arrays, and empties
// them again.
func TestLiveLPMEmpties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	p := newLivePair(t, nil)
	var addrs []netip.Addr
	var known []netip.Prefix
	for i := range 6000 {
		pfx := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}), 8+r.IntN(25)).Masked()
		p.insert(t, pfx, uint32(i))
		known, addrs = append(known, pfx), append(addrs, edges(pfx)...)
		if i%1000 == 0 {
			p.compare(t, addrs)
		}
	}
	p.compare(t, addrs)
	for i, j := range r.Perm(len(known)) {
		p.remove(t, known[j])
		if i%1000 == 0 {
			p.compare(t, addrs)
		}
	}
	p.compare(t, addrs)
}

// TestLiveLPMFull changes full tables until they have been compacted, and compares
// every address around every prefix.
func TestLiveLPMFull(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds under the race detector")
	}
	for _, is4 := range []bool{true, false} {
		t.Run(familyName(is4), func(t *testing.T) {
			ps := fullPrefixes(t, is4)
			r := rand.New(rand.NewPCG(8, 9))
			p := newLivePair(t, entriesOf(ps))
			arrays, compacted := p.live.current.Load(), 0
			var fresh []netip.Prefix
			for i := range 150_000 {
				pfx := ps[r.IntN(len(ps))]
				switch r.IntN(4) {
				case 0:
					p.remove(t, pfx)
				case 1:
					p.insert(t, pfx, uint32(i))
				default:
					pfx = netip.PrefixFrom(within(r, pfx), min(pfx.Bits()+r.IntN(20), pfx.Addr().BitLen())).Masked()
					p.insert(t, pfx, uint32(i))
					fresh = append(fresh, pfx)
				}
				if now := p.live.current.Load(); now != arrays {
					arrays, compacted = now, compacted+1
				}
			}
			t.Logf("compacted %d times, %.1f bytes a prefix", compacted, float64(p.live.Bytes())/float64(p.live.Len()))
			if compacted == 0 {
				t.Error("never compacted")
			}
			var addrs []netip.Addr
			for _, pfx := range slices.Concat(ps, fresh) {
				addrs = append(addrs, edges(pfx)...)
			}
			p.compare(t, addrs)
		})
	}
}

func TestLiveLPMRefuses(t *testing.T) {
	var l LiveLPM
	if l.Insert(netip.Prefix{}, 1) == nil || l.Insert(netip.MustParsePrefix("10.0.0.0/8"), MaxID+1) == nil {
		t.Error("no error")
	}
	if l.Delete(netip.Prefix{}) {
		t.Error("deletes what is no prefix")
	}
	if _, ok := l.Lookup(netip.MustParseAddr("10.0.0.1")); ok || l.Bytes() != 0 {
		t.Error("the zero table is not empty")
	}
}

func TestLiveLPMRapid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		var l livePair
		l.live = new(LiveLPM)
		var known []netip.Prefix
		for range rapid.IntRange(0, 200).Draw(rt, "changes") {
			known = append(known, l.change(t, r, known))
		}
		for _, pfx := range known {
			l.compare(t, edges(pfx))
		}
	})
}

// FuzzLiveLPM makes the changes that five bytes each tell of: the prefix's length and
// three parts of its address, and the id, or a removal.
func FuzzLiveLPM(f *testing.F) {
	f.Add([]byte{24, 10, 1, 2, 1, 24, 10, 1, 2, 0, 160, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newLivePair(t, nil)
		var known []netip.Prefix
		for ; len(data) >= 5; data = data[5:] {
			var pfx netip.Prefix
			if n := int(data[0]); n <= 32 {
				pfx = netip.PrefixFrom(netip.AddrFrom4([4]byte{data[1] & 3, data[2], data[3], data[3]}), n)
			} else {
				b := [16]byte{0: 0x20, 1: data[1] & 1, 3: data[1], 5: data[2], 8: data[3], 15: data[3]}
				pfx = netip.PrefixFrom(netip.AddrFrom16(b), n%129)
			}
			pfx = pfx.Masked()
			if data[4] == 0 {
				p.remove(t, pfx)
			} else {
				p.insert(t, pfx, uint32(data[4]))
			}
			known = append(known, pfx)
		}
		for _, pfx := range known {
			p.compare(t, edges(pfx))
		}
	})
}

func TestLiveLPMAllocates(t *testing.T) {
	p := newLivePair(t, []Entry{{netip.MustParsePrefix("10.0.0.0/8"), 1}, {netip.MustParsePrefix("2001:db8::/48"), 2}})
	addrs := make([]netip.Addr, 64)
	ids := make([]uint32, 64)
	for i := range addrs {
		addrs[i] = []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("2001:db8::1")}[i/20%2]
	}
	if n := testing.AllocsPerRun(100, func() {
		p.live.Lookup(addrs[0])
		p.live.Lookup(addrs[30])
		p.live.LookupBatch(addrs, ids)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLiveLPMVersions reads while prefixes around one address come and go, and checks
// that each answer is one that the table had during the call. The prefixes are
// numbered, and change i sets or removes that of length lengths[i%n], so that the
// answer at every moment follows from the number of changes made. Prefixes elsewhere
// come and go too, so that the table is compacted and outgrows its arrays meanwhile.
func TestLiveLPMVersions(t *testing.T) {
	for _, addr := range []string{"10.1.2.3", "2001:db8:1:2::3"} {
		t.Run(addr, func(t *testing.T) { checkVersions(t, netip.MustParseAddr(addr)) })
	}
}

func checkVersions(t *testing.T, addr netip.Addr) {
	lengths := []int{8, 17, 24, 25, 12, 32, 30, 20}
	changes := 200_000
	if testing.Short() {
		changes = 20_000
	}
	// answers[i] is the answer after i changes.
	answers := make([]uint32, changes+1)
	answers[0] = NoRoute
	has := map[int]uint32{}
	for i := range changes {
		bits := lengths[i%len(lengths)]
		if i/len(lengths)%3 == 2 {
			delete(has, bits)
		} else {
			has[bits] = uint32(i)
		}
		longest := -1
		for bits := range has {
			longest = max(longest, bits)
		}
		answers[i+1] = NoRoute
		if longest >= 0 {
			answers[i+1] = has[longest]
		}
	}
	var l LiveLPM
	var begun, done atomic.Int64 // changes
	var readers sync.WaitGroup
	for reader := range 2 {
		readers.Go(func() {
			addrs, ids := slices.Repeat([]netip.Addr{addr}, batch), make([]uint32, batch)
			for done.Load() < int64(changes) && !t.Failed() {
				from := done.Load()
				if reader == 0 {
					ids[0], _ = l.Lookup(addr)
					for i := range ids {
						ids[i] = ids[0]
					}
				} else {
					l.LookupBatch(addrs, ids)
				}
				to := begun.Load()
				for _, id := range ids {
					if !slices.Contains(answers[from:to+1], id) {
						t.Errorf("after %d to %d changes: answer %d, not one of %v", from, to, id, answers[from:to+1])
						return
					}
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(2, 2))
	var elsewhere []netip.Prefix
	arrays, replaced := l.current.Load(), 0
	for i := range changes {
		if p := elsewhereOf(r, addr); i%4 == 0 && i/20_000%2 == 0 {
			if err := l.Insert(p, 1); err != nil {
				t.Error(err)
			}
			elsewhere = append(elsewhere, p)
		} else if n := len(elsewhere); n > 0 && i%2 == 0 {
			l.Delete(elsewhere[n-1])
			elsewhere = elsewhere[:n-1]
		}
		if now := l.current.Load(); now != arrays {
			arrays, replaced = now, replaced+1
		}
		p := netip.PrefixFrom(addr, lengths[i%len(lengths)])
		begun.Add(1)
		if i/len(lengths)%3 == 2 {
			l.Delete(p)
		} else if err := l.Insert(p, uint32(i)); err != nil {
			t.Error(err)
		}
		done.Add(1)
	}
	readers.Wait()
	if replaced < 3 {
		t.Errorf("the arrays were replaced %d times", replaced)
	}
}

// elsewhereOf draws a prefix that does not cover an address but shares its first bits.
func elsewhereOf(r *rand.Rand, addr netip.Addr) netip.Prefix {
	b := addr.AsSlice()
	b[1] ^= 1 + byte(r.IntN(2))
	b[2], b[3] = byte(r.Uint32()), byte(r.Uint32())
	other, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(other, 18+r.IntN(addr.BitLen()-17)).Masked()
}

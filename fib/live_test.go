package fib

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// versions is a Live whose every version answers with its number: the metric of the
// route to each destination.
type versions struct {
	live           *Live
	begun, visible atomic.Uint32 // the versions that may, and that must, be seen
}

func newVersions(t *testing.T) *versions {
	st := host(nil)
	for _, p := range someDsts {
		st.Routes = append(st.Routes, routeTo(p, rpdb.TableMain))
		st.Routes[len(st.Routes)-1].Priority = 1
	}
	v := new(versions)
	v.begun.Store(1)
	v.visible.Store(1)
	var err error
	if v.live, err = NewLive(st); err != nil {
		t.Fatal(err)
	}
	return v
}

// advance makes the next version, with other rules too.
func (v *versions) advance() error {
	n := v.begun.Add(1)
	err := v.live.Modify(func(st *rpdb.State) {
		for i := range st.Routes {
			if st.Routes[i].Table == rpdb.TableMain {
				st.Routes[i].Priority = n
			}
		}
		st.Rules = slices.DeleteFunc(st.Rules, func(r rpdb.Rule) bool { return r.Pref == 100 })
		for i := range n % 5 {
			st.Rules = append(st.Rules, rpdb.Rule{
				Family: rpdb.IPv4, Pref: 100, To: hostPrefix(pod(int(i))), Action: rpdb.ActTable, Table: 1000,
			})
		}
	})
	v.visible.Store(n)
	return err
}

// TestReadersSeeVersions checks, while versions come one after the other, that
// every answer is that of a version which existed during the call, and every batch
// that of one version.
func TestReadersSeeVersions(t *testing.T) {
	v := newVersions(t)
	flows := []rpdb.Flow{
		{Dst: netip.MustParseAddr("198.18.0.1")},
		{Dst: netip.MustParseAddr("2001:db8::9")},
		{Dst: netip.MustParseAddr("198.19.0.1"), Src: pod(1), IIF: 3},
		{Dst: netip.MustParseAddr("203.0.113.1")},
	}
	var readers sync.WaitGroup
	var reads atomic.Int64
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			out := make([]rpdb.Decision, len(flows))
			for {
				select {
				case <-stop:
					return
				default:
				}
				from := v.visible.Load()
				v.live.LookupBatch(flows, out)
				to := v.begun.Load()
				n := out[0].Route.Priority
				for i := range out {
					if out[i].Route == nil || out[i].Route.Priority != n || n < from || n > to {
						t.Errorf("flow %d: %+v, the first of version %d, between %d and %d", i, out[i], n, from, to)
						return
					}
				}
				reads.Add(1)
			}
		})
	}
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		if err := v.advance(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
	t.Logf("%d versions, %d batches read", v.begun.Load(), reads.Load())
}

func TestApplyRefuses(t *testing.T) {
	v := newVersions(t)
	before := v.live.Load()
	if err := v.live.Modify(func(st *rpdb.State) { st.Links = append(st.Links, st.Links[0]) }); err == nil {
		t.Error("two devices with one index: no error")
	}
	if v.live.Load() != before {
		t.Error("a refused change replaced the version")
	}
}

// BenchmarkReplace measures a whole state made the present one: of a host, of one with
// 1000 rules, and of a router with a full IPv4 table.
func BenchmarkReplace(b *testing.B) {
	for _, kind := range []string{"host", "rules", "full"} {
		b.Run(kind, func(b *testing.B) {
			st := host(someDsts)
			switch kind {
			case "rules":
				addRules(st, "vpc", 1000)
			case "full":
				st = host(fullPrefixes(b, true))
			}
			l, err := NewLive(st)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := l.Modify(func(st *rpdb.State) { st.Rules[0].Protocol ^= 1 }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

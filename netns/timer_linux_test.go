package netns_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// clock is a time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// outline keeps of messages what no time is in: the type and the first bytes of the
// body.
func outline(messages []string, body int) []string {
	var out []string
	for _, m := range messages {
		b, _ := hex.DecodeString(m)
		out = append(out, fmt.Sprintf("%d: %x", b[4], b[16:min(16+body, len(b))]))
	}
	return out
}

func TestLifetimesEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds; run without -short")
	}
	c := &clock{now: time.Unix(1_000_000, 0)}
	w := netns.NewWorld(netns.Config{Clock: c.time})
	real, ours := testns.New(t), w.New()
	d := newDuel(t, real, ours, 1, false, netns.GroupIPv4Addr, netns.GroupIPv4Route, netns.GroupIPv6Addr, netns.GroupIPv6Route)
	conn, err := kernel.Dial(kernel.Config{NetNS: real.Path()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i, a := range []struct {
		addr             string
		preferred, valid uint32
	}{
		{"10.9.0.1/24", 1, 3}, {"10.9.0.2/24", rpdb.Forever, rpdb.Forever}, {"10.9.1.1/24", 0, 2}, {"2001:db8::1/64", 1, 2},
	} {
		p := netip.MustParsePrefix(a.addr)
		m, err := rtnl.NewAddr(rpdb.Addr{
			Family: rpdb.FamilyOf(p.Addr()), Index: 1, Local: p.Addr(), PrefixLen: uint8(p.Bits()),
			Preferred: a.preferred, Valid: a.valid,
		}, rtnl.FlagsAdd)
		if err != nil {
			t.Fatal(err)
		}
		s := ours.Dial()
		if want, got := rtnl.Exec(conn, m), rtnl.Exec(s, m); (want == nil) != (got == nil) {
			t.Errorf("address %d: the kernel says %v, netns %v", i, want, got)
		}
		_ = s.Close()
	}
	var want, got []string
	for range 48 { // the kernel looks at a time of its own
		time.Sleep(100 * time.Millisecond)
		want = append(want, outline(received(t, d.realMonitor.Receive), 8)...)
		c.advance(100 * time.Millisecond)
		w.Work()
		got = append(got, outline(d.pending(t, d.oursMonitor), 8)...)
	}
	slices.Sort(want) // families come as their timers run
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notifications (-kernel +netns):\n%s", diff)
	}
	if next := w.Work(); !next.IsZero() {
		t.Errorf("work again at %v, though nothing is left", next)
	}
}

func TestNamespaceEnds(t *testing.T) {
	w := netns.NewWorld(netns.Config{})
	real, ours := []*testns.NS{testns.New(t), testns.New(t)}, []*netns.Namespace{w.New(), w.New()}
	d := newDuel(t, real[0], ours[0], 1, false, netns.GroupNSID, netns.GroupLink)
	m, err := rtnl.NewVeth(rpdb.Link{Index: 20, Name: "v0"}, rpdb.Link{Index: 21, Name: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	d.ask(t, m.Header, m.Data, m.Data) // hardware addresses are drawn
	head := append(make([]byte, 4), word(21)...)
	head = append(head, make([]byte, 8)...)
	h := m.Header
	h.Flags = netlink.Request
	d.ask(t, h, attribute(slices.Clone(head), 28, word(int(real[1].FD()))), attribute(slices.Clone(head), 28, word(int(ours[1].FD()))))
	if err := real[1].Close(); err != nil {
		t.Fatal(err)
	}
	if err := ours[1].Close(); err != nil {
		t.Fatal(err)
	}
	got := outline(d.pending(t, d.oursMonitor), 8)
	var want []string
	for begin := time.Now(); time.Since(begin) < 5*time.Second && len(want) < len(got); time.Sleep(10 * time.Millisecond) {
		want = append(want, outline(received(t, d.realMonitor.Receive), 8)...)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("notifications (-kernel +netns):\n%s", diff)
	}
}

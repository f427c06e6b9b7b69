package conformance

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rulewalk/rulewalk/fib"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// fibHost is an emulated namespace that a scenario is played in.
type fibHost struct {
	ns   *netns.Namespace
	sock *netns.Socket
}

func newFIBHost() *fibHost {
	ns := netns.New()
	return &fibHost{ns, ns.Dial()}
}

// play carries out ops. Those that the namespace refuses are left out, as a kernel
// does.
func (h *fibHost) play(t testing.TB, ops []Op) {
	for _, op := range ops {
		if s, ok := op.(SysctlOp); ok {
			_ = h.ns.SetSysctl(s.Path, s.Value)
			continue
		}
		m, err := message(op)
		if err != nil {
			t.Fatal(err)
		}
		for range h.sock.Do(m) {
		}
	}
}

func (h *fibHost) state(t testing.TB) *rpdb.State {
	st, err := rtnl.CollectState(h.sock, nil)
	if err != nil {
		t.Fatal(err)
	}
	st.Sysctls = rpdb.Sysctls{}
	for _, name := range h.ns.Sysctls() {
		if v, err := h.ns.Sysctl(name); err == nil {
			st.Sysctls[name] = v
		}
	}
	return st
}

// vary makes of a state one that the scenarios do not reach: many rules, devices of
// a VRF, and rules taken to have been changed before or not.
func vary(d dice, f rpdb.Family, st *rpdb.State) {
	pools := (&gen4{dice: d}).pools()
	if f == rpdb.IPv6 {
		pools = (&gen6{dice: d}).pools()
	}
	if d.chance(70) {
		for range d.IntN(120) {
			r := drawRule(d, pools, &traits{realms: true})
			if d.chance(4) {
				r.L3MDev, r.Table, r.Action = true, 0, rpdb.ActTable
			}
			st.Rules = append(st.Rules, r)
		}
	}
	if d.chance(30) {
		for i := range st.Links {
			switch l := &st.Links[i]; l.Name {
			case "p1":
				l.Kind, l.VRFTable = "vrf", 10
			case "v1", "v2":
				l.Master = devP1
			}
		}
	}
	tri := []rpdb.Tri{rpdb.Unknown, rpdb.Yes, rpdb.No}
	st.Facts.CustomRules4, st.Facts.CustomRules6 = pick(d, tri...), pick(d, tri...)
	st.Facts.CustomLocal4 = pick(d, tri...)
	st.Kernel.Release = pick(d, "", "", "6.19.0", "5.10.0", "6.12.1")
}

// compareFIB asks a database and what is compiled of it the same questions.
func compareFIB(t testing.TB, d dice, f rpdb.Family, st *rpdb.State, n int, about string) {
	t.Helper()
	db, err := st.Build()
	if err != nil {
		t.Fatalf("%s: %v", about, err)
	}
	compiled, err := fib.Compile(db)
	if err != nil {
		t.Fatalf("%s: %v", about, err)
	}
	qs := queries(d, f, st, n)
	flows, out := make([]rpdb.Flow, n), make([]rpdb.Decision, n)
	for i := range qs {
		flows[i] = qs[i].Flow
		if d.chance(10) {
			flows[i].TunID = 7
		}
		if d.chance(2) {
			flows[i].Unknown = pick(d, rpdb.FieldUID, rpdb.FieldDPort, rpdb.FieldMark)
		}
	}
	compareFind(t, f, db, compiled, flows, about)
	compiled.LookupBatch(flows, out)
	for i := range flows {
		want, got := db.Lookup(&flows[i]), compiled.Lookup(&flows[i])
		if got != want || out[i] != want {
			t.Fatalf("%s: %s (tunnel %d)\n got %+v\nbatch %+v\nwant %+v", about, qs[i].command(newNames()), flows[i].TunID, got, out[i], want)
		}
	}
}

// compareFind asks both for the lookup alone that flows begin with.
func compareFind(t testing.TB, f rpdb.Family, db *rpdb.Database, compiled *fib.FIB, flows []rpdb.Flow, about string) {
	t.Helper()
	for i := range flows {
		fl := &flows[i]
		k := rpdb.Key{
			Family: f, Dst: fl.Dst, Src: f.Zero(), IIF: fl.IIF, OIF: fl.OIF, Mark: fl.Mark, TOS: fl.TOS &^ 3, UID: fl.UID,
			IPProto: fl.IPProto, SPort: fl.SPort, DPort: fl.DPort, FlowLabel: fl.FlowLabel, TunID: fl.TunID,
			Scope: rpdb.Scope(i % 3 * 127),
		}
		if fl.Src.IsValid() {
			k.Src, k.HasSrc = fl.Src, true
		}
		if k.IIF == 0 {
			k.IIF = rpdb.Loopback
		}
		if got, want := compiled.Find(&k), db.Find(&k); got != want {
			t.Fatalf("%s: %+v\n got %+v\nwant %+v", about, k, got, want)
		}
	}
}

// TestFIB compares package fib with the engine over random states: those of the
// scenarios that are compared with the kernel, after every round of changes, and
// variations of them.
func TestFIB(t *testing.T) {
	scenarios, flows := 150, 250
	if testing.Short() {
		scenarios = 25
	}
	for _, f := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			for n := range uint64(scenarios) {
				playFIB(t, f, 1, n, flows)
			}
		})
	}
}

func playFIB(t testing.TB, f rpdb.Family, seed, n uint64, flows int) {
	s := NewScenario(f, seed, n)
	h := newFIBHost()
	defer h.sock.Close()
	for round, ops := range s.Rounds {
		h.play(t, ops)
		d := newDice(seed, n<<8|uint64(round))
		st := h.state(t)
		about := fmt.Sprintf("scenario %d of seed %d, round %d", n, seed, round)
		compareFIB(t, d, f, st, flows, about)
		other := *st
		other.Rules, other.Links = append([]rpdb.Rule(nil), st.Rules...), append([]rpdb.Link(nil), st.Links...)
		vary(d, f, &other)
		compareFIB(t, d, f, &other, flows, about+", varied")
	}
}

// TestLiveFollows keeps a fib.Live at the state of an emulated namespace by its
// notifications: after each request its answers are those of the state, and where
// the namespace told nothing, nothing changed.
func TestLiveFollows(t *testing.T) {
	applied, refused := 0, 0 // of changes of rules, routes and neighbours
	for n := range uint64(16) {
		f := []rpdb.Family{rpdb.IPv4, rpdb.IPv6}[n%2]
		s := NewScenario(f, 3, n)
		h := newFIBHost()
		notes := h.ns.Dial()
		notes.Join(reqGroups...)
		live, err := fib.NewLive(h.state(t))
		if err != nil {
			t.Fatal(err)
		}
		for i, op := range s.Ops(1) {
			_, sysctl := op.(SysctlOp)
			h.play(t, []Op{op})
			anew := sysctl // of which nothing tells
			for notes.Pending() > 0 {
				b, err := notes.Receive()
				if err != nil {
					t.Fatal(err)
				}
				m, _, err := rtnl.SplitMessage(b)
				if err != nil {
					t.Fatal(err)
				}
				change, err := rtnl.ParseChange(m)
				if err != nil {
					t.Fatal(err)
				}
				if anew {
					continue
				}
				ok, err := live.Apply(&change)
				if err != nil {
					t.Fatal(err)
				}
				anew = !ok
				switch {
				case ok:
					applied++
				case change.Kind != rpdb.OtherChange:
					refused++
				}
			}
			st := h.state(t)
			if anew {
				if err := live.Replace(st); err != nil {
					t.Fatal(err)
				}
			}
			followed(t, newDice(n, uint64(i)), f, live, st, fmt.Sprintf("scenario %d, op %d (%+v)", n, i, op))
		}
		notes.Close()
		h.sock.Close()
	}
	if t.Logf("%d changes applied, %d refused", applied, refused); applied < 3*refused {
		t.Error("too many changes are refused")
	}
}

func followed(t *testing.T, d dice, f rpdb.Family, live *fib.Live, st *rpdb.State, about string) {
	t.Helper()
	// Whoever follows saw the rules change; who reads the state later may not know.
	if st.Facts.CustomRules6 == rpdb.Unknown {
		st.Facts.CustomRules6 = live.Load().Database().Facts().CustomRules6
	}
	db, err := st.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queries(d, f, st, 20) {
		got, want := live.Lookup(&q.Flow), db.Lookup(&q.Flow)
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
			t.Fatalf("%s: %s (-want +got)\n%s", about, q.command(newNames()), diff)
		}
	}
}

// FuzzFIB lets the fuzzer choose the scenario.
func FuzzFIB(f *testing.F) {
	f.Add(uint64(1), uint64(2), false)
	f.Add(uint64(1), uint64(2), true)
	f.Fuzz(func(t *testing.T, seed, n uint64, six bool) {
		playFIB(t, map[bool]rpdb.Family{false: rpdb.IPv4, true: rpdb.IPv6}[six], seed, n, 50)
	})
}

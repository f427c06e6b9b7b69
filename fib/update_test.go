package fib

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rulewalk/rulewalk/rpdb"
)

// changes draws changes and keeps the list of what they leave.
type changes struct {
	*rand.Rand
	family rpdb.Family
	st     *rpdb.State
}

func (c *changes) prefix() netip.Prefix {
	if c.family == rpdb.IPv6 {
		b := [16]byte{0x20, 0x01, 0xd, 0xb8, 5: byte(c.IntN(2)), 15: byte(c.IntN(2))}
		return netip.PrefixFrom(netip.AddrFrom16(b), []int{0, 32, 48, 64, 128}[c.IntN(5)]).Masked()
	}
	b := [4]byte{10, byte(c.IntN(3)), 2 * byte(c.IntN(2)), byte(c.IntN(3))}
	return netip.PrefixFrom(netip.AddrFrom4(b), []int{0, 8, 16, 22, 24, 31, 32}[c.IntN(7)]).Masked()
}

func (c *changes) route() *rpdb.Route {
	p := c.prefix()
	r := &rpdb.Route{
		Family: c.family, Dst: p, Table: []uint32{rpdb.TableMain, 100, 200}[c.IntN(3)],
		Type:     []rpdb.RouteType{rpdb.Unicast, rpdb.Unicast, rpdb.Unicast, rpdb.Throw, rpdb.Prohibit}[c.IntN(5)],
		Priority: uint32(1 + c.IntN(3)),
	}
	hop := rpdb.NextHop{Dev: 2, Weight: 1}
	switch {
	case c.family == rpdb.IPv6 && r.Type.Err() != rpdb.OK:
		hop.Dev = rpdb.Loopback
	case c.family == rpdb.IPv6 && c.IntN(2) == 0:
		hop.Gateway = netip.MustParseAddr("fe80::2")
	case r.Type == rpdb.Unicast && c.IntN(3) > 0:
		hop.Gateway = netip.AddrFrom4([4]byte{10, 0, 2, byte(2 + c.IntN(2))})
	case r.Type == rpdb.Unicast:
		r.Scope = rpdb.ScopeLink
	}
	if c.family == rpdb.IPv4 && c.IntN(4) == 0 {
		r.TOS = 8
	}
	if c.family == rpdb.IPv6 || r.Type == rpdb.Unicast {
		r.NextHops = []rpdb.NextHop{hop}
	}
	return r
}

func (c *changes) rule() *rpdb.Rule {
	r := &rpdb.Rule{Family: c.family, Pref: uint32(c.IntN(5)), Action: rpdb.ActTable, Table: []uint32{100, 200}[c.IntN(2)]}
	switch c.IntN(5) {
	case 0:
		r.From = c.prefix()
	case 1:
		r.To = c.prefix()
	case 2:
		r.Mark, r.MarkMask = 1, 1
	case 3:
		r.DPort = rpdb.PortRange{Start: 53, End: 53}
	case 4:
		r.SuppressPrefixLen, r.Table = rpdb.Some(int32(c.IntN(20))), rpdb.TableMain
	}
	if c.IntN(8) == 0 {
		r.Action = rpdb.ActProhibit
	}
	return r
}

// draw draws a change and makes it to the state as a kernel would; nil if a kernel
// would refuse it.
func (c *changes) draw() *rpdb.Change {
	st := *c.st
	st.Routes, st.Rules = slices.Clone(st.Routes), slices.Clone(st.Rules)
	c.st = &st
	switch c.IntN(4) {
	case 0:
		r := c.rule()
		at := slices.IndexFunc(st.Rules, func(o rpdb.Rule) bool { return o.Family == r.Family && o.Pref > r.Pref })
		st.Rules = slices.Insert(st.Rules, at, *r)
		c.custom()
		return &rpdb.Change{Kind: rpdb.AddRule, Rule: r}
	case 1:
		at := c.IntN(len(st.Rules))
		r := st.Rules[at]
		if r.Family != c.family || r.Protocol == rpdb.ProtoKernel {
			return nil
		}
		at = slices.IndexFunc(st.Rules, func(o rpdb.Rule) bool { return cmp.Equal(o, r, comparable) })
		st.Rules = slices.Delete(st.Rules, at, at+1)
		if c.family == rpdb.IPv4 {
			c.custom()
		}
		return &rpdb.Change{Kind: rpdb.RemoveRule, Rule: &r}
	case 2:
		if len(st.Routes) == 0 {
			return nil
		}
		at := c.IntN(len(st.Routes))
		r := st.Routes[at]
		st.Routes = slices.Delete(st.Routes, at, at+1)
		return &rpdb.Change{Kind: rpdb.RemoveRoute, Route: &r}
	}
	return c.add(c.route())
}

func (c *changes) custom() {
	if c.family == rpdb.IPv4 {
		c.st.Facts.CustomRules4 = rpdb.Yes
	} else {
		c.st.Facts.CustomRules6 = rpdb.Yes
	}
}

func (c *changes) add(r *rpdb.Route) *rpdb.Change {
	alike := func(o rpdb.Route) bool {
		return o.Family == r.Family && o.Table == r.Table && o.Dst == r.Dst && o.TOS == r.TOS && o.Priority == r.Priority
	}
	first := slices.IndexFunc(c.st.Routes, alike)
	where := rpdb.Insertion(c.IntN(3))
	if first >= 0 && (r.Family == rpdb.IPv6 && where != rpdb.Replace || slices.ContainsFunc(c.st.Routes, func(o rpdb.Route) bool {
		return alike(o) && cmp.Equal(o, *r, comparable)
	})) {
		return nil
	}
	switch {
	case first < 0 || where == rpdb.Append:
		c.st.Routes = append(c.st.Routes, *r)
	case where == rpdb.Prepend:
		c.st.Routes = slices.Insert(c.st.Routes, first, *r)
	default:
		c.st.Routes[first] = *r
	}
	return &rpdb.Change{Kind: rpdb.AddRoute, Route: r, Where: where}
}

var comparable = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func (c *changes) flow() *rpdb.Flow {
	f := &rpdb.Flow{Dst: c.prefix().Addr(), DPort: uint16(53 + c.IntN(2)), IPProto: 17, Mark: c.Uint32N(2)}
	if c.IntN(2) == 0 {
		f.Src, f.IIF = c.prefix().Addr(), 2
	}
	if c.IntN(5) == 0 {
		f.TOS = 8
	}
	return f
}

// TestChanges compares a Live that changes one by one with databases that are built
// from the states that the changes leave, and its former versions with theirs.
func TestChanges(t *testing.T) {
	refused, made := 0, 0
	for seed := range uint64(40) {
		f := []rpdb.Family{rpdb.IPv4, rpdb.IPv6}[seed%2]
		c := &changes{Rand: rand.New(rand.NewPCG(seed, 2)), family: f, st: host(nil)}
		c.st.Facts.CustomRules4 = []rpdb.Tri{rpdb.Yes, rpdb.No}[c.IntN(2)]
		c.st.Facts.CustomRules6 = []rpdb.Tri{rpdb.Yes, rpdb.No}[c.IntN(2)]
		live, err := NewLive(c.st)
		if err != nil {
			t.Fatal(err)
		}
		var former []*FIB
		var states []*rpdb.State
		for i := range 80 {
			before := c.st
			change := c.draw()
			if change == nil {
				c.st = before
				continue
			}
			former, states = append(former, live.Load()), append(states, before)
			ok, err := live.Apply(change)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				refused++
				if err := live.Replace(c.st); err != nil {
					t.Fatal(err)
				}
				continue
			}
			made++
			about := fmt.Sprintf("seed %d, change %d: %+v", seed, i, change)
			fresh := built(t, c.st)
			again := built(t, live.Load().Database().State())
			for range 30 {
				flow := c.flow()
				compareFlow(t, flow, live.Load(), fresh, about)
				compareFlow(t, flow, again, fresh, about+", built from its state")
			}
		}
		for i := range former {
			compareFlow(t, c.flow(), former[i], built(t, states[i]), fmt.Sprintf("seed %d, former version %d", seed, i))
		}
	}
	if t.Logf("%d changes made, %d refused", made, refused); made < 10*refused {
		t.Error("too many were refused")
	}
}

func built(t *testing.T, st *rpdb.State) *rpdb.Database {
	t.Helper()
	db, err := st.Build()
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// finder4flows is a FIB or a Database.
type finder4flows interface {
	Lookup(*rpdb.Flow) rpdb.Decision
	Find(*rpdb.Key) rpdb.Found
}

func compareFlow(t *testing.T, f *rpdb.Flow, got, want finder4flows, about string) {
	t.Helper()
	if diff := cmp.Diff(want.Lookup(f), got.Lookup(f), comparable); diff != "" {
		t.Fatalf("%s: %+v (-want +got)\n%s", about, f, diff)
	}
	k := keyOf(f)
	if !k.Src.IsValid() {
		k.Src, k.HasSrc, k.IIF = k.Family.Zero(), false, rpdb.Loopback
	}
	if diff := cmp.Diff(want.Find(&k), got.Find(&k), comparable); diff != "" {
		t.Fatalf("%s: %+v (-want +got)\n%s", about, k, diff)
	}
}

// TestManyChanges makes so many changes that former versions lose touch with the present
// one, one by one and several at once, and compares all of them with the states that
// they are of.
func TestManyChanges(t *testing.T) {
	for _, f := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		c := &changes{Rand: rand.New(rand.NewPCG(3, uint64(f))), family: f, st: host(nil)}
		live, err := NewLive(c.st)
		if err != nil {
			t.Fatal(err)
		}
		var former []*FIB
		var states []*rpdb.State
		made := 0
		for i := range 3 * maxVersions {
			var some []*rpdb.Change
			after := []*rpdb.State{c.st}
			for range 1 + i%3 {
				if change := c.draw(); change != nil {
					some, after = append(some, change), append(after, c.st)
				}
			}
			if i%97 == 0 {
				former, states = append(former, live.Load()), append(states, after[0])
			}
			n, err := live.ApplyAll(some)
			if err != nil {
				t.Fatal(err)
			}
			c.st = after[n]
			made += n
		}
		if made < 4*maxVersions {
			t.Errorf("only %d changes were made", made)
		}
		former, states = append(former, live.Load()), append(states, c.st)
		for i := range former {
			want := built(t, states[i])
			for range 30 {
				compareFlow(t, c.flow(), former[i], want, fmt.Sprintf("%s, version %d", f, i))
			}
		}
	}
}

package rpdb_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// answer writes a decision in a line, as ip route get would.
func answer(db *rpdb.Database, d rpdb.Decision) string {
	if d.Err != rpdb.OK {
		s := d.Err.Name()
		if d.Drop != rpdb.NoDrop {
			s += " " + d.Drop.String()
		}
		return s
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s dev %s", d.Type, db.LinkName(d.OIF))
	if d.Gateway.IsValid() {
		fmt.Fprintf(&b, " via %s", d.Gateway)
	}
	fmt.Fprintf(&b, " table %d", d.Table)
	if d.Src.IsValid() {
		fmt.Fprintf(&b, " src %s", d.Src)
	}
	return b.String()
}

// verdicts writes the rules of a walk's first lookup in a line.
func verdicts(w *rpdb.Walk) string {
	var out []string
	for _, l := range w.Lookups {
		if l.Purpose != rpdb.ForOutput && l.Purpose != rpdb.ForInput {
			continue
		}
		for _, s := range l.Steps {
			if s.Rule != nil {
				out = append(out, fmt.Sprintf("%d:%s", s.Rule.Pref, s.Verdict))
			} else {
				out = append(out, fmt.Sprintf("table %d:%s", s.Table, s.Verdict))
			}
		}
	}
	return strings.Join(out, " ")
}

func tableRule(pref, table uint32) rpdb.Rule {
	return rpdb.Rule{Family: rpdb.IPv4, Pref: pref, Action: rpdb.ActTable, Table: table, Protocol: rpdb.ProtoBoot}
}

func TestOutput4(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*rpdb.State)
		flow   rpdb.Flow
		want   string
		walk   string
	}{
		{name: "loopback", flow: rpdb.Flow{Dst: addr("127.0.0.2")}, want: "local dev lo table 254 src 127.0.0.1", walk: "table 254:matched"},
		{name: "own address", flow: rpdb.Flow{Dst: addr("10.0.2.15")}, want: "local dev lo table 254 src 10.0.2.15", walk: "table 254:matched"},
		{name: "gateway", flow: rpdb.Flow{Dst: addr("8.8.8.8")}, want: "unicast dev eth0 via 10.0.2.2 table 254 src 10.0.2.15", walk: "table 254:matched"},
		{name: "broadcast", flow: rpdb.Flow{Dst: addr("10.0.2.255")}, want: "broadcast dev eth0 table 254 src 10.0.2.15", walk: "table 254:matched"},
		{name: "zero", flow: rpdb.Flow{Dst: addr("0.0.0.0")}, want: "local dev lo table 0 src 127.0.0.1"},
		{name: "foreign source", flow: rpdb.Flow{Dst: addr("8.8.8.8"), Src: addr("9.9.9.9")}, want: "ENETUNREACH source-not-local"},
		{name: "any of 127/8 is a source", flow: rpdb.Flow{Dst: addr("127.0.0.1"), Src: addr("127.9.9.9")}, want: "local dev lo table 254 src 127.9.9.9", walk: "table 254:matched"},
		{name: "loopback source may not leave", flow: rpdb.Flow{Dst: addr("8.8.8.8"), Src: addr("127.0.0.9")}, want: "EINVAL loopback-source", walk: "table 254:matched"},
		{
			name:   "custom rules end the merge",
			change: func(s *rpdb.State) { s.Facts.CustomRules4 = rpdb.Yes },
			flow:   rpdb.Flow{Dst: addr("127.0.0.2")},
			want:   "local dev lo table 255 src 127.0.0.1",
			walk:   "0:matched 32766:not-reached 32767:not-reached",
		},
		{
			name: "mark, suppressor and goto",
			change: func(s *rpdb.State) {
				skip := rpdb.Rule{Family: rpdb.IPv4, Pref: 100, Action: rpdb.ActGoto, GotoRef: 300, Mark: 0x10, MarkMask: 0xff}
				sup := tableRule(300, rpdb.TableMain)
				sup.SuppressPrefixLen = rpdb.Some[int32](0)
				s.Rules = append(s.Rules, skip, tableRule(200, 9), sup)
			},
			flow: rpdb.Flow{Dst: addr("8.8.8.8"), Mark: 0x110},
			want: "unicast dev eth0 via 10.0.2.2 table 254 src 10.0.2.15",
			walk: "0:missed 100:matched 200:jumped-over 300:suppressed 32766:matched 32767:not-reached",
		},
		{
			name: "a throw goes on, a prohibit ends",
			change: func(s *rpdb.State) {
				s.Rules = append(s.Rules, tableRule(10, 10), tableRule(20, 20))
				s.Routes = append(s.Routes, route4(10, rpdb.Throw, "8.8.8.0/24", "", 0), route4(20, rpdb.Prohibit, "0.0.0.0/0", "", 0))
			},
			flow: rpdb.Flow{Dst: addr("8.8.8.8")},
			want: "EACCES",
			walk: "0:missed 10:thrown 20:matched 32766:not-reached 32767:not-reached",
		},
		{
			name: "not inverts the whole selector",
			change: func(s *rpdb.State) {
				r := tableRule(10, 10)
				r.Flags, r.Mark, r.MarkMask, r.From = rpdb.RuleInvert, 1, 1, pfx("10.0.2.0/24")
				s.Rules = append(s.Rules, r)
				s.Routes = append(s.Routes, route4(10, rpdb.Unreachable, "0.0.0.0/0", "", 0))
			},
			flow: rpdb.Flow{Dst: addr("8.8.8.8"), Src: addr("10.0.2.15")},
			want: "EHOSTUNREACH",
			walk: "0:missed 10:matched 32766:not-reached 32767:not-reached",
		},
		{
			name: "a device given rescues a refused flow",
			change: func(s *rpdb.State) {
				s.Rules = append(s.Rules, rpdb.Rule{Family: rpdb.IPv4, Pref: 5, Action: rpdb.ActProhibit})
			},
			flow: rpdb.Flow{Dst: addr("8.8.8.8"), OIF: eth0},
			want: "unicast dev eth0 table 0 src 10.0.2.15",
			walk: "0:missed 5:matched 32766:not-reached 32767:not-reached",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := seedHost()
			if tt.change != nil {
				tt.change(s)
			}
			db := build(t, s)
			w := db.Walk(&tt.flow)
			if got := answer(db, w.Decision); got != tt.want {
				t.Errorf("Walk: %s, want %s", got, tt.want)
			}
			if got := answer(db, db.Lookup(&tt.flow)); got != tt.want {
				t.Errorf("Lookup: %s, want %s", got, tt.want)
			}
			if got := verdicts(w); got != tt.walk {
				t.Errorf("walk: %s, want %s", got, tt.walk)
			}
		})
	}
}

func TestDepends(t *testing.T) {
	s := seedHost()
	r := tableRule(100, 10)
	r.Mark, r.MarkMask = 0x80000, 0xff0000
	r.UID = rpdb.Some(rpdb.UIDRange{Start: 1000, End: 2000})
	s.Rules = append(s.Rules, r)
	s.Routes = append(s.Routes, route4(10, rpdb.Prohibit, "8.8.8.0/24", "", 0))
	db := build(t, s)
	for _, tt := range []struct {
		dst     string
		unknown rpdb.Fields
		uid     uint32
		want    rpdb.Fields
	}{
		{"8.8.8.8", rpdb.FieldMark, 1000, rpdb.FieldMark},
		{"8.8.8.8", rpdb.FieldMark, 0, 0},
		{"8.8.8.8", rpdb.FieldMark | rpdb.FieldUID, 0, rpdb.FieldMark | rpdb.FieldUID},
		{"8.8.4.4", rpdb.FieldMark | rpdb.FieldUID, 0, 0},
		{"8.8.8.8", rpdb.FieldDPort | rpdb.FieldTOS, 1000, 0},
	} {
		f := rpdb.Flow{Dst: addr(tt.dst), Unknown: tt.unknown, UID: tt.uid}
		if got := db.Lookup(&f).Depends; got != tt.want {
			t.Errorf("%s unknown %b: depends on %b, want %b", tt.dst, tt.unknown, got, tt.want)
		}
	}
	alts, exact := db.Alternatives(&rpdb.Flow{Dst: addr("8.8.8.8"), Unknown: rpdb.FieldMark | rpdb.FieldUID})
	if len(alts) != 2 || !exact || alts[1].Decision.Err != rpdb.EACCES || alts[1].Flow.Mark&0xff0000 != 0x80000 {
		t.Errorf("Alternatives: %+v, exact %v", alts, exact)
	}
}

// The vectors of spec IPv4 section 12, seen on the running kernel: with two equal
// legs, the leg follows from the hash.
func TestMultipath4(t *testing.T) {
	s := seedHost()
	s.Links = append(s.Links, link(eth1, "eth1", 0))
	s.Addrs = append(s.Addrs, addr4(eth1, "10.1.0.1/24", rpdb.ScopeGlobal))
	r := route4(rpdb.TableMain, rpdb.Unicast, "20.0.0.0/8", "10.0.2.2", eth0)
	r.NextHops = append(r.NextHops, rpdb.NextHop{Dev: eth1, Gateway: addr("10.1.0.2"), Weight: 3})
	s.Routes = append(s.Routes, r)

	f := rpdb.Flow{Dst: addr("20.0.0.1"), IPProto: rpdb.ProtoUDP}
	db := build(t, s)
	d := db.Lookup(&f)
	if !d.Undetermined {
		t.Error("without a seed the leg must be undetermined")
	}
	legs := db.Legs(&f, &d)
	if len(legs) != 2 || legs[0].Share != 0.25 || legs[1].Share != 0.75 {
		t.Errorf("legs: %+v", legs)
	}
	f.Src = addr("10.0.2.15")
	if d := db.Lookup(&f); d.Undetermined || d.Leg != 0 {
		t.Errorf("a source pins the leg whose device owns it: %+v", d)
	}
	s.Sysctls = rpdb.Sysctls{"net/ipv4/fib_multipath_hash_seed": "1"}
	f.Src = netip.Addr{}
	if d := build(t, s).Lookup(&f); d.Undetermined || d.Leg != 1 {
		t.Errorf("seed 1: %+v, want leg 1", d)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	s := seedHost()
	s.Rules = append(s.Rules, tableRule(10, 10), tableRule(20, 20))
	s.Routes = append(s.Routes, route4(10, rpdb.Throw, "8.8.8.0/24", "", 0))
	s.Links[1].Flags |= 0
	db := build(t, s)
	for _, f := range []rpdb.Flow{
		{Dst: addr("127.0.0.2")},
		{Dst: addr("8.8.8.8")},
		{Dst: addr("8.8.8.8"), Src: addr("10.0.2.15"), OIF: eth0},
		{Dst: addr("10.0.2.15"), Src: addr("10.0.2.77"), IIF: eth0},
		{Dst: addr("8.8.8.8"), Src: addr("10.0.2.77"), IIF: eth0},
	} {
		if n := testing.AllocsPerRun(100, func() { db.Lookup(&f) }); n != 0 {
			t.Errorf("Lookup of %s allocates %v times", f.Dst, n)
		}
	}
}

package iproute2

import (
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

func FuzzParseRuleLine(f *testing.F) {
	for _, s := range []string{
		"0:\tfrom all lookup local",
		"9:\tnot from 10.0.0.0/8 to 0/16 tos 0x10 fwmark 0x1/0xff iif eth0 [detached] oif x lookup main suppress_prefixlength 0",
		"110:\tfrom all goto 9999 [unresolved] proto static dscp AF11 flowlabel 0x1/0xff",
		"5:\tfrom all uidrange 1-2 ipproto tcp sport 0x50/0xff dport 1-2 tun_id 4 lookup 5 realms 1/2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRuleLine(s, nil)
		if err != nil {
			return
		}
		text := FormatRule(&r, &Options{Details: true})
		again, err := ParseRuleLine(text, &ReadOptions{Family: r.Family})
		if err != nil || FormatRule(&again, &Options{Details: true}) != text {
			t.Errorf("%q prints as %q, which reads as %q (%v)", s, text, FormatRule(&again, &Options{Details: true}), err)
		}
	})
}

func FuzzParseRouteLine(f *testing.F) {
	for _, s := range []string{
		"default via 10.0.0.1 dev eth0 proto static src 1.1.1.1 metric 5 onlink",
		"10.2.0.0/16 nhid 3 \\\tnexthop via inet6 fe80::1 dev eth0 weight 3 dead linkdown \\\tnexthop dev lo weight 1",
		"10.1.1.0/30  encap mpls  100 via inet 10.0.0.1 dev eth0 mtu lock 1400 rtt 1.5s features ecn congctl bbr",
		"unreachable 2001:db8::/32 from 2001:db8::/48 dev lo metric 1024 expires -5sec error -101 pref low",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRouteLine(s, &ReadOptions{Links: genLinks})
		if err != nil {
			return
		}
		o := &Options{Links: genLinks, Details: true}
		text := FormatRoute(&r, o)
		again, err := ParseRouteLine(text, &ReadOptions{Links: genLinks, Family: r.Family})
		if err != nil || FormatRoute(&again, o) != text {
			t.Errorf("%q prints as %q, which reads as %q (%v)", s, text, FormatRoute(&again, o), err)
		}
	})
}

func FuzzReadText(f *testing.F) {
	for _, tr := range readTranscript(f) {
		if len(tr.out) < 2000 {
			f.Add("$ " + tr.cmd + "\n" + tr.out)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		st, err := ReadText([]byte(s), nil)
		if err == nil {
			checkState(t, st)
		}
	})
}

func FuzzReadJSON(f *testing.F) {
	for _, tr := range readTranscript(f) {
		if strings.Contains(tr.cmd, " -j") && len(tr.out) < 2000 {
			f.Add(tr.out)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := NewTextReader()
		_ = r.ReadJSON(strings.NewReader(s), nil)
		checkState(t, r.State())
	})
}

// checkState checks what every state must hold: devices that exist once, families
// that fit the addresses, and that it can be printed and built.
func checkState(t *testing.T, st *TextState) {
	t.Helper()
	index := map[int]bool{}
	for _, l := range st.Links {
		if l.Index <= 0 || index[l.Index] {
			t.Errorf("device %q has index %d", l.Name, l.Index)
		}
		index[l.Index] = true
	}
	o := &Options{Links: NewLinkTable(st.Links)}
	for i := range st.Routes {
		r := &st.Routes[i]
		if !r.Dst.IsValid() || rpdb.FamilyOf(r.Dst.Addr()) != r.Family || r.Dst != r.Dst.Masked() {
			t.Errorf("route %+v", r)
		}
		for _, h := range r.NextHops {
			if h.Dev < 0 || h.Dev != 0 && !index[h.Dev] {
				t.Errorf("route %s has device %d", FormatRoute(r, o), h.Dev)
			}
		}
	}
	for i := range st.Addrs {
		a := &st.Addrs[i]
		if !index[a.Index] || !a.Local.IsValid() || rpdb.FamilyOf(a.Local) != a.Family {
			t.Errorf("address %+v", a)
		}
	}
	for i := range st.Rules {
		_ = FormatRule(&st.Rules[i], o)
	}
	for _, p := range st.Problems {
		if p.Why == "" {
			t.Error("a problem that says nothing")
		}
	}
}

func FuzzParseCommandLine(f *testing.F) {
	for _, s := range []string{
		"ip rule add not from 10.0.0.0/8 fwmark 1/2 table 100 pref 5",
		"ip -6 route append default nexthop via fe80::1 dev eth0 weight 3 nexthop dev lo",
		"ip route add local 10.0.0.1 dev lo mtu lock 1400 table 255 scope host realms 1/2",
		"ip addr add 10.9.0.1 peer 10.9.0.2/32 brd + dev eth0 label x valid_lft 5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCommandLine(s, nil, genLinks)
		if err != nil {
			return
		}
		o := &Options{Links: genLinks}
		line := ""
		switch {
		case c.Verb == "delete":
			return
		case c.Rule != nil:
			line = FormatRuleCommand(c.Verb, c.Rule, o)
		case c.Route != nil:
			line = FormatRouteCommand(c.Verb, c.Route, o)
		default:
			line = FormatAddrCommand(c.Verb, c.Addr, o)
		}
		if _, err := ParseCommandLine(line, nil, genLinks); err != nil {
			t.Errorf("%q prints as %q: %v", s, line, err)
		}
	})
}

func FuzzParseGet(f *testing.F) {
	f.Add("8.8.8.8 from 10.1 iif eth0 mark 0x20 tos 10 uid 5 ipproto tcp sport 1 dport 2")
	f.Add("fibmatch to 2001:db8::1 oif wg0 flowlabel 0x12345 connected")
	f.Fuzz(func(t *testing.T, s string) {
		g, err := ParseGet(strings.Fields(s), rpdb.Unspec, nil, genLinks)
		if err != nil {
			return
		}
		line := FormatGet(&g.Flow, g.Given, &Options{Links: genLinks})
		if _, err := ParseGet(strings.Fields(line), rpdb.Unspec, nil, genLinks); err != nil {
			t.Errorf("%q prints as %q: %v", s, line, err)
		}
	})
}

func FuzzNameFile(f *testing.F) {
	f.Add("# reserved\n255 local\n0x64\tcorp # comment\n")
	f.Fuzz(func(_ *testing.T, s string) {
		_ = DefaultNames().ReadTables("rt_tables", []byte(s))
	})
}

package iproute2

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rulewalk/rulewalk/rpdb"
)

func TestRuleTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRule(t)
		o := &Options{Details: rapid.Bool().Draw(t, "-d")}
		line := FormatRule(&r, o)
		got, err := ParseRuleLine(line, &ReadOptions{Family: r.Family})
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if d := cmp.Diff(r, got, cmpNet); d != "" {
			t.Fatalf("%q: %s", line, d)
		}
	})
}

func TestRouteTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRoute(t)
		o := &Options{Links: genLinks, Details: rapid.Bool().Draw(t, "-d"), OneLine: rapid.Bool().Draw(t, "-o")}
		text := FormatRoute(&r, o)
		got, err := ParseRouteLine(text, &ReadOptions{Links: genLinks, Family: r.Family})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if d := cmp.Diff(r, got, cmpNet); d != "" {
			t.Fatalf("%q: %s", text, d)
		}
	})
}

func TestAddrTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genNetAddr(t)
		text := "7: br-lan.10: <UP> mtu 1500\n" + FormatAddr(&a, nil)
		st, err := ReadText([]byte(text), nil)
		if err != nil || len(st.Problems) > 0 || len(st.Addrs) != 1 {
			t.Fatalf("%q: %v %v", text, err, st.Problems)
		}
		a.Index = 7
		if d := cmp.Diff(a, st.Addrs[0], cmpNet); d != "" {
			t.Fatalf("%q: %s", text, d)
		}
	})
}

func TestRuleCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRule(t)
		line := FormatRuleCommand("add", &r, nil)
		c, err := ParseCommandLine(line, nil, nil)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if d := cmp.Diff(&r, c.Rule, cmpNet); d != "" || !c.Pref {
			t.Fatalf("%q: %s", line, d)
		}
	})
}

func TestRouteCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRoute(t)
		line := FormatRouteCommand("append", &r, &Options{Links: genLinks})
		c, err := ParseCommandLine(line, nil, genLinks)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if d := cmp.Diff(&r, c.Route, cmpNet); d != "" {
			t.Fatalf("%q: %s", line, d)
		}
	})
}

func TestAddrCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genNetAddr(t)
		line := FormatAddrCommand("add", &a, &Options{Links: genLinks})
		c, err := ParseCommandLine(line, nil, genLinks)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if d := cmp.Diff(&a, c.Addr, cmpNet); d != "" {
			t.Fatalf("%q: %s", line, d)
		}
	})
}

// TestCommandsOfTranscript reads the commands of the recorded session that its ip
// accepted, and those that it refused for their words.
func TestCommandsOfTranscript(t *testing.T) {
	for in, want := range map[string]string{
		"ip rule add pref 103 iif veth0 table 100":             "103:\tfrom all iif veth0 lookup 100",
		"ip rule add not from 10.1.1.1 lookup 100 proto st":    `protocol: "st" is not a route protocol`,
		"ip rule add pref 107 uidrange 1000-2000 lookup 100":   "107:\tfrom all uidrange 1000-2000 lookup 100",
		"ip rule add pref 109 from all goto 200":               "109:\tfrom all goto 200",
		"ip rule add pref 205 l3mdev":                          "205:\tfrom all lookup [l3mdev-table]",
		"ip rule add pref 207 from 0/0 to default lookup 100":  "207:\tfrom all lookup 100",
		"ip ru add to 10.66/16 bl pref 111":                    "111:\tfrom all to 10.66.0.0/16 blackhole",
		"ip rule add from 10.0.0.0/8":                          "0:\tfrom 10.0.0.0/8 lookup main",
		"ip rule add bogus":                                    `"bogus": not a selector or an action of a rule`,
		"ip rule add table nosuch":                             `table: "nosuch" is not a table, by name or number`,
		"ip rule add fwmark zz table 100":                      `fwmark: "zz" is not a mark, or MARK/MASK`,
		"ip rule add l3mdev table 100":                         `table: the value is missing; want no table, for an l3mdev rule has that of the VRF`,
		"ip route add 10.1.0.0/16 dev veth1":                   "10.1.0.0/16 dev veth1 scope link ",
		"ip r a default via 192.0.2.254":                       "default via 192.0.2.254 ",
		"ip route add local 10.15.0.1 dev lo":                  "local 10.15.0.1 dev lo table local scope host ",
		"ip route add blackhole 10.3.0.0/16":                   "blackhole 10.3.0.0/16 ",
		"ip route add 10.13.0.0/16 via inet6 2001:db8::1":      "10.13.0.0/16 via inet6 2001:db8::1 ",
		"ip route add 10.10.0.0/16 via 192.0.2.254 mtu lock 9": "10.10.0.0/16 via 192.0.2.254 mtu lock 9 ",
		"ip -6 route add default dev veth0 metric 5 pref high": "default dev veth0 metric 5 pref high",
		"ip route add 10.99.0.0/16 10.98.0.0/16":               `"10.98.0.0/16": neither a keyword of a route, nor may the destination be given twice`,
		"ip route add 10.99.0.0/16 via zz":                     `via: "zz" is not an IPv4 address`,
		"ip route add 10.99.0.0/16 nexthop bogus":              `"bogus": not a word of a nexthop`,
		"ip route add 10.99.0.0/16 dev nosuch":                 `dev: "nosuch" is not a device of this host`,
		"ip route show":                                        "not a command that changes rules, routes or addresses: route show",
		"ip addr add 192.0.2.2/24 brd + dev veth0":             "    inet 192.0.2.2/24 brd 192.0.2.255 scope global \n       valid_lft forever preferred_lft forever",
		"ip addr add 10.9.0.1 peer 10.9.0.2/32 dev veth1":      "    inet 10.9.0.1 peer 10.9.0.2/32 scope global \n       valid_lft forever preferred_lft forever",
		"ip addr add 192.0.2.9/24":                             "a device is needed: dev NAME",
		"ip addr add 192.0.2.999/24 dev veth0":                 `"192.0.2.999/24": neither a keyword of an address nor an IP address`,
	} {
		c, err := ParseCommandLine(in, nil, transcriptLinks)
		if got := showCommand(c, err); got != want {
			t.Errorf("%s\n got %q\nwant %q", in, got, want)
		}
	}
}

func showCommand(c *Command, err error) string {
	o := &Options{Links: transcriptLinks}
	switch {
	case err != nil:
		return err.Error()
	case c.Rule != nil:
		return FormatRule(c.Rule, o)
	case c.Route != nil:
		return FormatRoute(c.Route, o)
	}
	return FormatAddr(c.Addr, o)
}

func TestDeleteIsWildcard(t *testing.T) {
	c, err := ParseCommandLine("ip route del 10.0.0.0/8", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &rpdb.Route{Family: rpdb.IPv4, Table: rpdb.TableMain, Dst: prefix("10.0.0.0/8"), Scope: rpdb.ScopeNowhere}
	if d := cmp.Diff(want, c.Route, cmpNet); d != "" {
		t.Error(d)
	}
	if c, err = ParseCommandLine("ip rule del pref 10", nil, nil); err != nil || c.Rule.Action != 0 || c.Rule.Table != 0 {
		t.Errorf("%v %+v", err, c)
	}
	if _, err := ParseCommandLine(strings.Repeat("x ", 9), nil, nil); err == nil {
		t.Error("nonsense is accepted")
	}
}

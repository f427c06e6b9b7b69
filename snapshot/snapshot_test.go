package snapshot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// comparing compares states by their values.
var comparing = cmp.Options{
	cmp.Comparer(func(a, b interface{ String() string }) bool { return a.String() == b.String() }),
	cmpopts.EquateEmpty(),
}

func mustOpen(t *testing.T, paths ...string) *Snapshot {
	t.Helper()
	s, err := Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// routeTexts prints routes as ip does, for comparing.
func routeTexts(s *rpdb.State) []string {
	names := map[int]string{}
	for _, l := range s.Links {
		names[l.Index] = l.Name
	}
	var out []string
	for i := range s.Routes {
		r := &s.Routes[i]
		dev := ""
		if len(r.NextHops) > 0 {
			dev = " @" + names[r.NextHops[0].Dev]
		}
		out = append(out, strings.TrimSpace(iproute2.FormatRoute(r, nil))+dev)
	}
	return out
}

func warningTexts(s *Snapshot) string {
	var b strings.Builder
	for _, w := range s.Warnings {
		b.WriteString(w.String() + "\n")
	}
	return b.String()
}

func TestExamples(t *testing.T) {
	for _, tt := range []struct {
		name, release string
		local         []string
	}{
		{"example", "6.18.44", []string{"10.0.2.15/32", "10.0.2.255/32", "127.0.0.0/8", "127.0.0.1/32", "127.255.255.255/32"}},
		{"example-old", "5.10.0-28-amd64", []string{
			"10.0.2.0/32", "10.0.2.15/32", "10.0.2.255/32",
			"127.0.0.0/32", "127.0.0.0/8", "127.0.0.1/32", "127.255.255.255/32",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mustOpen(t, tt.name)
			if s.State.Kernel.Release != tt.release || s.Host != tt.name {
				t.Errorf("release %q, host %q", s.State.Kernel.Release, s.Host)
			}
			var local []string
			for _, r := range s.State.Routes {
				if r.Table == rpdb.TableLocal && r.Family == rpdb.IPv4 {
					local = append(local, r.Dst.String())
				}
			}
			if d := cmp.Diff(tt.local, local); d != "" {
				t.Error(d)
			}
			if len(s.Warnings) > 0 {
				t.Errorf("warnings:\n%s", warningTexts(s))
			}
			want := append(rpdb.DefaultRules(rpdb.IPv4), rpdb.DefaultRules(rpdb.IPv6)...)
			for i := range want {
				want[i].Protocol = 0
			}
			if d := cmp.Diff(want, s.State.Rules, comparing); d != "" {
				t.Error(d)
			}
			if s.State.Missing&^(rpdb.PartLabels|rpdb.PartBuckets) != 0 {
				t.Errorf("missing %b", s.State.Missing)
			}
			db, err := s.State.Build()
			if err != nil {
				t.Fatal(err)
			}
			_ = db
		})
	}
}

const pasted = `0:	from all lookup local 
100:	from 10.0.0.0/8 fwmark 0x1 lookup 100
32766:	from all lookup main 
32767:	from all lookup default 
default via 192.0.2.1 dev eth0 proto dhcp metric 100 
192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.7 
default via 198.51.100.1 dev tun0 table 100 
local 192.0.2.7 dev eth0 table local proto kernel scope host src 192.0.2.7 
local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1 
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
7: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff
    inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0
       valid_lft forever preferred_lft forever
this line is not of ip
`

func TestPasted(t *testing.T) {
	s, err := (&Options{Stdin: strings.NewReader(pasted)}).Open("-")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"default via 192.0.2.1 dev if7 proto dhcp metric 100 @eth0",
		"192.0.2.0/24 dev if7 proto kernel scope link src 192.0.2.7 @eth0",
		"default via 198.51.100.1 dev if8 table 100 @tun0",
		"local 192.0.2.7 dev if7 table local proto kernel scope host src 192.0.2.7 @eth0",
		"local 127.0.0.0/8 dev if1 table local proto kernel scope host src 127.0.0.1 @lo",
	}
	if d := cmp.Diff(want, routeTexts(s.State)); d != "" {
		t.Error(d)
	}
	if got := len(s.State.Rules); got != 4+2 {
		t.Errorf("%d rules", got)
	}
	w := warningTexts(s)
	for _, want := range []string{"standard input:18: ", "no IPv6 rules", "no sysctls", "tun0"} {
		if !strings.Contains(w, want) {
			t.Errorf("no warning with %q in\n%s", want, w)
		}
	}
}

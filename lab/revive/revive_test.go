package revive_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/revive"
	"github.com/rulewalk/rulewalk/lab/scenario"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/snapshot"
)

// begin returns a server of a new world.
func begin(t testing.TB) *lab.Server {
	t.Helper()
	s, err := lab.NewServer("test", netns.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ip runs ip in a world.
func ip(t testing.TB, s *lab.Server, words string) string {
	t.Helper()
	var out strings.Builder
	if s.Run(context.Background(), lab.Command{Args: append([]string{"ip"}, strings.Fields(words)...), Out: &out, Err: &out}) != 0 {
		t.Fatalf("ip %s: %s", words, out.String())
	}
	return out.String()
}

// dump reads the state of a host of a world, as a collector reads that of a real one.
func dump(t testing.TB, s *lab.Server, host string) *rpdb.State {
	t.Helper()
	ns, err := s.NetNS(host)
	if err != nil {
		t.Fatal(err)
	}
	conn := ns.Dial()
	defer func() { _ = conn.Close() }()
	state, err := rtnl.CollectState(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	state.Sysctls = rpdb.Sysctls{}
	for _, p := range ns.Sysctls() {
		if v, err := ns.Sysctl(p); err == nil && !strings.Contains(p, "secret") {
			state.Sysctls[p] = v
		}
	}
	state.Missing &^= rpdb.PartSysctls
	return state
}

// TestScenarios makes the hosts of every scenario again from dumps of them: ip prints the
// same rules and routes, and the cables are guessed where one can.
func TestScenarios(t *testing.T) {
	for _, name := range scenario.Shipped() {
		t.Run(name, func(t *testing.T) {
			topo, _, err := scenario.ReadShipped(name)
			if err != nil {
				t.Fatal(err)
			}
			w, err := scenario.Start(context.Background(), "test", topo, scenario.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			var sources []revive.Source
			for _, h := range topo.Hosts {
				if !h.Switch {
					sources = append(sources, revive.Source{Name: h.Name, State: dump(t, w.Server, h.Name)})
				}
			}
			s := begin(t)
			guesses, notes, err := revive.Hosts(s, sources)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range notes {
				if strings.Contains(n.Text, "not carried over") || strings.Contains(n.Text, "only ") {
					t.Error(n)
				}
			}
			t.Log(guesses)
			for _, src := range sources {
				for _, words := range []string{"rule", "-6 rule", "nexthop", "-br -4 addr"} {
					want, got := ip(t, w.Server, "-n "+src.Name+" "+words), ip(t, s, "-n "+src.Name+" "+words)
					if words == "-br -4 addr" { // without what stands behind @ and the state
						want, got = columns(want), columns(got)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s: ip %s: %s", src.Name, words, diff)
					}
				}
				want, got := routes(ip(t, w.Server, "-n "+src.Name+" route show table all")), routes(ip(t, s, "-n "+src.Name+" route show table all"))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: routes: %s", src.Name, diff)
				}
			}
		})
	}
}

// columns are the device and the addresses of ip -br.
func columns(s string) string {
	var out []string
	for l := range strings.Lines(s) {
		f := strings.Fields(l)
		name, _, _ := strings.Cut(f[0], "@")
		out = append(out, name+" "+strings.Join(f[2:], " "))
	}
	return strings.Join(out, "\n")
}

// routes are the lines of a listing without what hangs on the carrier.
func routes(s string) []string {
	var out []string
	for l := range strings.Lines(s) {
		out = append(out, strings.TrimSpace(strings.ReplaceAll(l, " linkdown", "")))
	}
	slices.Sort(out)
	return out
}

// text reads states that people have pasted.
func text(t testing.TB, name, data string) revive.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
		t.Fatal(err)
	}
	snap, err := snapshot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return revive.Source{Name: name, State: snap.State, Names: snap.Names}
}

const link = ": <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000\n    link/ether 02:00:00:00:00:0"

// TestGuesses checks what is guessed, and what is said and not made.
func TestGuesses(t *testing.T) {
	web := text(t, "web", "2: eth0"+link+"1 brd ff:ff:ff:ff:ff:ff\n    inet 10.0.0.2/24 scope global eth0\n"+
		"3: docker0"+link+"2 brd ff:ff:ff:ff:ff:ff\n    inet 172.17.0.1/16 scope global docker0\n")
	gw := text(t, "gw", "4: lan"+link+"3 brd ff:ff:ff:ff:ff:ff\n    inet 10.0.0.1/24 scope global lan\n"+
		"5: wan"+link+"4 brd ff:ff:ff:ff:ff:ff\n    inet 192.0.2.1/24 scope global wan\n"+
		"6: dmz"+link+"5 brd ff:ff:ff:ff:ff:ff\n    inet 198.51.100.1/24 scope global dmz\n"+
		"7: docker0"+link+"6 brd ff:ff:ff:ff:ff:ff\n    inet 172.17.0.1/16 scope global docker0\n")
	db := text(t, "db", "2: eth0"+link+"7 brd ff:ff:ff:ff:ff:ff\n    inet 198.51.100.2/24 scope global eth0\n"+
		"3: eth1"+link+"8 brd ff:ff:ff:ff:ff:ff\n    inet 198.51.100.3/24 scope global eth1\n"+
		"4: eth2"+link+"9 brd ff:ff:ff:ff:ff:ff\n    inet 192.0.2.2/24 scope global eth2\n")
	up := text(t, "up", "2: eth0"+link+"a brd ff:ff:ff:ff:ff:ff\n    inet 192.0.2.3/24 scope global eth0\n")
	sources := []revive.Source{web, gw, db, up}
	var got []string
	for _, g := range revive.GuessLinks(sources) {
		got = append(got, g.String())
	}
	want := []string{
		"link web:eth0 -- gw:lan: 10.0.0.0/24: web has 10.0.0.2, gw has 10.0.0.1",
		"link gw:wan -- db:eth2 -- up:eth0: by a switch, 192.0.2.0/24: gw has 192.0.2.1, db has 192.0.2.2, up has 192.0.2.3",
		"no link web:docker0 -- gw:docker0: both have 172.17.0.1 of 172.17.0.0/16: such a network is inside of each, or they stand in for one another",
		"no link gw:dmz -- db:eth0 -- db:eth1: db has two devices in 198.51.100.0/24, eth0 and eth1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s := begin(t)
	if _, _, err := revive.Hosts(s, sources); err != nil {
		t.Fatal(err)
	}
	if got := s.Hosts(); !slices.Equal(got, []string{"web", "gw", "db", "up", "switch1"}) {
		t.Error(got)
	}
	for words, want := range map[string]string{
		"-n gw route get 192.0.2.3":    "192.0.2.3 dev wan src 192.0.2.1 uid 0 \n    cache \n",
		"-n web -br -4 addr show eth0": "eth0@if4         UP             10.0.0.2/24 \n",
	} {
		if got := ip(t, s, words); got != want {
			t.Errorf("ip %s: %q, want %q", words, got, want)
		}
	}
}

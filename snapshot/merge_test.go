package snapshot

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestDerivedLocal compares the routes of table local that are derived from
// addresses with those that the kernel made for them.
func TestDerivedLocal(t *testing.T) {
	truth := mustOpen(t, filepath.Join("testdata", "host", "host.rulewalk"))
	local := func(s *rpdb.State) *rpdb.State {
		c := &rpdb.State{Links: s.Links}
		for _, r := range s.Routes {
			if r.Table == rpdb.TableLocal {
				c.Routes = append(c.Routes, r)
			}
		}
		return c
	}
	dir := t.TempDir()
	s := mustOpen(t,
		write(t, dir, "route", "default via 10.0.2.2 dev eth0\n"), write(t, dir, "route6", "fe80::/64 dev eth0 proto kernel metric 256 pref medium\n"),
		filepath.Join("testdata", "host", "ip_-d_address"))
	sorted := func(s *rpdb.State) map[string]bool {
		m := map[string]bool{}
		for _, r := range told(local(s), rpdb.PartRoutes4|rpdb.PartRoutes6) {
			m[r] = true
		}
		return m
	}
	if d := cmp.Diff(sorted(truth.State), sorted(s.State)); d != "" {
		t.Error(d)
	}
	if w := warningTexts(s); !strings.Contains(w, "no IPv4 route of table local (ip route show table all shows every table): they are derived") {
		t.Errorf("warnings:\n%s", w)
	}
}

// TestDerivedAddresses is the paste of a forum thread: rules and ip route, no more.
func TestDerivedAddresses(t *testing.T) {
	s, err := (&Options{Stdin: strings.NewReader(`$ ip rule
0:	from all lookup local
32766:	from all lookup main
32767:	from all lookup default
$ ip route
default via 192.0.2.1 dev eth0
192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.7
`)}).Open("-")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"default via 192.0.2.1 dev if2 @eth0",
		"192.0.2.0/24 dev if2 proto kernel scope link src 192.0.2.7 @eth0",
		"local 127.0.0.1 dev if1 table local proto kernel scope host src 127.0.0.1 @lo",
		"local 127.0.0.0/8 dev if1 table local proto kernel scope host src 127.0.0.1 @lo",
		"broadcast 127.255.255.255 dev if1 table local proto kernel scope link src 127.0.0.1 @lo",
		"local 192.0.2.7 dev if2 table local proto kernel scope host src 192.0.2.7 @eth0",
		"broadcast 192.0.2.255 dev if2 table local proto kernel scope link src 192.0.2.7 @eth0",
	}
	if d := cmp.Diff(want, routeTexts(s.State)); d != "" {
		t.Error(d)
	}
	if w := warningTexts(s); !strings.Contains(w, "1 IPv4 addresses are derived") {
		t.Errorf("warnings:\n%s", w)
	}
	if s.State.Missing&rpdb.PartAddrs4 == 0 {
		t.Error("the addresses are not missing")
	}
}

// TestMerge gives rules from one file and routes from another, whose devices have
// other indexes, and a second answer to the same question.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	rules := write(t, dir, "rules", "0:\tfrom all lookup local\n5:\tfrom 10.0.0.1 lookup 7\n32766:\tfrom all lookup main\n")
	rules2 := write(t, dir, "rules2", "0:\tfrom all lookup local\n6:\tfrom 10.0.0.9 lookup 8\n")
	routes := write(t, dir, "routes", "default via 192.0.2.1 dev br0\n10.0.0.0/8 dev eth9 table 7\n")
	s := mustOpen(t, rules, rules2, routes, filepath.Join("testdata", "host", "host.rulewalk"))
	var got []string
	for _, r := range routeTexts(s.State) {
		if strings.Contains(r, "table 7 ") || strings.HasPrefix(r, "default via 192.0.2.1") {
			got = append(got, r)
		}
	}
	want := []string{"default via 192.0.2.1 dev if4 @br0", "10.0.0.0/8 dev if5 table 7 @eth9"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	n := 0
	for _, r := range s.State.Rules {
		if r.Family == rpdb.IPv4 {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d IPv4 rules, not those of the first file", n)
	}
	w := warningTexts(s)
	for _, want := range []string{
		"rules2:1: a second list of inet rules differs",
		"host.rulewalk: IPv4 rules: taken from ",
		"host.rulewalk: IPv4 routes of table 254: taken from ",
		"taken to be up: eth9",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("no warning with %q in\n%s", want, w)
		}
	}
}

func TestNamespaces(t *testing.T) {
	files := sosFiles(t)
	const dir = "sos_commands/networking/namespaces/blue_2/ip_netns_exec_blue_2_"
	files[dir+"ip_route_show_table_all"] = "default via 198.51.100.1 dev veth0\n"
	files[dir+"ip_-4_rule_list"] = "0:\tfrom all lookup local\n7:\tfrom all lookup 77\n"
	files[dir+"sysctl_-a"] = "net.ipv4.ip_forward = 1\n"
	files["sos_commands/networking/ip_netns_exec_old_ip_-4_rule_list"] = "0:\tfrom all lookup local\n"
	root := t.TempDir()
	writeTree(t, root, files)

	host := mustOpen(t, root)
	if d := cmp.Diff([]string{"blue_2", "old"}, host.Namespaces); d != "" {
		t.Error(d)
	}
	s := mustOpen(t, root+"#ns=blue_2")
	if s.Namespace != "blue_2" || s.State.Kernel.Release == "" || s.State.Sysctls["net/ipv4/ip_forward"] != "1" {
		t.Errorf("namespace %q, kernel %q, sysctls %v", s.Namespace, s.State.Kernel.Release, s.State.Sysctls)
	}
	if r := routeTexts(s.State); r[0] != "default via 198.51.100.1 dev if2 @veth0" {
		t.Errorf("routes %q", r)
	}
	if s := mustOpen(t, root+"#ns=old"); s.State.Missing&rpdb.PartRoutes4 == 0 {
		t.Error("the routes of namespace old are not missing")
	}
	paste := mustOpen(t, write(t, t.TempDir(), "x", "0:\tfrom all lookup local\n")+"#ns=blue")
	if w := warningTexts(paste); !strings.Contains(w, `one namespace only, which is taken to be "blue"`) {
		t.Errorf("warnings:\n%s", w)
	}
	_, err := Open(root + "#ns=green")
	if err == nil || !strings.Contains(err.Error(), `"green" is not in the report, which has blue_2, old`) {
		t.Errorf("error %v", err)
	}
}

func TestSupportconfigTarball(t *testing.T) {
	const mark = "#==[ Command ]======================================#\n"
	files := map[string]string{
		"basic-environment.txt": "=== Supportconfig ===\n" + mark + "# /bin/date\nMon\n\n" + mark + "# /bin/uname -a\n" + hostFile(t, "uname_-a"),
		"env.txt":               mark + "# /sbin/sysctl -a\nnet.ipv4.ip_forward = 1\n",
		"network.txt":           hostFile(t, "network.txt"),
		"network-blue.txt":      mark + "# /sbin/ip route\ndefault via 198.51.100.1 dev veth0\n" + mark + "# /sbin/ip rule show\n0:\tfrom all lookup local\n",
		"messages.txt":          "#==[ Log File ]===\ndefault via nowhere\n",
	}
	p := write(t, t.TempDir(), "scc_vm_231126.txz", string(compressed(t, xzWriter, tarOf(t, "scc_vm_231126/", files))))
	s := mustOpen(t, p)
	if s.State.Kernel.Release == "" || s.State.Sysctls["net/ipv4/ip_forward"] != "1" || s.Host != "vm" {
		t.Errorf("kernel %q, sysctls %v, host %q", s.State.Kernel.Release, s.State.Sysctls, s.Host)
	}
	if got := routeTexts(s.State); !strings.HasPrefix(got[0], "default via 10.0.2.2 dev if2") {
		t.Errorf("routes %q", got)
	}
	if d := cmp.Diff([]string{"blue"}, s.Namespaces); d != "" {
		t.Error(d)
	}
	s = mustOpen(t, p+"#ns=blue")
	if s.State.Kernel.Release == "" || s.State.Missing&rpdb.PartSysctls == 0 {
		t.Errorf("kernel %q, sysctls %v", s.State.Kernel.Release, s.State.Sysctls)
	}
	if got := routeTexts(s.State); got[0] != "default via 198.51.100.1 dev if2 @veth0" {
		t.Errorf("routes %q", got)
	}
}

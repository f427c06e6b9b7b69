package snapshot

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// The files in testdata/host tell of one host in every way: host.rulewalk is what
// its kernel said, and the measure of the others.

func hostFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "host", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sosFiles is the host as sosreport would keep it.
func sosFiles(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{
		"sos_commands/kernel/sysctl_-a":       hostFile(t, "sysctl_-a"),
		"sos_commands/kernel/uname_-a":        hostFile(t, "uname_-a"),
		"etc/iproute2/rt_tables":              hostFile(t, "rt_tables"),
		"sos_commands/networking/ip_nexthop":  hostFile(t, "ip_nexthop"), // not of sos itself
		"sos_commands/networking/ss_-peaonmi": "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n",
		"var/log/messages":                    "Nov 23 default via nowhere\n",
		"etc/hostname":                        "vm\n",
	}
	for _, f := range []string{
		"ip_-o_addr", "ip_route_show_table_all", "ip_-6_route_show_table_all", "ip_-4_rule_list",
		"ip_-6_rule_list", "ip_-s_-d_link", "ip_-d_address", "ip_-s_-s_neigh_show",
	} {
		files["sos_commands/networking/"+f] = hostFile(t, f)
	}
	return files
}

func writeTree(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tarOf packs files under a top directory, in the order of their names.
func tarOf(t testing.TB, top string, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		h := &tar.Header{Name: top + name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(files[name]))}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compressed(t testing.TB, open func(io.Writer) (io.WriteCloser, error), data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipWriter(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }
func xzWriter(w io.Writer) (io.WriteCloser, error)   { return xz.NewWriter(w) }
func zstdWriter(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }

// told prints what ip would list of a state, in the order of the state. Tables are
// numbers, so that names do not matter.
func told(s *rpdb.State, parts rpdb.Parts) []string {
	names := iproute2.DefaultNames()
	names.Numeric = true
	o := &iproute2.Options{Names: names, Links: iproute2.NewLinkTable(s.Links)}
	var out []string
	add := func(part rpdb.Parts, what, text string) {
		if parts&part != 0 {
			out = append(out, what+": "+strings.TrimSpace(text))
		}
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		add(byFamily(r.Family, rpdb.PartRules4, rpdb.PartRules6), r.Family.String()+" rule", iproute2.FormatRule(r, o))
	}
	for i := range s.Routes {
		r := &s.Routes[i]
		add(byFamily(r.Family, rpdb.PartRoutes4, rpdb.PartRoutes6), r.Family.String()+" route", iproute2.FormatRoute(r, o))
	}
	for i := range s.NextHops {
		add(rpdb.PartNextHops, "nexthop", iproute2.FormatNextHop(&s.NextHops[i], o))
	}
	for i := range s.Neighs {
		add(rpdb.PartNeighs, "neigh", iproute2.FormatNeigh(&s.Neighs[i], o))
	}
	for i := range s.Addrs {
		a := s.Addrs[i]
		add(byFamily(a.Family, rpdb.PartAddrs4, rpdb.PartAddrs6), fmt.Sprint("addr of ", a.Index), iproute2.FormatAddr(&a, o))
	}
	for i := range s.Links {
		l := &s.Links[i]
		add(rpdb.PartLinks, "link", fmt.Sprint(l.Index, l.Name, l.Flags&rpdb.IFFUp, l.Flags&rpdb.IFFLoopback, l.Master, l.Kind, l.MTU, l.VRFTable))
	}
	if parts&rpdb.PartSysctls != 0 {
		var names []string
		for k := range s.Sysctls {
			names = append(names, k)
		}
		slices.Sort(names)
		for _, k := range names {
			out = append(out, "sysctl "+k+" = "+s.Sysctls[k])
		}
	}
	return out
}

// addrProto is what ip shows of an address since 6.4 only.
var addrProto = regexp.MustCompile(` proto 0x[0-9]+`)

// knowable returns what a state of text can be measured against: neighbours and
// addresses in an order of their own, multicast neighbours not listed, and without
// what the ip of that host did not know.
func knowable(list []string) []string {
	var sorted, out []string
	for _, s := range list {
		switch {
		case strings.HasPrefix(s, "neigh") && strings.Contains(s, "NOARP"):
		case strings.HasPrefix(s, "addr"):
			sorted = append(sorted, addrProto.ReplaceAllString(s, ""))
		case strings.HasPrefix(s, "neigh"), strings.HasPrefix(s, "sysctl"):
			sorted = append(sorted, s)
		default:
			out = append(out, s)
		}
	}
	slices.Sort(sorted)
	return append(out, sorted...)
}

// everything is a paste of text, JSON and sysctls, with prompts, Windows line ends
// and colours.
func everything(t testing.TB) []byte {
	var b strings.Builder
	for _, f := range []struct{ prompt, name string }{
		{"$ uname -a", "uname_-a"},
		{"$ ip -j rule", "j_rule"},
		{"root@vm:~# ip -6 -j rule", "j_-6_rule"},
		{"root@vm:~# ip -s -d link", "ip_-s_-d_link"},
		{"[root@vm ~]# ip -4 route show table all", "ip_route_show_table_all"},
		{"$ ip -j -p neigh", "jp_neigh"},
		{"$ ip addr", "ip_-d_address"},
		{"$ sysctl -a", "sysctl_-a"},
		{"$ ip nexthop", "ip_nexthop"},
	} {
		text := hostFile(t, f.name)
		if strings.HasPrefix(f.name, "ip_") {
			text = strings.ReplaceAll(text, "eth0", "\x1b[36meth0\x1b[0m")
		}
		b.WriteString(f.prompt + "\n" + text)
	}
	s := b.String()
	for id, name := range map[string]string{"100": "vpn", "200": "guest"} {
		s = strings.ReplaceAll(s, "lookup "+name, "lookup "+id)
		s = strings.ReplaceAll(s, `"table":"`+name+`"`, `"table":"`+id+`"`)
		s = strings.ReplaceAll(s, "table "+name, "table "+id)
	}
	return []byte(strings.ReplaceAll(s, "\n", "\r\n"))
}

func TestOneHostManySources(t *testing.T) {
	dir := t.TempDir()
	files := sosFiles(t)
	writeTree(t, filepath.Join(dir, "sos"), files)
	writeTree(t, filepath.Join(dir, "above", "sosreport-vm"), files)
	ball := tarOf(t, "sosreport-vm-2026/", files)
	file := func(name string, data []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	host := func(names ...string) (paths []string) {
		for _, n := range names {
			paths = append(paths, filepath.Join("testdata", "host", n))
		}
		return paths
	}
	jsons := func(how string) (paths []string) {
		for _, what := range []string{"rule", "-6_rule", "route_show_table_all", "-6_route_show_table_all", "-d_link", "addr", "nexthop", "neigh"} {
			paths = append(paths, host(how+"_"+what)...)
		}
		return append(paths, host("rt_tables")...)
	}
	const all = rpdb.AllParts &^ (rpdb.PartBuckets | rpdb.PartLabels)
	const saved = rpdb.PartRules4 | rpdb.PartRules6 | rpdb.PartRoutes4 | rpdb.PartRoutes6 | rpdb.PartAddrs4 | rpdb.PartAddrs6 | rpdb.PartLinks
	truth := mustOpen(t, host("host.rulewalk")...)
	for _, tt := range []struct {
		name  string
		parts rpdb.Parts
		paths []string
	}{
		{"directory", all, []string{filepath.Join(dir, "sos")}},
		{"directory above", all, []string{filepath.Join(dir, "above")}},
		{"tar", all, []string{file("sos.tar", ball)}},
		{"tar.gz", all, []string{file("a", compressed(t, gzipWriter, ball))}},
		{"tar.xz", all, []string{file("b", compressed(t, xzWriter, ball))}},
		{"tar.zst", all, []string{file("c", compressed(t, zstdWriter, ball))}},
		{"ip -j", all &^ rpdb.PartSysctls, jsons("j")},
		{"ip -j -d", all &^ rpdb.PartSysctls, jsons("jd")},
		{"ip -j -p", all &^ rpdb.PartSysctls, jsons("jp")},
		{"everything in one", all, []string{file("all", everything(t))}},
		{"save files", saved, host("route.save", "route6.save", "rule.save", "rule6.save", "addr.save", "ip_-s_-d_link")},
		{
			"supportconfig", rpdb.PartRules4 | rpdb.PartRoutes4 | rpdb.PartAddrs4 | rpdb.PartAddrs6 | rpdb.PartNeighs,
			host("network.txt", "rt_tables"),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mustOpen(t, tt.paths...)
			want, got := knowable(told(truth.State, tt.parts)), knowable(told(s.State, tt.parts))
			if tt.name == "supportconfig" { // tables come in an order of its own
				slices.Sort(want)
				slices.Sort(got)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("told by the kernel (-) and by these files (+):\n%s\n%s", d, warningTexts(s))
			}
			if s.State.Missing&tt.parts != 0 {
				t.Errorf("missing %b of %b", s.State.Missing, tt.parts)
			}
			t.Logf("warnings:\n%s", warningTexts(s))
		})
	}
}

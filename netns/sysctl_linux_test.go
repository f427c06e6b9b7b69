package netns_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// notOurs are the settings below net/ipv4, net/ipv6 and net/core that the emulation
// leaves out, by the last part of their paths, with why.
var notOurs = map[string]string{
	"core/rps_default_mask": "a set of the machine's CPUs",
}

// machines are the settings whose values follow from the machine: its memory, its
// modules, how its kernel was built.
var machines = []string{
	"core/optmem_max", "core/rmem_default", "core/rmem_max", "core/wmem_default", "core/wmem_max",
	"ipv4/tcp_allowed_congestion_control", "ipv4/tcp_available_congestion_control", "ipv4/tcp_congestion_control",
	"ipv4/tcp_child_ehash_entries", "ipv4/tcp_ehash_entries", "ipv4/udp_hash_entries", "ipv4/tcp_rmem", "ipv4/tcp_wmem",
	"ipv4/tcp_max_syn_backlog", "ipv4/tcp_max_tw_buckets",
}

// pair is a namespace of the kernel and an emulated one, both with a pair of devices.
type pair struct {
	real *testns.NS
	ours *netns.Namespace
}

func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{testns.New(t), netns.New()}
	if _, err := p.real.Run("ip", "link", "add", "v0", "index", "20", "type", "veth", "peer", "name", "v.1", "index", "21"); err != nil {
		t.Skipf("%v; install iproute2", err)
	}
	m, err := rtnl.NewVeth(rpdb.Link{Index: 20, Name: "v0"}, rpdb.Link{Index: 21, Name: "v.1"})
	if err != nil {
		t.Fatal(err)
	}
	s := p.ours.Dial()
	defer s.Close()
	if err := rtnl.Exec(s, m); err != nil {
		t.Fatal(err)
	}
	return p
}

// files are the settings that the kernel has and the emulation covers, with their
// modes.
func (p pair) files(t *testing.T) map[string]fs.FileMode {
	t.Helper()
	out := map[string]fs.FileMode{}
	err := p.real.Do(func() error {
		for _, top := range []string{"core", "ipv4", "ipv6", "unix"} {
			err := filepath.WalkDir("/proc/sys/net/"+top, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				info, err := d.Info()
				if err != nil {
					return err
				}
				name := strings.TrimPrefix(path, "/proc/sys/net/")
				if _, skip := notOurs[name]; !skip {
					out["net/"+name] = info.Mode().Perm()
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// outcome is what is read from a file, or the error.
func outcome(text string, err error) string {
	var errno syscall.Errno
	var path *fs.PathError
	switch {
	case errors.As(err, &errno):
		return "error: " + rpdb.Errno(errno).Name()
	case errors.As(err, &path):
		return "error: " + path.Err.(rpdb.Errno).Name()
	case err != nil:
		return err.Error()
	}
	return text
}

func (p pair) readReal(t *testing.T, names []string) map[string]string {
	t.Helper()
	out := map[string]string{}
	_ = p.real.Do(func() error {
		for _, n := range names {
			b, err := os.ReadFile("/proc/sys/" + n)
			out[n] = outcome(strings.TrimSuffix(string(b), "\n"), err)
		}
		return nil
	})
	return out
}

func (p pair) readOurs(names []string) map[string]string {
	out := map[string]string{}
	for _, n := range names {
		out[n] = outcome(p.ours.Sysctl(n))
	}
	return out
}

func TestSysctlsOfFreshNamespace(t *testing.T) {
	p := newPair(t)
	want := p.files(t)
	got := map[string]fs.FileMode{}
	for _, n := range p.ours.Sysctls() {
		mode, err := p.ours.SysctlMode(n)
		if err != nil {
			t.Error(err)
		}
		got[n] = mode
	}
	if _, ok := want["net/vrf/strict_mode"]; !ok { // the running kernel has no VRFs
		delete(got, "net/vrf/strict_mode")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files and modes (-kernel +netns):\n%s", diff)
	}
	var names []string
	for n := range want {
		if !slices.Contains(machines, strings.TrimPrefix(n, "net/")) {
			names = append(names, n)
		}
	}
	if diff := cmp.Diff(p.readReal(t, names), p.readOurs(names)); diff != "" {
		t.Errorf("values (-kernel +netns):\n%s", diff)
	}
}

// values are what is written, right and wrong.
var values = []string{
	"0", "1", "2", "3", "0\n", "1\n", "5", "7", "9", "10", "48", "64", "100", "255", "256", "1001", "1280", "1281", "1500", "1501", "4095",
	"4096", "65535", "65536", "65537", "86400", "100000", "8589934", "8589935", "2147483647", "2147483648", "-1", "-2147483648", "-2147483649",
	"4294967295", "4294967296", "-4294967295", "9223372036854775807", "18446744073709551615", "18446744073709551616",
	"1 2", "1024 2000", "30000 20000", "3 4 5", "3 x", "3 4 x", "7x", "x", "-", "--1", "+1", "0x10", "0xg", "010", "08", " 6", "\t6 \n", "6\v",
	"\v6", "6\x00", "\n", " ", "", "1-3,5", "5,1-3,2", "3-1", "1-", ",", "1,,2", "300", "1,\n2", "2001:db8::1", "::1%lo", "fe80::1\nx", "1.2.3.4",
	"reno", "nosuch", "1-2-3-4", "a-B-c-d,1-2-3-4", "1-2-3", "00000001-00000002-00000003-0000000g", "32768", "1024", "999",
}

func TestSysctlWrites(t *testing.T) {
	p := newPair(t)
	var names []string
	for n := range p.files(t) {
		if !slices.Contains(machines, strings.TrimPrefix(n, "net/")) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range 8000 {
		name, value := names[dice.IntN(len(names))], values[dice.IntN(len(values))]
		want, got := outcome("", p.real.Sysctl(name, value)), outcome("", p.ours.SetSysctl(name, value))
		if want != got {
			t.Errorf("write %d, %s=%q: the kernel says %q, netns %q", i, name, value, want, got)
			return
		}
		look := []string{name}
		if i%20 == 0 || strings.Contains(name, "forward") {
			look = names
		}
		if diff := cmp.Diff(p.readReal(t, look), p.readOurs(look)); diff != "" {
			t.Errorf("after write %d, %s=%q (-kernel +netns):\n%s", i, name, value, diff)
			return
		}
	}
}

func TestSysctlNames(t *testing.T) {
	p := newPair(t)
	for _, name := range []string{
		"net.ipv4.ip_forward", "net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward", "net.ipv4.conf.v/1.forwarding",
		"net/ipv4/conf/v.1/forwarding",
	} {
		if v, err := p.ours.Sysctl(name); err != nil || v != "0" {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
	for _, name := range []string{"", "net", "net.ipv4", "net.ipv4.conf.v.1.forwarding", "net.ipv4.nosuch", "kernel.hostname"} {
		if _, err := p.ours.Sysctl(name); fmt.Sprint(outcome("", err)) != "error: ENOENT" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

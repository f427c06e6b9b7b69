package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fibTests is fib_tests.sh but for what needs tools that the lab has not: tc (rp_filter), iptables with socat
// (ipv4_mangle, ipv6_mangle), perf with the kernel's own tracepoints (ipv4_mpath_list, ipv6_mpath_list).
const fibTests = "fib_tests.sh -t 'unregister down carrier nexthop suppress ipv6_notify ipv4_notify ipv6_rt ipv4_rt " +
	"ipv6_addr_metric ipv4_addr_metric ipv6_route_metrics ipv4_route_metrics ipv4_route_v6_gw ipv4_del_addr ipv6_del_addr " +
	"ipv4_bcast_neigh fib6_gc_test'"

// TestSelftests runs suites of the kernel's own, unmodified, in a lab's shell. They
// lie in the folder that RULEWALK_SELFTESTS names.
func TestSelftests(t *testing.T) {
	dir := os.Getenv("RULEWALK_SELFTESTS")
	if dir == "" {
		t.Skip("set RULEWALK_SELFTESTS to tools/testing/selftests/net of the kernel's source (Debian: linux-source-6.12)")
	}
	if runtime.GOOS == "windows" {
		t.Skip("the suites are scripts of bash")
	}
	if os.Geteuid() != 0 {
		t.Skip("the suites themselves want id -u to be 0")
	}
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "rulewalk")); err != nil {
		t.Fatal(err)
	}
	for _, suite := range []string{
		"fib_rule_tests.sh", "fib-onlink-tests.sh", fibTests, "fib_nexthop_multiprefix.sh", "fib_nexthop_nongw.sh",
		"icmp_redirect.sh", "vrf_route_leaking.sh", "icmp.sh",
	} {
		t.Run(suite, func(t *testing.T) {
			t.Parallel() // they wait for the most part
			cmd := exec.Command(filepath.Join(bin, "rulewalk"), "lab", "shell", "--empty", "-c", "bash "+suite)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run() // 1 if any case failed
			passed := 0
			for line := range strings.Lines(out.String()) {
				switch {
				case strings.Contains(line, "[ OK ]"), line == "OK\n":
					passed++
				case strings.Contains(line, "[FAIL]"), strings.HasPrefix(line, "FAIL"):
					t.Error(strings.TrimSpace(line))
				}
			}
			if passed == 0 {
				t.Fatalf("no case passed:\n%s", out.String())
			}
			t.Logf("%d cases passed", passed)
		})
	}
}

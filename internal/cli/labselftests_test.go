package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
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
		name, _, _ := strings.Cut(suite, " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the most part
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(bin, "rulewalk"), "lab", "shell", "--empty", "-c", "bash "+suite)
			cmd.Dir, cmd.WaitDelay = dir, time.Second
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
			if ctx.Err() != nil {
				t.Errorf("it did not end:\n%s", out.String())
			}
			if passed == 0 {
				t.Fatalf("no case passed:\n%s", out.String())
			}
			t.Logf("%d cases passed", passed)
		})
	}
}

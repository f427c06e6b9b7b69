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
	for _, suite := range []string{"fib_rule_tests.sh", "fib-onlink-tests.sh"} {
		t.Run(suite, func(t *testing.T) {
			cmd := exec.Command(filepath.Join(bin, "rulewalk"), "lab", "shell", "--empty", "-c", "bash "+suite)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run() // 1 if any case failed
			passed := 0
			for line := range strings.Lines(out.String()) {
				switch {
				case strings.Contains(line, "[ OK ]"):
					passed++
				case strings.Contains(line, "[FAIL]"):
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

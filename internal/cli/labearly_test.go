package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/lab"
)

// bystanders are the packages of others that need so little that their turn to be
// initialised comes before that of lab/shim. Each makes every command of a lab slower.
var bystanders = []string{
	"github.com/charmbracelet/x/ansi/parser",
	"github.com/klauspost/compress/internal/cpuinfo",
}

// TestEarly checks that a command of a lab runs before the packages are initialised that
// it does not need (lab/shim/init.go).
func TestEarly(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("lab/shim imports package net here")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "none.sock")
	cmd := exec.Command(self)
	cmd.Args[0] = "ip"
	cmd.Env = append(os.Environ(), lab.EnvSocket+"="+socket, "GODEBUG=inittrace=1")
	out, _ := cmd.CombinedOutput()
	if !strings.Contains(string(out), "ip: no world of rulewalk lab answers at "+socket) {
		t.Fatalf("the program did not act as ip:\n%s", out)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "init" {
			continue
		}
		seen++
		first, _, _ := strings.Cut(f[1], "/")
		if strings.Contains(first, ".") && !slices.Contains(bystanders, f[1]) || slices.Contains([]string{"fmt", "net", "unicode"}, f[1]) {
			t.Errorf("%s is initialised before ip runs", f[1])
		}
	}
	if seen == 0 {
		t.Errorf("no trace of the initialisation:\n%s", out)
	}
}

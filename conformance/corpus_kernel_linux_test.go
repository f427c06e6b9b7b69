//go:build linux

package conformance

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// The running kernel answers the corpus as it was recorded. On a kernel of another
// version differences are logged, not failed: cases are recorded on one version.
func TestCorpusKernel(t *testing.T) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Skip(err)
	}
	for _, c := range loadCorpus(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && slowCase(c) {
				t.Skip("it waits for something; run without -short")
			}
			checkKernel(t, c, string(release))
		})
	}
}

// checkKernel plays a case. One that goes otherwise is played again: some wait for what
// the kernel does by itself (duplicate address detection), which on a busy machine takes
// longer than the case allows; a kernel that behaves otherwise does so every time.
func checkKernel(t *testing.T, c *Case, release string) {
	var outcomes []Outcome
	var err error
	for range 3 {
		if outcomes, err = Run(c, KernelCommander{}); errors.Is(err, ErrSkip) {
			t.Skip(err)
		}
		if err == nil && !slices.ContainsFunc(outcomes, func(o Outcome) bool { return !o.OK() }) {
			return
		}
	}
	if err != nil {
		t.Error(err)
	}
	for i := range outcomes {
		switch o := &outcomes[i]; {
		case o.OK():
		case strings.HasPrefix(release, majorMinor(c.Kernel)+"."):
			t.Error(o)
		default:
			t.Logf("recorded on %s, this is %s: %s", c.Kernel, release, o)
		}
	}
}

// slowCase reports whether a case waits for something.
func slowCase(c *Case) bool {
	for _, s := range c.Steps {
		if s.Kind == Event {
			return true
		}
	}
	return false
}

func majorMinor(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 {
		return release
	}
	return parts[0] + "." + parts[1]
}

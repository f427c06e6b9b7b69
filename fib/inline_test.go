package fib

import (
	"os/exec"
	"strings"
	"testing"
)

// TestInlined checks that the compiler inlines what every level of a table calls.
func TestInlined(t *testing.T) {
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Skipf("this test needs the go command: %v\n%s", err, out)
	}
	for _, f := range []string{"step", "tryStep", "wordAt", "(*table).first", "key4", "key6", "u128.stride", "(*version).holds", "(*planTable).lookup"} {
		if !strings.Contains(string(out), "can inline "+f+"\n") {
			t.Errorf("%s is not inlined", f)
		}
	}
	if strings.Contains(string(out), "moved to heap: c\n") {
		t.Error("the candidates of a lookup move to the heap")
	}
}

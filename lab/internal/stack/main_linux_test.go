package stack

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/rulewalk/rulewalk/internal/testns"
)

func TestMain(m *testing.M) {
	if err := testns.Rerun(); err != nil {
		fmt.Fprintln(os.Stderr, "testns:", err)
	}
	goleak.VerifyTestMain(m)
}

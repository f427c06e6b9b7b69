package hostcmd

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain wants that no command leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

//go:build linux

package conformance

import (
	"testing"

	"github.com/rulewalk/rulewalk/internal/testns"
)

func TestMain(m *testing.M) { testns.Main(m) }

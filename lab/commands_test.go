package lab

import (
	"slices"
	"testing"

	"github.com/rulewalk/rulewalk/lab/internal/hostcmd"
	"github.com/rulewalk/rulewalk/lab/internal/wire"
)

// TestCommandNames compares the names that a shell finds with the commands that there
// are.
func TestCommandNames(t *testing.T) {
	for _, name := range hostcmd.Names() {
		if !slices.Contains(wire.Commands, name) {
			t.Errorf("%s is not among wire.Commands: no shell finds it", name)
		}
	}
	elsewhere := []string{"why"} // see AddCommand
	for _, name := range wire.Commands {
		if toolOf(name) == nil && !slices.Contains(elsewhere, name) {
			t.Errorf("there is no command %s", name)
		}
	}
}

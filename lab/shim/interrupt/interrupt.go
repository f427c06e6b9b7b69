// Package interrupt is the process of a command that ends in its own way when the user
// interrupts it, as ping does with its statistics.
package interrupt

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/lab/shim"
)

// patience is how long a command may take to end after an interrupt before the next
// one ends it. timeout(1) interrupts twice at once, the process and its group.
const patience = 200 * time.Millisecond

// Main runs the command of a world that this process was started as, and returns its
// exit status; false if it was started as another program. An interrupt is passed on to
// the command once. Commands that end at once have run before, as the process was
// initialised (lab/shim).
func Main() (status int, ok bool) {
	if len(os.Args) == 0 || !wire.Interruptible(filepath.Base(os.Args[0])) {
		return 0, false
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return shim.Main(signals, func() { time.AfterFunc(patience, func() { signal.Stop(signals) }) })
}

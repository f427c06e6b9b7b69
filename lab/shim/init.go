package shim

import (
	"os"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
)

// A program that is called as a command of a world is that command and nothing else: it
// ends here, before main, and above all before the packages are initialised that the
// rest of rulewalk is made of, which cost more than the whole command. Of the packages
// whose imports are initialised, Go initialises the one whose path comes first (the
// specification, "Program initialization"), so by this package's few imports its turn
// comes before theirs. TestEarly of internal/cli counts them.
func init() {
	if len(os.Args) > 0 && wire.Interruptible(base(os.Args[0])) {
		return // main has what it takes to catch signals, and such a command the time
	}
	if status, ok := Main(nil, nil); ok {
		os.Exit(status)
	}
}

// Main runs the command that this process was started as, if that is one of a world. The
// arguments are those of [Run].
func Main(interrupts <-chan os.Signal, passed func()) (status int, ok bool) {
	socket, ok := called(os.Args, os.Getenv)
	if !ok {
		return 0, false
	}
	conn, err := dial(socket)
	if err == nil {
		status, err = Run(conn, os.Args, interrupts, passed)
	}
	if err != nil {
		_, _ = os.Stderr.WriteString(base(os.Args[0]) + ": no world of rulewalk lab answers at " + socket + ": " + err.Error() + "\n")
		status = 1
	}
	return status, true
}

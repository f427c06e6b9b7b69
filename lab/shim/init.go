package shim

import "os"

// A program that is called as a command of a world is that command and nothing else: it
// ends here, before main, and above all before the packages are initialised that the
// rest of rulewalk is made of, which cost more than the whole command. Of the packages
// whose imports are initialised, Go initialises the one whose path comes first (the
// specification, "Program initialization"), so by this package's few imports its turn
// comes before theirs. TestEarly of internal/cli counts them.
func init() {
	socket, ok := called(os.Args, os.Getenv)
	if !ok {
		return
	}
	status := 1
	conn, err := dial(socket)
	if err == nil {
		status, err = Run(conn, os.Args)
	}
	if err != nil {
		_, _ = os.Stderr.WriteString(base(os.Args[0]) + ": no world of rulewalk lab answers at " + socket + ": " + err.Error() + "\n")
		status = 1
	}
	os.Exit(status)
}

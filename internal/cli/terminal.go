package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminal returns the file of a stream that is a terminal, nil for any other.
func terminal(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// colored reports whether standard output gets colours.
func (a *app) colored() bool {
	switch a.flags.color {
	case "always":
		return true
	case "never":
		return false
	}
	return terminal(a.env.Stdout) != nil && a.env.Getenv("NO_COLOR") == "" && a.env.Getenv("TERM") != "dumb"
}

// width returns the columns to write: those of the terminal within reason, and 80
// elsewhere, so that what a script reads does not depend on a window.
func (a *app) width() int {
	const least, usual, most = 60, 80, 120
	f := terminal(a.env.Stdout)
	if f == nil {
		return usual
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w <= 0 {
		return usual
	}
	return min(max(w, least), most)
}

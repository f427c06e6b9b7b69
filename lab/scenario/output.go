package scenario

import (
	"bytes"
	"strings"
	"sync"
)

// maxOutput bounds what is kept of the output of a command, in bytes.
const maxOutput = 8 << 20

// output collects what commands print, on standard output and standard error in the order
// in which they print it, as a terminal shows it.
type output struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	lost  bool
	wrote chan struct{} // closed at the first byte; nil: nobody waits for it
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wrote != nil && len(b) > 0 {
		close(o.wrote)
		o.wrote = nil
	}
	if o.buf.Len()+len(b) > maxOutput {
		o.lost = true
		return len(b), nil
	}
	return o.buf.Write(b)
}

// take returns what was printed since the last call.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.buf.String()
	o.buf.Reset()
	if o.lost {
		s += "\n[more was printed than is kept]\n"
		o.lost = false
	}
	return s
}

// splitLines splits an output into lines without the blanks at their ends. Empty lines at
// the end count for nothing.
func splitLines(s string) []string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	for n := len(lines); n > 0 && lines[n-1] == ""; n-- {
		lines = lines[:n-1]
	}
	return lines
}

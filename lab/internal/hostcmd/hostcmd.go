package hostcmd

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// Command is a command of a host. args are the words after its name. It returns the exit
// status, soon after ctx has ended: an end of ctx is an interrupt by the user.
type Command func(ctx context.Context, env *Env, args []string) int

// Env is what a command runs in.
type Env struct {
	Host *Host
	Name string // the one that the command was called by

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Terminal       bool // Stdout is one

	// Open and Create open files of the process that the command was called in, to read and
	// to write anew.
	Open   func(name string) (io.ReadCloser, error)
	Create func(name string) (io.WriteCloser, error)
	Getenv func(string) string // never nil
	PID    int                 // of the process that the command was called in, 0: none
	Device int                 // ifindex that all sockets are bound to (ip vrf exec), 0 none
	// NetNS returns the host of a named namespace of the world.
	NetNS func(name string) (*Host, error)
}

// Host is the host that a command runs on.
type Host struct {
	*datapath.Host
	Stack *stack.Stack
	Label string // its name, for prompts and headings
	// Addresses finds the addresses of a host of the world by its name, the best first; nil:
	// hosts have no names.
	Addresses func(name string) []netip.Addr
}

// commands are all commands by name. Files of this package add theirs by register.
var commands = map[string]Command{}

func register(c Command, names ...string) {
	for _, n := range names {
		commands[n] = c
	}
}

// Lookup returns the command of a name, nil if there is none.
func Lookup(name string) Command { return commands[name] }

// Names are the names of the commands, sorted.
func Names() []string {
	var out []string
	for n := range commands {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Failf writes an error with the command's name before it, and returns a status.
func (e *Env) Failf(status int, format string, args ...any) int {
	fmt.Fprintf(e.Stderr, e.Name+": "+format+"\n", args...)
	return status
}

// verbatim is an error with the text of a Linux command.
type verbatim string

func (v verbatim) Error() string { return string(v) }

// Sleep waits on the clock of the world, until ctx ends; it reports whether the whole
// time has passed.
func (h *Host) Sleep(ctx context.Context, d time.Duration) bool {
	done := make(chan struct{})
	stop := h.AfterFunc(d, func() { close(done) })
	select {
	case <-done:
		return true
	case <-ctx.Done():
		stop()
		return false
	}
}

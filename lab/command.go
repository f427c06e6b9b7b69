package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/lab/internal/hostcmd"
	"github.com/rulewalk/rulewalk/lab/internal/wire"
)

// Command is a command to run in a world.
type Command struct {
	Args     []string // the words, the first of which is the name it is called by
	Env      []string // KEY=VALUE; names the namespace too ([EnvNetNS])
	In       io.Reader
	Out, Err io.Writer
	Terminal bool // Out is a terminal

	// What follows is for commands that run for this process. Where it is nil they have
	// the files, the programs and the names of this machine.

	// Open and Create open a file, to read it and to write it anew.
	Open   func(name string) (io.ReadCloser, error)
	Create func(name string) (io.WriteCloser, error)
	// Exec runs the program of ip netns exec and ip vrf exec, whose environment tells
	// where it is.
	Exec  func(ctx context.Context, args, env []string) (status int, err error)
	Names *iproute2.Names // of tables, protocols and so on

	pid int // of the process that it was called in, 0: none
}

// caller is the process that a command was called in. What it opens and runs, it does
// with its own rights and in its own folder.
type caller interface {
	// open opens a file to read it.
	open(name string) (io.ReadCloser, error)
	// create opens a file to write it anew.
	create(name string) (io.WriteCloser, error)
	// run runs a program with the streams of the process.
	run(context.Context, wire.Program) (status int, err error)
}

// job is a command that runs.
type job struct {
	Command
	caller caller
	server *Server
	space  *space
}

// Run runs a command of a world, for this process, and returns its exit status. The
// context ends commands that would go on for ever.
func (s *Server) Run(ctx context.Context, c Command) (status int) {
	return s.run(ctx, c, here{c})
}

func (s *Server) run(ctx context.Context, c Command, by caller) (status int) {
	j := &job{Command: c, caller: by, server: s}
	j.complete()
	if len(c.Args) == 0 {
		return 1
	}
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(j.Err, "%s: a defect of rulewalk: %v\n", j.Args[0], p)
			status = 1
		}
	}()
	tool := toolOf(c.Args[0])
	if tool == nil {
		fmt.Fprintf(j.Err, "%s: no command of rulewalk lab\n", c.Args[0])
		return 127
	}
	_, id := FromEnv(j.getenv)
	space, release, err := s.spaces.hold(id, "")
	if err != nil {
		fmt.Fprintf(j.Err, "%s: %v\n", c.Args[0], err)
		return 1
	}
	defer release()
	j.space = space
	return tool(j, ctx)
}

// CommandNames are the names of the commands of a world, sorted.
func CommandNames() []string {
	names := append(hostcmd.Names(), "ip", "sysctl")
	for n := range more {
		names = append(names, n)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// toolOf returns the command of a name (wire.IsCommand), nil if there is none.
func toolOf(name string) func(*job, context.Context) int {
	switch {
	case name == "sysctl":
		return (*job).sysctl
	case hostCommand(name) != nil:
		return (*job).host
	case strings.HasPrefix(name, "ip"):
		return (*job).ip
	}
	return nil
}

// complete replaces streams that are not there.
func (j *job) complete() {
	if j.In == nil {
		j.In = strings.NewReader("")
	}
	if j.Out == nil {
		j.Out = io.Discard
	}
	if j.Err == nil {
		j.Err = io.Discard
	}
}

// getenv looks up the environment of the command.
func (j *job) getenv(key string) string {
	for i := len(j.Env) - 1; i >= 0; i-- {
		if k, v, _ := strings.Cut(j.Env[i], "="); k == key {
			return v
		}
	}
	return ""
}

// here is this process as the caller.
type here struct{ command Command }

func (h here) open(name string) (io.ReadCloser, error) {
	if h.command.Open != nil {
		return h.command.Open(name)
	}
	return os.Open(name)
}

func (h here) create(name string) (io.WriteCloser, error) {
	if h.command.Create != nil {
		return h.command.Create(name)
	}
	return os.Create(name)
}

// run runs a program as a child, even one that would replace the process.
func (h here) run(ctx context.Context, p wire.Program) (status int, err error) {
	if h.command.Exec != nil {
		return h.command.Exec(ctx, p.Args, append(slices.Clone(h.command.Env), p.Env...))
	}
	cmd := exec.CommandContext(ctx, p.Args[0], p.Args[1:]...)
	cmd.Env = append(append(os.Environ(), h.command.Env...), p.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = h.command.In, h.command.Out, h.command.Err
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return max(ended.ExitCode(), 1), nil
	}
	return 0, err
}

package scenario

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/topology"
)

// Process is a command that runs: where it is, its streams and its surroundings.
type Process struct {
	In       io.Reader
	Out, Err io.Writer

	World *World
	Host  string // whose shell runs it
	NetNS lab.ID // the namespace that it is in, which need not be that of the host
	Dir   string // its working folder
	VRF   string // the VRF that its sockets are bound to; empty: none

	shell *shell
}

// Command is a command of a host. It returns its exit status, and ends soon when the
// context is done.
type Command func(ctx context.Context, p *Process, args []string) int

// commands are those that are no builtins of a shell.
func commands(name string) Command {
	switch name {
	case "sh", "bash":
		return runShell
	case "sleep":
		return sleep
	case "cat":
		return cat
	case "grep":
		return grep
	case "head", "tail":
		return func(_ context.Context, p *Process, args []string) int { return headOrTail(p, name, args) }
	case "sort":
		return sortLines
	case "wc":
		return count
	}
	if slices.Contains(lab.CommandNames(), name) {
		return func(ctx context.Context, p *Process, args []string) int { return p.host(ctx, name, args) }
	}
	return nil
}

// tools are the commands that are not those of a host.
var tools = []string{"sh", "sleep", "cat", "grep", "head", "tail", "sort", "wc"}

// Run runs a command and returns its exit status.
func (p *Process) Run(ctx context.Context, args []string) int {
	if name, ok := strings.CutPrefix(args[0], ownBuiltin); ok {
		return p.shell.builtin(ctx, p, name, args[1:])
	}
	name := args[0]
	if i := strings.LastIndexByte(name, '/'); i >= 0 { // /sbin/ip
		name = name[i+1:]
	}
	if c := commands(name); c != nil {
		return c(ctx, p, args[1:])
	}
	if p.Host == topology.Lab {
		if c := labCommands(name); c != nil {
			return c(ctx, p, args[1:])
		}
	}
	return p.fail(127, "sh: %s: command not found (the commands of a scenario are the builtins of a shell, %s)",
		args[0], strings.Join(Commands(), ", "))
}

// fail prints a message and returns a status.
func (p *Process) fail(status int, format string, args ...any) int {
	fmt.Fprintf(p.Err, format+"\n", args...)
	return status
}

// host runs a command of a host.
func (p *Process) host(ctx context.Context, name string, args []string) int {
	return p.World.Server.Run(ctx, lab.Command{
		Args: append([]string{name}, args...), In: p.In, Out: p.Out, Err: p.Err,
		Env:  []string{lab.EnvNetNS + "=" + strconv.FormatUint(uint64(p.NetNS), 10), ipcmd.EnvVRF + "=" + p.VRF},
		Open: p.open, Create: p.create, Exec: p.exec, Names: p.World.names,
	})
}

// open opens a file of the scenario for reading.
func (p *Process) open(name string) (io.ReadCloser, error) {
	path, err := p.World.path(p.Dir, name)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// create opens a file of the scenario to write it anew.
func (p *Process) create(name string) (io.WriteCloser, error) {
	path, err := p.World.path(p.Dir, name)
	if err != nil {
		return nil, err
	}
	return os.Create(path)
}

// exec runs the program of ip netns exec and ip vrf exec.
func (p *Process) exec(ctx context.Context, args, env []string) (int, error) {
	q := *p
	getenv := func(key string) (value string) {
		for _, v := range env {
			if k, x, _ := strings.Cut(v, "="); k == key {
				value = x
			}
		}
		return value
	}
	_, q.NetNS = lab.FromEnv(getenv)
	q.VRF = getenv(ipcmd.EnvVRF)
	return q.Run(ctx, args), nil
}

// runShell is sh: -c COMMAND, or a file of the scenario.
func runShell(ctx context.Context, p *Process, args []string) int {
	var text string
	switch {
	case len(args) > 1 && (args[0] == "-c" || args[0] == "-ec"):
		text = args[1]
		if args[0] == "-ec" {
			text = "set -e\n" + text
		}
	case len(args) > 0 && !strings.HasPrefix(args[0], "-"):
		f, err := p.open(args[0])
		if err != nil {
			return p.fail(127, "sh: %v", err)
		}
		b, err := io.ReadAll(f)
		_ = f.Close()
		if err != nil {
			return p.fail(126, "sh: %v", err)
		}
		text = string(b)
	default:
		return p.fail(2, "sh: usage: sh -c COMMAND, or sh FILE")
	}
	s, err := newShell(p.World, p.Host, p.NetNS)
	if err != nil {
		return p.fail(2, "sh: %v", err)
	}
	s.vrf = p.VRF
	defer s.waitAll()
	out, status := s.run(ctx, text)
	_, _ = io.WriteString(p.Out, out)
	return status
}

// labCommands are the commands of the lab itself: cut HOST:DEVICE and mend HOST:DEVICE.
func labCommands(name string) Command {
	if name != "cut" && name != "mend" {
		return nil
	}
	return func(_ context.Context, p *Process, args []string) int {
		if len(args) != 1 {
			return p.fail(2, "%s: usage: %[1]s HOST:DEVICE", name)
		}
		host, dev, _ := strings.Cut(args[0], ":")
		if err := p.World.cut(topology.End{Host: host, Dev: dev}, name == "cut"); err != nil {
			return p.fail(1, "%s: %v", name, err)
		}
		return 0
	}
}

// Commands tells the names of the commands that a scenario has beside the builtins of a
// shell.
func Commands() []string {
	names := append(lab.CommandNames(), tools...)
	slices.Sort(names)
	return names
}

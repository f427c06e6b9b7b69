package lab

import (
	"context"
	"fmt"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/lab/internal/hostcmd"
)

// more are the commands that other rooms bring; see [AddCommand].
var more = map[string]hostcmd.Command{}

// AddCommand has a command of a host answer to a name. It is for the time before worlds
// are made.
func AddCommand(name string, f func(context.Context, *HostEnv, []string) int) {
	more[name] = func(ctx context.Context, env *hostcmd.Env, args []string) int {
		return f(ctx, (*HostEnv)(env), args)
	}
}

// HostEnv is what a command of a host runs in.
type HostEnv hostcmd.Env

func hostCommand(name string) hostcmd.Command {
	if c := more[name]; c != nil {
		return c
	}
	return hostcmd.Lookup(name)
}

// host runs a command of a host.
func (j *job) host(ctx context.Context) int {
	h := j.server.host(j.space)
	env := &hostcmd.Env{
		Host: h, Name: j.Args[0], Stdin: j.In, Stdout: j.Out, Stderr: j.Err, Terminal: j.Terminal,
		Open: j.caller.open, Create: j.caller.create, Getenv: j.getenv,
		NetNS: j.netns, PID: j.pid,
	}
	if vrf := j.getenv(ipcmd.EnvVRF); vrf != "" {
		l, ok := h.Link(0, vrf)
		if !ok {
			fmt.Fprintf(j.Err, "%s: no VRF %s\n", j.Args[0], vrf)
			return 1
		}
		env.Device = l.Index
	}
	return hostCommand(j.Args[0])(ctx, env, j.Args[1:])
}

// netns returns the host of a named namespace.
func (j *job) netns(name string) (*hostcmd.Host, error) {
	sp, release, err := j.server.spaces.hold(0, name)
	if err != nil {
		return nil, err
	}
	defer release()
	return j.server.host(sp), nil
}

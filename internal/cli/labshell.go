package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/lab"
)

func (a *app) labShell() *cobra.Command {
	var w worldFlags
	var command string
	c := &cobra.Command{
		Use:   "shell [WORLD] [HOST]",
		Short: "Open a shell on a host, that of a fresh world unless WORLD names one",
		Long: `Shell opens a shell on a host of a world: the first one unless HOST names another. With
one word, that is a world if one of the name runs, else a host of the only world. Without
a word it is a fresh world, which ends with the shell.`,
		Example: `  rulewalk lab shell                          a fresh world
  rulewalk lab shell two router               a host of the world two
  rulewalk lab shell -c 'ip route get 127.0.0.2'`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				at, err := a.placeOf(args)
				if err != nil {
					return err
				}
				return a.runShell(cmd.Context(), at, command)
			}
			server, l, err := w.serve(fmt.Sprintf("shell-%d", os.Getpid()))
			if err != nil {
				return err
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = server.Serve(l)
			}()
			defer func() {
				server.Close()
				<-ended
			}()
			return a.runShell(cmd.Context(), place{l.Addr().String(), lab.Root}, command)
		},
		ValidArgsFunction: completeWorlds,
	}
	c.Flags().StringVarP(&command, "command", "c", "", "run this `COMMAND` by sh and pass on its exit status")
	w.add(c)
	return c
}

func (a *app) labExec() *cobra.Command {
	var world string
	c := &cobra.Command{
		Use:   "exec [--world WORLD] HOST -- COMMAND [ARG]...",
		Short: "Run a command on a host of a world",
		Long: `Exec runs a command on a host and passes on its exit status. The world is that of --world,
else that of the lab shell it is called in, else the only one that runs.`,
		Example: `  rulewalk lab exec router -- ip route get 192.0.2.1
  rulewalk lab exec --world two web -- sysctl net.ipv4.ip_forward`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			socket, err := a.pickWorld(world)
			if err != nil {
				return err
			}
			id, err := hostOf(socket, args[0])
			if err != nil {
				return err
			}
			return a.runProgram(cmd.Context(), place{socket, id}, append(inPath, args[1:]...))
		},
	}
	c.Flags().StringVar(&world, "world", "", "the `WORLD` that the host is in")
	_ = c.RegisterFlagCompletionFunc("world", completeWorlds)
	return c
}

// inPath are the words before a command that has a shell look it up in the PATH of the
// host.
var inPath = []string{"sh", "-c", `exec "$@"`, "sh"}

// place is a host of a world that runs.
type place struct {
	socket string
	id     lab.ID
}

// placeOf finds the host that the words of lab shell name.
func (a *app) placeOf(args []string) (place, error) {
	socket, err := lab.SocketOf(args[0])
	if err != nil {
		return place{}, err
	}
	info, err := worldInfo(socket)
	switch {
	case err == nil && len(args) == 2:
		id, err := hostOf(socket, args[1])
		return place{socket, id}, err
	case err == nil && len(info.Hosts) > 0:
		id, err := hostOf(socket, info.Hosts[0])
		return place{socket, id}, err
	case err == nil:
		return place{socket, lab.Root}, nil
	case len(args) == 2:
		return place{}, err
	}
	only, pickErr := a.pickWorld("")
	if pickErr != nil {
		return place{}, err
	}
	id, hostErr := hostOf(only, args[0])
	if hostErr != nil {
		return place{}, unreadable(fmt.Errorf("%s is neither a world that runs nor a host: %w", args[0], hostErr))
	}
	return place{only, id}, nil
}

// worldInfo asks the world of a socket what it is.
func worldInfo(socket string) (lab.Info, error) {
	c := lab.NewClient(socket)
	defer func() { _ = c.Close() }()
	info, err := c.Info()
	if err != nil {
		return info, unreadable(fmt.Errorf("%w (%s)", lab.ErrNoWorld, lab.NameOf(socket)))
	}
	return info, nil
}

// pickWorld returns the socket of a world by name; without one, of the world of the lab
// shell, or of the only one that runs.
func (a *app) pickWorld(name string) (socket string, err error) {
	if name != "" {
		socket, err := lab.SocketOf(name)
		if err != nil {
			return "", err
		}
		_, err = worldInfo(socket)
		return socket, err
	}
	if socket, _ := lab.FromEnv(a.env.Getenv); socket != "" {
		return socket, nil
	}
	worlds, err := lab.Worlds()
	switch {
	case err != nil:
		return "", unreadable(err)
	case len(worlds) == 0:
		return "", unreadable(lab.ErrNoWorld)
	case len(worlds) > 1:
		names := make([]string, len(worlds))
		for i, w := range worlds {
			names[i] = w.Name
		}
		return "", fmt.Errorf("several worlds run, say which one: %s", strings.Join(names, ", "))
	}
	return worlds[0].Socket, nil
}

// hostOf returns the namespace of a host.
func hostOf(socket, name string) (lab.ID, error) {
	c := lab.NewClient(socket)
	defer func() { _ = c.Close() }()
	conn, err := c.DialName(name)
	if err == nil {
		return conn.NetNS(), conn.Close()
	}
	info, infoErr := c.Info()
	if infoErr != nil {
		return 0, unreadable(infoErr)
	}
	hosts := "it has none"
	if len(info.Hosts) > 0 {
		hosts = "its hosts are " + strings.Join(info.Hosts, ", ")
	}
	return 0, fmt.Errorf("there is no host %s in the world %s: %s", name, info.Name, hosts)
}

// runShell runs the user's shell, or a command by sh, on a host.
func (a *app) runShell(ctx context.Context, at place, command string) error {
	args := []string{a.env.Getenv("SHELL")}
	switch {
	case command != "":
		args = []string{"sh", "-c", command}
	case args[0] == "":
		args[0] = "/bin/sh"
	}
	return a.runProgram(ctx, at, args)
}

// runProgram runs a program of this machine on a host, where the commands of the host come
// first in PATH.
func (a *app) runProgram(ctx context.Context, at place, args []string) error {
	dir, err := os.MkdirTemp("", "rulewalk-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := lab.MakeShims(dir, self); err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = lab.Environ(os.Environ(), at.socket, at.id, dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.env.Stdin, a.env.Stdout, a.env.Stderr
	// An interrupt of the terminal is for what runs in the shell, which has it already.
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if a.status = exit.ExitCode(); a.status < 0 {
			a.status = 128 + 9
		}
		return ctx.Err()
	}
	return err
}

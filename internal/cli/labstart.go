package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/scenario"
	"github.com/rulewalk/rulewalk/lab/topology"
)

func (a *app) labStart() *cobra.Command {
	var w worldFlags
	var name string
	var hosts []string
	c := &cobra.Command{
		Use:   "start [FILE | NAME | --host NAME=DUMP...]",
		Short: "Hold a world until it is stopped or interrupted",
		Long: `Start holds a world in the foreground and serves it on a unix socket that only this
user can open, until rulewalk lab stop or an interrupt.

FILE is a topology (docs/topology.md), whose hosts are made and set up, or a world that
rulewalk lab save has written, which goes on where it was, with the clock of that moment.
NAME is a scenario that is built in. What a scenario types is not typed: you do.

With --host the hosts are real ones, of which there are dumps: snapshots, reports, output
of ip, as --snapshot of the other commands takes them. What cannot be carried over is told
line by line. Cables between them are guessed from the subnets that they share; the
guesses are told with their reasons, and what is ambiguous is told and not made.`,
		Example: `  rulewalk lab start                          the host of the built-in example
  rulewalk lab start two-routers.yaml         then: rulewalk lab shell lab HOST
  rulewalk lab start --name vpn tunnel        the hosts of the scenario tunnel
  rulewalk lab start saved.world
  rulewalk lab start --host web=sosreport-web/ --host gw=gw.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && (w.kernel != "" || w.empty) {
				return fmt.Errorf("--kernel and --empty are for a new world: %s says what its own is like", args[0])
			}
			begin := w.serve
			if len(hosts) > 0 {
				if len(args) == 1 || w.kernel != "" || w.empty {
					return errors.New("--host makes a world of its own: no FILE, --kernel or --empty goes with it")
				}
				begin = func(name string) (*lab.Server, net.Listener, error) { return a.reviveHosts(name, hosts) }
			}
			if len(args) == 1 {
				begin = func(name string) (*lab.Server, net.Listener, error) {
					return a.begin(cmd.Context(), name, args[0])
				}
			}
			server, l, err := begin(name)
			if err != nil {
				return err
			}
			return a.hold(cmd.Context(), server, l, name)
		},
	}
	c.Flags().StringVar(&name, "name", "lab", "the `NAME` of the world")
	c.Flags().StringArrayVar(&hosts, "host", nil, "make a host `NAME=DUMP` of the dump of a real one; may be given several times")
	w.add(c)
	return c
}

// hold serves a world until it ends.
func (a *app) hold(ctx context.Context, server *lab.Server, l net.Listener, name string) error {
	stop := context.AfterFunc(ctx, server.Close)
	defer stop()
	fmt.Fprintf(a.env.Stderr, "world %s is ready: rulewalk lab shell %[1]s\n", name)
	if hosts := server.Hosts(); len(hosts) > 1 {
		fmt.Fprintf(a.env.Stderr, "its hosts: %s\n", strings.Join(hosts, ", "))
	}
	if err := server.Serve(l); !errors.Is(err, lab.ErrClosed) {
		return err
	}
	return nil
}

// begin makes the world of a file: a topology, or a saved world.
func (a *app) begin(ctx context.Context, name, file string) (*lab.Server, net.Listener, error) {
	is, err := isTopology(file)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	if !is {
		return a.load(name, file)
	}
	t, _, _, err := readTopology(file)
	if err != nil {
		return nil, nil, err
	}
	l, err := lab.Listen(name)
	if err != nil {
		return nil, nil, err
	}
	w, err := scenario.Start(ctx, name, t, scenario.Options{Clock: topology.Real})
	if err != nil {
		return nil, nil, errors.Join(unreadable(err), l.Close())
	}
	go func() {
		<-w.Server.Done()
		_ = w.Close()
	}()
	return w.Server, l, nil
}

// isTopology tells whether a name is that of a topology: by the content of its file, or as
// one that is built in.
func isTopology(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return slices.Contains(scenario.Shipped(), name), nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return bytes.IndexByte(head, 0) < 0 && topology.IsTopology(head), err
}

package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

func (a *app) lab() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "Emulated hosts: scenarios, and network namespaces in memory with ip and sysctl",
		Long: `A world of the lab holds network namespaces that answer like those of Linux, in
ordinary memory, on any system, without privileges. In its shell ip and sysctl speak to
that world, and ip netns add, exec, list and delete work, so that scripts written for
the real commands run unmodified.

A world begins with the host of the built-in example, 10.0.2.15/24 on eth0; --empty
leaves lo alone, down.`,
		Example: `  rulewalk lab run seed                       a scenario that is built in
  rulewalk lab run mine.txtar                 one of your own
  rulewalk lab shell                          a shell on an emulated host
  rulewalk lab shell -c 'ip route get 127.0.0.2'
  rulewalk lab shell -c 'bash fib_rule_tests.sh'
  rulewalk lab shell --kernel 5.10 -c 'ip route show table local'
  rulewalk lab start --name two               a world that lasts, until lab stop two
  rulewalk lab shell two                      a shell in it
  rulewalk lab save two                       two.world, for lab start two.world`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.labRun(), a.labShell(), a.labExec(), a.labStart(), a.labSave(), a.labStop(), a.labList(), a.labPlug(), a.labCable(false), a.labCable(true), a.labGraph(), a.labCapture(), a.labSchema())
	return c
}

// worldFlags say what a new world is like.
type worldFlags struct {
	kernel string
	empty  bool
}

func (w *worldFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&w.kernel, "kernel", "", "behave like this `RELEASE` of Linux (default "+rpdb.Kernel{}.String()+")")
	c.Flags().BoolVar(&w.empty, "empty", false, "begin with lo alone, down")
}

// serve makes a world and answers on its socket until the context ends.
func (w *worldFlags) serve(name string) (*lab.Server, net.Listener, error) {
	k := rpdb.Kernel{Release: w.kernel}
	if _, _, ok := k.Version(); !ok && w.kernel != "" {
		return nil, nil, fmt.Errorf("--kernel %s: not a release of Linux, such as 5.10", w.kernel)
	}
	l, err := lab.Listen(name)
	if err != nil {
		return nil, nil, err
	}
	server, err := lab.NewServer(name, netns.Config{Kernel: k, DAD: true})
	if err == nil && !w.empty {
		err = lab.SetUpExample(server.Root())
	}
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return server, l, nil
}

// load makes a saved world again and answers on its socket.
func (a *app) load(name, file string) (*lab.Server, net.Listener, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	defer func() { _ = f.Close() }()
	l, err := lab.Listen(name)
	if err != nil {
		return nil, nil, err
	}
	var p *progress
	server, err := lab.LoadServer(name, f, func(done, all int) {
		if p == nil {
			p = a.newProgress("making the world of "+file+" again", int64(all))
		}
		p.reach(done)
	})
	p.end()
	if err != nil {
		return nil, nil, errors.Join(unreadable(fmt.Errorf("%s: %w", file, err)), l.Close())
	}
	return server, l, nil
}

func (a *app) labSave() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "save [WORLD]",
		Short: "Write a world to a file, for lab start",
		Long: `Save writes all that was ever done to a world to a file, from which rulewalk lab start
makes it again: links, addresses, routes, rules, neighbours, settings and names, in their
order and with what does not show. The world goes on. In a lab shell the world is the
shell's own.`,
		Example: `  rulewalk lab save two                       two.world
  rulewalk lab save -o before.world           in a lab shell
  rulewalk lab start --name again two.world`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			socket, name, err := a.worldOf(args)
			if err != nil {
				return err
			}
			if out == "" {
				out = name + ".world"
			}
			path, err := filepath.Abs(out)
			if err != nil {
				return err
			}
			c := lab.NewClient(socket)
			defer func() { _ = c.Close() }()
			if _, err := c.Info(); err != nil {
				return unreadable(fmt.Errorf("%w (%s)", lab.ErrNoWorld, name))
			}
			saved, err := c.Save(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.env.Stderr, "%s: %d changes, %d bytes\n", out, saved.Changes, saved.Bytes)
			return nil
		},
		ValidArgsFunction: completeWorlds,
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to `FILE` (default WORLD.world)")
	return c
}

// worldOf returns the socket and the name of the world that arguments name: without
// any, that of the shell, or the one named lab.
func (a *app) worldOf(args []string) (socket, name string, err error) {
	if len(args) == 0 {
		if socket, _ := lab.FromEnv(a.env.Getenv); socket != "" {
			return socket, lab.NameOf(socket), nil
		}
		args = []string{"lab"}
	}
	socket, err = lab.SocketOf(args[0])
	return socket, args[0], err
}

func (a *app) labStop() *cobra.Command {
	return &cobra.Command{
		Use:   "stop [WORLD]",
		Short: "End a world",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "lab"
			if len(args) == 1 {
				name = args[0]
			}
			socket, err := lab.SocketOf(name)
			if err != nil {
				return err
			}
			c := lab.NewClient(socket)
			defer func() { _ = c.Close() }()
			if err := c.Shutdown(); err != nil {
				return unreadable(fmt.Errorf("%w (%s)", lab.ErrNoWorld, name))
			}
			return nil
		},
		ValidArgsFunction: completeWorlds,
	}
}

func (a *app) labList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the worlds of this user",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			worlds, err := lab.Worlds()
			if err != nil {
				return err
			}
			t := tabwriter.NewWriter(a.env.Stdout, 0, 8, 2, ' ', 0)
			for _, w := range worlds {
				fmt.Fprintf(t, "%s\tpid %d\tsince %s\t%d namespaces\t%s\n",
					w.Name, w.PID, w.Started.Format(time.DateTime), w.Namespaces, filepath.Base(w.Socket))
			}
			return t.Flush()
		},
	}
}

func completeWorlds(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	worlds, _ := lab.Worlds()
	var names []string
	for _, w := range worlds {
		names = append(names, w.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/lab"
)

func init() {
	lab.OpenTap = func(name string) (io.ReadWriteCloser, error) {
		f, err := kernel.OpenTap(name)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
}

func (a *app) labPlug() *cobra.Command {
	var world string
	c := &cobra.Command{
		Use:   "plug [HOST:]DEV TAP",
		Short: "Connect a network card of a host with a tap device of this machine",
		Long: `Plug connects a network card of an emulated host with a tap device of this machine, so
that the programs of this machine reach the host: a browser, or curl. The device is made
in the network namespace in which the world runs, which takes root there; a user namespace
is enough. It goes with the world. Its address is for you to set.

DEV is a card that leads nowhere, such as eth0 of the built-in example or a link with one
end in a topology.`,
		Example: `  unshare -rn rulewalk lab shell
  rulewalk lab plug eth0 tap0                 in that shell
  /sbin/ip addr add 10.0.2.2/24 dev tap0      the machine's own ip, by its path
  /sbin/ip link set tap0 up
  /bin/ping 10.0.2.15`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			var names []string
			if world != "" {
				names = []string{world}
			}
			socket, _, err := a.worldOf(names)
			if err != nil {
				return err
			}
			host, dev, named := strings.Cut(args[0], ":")
			if !named {
				host, dev = "", args[0]
			}
			_, id := lab.FromEnv(a.env.Getenv)
			if host != "" {
				id = 0
			}
			client := lab.NewClient(socket)
			defer func() { _ = client.Close() }()
			return client.Plug(id, host, dev, args[1])
		},
	}
	c.Flags().StringVar(&world, "world", "", "the `NAME` of the world (default that of the shell, or lab)")
	return c
}

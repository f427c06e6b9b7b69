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
			return a.onDevice(world, args[0], func(client *lab.Client, id lab.ID, host, dev string) error {
				return client.Plug(id, host, dev, args[1])
			})
		},
	}
	c.Flags().StringVar(&world, "world", "", "the `NAME` of the world (default that of the shell, or lab)")
	return c
}

// onDevice calls f with a client of a world and with the host and the device that [HOST:]DEV
// names: without HOST that of the shell.
func (a *app) onDevice(world, text string, f func(client *lab.Client, id lab.ID, host, dev string) error) error {
	var names []string
	if world != "" {
		names = []string{world}
	}
	socket, _, err := a.worldOf(names)
	if err != nil {
		return err
	}
	host, dev, named := strings.Cut(text, ":")
	if !named {
		host, dev = "", text
	}
	_, id := lab.FromEnv(a.env.Getenv)
	if host != "" {
		id = 0
	}
	client := lab.NewClient(socket)
	defer func() { _ = client.Close() }()
	return f(client, id, host, dev)
}

// labCable is lab cut, or lab mend.
func (a *app) labCable(plugged bool) *cobra.Command {
	var world string
	c := &cobra.Command{
		Use:   "cut [HOST:]DEV",
		Short: "Pull out the cable of a device",
		Long: `Cut pulls out the cable of a device of an emulated host: a network card, or one end of a
cable between two hosts. Both ends lose their carrier, as Linux sees it when a plug is pulled:
ip link shows NO-CARRIER, routes become linkdown, neighbours go, and ip monitor tells of it.
rulewalk lab mend plugs it in again.`,
		Example: `  rulewalk lab cut router:wan
  rulewalk lab cut eth0                       in a lab shell, on the shell's host
  rulewalk lab mend router:wan`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.onDevice(world, args[0], func(client *lab.Client, id lab.ID, host, dev string) error {
				return client.SetCable(id, host, dev, plugged)
			})
		},
	}
	if plugged {
		c.Use, c.Short, c.Example = "mend [HOST:]DEV", "Plug in a cable that was pulled out", "  rulewalk lab mend router:wan"
		c.Long = "Mend plugs in the cable of a device that rulewalk lab cut has pulled out."
	}
	c.Flags().StringVar(&world, "world", "", "the `NAME` of the world (default that of the shell, or lab)")
	return c
}

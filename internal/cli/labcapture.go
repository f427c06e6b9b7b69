package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) labCapture() *cobra.Command {
	var world, file string
	var count int
	c := &cobra.Command{
		Use:   "capture [--world WORLD] HOST:DEVICE [-w FILE] [FILTER]...",
		Short: "Watch the packets of a device, or write them to a file",
		Long: `Capture shows the packets that pass a device of a host, or with -w writes them to a pcapng
file, each with the decision that was made on it as its comment; the device any is all of
them. It ends with an interrupt, or after -c packets. It is tcpdump on that host, and
FILTER is written as for tcpdump.`,
		Example: `  rulewalk lab capture router:wan icmp
  rulewalk lab capture --world two web:any -w web.pcapng port 80`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			host, dev, ok := strings.Cut(args[0], ":")
			if !ok || host == "" || dev == "" {
				return fmt.Errorf("%q is not HOST:DEVICE, such as router:eth0 or router:any", args[0])
			}
			socket, err := a.pickWorld(world)
			if err != nil {
				return err
			}
			id, err := hostOf(socket, host)
			if err != nil {
				return err
			}
			words := []string{"tcpdump", "-n", "-i", dev}
			if file != "" {
				words = append(words, "-U", "-w", file)
			}
			if count > 0 {
				words = append(words, "-c", fmt.Sprint(count))
			}
			return a.runProgram(cmd.Context(), place{socket, id}, append(inPath, append(words, args[1:]...)...))
		},
	}
	c.Flags().StringVar(&world, "world", "", "the `WORLD` that the host is in")
	c.Flags().StringVarP(&file, "write", "w", "", "write to `FILE`, as pcapng")
	c.Flags().IntVarP(&count, "count", "c", 0, "end after `N` packets")
	_ = c.RegisterFlagCompletionFunc("world", completeWorlds)
	return c
}

package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/diagram"
	"github.com/rulewalk/rulewalk/lab/scenario"
)

func (a *app) labGraph() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "graph [FILE | NAME | WORLD]",
		Short: "Draw the hosts of a topology or of a world, as SVG",
		Long: `Graph draws hosts, devices, addresses and cables as SVG: those of a topology as they are
when its hosts have been set up, or those of a world that runs as they are now. Without an
argument it is the world of the lab shell, or the only one that runs. What is down is red.`,
		Example: `  rulewalk lab graph two-routers.yaml > two-routers.svg
  rulewalk lab graph -o tunnel.svg full-tunnel
  rulewalk lab graph lab | rsvg-convert -o lab.png`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			svg, err := a.graph(cmd.Context(), args)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = a.env.Stdout.Write(svg)
				return err
			}
			return os.WriteFile(out, svg, 0o666)
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			worlds, _ := completeWorlds(c, args, word)
			return append(worlds, scenario.Shipped()...), cobra.ShellCompDirectiveDefault
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to `FILE`")
	return c
}

// graph draws what the arguments name.
func (a *app) graph(ctx context.Context, args []string) ([]byte, error) {
	if len(args) == 1 {
		if is, err := isTopology(args[0]); err != nil {
			return nil, unreadable(err)
		} else if is {
			t, _, _, err := readTopology(args[0])
			if err != nil {
				return nil, err
			}
			svg, err := scenario.Draw(ctx, t)
			return svg, unreadable(err)
		}
	}
	name := ""
	if len(args) == 1 {
		name = args[0]
	}
	socket, err := a.pickWorld(name)
	if err != nil {
		return nil, err
	}
	c := lab.NewClient(socket)
	defer func() { _ = c.Close() }()
	p, err := c.Plan()
	if err != nil {
		return nil, unreadable(err)
	}
	return diagram.SVG(p, nil), nil
}

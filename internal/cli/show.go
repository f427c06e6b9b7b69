package cli

import (
	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/explain"
)

func (a *app) show() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show all rules in the order of the walk, each with its table under it",
		Long: `Show the whole routing policy database in the order in which Linux walks it: each
rule, and under it the routes of its table. A table that several rules lead to is
written once. Tables that no rule leads to stand at the end; rules whose table
does not exist say so.`,
		Example: `  rulewalk show
  rulewalk show -6
  rulewalk show --snapshot sosreport.tar.xz --all
  rulewalk show --json | jq '.families[].missing'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return a.runShow(all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every route of every table")
	return cmd
}

func (a *app) runShow(all bool) error {
	src, err := a.open()
	if err != nil {
		return err
	}
	defer src.close()
	v := explain.NewShowView(src.state, src.words, a.family())
	v.State, v.Warnings = src.name, src.warnings
	if a.flags.json {
		return a.writeJSON(v.JSON())
	}
	return v.Text(a.env.Stdout, explain.TextOptions{Width: a.width(), Color: a.colored(), All: all})
}

// writeJSON writes a document, unless making it failed.
func (a *app) writeJSON(doc []byte, err error) error {
	if err == nil {
		_, err = a.env.Stdout.Write(doc)
	}
	return err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/lab/scenario"
	"github.com/rulewalk/rulewalk/lab/topology"
)

// statusDiffers is the exit status of lab run where something went otherwise than the
// scenario says.
const statusDiffers = 1

// runFlags are the flags of lab run.
type runFlags struct {
	quiet, update, print bool
	clock, dir           string
}

func (a *app) labRun() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run [FILE | NAME]...",
		Short: "Play scenarios and say what differs",
		Long: `Run makes the hosts and links of a scenario, types its commands, and shows what they
print; where that is not what the scenario says, it shows the difference. FILE is a YAML
file or a txtar archive (docs/topology.md), NAME a scenario that is built in: without
arguments they are listed.

Commands run in this program: those of a host, the builtins of a shell, and a few
tools. No program of this machine is started, and only files below the folder of the run
are opened. The clock is virtual unless the scenario says otherwise: a sleep takes no time.

Exit status: 0 all went as the scenario says, 1 something differs, 2 a file cannot be
read or its hosts cannot be set up.`,
		Example: `  rulewalk lab run                         the scenarios that are built in
  rulewalk lab run seed                    why does 127.0.0.2 answer?
  rulewalk lab run --print seed            its file, to begin one's own from
  rulewalk lab run -q test/*.txtar         as a test: only what differs
  rulewalk lab run --update mine.txtar     write down what the commands print now`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listShipped()
			}
			for _, name := range args {
				if err := a.runScenario(cmd.Context(), name, &f); err != nil {
					return err
				}
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenario.Shipped(), cobra.ShellCompDirectiveDefault
		},
	}
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "show only what differs")
	c.Flags().BoolVar(&f.update, "update", false, "rewrite the outputs in FILE where they differ")
	c.Flags().BoolVar(&f.print, "print", false, "print the file instead of running it")
	c.Flags().StringVar(&f.clock, "clock", "", "the `CLOCK` to live by, virtual or real, if the scenario does not say")
	c.Flags().StringVar(&f.dir, "dir", "", "run in `DIR` and leave there what the commands write")
	return c
}

func (a *app) listShipped() error {
	t := tabwriter.NewWriter(a.env.Stdout, 0, 8, 2, ' ', 0)
	for _, name := range scenario.Shipped() {
		topo, _, err := scenario.ReadShipped(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%s\n", name, topo.Title)
	}
	return t.Flush()
}

// readTopology reads a topology from a file, or the one that is built in by that name.
// path is empty for that.
func readTopology(name string) (t *topology.Topology, data []byte, path string, err error) {
	data, err = os.ReadFile(name)
	switch {
	case err == nil:
		t, err = topology.Read(name, data)
		return t, data, name, unreadable(err)
	case !errors.Is(err, fs.ErrNotExist) || !slices.Contains(scenario.Shipped(), name):
		if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "./\\") {
			err = fmt.Errorf("there is no file %s, and no scenario of this name is built in: rulewalk lab run lists them", name)
		}
		return nil, nil, "", unreadable(err)
	}
	t, data, err = scenario.ReadShipped(name)
	return t, data, "", unreadable(err)
}

// runScenario plays one scenario.
func (a *app) runScenario(ctx context.Context, name string, f *runFlags) error {
	t, data, path, err := readTopology(name)
	if err != nil {
		return err
	}
	if f.print {
		_, err := a.env.Stdout.Write(data)
		return err
	}
	if f.update && path == "" {
		return fmt.Errorf("--update: %s is built in, and not a file", name)
	}
	o := scenario.Options{Dir: f.dir}
	switch f.clock {
	case "":
	case "virtual":
		o.Clock = topology.Virtual
	case "real":
		o.Clock = topology.Real
	default:
		return fmt.Errorf("--clock %s: virtual or real", f.clock)
	}
	w, err := scenario.Start(ctx, "run", t, o)
	if err != nil {
		return unreadable(err)
	}
	defer func() { _ = w.Close() }()
	teller := transcriptTeller{out: a.env.Stdout, file: name, quiet: f.quiet, color: a.colored()}
	results, err := w.Run(ctx, teller.tell)
	if err != nil {
		return err
	}
	if f.update && teller.differ > 0 {
		if err := replaceFile(path, w.Updated(results)); err != nil {
			return err
		}
		fmt.Fprintf(a.env.Stderr, "%s: %d of %d outputs rewritten\n", path, teller.differ, len(results))
		return nil
	}
	a.sumUp(&teller, len(results))
	return nil
}

// sumUp says how a scenario went.
func (a *app) sumUp(t *transcriptTeller, all int) {
	switch {
	case t.differ > 0:
		fmt.Fprintf(a.env.Stderr, "%s: %d of %d commands went otherwise than it says\n", t.file, t.differ, all)
		a.status = statusDiffers
	case !t.quiet:
		fmt.Fprintf(a.env.Stderr, "%s: %d commands, all as it says\n", t.file, all)
	}
}

// replaceFile writes a file in place of another, with its mode.
func replaceFile(path string, data []byte) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // is gone if all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(st.Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// transcriptTeller shows the steps of a scenario as they go.
type transcriptTeller struct {
	out    io.Writer
	file   string
	quiet  bool
	color  bool
	differ int
	shown  bool
}

var (
	promptStyle  = lipgloss.NewStyle().Bold(true)
	remarkStyle  = lipgloss.NewStyle().Faint(true)
	missingStyle = lipgloss.NewStyle().Foreground(lipgloss.Red)
	extraStyle   = lipgloss.NewStyle().Foreground(lipgloss.Green)
)

func (t *transcriptTeller) line(style lipgloss.Style, text string) {
	if t.color && text != "" {
		text = style.Render(text)
	}
	fmt.Fprintln(t.out, text)
}

// tell shows one step.
func (t *transcriptTeller) tell(r scenario.Result) {
	if !r.Same {
		t.differ++
	} else if t.quiet {
		return
	}
	if t.shown && (len(r.Step.Remark) > 0 || t.quiet) {
		fmt.Fprintln(t.out)
	}
	t.shown = true
	if !t.quiet {
		for _, l := range r.Step.Remark {
			t.line(remarkStyle, strings.TrimRight("# "+l, " "))
		}
	}
	first, rest, more := strings.Cut(r.Step.Command, "\n")
	t.line(promptStyle, r.Step.Host+"$ "+first)
	for more {
		first, rest, more = strings.Cut(rest, "\n")
		t.line(promptStyle, "> "+first)
	}
	if !r.Same {
		t.difference(r)
		return
	}
	for _, l := range r.Got {
		fmt.Fprintln(t.out, l)
	}
	if r.Status != 0 {
		fmt.Fprintf(t.out, "[exit %d]\n", r.Status)
	}
}

// difference shows what a step was to print and did not, and what it printed instead.
func (t *transcriptTeller) difference(r scenario.Result) {
	place := fmt.Sprintf("%s:%d", t.file, r.Step.Pos.Line)
	if r.Diff == "" {
		for _, l := range r.Got {
			fmt.Fprintln(t.out, l)
		}
	} else {
		t.line(missingStyle, "--- "+place+" says")
		t.line(extraStyle, "+++ it printed")
		for l := range strings.Lines(r.Diff) {
			l = strings.TrimSuffix(l, "\n")
			switch l[0] {
			case '-':
				t.line(missingStyle, l)
			case '+':
				t.line(extraStyle, l)
			default:
				fmt.Fprintln(t.out, l)
			}
		}
	}
	if r.Status != r.Step.Status {
		t.line(missingStyle, fmt.Sprintf("%s says exit %d, it ended with exit %d", place, r.Step.Status, r.Status))
	}
}

func (a *app) labSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of topologies",
		Long: `Schema prints the JSON schema of the YAML document of a topology, for editors that
complete and check while one writes.`,
		Example: `  rulewalk lab schema > topology.schema.json
  # yaml-language-server: $schema=topology.schema.json     as the first line of a file`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.env.Stdout.Write(topology.Schema)
			return err
		},
	}
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/lab/shim/interrupt"
)

// The exit statuses.
const (
	statusOK       = 0 // answered; an unreachable destination is an answer
	statusUsage    = 1
	statusState    = 2 // the state could not be read
	statusDisagree = 3 // the kernel answers something else
)

// Env is what a command line runs with.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// Main runs the command line of the process and returns its exit status.
func Main() int {
	if status, ok := interrupt.Main(); ok {
		return status
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return Run(ctx, os.Args[1:], Env{os.Stdin, os.Stdout, os.Stderr, os.Getenv})
}

// Run runs one command line.
func Run(ctx context.Context, args []string, env Env) int {
	a := &app{env: env}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return a.status
	}
	fmt.Fprintln(env.Stderr, "rulewalk:", err)
	var failed *stateError
	if errors.As(err, &failed) {
		return statusState
	}
	fmt.Fprintf(env.Stderr, "See: %s --help\n", cmd.CommandPath())
	return statusUsage
}

// app is one run of the command.
type app struct {
	env    Env
	flags  globalFlags
	status int
}

// globalFlags are the flags of every command.
type globalFlags struct {
	netns     string
	snapshots []string
	json      bool
	v4, v6    bool
	color     string
}

// stateError says that the state could not be read; the exit status tells it from
// a wrong command line.
type stateError struct{ err error }

func (e *stateError) Error() string { return e.err.Error() }
func (e *stateError) Unwrap() error { return e.err }

func unreadable(err error) error {
	if err == nil {
		return nil
	}
	return &stateError{err}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "rulewalk",
		Short: "Which way will Linux send this packet, and why?",
		Long: `Rulewalk tells which way Linux sends a packet, and why: it reads the rules, the
tables, the addresses and the settings of this host (or of a file), goes through
them as the kernel does, and asks the kernel whether it agrees.`,
		Example: `  rulewalk why 127.0.0.2                  why does this go to lo?
  rulewalk why 8.8.8.8 from 10.0.2.15     with a source
  rulewalk why 10.0.2.15 from 8.8.8.8 iif eth0
                                          a packet that arrives on eth0
  rulewalk show                           the rules, each with its table
  rulewalk snapshot -o host.rw            save the state of this host
  rulewalk why 8.8.8.8 --snapshot host.rw and ask it elsewhere`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.flags.netns, "netns", "", "network namespace of this host: its `NAME`, a PID in it, or a PATH")
	f.StringArrayVar(&a.flags.snapshots, "snapshot", nil,
		"read the state from `FILE`: a file of rulewalk snapshot, output of ip, a sosreport,\n"+
			"a directory, - for standard input, or example; may be given several times")
	f.BoolVar(&a.flags.json, "json", false, "print JSON")
	f.BoolVarP(&a.flags.v4, "ipv4", "4", false, "IPv4: look names up as IPv4, show IPv4 only")
	f.BoolVarP(&a.flags.v6, "ipv6", "6", false, "IPv6: look names up as IPv6, show IPv6 only")
	f.StringVar(&a.flags.color, "color", "auto", "colours: `WHEN` is always, never or auto (on a terminal, unless NO_COLOR is set)")
	root.MarkFlagsMutuallyExclusive("netns", "snapshot")
	root.MarkFlagsMutuallyExclusive("ipv4", "ipv6")
	_ = root.RegisterFlagCompletionFunc("netns", completeNetns)
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"always", "auto", "never"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(a.why(), a.show(), a.snapshot(), a.verify(), a.ip(), a.lab(), a.version())
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.checkFlags() }
	return root
}

func (a *app) checkFlags() error {
	switch a.flags.color {
	case "always", "auto", "never":
		return nil
	}
	return fmt.Errorf("--color %s: always, never or auto", a.flags.color)
}

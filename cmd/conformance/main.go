// Command conformance measures how faithful the engine is to the running Linux
// kernel. See docs/conformance.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
)

// errMismatch makes the exit status 1 without another message.
var errMismatch = errors.New("kernel and engine disagree")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root := &cobra.Command{
		Use:           "conformance",
		Short:         "compare Rulewalk's decisions with those of the running kernel",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(lookupsCommand(), requestsCommand(), packetsCommand(), recordCommand())
	root.SetArgs(goFlags(os.Args[1:]))
	if err := root.ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errMismatch) {
			fmt.Fprintln(os.Stderr, "conformance:", strings.TrimPrefix(err.Error(), "conformance: "))
		}
		os.Exit(1)
	}
}

// goFlags lets flags be written with one dash as well, as those of the go command
// are: -family 4 for --family 4.
func goFlags(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if len(a) > 2 && a[0] == '-' && a[1] >= 'a' && a[1] <= 'z' && a[2] != '=' && !strings.HasPrefix(a, "-n") {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

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
	root.AddCommand(lookupsCommand(), recordCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errMismatch) {
			fmt.Fprintln(os.Stderr, "conformance:", strings.TrimPrefix(err.Error(), "conformance: "))
		}
		os.Exit(1)
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rulewalk/rulewalk/conformance"
	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// options are the flags of lookups.
type options struct {
	n, family, workers, reproduce int
	seed, scenario                uint64
	verbose                       bool
}

func lookupsCommand() *cobra.Command {
	o := options{seed: uint64(time.Now().UnixNano()) % 1_000_000}
	c := &cobra.Command{
		Use:   "lookups",
		Short: "ask the kernel and the engine random questions about random states",
		Example: `  conformance lookups -n 100000              both families
  conformance lookups -n 1000000 --family 4 --seed 7
  conformance lookups -n 1020 --family 4 --seed 7 --scenario 31   one scenario again`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return lookups(c.Context(), &o) },
	}
	f := c.Flags()
	f.IntVarP(&o.n, "lookups", "n", 100_000, "number of lookups per family")
	f.IntVar(&o.family, "family", 0, "4 or 6; both if not given")
	f.Uint64Var(&o.seed, "seed", o.seed, "seed of the random states and questions")
	f.Uint64Var(&o.scenario, "scenario", 0, "number of the first scenario")
	f.IntVar(&o.workers, "workers", 0, "threads, each with a namespace of its own; 0: one for each CPU")
	f.IntVar(&o.reproduce, "reproduce", 5, "mismatches to minimise and print per family, one of a kind")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print how often everything appeared")
	return c
}

func lookups(ctx context.Context, o *options) error {
	families := []rpdb.Family{rpdb.IPv4, rpdb.IPv6}
	switch o.family {
	case 0:
	case 4:
		families = families[:1]
	case 6:
		families = families[1:]
	default:
		return fmt.Errorf("--family is 4 or 6, not %d", o.family)
	}
	if err := testns.Rerun(); err != nil {
		return fmt.Errorf("%w: %w", conformance.ErrNoNamespace, err)
	}
	var total conformance.LookupsReport
	total.Excluded = map[string]int{}
	for _, f := range families {
		fmt.Printf("%s: seed %d, %d lookups\n", f, o.seed, o.n)
		r, err := conformance.RunLookups(ctx, conformance.LookupsConfig{
			Family: f, Seed: o.seed, Lookups: o.n, First: o.scenario, Workers: o.workers,
			Reproduce: o.reproduce, Progress: progress(os.Stderr, o.n),
		})
		if err != nil {
			return err
		}
		print1(os.Stdout, r, o.verbose)
		total.Lookups += r.Lookups
		total.Mismatches += r.Mismatches
		for k, n := range r.Excluded {
			total.Excluded[k] += n
		}
	}
	fmt.Printf("%d lookups, %d mismatches, %d excluded\n", total.Lookups, total.Mismatches, total.ExcludedTotal())
	if total.Mismatches > 0 {
		return errMismatch
	}
	return nil
}

func print1(w io.Writer, r *conformance.LookupsReport, verbose bool) {
	for _, m := range r.Found {
		fmt.Fprintln(w, m)
	}
	if more := r.Mismatches - len(r.Found); more > 0 {
		fmt.Fprintf(w, "%d more mismatches\n", more)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
		fmt.Fprintf(w, "mismatches %d: %s\n", r.Fields[k], k)
	}
	if r.TraceSkipped != nil {
		fmt.Fprintf(w, "visited tables not compared: %v\n", r.TraceSkipped)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Excluded)) {
		fmt.Fprintf(w, "excluded %d: %s\n", r.Excluded[k], k)
	}
	if verbose {
		for _, l := range r.Variety.Lines() {
			fmt.Fprintln(w, l)
		}
	}
}

// progress shows a counter on a terminal.
func progress(f *os.File, n int) func(int) {
	if !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	start, last := time.Now(), time.Time{}
	var mu sync.Mutex
	return func(done int) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < 200*time.Millisecond && done < n {
			return
		}
		last = time.Now()
		fmt.Fprintf(f, "\r%d of %d, %.0f lookups a second ", done, n, float64(done)/time.Since(start).Seconds())
		if done >= n {
			fmt.Fprint(f, "\r\033[K")
		}
	}
}

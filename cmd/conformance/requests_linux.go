package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/conformance"
	"github.com/rulewalk/rulewalk/internal/testns"
)

func requestsCommand() *cobra.Command {
	cfg := conformance.RequestsConfig{Seed: uint64(time.Now().UnixNano()) % 1_000_000}
	findings := ""
	c := &cobra.Command{
		Use:   "requests",
		Short: "send random rtnetlink requests to the kernel and to its emulation",
		Example: `  conformance requests -n 100000               all areas
  conformance requests -n 20000 --only rules,routes4 --seed 7
  conformance requests -n 1 --only rules --seed 7 --program 31    one program again
  conformance requests -n 20000 --kernel       the kernel against itself`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return requests(c.Context(), &cfg, findings) },
	}
	f := c.Flags()
	f.IntVarP(&cfg.Requests, "requests", "n", 100_000, "number of requests, shared by the areas")
	f.StringSliceVar(&cfg.Only, "only", nil, "areas: "+strings.Join(conformance.ReqAreas(), ", ")+"; all if not given")
	f.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of the random programs")
	f.Uint64Var(&cfg.First, "program", 0, "number of the first program")
	f.IntVar(&cfg.Workers, "workers", 0, "programs at a time; 0: four for each CPU")
	f.IntVar(&cfg.Reproduce, "reproduce", 20, "mismatches to minimise, one of a kind")
	f.BoolVar(&cfg.Kernel, "kernel", false, "compare the kernel with itself")
	f.StringVar(&findings, "findings", "", "a directory: write the mismatches there too, a file for each part of netns")
	return c
}

func requests(ctx context.Context, cfg *conformance.RequestsConfig, findings string) error {
	if err := testns.Rerun(); err != nil {
		return fmt.Errorf("%w: %w", conformance.ErrNoNamespace, err)
	}
	fmt.Printf("seed %d, %d requests\n", cfg.Seed, cfg.Requests)
	cfg.Progress = progress(os.Stderr, cfg.Requests)
	r, err := conformance.RunRequests(ctx, *cfg)
	if r != nil {
		printRequests(os.Stdout, r)
	}
	if err != nil {
		return err
	}
	if findings != "" {
		if err := writeFindings(findings, cfg.Seed, r); err != nil {
			return err
		}
	}
	fmt.Printf("%d requests, %d mismatches, %d excluded\n", r.Requests, r.Mismatches, r.ExcludedTotal())
	if r.Mismatches > 0 {
		return errMismatch
	}
	return nil
}

func printRequests(w io.Writer, r *conformance.RequestsReport) {
	for _, m := range r.Found {
		fmt.Fprintln(w, m)
	}
	for _, k := range byCount(r.Kinds) {
		fmt.Fprintf(w, "mismatches %d: %s\n", r.Kinds[k], k)
	}
	for _, k := range byCount(r.Excluded) {
		fmt.Fprintf(w, "excluded %d: %s\n", r.Excluded[k], k)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Areas)) {
		fmt.Fprintf(w, "area %s: %d requests\n", k, r.Areas[k])
	}
	for _, k := range slices.Sorted(maps.Keys(r.NotBuilt)) {
		fmt.Fprintf(w, "area %s: not built, netns lacks %s\n", k, r.NotBuilt[k])
	}
}

// byCount returns the keys, those that are counted most often first.
func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
}

// writeFindings sorts the mismatches by the part of netns that they concern.
func writeFindings(dir string, seed uint64, r *conformance.RequestsReport) error {
	files := map[string]*strings.Builder{}
	for _, m := range r.Found {
		room := m.Room()
		if files[room] == nil {
			files[room] = new(strings.Builder)
			fmt.Fprintf(files[room], "# %s: what kernel and netns answer differently (seed %d, %s)\n", room, seed, time.Now().UTC().Format(time.TimeOnly))
		}
		fmt.Fprintf(files[room], "\n## %d times: %s\n\n```\n%s```\n", r.Kinds[m.Kind], m.Kind, m)
	}
	for room, b := range files {
		if err := os.WriteFile(filepath.Join(dir, "findings-"+room+".md"), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

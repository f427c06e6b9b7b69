package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/conformance"
	"github.com/rulewalk/rulewalk/conformance/packets"
	"github.com/rulewalk/rulewalk/internal/testns"
)

func packetsCommand() *cobra.Command {
	cfg := packets.Config{Seed: uint64(time.Now().UnixNano()) % 1_000_000}
	c := &cobra.Command{
		Use:   "packets",
		Short: "send random packets between hosts of the kernel and of the lab",
		Example: `  conformance packets -n 20000                     random topologies, each with 120 packets
  conformance packets -n 1 --seed 7 --topology 31  one topology again
  conformance packets -n 5000 --kernel             the kernel against itself`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return comparePackets(c.Context(), &cfg) },
	}
	f := c.Flags()
	f.IntVarP(&cfg.Packets, "packets", "n", 20_000, "number of packets")
	f.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of the random topologies")
	f.Uint64Var(&cfg.First, "topology", 0, "number of the first topology")
	f.IntVar(&cfg.Workers, "workers", 0, "topologies at a time; 0: three for each CPU")
	f.IntVar(&cfg.Reproduce, "reproduce", 8, "mismatches to minimise, one of a kind")
	f.BoolVar(&cfg.Kernel, "kernel", false, "compare the kernel with itself")
	return c
}

func comparePackets(ctx context.Context, cfg *packets.Config) error {
	if err := testns.Rerun(); err != nil {
		return fmt.Errorf("%w: %w", conformance.ErrNoNamespace, err)
	}
	fmt.Printf("seed %d, %d packets\n", cfg.Seed, cfg.Packets)
	cfg.Progress = progress(os.Stderr, cfg.Packets)
	r, err := packets.Run(ctx, *cfg)
	if err != nil {
		return err
	}
	for _, m := range r.Found {
		fmt.Println(m)
	}
	for _, k := range byCount(r.Kinds) {
		fmt.Printf("mismatches %d: %s\n", r.Kinds[k], k)
	}
	for _, k := range byCount(r.Excluded) {
		fmt.Printf("excluded %d: %s\n", r.Excluded[k], k)
	}
	fmt.Printf("%d frames of the kernel compared\n", r.Frames)
	fmt.Printf("%d packets, %d mismatches, %d excluded\n", r.Packets, r.Mismatches, r.ExcludedTotal())
	if r.Mismatches > 0 {
		return errMismatch
	}
	return nil
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/conformance"
)

func recordCommand() *cobra.Command {
	walks := false
	cmd := &cobra.Command{
		Use:   "record FILE...",
		Short: "run cases of the corpus on this kernel and write down what it says",
		Long: `Record runs the commands of each case (see docs/corpus.md) on the running kernel, in namespaces
of its own, and writes into the file what they printed, the state before each
query, and the walk of the engine. It fails, and leaves the file as it is, where
the kernel contradicts a => line or the engine the kernel.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			for _, f := range files {
				if err := recordFile(f, walks); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&walks, "walks", false, "only write the walks again; run nothing")
	return cmd
}

func recordFile(file string, walksOnly bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c, err := conformance.ParseCase(strings.TrimSuffix(filepath.ToSlash(file), ".txtar"), text)
	if err != nil {
		return err
	}
	if !walksOnly {
		if err := conformance.Record(c); err != nil {
			return err
		}
	}
	if err := conformance.FillWalks(c); err != nil {
		return err
	}
	if err := os.WriteFile(file, c.Format(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d steps, %d recorded sections\n", file, len(c.Steps), len(c.Sections))
	return nil
}

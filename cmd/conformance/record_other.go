//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func recordCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "record FILE...",
		Short: "run cases of the corpus on this kernel (Linux only)",
		RunE: func(*cobra.Command, []string) error {
			return errors.New("record needs a Linux kernel")
		},
	}
}

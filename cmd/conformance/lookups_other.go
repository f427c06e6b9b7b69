//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func lookupsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lookups",
		Short: "ask the kernel and the engine random questions (Linux only)",
		RunE: func(*cobra.Command, []string) error {
			return errors.New("lookups needs a Linux kernel")
		},
	}
}

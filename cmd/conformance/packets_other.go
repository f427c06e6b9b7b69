//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func packetsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "packets",
		Short: "send random packets between hosts of the kernel and of the lab (Linux only)",
		RunE: func(*cobra.Command, []string) error {
			return errors.New("packets needs a Linux kernel")
		},
	}
}

//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func requestsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "requests",
		Short: "send random rtnetlink requests to the kernel and to its emulation (Linux only)",
		RunE: func(*cobra.Command, []string) error {
			return errors.New("requests needs a Linux kernel")
		},
	}
}

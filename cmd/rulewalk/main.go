// Command rulewalk tells which way Linux sends a packet, and why.
package main

import (
	"os"

	"github.com/rulewalk/rulewalk/internal/cli"
)

func main() { os.Exit(cli.Main()) }

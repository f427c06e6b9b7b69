// Command program is the smallest program that is a command of a world: what the names in
// PATH of a lab's shell lead to. Package lab/internal/shimfile carries it.
package main

import (
	"os"

	"github.com/rulewalk/rulewalk/lab/shim/interrupt"
)

func main() {
	status, _ := interrupt.Main()
	os.Exit(status)
}

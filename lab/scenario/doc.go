// Package scenario brings topologies to life. [Start] makes a world of one: its hosts,
// the cables between them, and their setup. [World.Run] types the commands of its
// transcript and compares what they print with what it says.
//
// Commands run in this process: those of a host (ip, sysctl), the builtins of a shell and
// a few tools (cat, grep, head, sleep...), so that a scenario is the same on any system.
// Programs of the machine are never started, and files outside of the scenario's own
// folder are not opened.
package scenario

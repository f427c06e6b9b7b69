package topology

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Topology is what a file says. [Read] makes it.
type Topology struct {
	Title  string
	About  string // prose, Markdown
	Kernel string // the release of Linux to behave like; empty: the newest known
	Clock  Clock
	Seed   uint64 // of hardware addresses, the multipath hash and the chance on links

	Hosts    []Host // in the order of the file
	Links    []Link
	Captures []Capture
	Run      []Step
	Files    []File // the other files of an archive, there for the commands

	src *source
	run span // of the transcript in the file
}

// Clock is the time that a world lives by.
type Clock uint8

// The clocks.
const (
	Unset   Clock = iota // the file does not say: virtual where it is run, else real
	Virtual              // stands while anything goes on, jumps while all wait
	Real                 // the machine's
)

// Host is a machine: a network namespace.
type Host struct {
	Name   string
	Switch bool      // its devices are ports of the bridge br0, and up
	Sysctl []Setting // are set before Setup
	Setup  Script    // configures it: ip and sysctl, as a shell reads them
	Pos    Pos
}

// Setting is a sysctl.
type Setting struct {
	Name, Value string
	Pos         Pos
}

// End is a device of a host, where a cable is plugged in.
type End struct{ Host, Dev string }

// String returns the end as host:dev.
func (e End) String() string { return e.Host + ":" + e.Dev }

// Link is a cable between two devices. With one end it is a network card that leads to
// nowhere, with carrier.
type Link struct {
	Ends []End
	// Shape tells for each end what happens to the packets that it sends.
	Shape [2]Shape
	Cut   bool // unplugged at first
	Pos   Pos
}

// Shape is what a link does to the packets in one direction (tc-netem(8)). The zero
// value carries every packet at once.
type Shape struct {
	Delay, Jitter            time.Duration
	Loss, Duplicate, Reorder float64 // chance, 0 to 1
	Rate                     uint64  // bits per second; 0: no limit
	Seed                     uint64  // of its chance; 0: drawn from that of the topology
}

// Capture is packets of a device, to be written to a file.
type Capture struct {
	On     End // Dev may be any
	File   string
	Filter string // as tcpdump reads it; empty: all
	Pos    Pos
}

// Script is a piece of shell with its place in the file.
type Script struct {
	Text string
	at   textPos
}

// At returns the place in the file of a place in the text, whose lines and columns
// count from 1.
func (s *Script) At(line, column int) Pos { return s.at.at(line, column) }

// Step is a command of a transcript and what it is to print.
type Step struct {
	Remark []string // the lines of remark that stand before it, without their marks
	Host   string   // Lab: the lab itself
	// Command is the command as a shell reads it, of several lines where it was
	// continued.
	Command string
	Want    []string // what it prints; see [Pattern]
	Status  int      // its exit status
	Pos     Pos

	lines span // in the file, of what Want and Status were read from
}

// Lab is the host of commands that are none of a host's: those to the lab itself.
const Lab = "lab"

// File is a file of an archive.
type File struct {
	Name string
	Data []byte
}

// HostNamed returns a host, nil if there is none of the name.
func (t *Topology) HostNamed(name string) *Host {
	for i := range t.Hosts {
		if t.Hosts[i].Name == name {
			return &t.Hosts[i]
		}
	}
	return nil
}

// String returns what a link does to packets as a file says it, empty for nothing.
func (s Shape) String() string {
	var parts []string
	add := func(name string, on bool, value any) {
		if on {
			parts = append(parts, fmt.Sprintf("%s %v", name, value))
		}
	}
	share := func(p float64) string { return strconv.FormatFloat(p*100, 'g', 6, 64) + "%" }
	add("delay", s.Delay > 0, s.Delay)
	add("jitter", s.Jitter > 0, s.Jitter)
	add("loss", s.Loss > 0, share(s.Loss))
	add("duplicate", s.Duplicate > 0, share(s.Duplicate))
	add("reorder", s.Reorder > 0, share(s.Reorder))
	add("rate", s.Rate > 0, formatRate(s.Rate))
	return strings.Join(parts, ", ")
}

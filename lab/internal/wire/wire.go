// Package wire is the language of a world's socket as far as a process needs it that
// was started as a command of a world. Such a process lives for a millisecond, so this
// package imports next to nothing.
package wire

import (
	"errors"
	"io"
)

// The environment of a process in a world.
const (
	EnvSocket = "RULEWALK_LAB"   // the socket of its world
	EnvNetNS  = "RULEWALK_NETNS" // the number of its namespace; unset: that which the world began with
)

// Commands are the commands of a world, which come first in the PATH of its processes:
// those that set up its hosts, and those that run on them.
var Commands = []string{
	"ip", "sysctl", "why",
	"arping", "curl", "httpd", "iperf3", "nc", "nettest", "ping", "ping6", "ss", "tcpdump", "tracepath", "tracepath6", "traceroute", "traceroute6",
}

// IsCommand tells whether a program that was called by this name is a command of a
// world. What follows ip is an object, as in iproute.
func IsCommand(name string) bool {
	if len(name) > 2 && name[:2] == "ip" {
		return true
	}
	for _, c := range Commands {
		if name == c {
			return true
		}
	}
	return false
}

// Interruptible tells whether a command ends in its own way when the user interrupts it,
// as ping does with its statistics.
func Interruptible(name string) bool {
	switch name {
	case "sysctl", "why":
		return false
	}
	for _, c := range Commands[2:] {
		if name == c {
			return true
		}
	}
	return false
}

// Kind says what a frame carries.
type Kind byte

// The kinds that begin a connection, and those of netlink sockets and calls.
const (
	Hello    Kind = 'h' // client: Greeting, the first frame of a connection
	Open     Kind = 'o' // client: be a netlink socket from now on
	Call     Kind = 'c' // client: a control call
	Join     Kind = 'j' // client: join multicast groups
	Datagram Kind = 'd' // both: netlink messages
	Reply    Kind = 'r' // server: the result of an open, a call or a join
	Error    Kind = 'e' // server: a refusal, as JSON
	Bulk     Kind = 'b' // both: the beginning of the body of the frame that follows
)

// The kinds of commands. The command runs in the server; the process that it was called
// in does for it what only that process can do.
const (
	Run     Kind = 'x' // client: run a command (CommandLine)
	Exit    Kind = 'q' // server: it has ended; its status
	Write   Kind = 'w' // server: write to a file: its number, the bytes
	Ask     Kind = 'a' // server: a question; its number, what is asked (Question), its body
	Answer  Kind = 'y' // client: the number of the question, the answer
	Refusal Kind = 'n' // client: the number of the question, an errno of this system or 0, a text
	Signal  Kind = 's' // client: the user interrupts the command
)

// Question is what a command asks of the process that it was called in.
type Question byte

// The questions.
const (
	AskRead    Question = 'r' // read from a file: its number, how much; an empty answer is the end
	AskOpen    Question = 'o' // open a file to read it: its path; answered by its number
	AskCreate  Question = 'n' // open a file to write it anew: its path; answered by its number
	AskClose   Question = 'c' // close a file: its number
	AskProgram Question = 'p' // run a program (Program); answered by its status
)

const (
	// Greeting names the protocol and its version.
	Greeting = "rulewalk lab 1"

	// HeaderLen is the length of what precedes the body of a frame.
	HeaderLen = 5
	// MaxBody bounds the body of a frame. It is what the kernel takes as one datagram
	// (net.core.wmem_max), rounded up.
	MaxBody = 256 << 10
	// readStep is how much of a body is made room for before it has arrived.
	readStep = 16 << 10
)

// ErrTooLong says that a frame is longer than MaxBody.
var ErrTooLong = errors.New("a frame is longer than 256 KiB")

// AppendHeader appends the head of a frame: the length of its body (32 bits, little
// endian) and its kind.
func AppendHeader(b []byte, k Kind, length int) []byte {
	return append(AppendUint32(b, uint32(length)), byte(k))
}

// Append appends a frame. The beginning of a long body goes before it in bulk frames.
func Append(b []byte, k Kind, body []byte) []byte {
	for ; len(body) > MaxBody; body = body[MaxBody:] {
		b = append(AppendHeader(b, Bulk, MaxBody), body[:MaxBody]...)
	}
	return append(AppendHeader(b, k, len(body)), body...)
}

// Read reads a frame into buf, which it grows as the body arrives, never for a length
// that was only announced. It returns io.EOF only between frames.
func Read(r io.Reader, buf []byte) (Kind, []byte, error) {
	var head [HeaderLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, buf, err
	}
	n := Uint32(head[:])
	if n > MaxBody {
		return 0, buf, ErrTooLong
	}
	buf = buf[:0]
	for left := int(n); left > 0; {
		step := min(left, readStep)
		at := len(buf)
		buf = append(buf, make([]byte, step)...)
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, buf, err
		}
		left -= step
	}
	return Kind(head[4]), buf, nil
}

// AppendUint32 appends a number, little endian.
func AppendUint32(b []byte, v uint32) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

// Uint32 reads a number that AppendUint32 wrote; of a shorter body it is 0.
func Uint32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// TakeUint32 reads a number and returns what follows it.
func TakeUint32(b []byte) (uint32, []byte) { return Uint32(b), b[min(len(b), 4):] }

// appendStrings appends how many strings there are and the strings, each with a zero
// byte at its end, which arguments and environments cannot hold.
func appendStrings(b []byte, list []string) []byte {
	b = AppendUint32(b, uint32(len(list)))
	for _, s := range list {
		b = append(append(b, s...), 0)
	}
	return b
}

// takeStrings reads what appendStrings wrote and returns what follows it.
func takeStrings(b []byte) (list []string, rest []byte) {
	n, b := TakeUint32(b)
	for start, i := 0, 0; i < len(b) && n > 0; i++ {
		if b[i] == 0 {
			list = append(list, string(b[start:i]))
			start, n = i+1, n-1
			rest = b[start:]
		}
	}
	if list == nil {
		rest = b
	}
	return list, rest
}

// CommandLine is the body of a Run frame.
type CommandLine struct {
	Terminals uint32 // bit n: file n is a terminal
	Args, Env []string
}

// Append appends the body.
func (c CommandLine) Append(b []byte) []byte {
	return appendStrings(appendStrings(AppendUint32(b, c.Terminals), c.Args), c.Env)
}

// ParseCommandLine reads the body.
func ParseCommandLine(b []byte) (c CommandLine) {
	c.Terminals, b = TakeUint32(b)
	c.Args, b = takeStrings(b)
	c.Env, _ = takeStrings(b)
	return c
}

// Program is the body of AskProgram.
type Program struct {
	// Replace: the program takes the place of the process, as by execve; there is an
	// answer only if it cannot.
	Replace bool
	Args    []string
	Env     []string // KEY=VALUE, in addition to the environment of the process
}

// Append appends the body.
func (p Program) Append(b []byte) []byte {
	replace := uint32(0)
	if p.Replace {
		replace = 1
	}
	return appendStrings(appendStrings(AppendUint32(b, replace), p.Args), p.Env)
}

// ParseProgram reads the body.
func ParseProgram(b []byte) (p Program) {
	replace, b := TakeUint32(b)
	p.Replace = replace != 0
	p.Args, b = takeStrings(b)
	p.Env, _ = takeStrings(b)
	return p
}

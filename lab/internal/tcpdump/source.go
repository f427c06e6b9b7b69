// Package tcpdump is the tcpdump command over interfaces that need not be those of
// the machine it runs on: a [Source] brings the packets, package filter chooses among
// them, package dissect writes them and package capture keeps them in files.
package tcpdump

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/netdb"
)

// Any is the name that stands for all interfaces.
const Any = "any"

// Source is where packets come from: a host. Its methods may be called from several
// goroutines.
type Source interface {
	// Interfaces returns the host's interfaces in the order of their indices.
	Interfaces() []Interface

	// Open taps an interface by its name, or with Any all that there are and will be,
	// until the context ends or the tap is closed. It is not asked for names that
	// Interfaces does not have, nor for interfaces that are down.
	Open(ctx context.Context, name string) (Packets, error)
}

// Interface is one interface of a host.
type Interface struct {
	capture.Interface
	LinkType    capture.LinkType
	Description string
	Up          bool // IFF_UP
	Running     bool // has carrier (IFF_RUNNING)
	Loopback    bool
}

// Packets is an open tap. Each packet comes once, also on lo, which the kernel shows
// to a tap twice and libpcap once. Packets have the link type of their own interface;
// for Any it is the command that makes them cooked. The bytes of a packet must not
// change after it was returned.
type Packets interface {
	// Next waits for the next packet. It returns the context's error once the
	// context of Open ended, and io.EOF when no more packets can come, as when the
	// interface went away.
	Next() (capture.Packet, error)

	// Dropped is how many packets the tap lost because nobody took them in time.
	Dropped() int

	// Close ends the tap. It may be called while Next waits, which then returns
	// io.EOF.
	Close() error
}

// IO is what a command has of its surroundings. Functions that are nil are the
// operating system's.
type IO struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	Open   func(name string) (io.ReadCloser, error)  // a file to read
	Create func(name string) (io.WriteCloser, error) // a file to write

	// Names are the host's, for filters and, without -n, for what is shown; nil reads
	// /etc/services and /etc/hosts of the operating system, where it has them.
	Names *netdb.Names
}

func (e *IO) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(e.Stdin), nil
	}
	if e.Open != nil {
		return e.Open(name)
	}
	return os.Open(name)
}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Close() error { return nil }

func (e *IO) create(name string) (io.WriteCloser, error) {
	if name == "-" {
		return nopWriteCloser{e.Stdout}, nil
	}
	if e.Create != nil {
		return e.Create(name)
	}
	return os.Create(name)
}

func (e *IO) names() *netdb.Names {
	if e.Names != nil {
		return e.Names
	}
	read := func(name string) io.ReadCloser {
		f, err := os.Open(name)
		if err != nil {
			return nil
		}
		return f
	}
	var readers [2]io.Reader
	for i, name := range []string{"/etc/services", "/etc/hosts"} {
		if f := read(name); f != nil {
			defer f.Close()
			readers[i] = f
		}
	}
	return netdb.New(readers[0], readers[1])
}

// reason is the C library's word for an error of a file.
func reason(err error) string {
	for _, r := range []struct {
		err  error
		text string
	}{{fs.ErrNotExist, "No such file or directory"}, {fs.ErrPermission, "Permission denied"}, {fs.ErrExist, "File exists"}} {
		if errors.Is(err, r.err) {
			return r.text
		}
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

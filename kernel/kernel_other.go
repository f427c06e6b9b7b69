//go:build !linux

package kernel

import (
	"iter"
	"os"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Conn is a connection to the kernel. There is none on this system.
type Conn struct{}

// Dial returns ErrNotLinux.
func Dial(Config) (*Conn, error) { return nil, ErrNotLinux }

// Close does nothing.
func (*Conn) Close() error { return nil }

// Do yields ErrNotLinux.
func (*Conn) Do(netlink.Message) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) { yield(netlink.Message{}, ErrNotLinux) }
}

// Ask returns ErrNotLinux.
func (*Conn) Ask(rpdb.Flow, rtnl.GetOptions) (rtnl.Reply, error) {
	return rtnl.Reply{}, ErrNotLinux
}

// State returns ErrNotLinux.
func (*Conn) State(func(rtnl.Progress)) (*rpdb.State, error) { return nil, ErrNotLinux }

// Capture returns ErrNotLinux.
func (*Conn) Capture(func(rtnl.Progress)) (*rtnl.Capture, error) { return nil, ErrNotLinux }

// OpenTap opens a tap device.
func OpenTap(string) (*os.File, error) { return nil, ErrNotLinux }

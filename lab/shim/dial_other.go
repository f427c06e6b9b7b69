//go:build !unix

package shim

import (
	"io"
	"net"
)

// dial connects to a unix socket.
func dial(socket string) (io.ReadWriter, error) { return net.Dial("unix", socket) }

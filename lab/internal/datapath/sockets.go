package datapath

import (
	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// toSockets gives a packet to the sockets of the host, and tells whether one wanted it. A
// host without gets some when a TCP segment comes, which they refuse.
func (h *Host) toSockets(b []byte, in stack.Arrival) bool {
	if h.transport == nil && in.Proto == rpdb.ProtoTCP && h.e.config.Sockets != nil {
		h.SetTransport(h.e.config.Sockets(h))
	}
	return h.transport != nil && h.transport.Deliver(b, in)
}

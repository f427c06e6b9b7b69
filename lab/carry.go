package lab

import (
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/lab/internal/hostcmd"
	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// carry begins to carry the packets of the world.
func (s *Server) carry() {
	s.engine = datapath.New(datapath.Config{World: s.spaces.world, Clock: s.clock, Seed: s.config.Seed, Comment: comment, Sockets: sockets})
}

// sockets makes the sockets of a host.
func sockets(h *datapath.Host) (t stack.Transport, end func()) {
	s := stack.New(h)
	return s, s.Close
}

// host returns the host of a namespace, with its sockets.
func (s *Server) host(sp *space) *hostcmd.Host {
	s.carryMu.Lock()
	defer s.carryMu.Unlock()
	h := s.carried[sp.id]
	if h == nil {
		d := s.engine.Host(sp.ns)
		h = &hostcmd.Host{Host: d, Addresses: s.resolver(sp)}
		s.engine.Do(func() {
			if d.Transport() == nil {
				d.SetTransport(sockets(d))
			}
			h.Stack = d.Transport().(*stack.Stack)
		})
		s.carried[sp.id] = h
	}
	return h
}

// forget ends the sockets of a namespace that has ended.
func (s *Server) forget(sp *space) {
	s.carryMu.Lock()
	delete(s.carried, sp.id)
	s.carryMu.Unlock()
	if s.engine != nil { // a saved world is not carried before it is made again
		s.engine.Forget(sp.ns)
	}
}

// Rest waits until nothing goes on in this process that could still send something, but
// no longer than a time of the machine: what was begun in the background waits then.
func (s *Server) Rest(limit time.Duration) { s.engine.Rest(limit) }

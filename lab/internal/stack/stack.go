package stack

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Stack is the sockets of one host. Its methods may be called from any goroutine,
// those of Transport only from the datapath's event loop.
type Stack struct {
	net  Network
	seed uint64
	gone atomic.Bool       // nothing is sent any more
	ids  [64]atomic.Uint32 // IPv4 identifications

	rngMu sync.Mutex
	rng   *rand.Rand // made with the first socket

	// mu guards the tables below. It is never held while a Network method that takes
	// locks of its own could wait for the event loop.
	mu     sync.RWMutex
	closed bool
	ports  bindings
	udp    map[uint16][]*UDPConn // by local port, in the order of ordered
	pings  map[uint16][]*PingConn
	raws   []*RawConn
	tcp    *tcpStack // nil before the first TCP socket
}

var _ Transport = (*Stack)(nil)

// New returns the sockets of a host. It costs next to nothing before the first
// socket is made.
func New(n Network) *Stack {
	return &Stack{net: n, seed: n.Seed()}
}

// Close closes all sockets: what waits on them ends with net.ErrClosed. Nothing is
// sent any more, so that peers see a host that vanished. It returns when no
// goroutine of the stack is left.
func (s *Stack) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.gone.Store(true)
	var all []interface{ Close() error }
	for _, list := range s.udp {
		for _, c := range list {
			all = append(all, c)
		}
	}
	for _, list := range s.pings {
		for _, c := range list {
			all = append(all, c)
		}
	}
	for _, c := range s.raws {
		all = append(all, c)
	}
	t := s.tcp
	s.mu.Unlock()

	for _, c := range all {
		c.Close()
	}
	if t != nil {
		t.close()
	}
}

// Settle returns when every segment that was handed over has been processed, so
// that what it causes has been sent: TCP runs on goroutines of its own. A
// clock that jumps asks before it does.
func (s *Stack) Settle() {
	s.mu.RLock()
	t := s.tcp
	s.mu.RUnlock()
	if t != nil {
		t.settle()
	}
}

// Deliver implements Transport.
func (s *Stack) Deliver(packet []byte, in Arrival) bool {
	a, ok := parse(packet, in.Proto, in.Upper)
	if !ok {
		return true // malformed: dropped without an answer
	}
	raw := s.deliverRaw(&a, &in)
	switch in.Proto {
	case rpdb.ProtoTCP:
		s.deliverTCP(&a, &in)
		return true
	case rpdb.ProtoUDP:
		return s.deliverUDP(&a, &in)
	case rpdb.ProtoICMP, rpdb.ProtoICMPv6:
		s.deliverPing(&a, &in)
		return true
	}
	return raw
}

// ICMPError implements Transport.
func (s *Stack) ICMPError(e ICMPError) {
	q, ok := parseQuote(e.Quoted)
	if !ok {
		return
	}
	e.Offender = zoned(s, netip.AddrPortFrom(e.Offender, 0), &Arrival{IIF: e.IIF, SDIF: e.SDIF}).Addr()
	s.rawError(&q, &e)
	switch q.proto {
	case rpdb.ProtoTCP:
		s.tcpError(&q, &e)
	case rpdb.ProtoUDP:
		s.udpError(&q, &e)
	case rpdb.ProtoICMP, rpdb.ProtoICMPv6:
		s.pingError(&q, &e)
	}
}

// output sends a packet unless the host is gone.
func (s *Stack) output(packet []byte, m Meta) {
	if !s.gone.Load() {
		s.net.Output(packet, m)
	}
}

// send is output for sockets that learn whether the first device took the packet.
func (s *Stack) send(packet []byte, m Meta) error {
	if s.gone.Load() {
		return nil
	}
	if errno := s.net.Send(packet, m); errno != rpdb.OK {
		return fail("sendto", errno)
	}
	return nil
}

// random returns 64 random bits that follow from the host's seed.
func (s *Stack) random() uint64 {
	s.rngMu.Lock()
	defer s.rngMu.Unlock()
	if s.rng == nil {
		s.rng = rand.New(rand.NewPCG(s.seed, 0x736f636b657473))
	}
	return s.rng.Uint64()
}

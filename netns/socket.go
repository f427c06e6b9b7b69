package netns

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// SocketOptions are those of a netlink socket (SOL_NETLINK).
type SocketOptions struct {
	StrictCheck bool // NETLINK_GET_STRICT_CHK
	ExtendedAck bool // NETLINK_EXT_ACK
	CapAck      bool // NETLINK_CAP_ACK
	// ReceiveBuffer bounds the notifications that wait to be received, in bytes of
	// messages (SO_RCVBUF counts the kernel's own memory for them); 0: no bound.
	ReceiveBuffer int
}

// ErrClosed says that a socket was closed.
var ErrClosed = errors.New("netlink socket closed")

// ErrOverrun says that notifications were lost because nobody received those before
// (ENOBUFS).
var ErrOverrun = fmt.Errorf("notifications were lost: %w", rpdb.ENOBUFS)

// Socket is a NETLINK_ROUTE socket in an emulated namespace. Do makes it an
// rtnl.Transport; Send and Receive are the datagrams themselves. It is safe for
// concurrent use.
type Socket struct {
	ns   *Namespace
	id   uint32 // port id
	opts SocketOptions
	// replay: its requests were made before, and processes are where they were then.
	replay bool

	mu      sync.Mutex
	wake    sync.Cond
	groups  map[Group]bool
	queue   [][]byte // datagrams that nobody has received yet
	queued  int      // bytes in it
	overrun bool     // notifications were lost
	closed  bool
}

// sockets are the open sockets of a namespace.
type sockets struct {
	mu   sync.Mutex
	last uint32
	open []*Socket
}

// Dial opens a socket with strict checks and extended acknowledgements, as package
// kernel does on the running kernel.
func (n *Namespace) Dial() *Socket {
	return n.DialOptions(SocketOptions{StrictCheck: true, ExtendedAck: true, CapAck: true})
}

// DialOptions opens a socket.
func (n *Namespace) DialOptions(o SocketOptions) *Socket {
	n.sockets.mu.Lock()
	defer n.sockets.mu.Unlock()
	n.sockets.last++
	s := &Socket{ns: n, id: n.sockets.last, opts: o, groups: map[Group]bool{}}
	s.wake.L = &s.mu
	n.sockets.open = append(n.sockets.open, s)
	return s
}

// Close closes the socket; a waiting Receive returns ErrClosed.
func (s *Socket) Close() error {
	n := s.ns
	n.sockets.mu.Lock()
	n.sockets.open = slices.DeleteFunc(n.sockets.open, func(x *Socket) bool { return x == s })
	n.sockets.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.queue, s.queued = true, nil, 0
	s.wake.Broadcast()
	return nil
}

// Do implements rtnl.Transport. Notifications are not seen by it.
func (s *Socket) Do(m netlink.Message) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		m.Header.Flags |= netlink.Request
		var answers []netlink.Message
		s.ns.serve(s, m, func(a netlink.Message) { answers = append(answers, a) })
		for _, a := range answers {
			if t := a.Header.Type; t == netlink.Error || t == netlink.Done {
				if err := rtnl.ParseError(a); err != nil {
					yield(netlink.Message{}, err)
				}
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}

// Send takes one datagram of requests and queues the answers. Garbage after the last
// whole message is ignored, as the kernel does (netlink_rcv_skb).
func (s *Socket) Send(datagram []byte) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	for len(datagram) >= headerLen {
		m, n, err := rtnl.SplitMessage(datagram)
		if err != nil {
			return nil
		}
		datagram = datagram[min(n, len(datagram)):]
		s.ns.serve(s, m, s.deliver)
	}
	return nil
}

// Receive returns the next datagram, waiting for one: an answer or a notification of
// a group that the socket has joined.
func (s *Socket) Receive() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wait() {
		return nil, ErrClosed
	}
	if s.overrun {
		s.overrun = false
		return nil, ErrOverrun
	}
	b := s.queue[0]
	s.queue = s.queue[1:]
	s.queued -= len(b)
	return b, nil
}

// Wait waits until there is something to receive, or the socket is closed, which is
// an error.
func (s *Socket) Wait() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wait() {
		return ErrClosed
	}
	return nil
}

// wait reports whether there is something to receive; if not, the socket is closed.
// The caller holds mu.
func (s *Socket) wait() bool {
	for len(s.queue) == 0 && !s.overrun && !s.closed {
		s.wake.Wait()
	}
	return !s.closed
}

// QueuedBytes tells how much waits for Receive.
func (s *Socket) QueuedBytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queued
}

// Pending tells how many datagrams wait for Receive; the news that some were lost
// counts as one.
func (s *Socket) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overrun {
		return len(s.queue) + 1
	}
	return len(s.queue)
}

// deliver queues one message as a datagram of its own.
func (s *Socket) deliver(m netlink.Message) {
	s.enqueue(m, 0)
}

// inform queues a notification, or loses it for want of room (netlink_overrun).
func (s *Socket) inform(m netlink.Message) {
	s.enqueue(m, s.opts.ReceiveBuffer)
}

// enqueue queues a message; one that would make the queue longer than a limit that is
// not zero is lost.
func (s *Socket) enqueue(m netlink.Message, limit int) {
	b := rtnl.AppendMessage(nil, m)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return
	case limit > 0 && s.queued+len(b) > limit:
		s.overrun = true
	default:
		s.queue = append(s.queue, b)
		s.queued += len(b)
	}
	s.wake.Broadcast()
}

package lab

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/lab/internal/hostcmd"
	"github.com/rulewalk/rulewalk/netns"
)

// Bounds of a server.
const (
	maxClients = 1024
	// maxUnread bounds the answers, in bytes, that clients have asked for and not read:
	// beyond it requests are refused with ENOBUFS until somebody reads.
	maxUnread = 1 << 30
	// maxEvents bounds the notifications that wait for one client, in bytes; what does
	// not fit is lost, and the client is told with ENOBUFS, as by the kernel.
	maxEvents = 4 << 20
	// helloTime is how long a client may take to say what it wants.
	helloTime = 10 * time.Second
	// sweepTime is how often nameless namespaces are looked at.
	sweepTime = time.Second
)

// ErrClosed says that the server was shut down.
var ErrClosed = errors.New("the world has ended")

// Server serves one world of namespaces. Make it with [NewServer].
type Server struct {
	name   string
	path   string // of its socket, set by Serve
	born   time.Time
	spaces *spaces
	hosts  []string // see AddHost; guarded by spaces.mu
	unread atomic.Int64
	names  iproute2.HostNames // for the commands

	config  netns.Config
	clock   *clock
	journal *journal
	engine  *datapath.Engine

	carryMu sync.Mutex
	carried map[ID]*hostcmd.Host // the hosts whose sockets were asked for

	mu       sync.Mutex
	clients  map[net.Conn]bool
	closed   bool
	done     chan struct{}
	running  sync.WaitGroup
	sweeping bool
}

// NewServer returns a server for a new world. It begins with one namespace, [Root].
// The clock, the journal and the processes of the configuration are the server's own.
func NewServer(name string, c netns.Config) (*Server, error) {
	s, err := newServer(name, c)
	if err != nil {
		return nil, err
	}
	s.spaces.add() // Root
	s.carry()
	return s, nil
}

// newServer returns a server for a world without namespaces.
func newServer(name string, c netns.Config) (*Server, error) {
	j, err := newJournal()
	if err != nil {
		return nil, err
	}
	s := &Server{
		name: name, born: time.Now(), clients: map[net.Conn]bool{}, done: make(chan struct{}),
		config: c, clock: newClock(), journal: j, carried: map[ID]*hostcmd.Host{},
	}
	c.Clock, c.Journal, c.Process = s.clock.Now, j.add, s.locate
	s.clock.elapse(0) // it stands, so that the world is born when it shows that
	s.spaces = newSpaces(netns.NewWorld(c))
	s.spaces.ended = s.forget
	s.clock.run()
	return s, nil
}

// Root returns the namespace that the world began with.
func (s *Server) Root() *netns.Namespace { return s.spaces.byID[Root].ns }

// NetNS returns the namespace of a name.
func (s *Server) NetNS(name string) (*netns.Namespace, error) {
	s.spaces.mu.Lock()
	defer s.spaces.mu.Unlock()
	if err := checkName(name); err != nil {
		return nil, err
	}
	sp, err := s.spaces.find(0, name)
	if err != nil {
		return nil, err
	}
	return sp.ns, nil
}

// Serve answers clients until the server is closed; then it returns ErrClosed. It
// closes the listener. Clients that are not of the user of this process are turned
// away, where the system tells (Linux).
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.path = l.Addr().String()
	s.mu.Unlock()
	go func() {
		<-s.done
		_ = l.Close()
	}()
	defer s.Close()
	for {
		c, err := l.Accept()
		switch {
		case s.isClosed():
			if err == nil {
				_ = c.Close()
			}
			s.running.Wait()
			return ErrClosed
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of files, say: others may go on
			time.Sleep(10 * time.Millisecond)
			continue
		}
		s.admit(c)
	}
}

// admit begins to answer a client, if it may come in.
func (s *Server) admit(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := checkPeer(c)
	if s.closed || len(s.clients) >= maxClients || err != nil {
		_ = c.Close()
		return
	}
	s.clients[c] = true
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer s.leave(c)
		newSession(s, c, pid).run()
	}()
}

func (s *Server) leave(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
}

// Close ends the server and its connections, and what its hosts send. The state of the
// world is as it was.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.engine != nil {
		defer s.engine.Close()
	}
	s.closed = true
	s.journal.Close()
	close(s.done)
	for c := range s.clients {
		_ = c.Close()
	}
}

// Done is closed when the server ends.
func (s *Server) Done() <-chan struct{} { return s.done }

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// sweep ends nameless namespaces now, or later when their last process has ended.
func (s *Server) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sweeping {
		return
	}
	s.sweeping = true
	go func() {
		tick := time.NewTicker(sweepTime)
		defer tick.Stop()
		for s.sweepOnce() {
			select {
			case <-tick.C:
			case <-s.done:
				return
			}
		}
	}()
}

// sweepOnce reports whether nameless namespaces are left to look at.
func (s *Server) sweepOnce() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spaces.mu.Lock()
	defer s.spaces.mu.Unlock()
	s.sweeping = s.spaces.sweep(s.busy)
	return s.sweeping
}

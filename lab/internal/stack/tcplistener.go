package stack

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TCPListener is a listening TCP socket. It implements net.Listener. All methods may
// be called from any goroutine.
type TCPListener struct {
	t       *tcpStack
	ep      *tcp.Endpoint
	network string
	o       Options
	bind    *binding
	wq      *waiter.Queue
	entry   waiter.Entry

	mu      sync.Mutex
	wake    sync.Cond
	turn    uint64
	closed  bool
	accepts deadline
}

var _ net.Listener = (*TCPListener)(nil)

// ListenTCP listens on an address. network is "tcp", "tcp4" or "tcp6"; with "tcp" and
// no address the socket takes both families. Port 0 chooses one.
func (s *Stack) ListenTCP(network string, addr netip.AddrPort, o Options) (*TCPListener, error) {
	l, err := s.listenTCP(network, addr, &o)
	if err != nil {
		return nil, opError("listen", network, nil, tcpAddr(addr), err)
	}
	return l, nil
}

func (s *Stack) listenTCP(network string, addr netip.AddrPort, o *Options) (*TCPListener, error) {
	v6, v6only, errno := family(network, addr.Addr(), o.V6Only)
	if errno != rpdb.OK {
		return nil, fail("socket", errno)
	}
	a, errno := s.checkBind(o, addr.Addr())
	if errno != rpdb.OK {
		return nil, fail("bind", errno)
	}
	t, err := s.transport()
	if err != nil {
		return nil, err
	}
	o.V6Only = v6only
	l := &TCPListener{t: t, network: network, o: *o}
	l.wake.L = &l.mu
	l.bind = &binding{
		proto: rpdb.ProtoTCP, v6: v6, v6only: v6only, addr: wildcard(a, v6), port: addr.Port(),
		device: o.Device, uid: o.UID, reuseAddr: true, reusePort: o.ReusePort, listening: true,
	}
	rules := s.portRules(rpdb.ProtoTCP)
	s.mu.Lock()
	errno = s.claim(l.bind, rules, oddFirst, nil)
	s.mu.Unlock()
	if errno != rpdb.OK {
		return nil, fail("bind", errno)
	}
	if err := l.open(); err != nil {
		s.mu.Lock()
		s.ports.remove(l.bind)
		s.mu.Unlock()
		return nil, err
	}
	return l, nil
}

// open makes gVisor's socket and lets segments come to it.
func (l *TCPListener) open() (err error) {
	t := l.t
	nic := t.domain(l.o.Device, 0)
	if l.ep, l.wq, err = t.endpoint(l.bind.v6, &l.o); err != nil {
		return err
	}
	if err := bindEndpoint(l.ep, nic, netip.AddrPortFrom(l.bind.addr, l.bind.port)); err != nil {
		return err
	}
	l.ep.SetOwner(&owner{o: l.o})
	backlog := l.o.Backlog
	if backlog == 0 {
		backlog = t.s.sysctlInt("net/core/somaxconn", 4096)
	}
	if err := l.ep.Listen(backlog + 1); err != nil {
		l.ep.Close()
		return fail("listen", errnoOf(err))
	}
	l.entry = waiter.NewFunctionEntry(waiter.ReadableEvents, func(waiter.EventMask) {
		l.mu.Lock()
		l.turn++
		l.wake.Broadcast()
		l.mu.Unlock()
	})
	l.wq.EventRegister(&l.entry)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listeners[l.bind.port] = ordered(t.listeners[l.bind.port], l)
	return nil
}

// Accept implements net.Listener.
func (l *TCPListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptTCP waits for the next connection.
func (l *TCPListener) AcceptTCP() (*TCPConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.closed:
			return nil, l.opError("accept", errClosed)
		case l.accepts.expired:
			return nil, l.opError("accept", errDeadline)
		}
		turn := l.turn
		l.mu.Unlock()
		e, wq, err := l.ep.Accept(nil)
		l.mu.Lock()
		switch err.(type) {
		case nil:
			return l.accepted(e.(*tcp.Endpoint), wq), nil
		case *tcpip.ErrWouldBlock:
			for l.turn == turn && !l.closed && !l.accepts.expired {
				l.wake.Wait()
			}
		default:
			if !l.closed {
				return nil, l.opError("accept", fail("accept4", errnoOf(err)))
			}
		}
	}
}

// accepted makes the program's end of a connection.
func (l *TCPListener) accepted(ep *tcp.Endpoint, wq *waiter.Queue) *TCPConn {
	o := l.o
	id := ep.TransportEndpointInfo.ID
	local := netip.AddrPortFrom(fromAddress(id.LocalAddress), id.LocalPort)
	remote := netip.AddrPortFrom(fromAddress(id.RemoteAddress), id.RemotePort)
	setKeepAlive(ep, o.KeepAlive)
	f := o.flow(rpdb.ProtoTCP, local, remote)
	path := l.t.s.net.Route(&f)
	setHops(ep, remote.Addr().Is4(), l.t.s.hops(&o, &path, remote.Addr()))
	c := newTCPConn(l.t, ep, wq, l.network, o)
	c.local, c.remote = local, remote
	return c
}

// Close ends listening; connections that nobody accepted are reset.
func (l *TCPListener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return l.opError("close", errClosed)
	}
	l.closed = true
	l.accepts.set(l.t.s.net, &l.mu, time.Time{}, nil)
	l.wake.Broadcast()
	l.mu.Unlock()

	t := l.t
	t.mu.Lock()
	list := without(t.listeners[l.bind.port], l)
	if t.listeners[l.bind.port] = list; len(list) == 0 {
		delete(t.listeners, l.bind.port)
	}
	t.mu.Unlock()
	t.s.mu.Lock()
	t.s.ports.remove(l.bind)
	t.s.mu.Unlock()
	l.wq.EventUnregister(&l.entry)
	t.whileClosing(flowEnds{local: netip.AddrPortFrom(netip.Addr{}, l.bind.port)}, l.ep.Close)
	return nil
}

// Addr returns the *net.TCPAddr that the socket is bound to.
func (l *TCPListener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.bind.addr, l.bind.port))
}

// SetDeadline ends waiting for connections at a time of the world's clock.
func (l *TCPListener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.opError("set", errClosed)
	}
	l.accepts.set(l.t.s.net, &l.mu, t, l.wake.Broadcast)
	l.wake.Broadcast()
	return nil
}

func (l *TCPListener) opError(op string, err error) error {
	return opError(op, l.network, nil, l.Addr(), err)
}

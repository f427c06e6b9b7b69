package stack

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TCPConn is a TCP connection. It implements net.Conn and the half-closing methods
// of net.TCPConn. All methods may be called from any goroutine.
type TCPConn struct {
	t             *tcpStack
	ep            *tcp.Endpoint
	wq            *waiter.Queue
	network       string
	o             Options
	bind          *binding // nil for accepted connections
	local, remote netip.AddrPort

	reads  sync.Mutex // one Read at a time
	copied int        // bytes read that moderate was not told of

	mu      sync.Mutex
	wake    sync.Cond
	turn    uint64 // counts gVisor's notifications
	closed  bool
	failed  rpdb.Errno // of an attempt to connect: an ICMP error, no answer
	told    bool       // how the connection failed was told: once, as sk_err is
	reading deadline
	writing deadline
	entry   waiter.Entry
}

var _ net.Conn = (*TCPConn)(nil)

func newTCPConn(t *tcpStack, ep *tcp.Endpoint, wq *waiter.Queue, network string, o Options) *TCPConn {
	c := &TCPConn{t: t, ep: ep, wq: wq, network: network, o: o}
	c.wake.L = &c.mu
	c.entry = waiter.NewFunctionEntry(
		waiter.ReadableEvents|waiter.WritableEvents|waiter.EventHUp|waiter.EventErr,
		func(waiter.EventMask) { c.notify() })
	wq.EventRegister(&c.entry)
	t.mu.Lock()
	t.conns[ep] = c
	t.mu.Unlock()
	return c
}

// notify wakes all who wait. gVisor calls it with its own locks held, so that no
// method of ep may be called under c.mu.
func (c *TCPConn) notify() {
	c.mu.Lock()
	c.turn++
	c.wake.Broadcast()
	c.mu.Unlock()
}

// until calls try until it does something else than block, the deadline expires, or
// the connection is closed.
func (c *TCPConn) until(d *deadline, try func() tcpip.Error) (tcpip.Error, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return nil, errClosed
		case d.expired:
			return nil, errDeadline
		}
		turn := c.turn
		c.mu.Unlock()
		err := try()
		c.mu.Lock()
		if _, block := err.(*tcpip.ErrWouldBlock); !block {
			return err, nil
		}
		for c.turn == turn && !c.closed && !d.expired {
			c.wake.Wait()
		}
	}
}

// Read implements net.Conn.
func (c *TCPConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c.reads.Lock()
	defer c.reads.Unlock()
	n := 0
	gerr, err := c.until(&c.reading, func() tcpip.Error {
		w := tcpip.SliceWriter(b)
		r, err := c.ep.Read(&w, tcpip.ReadOptions{})
		n = r.Count
		return err
	})
	switch gerr.(type) {
	case nil:
	case *tcpip.ErrClosedForReceive:
		return 0, io.EOF
	default:
		errno := c.failure(gerr)
		if errno == rpdb.OK {
			return 0, io.EOF
		}
		err = fail("read", errno)
	}
	if err != nil {
		return 0, c.opError("read", err)
	}
	c.moderate(n)
	return n, nil
}

// moderate lets gVisor fit the receive buffer to what is read. It is told only when
// everything was read: while less than half of the buffer is free it would let it grow
// without telling the peer, which then waits for its probe of the closed window.
func (c *TCPConn) moderate(n int) {
	c.copied += n
	if waiting, err := c.ep.GetSockOptInt(tcpip.ReceiveQueueSizeOption); err == nil && waiting == 0 {
		c.ep.ModerateRecvBuf(c.copied)
		c.copied = 0
	}
}

// Write implements net.Conn. It returns when the bytes are in the send buffer.
func (c *TCPConn) Write(b []byte) (int, error) {
	n := 0
	var r bytes.Reader
	for n < len(b) {
		gerr, err := c.until(&c.writing, func() tcpip.Error {
			r.Reset(b[n:])
			m, err := c.ep.Write(&r, tcpip.WriteOptions{})
			n += int(m)
			return err
		})
		if gerr != nil {
			errno := c.failure(gerr)
			if errno == rpdb.OK {
				errno = rpdb.EPIPE
			}
			err = fail("write", errno)
		}
		if err != nil {
			return n, c.opError("write", err)
		}
	}
	return n, nil
}

// failure is the errno of an error that ended the connection, OK if it was told
// before.
func (c *TCPConn) failure(gerr tcpip.Error) rpdb.Errno {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told {
		return rpdb.OK
	}
	errno := errnoOf(gerr)
	c.told = errno != rpdb.EPIPE
	return errno
}

// CloseWrite ends the sending side: the peer reads the end of the stream.
func (c *TCPConn) CloseWrite() error { return c.shutdown(tcpip.ShutdownWrite) }

// CloseRead ends the receiving side.
func (c *TCPConn) CloseRead() error { return c.shutdown(tcpip.ShutdownRead) }

func (c *TCPConn) shutdown(how tcpip.ShutdownFlags) error {
	if err := c.ep.Shutdown(how); err != nil {
		return c.opError("close", fail("shutdown", errnoOf(err)))
	}
	return nil
}

// Close closes the connection: with a FIN after what was written, or with a reset
// if there is unread data, as Linux does.
func (c *TCPConn) Close() error {
	if !c.shut() {
		return c.opError("close", errClosed)
	}
	c.t.whileClosing(flowEnds{c.local, c.remote}, c.ep.Close)
	return nil
}

// Abort ends the connection with a reset (close with SO_LINGER and a time of 0).
func (c *TCPConn) Abort() error {
	if !c.shut() {
		return c.opError("close", errClosed)
	}
	c.t.whileClosing(flowEnds{c.local, c.remote}, c.ep.Abort)
	return nil
}

// shut takes the connection out of the program's hands; false if it was before.
func (c *TCPConn) shut() bool {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return false
	}
	c.closed = true
	c.reading.set(c.t.s.net, &c.mu, time.Time{}, nil)
	c.writing.set(c.t.s.net, &c.mu, time.Time{}, nil)
	c.wake.Broadcast()
	c.mu.Unlock()
	c.wq.EventUnregister(&c.entry)
	c.t.mu.Lock()
	delete(c.t.conns, c.ep)
	c.t.mu.Unlock()
	if c.bind != nil {
		c.t.s.mu.Lock()
		c.t.s.ports.remove(c.bind)
		c.t.s.mu.Unlock()
	}
	return true
}

// LocalAddr returns the *net.TCPAddr of this end.
func (c *TCPConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr returns the *net.TCPAddr of the other end.
func (c *TCPConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline ends reads and writes at a time of the world's clock.
func (c *TCPConn) SetDeadline(t time.Time) error { return c.setDeadlines(t, &c.reading, &c.writing) }

// SetReadDeadline ends reads at a time of the world's clock.
func (c *TCPConn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.reading) }

// SetWriteDeadline ends writes at a time of the world's clock.
func (c *TCPConn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writing) }

func (c *TCPConn) setDeadlines(t time.Time, ds ...*deadline) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("set", errClosed)
	}
	for _, d := range ds {
		d.set(c.t.s.net, &c.mu, t, c.wake.Broadcast)
	}
	c.wake.Broadcast()
	return nil
}

// SetNoDelay turns Nagle's algorithm off, as it is at first.
func (c *TCPConn) SetNoDelay(on bool) error {
	c.ep.SocketOptions().SetDelayOption(!on)
	return nil
}

// SetKeepAlive sends probes on an idle connection after d, and every d; 0: none.
func (c *TCPConn) SetKeepAlive(d time.Duration) error {
	setKeepAlive(c.ep, d)
	return nil
}

func setKeepAlive(ep *tcp.Endpoint, d time.Duration) {
	if d > 0 {
		idle, interval := tcpip.KeepaliveIdleOption(d), tcpip.KeepaliveIntervalOption(d)
		ep.SetSockOpt(&idle)
		ep.SetSockOpt(&interval)
	}
	ep.SocketOptions().SetKeepAlive(d > 0)
}

func (c *TCPConn) opError(op string, err error) error {
	return opError(op, c.network, c.LocalAddr(), c.RemoteAddr(), err)
}

package kernel

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

const (
	// readSize is the size of the buffer that answers are received into. The kernel
	// fills parts of a dump up to the largest read it has seen, at most 32 KiB.
	readSize = 64 << 10
	// queueSize is asked for as the size of the socket's queue.
	queueSize = 4 << 20
)

// Conn is a connection to the kernel for one network namespace. It implements
// rtnl.Transport. Requests of several goroutines take turns.
type Conn struct {
	nl    *netlink.Conn
	raw   syscall.RawConn
	ns    *os.File
	other bool // ns was named: it has to be entered
	mu    sync.Mutex
	buf   []byte
}

// Dial connects to the kernel. Entering another namespace than one's own needs the
// right to (CAP_SYS_ADMIN over it).
func Dial(cfg Config) (*Conn, error) {
	ns, err := openNetNS(cfg.NetNS)
	if err != nil {
		return nil, err
	}
	var nlcfg netlink.Config
	other := cfg.NetNS != "" && !sameNS(ns) // one's own needs no right to enter it
	if other {
		nlcfg.NetNS = int(ns.Fd())
	}
	nl, err := netlink.Dial(unix.NETLINK_ROUTE, &nlcfg)
	if err != nil {
		_ = ns.Close()
		return nil, dialError(cfg.NetNS, err)
	}
	c := &Conn{nl: nl, ns: ns, other: other, buf: make([]byte, readSize)}
	if err := c.setOptions(); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	return c, nil
}

// setOptions asks for explained errors and strict requests. Kernels before 4.12 and
// 4.20 have neither; dumps are filtered here too.
func (c *Conn) setOptions() error {
	for _, o := range []netlink.ConnOption{
		netlink.ExtendedAcknowledge, netlink.CapAcknowledge, netlink.GetStrictCheck,
	} {
		if err := c.nl.SetOption(o, true); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return err
		}
	}
	_ = c.nl.SetReadBuffer(queueSize) // the kernel caps it; a smaller queue is only slower
	raw, err := c.nl.SyscallConn()
	c.raw = raw
	return err
}

// Close ends the connection.
func (c *Conn) Close() error {
	_ = c.ns.Close()
	return c.nl.Close()
}

// Do implements rtnl.Transport. The messages that it yields lie in a buffer that the
// next read overwrites.
func (c *Conn) Do(m netlink.Message) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		m.Header.Flags |= netlink.Request
		req, err := c.nl.Send(m)
		if err != nil {
			yield(netlink.Message{}, err)
			return
		}
		x := exchange{conn: c, request: req.Header, yield: yield}
		x.run()
	}
}

// exchange is one request with its answers under way.
type exchange struct {
	conn        *Conn
	request     netlink.Header
	yield       func(netlink.Message, error) bool
	left        bool // the caller has left: read on in silence
	interrupted bool
}

// run reads until the answers are complete.
func (x *exchange) run() {
	for {
		b, err := x.conn.receive()
		if err != nil {
			x.give(netlink.Message{}, fmt.Errorf("reading from the kernel: %w", err))
			return
		}
		for len(b) > 0 {
			m, n, err := rtnl.SplitMessage(b)
			if err != nil {
				x.give(netlink.Message{}, err)
				return
			}
			b = b[min(n, len(b)):]
			if m.Header.Sequence == x.request.Sequence && x.message(m) {
				return
			}
		}
	}
}

func (x *exchange) give(m netlink.Message, err error) {
	if !x.left && !x.yield(m, err) {
		x.left = true
	}
}

// message handles one message, and reports whether it was the last.
func (x *exchange) message(m netlink.Message) (last bool) {
	if m.Header.Flags&netlink.DumpInterrupted != 0 {
		x.interrupted = true
	}
	switch m.Header.Type {
	case netlink.Noop, netlink.Overrun:
		return false
	case netlink.Error, netlink.Done:
		err := rtnl.ParseError(m)
		if err == nil && x.interrupted {
			err = rtnl.ErrDumpInterrupted
		}
		if err != nil {
			x.give(netlink.Message{}, err)
		}
		return true
	}
	x.give(m, nil)
	return m.Header.Flags&netlink.Multi == 0 && x.request.Flags&netlink.Acknowledge == 0
}

// receive reads one datagram into the connection's buffer.
func (c *Conn) receive() ([]byte, error) {
	var n int
	var rerr error
	err := c.raw.Read(func(fd uintptr) bool {
		for {
			n, _, rerr = unix.Recvfrom(int(fd), c.buf, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
			if rerr != unix.EINTR {
				return rerr != unix.EAGAIN
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case rerr != nil:
		return nil, os.NewSyscallError("recvfrom", rerr)
	case n > len(c.buf):
		return nil, fmt.Errorf("a datagram of %d bytes", n)
	}
	return c.buf[:n], nil
}

// Ask asks the kernel which way a flow goes (RTM_GETROUTE). A refusal, which is an
// answer, is in Reply.Err.
func (c *Conn) Ask(f rpdb.Flow, o rtnl.GetOptions) (rtnl.Reply, error) {
	return rtnl.Ask(c, f, o)
}

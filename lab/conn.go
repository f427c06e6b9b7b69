package lab

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Conn is an emulated NETLINK_ROUTE socket at the other end of a unix socket. Do makes
// it an rtnl.Transport; Send and Receive are the datagrams themselves. Its methods take
// turns, so no other may be called while Receive waits, except for Close.
type Conn struct {
	link *link
	id   ID

	mu    sync.Mutex
	seq   uint32
	inbox [][]byte // datagrams that came while something else was waited for
	lost  bool     // and the news that some were lost
}

// NetNS returns the namespace that the socket is in.
func (c *Conn) NetNS() ID { return c.id }

// Close closes the socket; a waiting Receive returns an error.
func (c *Conn) Close() error { return c.link.conn.Close() }

// Send sends one datagram of requests.
func (c *Conn) Send(datagram []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send(datagram)
}

func (c *Conn) send(datagram []byte) error {
	if err := writeFrame(c.link.out, wire.Datagram, datagram); err != nil {
		return err
	}
	return c.link.out.Flush()
}

// Receive returns the next datagram, waiting for one. It is the caller's.
func (c *Conn) Receive() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.inbox) > 0 {
		b := c.inbox[0]
		c.inbox = c.inbox[1:]
		return b, nil
	}
	if c.lost {
		c.lost = false
		return nil, netns.ErrOverrun
	}
	b, err := c.receive()
	return slices.Clone(b), err
}

// receive reads a datagram, which is valid until the next frame is read.
func (c *Conn) receive() ([]byte, error) {
	k, b, err := c.link.next()
	switch {
	case err != nil:
		return nil, err
	case k == wire.Error:
		err := readError(b)
		if errors.Is(err, rpdb.ENOBUFS) {
			return nil, netns.ErrOverrun
		}
		return nil, err
	case k != wire.Datagram:
		return nil, fmt.Errorf("the world of rulewalk lab sent a frame of kind %q", k)
	}
	return b, nil
}

// maxInbox bounds the notifications that are kept while something else is waited for.
const maxInbox = 1 << 16

func (c *Conn) keep(datagram []byte) {
	if len(c.inbox) >= maxInbox {
		c.lost = true
		return
	}
	c.inbox = append(c.inbox, slices.Clone(datagram))
}

// Join adds the socket to multicast groups: Receive returns their notifications from
// now on.
func (c *Conn) Join(groups ...netns.Group) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.link.send(wire.Join, joinCall{groups}); err != nil {
		return err
	}
	return c.link.result(nil, c.keep)
}

// Do implements rtnl.Transport. Notifications are kept for Receive.
func (c *Conn) Do(m netlink.Message) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seq++
		m.Header.Sequence = c.seq
		m.Header.Flags |= netlink.Request
		if !isDump(m.Header) {
			m.Header.Flags |= netlink.Acknowledge // so that the end is told
		}
		if err := c.send(rtnl.AppendMessage(nil, m)); err != nil {
			yield(netlink.Message{}, err)
			return
		}
		x := exchange{conn: c, request: m.Header, yield: yield}
		x.run()
	}
}

// Requests come in fours: new, del, get, set.
const (
	kindMask = 3
	kindGet  = 2
)

func isGet(h netlink.Header) bool { return h.Type&kindMask == kindGet }

func isDump(h netlink.Header) bool { return isGet(h) && h.Flags&netlink.Dump != 0 }

// exchange is one request with its answers under way.
type exchange struct {
	conn        *Conn
	request     netlink.Header
	yield       func(netlink.Message, error) bool
	left        bool // the caller has left: read on in silence
	interrupted bool
}

func (x *exchange) run() {
	for {
		b, err := x.conn.receive()
		if errors.Is(err, netns.ErrOverrun) {
			x.conn.lost = true
			continue
		}
		if err != nil {
			x.give(netlink.Message{}, err)
			return
		}
		m, _, err := rtnl.SplitMessage(b)
		if err != nil {
			x.give(netlink.Message{}, err)
			return
		}
		if !x.mine(m) {
			x.conn.keep(b)
			continue
		}
		if x.message(m) {
			return
		}
	}
}

// mine tells an answer from a notification, of which those that the request itself
// caused carry its sequence number too.
func (x *exchange) mine(m netlink.Message) bool {
	if m.Header.Sequence != x.request.Sequence {
		return false
	}
	outcome := m.Header.Type == netlink.Error || m.Header.Type == netlink.Done
	return outcome || isGet(x.request) || x.request.Flags&netlink.Echo != 0
}

func (x *exchange) give(m netlink.Message, err error) {
	if !x.left && !x.yield(m, err) {
		x.left = true
	}
}

// message handles one answer, and reports whether it was the last.
func (x *exchange) message(m netlink.Message) (last bool) {
	if m.Header.Flags&netlink.DumpInterrupted != 0 {
		x.interrupted = true
	}
	if m.Header.Type != netlink.Error && m.Header.Type != netlink.Done {
		x.give(m, nil)
		return false
	}
	err := rtnl.ParseError(m)
	if err == nil && x.interrupted {
		err = rtnl.ErrDumpInterrupted
	}
	if err != nil {
		x.give(netlink.Message{}, err)
	}
	return true
}

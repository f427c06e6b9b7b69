package lab

import (
	"errors"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// serveSocket makes the connection a netlink socket.
func (s *session) serveSocket() error {
	var o openCall
	if err := decode(s.buf, &o); err != nil {
		return err
	}
	space, release, err := s.server.spaces.hold(o.NetNS, o.Name)
	if err != nil {
		return err
	}
	defer release()
	o.Options.ReceiveBuffer = maxEvents
	sock := space.ns.DialOptions(o.Options)
	defer func() { _ = sock.Close() }()
	if err := s.reply(opened{space.id}, nil); err != nil {
		return err
	}
	return s.relay(sock)
}

// relay passes what the client sends to the socket.
func (s *session) relay(sock *netns.Socket) error {
	listening := false
	for {
		k, err := s.next()
		if err != nil {
			return err
		}
		switch k {
		case wire.Datagram:
			err = s.requests(sock)
		case wire.Join:
			var j joinCall
			if err = decode(s.buf, &j); err != nil {
				break
			}
			sock.Join(j.Groups...)
			err = s.reply(struct{}{}, nil)
			if !listening {
				listening = true
				go s.notifications(sock)
			}
		default:
			err = &Error{rpdb.EINVAL, "a netlink socket takes datagrams and joins groups, nothing else"}
		}
		if err != nil {
			return err
		}
	}
}

// requests serves a datagram message by message, and sends the answers of each before
// the next is served, so that a client that asks and does not read holds up itself.
func (s *session) requests(sock *netns.Socket) error {
	for b := s.buf; len(b) > 0; {
		_, n, err := rtnl.SplitMessage(b)
		if err != nil {
			return nil //nolint:nilerr // the kernel ignores what follows the last whole message
		}
		n = min(n, len(b))
		if s.server.unread.Load() > maxUnread {
			return &Error{rpdb.ENOBUFS, "too many answers that nobody reads"}
		}
		if err := sock.Send(b[:n]); err != nil {
			return err
		}
		if err := s.drain(sock); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// drain sends what waits on the socket.
func (s *session) drain(sock *netns.Socket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := int64(sock.QueuedBytes())
	s.server.unread.Add(waiting)
	defer s.server.unread.Add(-waiting)
	for sock.Pending() > 0 {
		if err := s.pass(sock); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

// pass sends one datagram of the socket. The caller holds mu.
func (s *session) pass(sock *netns.Socket) error {
	b, err := sock.Receive()
	if errors.Is(err, netns.ErrOverrun) {
		return writeJSON(s.out, wire.Error, &Error{rpdb.ENOBUFS, err.Error()})
	}
	if err != nil {
		return err
	}
	return writeFrame(s.out, wire.Datagram, b)
}

// notifications sends what groups bring, until the socket is closed.
func (s *session) notifications(sock *netns.Socket) {
	for sock.Wait() == nil {
		if s.drain(sock) != nil {
			return
		}
	}
}

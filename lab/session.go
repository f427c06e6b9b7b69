package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// session is one client's connection.
type session struct {
	server *Server
	conn   net.Conn
	pid    int // of the process at the other end, 0: not known
	in     *bufio.Reader
	buf    []byte // the body of the last frame

	mu  sync.Mutex // guards out: answers and notifications come from two goroutines
	out *bufio.Writer
}

func newSession(s *Server, c net.Conn, pid int) *session {
	return &session{
		server: s, conn: c, pid: pid,
		in: bufio.NewReaderSize(c, 4<<10), out: bufio.NewWriterSize(c, 32<<10),
	}
}

// run answers the client until it leaves. A defect of the emulation that shows as a
// panic costs the client its connection, not the others their world.
func (s *session) run() {
	defer func() {
		if p := recover(); p != nil {
			s.fail(fmt.Errorf("a defect of rulewalk: %v", p))
		}
	}()
	if err := s.serve(); err != nil && !gone(err) {
		s.fail(err)
	}
}

// gone tells whether an error only says that the client, or the server, has left.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, netns.ErrClosed)
}

// next reads a frame. Its body is valid until the next one is read.
func (s *session) next() (wire.Kind, error) {
	k, b, err := wire.Read(s.in, s.buf)
	s.buf = b
	return k, err
}

// serve reads the wire.Greeting and the frame that says what the connection is for.
func (s *session) serve() error {
	_ = s.conn.SetReadDeadline(time.Now().Add(helloTime))
	k, err := s.next()
	switch {
	case errors.Is(err, wire.ErrTooLong), err == nil && (k != wire.Hello || string(s.buf) != wire.Greeting):
		return &Error{rpdb.EINVAL, "this is a socket of rulewalk lab, version 1; its clients begin with a wire.Greeting"}
	case err != nil:
		return err
	}
	k, err = s.next()
	_ = s.conn.SetReadDeadline(time.Time{})
	switch {
	case err != nil:
		return err
	case k == wire.Open:
		return s.serveSocket()
	case k == wire.Run, k == wire.Bulk:
		return s.serveCommand(k)
	default:
		return s.serveCalls(k)
	}
}

// reply sends the result of a call.
func (s *session) reply(v any, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		err = writeJSON(s.out, wire.Error, asError(err))
	} else {
		err = writeJSON(s.out, wire.Reply, v)
	}
	if err != nil {
		return err
	}
	return s.out.Flush()
}

// send sends a frame.
func (s *session) send(k wire.Kind, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := writeLong(s.out, k, body); err != nil {
		return err
	}
	return s.out.Flush()
}

// fail tells the client why the connection ends, if it still listens.
func (s *session) fail(err error) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_ = s.reply(nil, err)
}

package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Client speaks to a world. It connects when it is first needed, once for all its
// calls and once for each netlink socket. It is safe for concurrent use; calls take
// turns.
type Client struct {
	path string

	mu   sync.Mutex
	link *link // of the control calls, nil until the first
}

// NewClient returns a client of the world whose server listens on a socket.
func NewClient(path string) *Client { return &Client{path: path} }

// Close ends the connection of the calls, not those of Dial.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return nil
	}
	err := c.link.conn.Close()
	c.link = nil
	return err
}

// link is one connection to the server, seen by the client.
type link struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	buf  []byte
}

// connect opens a connection. The wire.Greeting goes out with the first frame.
func (c *Client) connect() (*link, error) {
	conn, err := net.Dial("unix", c.path)
	if err != nil {
		return nil, fmt.Errorf("no world of rulewalk lab answers: %w", err)
	}
	return newLink(conn)
}

func newLink(conn net.Conn) (*link, error) {
	l := &link{conn: conn, in: bufio.NewReaderSize(conn, 32<<10), out: bufio.NewWriterSize(conn, 4<<10)}
	return l, writeFrame(l.out, wire.Hello, []byte(wire.Greeting))
}

// send writes a JSON frame and what was written before it.
func (l *link) send(k wire.Kind, v any) error {
	if err := writeJSON(l.out, k, v); err != nil {
		return err
	}
	return l.out.Flush()
}

// next reads a frame. The body is valid until the next one is read.
func (l *link) next() (wire.Kind, []byte, error) {
	k, b, err := wire.Read(l.in, l.buf)
	l.buf = b
	if err != nil {
		return 0, nil, fmt.Errorf("the world of rulewalk lab has gone: %w", err)
	}
	return k, b, nil
}

// result reads the reply to a call. Datagrams that come before it go to other.
func (l *link) result(v any, other func([]byte)) error {
	var long []byte
	for {
		k, b, err := l.next()
		switch {
		case err != nil:
			return err
		case k == wire.Error:
			return readError(b)
		case k == wire.Bulk:
			long = append(long, b...)
		case k == wire.Datagram && other != nil:
			other(b)
		case k == wire.Reply:
			if long != nil {
				b = append(long, b...)
			}
			if v == nil {
				return nil
			}
			return json.Unmarshal(b, v)
		default:
			return fmt.Errorf("the world of rulewalk lab sent a frame of kind %q", k)
		}
	}
}

func readError(b []byte) error {
	e := new(Error)
	if err := json.Unmarshal(b, e); err != nil {
		return err
	}
	return e
}

// Is makes a missing namespace or sysctl an fs.ErrNotExist.
func (e *Error) Is(target error) bool { return target == fs.ErrNotExist && e.Errno == rpdb.ENOENT }

// call makes a control call.
func (c *Client) call(op string, args, result any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		l, err := c.connect()
		if err != nil {
			return err
		}
		c.link = l
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return err
	}
	if err = c.link.send(wire.Call, call{op, raw}); err == nil {
		err = c.link.result(result, nil)
	}
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		_ = c.link.conn.Close()
		c.link = nil
	}
	return err
}

// Dial opens a netlink socket in a namespace, with strict checks and extended
// acknowledgements.
func (c *Client) Dial(id ID) (*Conn, error) {
	return c.dial(openCall{NetNS: id, Options: defaultOptions})
}

// DialName opens a netlink socket in the namespace of a name. An error that is
// fs.ErrNotExist says that there is none.
func (c *Client) DialName(name string) (*Conn, error) {
	return c.dial(openCall{Name: name, Options: defaultOptions})
}

// DialOptions opens a netlink socket with other options.
func (c *Client) DialOptions(id ID, o netns.SocketOptions) (*Conn, error) {
	return c.dial(openCall{NetNS: id, Options: o})
}

var defaultOptions = netns.SocketOptions{StrictCheck: true, ExtendedAck: true, CapAck: true}

func (c *Client) dial(o openCall) (*Conn, error) {
	l, err := c.connect()
	if err != nil {
		return nil, err
	}
	var got opened
	if err = l.send(wire.Open, o); err == nil {
		err = l.result(&got, nil)
	}
	if err != nil {
		_ = l.conn.Close()
		return nil, err
	}
	return &Conn{link: l, id: got.NetNS}, nil
}

// Info describes the world.
func (c *Client) Info() (i Info, err error) {
	err = c.call("info", nothing{}, &i)
	return i, err
}

// Shutdown ends the world.
func (c *Client) Shutdown() error { return c.call("shutdown", nothing{}, nil) }

// Save has the server write the world to a file; see [Server.Save].
func (c *Client) Save(path string) (saved Saved, err error) {
	err = c.call("save", saveArgs{Path: path}, &saved)
	return saved, err
}

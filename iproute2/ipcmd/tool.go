package ipcmd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Conn is a connection to who answers rtnetlink requests for one network namespace.
type Conn interface {
	rtnl.Transport
	io.Closer
}

// Versions of iproute2 that differ in what they print and accept. Between them the
// tool behaves as the last one.
const (
	Version6 = 6 // 6.1.0
	Version7 = 7 // 7.1.0
)

// Tool is the ip command with its surroundings. The zero value of a field means what
// its comment says. A Tool may run several commands, one after the other.
type Tool struct {
	// Dial connects to a network namespace: the one that the command starts in for
	// "", else one by the name given to -n. An error that wraps fs.ErrNotExist says
	// that there is none of that name.
	Dial func(netns string) (Conn, error)

	Host Host // nil: no namespace has a name, and no program can be run

	Names *iproute2.Names // nil: those of this host's name files

	In       io.Reader // nil: empty
	Out, Err io.Writer // nil: discarded
	Terminal bool      // Out is a terminal

	// Env looks up an environment variable; nil: os.Getenv.
	Env func(name string) string
	// Open opens a file that an argument names; nil: os.Open.
	Open func(name string) (io.ReadCloser, error)

	// Name is the name that the command was called by; nil: ip. Of a longer one, what
	// follows the first two letters is an object, as in iproute.
	Name string

	Version int // 0: Version7
}

// session is one run of the tool.
type session struct {
	*Tool
	ctx  context.Context
	opt  options
	out  *bufio.Writer
	err  io.Writer
	conn Conn // nil until first needed
	// side is a second connection, for names of devices that are looked up while
	// the first is busy with a dump.
	side  Conn
	netns string // that of -n
	links *linkCache
	batch bool // the words come from a batch

	manyTables6 bool // see routeFilter.acceptsTable

	nsNames map[int]string // names by nsid; nil until they are asked for
	closers []func()       // what to let go of at the end
}

// exit is panicked with to end the whole tool, batch or not, as exit(3) does.
type exit int

// Run runs the tool with the words after ip, and returns its exit status. The
// context ends commands that would go on for ever.
func (t *Tool) Run(ctx context.Context, args []string) (status int) {
	s := t.session(ctx)
	defer s.close()
	defer func() {
		_ = s.out.Flush()
		if r := recover(); r != nil {
			code, ok := r.(exit)
			if !ok {
				panic(r)
			}
			status = int(code)
		}
	}()
	return s.main(args)
}

func (t *Tool) session(ctx context.Context) *session {
	c := *t
	if c.In == nil {
		c.In = strings.NewReader("")
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.Err == nil {
		c.Err = io.Discard
	}
	if c.Env == nil {
		c.Env = os.Getenv
	}
	if c.Open == nil {
		c.Open = func(name string) (io.ReadCloser, error) { return os.Open(name) }
	}
	if c.Version == 0 {
		c.Version = Version7
	}
	if c.Names == nil {
		c.Names, _ = iproute2.SystemNames() // what could not be read has no names
	}
	s := &session{Tool: &c, ctx: ctx, out: bufio.NewWriterSize(c.Out, 1<<16)}
	s.err = &errWriter{s}
	s.opt.loops = 10
	s.links = &linkCache{s: s}
	return s
}

// errWriter writes to Err after what was printed before.
type errWriter struct{ s *session }

func (w *errWriter) Write(b []byte) (int, error) {
	_ = w.s.out.Flush()
	return w.s.Err.Write(b)
}

func (s *session) close() {
	for _, done := range s.closers {
		done()
	}
	s.closers = nil
	for _, c := range []Conn{s.conn, s.side} {
		if c != nil {
			_ = c.Close()
		}
	}
}

// main reads the options and carries out the command or the batch (ip.c: main).
func (s *session) main(args []string) int {
	args = s.options(args)
	s.Names = s.Names.Clone()
	s.Names.Numeric = s.opt.numeric
	s.resolveColor()
	if s.opt.batch != "" {
		return s.runBatch(s.opt.batch)
	}
	if len(s.Name) > 2 {
		return s.command(s.Name[2:], args)
	}
	if len(args) == 0 {
		s.usage(usageIP)
	}
	return s.command(args[0], args[1:])
}

// connect returns the connection to the namespace; without one the tool ends.
func (s *session) connect() Conn {
	if s.conn == nil {
		s.conn = s.dial()
	}
	return s.conn
}

func (s *session) dial() Conn {
	c, err := s.Dial(s.netns)
	if err != nil {
		s.errorf("%s\n", err)
		panic(exit(1))
	}
	return c
}

// enter makes the commands work in the namespace of a name (netns_switch). It
// reports why not as the tool does.
func (s *session) enter(name string) bool {
	c, err := s.Dial(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.errorf("Cannot open network namespace \"%s\": No such file or directory\n", name)
		return false
	case err != nil:
		s.errorf("Cannot open network namespace \"%s\": %s\n", name, strerror(err))
		return false
	}
	s.close()
	s.conn, s.side, s.netns = c, nil, name
	s.links = &linkCache{s: s}
	return true
}

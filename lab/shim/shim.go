// Package shim is the process that a command of a world is called in. The command itself
// runs in the world's server, which has everything at hand; its process says how it was
// called and does what only it can do: it reads the standard input and opens files,
// when the command asks it to, writes, and runs programs or becomes one.
//
// The start of such a process must cost as little as it can, hence what is imported here,
// and hence init.go.
package shim

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
)

// called tells whether a process with these arguments was started as a command of a
// world, and the socket of that world.
func called(args []string, getenv func(string) string) (socket string, ok bool) {
	socket = getenv(wire.EnvSocket)
	return socket, socket != "" && len(args) > 0 && wire.IsCommand(base(args[0]))
}

// base is the last element of a path.
func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if os.IsPathSeparator(path[i]) {
			return path[i+1:]
		}
	}
	return path
}

// process is this process, as the command that runs elsewhere sees it.
type process struct {
	conn io.ReadWriter

	mu    sync.Mutex // guards what follows, and writing to conn
	files map[uint32]*os.File
	last  uint32
}

// Run has the command of the arguments run by the server at the other end of a
// connection, for this process, and returns its exit status. An error says that the
// server did not run it to its end. The first signal of interrupts, which may be nil, has
// the command end in its own way; passed is called then.
func Run(conn io.ReadWriter, args []string, interrupts <-chan os.Signal, passed func()) (status int, err error) {
	p := &process{conn: conn, files: map[uint32]*os.File{0: os.Stdin, 1: os.Stdout, 2: os.Stderr}, last: 2}
	line := wire.CommandLine{Terminals: p.terminals(), Args: append([]string{base(args[0])}, args[1:]...), Env: os.Environ()}
	b := wire.Append(make([]byte, 0, 16<<10), wire.Hello, []byte(wire.Greeting))
	if _, err := conn.Write(wire.Append(b, wire.Run, line.Append(nil))); err != nil {
		return 0, err
	}
	if interrupts != nil {
		go p.passInterrupts(interrupts, passed)
	}
	for b = nil; ; {
		var k wire.Kind
		if k, b, err = wire.Read(conn, b); err != nil {
			return 0, err
		}
		switch k {
		case wire.Write:
			fd, text := wire.TakeUint32(b)
			_, _ = p.file(fd).Write(text) // ends the process if nobody reads (SIGPIPE)
		case wire.Ask:
			// An answer may be long in coming: that of a terminal, or of a program.
			go p.answer(append([]byte(nil), b...))
		case wire.Exit:
			return int(wire.Uint32(b)), nil
		default:
			return 0, errors.New(string(b))
		}
	}
}

// terminals tells which of the standard streams are terminals, as wire.CommandLine
// wants it.
func (p *process) terminals() (bits uint32) {
	for fd := range uint32(3) {
		if st, err := p.files[fd].Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			bits |= 1 << fd
		}
	}
	return bits
}

// file returns an open file. One that is not there behaves as a closed one.
func (p *process) file(fd uint32) *os.File {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[fd]
}

// keep takes an open file in and returns its number.
func (p *process) keep(f *os.File) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.files[p.last] = f
	return wire.AppendUint32(nil, p.last)
}

// passInterrupts tells the command of the first interrupt; the next one ends the process.
func (p *process) passInterrupts(signals <-chan os.Signal, done func()) {
	<-signals
	done()
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.conn.Write(wire.Append(nil, wire.Signal, nil))
}

// answer answers a question.
func (p *process) answer(b []byte) {
	number, b := wire.TakeUint32(b)
	kind := wire.Answer
	var text []byte
	var err error = syscall.EINVAL
	if len(b) > 0 {
		text, err = p.carryOut(wire.Question(b[0]), b[1:])
	}
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		kind, text = wire.Refusal, append(wire.AppendUint32(nil, uint32(errno)), err.Error()...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.conn.Write(wire.Append(nil, kind, append(wire.AppendUint32(nil, number), text...)))
}

// maxRead bounds one answer to AskRead.
const maxRead = 64 << 10

func (p *process) carryOut(q wire.Question, b []byte) ([]byte, error) {
	switch q {
	case wire.AskRead:
		fd, b := wire.TakeUint32(b)
		buf := make([]byte, min(wire.Uint32(b), maxRead))
		n, err := p.file(fd).Read(buf)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return buf[:n], err
	case wire.AskOpen:
		f, err := os.Open(string(b))
		if err != nil {
			return nil, err
		}
		return p.keep(f), nil
	case wire.AskCreate:
		f, err := os.Create(string(b))
		if err != nil {
			return nil, err
		}
		return p.keep(f), nil
	case wire.AskClose:
		fd := wire.Uint32(b)
		err := p.file(fd).Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.files, fd)
		return nil, err
	case wire.AskProgram:
		status, err := run(wire.ParseProgram(b))
		return wire.AppendUint32(nil, uint32(status)), err
	}
	return nil, syscall.EINVAL
}

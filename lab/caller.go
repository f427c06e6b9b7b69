package lab

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/rpdb"
)

// maxCommandLine bounds the words and the environment of a command, in bytes. Linux
// allows a process 2 MiB by default.
const maxCommandLine = 8 << 20

// serveCommand runs a command for the process at the other end; the first frame of it
// has been read.
func (s *session) serveCommand(k wire.Kind) error {
	line, err := s.commandLine(k)
	if err != nil {
		return err
	}
	gone, cancel := context.WithCancel(context.Background())
	ctx, interrupt := context.WithCancel(gone)
	defer interrupt()
	r := &remote{session: s, gone: gone.Done(), interrupt: interrupt, asked: map[uint32]chan answer{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		status := s.server.run(ctx, Command{
			pid: s.pid, Args: line.Args, Env: line.Env, Terminal: line.Terminals&(1<<1) != 0,
			In: remoteFile{r, 0}, Out: remoteFile{r, 1}, Err: remoteFile{r, 2},
		}, r)
		_ = s.send(wire.Exit, wire.AppendUint32(nil, uint32(status)))
	}()
	err = r.listen() // until the process ends
	cancel()
	<-ended
	return err
}

// commandLine reads how a command is called.
func (s *session) commandLine(k wire.Kind) (wire.CommandLine, error) {
	var body []byte
	for {
		body = append(body, s.buf...)
		switch {
		case k == wire.Run:
			return wire.ParseCommandLine(body), nil
		case k != wire.Bulk, len(body) > maxCommandLine:
			return wire.CommandLine{}, &Error{rpdb.E2BIG, "a command without an end"}
		}
		var err error
		if k, err = s.next(); err != nil {
			return wire.CommandLine{}, err
		}
	}
}

// remote is a process at the other end of a connection. It is safe for concurrent use.
type remote struct {
	session *session
	gone    <-chan struct{} // closed when the process has ended, or become another program
	// interrupt ends the command in its own way.
	interrupt context.CancelFunc

	mu    sync.Mutex
	last  uint32
	asked map[uint32]chan answer // by the number of the question
}

// answer is what the process answered to a question.
type answer struct {
	body []byte
	err  error
}

// errGone says that the process has ended.
var errGone = errors.New("the process that called the command has ended")

// listen hands out the answers of the process until it ends.
func (r *remote) listen() error {
	for {
		k, err := r.session.next()
		if err != nil {
			return err
		}
		number, body := wire.TakeUint32(r.session.buf)
		var a answer
		switch k {
		case wire.Answer:
			a.body = append([]byte(nil), body...)
		case wire.Refusal:
			errno, text := wire.TakeUint32(body)
			if a.err = syscall.Errno(errno); errno == 0 {
				a.err = errors.New(string(text))
			}
		case wire.Signal:
			r.interrupt()
			continue
		default:
			return &Error{rpdb.EINVAL, "a process that has called a command only answers"}
		}
		r.mu.Lock()
		if to := r.asked[number]; to != nil {
			delete(r.asked, number)
			to <- a
		}
		r.mu.Unlock()
	}
}

// ask asks the process and waits for its answer.
func (r *remote) ask(q wire.Question, body []byte) ([]byte, error) {
	to := make(chan answer, 1)
	r.mu.Lock()
	r.last++
	number := r.last
	r.asked[number] = to
	r.mu.Unlock()
	if err := r.session.send(wire.Ask, append(append(wire.AppendUint32(nil, number), byte(q)), body...)); err != nil {
		return nil, err
	}
	select {
	case a := <-to:
		return a.body, a.err
	case <-r.gone:
		return nil, errGone
	}
}

// open implements caller.
func (r *remote) open(name string) (io.ReadCloser, error) {
	b, err := r.ask(wire.AskOpen, []byte(name))
	return remoteFile{r, wire.Uint32(b)}, err
}

// create implements caller.
func (r *remote) create(name string) (io.WriteCloser, error) {
	b, err := r.ask(wire.AskCreate, []byte(name))
	return remoteFile{r, wire.Uint32(b)}, err
}

// run implements caller.
func (r *remote) run(_ context.Context, p wire.Program) (status int, err error) {
	b, err := r.ask(wire.AskProgram, p.Append(nil))
	if p.Replace && errors.Is(err, errGone) {
		return 0, nil // it is the program now
	}
	return int(wire.Uint32(b)), err
}

// remoteFile is an open file of a process, by its number there.
type remoteFile struct {
	of *remote
	fd uint32
}

// Read asks the process to read, which it does once, and no more than is wanted.
func (f remoteFile) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	got, err := f.of.ask(wire.AskRead, wire.AppendUint32(wire.AppendUint32(nil, f.fd), uint32(min(len(b), wire.MaxBody))))
	if err == nil && len(got) == 0 {
		err = io.EOF
	}
	return copy(b, got), err
}

// Write hands out what is to be written. As with the standard output of a program that
// does not look, what cannot be written is lost; without a reader the process ends.
func (f remoteFile) Write(b []byte) (n int, err error) {
	const most = wire.MaxBody - 4
	for ; n < len(b) && err == nil; n += min(len(b)-n, most) {
		err = f.of.session.send(wire.Write, append(wire.AppendUint32(nil, f.fd), b[n:n+min(len(b)-n, most)]...))
	}
	return n, err
}

// Close has the process close the file.
func (f remoteFile) Close() error {
	_, err := f.of.ask(wire.AskClose, wire.AppendUint32(nil, f.fd))
	return err
}

package lab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/netns"
)

// maxJournal bounds the file that a world's changes are kept in, in bytes. A world that
// has changed more goes on, but cannot be saved.
const maxJournal = 4 << 30

var errJournalFull = fmt.Errorf("the world has changed too often to be saved: its changes take more than %d GiB", maxJournal>>30)

// journal keeps the changes of a world, in a file without a name where the system has
// such, so that they take no memory.
type journal struct {
	mu     sync.Mutex
	file   *os.File
	out    *bufio.Writer
	buf    []byte
	size   int64
	count  int
	last   time.Duration
	failed error // why the changes are no longer whole
}

func newJournal() (*journal, error) {
	f, err := os.CreateTemp("", "rulewalk-world-")
	if err != nil {
		return nil, fmt.Errorf("a file for the changes of the world: %w", err)
	}
	_ = os.Remove(f.Name()) // not while it is open on some systems: then Close does
	return &journal{file: f, out: bufio.NewWriterSize(f, 16<<10)}, nil
}

// Close gives the file back.
func (j *journal) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = ErrClosed
	}
	_ = j.file.Close()
	_ = os.Remove(j.file.Name())
}

// add writes a change.
func (j *journal) add(c netns.Change) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return
	}
	j.buf = appendChange(j.buf[:0], c, j.last)
	if j.size += int64(len(j.buf)); j.size > maxJournal {
		j.failed = errJournalFull
		return
	}
	j.last = c.At
	j.count++
	_, j.failed = j.out.Write(j.buf)
}

// bytes returns the changes until now, and their number.
func (j *journal) bytes() (io.Reader, int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = j.out.Flush()
	}
	return io.NewSectionReader(j.file, 0, j.size), j.count, j.failed
}

// appendChange writes a change: the time since the last one in nanoseconds, its kind,
// the namespace, the process, the options of the socket, the length of its data, its
// data. Numbers are uvarints, but the time, which may go back a little, a varint.
func appendChange(b []byte, c netns.Change, last time.Duration) []byte {
	b = binary.AppendVarint(b, int64(c.At-last))
	b = append(b, byte(c.Kind))
	b = binary.AppendUvarint(b, uint64(c.Namespace))
	b = binary.AppendUvarint(b, uint64(c.PID))
	b = append(b, optionBits(c.Socket))
	b = binary.AppendUvarint(b, uint64(len(c.Data)))
	return append(b, c.Data...)
}

// optionBits are the options of a socket on which answers hang, as a file has them.
func optionBits(o netns.SocketOptions) (bits byte) {
	for i, on := range [...]bool{o.StrictCheck, o.ExtendedAck, o.CapAck} {
		if on {
			bits |= 1 << i
		}
	}
	return bits
}

// socketOptions is the inverse of optionBits.
func socketOptions(bits byte) netns.SocketOptions {
	return netns.SocketOptions{StrictCheck: bits&1 != 0, ExtendedAck: bits&2 != 0, CapAck: bits&4 != 0}
}

// changeReader reads what appendChange has written.
type changeReader struct {
	in   *bufio.Reader
	last time.Duration
	buf  []byte
	err  error // the first one; what is read after it is zero
}

// next returns a change, whose data is valid until the next call, or io.EOF after the
// last one.
func (r *changeReader) next() (netns.Change, error) {
	if _, err := r.in.Peek(1); errors.Is(err, io.EOF) {
		return netns.Change{}, io.EOF
	}
	r.last += r.time()
	c := netns.Change{Kind: netns.ChangeKind(r.byte()), At: r.last, Namespace: r.uint32(), PID: r.uint32()}
	c.Socket = socketOptions(r.byte())
	c.Data = r.bytes(r.uint32())
	if errors.Is(r.err, io.EOF) {
		r.err = io.ErrUnexpectedEOF
	}
	return c, r.err
}

func (r *changeReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *changeReader) time() time.Duration {
	d, err := binary.ReadVarint(r.in)
	r.fail(err)
	return time.Duration(d)
}

func (r *changeReader) byte() byte {
	b, err := r.in.ReadByte()
	r.fail(err)
	return b
}

func (r *changeReader) uint32() uint32 {
	v, err := binary.ReadUvarint(r.in)
	if err == nil && v > 1<<32-1 {
		err = fmt.Errorf("the number %d is too large", v)
	}
	r.fail(err)
	return uint32(v)
}

func (r *changeReader) bytes(n uint32) []byte {
	if n > wire.MaxBody {
		r.fail(fmt.Errorf("a change of %d bytes, more than %d", n, wire.MaxBody))
	}
	if r.err != nil {
		return nil
	}
	if int(n) > cap(r.buf) {
		r.buf = make([]byte, n)
	}
	_, err := io.ReadFull(r.in, r.buf[:n])
	r.fail(err)
	return r.buf[:n]
}

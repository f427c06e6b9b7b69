//go:build linux

package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Visit is one table that the kernel searched: its id and the outcome, 0 or an
// errno (EAGAIN for a miss in IPv4, EHOSTUNREACH in IPv6).
type Visit struct {
	Table uint32
	Err   rpdb.Errno
}

// tracer reads the fib_table_lookup events of one thread through a private
// instance of tracefs (spec IPv4 section 14). It belongs to the thread that made
// it.
type tracer struct {
	dir    string
	marker int
	pipe   int
	buf    []byte
	left   []byte
}

const tracefs = "/sys/kernel/tracing"

var errNoTracefs = errors.New("tracefs is not available: run as root")

// newTracer makes an instance that follows the calling thread, which must be
// locked and is pinned to one CPU. Where tracefs is not mounted it is mounted in a
// mount namespace of this thread alone.
func newTracer(worker int, f rpdb.Family) (*tracer, error) {
	if os.Geteuid() != 0 {
		return nil, errNoTracefs
	}
	if err := reachTracefs(); err != nil {
		return nil, fmt.Errorf("%w (%w)", errNoTracefs, err)
	}
	t := &tracer{
		dir:    fmt.Sprintf("%s/instances/rulewalk-%d-%d-%d", tracefs, os.Getpid(), worker, f),
		marker: -1, pipe: -1, buf: make([]byte, 1<<16),
	}
	if err := os.Mkdir(t.dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w (%w)", errNoTracefs, err)
	}
	if err := t.start(worker, f); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func reachTracefs() error {
	if _, err := os.Stat(tracefs + "/instances"); err == nil {
		return nil
	}
	if err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("none", tracefs, "tracefs", 0, ""); err != nil {
		return fmt.Errorf("mount tracefs: %w", err)
	}
	return nil
}

func (t *tracer) start(worker int, f rpdb.Family) error {
	cpu := worker % runtime.NumCPU()
	if err := pin(cpu); err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	event := "fib/fib_table_lookup"
	if f == rpdb.IPv6 {
		event = "fib6/fib6_table_lookup"
	}
	for _, w := range [][2]string{
		{"buffer_size_kb", "4096"},
		{"set_event_pid", strconv.Itoa(syscall.Gettid())},
		{"events/" + event + "/enable", "1"},
		{"tracing_on", "1"},
	} {
		if err := os.WriteFile(filepath.Join(t.dir, w[0]), []byte(w[1]), 0); err != nil {
			return fmt.Errorf("trace instance: %w", err)
		}
	}
	var err error
	if t.marker, err = syscall.Open(t.dir+"/trace_marker", syscall.O_WRONLY|syscall.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("trace_marker: %w", err)
	}
	pipe := fmt.Sprintf("%s/per_cpu/cpu%d/trace_pipe", t.dir, cpu)
	if t.pipe, err = syscall.Open(pipe, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("trace_pipe: %w", err)
	}
	return nil
}

// pin binds the calling thread to a CPU.
func pin(cpu int) error {
	var mask [16]uint64
	mask[cpu/64] = 1 << (cpu % 64)
	_, _, e := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if e != 0 {
		return e
	}
	return nil
}

// Close removes the instance.
func (t *tracer) Close() error {
	for _, fd := range []int{t.marker, t.pipe} {
		if fd >= 0 {
			_ = syscall.Close(fd)
		}
	}
	if err := syscall.Rmdir(t.dir); err != nil {
		return fmt.Errorf("remove trace instance %s: %w", t.dir, err)
	}
	return nil
}

// mark writes a marker: the visits that follow belong to query n.
func (t *tracer) mark(n int) error {
	b := append(make([]byte, 0, 16), "Q="...)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, '\n')
	_, err := syscall.Write(t.marker, b)
	return err
}

// read calls yield with the number of the query of each event since the last read.
func (t *tracer) read(yield func(query int, v Visit)) error {
	query := -1
	t.left = t.left[:0]
	for {
		n, err := syscall.Read(t.pipe, t.buf)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if n <= 0 {
			if err == nil || errors.Is(err, syscall.EAGAIN) {
				return nil
			}
			return fmt.Errorf("trace_pipe: %w", err)
		}
		t.left = append(t.left, t.buf[:n]...)
		rest := t.left
		for {
			line, after, ok := bytes.Cut(rest, []byte{'\n'})
			if !ok {
				break
			}
			rest = after
			if q, ok := markerOf(line); ok {
				query = q
			} else if v, ok := visitOf(line); ok {
				yield(query, v)
			}
		}
		t.left = append(t.left[:0], rest...)
	}
}

func markerOf(line []byte) (int, bool) {
	i := bytes.Index(line, []byte(": Q="))
	if i < 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(line[i+4:]))
	return n, err == nil
}

// visitOf reads "... table_lookup: table 254 oif ... err -11".
func visitOf(line []byte) (Visit, bool) {
	i := bytes.Index(line, []byte("_table_lookup: table "))
	j := bytes.LastIndexByte(line, ' ')
	if i < 0 || j < 0 {
		return Visit{}, false
	}
	id, _, _ := bytes.Cut(bytes.TrimLeft(line[i+len("_table_lookup: table "):], " "), []byte{' '})
	table, err1 := strconv.ParseUint(string(id), 10, 32)
	code, err2 := strconv.Atoi(string(line[j+1:]))
	return Visit{uint32(table), rpdb.Errno(-code)}, err1 == nil && err2 == nil
}

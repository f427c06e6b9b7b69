package hostcmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
)

// world is a world for tests: hosts by name, configured by lines of ip, on a virtual
// clock.
type world struct {
	ipcmd.Host
	t      *testing.T
	spaces map[string]*netns.Namespace
	hosts  map[string]*Host
	mu     sync.Mutex
	files  map[string]*bytes.Buffer // what commands created
}

func newWorld(t *testing.T, names ...string) *world {
	clock := datapath.NewVirtual(time.Unix(1_700_000_000, 0))
	w := netns.NewWorld(netns.Config{Clock: clock.Now, Seed: 1})
	e := datapath.New(datapath.Config{World: w, Clock: clock, Seed: 1, Sockets: func(h *datapath.Host) (stack.Transport, func()) {
		s := stack.New(h)
		return s, s.Close
	}})
	out := &world{t: t, spaces: map[string]*netns.Namespace{}, hosts: map[string]*Host{}, files: map[string]*bytes.Buffer{}}
	for _, n := range names {
		ns := w.New()
		for _, s := range []string{"all", "default"} {
			if err := ns.SetSysctl("net.ipv6.conf."+s+".accept_dad", "0"); err != nil {
				t.Fatal(err)
			}
		}
		h := e.Host(ns)
		s := stack.New(h)
		e.Do(func() { h.SetTransport(s, s.Close) })
		out.spaces[n], out.hosts[n] = ns, &Host{Host: h, Stack: s, Label: n}
	}
	t.Cleanup(e.Close)
	for _, n := range names {
		out.ip(n, "link set lo up")
	}
	return out
}

// Open names the namespaces for "netns NAME".
func (w *world) Open(name string) (int, func(), error) {
	if n := w.spaces[name]; n != nil {
		return int(n.FD()), func() {}, nil
	}
	return 0, nil, fs.ErrNotExist
}

// ip runs lines of ip on a host.
func (w *world) ip(host string, lines ...string) {
	w.t.Helper()
	for _, line := range lines {
		var errs bytes.Buffer
		tool := &ipcmd.Tool{
			Dial: func(name string) (ipcmd.Conn, error) {
				if name == "" {
					name = host
				}
				return w.spaces[name].Dial(), nil
			},
			Host: w, Out: io.Discard, Err: &errs, Name: "ip",
		}
		if status := tool.Run(context.Background(), strings.Fields(line)); status != 0 {
			w.t.Fatalf("%s: ip %s: status %d: %s", host, line, status, errs.String())
		}
	}
}

// join connects two hosts by a veth pair.
func (w *world) join(a, devA, b, devB string) {
	w.t.Helper()
	w.ip(a, fmt.Sprintf("link add %s type veth peer name %s netns %s", devA, devB, b), "link set "+devA+" up")
	w.ip(b, "link set "+devB+" up")
}

// pair is two hosts with a link between them, 10.0.0.1 and 10.0.0.2.
func pair(t *testing.T) *world {
	w := newWorld(t, "a", "b")
	w.join("a", "v0", "b", "v0")
	w.ip("a", "addr add 10.0.0.1/24 dev v0", "addr add fd00::1/64 dev v0")
	w.ip("b", "addr add 10.0.0.2/24 dev v0", "addr add fd00::2/64 dev v0")
	return w
}

// line is three hosts in a row: a 10.0.1.1 - 10.0.1.2 b 10.0.2.2 - 10.0.2.3 c.
func line(t *testing.T) *world {
	w := newWorld(t, "a", "b", "c")
	w.join("a", "v0", "b", "v0")
	w.join("b", "v1", "c", "v0")
	w.ip("a", "addr add 10.0.1.1/24 dev v0", "addr add fd01::1/64 dev v0", "route add default via 10.0.1.2", "route add default via fd01::2")
	w.ip("b", "addr add 10.0.1.2/24 dev v0", "addr add fd01::2/64 dev v0", "addr add 10.0.2.2/24 dev v1", "addr add fd02::2/64 dev v1")
	w.ip("c", "addr add 10.0.2.3/24 dev v0", "addr add fd02::3/64 dev v0", "route add default via 10.0.2.2", "route add default via fd02::2")
	for _, s := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		if err := w.spaces["b"].SetSysctl(s, "1"); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// result is what a command wrote, and how it ended.
type result struct {
	out, err string
	status   int
}

func (r result) String() string { return fmt.Sprintf("%s%sstatus %d\n", r.out, r.err, r.status) }

// run runs a command line on a host until it ends.
func (w *world) run(host, line string) result {
	return w.start(context.Background(), host, line, strings.NewReader(""))()
}

// start runs a command line; the function that it returns waits for its end.
func (w *world) start(ctx context.Context, host, line string, in io.Reader) (wait func() result) {
	w.t.Helper()
	args := strings.Fields(line)
	c := Lookup(args[0])
	if c == nil {
		w.t.Fatalf("no command %s", args[0])
	}
	var out, errs packettest.Output
	env := &Env{
		Host: w.hosts[host], Name: args[0], Stdin: in, Stdout: &out, Stderr: &errs,
		Getenv: func(string) string { return "" }, Open: w.open, Create: w.create,
		NetNS: func(name string) (*Host, error) {
			if h := w.hosts[name]; h != nil {
				return h, nil
			}
			return nil, fs.ErrNotExist
		},
	}
	done := make(chan int, 1)
	go func() { done <- c(ctx, env, args[1:]) }()
	return func() result { s := <-done; return result{out.String(), errs.String(), s} }
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	for _, h := range w.hosts {
		h.Sleep(context.Background(), d)
		return
	}
}

// bound waits until a host has as many sockets that wait for somebody.
func (w *world) bound(host string, n int) {
	w.t.Helper()
	for range 1000 {
		found := 0
		for _, s := range w.hosts[host].Stack.Sockets() {
			if s.State == "LISTEN" || s.State == "UNCONN" {
				found++
			}
		}
		if found >= n {
			return
		}
		time.Sleep(time.Millisecond) // of the machine: the world's clock need not move
	}
	w.t.Fatalf("%s: no %d sockets", host, n)
}

func (w *world) open(name string) (io.ReadCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.files[name]; f != nil {
		return io.NopCloser(bytes.NewReader(f.Bytes())), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (w *world) create(name string) (io.WriteCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[name] = new(bytes.Buffer)
	return nopCloser{w.files[name]}, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// want compares what a command line gives with a text.
func (w *world) want(host, line, text string) {
	w.t.Helper()
	if got := w.run(host, line).String(); got != text {
		w.t.Errorf("%s# %s\n--- got\n%s--- want\n%s", host, line, got, text)
	}
}

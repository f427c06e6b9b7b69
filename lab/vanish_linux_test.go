package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// network is a client c, a router r and a server s in a row, of the lab or of the running
// kernel. Addresses are 10.0.0.1 and .2, 10.0.1.1 and .2; devices are called after the
// host that they lead to.
type network interface {
	// run runs a command on a host and returns what it printed.
	run(host, line string) (string, error)
	dial(host, addr string) (net.Conn, error)
	listen(host, addr string) (net.Listener, error)
	sleep(d time.Duration)
	now() time.Time
	// capture begins a tcpdump on a host; the result ends it and returns what it printed.
	capture(host, dev string) (end func() string)
}

var threeHosts = []struct{ host, line string }{
	{"c", "ip addr add 10.0.0.1/24 dev r"},
	{"r", "ip addr add 10.0.0.2/24 dev c"},
	{"r", "ip addr add 10.0.1.1/24 dev s"},
	{"s", "ip addr add 10.0.1.2/24 dev r"},
	{"c", "ip route add default via 10.0.0.2"},
	{"s", "ip route add default via 10.0.1.1"},
	{"r", "sysctl -qw net.ipv4.ip_forward=1"},
}

// inLab is a network of the lab whose time is virtual.
type inLab struct {
	world *lab.Server
	host  map[string]*lab.Host
}

func newInLab(t *testing.T) network {
	t.Helper()
	n := &inLab{host: map[string]*lab.Host{}}
	var err error
	if n.world, err = lab.NewServer("vanish", netns.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.world.Close)
	n.world.StandStill()
	for _, name := range []string{"c", "r", "s"} {
		if _, err = n.world.AddHost(name); err == nil {
			n.host[name], err = n.world.Host(name)
		}
		if err != nil {
			t.Fatal(err)
		}
		command(t, n.host[name], "ip link set lo up")
	}
	if err := errors.Join(lab.Link(n.host["c"], "r", n.host["r"], "c"), lab.Link(n.host["r"], "s", n.host["s"], "r")); err != nil {
		t.Fatal(err)
	}
	for _, x := range threeHosts {
		command(t, n.host[x.host], x.line)
	}
	n.sleep(3 * time.Second)
	return n
}

func (n *inLab) run(host, line string) (string, error) { return n.host[host].Command(line) }

func (n *inLab) dial(host, addr string) (net.Conn, error) { return n.host[host].Dial("tcp", addr) }

func (n *inLab) listen(host, addr string) (net.Listener, error) {
	return n.host[host].Listen("tcp", addr)
}

func (n *inLab) sleep(d time.Duration) { _ = n.world.Sleep(context.Background(), d) }
func (n *inLab) now() time.Time        { return n.world.Now() }

func (n *inLab) capture(host, dev string) (end func() string) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	ready := make(chan struct{})
	go func() {
		defer close(done)
		n.world.Run(ctx, lab.Command{
			Args: append([]string{"tcpdump"}, dumpWords(dev)...),
			Env:  []string{fmt.Sprintf("%s=%d", lab.EnvNetNS, n.host[host].Namespace().FD())},
			Out:  &out, Err: &onListening{ready: ready},
		})
	}()
	<-ready
	return func() string {
		cancel()
		<-done
		return out.String()
	}
}

func dumpWords(dev string) []string {
	return strings.Fields("-n -tt -l -i " + dev + " tcp port 80 or icmp")
}

// onListening closes a channel when tcpdump says that it listens.
type onListening struct {
	ready chan struct{}
	once  sync.Once
}

func (o *onListening) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("listening on")) {
		o.once.Do(func() { close(o.ready) })
	}
	return len(b), nil
}

// inKernel is a network of the running kernel.
type inKernel struct{ ns map[string]*testns.NS }

func newInKernel(t *testing.T) network {
	t.Helper()
	for _, tool := range []string{"ip", "tcpdump", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("install %s to compare with the running kernel (iproute2, tcpdump, procps)", tool)
		}
	}
	n := &inKernel{map[string]*testns.NS{}}
	for _, name := range []string{"c", "r", "s"} {
		n.ns[name] = testns.New(t)
		n.must(t, name, "ip link set lo up")
	}
	for _, pair := range []string{"cr", "rs"} {
		a, b := pair[:1], pair[1:]
		n.must(t, a, fmt.Sprintf("ip link add %s type veth peer name %s netns %s", b, a, n.ns[b].Path()))
		n.must(t, a, "ip link set "+b+" up")
		n.must(t, b, "ip link set "+a+" up")
	}
	for _, x := range threeHosts {
		n.must(t, x.host, x.line)
	}
	time.Sleep(time.Second)
	return n
}

func (n *inKernel) must(t *testing.T, host, line string) {
	t.Helper()
	if _, err := n.run(host, line); err != nil {
		t.Fatal(err)
	}
}

func (n *inKernel) run(host, line string) (string, error) {
	f := strings.Fields(line)
	return n.ns[host].Run(f[0], f[1:]...)
}

func (n *inKernel) dial(host, addr string) (c net.Conn, err error) {
	err = n.ns[host].Do(func() (err error) {
		c, err = net.Dial("tcp", addr)
		return err
	})
	return c, err
}

func (n *inKernel) listen(host, addr string) (l net.Listener, err error) {
	err = n.ns[host].Do(func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
	return l, err
}

func (n *inKernel) sleep(d time.Duration) { time.Sleep(d) }
func (n *inKernel) now() time.Time        { return time.Now() }

func (n *inKernel) capture(host, dev string) (end func() string) {
	var out bytes.Buffer
	ready := make(chan struct{})
	cmd := exec.Command("tcpdump", dumpWords(dev)...)
	cmd.Stdout, cmd.Stderr = &out, &onListening{ready: ready}
	if err := n.ns[host].Do(cmd.Start); err != nil {
		panic(err)
	}
	<-ready
	return func() string {
		time.Sleep(100 * time.Millisecond)
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		return out.String()
	}
}

// ending is how a connection ends.
type ending struct {
	err     rpdb.Errno // of Read, then of Write
	after   time.Duration
	packets []seen
}

// seen is a packet of a capture: when it came after the event, and what of it is the
// same in every run.
type seen struct {
	at   time.Duration
	text string
}

var (
	dumped  = regexp.MustCompile(`(?m)^(\d+)\.(\d{6}) +(\S+ +\w+) +IP (.*)$`)
	portNo  = regexp.MustCompile(`(10\.0\.0\.1)\.\d+`)
	changes = regexp.MustCompile(`, (seq [\d:]+|ack \d+|win \d+|options \[.*?\])`)
)

// packetsAfter reads a capture from a time on.
func packetsAfter(text string, from time.Time) (out []seen) {
	for _, m := range dumped.FindAllStringSubmatch(text, -1) {
		s, _ := strconv.ParseInt(m[1], 10, 64)
		us, _ := strconv.ParseInt(m[2], 10, 64)
		at := time.Unix(s, us*1000)
		if at.Before(from.Truncate(time.Microsecond)) {
			continue
		}
		out = append(out, seen{at.Sub(from), changes.ReplaceAllString(portNo.ReplaceAllString(m[3]+" "+m[4], "$1.PORT"), "")})
	}
	return out
}

// vanishing are what happens to a connection over which the client has sent a line. Then
// the client sends another one and reads.
var vanishing = []struct {
	name   string
	happen []string // HOST COMMAND; KILL ends the server's process
	unread bool     // the server has not read the line
	// sooner tells that the kernel takes back a doubling of its timer when it hears that
	// the host is unreachable (RFC 6069, tcp_ld_RTO_revert): it sends more often.
	sooner bool
}{
	{name: "packets are lost without a word", happen: []string{"r ip route add blackhole 10.0.1.2"}},
	{name: "the router says unreachable", happen: []string{"r ip route add unreachable 10.0.1.2"}, sooner: true},
	{name: "the router says prohibited", happen: []string{"r ip route add prohibit 10.0.1.2"}},
	{name: "the router has no route", happen: []string{"r ip addr del 10.0.1.1/24 dev s"}, sooner: true},
	{name: "the server's device is down", happen: []string{"s ip link set r down"}, sooner: true},
	{name: "the server's device is gone", happen: []string{"s ip link del r"}, sooner: true},
	{name: "the server has another address", happen: []string{"s ip addr flush dev r", "s ip addr add 10.0.1.3/24 dev r"}},
	{name: "the server's address is elsewhere", happen: []string{"r ip addr add 10.0.1.2/32 dev lo"}},
	{name: "the router's device is gone", happen: []string{"r ip link del c"}},
	{name: "the client's device is down", happen: []string{"c ip link set r down"}},
	{name: "the client's route is gone", happen: []string{"c ip route del default"}},
	{name: "the client's address is gone", happen: []string{"c ip addr del 10.0.0.1/24 dev r"}},
	{name: "the server's process is killed", happen: []string{"KILL"}},
	{name: "the server's process is killed with unread data", happen: []string{"KILL"}, unread: true},
}

const retries = 4 // tcp_retries2: the kernel gives up after some 6 seconds

// vanish plays one of vanishing.
func vanish(n network, happen []string, unread bool) (e ending, err error) {
	if _, err := n.run("c", fmt.Sprintf("sysctl -qw net.ipv4.tcp_retries2=%d", retries)); err != nil {
		return e, err
	}
	l, err := n.listen("s", "10.0.1.2:80")
	if err != nil {
		return e, err
	}
	defer func() { _ = l.Close() }()
	c, err := n.dial("c", "10.0.1.2:80")
	if err != nil {
		return e, err
	}
	defer func() { _ = c.Close() }()
	s, err := l.Accept()
	if err != nil {
		return e, err
	}
	defer func() { _ = s.Close() }()
	if _, err := io.WriteString(c, "hello"); err != nil {
		return e, err
	}
	if !unread {
		if _, err := io.ReadFull(s, make([]byte, 5)); err != nil {
			return e, err
		}
	}
	n.sleep(time.Second)
	end := n.capture("c", "any")
	began := n.now()
	for _, x := range happen {
		host, line, _ := strings.Cut(x, " ")
		switch host {
		case "KILL": // what the kernel does with the files of a process that ends
			_ = s.Close()
		default:
			if _, err := n.run(host, line); err != nil {
				return e, err
			}
		}
	}
	n.sleep(100 * time.Millisecond)
	sent := n.now()
	_, err = io.WriteString(c, "again")
	if err == nil {
		_, err = c.Read(make([]byte, 100))
	}
	if err == nil || err == io.EOF { // there may be more to know
		n.sleep(time.Second)
		_, err = io.WriteString(c, "again")
	}
	e.after = n.now().Sub(sent)
	var no syscall.Errno
	if errors.As(err, &no) {
		e.err = rpdb.Errno(no)
	} else {
		errors.As(err, &e.err)
	}
	e.packets = packetsAfter(end(), began)
	return e, nil
}

// TestVanishAsTheKernel ends connections in the middle, in the lab and in namespaces of
// the running kernel, and compares the error, when it comes, and the packets before and
// how many come after the first retransmission. The kernel's first one is a tail loss probe (tcp_send_loss_probe),
// which does not count and does not double its timer; the lab has none.
func TestVanishAsTheKernel(t *testing.T) {
	for _, x := range vanishing {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel() // they wait for the most part
			want, err := vanish(newInKernel(t), x.happen, x.unread)
			if err != nil {
				t.Fatal("in the kernel:", err)
			}
			got, err := vanish(newInLab(t), x.happen, x.unread)
			if err != nil {
				t.Fatal("in the lab:", err)
			}
			if got.err != want.err || got.early() != want.early() {
				t.Errorf("got %s, want %s", got, want)
			}
			if x.sooner {
				return
			}
			if g, w := got.transmissions(), want.transmissions(); g != w && (w < 3 || g != w-1) {
				t.Errorf("%d transmissions, want %d less the probe: got %s, want %s", g, w, got, want)
			}
			if got.after > want.after || got.after < want.after*3/4-100*time.Millisecond {
				t.Errorf("after %v, want %v less the probe's 0.2 s or so", got.after, want.after)
			}
		})
	}
}

// firstTimeout is before the first retransmission, after the event.
const firstTimeout = 100*time.Millisecond + 150*time.Millisecond

// early are the packets before the first retransmission.
func (e ending) early() string {
	var b strings.Builder
	for _, p := range e.packets {
		if p.at < firstTimeout {
			fmt.Fprintln(&b, p.text)
		}
	}
	return b.String()
}

// transmissions counts segments with data of the client.
func (e ending) transmissions() (n int) {
	for _, p := range e.packets {
		if strings.Contains(p.text, "Flags [P.]") {
			n++
		}
	}
	return n
}

// String tells of all packets with their times.
func (e ending) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s after %v\n", e.err.Name(), e.after)
	for _, p := range e.packets {
		fmt.Fprintf(&b, "%8.3f %s\n", p.at.Seconds(), p.text)
	}
	return b.String()
}

// TestCutInTransfer takes a router away in the middle of a transfer: what was sent is
// repeated for a quarter of an hour (tcp_retries2), then the connection ends with what the
// router before told, whose neighbour does not answer. The receiver hears nothing.
func TestCutInTransfer(t *testing.T) {
	world, row := chain(t, 5)
	world.StandStill()
	l, err := row[4].Listen("tcp", "10.0.3.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	c, err := row[0].Dial("tcp", "10.0.3.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	var end time.Time
	go func() {
		for data := make([]byte, 1<<16); ; {
			if _, err := c.Write(data); err != nil {
				end = world.Now()
				ended <- err
				return
			}
		}
	}()
	if _, err := io.ReadFull(s, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(row[2].Impair("left", lab.Impairment{Loss: 1}), row[2].Impair("right", lab.Impairment{Loss: 1})); err != nil {
		t.Fatal(err)
	}
	cut := world.Now()
	if err := s.SetReadDeadline(cut.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, heard := io.Copy(io.Discard, s)
	err = <-ended
	if d := end.Sub(cut); !errors.Is(err, rpdb.EHOSTUNREACH) || d < 800*time.Second || d > 1000*time.Second {
		t.Errorf("the sender: %v after %v", err, d)
	}
	if !errors.Is(heard, os.ErrDeadlineExceeded) {
		t.Errorf("the receiver: %v, want nothing to be heard", heard)
	}
}

package hostcmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(nettestCommand, "nettest") }

const nettestUsage = `usage: nettest OPTS
    -r addr       remote address to connect to (client)
    -p port       port (default 12345)
    -s            server (default: client)
    -B            both, the server first
    -N ns, -O ns  network namespace of the client, of the server
    -6            IPv6
    -D            datagrams (default: a stream)
    -U            connect datagram sockets
    -l addr       local address of the server
    -c addr       local address of the client
    -d dev        bind the client to a device
    -I dev        bind the server to a device
    -Q dsfield    type of service, or traffic class
    -f            bind to addresses that are not there (freebind)
    -b            bind only
    -n num        number of messages
    -L len        length of the message
    -t seconds    how long to wait (default 5, 0: for ever)
    -F            the server goes on after a client
    -0 addr, -1 addr  expected local and remote address
    -2 dev, -3 dev    device that the client's and the server's messages should arrive on
    --client-dontroute, --server-dontroute  on-link destinations only
    -q            quiet
`

// Exit statuses of nettest.
const (
	nettestFailed   = 1
	nettestTimedOut = 2
)

// nettest is one call of the tool that the kernel's test scripts connect with.
type nettest struct {
	env                                     *Env
	server, both, datagram, connected, bind bool
	quiet, again, v6                        bool
	clientNS, serverNS                      string
	remote, local, clientLocal              netip.Addr
	port                                    uint16
	device, serverDevice                    string
	expectLocal, expectRemote               netip.Addr
	expectDevice, expectServerDevice        string
	opts                                    stack.Options
	clientDontRoute, serverDontRoute        bool
	count                                   int
	message                                 []byte
	timeout                                 time.Duration
}

// nettestCommand sends a message between two sockets, of one namespace or two.
func nettestCommand(ctx context.Context, env *Env, args []string) int {
	n := &nettest{env: env, port: 12345, count: 1, message: []byte("Hello world!"), timeout: 5 * time.Second}
	n.opts = stack.Options{ReusePort: true, Command: "nettest", PID: env.PID}
	if err := n.parse(args); err != nil {
		fmt.Fprintf(env.Stderr, "%v\n%s", err, nettestUsage)
		return nettestFailed
	}
	if !n.remote.IsValid() && (n.both || !n.server) {
		fmt.Fprintln(env.Stderr, "Local (server mode) or remote IP (client IP) required")
		return nettestFailed
	}
	ready := make(chan bool, 1)
	switch {
	case n.both:
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() { defer close(ended); n.serve(ctx, ready) }()
		defer func() { cancel(); <-ended }()
		if !<-ready {
			n.note(false, "Server failed; can not continue")
			return nettestFailed
		}
		return n.ask(ctx)
	case n.server:
		return n.serve(ctx, ready)
	}
	return n.ask(ctx)
}

func (n *nettest) parse(args []string) error {
	opts, words, err := parseOptions(args, "sr:l:c:Q:p:t:g:P:DRn:M:X:m:d:I:BN:O:SUCi6xL:0:1:2:3:Fbqf",
		"client-dontroute", "server-dontroute", "force-bind-key-ifindex", "no-bind-key-ifindex")
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return fmt.Errorf("what is %q?", words[0])
	}
	for _, o := range opts {
		if err := n.option(o); err != nil {
			return fmt.Errorf("-%s %s: %w", o.name, o.value, err)
		}
	}
	return nil
}

func (n *nettest) option(o option) (err error) {
	number := func(bits int) uint64 {
		var v uint64
		v, err = strconv.ParseUint(o.value, 0, bits)
		return v
	}
	address := func(to *netip.Addr) { *to, err = n.env.Host.Resolve(o.value, 0) }
	switch o.name {
	case "s":
		n.server = true
	case "B":
		n.both = true
	case "D":
		n.datagram = true
	case "U":
		n.connected = true
	case "6":
		n.v6 = true
	case "b":
		n.bind = true
	case "q":
		n.quiet = true
	case "F":
		n.again = true
	case "f":
		n.opts.FreeBind = true
	case "N":
		n.clientNS = o.value
	case "O":
		n.serverNS = o.value
	case "d":
		n.device = o.value
	case "I":
		n.serverDevice = o.value
	case "2":
		n.expectDevice = o.value
	case "3":
		n.expectServerDevice = o.value
	case "r":
		address(&n.remote)
	case "l":
		address(&n.local)
	case "c":
		address(&n.clientLocal)
	case "0":
		address(&n.expectLocal)
	case "1":
		address(&n.expectRemote)
	case "Q":
		n.opts.TOS = uint8(number(8))
	case "p":
		n.port = uint16(number(16))
	case "t":
		n.timeout = time.Duration(number(31)) * time.Second
	case "n":
		n.count = int(number(31))
	case "L":
		n.message = []byte(strings.Repeat("abcdefghijklmnopqrstuvwxyz", int(number(16))/26+1)[:number(16)])
	case "client-dontroute":
		n.clientDontRoute = true
	case "server-dontroute":
		n.serverDontRoute = true
	default:
		err = errors.New("not known in the lab")
	}
	return err
}

// note writes what happens, with the time and the side.
func (n *nettest) note(server bool, format string, args ...any) {
	if n.quiet {
		return
	}
	side, w := "client", n.env.Stdout
	if server {
		side = "server"
	}
	fmt.Fprintf(w, "%s %s: %s\n", n.env.Host.Now().Format(time.TimeOnly), side, fmt.Sprintf(format, args...))
}

// fail is note for an error; it returns the exit status that goes with it.
func (n *nettest) fail(server bool, what string, err error) int {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, rpdb.ETIMEDOUT) {
		n.note(server, "%s: timed out", what)
		return nettestTimedOut
	}
	n.note(server, "%s: %s", what, reason(err))
	return nettestFailed
}

func (n *nettest) network() string {
	name := "tcp"
	if n.datagram {
		name = "udp"
	}
	if n.v6 {
		return name + "6"
	}
	return name + "4"
}

// side returns the host of a side and the options of its sockets.
func (n *nettest) side(namespace, device string, dontRoute bool) (*Host, stack.Options, error) {
	h, o := n.env.Host, n.opts
	if namespace != "" {
		var err error
		if h, err = n.env.NetNS(namespace); err != nil {
			return nil, o, err
		}
	}
	o.Device, o.DontRoute = n.env.Device, dontRoute
	if device != "" {
		l, ok := h.Link(0, device)
		if !ok {
			return nil, o, fmt.Errorf("%s: %w", device, rpdb.ENODEV)
		}
		o.Device = l.Index
	}
	return h, o, nil
}

func (n *nettest) any(a netip.Addr) netip.AddrPort {
	if !a.IsValid() {
		if a = netip.IPv4Unspecified(); n.v6 {
			a = netip.IPv6Unspecified()
		}
	}
	return netip.AddrPortFrom(a, n.port)
}

// deadline is when waiting ends.
func (n *nettest) deadline() time.Time {
	if n.timeout == 0 {
		return time.Time{}
	}
	return n.env.Host.Now().Add(n.timeout)
}

// serve answers a client with its own message. It tells when it is ready, or that it
// will never be.
func (n *nettest) serve(ctx context.Context, ready chan<- bool) int {
	h, o, err := n.side(n.serverNS, n.serverDevice, n.serverDontRoute)
	if err != nil {
		ready <- false
		return n.fail(true, "server", err)
	}
	if n.datagram {
		c, err := h.Stack.ListenUDP(n.network(), n.any(n.local), o)
		ready <- err == nil
		if err != nil {
			return n.fail(true, "error binding socket", err)
		}
		defer func() { _ = c.Close() }()
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
		if n.bind {
			return 0
		}
		return n.echoDatagrams(h, c)
	}
	l, err := h.Stack.ListenTCP(n.network(), n.any(n.local), o)
	ready <- err == nil
	if err != nil {
		return n.fail(true, "error binding socket", err)
	}
	defer func() { _ = l.Close() }()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	if n.bind {
		return 0
	}
	for {
		_ = l.SetDeadline(n.deadline())
		c, err := l.AcceptTCP()
		if err != nil {
			return n.fail(true, "accept failed", err)
		}
		n.note(true, "connection from %s", c.RemoteAddr())
		if status := n.echoStream(ctx, c); !n.again {
			return status
		}
	}
}

func (n *nettest) echoStream(ctx context.Context, c *stack.TCPConn) int {
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	buf := make([]byte, 65536)
	for {
		_ = c.SetDeadline(n.deadline())
		k, err := c.Read(buf)
		switch {
		case k > 0:
			n.note(true, "incoming message: %.24s", buf[:k])
			if _, err := c.Write(buf[:k]); err != nil {
				return n.fail(true, "failed to send message", err)
			}
		case errors.Is(err, rpdb.ECONNRESET), errors.Is(err, os.ErrDeadlineExceeded):
			return n.fail(true, "failed to read message", err)
		case err != nil:
			n.note(true, "client closed connection.")
			return 0
		}
	}
}

func (n *nettest) echoDatagrams(h *Host, c *stack.UDPConn) int {
	buf := make([]byte, 65536)
	for {
		_ = c.SetReadDeadline(n.deadline())
		k, m, err := c.ReadMsg(buf)
		if err != nil {
			return n.fail(true, "failed to read message", err)
		}
		n.note(true, "incoming message from %s: %.24s", m.From, buf[:k])
		if err := arrivedOn(h, n.expectServerDevice, m); err != nil {
			return n.fail(true, "device", err)
		}
		if _, err := c.WriteToUDPAddrPort(buf[:k], m.From); err != nil {
			return n.fail(true, "failed to send message", err)
		}
	}
}

// arrivedOn tells when a message came by another device than was expected.
func arrivedOn(h *Host, device string, m stack.Message) error {
	if device == "" {
		return nil
	}
	l, ok := h.Link(0, device)
	if index, err := strconv.Atoi(device); err == nil && !ok {
		l, ok = h.Link(index, "")
	}
	if !ok || l.Index != m.IIF && l.Index != m.SDIF {
		return fmt.Errorf("index mismatch: expected %s have %d", device, m.IIF)
	}
	return nil
}

// ask is the client: it sends messages and waits for them to come back.
func (n *nettest) ask(ctx context.Context) int {
	h, o, err := n.side(n.clientNS, n.device, n.clientDontRoute)
	if err != nil {
		return n.fail(false, "client", err)
	}
	o.FreeBind = false
	if n.clientLocal.IsValid() {
		o.Local = netip.AddrPortFrom(n.clientLocal, n.port)
	}
	to := netip.AddrPortFrom(n.remote, n.port)
	if n.datagram {
		return n.askDatagram(ctx, h, to, o)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if n.timeout > 0 {
		defer h.AfterFunc(n.timeout, func() { cancel(rpdb.ETIMEDOUT) })()
	}
	c, err := h.Stack.DialTCP(ctx, n.network(), to, o)
	if err != nil {
		if errors.Is(context.Cause(ctx), rpdb.ETIMEDOUT) {
			err = rpdb.ETIMEDOUT
		}
		return n.fail(false, "connect failed", err)
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	n.note(false, "connected %s -> %s", c.LocalAddr(), c.RemoteAddr())
	if err := n.asExpected(c.LocalAddr(), c.RemoteAddr()); err != nil {
		return n.fail(false, "address", err)
	}
	buf := make([]byte, 65536)
	for range n.count {
		_ = c.SetDeadline(n.deadline())
		if _, err := c.Write(n.message); err != nil {
			return n.fail(false, "failed to send message", err)
		}
		for got := 0; got < len(n.message); {
			k, err := c.Read(buf)
			if err != nil {
				return n.fail(false, "failed to read message", err)
			}
			got += k
		}
	}
	return 0
}

func (n *nettest) askDatagram(ctx context.Context, h *Host, to netip.AddrPort, o stack.Options) int {
	var c *stack.UDPConn
	var err error
	if n.connected {
		c, err = h.Stack.DialUDP(n.network(), to, o)
	} else {
		local := o.Local
		if !local.IsValid() {
			local = netip.AddrPortFrom(n.any(netip.Addr{}).Addr(), 0)
		}
		c, err = h.Stack.ListenUDP(n.network(), local, o)
	}
	if err != nil {
		return n.fail(false, "Failed to connect to remote host", err)
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	buf := make([]byte, 65536)
	for range n.count {
		if n.connected {
			_, err = c.Write(n.message)
		} else {
			_, err = c.WriteToUDPAddrPort(n.message, to)
		}
		if err != nil {
			return n.fail(false, "failed to send message", err)
		}
		_ = c.SetReadDeadline(n.deadline())
		_, m, err := c.ReadMsg(buf)
		if err != nil {
			return n.fail(false, "failed to read message", err)
		}
		if err := arrivedOn(h, n.expectDevice, m); err != nil {
			return n.fail(false, "device", err)
		}
		if err := n.asExpected(net.UDPAddrFromAddrPort(netip.AddrPortFrom(m.Dst, 0)), net.UDPAddrFromAddrPort(m.From)); err != nil {
			return n.fail(false, "address", err)
		}
	}
	return 0
}

// asExpected compares the addresses of a connection with those of -0 and -1.
func (n *nettest) asExpected(local, remote net.Addr) error {
	for _, x := range []struct {
		got  net.Addr
		want netip.Addr
		what string
	}{{local, n.expectLocal, "local"}, {remote, n.expectRemote, "remote"}} {
		if a, err := netip.ParseAddrPort(x.got.String()); x.want.IsValid() && (err != nil || a.Addr() != x.want) {
			return fmt.Errorf("%s address does not match expected %s", x.what, x.want)
		}
	}
	return nil
}

package hostcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(netcat, "nc") }

const ncUsage = `usage: nc [-46dklNnuvz] [-i interval] [-I device] [-m mark] [-M ttl]
	  [-p source_port] [-q seconds] [-s sourceaddr] [-T tos] [-w timeout]
	  [destination] [port]
`

// nc is one call of netcat, with the options and words of OpenBSD's.
type nc struct {
	env  *Env
	ctx  context.Context
	opts stack.Options

	listen, keep, udp, scan, verbose, numeric, shut, noInput bool
	family                                                   int
	timeout, linger, interval                                time.Duration
	source                                                   netip.Addr
	sourcePort                                               uint16
	lingers                                                  bool
}

// netcat connects standard input and output to a peer.
func netcat(ctx context.Context, env *Env, args []string) int {
	n := &nc{env: env, ctx: ctx, opts: stack.Options{Device: env.Device, Command: "nc", PID: env.PID}}
	words, err := n.parse(args)
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(env.Stdout, ncUsage)
		return 0
	case err != nil:
		if err != errUsage { //nolint:errorlint // never wrapped
			env.Failf(1, "%v", err)
		}
		fmt.Fprint(env.Stderr, ncUsage)
		return 1
	}
	if n.listen {
		return n.serve(words)
	}
	return n.connect(words)
}

var (
	errHelp  = errors.New("help")
	errUsage = errors.New("usage")
)

func (n *nc) parse(args []string) (words []string, err error) {
	opts, words, err := parseOptions(args, "46dhklNnuvzDrtCFSUZi:I:m:M:p:q:s:T:w:O:b:X:x:V:W:")
	if err != nil {
		return nil, err
	}
	for _, o := range opts {
		if err := n.option(o); err != nil {
			return nil, err
		}
	}
	return words, nil
}

func (n *nc) option(o option) (err error) {
	seconds := func(to *time.Duration) {
		v, e := strconv.ParseFloat(o.value, 64)
		if e != nil {
			err = fmt.Errorf("timeout invalid: %s", o.value)
		}
		*to = time.Duration(v * float64(time.Second))
	}
	number := func(bits int) uint64 {
		v, e := strconv.ParseUint(o.value, 0, bits)
		if e != nil {
			err = fmt.Errorf("-%s %s: not a number", o.name, o.value)
		}
		return v
	}
	switch o.name {
	case "4":
		n.family = 4
	case "6":
		n.family = 6
	case "d":
		n.noInput = true
	case "h":
		return errHelp
	case "k":
		n.keep = true
	case "l":
		n.listen = true
	case "N":
		n.shut = true
	case "n":
		n.numeric = true
	case "u":
		n.udp = true
	case "v":
		n.verbose = true
	case "z":
		n.scan = true
	case "i":
		seconds(&n.interval)
	case "I":
		l, ok := n.env.Host.Link(0, o.value)
		if !ok {
			return fmt.Errorf("%s: No such device", o.value)
		}
		n.opts.Device = l.Index
	case "m":
		n.opts.Mark = uint32(number(32))
	case "M":
		n.opts.TTL = uint8(number(8))
	case "T":
		n.opts.TOS = uint8(number(8))
	case "p":
		if n.sourcePort, err = parsePort(o.value); err != nil {
			err = fmt.Errorf("port number invalid: %s", o.value)
		}
	case "q":
		if n.lingers = !strings.HasPrefix(o.value, "-"); n.lingers {
			n.shut = true
			seconds(&n.linger)
		}
	case "s":
		n.source, err = n.env.Host.Resolve(o.value, 0)
	case "w":
		seconds(&n.timeout)
	case "D", "r", "t", "C", "F":
	default:
		err = fmt.Errorf("-%s: not known in the lab", o.name)
	}
	return err
}

func (n *nc) network() string {
	name := "tcp"
	if n.udp {
		name = "udp"
	}
	switch n.family {
	case 4:
		return name + "4"
	case 6:
		return name + "6"
	}
	return name
}

// proto is the word for the protocol in messages.
func (n *nc) proto() string { return n.network()[:3] }

// serve is nc -l.
func (n *nc) serve(words []string) int {
	host, port := "", ""
	switch len(words) {
	case 2:
		host, port = words[0], words[1]
	case 1:
		port = words[0]
	}
	if port == "" && n.sourcePort != 0 {
		host, port = port, strconv.Itoa(int(n.sourcePort))
		if len(words) == 1 {
			host, port = words[0], strconv.Itoa(int(n.sourcePort))
		}
	}
	p, err := parsePort(port)
	if err != nil || len(words) > 2 {
		fmt.Fprint(n.env.Stderr, ncUsage)
		return 1
	}
	addr := n.source
	if host != "" {
		if addr, err = n.env.Host.Resolve(host, n.family); err != nil {
			return n.env.Failf(1, "%v", err)
		}
	}
	if !addr.IsValid() {
		if addr = netip.IPv4Unspecified(); n.family == 6 {
			addr = netip.IPv6Unspecified()
		}
	}
	at := netip.AddrPortFrom(addr, p)
	if n.udp {
		return n.serveUDP(at)
	}
	return n.serveTCP(at)
}

func (n *nc) serveTCP(at netip.AddrPort) int {
	l, err := n.env.Host.Stack.ListenTCP(n.network(), at, n.opts)
	if err != nil {
		return n.env.Failf(1, "%s", reason(err))
	}
	defer func() { _ = l.Close() }()
	defer context.AfterFunc(n.ctx, func() { _ = l.Close() })()
	n.note("Listening on %s %d", at.Addr(), at.Port())
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return 1
		}
		if !n.keep {
			_ = l.Close()
		}
		peer := c.RemoteAddr().(*net.TCPAddr).AddrPort()
		n.note("Connection received on %s %d", n.hostName(peer.Addr()), peer.Port())
		status := n.talk(c)
		_ = c.Close()
		if !n.keep || n.ctx.Err() != nil {
			return status
		}
	}
}

func (n *nc) serveUDP(at netip.AddrPort) int {
	for {
		c, err := n.env.Host.Stack.ListenUDP(n.network(), at, n.opts)
		if err != nil {
			return n.env.Failf(1, "%s", reason(err))
		}
		n.note("Bound on %s %d", at.Addr(), at.Port())
		status, again := n.answerUDP(c)
		_ = c.Close()
		if !again {
			return status
		}
	}
}

// answerUDP talks to whoever sends first; with -k to all, without answers.
func (n *nc) answerUDP(c *stack.UDPConn) (status int, again bool) {
	defer context.AfterFunc(n.ctx, func() { _ = c.Close() })()
	buf := make([]byte, 65536)
	for {
		k, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return 1, false
		}
		if _, err := n.env.Stdout.Write(buf[:k]); err != nil {
			return 1, false
		}
		if n.keep {
			continue
		}
		if err := c.Connect(from); err != nil {
			return n.env.Failf(1, "%s", reason(err)), false
		}
		n.note("Connection received on %s %d", n.hostName(from.Addr()), from.Port())
		return n.talk(c), false
	}
}

// connect is nc without -l: port by port.
func (n *nc) connect(words []string) int {
	if len(words) != 2 {
		fmt.Fprint(n.env.Stderr, ncUsage)
		return 1
	}
	ports, err := portRange(words[1])
	if err != nil {
		return n.env.Failf(1, "%v", err)
	}
	addr, err := n.env.Host.Resolve(words[0], n.family)
	if err != nil {
		return n.env.Failf(1, "getaddrinfo for host %q port %s: %s", words[0], words[1], strings.TrimPrefix(err.Error(), words[0]+": "))
	}
	status := 1
	for i, p := range ports {
		if i > 0 && n.interval > 0 && !n.env.Host.Sleep(n.ctx, n.interval) {
			return 1
		}
		c, err := n.dial(netip.AddrPortFrom(addr, p))
		if err != nil {
			if n.ctx.Err() != nil {
				return 1
			}
			if n.verbose {
				n.env.Failf(0, "connect to %s port %d (%s) failed: %s", words[0], p, n.proto(), reason(err))
			}
			continue
		}
		if !n.udp || !n.scan || n.probeUDP(c) {
			status = 0
			if n.verbose {
				service := serviceName(p)
				if service == "" || n.numeric {
					service = "*"
				}
				fmt.Fprintf(n.env.Stderr, "Connection to %s %d port [%s/%s] succeeded!\n", n.label(words[0], addr), p, n.proto(), service)
			}
		}
		if !n.scan {
			status = n.talk(c)
		}
		_ = c.Close()
	}
	return status
}

// label is how messages name the peer.
func (n *nc) label(word string, a netip.Addr) string {
	if !n.numeric && word != a.String() {
		return fmt.Sprintf("%s (%s)", word, a)
	}
	return word
}

// probeUDP sends something, and reports whether nobody refused it within a while.
func (n *nc) probeUDP(c net.Conn) bool {
	for range 4 {
		if _, err := c.Write([]byte("X")); err != nil {
			return false
		}
		if !n.env.Host.Sleep(n.ctx, time.Second) {
			return false
		}
	}
	return true
}

func portRange(s string) ([]uint16, error) {
	var out []uint16
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, span := strings.Cut(part, "-")
		a, err := parsePort(lo)
		b := a
		if span && err == nil {
			b, err = parsePort(hi)
		}
		if err != nil {
			return nil, fmt.Errorf("port number invalid: %s", s)
		}
		for p := int(min(a, b)); p <= int(max(a, b)); p++ {
			out = append(out, uint16(p))
		}
	}
	return out, nil
}

func (n *nc) dial(to netip.AddrPort) (net.Conn, error) {
	o := n.opts
	if n.source.IsValid() || n.sourcePort != 0 {
		from := n.source
		if !from.IsValid() {
			if from = netip.IPv4Unspecified(); to.Addr().Is6() {
				from = netip.IPv6Unspecified()
			}
		}
		o.Local = netip.AddrPortFrom(from, n.sourcePort)
	}
	if n.udp {
		return n.env.Host.Stack.DialUDP(n.network(), to, o)
	}
	ctx, cancel := context.WithCancelCause(n.ctx)
	defer cancel(nil)
	if n.timeout > 0 {
		stop := n.env.Host.AfterFunc(n.timeout, func() { cancel(rpdb.ETIMEDOUT) })
		defer stop()
	}
	c, err := n.env.Host.Stack.DialTCP(ctx, n.network(), to, o)
	if err != nil && errors.Is(context.Cause(ctx), rpdb.ETIMEDOUT) {
		err = rpdb.ETIMEDOUT
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// reason is what perror would say of an error.
func reason(err error) string {
	var errno rpdb.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

func (n *nc) hostName(a netip.Addr) string {
	if n.numeric {
		return a.String()
	}
	return hostName(a)
}

// note writes a message of -v.
func (n *nc) note(format string, args ...any) {
	if n.verbose {
		fmt.Fprintf(n.env.Stderr, format+"\n", args...)
	}
}

// talk copies input to the peer and what the peer sends to the output (readwrite): until
// the input has ended and the peer too, or, when it was the peer that connected, until
// the peer has ended.
func (n *nc) talk(c net.Conn) int {
	end := make(chan struct{})
	defer close(end)
	defer context.AfterFunc(n.ctx, func() { _ = c.Close() })()
	idle := n.idleTimer(c)
	defer idle.stop()
	heard, sent := make(chan error, 1), make(chan error, 1)
	go func() { heard <- n.hear(c, idle) }()
	if n.noInput {
		sent <- nil
	} else {
		go func() { sent <- n.say(c, idle) }()
	}
	inputEnded, peerEnded := false, false
	for !inputEnded || !peerEnded {
		select {
		case err := <-sent:
			inputEnded = true
			switch {
			case err != nil && (!n.udp || peerEnded):
				return n.ended()
			case n.shut:
				if w, ok := c.(interface{ CloseWrite() error }); ok {
					_ = w.CloseWrite()
				}
				if n.lingers {
					n.env.Host.AfterFunc(n.linger, func() { _ = c.Close() })
				}
				if n.udp {
					return n.ended()
				}
			}
		case err := <-heard:
			peerEnded = true
			if n.listen || err != nil && !errors.Is(err, io.EOF) {
				return n.ended()
			}
		}
	}
	return n.ended()
}

func (n *nc) ended() int {
	if n.ctx.Err() != nil {
		return 130
	}
	return 0
}

// hear copies what the peer sends.
func (n *nc) hear(c net.Conn, idle *idleTimer) error {
	buf := make([]byte, 65536)
	for {
		k, err := c.Read(buf)
		idle.touch()
		if k > 0 {
			if _, err := n.env.Stdout.Write(buf[:k]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// say copies the input to the peer.
func (n *nc) say(c net.Conn, idle *idleTimer) error {
	buf := make([]byte, 16384)
	for {
		k, err := n.env.Stdin.Read(buf)
		idle.touch()
		if k > 0 {
			if _, err := c.Write(buf[:k]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if n.interval > 0 && !n.env.Host.Sleep(n.ctx, n.interval) {
			return n.ctx.Err()
		}
	}
}

package stack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

func listen(t testing.TB, h *host, network, addr string, o Options) *TCPListener {
	t.Helper()
	l, err := h.stack.ListenTCP(network, addrPort("%s", addr), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t testing.TB, h *host, addr string, o Options) *TCPConn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := h.stack.DialTCP(ctx, "tcp", addrPort("%s", addr), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// pair opens a connection and returns both ends.
func pair(t testing.TB, from *host, l *TCPListener, addr string) (client, server *TCPConn) {
	t.Helper()
	got := make(chan *TCPConn, 1)
	go func() {
		c, err := l.AcceptTCP()
		if err != nil {
			t.Error(err)
		}
		got <- c
	}()
	client = dial(t, from, addr, Options{})
	server = <-got
	t.Cleanup(func() { server.Close() })
	return client, server
}

func TestTCPConversation(t *testing.T) {
	for _, test := range []struct{ name, network, server, addr, source string }{
		{"seed", "tcp4", "127.0.0.2:1234", "127.0.0.2:1234", "127.0.0.1"},
		{"lo6", "tcp6", "[::1]:1234", "[::1]:1234", "::1"},
		{"own address", "tcp4", "10.0.0.1:1234", "10.0.0.1:1234", "10.0.0.1"},
		{"dual stack", "tcp", "[::]:1234", "10.0.0.1:1234", "10.0.0.1"},
		{"to 0.0.0.0", "tcp4", "0.0.0.0:1234", "0.0.0.0:1234", "127.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, false)
			h := w.host("10.0.0.1", "fd00::1")
			l := listen(t, h, test.network, test.server, Options{})
			c, s := pair(t, h, l, test.addr)
			if got := c.LocalAddr().(*net.TCPAddr).IP.String(); got != test.source {
				t.Errorf("source %s, want %s", got, test.source)
			}
			if c.LocalAddr().String() != s.RemoteAddr().String() || s.LocalAddr().String() != c.RemoteAddr().String() {
				t.Errorf("ends differ: %v %v, %v %v", c.LocalAddr(), c.RemoteAddr(), s.LocalAddr(), s.RemoteAddr())
			}
			io.WriteString(c, "hello")
			c.CloseWrite()
			if b, err := io.ReadAll(s); string(b) != "hello" || err != nil {
				t.Fatalf("got %q, %v", b, err)
			}
			io.WriteString(s, "half-closed")
			s.Close()
			if b, err := io.ReadAll(c); string(b) != "half-closed" || err != nil {
				t.Fatalf("got %q, %v", b, err)
			}
		})
	}
}

func TestTCPTransfer(t *testing.T) {
	const size = 1 << 20
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	for _, test := range []struct {
		name      string
		delay     time.Duration
		loss      float64
		routerMTU int
		addr      string
	}{
		{"plain", 0, 0, 0, "10.0.0.2:80"},
		{"delay", 2 * time.Millisecond, 0, 0, "10.0.0.2:80"},
		{"loss", time.Millisecond, 0.01, 0, "10.0.0.2:80"},
		{"small MTU", 0, 0, 1280, "10.0.0.2:80"},
		{"small MTU, IPv6", 0, 0, 1300, "[fd00::2]:80"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, true)
			w.delay, w.loss, w.mtu = test.delay, test.loss, test.routerMTU
			a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "fd00::2")
			c, s := pair(t, a, listen(t, b, "tcp", "[::]:80", Options{}), test.addr)
			go func() {
				c.Write(data)
				c.CloseWrite()
			}()
			got, err := io.ReadAll(s)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes of %d, equal %v, %v", len(got), size, bytes.Equal(got, data), err)
			}
		})
	}
}

func TestTCPErrors(t *testing.T) {
	w := newWorld(t, true)
	a := w.host("10.0.0.1", "fd00::1")
	w.host("10.0.0.2")
	a.route = func(f *rpdb.Flow, p *Path) {
		switch f.Dst.String() {
		case "10.9.0.1":
			p.Err = rpdb.ENETUNREACH
		case "10.9.0.2":
			p.Err = rpdb.EHOSTUNREACH
		case "10.9.0.3":
			p.Err = rpdb.EACCES
		}
	}
	for _, test := range []struct {
		addr, local string
		errno       rpdb.Errno
		text        string
	}{
		{"10.0.0.2:81", "", rpdb.ECONNREFUSED, "dial tcp 10.0.0.2:81: connect: connection refused"},
		{"10.0.0.1:81", "", rpdb.ECONNREFUSED, "dial tcp 10.0.0.1:81: connect: connection refused"},
		{"10.9.0.1:81", "", rpdb.ENETUNREACH, "dial tcp 10.9.0.1:81: connect: network is unreachable"},
		{"10.9.0.2:81", "", rpdb.EHOSTUNREACH, "dial tcp 10.9.0.2:81: connect: no route to host"},
		{"10.9.0.3:81", "", rpdb.EACCES, "dial tcp 10.9.0.3:81: connect: permission denied"},
		{"10.0.0.255:81", "", rpdb.ENETUNREACH, "dial tcp 10.0.0.255:81: connect: network is unreachable"},
		{"10.0.0.2:81", "10.0.0.7:0", rpdb.EADDRNOTAVAIL, "dial tcp 10.0.0.7:0->10.0.0.2:81: bind: cannot assign requested address"},
		{"[fe80::2]:81", "", rpdb.EINVAL, "dial tcp [fe80::2]:81: connect: invalid argument"},
		{"10.0.0.99:81", "", rpdb.ETIMEDOUT, "dial tcp 10.0.0.99:81: connect: connection timed out"},
	} {
		var o Options
		if test.local != "" {
			o.Local = addrPort("%s", test.local)
		}
		began := a.Now()
		_, err := a.stack.DialTCP(context.Background(), "tcp", addrPort("%s", test.addr), o)
		if !errors.Is(err, test.errno) || err.Error() != test.text {
			t.Errorf("%s: got %v, want %s", test.addr, err, test.text)
		}
		if test.errno == rpdb.ETIMEDOUT {
			if d := a.Now().Sub(began); d != 131*time.Second {
				t.Errorf("connection timed out after %v, want 131s", d)
			}
			if n := len(w.packets(func(p []byte) bool { return p[9] == 6 && p[19] == 99 })); n != 11 {
				t.Errorf("%d SYNs, want 11", n)
			}
			if !err.(net.Error).Timeout() {
				t.Error("a timeout is not a timeout")
			}
		}
	}
	_, err := a.stack.DialTCP(context.Background(), "tcp", addrPort("10.0.0.2:81"), Options{})
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v is not syscall.ECONNREFUSED", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	w.virtual = false
	if _, err := a.stack.DialTCP(ctx, "tcp", addrPort("10.0.0.99:81"), Options{}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a deadline", err)
	}
}

func TestTCPUnreachableEndsConnect(t *testing.T) {
	w := newWorld(t, false)
	a := w.host("10.0.0.1")
	for code, want := range map[uint8]rpdb.Errno{0: rpdb.ENETUNREACH, 1: rpdb.EHOSTUNREACH, 3: rpdb.ECONNREFUSED, 13: rpdb.EHOSTUNREACH} {
		errs := make(chan error, 1)
		go func() {
			_, err := a.stack.DialTCP(context.Background(), "tcp", addrPort("10.0.0.99:81"), Options{})
			errs <- err
		}()
		var syn []byte
		for syn == nil {
			time.Sleep(time.Millisecond)
			if p := w.packets(segments(flagSYN, flagSYN|flagACK)); len(p) > 0 {
				syn = p[len(p)-1]
			}
		}
		w.after(0, func() { a.icmp(icmpUnreach, code, 0, syn) })
		if err := <-errs; !errors.Is(err, want) {
			t.Errorf("code %d: got %v, want %v", code, err, want.Name())
		}
		w.mu.Lock()
		w.sent = nil
		w.mu.Unlock()
	}
}

func TestTCPSYNOptions(t *testing.T) {
	for _, test := range []struct {
		name, addr string
		advMSS     int
		mss, win   uint16
		reply      uint16 // window of the SYN-ACK
	}{
		{"lo", "127.0.0.2:80", 0, 65495, 65495, 65483},
		{"lo6", "[::1]:80", 0, 65476, 65476, 65464},
		{"ethernet", "10.0.0.2:80", 0, 1460, 64240, 65160},
		{"ethernet6", "[fd00::2]:80", 0, 1440, 64800, 64260},
		{"advmss", "10.0.0.2:80", 1000, 1000, 65000, 65208},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, false)
			a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "fd00::2")
			for _, h := range w.hosts {
				h.route = func(_ *rpdb.Flow, p *Path) { p.AdvMSS = test.advMSS }
			}
			server := a
			if !a.has(addrPort("%s", test.addr).Addr()) {
				server = b
			}
			pair(t, a, listen(t, server, "tcp", "[::]:80", Options{}), test.addr)
			syn := w.packets(segments(flagSYN, flagSYN|flagACK))[0]
			_, n := upper(syn)
			seg := syn[n:]
			if got := be.Uint16(option(seg, optionMSS)); got != test.mss {
				t.Errorf("mss %d, want %d", got, test.mss)
			}
			if got := be.Uint16(seg[14:]); got != test.win {
				t.Errorf("win %d, want %d", got, test.win)
			}
			// mss, sackOK, TS, nop, wscale 10: as Linux orders them.
			kinds := []byte{seg[20], seg[24], seg[26], seg[36], seg[37], seg[39]}
			if want := []byte{2, 4, 8, 1, 3, 10}; !bytes.Equal(kinds, want) || len(seg) != 40 {
				t.Errorf("options %v, want %v; % x", kinds, want, seg[20:])
			}
			reply := w.packets(segments(flagSYN|flagACK, flagSYN|flagACK))[0]
			if got := be.Uint16(reply[n+14:]); got != test.reply {
				t.Errorf("win of the SYN-ACK %d, want %d", got, test.reply)
			}
			if n == ipv4Header && (syn[6] != 0x40 || syn[8] != 64 || reply[6] != 0x40 || be.Uint16(reply[4:]) != 0) {
				t.Errorf("headers % x, % x", syn[:n], reply[:n])
			}
		})
	}
}

func TestTCPSegmentsFitThePath(t *testing.T) {
	w := newWorld(t, false)
	a, b := w.host("10.0.0.1"), w.host("10.0.0.2")
	a.mtu = 1400 // both ways are limited by a's device
	c, s := pair(t, a, listen(t, b, "tcp", "10.0.0.2:80", Options{}), "10.0.0.2:80")
	for _, x := range [][2]*TCPConn{{c, s}, {s, c}} {
		go x[0].Write(make([]byte, 100000))
		if _, err := io.ReadFull(x[1], make([]byte, 100000)); err != nil {
			t.Fatal(err)
		}
	}
	longest := 0
	for _, p := range w.packets(func([]byte) bool { return true }) {
		longest = max(longest, len(p))
	}
	if longest != 1400 {
		t.Errorf("the longest packet has %d bytes, want 1400", longest)
	}
}

func TestTCPReset(t *testing.T) {
	w := newWorld(t, false)
	a := w.host("10.0.0.1")
	c, s := pair(t, a, listen(t, a, "tcp", "127.0.0.1:80", Options{}), "127.0.0.1:80")
	s.Abort()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, rpdb.ECONNRESET) {
		t.Errorf("read: %v, want ECONNRESET", err)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("second read: %v, want EOF", err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, rpdb.EPIPE) {
		t.Errorf("write: %v, want EPIPE", err)
	}
}

// A host that vanishes: what was sent is repeated for 924.6 seconds (tcp_retries2), then the
// connection has timed out; with a router that tells, it ends with what that told.
func TestTCPVanishedPeer(t *testing.T) {
	for _, told := range []bool{false, true} {
		w := newWorld(t, true)
		w.delay = time.Millisecond
		a, b := w.host("10.0.0.1"), w.host("10.0.0.2")
		c, _ := pair(t, a, listen(t, b, "tcp", "10.0.0.2:80", Options{}), "10.0.0.2:80")
		b.stack.Close()
		began := a.Now()
		io.WriteString(c, "hello")
		want := rpdb.ETIMEDOUT
		if told {
			want = rpdb.EHOSTUNREACH
			data := w.packets(segments(0x18, 0x18))
			w.after(time.Second, func() { a.icmp(icmpUnreach, 1, 0, data[len(data)-1]) })
		}
		_, err := c.Read(make([]byte, 1))
		if d := a.Now().Sub(began); !errors.Is(err, want) || d < 920*time.Second || d > 930*time.Second {
			t.Errorf("%v after %v, want %s", err, d, want.Name())
		}
	}
}

func TestTCPDeadlines(t *testing.T) {
	w := newWorld(t, true)
	a := w.host("10.0.0.1")
	l := listen(t, a, "tcp", "127.0.0.1:80", Options{})
	c, s := pair(t, a, l, "127.0.0.1:80")
	began := a.Now()
	c.SetReadDeadline(began.Add(time.Hour))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || a.Now().Sub(began) != time.Hour {
		t.Errorf("got %v after %v", err, a.Now().Sub(began))
	}
	c.SetReadDeadline(time.Time{})
	io.WriteString(s, "x")
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	l.SetDeadline(a.Now().Add(time.Minute))
	if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("accept: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		done <- err
	}()
	time.Sleep(time.Millisecond)
	c.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read of a closed connection: %v", err)
	}
}

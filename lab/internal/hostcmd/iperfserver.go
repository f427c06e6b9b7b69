package hostcmd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// serve is the server: one test after another.
func (p *iperf) serve() int {
	at := p.any()
	l, err := p.env.Host.Stack.ListenTCP("tcp", at, p.opts)
	if err != nil {
		return p.env.Failf(1, "error - unable to start listener for connections: %s", reason(err))
	}
	defer func() { _ = l.Close() }()
	defer context.AfterFunc(p.ctx, func() { _ = l.Close() })()
	for {
		p.tests++
		p.line("-----------------------------------------------------------")
		p.line("Server listening on %d (test #%d)", p.port, p.tests)
		p.line("-----------------------------------------------------------")
		control, err := l.AcceptTCP()
		if err != nil {
			return p.env.Failf(1, "interrupt - the server has terminated")
		}
		err = p.test(l, control)
		switch {
		case p.ctx.Err() != nil:
			return p.env.Failf(1, "interrupt - the server has terminated")
		case err != nil:
			p.env.Failf(1, "error - %v", err)
		}
		if p.once {
			if err != nil {
				return 1
			}
			return 0
		}
	}
}

// any is the address to listen on.
func (p *iperf) any() netip.AddrPort {
	a := p.bindTo
	if !a.IsValid() {
		if a = netip.IPv6Unspecified(); p.family == 4 {
			a = netip.IPv4Unspecified()
		}
	}
	return netip.AddrPortFrom(a, p.port)
}

var errGone = errors.New("the client has unexpectedly closed the connection")

// test serves one client.
func (p *iperf) test(l *stack.TCPListener, control *stack.TCPConn) error {
	t := &iperfTest{p: p, control: control}
	defer t.close()
	defer context.AfterFunc(p.ctx, t.close)()
	cookie := make([]byte, iperfCookie)
	if _, err := io.ReadFull(control, cookie); err != nil {
		return errGone
	}
	if t.state(iperfExchange) != nil || t.hear(&t.params) != nil {
		return errGone
	}
	q := &t.params
	if q.Parallel < 1 || q.Parallel > 128 || q.Len < iperfMinUDP || q.Len > 1<<20 || q.Time < 0 {
		_ = t.state(iperfError)
		return errors.New("the client's parameters make no test")
	}
	t.sends = q.Reverse
	peer, _ := netip.ParseAddrPort(control.RemoteAddr().String())
	p.line("Accepted connection from %s, port %d", peer.Addr().Unmap(), peer.Port())
	if err := t.accept(l, cookie); err != nil {
		return err
	}
	if t.state(iperfStart) != nil {
		return errGone
	}
	p.connected(t)
	t.run(p.ctx)
	defer t.finish()
	if t.state(iperfRunning) != nil {
		return errGone
	}
	for {
		s, err := t.await()
		if err != nil {
			return errGone
		}
		if s == iperfEnd {
			break
		}
	}
	t.finish()
	t.own = t.result(t.ended)
	if t.state(iperfResults) != nil || t.hear(&t.peer) != nil || t.tell(t.own) != nil || t.state(iperfDisplay) != nil {
		return errGone
	}
	_, _ = t.await()
	p.summary(t)
	return nil
}

// accept takes the streams of a client.
func (t *iperfTest) accept(l *stack.TCPListener, cookie []byte) error {
	var waiting *stack.UDPConn
	var err error
	if t.params.UDP {
		if waiting, err = t.listenUDP(); err != nil {
			return err
		}
		defer func() { _ = waiting.Close() }()
		defer context.AfterFunc(t.p.ctx, func() { _ = waiting.Close() })()
	}
	if t.state(iperfCreate) != nil {
		return errGone
	}
	for i := 0; i < t.params.Parallel; {
		s := &iperfStream{id: 5 + 2*i}
		if t.params.UDP {
			c, err := t.welcome(waiting)
			if err != nil {
				return err
			}
			if waiting, err = t.listenUDP(); err != nil {
				return err
			}
			s.conn = c
		} else {
			_ = l.SetDeadline(t.p.env.Host.Now().Add(10 * time.Second))
			c, err := l.AcceptTCP()
			_ = l.SetDeadline(time.Time{})
			if err != nil {
				return errGone
			}
			got := make([]byte, iperfCookie)
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, cookie) { // another client
				_, _ = c.Write([]byte{iperfDenied})
				_ = c.Close()
				continue
			}
			s.conn = c
		}
		t.streams = append(t.streams, s)
		i++
	}
	if waiting != nil {
		return waiting.Close()
	}
	return nil
}

func (t *iperfTest) listenUDP() (*stack.UDPConn, error) {
	o := t.p.opts
	o.ReuseAddr = true
	return t.p.env.Host.Stack.ListenUDP("udp", t.p.any(), o)
}

// welcome waits for the first datagram of a stream, and connects its socket.
func (t *iperfTest) welcome(c *stack.UDPConn) (*stack.UDPConn, error) {
	buf := make([]byte, 65536)
	_ = c.SetReadDeadline(t.p.env.Host.Now().Add(10 * time.Second))
	_, from, err := c.ReadFromUDPAddrPort(buf)
	if err == nil {
		err = c.Connect(from)
	}
	if err == nil {
		_, err = c.Write(binary.LittleEndian.AppendUint32(nil, iperfWelcome))
	}
	if err != nil {
		_ = c.Close()
		return nil, errGone
	}
	return c, c.SetReadDeadline(time.Time{})
}

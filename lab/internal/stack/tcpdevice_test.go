package stack

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// accepts tells which listener a connection comes to.
func accepts(t *testing.T, from *host, o Options, addr string, listeners map[string]*TCPListener) string {
	t.Helper()
	type got struct {
		name string
		c    *TCPConn
	}
	all := make(chan got, len(listeners))
	for name, l := range listeners {
		l.SetDeadline(time.Time{})
		go func() {
			c, err := l.AcceptTCP()
			if err != nil {
				name = ""
			}
			all <- got{name, c}
		}()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := from.stack.DialTCP(ctx, "tcp", addrPort("%s", addr), o)
	if err != nil {
		for _, l := range listeners {
			l.SetDeadline(time.Unix(1, 0))
		}
		for range listeners {
			<-all
		}
		if errors.Is(err, rpdb.ECONNREFUSED) {
			return "refused"
		}
		t.Fatal(err)
	}
	defer c.Close()
	first := <-all
	for _, l := range listeners {
		l.SetDeadline(time.Unix(1, 0))
	}
	for range len(listeners) - 1 {
		<-all
	}
	// The connection is one of its domain: data passes both ways.
	io.WriteString(first.c, "x")
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "x")
	if _, err := first.c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	first.c.Abort()
	return first.name
}

func TestTCPWhichListener(t *testing.T) {
	w := newWorld(t, false)
	a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "10.0.0.3", "fd00::2")
	ls := map[string]*TCPListener{
		"any":     listen(t, b, "tcp4", "0.0.0.0:80", Options{ReusePort: true}),
		"address": listen(t, b, "tcp4", "10.0.0.3:80", Options{ReusePort: true, Device: eth0}),
		"eth1":    listen(t, b, "tcp4", "0.0.0.0:80", Options{ReusePort: true, Device: eth1}),
		"eth1 v6": listen(t, b, "tcp6", "[::]:80", Options{Device: eth1}),
	}
	iif, sdif := eth0, 0
	b.arrival = func(in *Arrival, _ []byte) { in.IIF, in.SDIF = iif, sdif }
	check := func(addr, want string) {
		t.Helper()
		if got := accepts(t, a, Options{}, addr, ls); got != want {
			t.Errorf("%s on %d, %d: %s, want %s", addr, iif, sdif, got, want)
		}
	}
	check("10.0.0.2:80", "any")
	check("10.0.0.3:80", "address")
	check("[fd00::2]:80", "refused")
	iif = eth1
	check("10.0.0.2:80", "eth1")
	check("10.0.0.3:80", "eth1") // the address one is on another device
	check("[fd00::2]:80", "eth1 v6")
	iif, sdif = vrf, eth1
	check("10.0.0.2:80", "eth1")
	ls["vrf"] = listen(t, b, "tcp4", "0.0.0.0:80", Options{ReusePort: true, Device: vrf})
	check("10.0.0.2:80", "vrf") // the newest of those that fit equally
}

func TestTCPInVRF(t *testing.T) {
	w := newWorld(t, false)
	a, b := w.host("10.0.0.1"), w.host("10.0.0.2")
	ls := map[string]*TCPListener{"global": listen(t, b, "tcp4", "0.0.0.0:80", Options{})}
	b.arrival = func(in *Arrival, _ []byte) { in.IIF, in.SDIF = vrf, eth1 }
	if got := accepts(t, a, Options{}, "10.0.0.2:80", ls); got != "refused" {
		t.Errorf("without tcp_l3mdev_accept: %s", got)
	}
	rst := w.packets(segments(flagRST|flagACK, flagRST|flagACK))
	if len(rst) != 1 {
		t.Fatalf("%d resets", len(rst))
	}
	b.sysctls["net/ipv4/tcp_l3mdev_accept"] = "1"
	if got := accepts(t, a, Options{}, "10.0.0.2:80", ls); got != "global" {
		t.Errorf("with tcp_l3mdev_accept: %s", got)
	}
	// What the accepted connection sends is of the VRF.
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, p := range w.sent {
		if p[15] == 2 && w.metas[i].OIF != vrf { // from 10.0.0.2
			t.Errorf("packet %d has device %d, want the VRF", i, w.metas[i].OIF)
		}
	}
}

func TestTCPOptionsReachThePackets(t *testing.T) {
	w := newWorld(t, false)
	a, b := w.host("10.0.0.1"), w.host("10.0.0.2")
	l := listen(t, b, "tcp4", "10.0.0.2:8080", Options{Mark: 9, UID: 33, TOS: 0x20})
	accepts(t, a, Options{
		Mark: 7, UID: 1000, TOS: 0x48, TTL: 3, Device: eth0, Local: addrPort("10.0.0.1:1111"),
	}, "10.0.0.2:8080", map[string]*TCPListener{"": l})
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, p := range w.sent {
		m, tos, ttl := w.metas[i], p[1], p[8]
		if p[15] == 1 { // from the client
			if m.Mark != 7 || m.UID != 1000 || m.OIF != eth0 || tos != 0x48 || ttl != 3 || be.Uint16(p[20:]) != 1111 {
				t.Errorf("client, packet %d: %+v, tos %x, ttl %d, port %d", i, m, tos, ttl, be.Uint16(p[20:]))
			}
		} else if m.Mark != 9 || m.UID != 33 || m.OIF != 0 || tos != 0x20 || ttl != 64 {
			t.Errorf("server, packet %d: %+v, tos %x, ttl %d", i, m, tos, ttl)
		}
	}
}

func TestTCPSourceByRoute(t *testing.T) {
	w := newWorld(t, false)
	a, b := w.host("10.0.0.1", "10.0.0.11"), w.host("10.0.0.2")
	l := listen(t, b, "tcp4", "10.0.0.2:80", Options{})
	a.route = func(f *rpdb.Flow, p *Path) {
		if f.IPProto != rpdb.ProtoTCP || f.DPort != 80 {
			t.Errorf("flow %+v", f)
		}
		if f.Mark == 7 && f.Src.IsUnspecified() {
			p.Src = netip.MustParseAddr("10.0.0.11")
		}
	}
	c := dial(t, a, "10.0.0.2:80", Options{Mark: 7})
	if got := netip.MustParseAddrPort(c.LocalAddr().String()).Addr().String(); got != "10.0.0.11" {
		t.Errorf("source %s", got)
	}
	l.Close()
}

func TestResetOfAnIdleHost(t *testing.T) {
	w := newWorld(t, false)
	a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "fd00::2")
	for _, addr := range []string{"10.0.0.2:80", "[fd00::2]:80"} {
		if _, err := a.stack.DialTCP(context.Background(), "tcp", addrPort("%s", addr), Options{}); !errors.Is(err, rpdb.ECONNREFUSED) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if b.stack.tcp != nil {
		t.Error("a reset made a TCP stack")
	}
	syns, resets := w.packets(segments(flagSYN, 0xff)), w.packets(segments(flagRST|flagACK, 0xff))
	if len(syns) != 2 || len(resets) != 2 {
		t.Fatalf("%d SYNs, %d resets", len(syns), len(resets))
	}
	for i, p := range resets {
		proto, n := upper(p)
		a, _ := parse(p, proto, n)
		if be.Uint32(p[n+8:]) != be.Uint32(syns[i][n+4:])+1 || be.Uint32(p[n+4:]) != 0 || !a.valid(proto, a.upper) {
			t.Errorf("reset % x", p)
		}
	}
}

func TestSockets(t *testing.T) {
	w := newWorld(t, false)
	a, b := w.host("10.0.0.1"), w.host("10.0.0.2")
	l := listen(t, b, "tcp", "[::]:80", Options{Command: "nc", PID: 42, UID: 0, Backlog: 1})
	listenUDP(t, b, "udp4", "0.0.0.0:53", Options{Device: eth0})
	c, s := pair(t, a, l, "10.0.0.2:80")
	io.WriteString(c, "12345")
	peer := c.LocalAddr().String()
	find := func(state string) (found []Socket) {
		for _, x := range b.stack.Sockets() {
			if x.State == state {
				found = append(found, x)
			}
		}
		return found
	}
	for range 1000 {
		if e := find("ESTAB"); len(e) == 1 && e[0].RecvQ == 5 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if e := find("ESTAB"); len(e) != 1 || e[0].RecvQ != 5 || e[0].Local.String() != "10.0.0.2:80" || e[0].Remote.String() != peer || e[0].PID != 42 {
		t.Errorf("ESTAB %+v", e)
	}
	if e := find("LISTEN"); len(e) != 1 || e[0].SendQ != 1 || !e[0].Both || e[0].Command != "nc" {
		t.Errorf("LISTEN %+v", e)
	}
	if e := find("UNCONN"); len(e) != 1 || e[0].Device != eth0 || e[0].Local.Port() != 53 {
		t.Errorf("UNCONN %+v", e)
	}
	c.CloseWrite()
	io.ReadAll(s)
	if e := find("CLOSE-WAIT"); len(e) != 1 {
		t.Errorf("CLOSE-WAIT %+v", e)
	}
	s.Close()
	c.Close()
	for _, x := range a.stack.Sockets() {
		if x.State == "TIME-WAIT" && x.PID == 0 && x.Remote.String() == "10.0.0.2:80" {
			return
		}
	}
	for range 1000 {
		for _, x := range a.stack.Sockets() {
			if x.State == "TIME-WAIT" {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("no TIME-WAIT: %+v", a.stack.Sockets())
}

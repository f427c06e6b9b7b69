package stack

import (
	"context"
	"net/netip"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestSent asks for packets of sockets, and for packets that differ in a port, whether a
// socket sent them.
func TestSent(t *testing.T) {
	w := newWorld(t, true)
	a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "fd00::2")
	l, err := b.stack.ListenTCP("tcp", netip.MustParseAddrPort("10.0.0.2:80"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := a.stack.DialTCP(context.Background(), "tcp", netip.MustParseAddrPort("10.0.0.2:80"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, u := range []string{"10.0.0.2:7", "[fd00::2]:7"} {
		c, err := a.stack.DialUDP("udp", netip.MustParseAddrPort(u), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint8]bool{}
	for _, p := range w.packets(func(p []byte) bool {
		a, _ := parse(p, 0, len(p))
		return a.src.String() == "10.0.0.1" || a.src.String() == "fd00::1"
	}) {
		proto, n := upper(p)
		if proto != rpdb.ProtoTCP && proto != rpdb.ProtoUDP {
			continue
		}
		seen[proto] = true
		e := &ICMPError{Type: icmpUnreach, Code: icmpFragNeeded, Quoted: p, IIF: eth0}
		if p[0]>>4 == 6 {
			e.Type = icmp6TooBig
		}
		if !a.stack.Sent(e) {
			t.Errorf("% x was sent by a socket", p)
		}
		if b.stack.Sent(e) {
			t.Errorf("% x was not sent by the other host", p)
		}
		other := append([]byte(nil), p...)
		other[n]++ // the source port
		if e.Quoted = other; a.stack.Sent(e) {
			t.Errorf("% x was sent by no socket", other)
		}
		if e.Quoted, e.Type = p, icmp6Redirect; p[0]>>4 == 6 && a.stack.Sent(e) {
			t.Error("a redirect counts for a socket without a device")
		}
	}
	if !seen[rpdb.ProtoTCP] || !seen[rpdb.ProtoUDP] {
		t.Errorf("packets of both protocols were to be sent: %v", seen)
	}
}

package stack

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"github.com/rulewalk/rulewalk/rpdb"
)

// echo makes the host answer echo requests as the datapath does.
func (h *host) echo() {
	h.arrival = func(in *Arrival, p []byte) {
		v4 := in.Proto == rpdb.ProtoICMP
		if v4 && p[in.Upper] != icmpEcho || !v4 && (in.Proto != rpdb.ProtoICMPv6 || p[in.Upper] != icmp6Echo) {
			return
		}
		a, _ := parse(p, in.Proto, in.Upper)
		ip := ipHeader{src: a.dst, dst: a.src, proto: in.Proto, ttl: 64}
		r := append(make([]byte, ip.size()), a.upper...)
		ip.put(r)
		m := r[ip.size():]
		m[0], m[2], m[3] = icmpEchoReply, 0, 0
		if v4 {
			be.PutUint16(m[2:], ^checksum.Checksum(m, 0))
		} else {
			m[0] = icmp6EchoReply
			be.PutUint16(m[2:], ip.sum(m))
		}
		h.Output(r, Meta{})
	}
}

func TestPing(t *testing.T) {
	w := newWorld(t, true)
	w.delay = 5 * time.Millisecond
	a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "fd00::2")
	b.echo()
	for _, test := range []struct{ network, dst, src string }{
		{"ip4", "10.0.0.2", "10.0.0.1"}, {"ip6", "fd00::2", "fd00::1"},
	} {
		dst := netip.MustParseAddr(test.dst)
		c, err := a.stack.ListenPing(test.network, netip.Addr{}, 0x1234, Options{Mark: 5})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if src, err := c.Source(dst); err != nil || src.String() != test.src {
			t.Errorf("source %v, %v", src, err)
		}
		began := a.Now()
		if err := c.Send(dst, 3, []byte("payload"), PacketInfo{}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, r, err := c.ReadReply(buf)
		if err != nil || string(buf[:n]) != "payload" || r.Seq != 3 || r.From.Addr() != dst || r.TTL != 64 ||
			r.Time.Sub(began) != 10*time.Millisecond {
			t.Errorf("%q, %+v, %v", buf[:n], r, err)
		}
		// Another socket does not see it.
		d, err := a.stack.ListenPing(test.network, netip.Addr{}, 0, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		c.Send(dst, 4, nil, PacketInfo{})
		d.SetReadDeadline(a.Now().Add(time.Second))
		if _, _, err := d.ReadReply(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the other socket: %v", err)
		}
	}
}

func TestPingErrors(t *testing.T) {
	w := newWorld(t, true)
	a := w.host("10.0.0.1")
	c, err := a.stack.ListenPing("ip4", netip.Addr{}, 0, Options{RecvErr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Send(netip.MustParseAddr("10.0.0.2"), 9, []byte("x"), PacketInfo{TTL: 1})
	sent := w.packets(func([]byte) bool { return true })[0]
	if sent[8] != 1 {
		t.Errorf("ttl %d", sent[8])
	}
	a.stack.ICMPError(ICMPError{
		Offender: netip.MustParseAddr("10.0.0.254"), Type: icmpTimeExceeded, Quoted: sent, IIF: eth0, Time: a.Now(),
	})
	if data, failed, err := c.Wait(); data || !failed || err != nil {
		t.Errorf("%v %v %v", data, failed, err)
	}
	e, err := c.ReadError()
	if err != nil || e.Errno != rpdb.EHOSTUNREACH || e.Seq != 9 || e.Type != 11 || e.Offender.String() != "10.0.0.254" {
		t.Errorf("%+v, %v", e, err)
	}
	if err := c.Send(netip.MustParseAddr("10.0.0.255"), 9, nil, PacketInfo{}); !errors.Is(err, rpdb.EACCES) {
		t.Errorf("broadcast: %v", err)
	}
}

func TestRaw(t *testing.T) {
	w := newWorld(t, true)
	a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "fd00::2")
	recv, err := b.stack.ListenRaw("ip4", 89, netip.Addr{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer recv.Close()
	send, err := a.stack.ListenRaw("ip4", 89, netip.Addr{}, Options{TTL: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer send.Close()
	if err := send.Send(netip.MustParseAddr("10.0.0.2"), []byte("hello"), PacketInfo{}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, m, err := recv.Read(buf)
	if err != nil || n != 25 || string(buf[20:25]) != "hello" || m.TTL != 1 || m.From.Addr().String() != "10.0.0.1" {
		t.Errorf("% x, %+v, %v", buf[:n], m, err)
	}
	whole, err := a.stack.ListenRaw("ip4", protoRaw, netip.Addr{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	p := make([]byte, 24)
	ip := ipHeader{src: netip.MustParseAddr("10.7.7.7"), dst: netip.MustParseAddr("10.0.0.2"), proto: 89, ttl: 5}
	ip.put(p)
	if err := whole.Send(ip.dst, p, PacketInfo{}); err != nil {
		t.Fatal(err)
	}
	if _, m, err := recv.Read(buf); err != nil || m.From.Addr() != ip.src || m.TTL != 5 {
		t.Errorf("%+v, %v", m, err)
	}
	// Protocols that nobody takes are the datapath's to refuse.
	if b.stack.Deliver(slices.Clone(p), Arrival{IIF: eth0, Proto: 132, Upper: 20, Type: rpdb.Local}) {
		t.Error("SCTP was wanted")
	}
}

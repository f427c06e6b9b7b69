package datapath

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// udp4 is a UDP datagram for tests.
func udp4(src, dst string, ttl uint8, n int, df bool) []byte {
	p := new(Engine).build4(netip.MustParseAddr(src), netip.MustParseAddr(dst), rpdb.ProtoUDP, 0, ttl, 8+n)
	b := p.data()
	put16(b[20:], 4000)
	put16(b[22:], 9)
	put16(b[24:], uint16(8+n))
	put16(b[26:], 0)
	if df {
		b[6] |= 0x40
	}
	sealIP4(b)
	return b
}

func echo4(src, dst string, ttl uint8) []byte {
	p := new(Engine).build4(netip.MustParseAddr(src), netip.MustParseAddr(dst), rpdb.ProtoICMP, 0, ttl, 8+56)
	b := p.data()
	m := b[20:]
	clear(m)
	m[0] = icmpEcho
	put16(m[2:], checksum(m))
	sealIP4(b)
	return b
}

func threeHosts(t *testing.T) *lab {
	l := newLab(t, "a", "r", "b")
	l.join("a", "va", "r", "ra")
	l.join("r", "rb", "b", "vb")
	l.ip("a", "addr add 10.0.1.2/24 dev va", "route add default via 10.0.1.1")
	l.ip("r", "addr add 10.0.1.1/24 dev ra", "addr add 10.0.2.1/24 dev rb")
	l.ip("b", "addr add 10.0.2.2/24 dev vb", "route add default via 10.0.2.1")
	l.set("r", "net.ipv4.ip_forward", "1")
	return l
}

func TestEchoThroughRouter(t *testing.T) {
	l := threeHosts(t)
	a, box := l.host("a")
	a.Output(echo4("10.0.1.2", "10.0.2.2", 64), stack.Meta{})
	l.pass(time.Second)
	got, _ := box.take()
	if len(got) != 1 {
		t.Fatalf("%d packets, want the reply", len(got))
	}
	if b := got[0]; b[9] != 1 || b[20] != icmpEchoReply || b[8] != 63 || src4(b) != netip.MustParseAddr("10.0.2.2") {
		t.Errorf("reply: %x", b)
	}
	if n := l.ip("a", "neigh show"); n != "10.0.1.1 dev va lladdr "+mac(l, "r", "ra")+" REACHABLE \n" {
		t.Errorf("neighbours of a: %q", n)
	}
}

func mac(l *lab, host, dev string) string {
	h := l.e.Host(l.spaces[host])
	d, _ := h.Link(0, dev)
	a := h.ns.View().Device(d.Index).Address
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5])
}

func TestErrors4(t *testing.T) {
	l := threeHosts(t)
	a, box := l.host("a")
	for _, c := range []struct {
		name      string
		packet    []byte
		from      string
		typ, code uint8
		info      uint32
		setup     string
	}{
		{name: "ttl", packet: echo4("10.0.1.2", "10.0.2.2", 1), from: "10.0.1.1", typ: icmpTimeExceeded},
		{name: "no route", packet: echo4("10.0.1.2", "10.9.9.9", 64), from: "10.0.1.1", typ: icmpUnreach, code: unreachNet},
		{name: "no host", packet: echo4("10.0.1.2", "10.0.2.77", 64), from: "10.0.1.1", typ: icmpUnreach, code: unreachHost},
		{name: "too big", packet: udp4("10.0.1.2", "10.0.2.2", 64, 1300, true), from: "10.0.1.1", typ: icmpUnreach, code: unreachFragNeeded, info: 1000, setup: "link set rb mtu 1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.setup != "" {
				l.ip("r", c.setup)
			}
			a.Output(c.packet, stack.Meta{})
			l.pass(10 * time.Second)
			_, errs := box.take()
			if len(errs) != 1 {
				t.Fatalf("%d errors, want 1", len(errs))
			}
			if e := errs[0]; e.Offender.String() != c.from || e.Type != c.typ || e.Code != c.code || e.Info != c.info {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestFragments4(t *testing.T) {
	l := threeHosts(t)
	l.ip("r", "link set rb mtu 576")
	a, _ := l.host("a")
	_, box := l.host("b")
	a.Output(udp4("10.0.1.2", "10.0.2.2", 64, 1400, false), stack.Meta{})
	l.pass(time.Second)
	got, _ := box.take()
	if len(got) != 1 || len(got[0]) != 1428 {
		t.Fatalf("%d packets, want one of 1428 bytes", len(got))
	}
}

func BenchmarkForward4(b *testing.B) {
	for _, routers := range []int{1, 10} {
		b.Run(fmt.Sprintf("routers=%d", routers), func(b *testing.B) { benchChain(b, routers, false) })
	}
}

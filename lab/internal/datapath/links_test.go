package datapath

import (
	"fmt"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// ping sends an echo request and reports whether exactly one reply came.
func (l *lab) ping(t *testing.T, host, src, dst string) {
	t.Helper()
	h, box := l.host(host)
	h.Output(echo4(src, dst, 64), stack.Meta{})
	l.pass(time.Second)
	got, errs := box.take()
	replies := 0
	for _, b := range got {
		if b[9] == 1 && b[20] == icmpEchoReply {
			replies++
		}
	}
	if replies != 1 {
		t.Errorf("%s pings %s: %d replies, errors %v", host, dst, replies, errs)
	}
}

func TestVLAN(t *testing.T) {
	l := newLab(t, "a", "b")
	l.join("a", "va", "b", "vb")
	l.ip("a", "link add link va name v10 type vlan id 10", "link set v10 up", "addr add 10.0.10.1/24 dev v10")
	l.ip("b", "link add link vb name v10 type vlan id 10", "link set v10 up", "addr add 10.0.10.2/24 dev v10")
	l.ping(t, "a", "10.0.10.1", "10.0.10.2")
}

func TestVRF(t *testing.T) {
	l := newLab(t, "a", "r", "b")
	l.join("a", "va", "r", "ra")
	l.join("r", "rb", "b", "vb")
	l.ip("r", "link add red type vrf table 10", "link set red up", "link set ra master red", "link set rb master red",
		"addr add 10.0.1.1/24 dev ra", "addr add 10.0.2.1/24 dev rb")
	l.ip("a", "addr add 10.0.1.2/24 dev va", "route add default via 10.0.1.1")
	l.ip("b", "addr add 10.0.2.2/24 dev vb", "route add default via 10.0.2.1")
	l.set("r", "net.ipv4.ip_forward", "1")
	l.ping(t, "a", "10.0.1.2", "10.0.2.2")
	l.ping(t, "a", "10.0.1.2", "10.0.1.1")
	l.ping(t, "a", "10.0.1.2", "10.0.2.1")
}

func TestBridge(t *testing.T) {
	l := newLab(t, "a", "b", "c", "s")
	l.ip("s", "link add sw type bridge", "link set sw up", "addr add 10.0.0.254/24 dev sw")
	for i, h := range []string{"a", "b", "c"} {
		l.join(h, "v"+h, "s", "p"+h)
		l.ip("s", "link set p"+h+" master sw")
		l.ip(h, fmt.Sprintf("addr add 10.0.0.%d/24 dev v%s", i+1, h))
	}
	l.ping(t, "a", "10.0.0.1", "10.0.0.2")
	l.ping(t, "a", "10.0.0.1", "10.0.0.254")
	l.ping(t, "s", "10.0.0.254", "10.0.0.3")
	// What is learned is not flooded.
	c, _ := l.host("c")
	heard := 0
	stop := c.Tap(0, func(Frame) { heard++ })
	l.ping(t, "a", "10.0.0.1", "10.0.0.2")
	stop()
	if heard != 0 {
		t.Errorf("c hears %d frames between a and b", heard)
	}
}

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
		if b[0]>>4 == 4 && b[9] == 1 && b[20] == icmpEchoReply {
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
	stop := c.Tap(0, func(f Frame) {
		if be16(f.Data[12:]) == protoIPv4 {
			heard++
		}
	})
	l.ping(t, "a", "10.0.0.1", "10.0.0.2")
	stop()
	if heard != 0 {
		t.Errorf("c hears %d frames between a and b", heard)
	}
}

func TestMacvlan(t *testing.T) {
	l := newLab(t, "a", "b", "c")
	l.join("a", "va", "b", "vb")
	l.ip("b", "link add link vb name m1 type macvlan mode bridge", "link set m1 up", "addr add 10.0.0.2/24 dev m1")
	l.ip("b", "link add link vb name m2 netns c type macvlan mode bridge")
	l.ip("c", "link set m2 up", "addr add 10.0.0.3/24 dev m2")
	l.ip("a", "addr add 10.0.0.1/24 dev va")
	l.ping(t, "a", "10.0.0.1", "10.0.0.2")
	l.ping(t, "a", "10.0.0.1", "10.0.0.3")
	l.ping(t, "b", "10.0.0.2", "10.0.0.3")
}

// TestTunnels joins two networks over a router by a tunnel of each kind.
func TestTunnels(t *testing.T) {
	for _, c := range []struct{ kind, a, b string }{
		{"ipip", "type ipip local 10.0.1.2 remote 10.0.2.2", "type ipip local 10.0.2.2 remote 10.0.1.2"},
		{"gre", "type gre local 10.0.1.2 remote 10.0.2.2", "type gre local 10.0.2.2 remote 10.0.1.2"},
		{"gre with key, checksum and sequence", "type gre local 10.0.1.2 remote 10.0.2.2 key 7 csum seq", "type gre local 10.0.2.2 remote 10.0.1.2 key 7 csum seq"},
		{"gretap", "type gretap local 10.0.1.2 remote 10.0.2.2", "type gretap local 10.0.2.2 remote 10.0.1.2"},
		{"ip6tnl", "type ip6tnl mode any local 2001:db8:1::2 remote 2001:db8:2::2", "type ip6tnl mode any local 2001:db8:2::2 remote 2001:db8:1::2"},
		{"vxlan", "type vxlan id 42 dstport 4789 local 10.0.1.2 remote 10.0.2.2", "type vxlan id 42 dstport 4789 local 10.0.2.2 remote 10.0.1.2"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			l := threeHosts(t)
			l.set("r", "net.ipv6.conf.all.forwarding", "1")
			l.ip("a", "addr add 2001:db8:1::2/64 dev va nodad", "route add 2001:db8:2::/64 via 2001:db8:1::1")
			l.ip("r", "addr add 2001:db8:1::1/64 dev ra nodad", "addr add 2001:db8:2::1/64 dev rb nodad")
			l.ip("b", "addr add 2001:db8:2::2/64 dev vb nodad", "route add 2001:db8:1::/64 via 2001:db8:2::1")
			l.ip("a", "link add tun "+c.a, "link set tun up", "addr add 192.168.0.1/24 dev tun")
			l.ip("b", "link add tun "+c.b, "link set tun up", "addr add 192.168.0.2/24 dev tun")
			l.ping(t, "a", "192.168.0.1", "192.168.0.2")
			l.ping(t, "b", "192.168.0.2", "192.168.0.1")
			// A packet that does not fit is told of.
			h, box := l.host("a")
			h.Output(udp4("192.168.0.1", "192.168.0.2", 64, 1472, true), stack.Meta{})
			l.pass(time.Second)
			if _, errs := box.take(); len(errs) != 1 || errs[0].Type != icmpUnreach || errs[0].Code != unreachFragNeeded {
				t.Errorf("errors: %+v", errs)
			}
		})
	}
}

package datapath

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// packet6 is an IPv6 packet for tests.
func packet6(src, dst string, proto, hops uint8, payload []byte) []byte {
	p := new(Engine).build6(netip.MustParseAddr(src), netip.MustParseAddr(dst), proto, 0, hops, len(payload))
	copy(p.data()[ip6Len:], payload)
	return p.data()
}

// udp6 is a UDP datagram for tests.
func udp6(src, dst string, hops uint8, n int) []byte {
	m := make([]byte, 8+n)
	put16(m, 4000)
	put16(m[2:], 9)
	put16(m[4:], uint16(len(m)))
	b := packet6(src, dst, rpdb.ProtoUDP, hops, m)
	put16(b[ip6Len+6:], fold(sum(b[ip6Len:], pseudo(src6(b), dst6(b), rpdb.ProtoUDP, len(m)))))
	return b
}

func echo6(src, dst string, hops uint8, n int) []byte {
	m := make([]byte, 8+n)
	m[0] = icmp6Echo
	b := packet6(src, dst, rpdb.ProtoICMPv6, hops, m)
	sealICMP6(b, b[ip6Len:])
	return b
}

func threeHosts6(t *testing.T) *lab {
	l := newLab(t, "a", "r", "b")
	l.join("a", "va", "r", "ra")
	l.join("r", "rb", "b", "vb")
	l.ip("a", "addr add 2001:db8:1::2/64 dev va", "route add default via 2001:db8:1::1")
	l.ip("r", "addr add 2001:db8:1::1/64 dev ra", "addr add 2001:db8:2::1/64 dev rb")
	l.ip("b", "addr add 2001:db8:2::2/64 dev vb", "route add default via 2001:db8:2::1")
	l.set("r", "net.ipv6.conf.all.forwarding", "1")
	return l
}

// linkLocal is the link-local address of a device.
func (l *lab) linkLocal(host, dev string) string {
	out := l.ip(host, "-6 -o addr show dev "+dev+" scope link")
	return strings.Split(strings.Fields(out)[3], "/")[0]
}

func TestEchoThroughRouter6(t *testing.T) {
	l := threeHosts6(t)
	a, box := l.host("a")
	a.Output(echo6("2001:db8:1::2", "2001:db8:2::2", 64, 56), stack.Meta{})
	l.pass(time.Second)
	got, _ := box.take()
	var reply []byte
	for _, b := range got {
		if b[ip6Len] == icmp6EchoReply {
			reply = b
		}
	}
	if reply == nil {
		t.Fatalf("no reply among %d packets", len(got))
	}
	if reply[7] != 63 || src6(reply) != netip.MustParseAddr("2001:db8:2::2") || len(reply) != ip6Len+64 {
		t.Errorf("reply: %x", reply)
	}
	want := "2001:db8:1::1 dev va lladdr " + mac(l, "r", "ra") + " router REACHABLE \n"
	if n := l.ip("a", "-6 neigh show"); n != want {
		t.Errorf("neighbours of a: %q, want %q", n, want)
	}
	want = "2001:db8:1::2 dev ra lladdr " + mac(l, "a", "va") + " STALE \n"
	if n := l.ip("r", "-6 neigh show dev ra"); !strings.Contains(n, "2001:db8:1::2 lladdr "+mac(l, "a", "va")) {
		t.Errorf("neighbours of r: %q, want %q", n, want)
	}
}

func TestErrors6(t *testing.T) {
	l := threeHosts6(t)
	a, box := l.host("a")
	ll := l.linkLocal("a", "va")
	for _, c := range []struct {
		name      string
		packet    []byte
		from      string
		typ, code uint8
		info      uint32
		setup     string
	}{
		{name: "hops", packet: echo6("2001:db8:1::2", "2001:db8:2::2", 1, 0), from: "2001:db8:1::1", typ: icmp6TimeExceeded},
		{name: "no route", packet: echo6("2001:db8:1::2", "2001:db8:9::9", 64, 0), from: "2001:db8:1::1", typ: icmp6Unreach, code: unreach6Route},
		{name: "prohibited", packet: echo6("2001:db8:1::2", "2001:db8:8::9", 64, 0), from: "2001:db8:1::1", typ: icmp6Unreach, code: unreach6Prohibited, setup: "route add prohibit 2001:db8:8::/64"},
		{name: "no neighbour", packet: echo6("2001:db8:1::2", "2001:db8:2::77", 64, 0), from: "2001:db8:1::1", typ: icmp6Unreach, code: unreach6Addr},
		{name: "beyond scope", packet: echo6(ll, "2001:db8:2::2", 64, 0), from: "LL", typ: icmp6Unreach, code: unreach6Scope},
		{name: "no port", packet: func() []byte {
			b := udp6("2001:db8:1::2", "2001:db8:2::2", 64, 3)
			put16(b[42:], 7)
			put16(b[46:], 0)
			put16(b[46:], fold(sum(b[40:], pseudo(src6(b), dst6(b), 17, 11))))
			return b
		}(), from: "2001:db8:2::2", typ: icmp6Unreach, code: unreach6Port},
		{name: "too big", packet: udp6("2001:db8:1::2", "2001:db8:2::2", 64, 1400), from: "2001:db8:1::1", typ: icmp6TooBig, info: 1300, setup: "link set rb mtu 1300"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.setup != "" {
				l.ip("r", c.setup)
			}
			box.take()
			m := stack.Meta{}
			if src6(c.packet).IsLinkLocalUnicast() {
				m.OIF = l.spaces["a"].View().Devices[1].Index
			}
			a.Output(c.packet, m)
			l.pass(10 * time.Second)
			_, errs := box.take()
			if len(errs) != 1 {
				t.Fatalf("%d errors, want 1", len(errs))
			}
			e := errs[0]
			if c.from == "LL" {
				c.from = l.linkLocal("r", "ra")
			}
			if e.Offender.String() != c.from || e.Type != c.typ || e.Code != c.code || e.Info != c.info {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestPathMTU6(t *testing.T) {
	l := threeHosts6(t)
	l.ip("r", "link set rb mtu 1300")
	a, _ := l.host("a")
	_, box := l.host("b")
	a.Output(udp6("2001:db8:1::2", "2001:db8:2::2", 64, 1400), stack.Meta{IgnoreDF: true})
	l.pass(time.Second)
	if p := a.Route(&rpdb.Flow{Dst: netip.MustParseAddr("2001:db8:2::2")}); p.MTU != 1300 {
		t.Errorf("the MTU of the path is %d, want 1300", p.MTU)
	}
	box.take()
	a.Output(udp6("2001:db8:1::2", "2001:db8:2::2", 64, 1400), stack.Meta{IgnoreDF: true})
	l.pass(time.Second)
	got, _ := box.take()
	for _, b := range got {
		if b[nextHeader6] == rpdb.ProtoUDP && len(b) == ip6Len+1408 {
			return
		}
	}
	t.Fatalf("no whole datagram among %d packets", len(got))
}

func TestLinkLocal6(t *testing.T) {
	l := newLab(t, "a", "b")
	l.join("a", "va", "b", "vb")
	a, box := l.host("a")
	oif := l.spaces["a"].View().Devices[1].Index
	src := l.linkLocal("a", "va")
	for _, dst := range []string{l.linkLocal("b", "vb"), "ff02::1", src} {
		box.take()
		a.Output(echo6(src, dst, 64, 8), stack.Meta{OIF: oif})
		l.pass(time.Second)
		got, _ := box.take()
		replies := map[netip.Addr]int{}
		for _, b := range got {
			if b[ip6Len] == icmp6EchoReply {
				replies[src6(b)]++
			}
		}
		want := 1
		if dst == "ff02::1" {
			want = 2 // this host answers itself
		}
		if len(replies) != want {
			t.Errorf("%s: replies of %v, want %d", dst, replies, want)
		}
	}
}

func TestVia6(t *testing.T) {
	l := newLab(t, "a", "b")
	l.join("a", "va", "b", "vb")
	l.ip("a", "addr add 10.0.0.1/32 dev va")
	l.ip("b", "addr add 10.0.0.2/32 dev vb")
	l.ip("a", "route add 10.0.0.2 via inet6 "+l.linkLocal("b", "vb")+" dev va")
	l.ip("b", "route add 10.0.0.1 via inet6 "+l.linkLocal("a", "va")+" dev vb")
	a, box := l.host("a")
	a.Output(echo4("10.0.0.1", "10.0.0.2", 64), stack.Meta{})
	l.pass(time.Second)
	got, _ := box.take()
	for _, b := range got {
		if b[0]>>4 == 4 && b[20] == icmpEchoReply {
			return
		}
	}
	t.Fatalf("no reply; neighbours: %s", l.ip("a", "neigh show"))
}

func TestVRF6(t *testing.T) {
	l := newLab(t, "a", "r", "b")
	l.join("a", "va", "r", "ra")
	l.join("r", "rb", "b", "vb")
	l.ip("r", "link add red type vrf table 10", "link set red up", "link set ra master red", "link set rb master red",
		"-6 addr add fd01::1/64 dev ra", "-6 addr add fd02::1/64 dev rb")
	l.ip("a", "-6 addr add fd01::2/64 dev va", "-6 route add default via fd01::1")
	l.ip("b", "-6 addr add fd02::2/64 dev vb", "-6 route add default via fd02::1")
	l.set("r", "net.ipv6.conf.all.forwarding", "1")
	a, box := l.host("a")
	oif := l.spaces["a"].View().Devices[1].Index
	for _, c := range []struct{ src, dst, from string }{
		{"fd01::2", "fd02::2", "fd02::2"},
		{"fd01::2", "fd01::1", "fd01::1"},
		{"fd01::2", "fd02::1", "fd02::1"},
		{l.linkLocal("a", "va"), l.linkLocal("r", "ra"), l.linkLocal("r", "ra")},
		{l.linkLocal("a", "va"), "ff02::2", l.linkLocal("r", "ra")},
	} {
		box.take()
		a.Output(echo6(c.src, c.dst, 64, 8), stack.Meta{OIF: oif})
		l.pass(time.Second)
		got, errs := box.take()
		found := false
		for _, b := range got {
			found = found || b[ip6Len] == icmp6EchoReply && src6(b).String() == c.from
		}
		if !found {
			t.Errorf("%s > %s: no reply among %d packets, errors %v", c.src, c.dst, len(got), errs)
		}
	}
	a.Output(echo6("fd01::2", "fd09::9", 64, 8), stack.Meta{})
	l.pass(time.Second)
	if _, errs := box.take(); len(errs) != 1 || errs[0].Type != icmp6Unreach || errs[0].Offender.String() != "fd01::1" {
		t.Errorf("errors of a VRF without route: %v", errs)
	}
}

func TestListenerReports(t *testing.T) {
	l := newLab(t, "a", "b")
	l.ip("a", "link add va type veth peer name vb netns b")
	b := l.e.Host(l.spaces["b"])
	vb, _ := b.Link(0, "vb")
	l.ip("b", "link set vb up")
	records := map[netip.Addr]int{}
	stop := b.Tap(vb.Index, func(f Frame) {
		p := f.Data[etherLen:]
		if f.Direction != In || be16(f.Data[12:]) != protoIPv6 || p[6] != protoHopByHop || p[48] != mldReport2 {
			return
		}
		for m := p[56:]; len(m) >= mldRecordLen; m = m[mldRecordLen:] {
			if m[0] == mldToExclude {
				records[addr16(m[4:])]++
			}
		}
	})
	l.ip("a", "link set va up", "addr add 2001:db8::77:1/64 dev va")
	l.pass(3 * time.Second)
	stop()
	for _, g := range []netip.Addr{netip.MustParseAddr("ff02::1:ff77:1"), solicited6(netip.MustParseAddr(l.linkLocal("a", "va")))} {
		// As often again when the link-local address is valid (ipv6_mc_dad_complete).
		if records[g] < mldRobustness || records[g] > 2*mldRobustness {
			t.Errorf("%s was told of %d times, want %d to %d", g, records[g], mldRobustness, 2*mldRobustness)
		}
	}
	if records[allNodes6] != 0 {
		t.Error("all nodes were told of")
	}
}

func BenchmarkForward6(b *testing.B) {
	for _, routers := range []int{1, 10} {
		b.Run(fmt.Sprintf("routers=%d", routers), func(b *testing.B) { benchChain(b, routers, true) })
	}
}

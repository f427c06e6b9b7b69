package netdb

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	n := New(strings.NewReader("# comment\nhttp\t80/tcp\twww # WWW\nhttp 80/udp\ndomain 53/udp\nother 80/tcp\nbad x/tcp\nshort\n"),
		strings.NewReader("127.0.0.1 localhost lo\n::1 localhost ip6-localhost\n10.0.0.1 gw\nnonsense gw\n"))
	if s, ok := n.Service(80, "tcp"); s != "http" || !ok {
		t.Errorf("80/tcp is %q, %v", s, ok)
	}
	if _, ok := n.Service(53, "tcp"); ok {
		t.Error("53/tcp has a name")
	}
	if p, ok := n.Port("www", "tcp"); p != 80 || !ok {
		t.Errorf("www is %d, %v", p, ok)
	}
	if _, ok := n.Port("www", "udp"); ok {
		t.Error("www/udp has a port")
	}
	lo, lo6 := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	if a := n.Host("localhost"); len(a) != 2 || a[0] != lo || a[1] != lo6 {
		t.Errorf("localhost is %v", a)
	}
	if s, ok := n.HostName(lo); s != "localhost" || !ok {
		t.Errorf("%v is %q, %v", lo, s, ok)
	}
	for name, want := range map[string]uint8{"tcp": 6, "ipv6-icmp": 58, "ip": 0, "l2tp": 115, "ospf": 89} {
		if p, ok := n.Protocol(name); p != want || !ok {
			t.Errorf("protocol %s is %d, %v", name, p, ok)
		}
	}
	for _, name := range []string{"", "nonsense"} {
		if _, ok := n.Protocol(name); ok {
			t.Errorf("protocol %q is known", name)
		}
	}
}

func TestNoNames(t *testing.T) {
	var n *Names
	_, service := n.Service(80, "tcp")
	_, port := n.Port("http", "tcp")
	_, host := n.HostName(netip.MustParseAddr("127.0.0.1"))
	if service || port || host || n.Host("localhost") != nil || n.ProtocolName(6) != "" {
		t.Error("nobody knows a name")
	}
	if p, ok := n.Protocol("tcp"); p != 6 || !ok {
		t.Error("protocols are always known")
	}
}

package lab_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
)

// two are two hosts with a cable between them, on a virtual clock.
func two(t *testing.T, c netns.Config) (world *lab.Server, a, b *lab.Host) {
	t.Helper()
	world, err := lab.NewServer("two", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	world.StandStill()
	var hosts []*lab.Host
	for _, name := range []string{"a", "b"} {
		if _, err := world.AddHost(name); err != nil {
			t.Fatal(err)
		}
		h, err := world.Host(name)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	if err := lab.Link(hosts[0], "eth0", hosts[1], "eth0"); err != nil {
		t.Fatal(err)
	}
	return world, hosts[0], hosts[1]
}

// prints fails unless what a command prints holds a text.
func prints(t *testing.T, h *lab.Host, line, text string) {
	t.Helper()
	out, err := h.Command(line)
	if err != nil || !strings.Contains(out, text) {
		t.Errorf("%s: no %q in\n%s%v", line, text, out, err)
	}
}

// reload is a world that was saved and made again, and its hosts.
func reload(t *testing.T, world *lab.Server, names ...string) (hosts []*lab.Host) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "w.world")
	if _, err := world.Save(file); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	again, err := lab.LoadServer("again", f, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	for _, n := range names {
		h, err := again.Host(n)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	return hosts
}

func TestCut(t *testing.T) {
	world, a, b := two(t, netns.Config{})
	command(t, a, "ip addr add 10.0.0.1/24 dev eth0", "ip route add default via 10.0.0.2")
	command(t, b, "ip addr add 10.0.0.2/24 dev eth0", "ping -c 1 10.0.0.1")
	if err := b.Cut("eth0"); err != nil {
		t.Fatal(err)
	}
	for _, h := range append(reload(t, world, "a"), a) {
		prints(t, h, "ip link show eth0", "<NO-CARRIER,BROADCAST,MULTICAST,UP")
		prints(t, h, "ip route", "default via 10.0.0.2 dev eth0 linkdown")
		prints(t, h, "ip link set eth0 down", "")
		prints(t, h, "ip link set eth0 up", "")
		prints(t, h, "ip link show eth0", "NO-CARRIER")
	}
	if _, err := a.Command("ping -c 1 -w 2 10.0.0.2"); err == nil {
		t.Error("an answer comes by a cable that is cut")
	}
	if err := a.Mend("eth0"); err != nil {
		t.Fatal(err)
	}
	prints(t, b, "ping -c 1 10.0.0.1", "1 received")
	if err := a.Cut("lo"); err == nil {
		t.Error("lo has a cable")
	}
}

// TestDuplicateAddress gives an address to two hosts, of which the second finds out.
func TestDuplicateAddress(t *testing.T) {
	world, a, b := two(t, netns.Config{DAD: true, Seed: 3})
	command(t, a, "ip addr add 2001:db8::1/64 dev eth0")
	prints(t, a, "ip addr show dev eth0", "inet6 2001:db8::1/64 scope global tentative")
	if err := world.Sleep(context.Background(), 3*time.Second); err != nil {
		t.Fatal(err)
	}
	prints(t, a, "ip addr show dev eth0", "inet6 2001:db8::1/64 scope global \n")
	command(t, b, "ip addr add 2001:db8::1/64 dev eth0", "ip addr add 2001:db8::2/64 dev eth0")
	if err := world.Sleep(context.Background(), 3*time.Second); err != nil {
		t.Fatal(err)
	}
	prints(t, a, "ping -c 1 2001:db8::2", "1 received")
	for _, h := range append(reload(t, world, "b"), b) {
		prints(t, h, "ip addr show dev eth0", "inet6 2001:db8::1/64 scope global dadfailed tentative")
	}
}

// TestNames pings hosts by their names.
func TestNames(t *testing.T) {
	world, a, b := two(t, netns.Config{})
	if _, err := world.AddHost("c"); err != nil {
		t.Fatal(err)
	}
	c, err := world.Host("c")
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Link(b, "eth1", c, "eth0"); err != nil {
		t.Fatal(err)
	}
	command(t, a, "ip addr add 10.0.1.1/24 dev eth0", "ip addr add 2001:db8:1::1/64 dev eth0", "ip route add default via 10.0.1.2")
	command(t, b, "ip addr add 10.0.2.2/24 dev eth1", "ip addr add 10.0.1.2/24 dev eth0", "ip addr add 2001:db8:1::2/64 dev eth0", "ip link set lo up")
	command(t, c, "ip addr add 10.0.2.3/24 dev eth0", "ip route add default via 10.0.2.2")
	for _, tt := range []struct {
		from *lab.Host
		line string
		want string
	}{
		{a, "ping -c 1 b", "PING b (10.0.1.2)"},
		{a, "ping -6 -c 1 b", "PING b(2001:db8:1::2)"},
		{c, "ping -c 1 b", "PING b (10.0.2.2)"},
		{b, "ping -c 1 b", "PING b (10.0.1.2)"},
	} {
		if out, err := tt.from.Command(tt.line); err != nil || !strings.Contains(out, tt.want) {
			t.Errorf("%s: %v, no %q in\n%s", tt.line, err, tt.want, out)
		}
	}
	for line, want := range map[string]string{
		"ping -c 1 nobody": "nobody: Name or service not known", "ping -6 -c 1 c": "c: Address family for hostname not supported",
	} {
		if _, err := a.Command(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	l, err := b.Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	conn, err := a.Dial("tcp", "b:80")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestJoinGroup sends to a group that the other host has joined, and to one that it has left.
func TestJoinGroup(t *testing.T) {
	world, a, b := two(t, netns.Config{})
	command(t, a, "ip addr add 10.0.0.1/24 dev eth0", "ip route add 239.0.0.0/8 dev eth0")
	command(t, b, "ip addr add 10.0.0.2/24 dev eth0", "sysctl -w net.ipv4.conf.all.rp_filter=0")
	for _, group := range []string{"239.1.1.1", "ff05::77"} {
		to := netip.AddrPortFrom(netip.MustParseAddr(group), 5000).String()
		leave, err := b.JoinGroup("eth0", netip.MustParseAddr(group))
		if err != nil {
			t.Fatal(err)
		}
		prints(t, b, "ip maddr show dev eth0", group)
		in, err := b.ListenPacket("udp", ":5000")
		if err != nil {
			t.Fatal(err)
		}
		out, err := a.Dial("udp", to)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		for _, joined := range []bool{true, false} {
			if _, err := out.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			_ = in.SetReadDeadline(world.Now().Add(time.Second))
			if n, _, err := in.ReadFrom(buf); (err == nil && string(buf[:n]) == "hello") != joined {
				t.Errorf("%s, joined %v: %q, %v", group, joined, buf[:n], err)
			}
			leave()
		}
		_, _ = in.Close(), out.Close()
	}
	if _, err := b.JoinGroup("eth0", netip.MustParseAddr("10.0.0.1")); err == nil {
		t.Error("10.0.0.1 is no group")
	}
}

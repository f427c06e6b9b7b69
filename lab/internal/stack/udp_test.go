package stack

import (
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

func listenUDP(t testing.TB, h *host, network, addr string, o Options) *UDPConn {
	t.Helper()
	c, err := h.stack.ListenUDP(network, addrPort("%s", addr), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// expect reads one datagram, and fails if it is not the one.
func expect(t *testing.T, c *UDPConn, data, from string) Message {
	t.Helper()
	c.SetReadDeadline(c.stack.net.Now().Add(2 * time.Second))
	b := make([]byte, 100)
	n, m, err := c.ReadMsg(b)
	if err != nil || string(b[:n]) != data || from != "" && m.From.String() != from {
		t.Fatalf("got %q from %v, %v; want %q from %s", b[:n], m.From, err, data, from)
	}
	return m
}

func TestUDPSourceOfEachDatagram(t *testing.T) {
	w := newWorld(t, true)
	a, b := w.host("10.0.0.1", "10.0.0.11", "fd00::1"), w.host("10.0.0.2", "10.0.0.3", "fd00::2")
	a.route = func(f *rpdb.Flow, p *Path) { // a route with a source of its own, by mark
		if f.Src.IsUnspecified() && f.Mark == 7 {
			p.Src = netip.MustParseAddr("10.0.0.11")
		}
	}
	server := listenUDP(t, b, "udp", "[::]:53", Options{})
	client := listenUDP(t, a, "udp", "[::]:4000", Options{TTL: 9, TOS: 0x10})
	for _, test := range []struct {
		to   string
		info PacketInfo
		from string
	}{
		{"10.0.0.2:53", PacketInfo{}, "10.0.0.1:4000"},
		{"10.0.0.3:53", PacketInfo{Mark: 7}, "10.0.0.11:4000"},
		{"10.0.0.3:53", PacketInfo{Src: netip.MustParseAddr("10.0.0.11")}, "10.0.0.11:4000"},
		{"[fd00::2]:53", PacketInfo{}, "[fd00::1]:4000"},
	} {
		if _, err := client.WriteMsg([]byte("x"), addrPort("%s", test.to), test.info); err != nil {
			t.Fatal(err)
		}
		m := expect(t, server, "x", test.from)
		if m.Dst != addrPort("%s", test.to).Addr() || m.TTL != 9 || m.TOS != 0x10 || m.IIF != eth0 {
			t.Errorf("%+v", m)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.metas[1].Mark != 7 || w.metas[0].Mark != 0 {
		t.Errorf("marks %+v", w.metas)
	}
}

func TestUDPErrors(t *testing.T) {
	w := newWorld(t, true)
	a := w.host("10.0.0.1")
	w.host("10.0.0.2")
	a.route = func(f *rpdb.Flow, p *Path) {
		if f.Dst.String() == "10.9.0.1" {
			p.Err = rpdb.ENETUNREACH
		}
	}
	// Nobody listens: a connected socket hears of it, others only with IP_RECVERR.
	c, err := a.stack.DialUDP("udp", addrPort("10.0.0.2:9"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("x"))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, rpdb.ECONNREFUSED) {
		t.Errorf("connected: %v", err)
	}
	u := listenUDP(t, a, "udp4", "0.0.0.0:0", Options{})
	u.WriteToUDPAddrPort([]byte("x"), addrPort("10.0.0.2:9"))
	u.SetReadDeadline(a.Now().Add(time.Second))
	if _, err := u.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("unconnected: %v", err)
	}
	r := listenUDP(t, a, "udp4", "0.0.0.0:0", Options{RecvErr: true})
	r.WriteToUDPAddrPort([]byte("probe"), addrPort("10.0.0.2:9"))
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, rpdb.ECONNREFUSED) {
		t.Errorf("IP_RECVERR: %v", err)
	}
	e, err := r.ReadError()
	if err != nil || e.Errno != rpdb.ECONNREFUSED || e.Type != 3 || e.Code != 3 || e.Offender.String() != "10.0.0.2" ||
		e.Dst.String() != "10.0.0.2:9" || string(e.Payload) != "probe" || e.Origin != OriginICMP {
		t.Errorf("%+v, %v", e, err)
	}
	for _, test := range []struct {
		o    Options
		to   string
		size int
		want rpdb.Errno
	}{
		{Options{}, "10.9.0.1:9", 1, rpdb.ENETUNREACH},
		{Options{}, "10.0.0.255:9", 1, rpdb.EACCES},
		{Options{Broadcast: true}, "10.0.0.255:9", 1, rpdb.OK},
		{Options{}, "10.0.0.2:0", 1, rpdb.EINVAL},
		{Options{}, "10.0.0.2:9", 65507, rpdb.OK},
		{Options{}, "10.0.0.2:9", 65508, rpdb.EMSGSIZE},
		{Options{PMTU: PMTUDo}, "10.0.0.2:9", 1472, rpdb.OK},
		{Options{PMTU: PMTUDo}, "10.0.0.2:9", 1473, rpdb.EMSGSIZE},
		{Options{}, "[fd00::2]:9", 1, rpdb.EAFNOSUPPORT},
	} {
		u := listenUDP(t, a, "udp4", "0.0.0.0:0", test.o)
		_, err := u.WriteToUDPAddrPort(make([]byte, test.size), addrPort("%s", test.to))
		if test.want == rpdb.OK && err != nil || test.want != rpdb.OK && !errors.Is(err, test.want) {
			t.Errorf("%+v: got %v, want %v", test, err, test.want.Name())
		}
		u.Close()
	}
	if _, err := u.Write([]byte("x")); !errors.Is(err, rpdb.EDESTADDRREQ) {
		t.Errorf("write without a destination: %v", err)
	}
}

func TestUDPTooBig(t *testing.T) {
	w := newWorld(t, true)
	w.mtu = 1280
	a := w.host("10.0.0.1")
	w.host("10.0.0.2")
	c, err := a.stack.DialUDP("udp", addrPort("10.0.0.2:9"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(make([]byte, 1400))
	c.SetReadDeadline(a.Now().Add(time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, rpdb.EMSGSIZE) {
		t.Errorf("got %v", err)
	}
}

func TestUDPDontFragment(t *testing.T) {
	w := newWorld(t, true)
	a := w.host("10.0.0.1")
	for _, test := range []struct {
		o    Options
		size int
		df   bool
	}{
		{Options{}, 1472, true},
		{Options{}, 1473, false},
		{Options{PMTU: PMTUDont}, 1, false},
		{Options{PMTU: PMTUProbe}, 1, true},
	} {
		u := listenUDP(t, a, "udp4", "0.0.0.0:0", test.o)
		u.WriteToUDPAddrPort(make([]byte, test.size), addrPort("10.0.0.2:9"))
		p := w.packets(func([]byte) bool { return true })
		if got := p[len(p)-1][6] == 0x40; got != test.df {
			t.Errorf("%+v: DF %v", test, got)
		}
	}
}

func TestUDPBroadcastGoesToAll(t *testing.T) {
	w := newWorld(t, true)
	a, b := w.host("10.0.0.1"), w.host("10.0.0.2")
	x := listenUDP(t, b, "udp4", "0.0.0.0:67", Options{ReuseAddr: true})
	y := listenUDP(t, b, "udp4", "0.0.0.0:67", Options{ReuseAddr: true})
	u := listenUDP(t, a, "udp4", "0.0.0.0:68", Options{Broadcast: true})
	u.WriteToUDPAddrPort([]byte("all"), addrPort("10.0.0.255:67"))
	expect(t, x, "all", "10.0.0.1:68")
	expect(t, y, "all", "10.0.0.1:68")
}

func TestUDPWhichSocket(t *testing.T) {
	w := newWorld(t, true)
	a, b := w.host("10.0.0.1"), w.host("10.0.0.2", "10.0.0.3")
	anyAddr := listenUDP(t, b, "udp4", "0.0.0.0:53", Options{ReuseAddr: true})
	newer := listenUDP(t, b, "udp4", "0.0.0.0:53", Options{ReuseAddr: true})
	device := listenUDP(t, b, "udp4", "0.0.0.0:53", Options{ReuseAddr: true, Device: eth1})
	address := listenUDP(t, b, "udp4", "10.0.0.3:53", Options{ReuseAddr: true})
	client := listenUDP(t, a, "udp4", "0.0.0.0:4000", Options{})
	other := listenUDP(t, a, "udp4", "0.0.0.0:4001", Options{})
	send := func(c *UDPConn, to string) { c.WriteToUDPAddrPort([]byte("x"), addrPort("%s", to)) }

	send(client, "10.0.0.2:53")
	expect(t, newer, "x", "10.0.0.1:4000")
	send(client, "10.0.0.3:53")
	expect(t, address, "x", "10.0.0.1:4000")
	if err := newer.Connect(addrPort("10.0.0.1:4000")); err != nil {
		t.Fatal(err)
	}
	send(other, "10.0.0.2:53")
	expect(t, anyAddr, "x", "10.0.0.1:4001")
	send(client, "10.0.0.2:53")
	expect(t, newer, "x", "10.0.0.1:4000")
	b.arrival = func(in *Arrival, _ []byte) { in.IIF = eth1 }
	send(other, "10.0.0.2:53")
	expect(t, device, "x", "10.0.0.1:4001")
	// In a VRF only sockets bound to it, or to the device, get the packet.
	b.arrival = func(in *Arrival, _ []byte) { in.IIF, in.SDIF = vrf, eth0 }
	red := listenUDP(t, b, "udp4", "0.0.0.0:53", Options{ReuseAddr: true, Device: vrf})
	send(other, "10.0.0.2:53")
	if m := expect(t, red, "x", ""); m.IIF != vrf || m.SDIF != eth0 {
		t.Errorf("%+v", m)
	}
	red.Close()
	b.sysctls["net/ipv4/udp_l3mdev_accept"] = "1"
	send(other, "10.0.0.2:53")
	expect(t, anyAddr, "x", "")
}

func TestBind(t *testing.T) {
	w := newWorld(t, true)
	h := w.host("10.0.0.1", "fd00::1")
	type bind struct {
		network, addr string
		o             Options
		want          rpdb.Errno
	}
	for _, test := range []struct {
		name  string
		binds []bind
	}{
		{"taken", []bind{{"udp4", "0.0.0.0:53", Options{}, 0}, {"udp4", "10.0.0.1:53", Options{}, rpdb.EADDRINUSE}}},
		{"dual stack takes IPv4", []bind{{"udp", "[::]:53", Options{}, 0}, {"udp4", "10.0.0.1:53", Options{}, rpdb.EADDRINUSE}}},
		{"v6only does not", []bind{{"udp6", "[::]:53", Options{}, 0}, {"udp4", "0.0.0.0:53", Options{}, 0}}},
		{"other address", []bind{{"udp4", "127.0.0.1:53", Options{}, 0}, {"udp4", "10.0.0.1:53", Options{}, 0}}},
		{"two devices", []bind{{"udp4", "0.0.0.0:53", Options{Device: eth0}, 0}, {"udp4", "0.0.0.0:53", Options{Device: eth1}, 0}}},
		{"device and any", []bind{{"udp4", "0.0.0.0:53", Options{Device: eth0}, 0}, {"udp4", "0.0.0.0:53", Options{}, rpdb.EADDRINUSE}}},
		{"reuseport, one user", []bind{{"udp4", "0.0.0.0:53", Options{ReusePort: true}, 0}, {"udp4", "0.0.0.0:53", Options{ReusePort: true}, 0}}},
		{"reuseport, two users", []bind{
			{"udp4", "0.0.0.0:5353", Options{ReusePort: true, UID: 1000}, 0},
			{"udp4", "0.0.0.0:5353", Options{ReusePort: true, UID: 1001}, rpdb.EADDRINUSE},
		}},
		{"not ours", []bind{{"udp4", "10.0.0.9:53", Options{}, rpdb.EADDRNOTAVAIL}}},
		{"freebind", []bind{{"udp4", "10.0.0.9:53", Options{FreeBind: true}, 0}}},
		{"privileged", []bind{{"udp4", "0.0.0.0:53", Options{UID: 1000}, rpdb.EACCES}}},
		{"no such device", []bind{{"udp4", "0.0.0.0:53", Options{Device: 77}, rpdb.ENODEV}}},
		{"link-local without scope", []bind{{"udp6", "[fe80::1]:53", Options{}, rpdb.EINVAL}}},
		{"link-local, unknown scope", []bind{{"udp6", "[fe80::1%nope]:53", Options{}, rpdb.EINVAL}}},
		{"link-local, no such device", []bind{{"udp6", "[fe80::1%77]:53", Options{}, rpdb.ENODEV}}},
		{"tcp listeners", []bind{{"tcp4", "0.0.0.0:80", Options{}, 0}, {"tcp4", "127.0.0.1:80", Options{}, rpdb.EADDRINUSE}}},
		{"tcp reuseport", []bind{{"tcp4", "0.0.0.0:80", Options{ReusePort: true}, 0}, {"tcp4", "0.0.0.0:80", Options{ReusePort: true}, 0}}},
		{"tcp two devices", []bind{{"tcp4", "0.0.0.0:80", Options{Device: eth0}, 0}, {"tcp4", "0.0.0.0:80", Options{Device: eth1}, 0}}},
		{"family", []bind{{"tcp4", "[::1]:80", Options{}, rpdb.EAFNOSUPPORT}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, b := range test.binds {
				var c interface{ Close() error }
				var err error
				if b.network[0] == 'u' {
					c, err = h.stack.ListenUDP(b.network, addrPort("%s", b.addr), b.o)
				} else {
					c, err = h.stack.ListenTCP(b.network, addrPort("%s", b.addr), b.o)
				}
				if b.want != rpdb.OK {
					if !errors.Is(err, b.want) {
						t.Errorf("%s %s: got %v, want %s", b.network, b.addr, err, b.want.Name())
					}
				} else if err != nil {
					t.Errorf("%s %s: %v", b.network, b.addr, err)
				} else {
					defer c.Close()
				}
			}
		})
	}
	h.sysctls["net/ipv4/ip_nonlocal_bind"] = "1"
	listenUDP(t, h, "udp4", "10.0.0.9:99", Options{})
}

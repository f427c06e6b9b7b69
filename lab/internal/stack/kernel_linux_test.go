package stack

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// realPair makes two namespaces of the running kernel with the addresses of the test
// worlds, joined by eth0.
func realPair(t *testing.T, mtu int) (a, b *testns.NS) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("this test needs ip: install iproute2")
	}
	a, b = testns.New(t), testns.New(t)
	run := func(ns *testns.NS, line string, args ...any) {
		t.Helper()
		f := strings.Fields(fmt.Sprintf(line, args...))
		if out, err := ns.Run(f[0], f[1:]...); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	run(a, "ip link add eth0 mtu %d type veth peer name eth0 mtu %d netns %s", mtu, mtu, b.Path())
	for i, ns := range []*testns.NS{a, b} {
		run(ns, "ip link set lo up")
		run(ns, "ip link set eth0 up")
		run(ns, "ip addr add 10.0.0.%d/24 dev eth0", i+1)
		run(ns, "ip addr add fd00::%d/64 dev eth0 nodad", i+1)
	}
	return a, b
}

// realHandshake opens a connection between the kernel's hosts and returns its SYN and
// SYN-ACK, from the IP header on.
func realHandshake(t *testing.T, a, b *testns.NS, dev, addr string) (syn, reply []byte) {
	t.Helper()
	server := b
	if dev == "lo" {
		server = a
	}
	fd := capture(t, a, dev)
	defer unix.Close(fd)
	var l net.Listener
	check(t, server.Do(func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	}))
	defer l.Close()
	check(t, a.Do(func() error {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err
	}))
	for syn == nil || reply == nil {
		p := nextPacket(t, fd, rpdb.ProtoTCP)
		_, at := upper(p)
		switch flagsOf(p[at:]) & (flagSYN | flagACK) {
		case flagSYN:
			syn = p
		case flagSYN | flagACK:
			reply = p
		}
	}
	return syn, reply
}

// capture opens a packet socket on a device of the kernel's host.
func capture(t *testing.T, ns *testns.NS, dev string) (fd int) {
	t.Helper()
	check(t, ns.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, int(htons(unix.ETH_P_ALL))); err != nil {
			return err
		}
		i, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		tv := unix.Timeval{Sec: 5}
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: i.Index})
	}))
	return fd
}

// nextPacket is the next captured packet of a protocol, from the IP header on; of a
// fragmented one the first fragment.
func nextPacket(t *testing.T, fd int, proto uint8) []byte {
	t.Helper()
	buf := make([]byte, 65600)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		check(t, err)
		p := append([]byte(nil), buf[:n]...)
		if len(p) < 28 || p[0]>>4 != 4 && p[0]>>4 != 6 || p[0]>>4 == 4 && be.Uint16(p[6:])&0x1fff != 0 {
			continue
		}
		if got, _ := upper(p); got == proto {
			return p
		}
	}
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// masked clears what differs between any two connections: identification (unless
// it is 0), flow label, checksums, the ephemeral port, sequence numbers, timestamps.
func masked(p []byte) string {
	p = append([]byte(nil), p...)
	_, n := upper(p)
	seg := p[n:]
	if p[0]>>4 == 4 {
		if p[4] != 0 || p[5] != 0 {
			p[4], p[5] = 0xff, 0xff
		}
		clear(p[10:12])
	} else {
		clear(p[2:4])
		p[1] &= 0xf0
	}
	for i := range 2 {
		if be.Uint16(seg[2*i:]) >= 32768 {
			clear(seg[2*i : 2*i+2])
		}
	}
	clear(seg[4:8])
	if flagsOf(seg)&flagACK != 0 {
		clear(seg[8:12])
	}
	clear(seg[16:18])
	clear(option(seg, optionTimestamp))
	return fmt.Sprintf("% x", p)
}

// The handshake is the kernel's, byte for byte.
func TestHandshakeAsTheKernel(t *testing.T) {
	for _, test := range []struct {
		mtu       int
		dev, addr string
	}{
		{1500, "lo", "127.0.0.2:1234"},
		{1500, "lo", "[::1]:1234"},
		{1500, "lo", "10.0.0.1:1234"},
		{1500, "eth0", "10.0.0.2:1234"},
		{1500, "eth0", "[fd00::2]:1234"},
		{9000, "eth0", "10.0.0.2:1234"},
		{1280, "eth0", "[fd00::2]:1234"},
		{576, "eth0", "10.0.0.2:1234"},
	} {
		t.Run(fmt.Sprint(test.dev, " ", test.addr, " ", test.mtu), func(t *testing.T) {
			ra, rb := realPair(t, max(test.mtu, 1280))
			for _, ns := range []*testns.NS{ra, rb} {
				ns.Run("ip", "link", "set", "eth0", "mtu", fmt.Sprint(test.mtu))
			}
			syn, reply := realHandshake(t, ra, rb, test.dev, test.addr)

			w := newWorld(t, false)
			a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "fd00::2")
			a.mtu, b.mtu = test.mtu, test.mtu
			server := b
			if test.dev == "lo" {
				server = a
			}
			pair(t, a, listen(t, server, "tcp", test.addr, Options{}), test.addr)
			ours := w.packets(segments(flagSYN, flagSYN|flagACK))[0]
			if got, want := masked(ours), masked(syn); got != want {
				t.Errorf("SYN\n got %s\nwant %s", got, want)
			}
			ours = w.packets(segments(flagSYN|flagACK, flagSYN|flagACK))[0]
			if got, want := masked(ours), masked(reply); got != want {
				t.Errorf("SYN-ACK\n got %s\nwant %s", got, want)
			}
		})
	}
}

// realBind makes the socket on the kernel.
func realBind(b bindCase) (close func(), err error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		c.Control(func(fd uintptr) {
			set := func(level, opt int, on bool) {
				if on && err == nil {
					err = unix.SetsockoptInt(int(fd), level, opt, 1)
				}
			}
			set(unix.SOL_SOCKET, unix.SO_REUSEADDR, b.o.ReuseAddr)
			set(unix.SOL_SOCKET, unix.SO_REUSEPORT, b.o.ReusePort)
			set(unix.SOL_IP, unix.IP_FREEBIND, b.o.FreeBind)
			if b.o.Device != 0 && err == nil {
				name := map[int]string{lo: "lo", eth0: "eth0"}[b.o.Device]
				if name == "" {
					name = "nope"
				}
				err = unix.BindToDevice(int(fd), name)
			}
		})
		return err
	}}
	if b.network[0] == 'u' {
		c, err := lc.ListenPacket(context.Background(), b.network, b.addr)
		if err != nil {
			return nil, err
		}
		return func() { c.Close() }, nil
	}
	c, err := lc.Listen(context.Background(), b.network, b.addr)
	if err != nil {
		return nil, err
	}
	return func() { c.Close() }, nil
}

// Whatever two sockets bind to, the second one ends as on the kernel.
func TestBindAsTheKernel(t *testing.T) {
	real, _ := realPair(t, 1500)
	w := newWorld(t, true)
	h := w.host("10.0.0.1", "fd00::1")
	var all []bindCase
	for _, network := range []string{"udp4", "udp6", "tcp4", "tcp6"} {
		addrs := []string{"0.0.0.0", "127.0.0.1", "127.0.0.9", "10.0.0.1", "10.0.0.9", "10.0.0.255"} // package net does not bind to multicast addresses
		if network[3] == '6' {
			addrs = []string{"[::]", "[::1]", "[fd00::1]", "[fd00::9]", "[fe80::9]", "[fe80::9%nope]"}
		}
		for _, addr := range addrs {
			for _, o := range []Options{{}, {ReuseAddr: true}, {ReusePort: true}, {Device: eth0}, {FreeBind: true}} {
				all = append(all, bindCase{network, addr + ":7777", o})
			}
		}
	}
	var pairs [][2]bindCase
	for _, x := range all {
		for _, y := range all {
			if x.network[0] == y.network[0] {
				pairs = append(pairs, [2]bindCase{x, y})
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	if !*long {
		pairs = pairs[:1000]
	}
	want := make([]error, len(pairs))
	check(t, real.Do(func() error {
		for i, p := range pairs {
			want[i] = inTurn(p, realBind)
		}
		return nil
	}))
	for i, p := range pairs {
		got := inTurn(p, h.bind)
		var errno syscall.Errno
		if errors.As(want[i], &errno); errno != 0 && !errors.Is(got, rpdb.Errno(errno)) || errno == 0 && got != nil {
			t.Errorf("%v, then %v:\n got %v\nwant %v", p[0], p[1], got, want[i])
		}
	}
}

var long = flag.Bool("long", false, "compare all pairs of sockets with the kernel, not a sample")

// inTurn makes two sockets and returns the first error.
func inTurn(p [2]bindCase, bind func(bindCase) (func(), error)) error {
	c1, err := bind(p[0])
	if err != nil {
		return err
	}
	defer c1()
	c2, err := bind(p[1])
	if err == nil {
		c2()
	}
	return err
}

type bindCase struct {
	network, addr string
	o             Options
}

func (b bindCase) String() string {
	return fmt.Sprintf("%s %s device %d reuseaddr %v reuseport %v freebind %v",
		b.network, b.addr, b.o.Device, b.o.ReuseAddr, b.o.ReusePort, b.o.FreeBind)
}

func (h *host) bind(b bindCase) (func(), error) {
	a := netip.MustParseAddrPort(b.addr)
	if b.network[0] == 'u' {
		c, err := h.stack.ListenUDP(b.network, a, b.o)
		if err != nil {
			return nil, err
		}
		return func() { c.Close() }, nil
	}
	c, err := h.stack.ListenTCP(b.network, a, b.o)
	if err != nil {
		return nil, err
	}
	return func() { c.Close() }, nil
}

// A connection to nobody, and what an unanswered datagram's sender reads.
func TestRefusedAsTheKernel(t *testing.T) {
	ra, _ := realPair(t, 1500)
	w := newWorld(t, true)
	a := w.host("10.0.0.1", "fd00::1")
	w.host("10.0.0.2", "fd00::2")
	for _, addr := range []string{"127.0.0.1:9", "10.0.0.2:9", "[fd00::2]:9", "[::1]:9"} {
		for _, network := range []string{"tcp", "udp"} {
			var want, got error
			check(t, ra.Do(func() error {
				c, err := net.DialTimeout(network, addr, 2*time.Second)
				if err == nil {
					c.SetDeadline(time.Now().Add(2 * time.Second))
					c.Write([]byte("x"))
					_, err = c.Read(make([]byte, 1))
					c.Close()
				}
				want = err
				return nil
			}))
			if network == "tcp" {
				_, got = a.stack.DialTCP(context.Background(), network, addrPort("%s", addr), Options{})
			} else {
				c, err := a.stack.DialUDP(network, addrPort("%s", addr), Options{})
				check(t, err)
				c.Write([]byte("x"))
				_, got = c.Read(make([]byte, 1))
				c.Close()
			}
			var errno syscall.Errno
			if !errors.As(want, &errno) || !errors.Is(got, rpdb.Errno(errno)) || !errors.Is(got, errno) {
				t.Errorf("%s %s:\n got %v\nwant %v", network, addr, got, want)
			}
		}
	}
}

// What a datagram socket refuses, and the headers of what it sends, are the
// kernel's: DF, and whether there is an identification.
func TestDatagramHeadersAsTheKernel(t *testing.T) {
	ra, _ := realPair(t, 1500)
	w := newWorld(t, true)
	a := w.host("10.0.0.1")
	w.host("10.0.0.2")
	modes := map[PMTUDisc]int{
		PMTUWant: unix.IP_PMTUDISC_WANT, PMTUDont: unix.IP_PMTUDISC_DONT, PMTUDo: unix.IP_PMTUDISC_DO, PMTUProbe: unix.IP_PMTUDISC_PROBE,
	}
	fd := capture(t, ra, "eth0")
	defer unix.Close(fd)
	for mode, value := range modes {
		for _, size := range []int{0, 1, 1472, 1473, 65507, 65508} {
			for _, connected := range []bool{false, true} {
				var want error
				check(t, ra.Do(func() error {
					s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
					if err != nil {
						return err
					}
					defer unix.Close(s)
					unix.SetsockoptInt(s, unix.SOL_IP, unix.IP_MTU_DISCOVER, value)
					unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
					to := &unix.SockaddrInet4{Port: 99, Addr: [4]byte{10, 0, 0, 2}}
					if connected {
						unix.Connect(s, to)
						_, want = unix.Write(s, make([]byte, size))
					} else {
						want = unix.Sendto(s, make([]byte, size), 0, to)
					}
					return nil
				}))
				o := Options{PMTU: mode}
				c, err := a.stack.ListenUDP("udp4", addrPort("0.0.0.0:0"), o)
				check(t, err)
				var got error
				if connected {
					c.Connect(addrPort("10.0.0.2:99"))
					_, got = c.Write(make([]byte, size))
				} else {
					_, got = c.WriteToUDPAddrPort(make([]byte, size), addrPort("10.0.0.2:99"))
				}
				c.Close()
				name := fmt.Sprintf("mode %d, size %d, connected %v", value, size, connected)
				var errno syscall.Errno
				if errors.As(want, &errno); errno != 0 && !errors.Is(got, rpdb.Errno(errno)) || errno == 0 && got != nil {
					t.Errorf("%s: got %v, want %v", name, got, want)
					continue
				}
				if want != nil {
					continue
				}
				real := nextPacket(t, fd, rpdb.ProtoUDP)
				sent := w.packets(func(p []byte) bool { return p[9] == rpdb.ProtoUDP })
				ours := sent[len(sent)-1]
				// A datagram that is fragmented is the datapath's from here on: no DF.
				type fields struct {
					df, id   bool
					tos, ttl uint8
				}
				of := func(p []byte) fields {
					return fields{p[6]&0x40 != 0, be.Uint16(p[4:]) != 0, p[1], p[8]}
				}
				if of(ours) != of(real) {
					t.Errorf("%s: got %+v, want %+v", name, of(ours), of(real))
				}
			}
		}
	}
}

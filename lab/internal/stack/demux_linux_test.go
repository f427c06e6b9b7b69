package stack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/internal/testns"
)

// socketCase is a socket on port 7777, or 7778, of the receiving host.
type socketCase struct {
	addr   string // bound to
	device string
	peer   string // connected to; UDP only
}

func (c socketCase) String() string {
	return fmt.Sprintf("%s dev %q peer %q", c.addr, c.device, c.peer)
}

// Which of some sockets gets what is sent to an address: as on the kernel, with devices
// and a VRF.
func TestWhichSocketAsTheKernel(t *testing.T) {
	ra, rb := realPair(t, 1500)
	vrfs := true
	for _, line := range []string{
		"ip addr add 10.0.0.3/24 dev eth0",
		"ip link add red type vrf table 10",
		"ip link set red up",
	} {
		f := strings.Fields(line)
		if out, err := rb.Run(f[0], f[1:]...); err != nil {
			if strings.Contains(line, "red") {
				vrfs = false
				continue
			}
			t.Fatalf("%s: %v %s", line, err, out)
		}
	}
	for _, path := range []string{"net/ipv4/icmp_ratelimit", "net/ipv6/icmp/ratelimit"} {
		check(t, rb.Sysctl(path, "0"))
	}
	for _, inVRF := range []bool{false, true} {
		if inVRF {
			if !vrfs {
				t.Log("this kernel has no VRF devices: compared without")
				return
			}
			rb.Run("ip", "link", "set", "eth0", "master", "red")
			rb.Run("ip", "addr", "add", "fd00::2/64", "dev", "eth0", "nodad")
		}
		for _, network := range []string{"udp", "tcp"} {
			t.Run(fmt.Sprintf("%s, VRF %v", network, inVRF), func(t *testing.T) {
				whichSocket(t, ra, rb, network, inVRF)
			})
		}
	}
}

func whichSocket(t *testing.T, ra, rb *testns.NS, network string, inVRF bool) {
	w := newWorld(t, false)
	a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "10.0.0.3", "fd00::2")
	if inVRF {
		b.arrival = func(in *Arrival, _ []byte) { in.IIF, in.SDIF = vrf, eth0 }
	}
	rng := rand.New(rand.NewPCG(3, 4))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	rounds := 25
	if *long {
		rounds = 500
	}
	for range rounds {
		var set []socketCase
		for range 1 + rng.IntN(4) {
			c := socketCase{
				addr: pick("0.0.0.0", "0.0.0.0", "10.0.0.2", "10.0.0.3", "[::]", "[fd00::2]"), device: pick("", "", "eth0", "lo"),
			}
			if inVRF {
				c.device = pick("", "eth0", "red", "red")
			}
			if network == "udp" && rng.IntN(4) == 0 && c.addr[0] != '[' && c.device != "lo" {
				c.peer = pick("10.0.0.1:4000", "10.0.0.1:4001")
			}
			if !slices.Contains(set, c) { // which of equals, the kernel's secret decides
				set = append(set, c)
			}
		}
		sport, to := pick("4000", "4001"), pick("10.0.0.2", "10.0.0.3", "[fd00::2]")
		want, got := realWhich(t, ra, rb, network, set, sport, to), ourWhich(t, a, b, network, set, sport, to)
		if want != got {
			t.Errorf("%v\nfrom port %s to %s: socket %d, want %d", set, sport, to, got, want)
		}
	}
}

// realWhich returns the index of the kernel's socket that gets the packet, -1 for none.
// Sockets that cannot be made are left out on both sides (their binding is compared
// elsewhere).
func realWhich(t *testing.T, ra, rb *testns.NS, network string, set []socketCase, sport, to string) int {
	t.Helper()
	got := make(chan int, len(set)+2)
	check(t, rb.Do(func() error {
		for i, x := range set {
			lc := net.ListenConfig{Control: reusable(x.device)}
			if network == "udp" {
				c, err := lc.ListenPacket(context.Background(), "udp"+version(x.addr), x.addr+":7777")
				if err != nil {
					continue
				}
				defer c.Close()
				if x.peer != "" {
					p := netip.MustParseAddrPort(x.peer)
					raw, _ := c.(*net.UDPConn).SyscallConn()
					raw.Control(func(fd uintptr) {
						unix.Connect(int(fd), &unix.SockaddrInet4{Port: int(p.Port()), Addr: p.Addr().As4()})
					})
				}
				go func() {
					if n, _, err := c.ReadFrom(make([]byte, 10)); err == nil && n > 0 {
						got <- i
					}
				}()
				continue
			}
			l, err := lc.Listen(context.Background(), "tcp"+version(x.addr), x.addr+":7777")
			if err != nil {
				continue
			}
			defer l.Close()
			go func() {
				if c, err := l.Accept(); err == nil {
					c.Close()
					got <- i
				}
			}()
		}
		return ra.Do(func() error {
			d := net.Dialer{Timeout: time.Second, Control: reusable("")}
			if network == "udp" {
				d.LocalAddr, _ = net.ResolveUDPAddr("udp", ":"+sport)
			}
			c, err := d.Dial(network, to+":7777")
			if err != nil {
				got <- -1
				return nil
			}
			defer c.Close()
			c.Write([]byte("x"))
			if network == "udp" { // refused, or received
				go func() {
					c.SetReadDeadline(time.Now().Add(2 * time.Second))
					switch _, err := c.Read(make([]byte, 1)); {
					case errors.Is(err, syscall.ECONNREFUSED):
						got <- -1
					case errors.Is(err, os.ErrDeadlineExceeded):
						got <- -2
					}
				}()
			}
			i := <-got
			got <- i
			return nil
		})
	}))
	return <-got
}

func version(addr string) string {
	if addr[0] == '[' {
		return "6"
	}
	return "4"
}

func reusable(device string) func(_, _ string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) (err error) {
		c.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			if device != "" {
				err = unix.BindToDevice(int(fd), device)
			}
		})
		return err
	}
}

func ourWhich(t *testing.T, a, b *host, network string, set []socketCase, sport, to string) int {
	t.Helper()
	got := make(chan int, len(set)+1)
	for i, x := range set {
		o := Options{ReuseAddr: true, ReusePort: true}
		if x.device != "" {
			l, _ := b.Link(0, x.device)
			o.Device = l.Index
		}
		addr := addrPort("%s:7777", x.addr)
		if network == "udp" {
			c, err := b.stack.ListenUDP("udp"+version(x.addr), addr, o)
			if err != nil {
				continue
			}
			defer c.Close()
			if x.peer != "" {
				c.Connect(netip.MustParseAddrPort(x.peer))
			}
			go func() {
				if _, err := c.Read(make([]byte, 1)); err == nil {
					got <- i
				}
			}()
			continue
		}
		l, err := b.stack.ListenTCP("tcp"+version(x.addr), addr, o)
		if err != nil {
			t.Errorf("%v: %v", x, err)
			continue
		}
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				c.Close()
				got <- i
			}
		}()
	}
	dst := addrPort("%s:7777", to)
	if network == "tcp" {
		c, err := a.stack.DialTCP(context.Background(), "tcp", dst, Options{})
		if err != nil {
			return -1
		}
		defer c.Close()
		return <-got
	}
	c, err := a.stack.ListenUDP("udp", addrPort("[::]:%s", sport), Options{RecvErr: true})
	check(t, err)
	defer c.Close()
	c.WriteToUDPAddrPort([]byte("x"), dst)
	go func() {
		if _, err := c.ReadError(); err == nil {
			got <- -1
		}
	}()
	return <-got
}

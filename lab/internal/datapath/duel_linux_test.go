package datapath

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// duel is a host of the kernel and an emulated one, set up alike, each with two veth
// devices a and b whose other ends (pa, pb) are in the hands of the test: it sends the
// same frames to both hosts and compares what comes back.
type duel struct {
	t     testing.TB
	real  *testns.NS
	peers *testns.NS // where pa and pb of the kernel's host are
	sides [2]int     // packet sockets on pa and pb
	marks uint16

	ours *lab
	seen [2][][]byte // what pa and pb of the emulated host received
}

const (
	sideA = iota
	sideB
)

var (
	hostMAC = [2][]byte{{2, 0, 0, 0, 0, 0x0a}, {2, 0, 0, 0, 0, 0x0b}}
	peerMAC = [2][]byte{{2, 0, 0, 0, 1, 0x0a}, {2, 0, 0, 0, 1, 0x0b}}
)

// newDuel makes both hosts and configures them by lines of ip and of sysctl (name=value).
func newDuel(t testing.TB, sysctls, lines []string) *duel {
	t.Helper()
	runtime.LockOSThread() // one processor handles frame after frame, in order
	t.Cleanup(runtime.UnlockOSThread)
	var all, one unix.CPUSet
	_ = unix.SchedGetaffinity(0, &all)
	for i := range 1024 {
		if all.IsSet(i) {
			one.Set(i)
			break
		}
	}
	_ = unix.SchedSetaffinity(0, &one)
	t.Cleanup(func() { _ = unix.SchedSetaffinity(0, &all) })
	d := &duel{t: t, real: testns.New(t), ours: newLabOn(t, wall{}, "h", "p")}
	peers := testns.New(t)
	d.peers = peers
	both := append([]string{
		"net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.router_solicitations=0",
		"net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=1000000", "net.ipv4.icmp_msgs_burst=1000000", "net.ipv6.icmp.ratelimit=0",
	}, sysctls...)
	for _, s := range []string{"all", "default"} {
		if err := peers.Sysctl("net/ipv6/conf/"+s+"/disable_ipv6", "1"); err != nil {
			t.Fatal(err)
		}
		d.ours.set("p", "net.ipv6.conf."+s+".disable_ipv6", "1")
	}
	for _, s := range both {
		d.set(s)
	}
	for i, n := range []string{"a", "b"} {
		d.run(d.real, fmt.Sprintf("link add name %s address %x type veth peer name p%s address %x netns %s", n, mac6(hostMAC[i]), n, mac6(peerMAC[i]), peers.Path()))
		d.run(peers, "link set p"+n+" up arp off promisc on")
		d.ours.ip("h", fmt.Sprintf("link add name %s address %x type veth peer name p%s address %x netns p", n, mac6(hostMAC[i]), n, mac6(peerMAC[i])))
		d.ours.ip("p", "link set p"+n+" up arp off promisc on")
		d.sides[i] = packetSocket(t, peers, "p"+n)
		h := d.ours.e.Host(d.ours.spaces["p"])
		link, _ := h.Link(0, "p"+n)
		t.Cleanup(h.Tap(link.Index, func(f Frame) {
			if f.Direction == In {
				d.seen[i] = append(d.seen[i], f.Data)
			}
		}))
	}
	for _, l := range append([]string{"link set lo up", "link set dev a up", "link set dev b up"}, lines...) {
		d.ip(l)
	}
	d.openPort()
	d.ours.pass(100 * time.Millisecond)
	d.quiet()
	return d
}

func mac6(b []byte) macText { return macText(b) }

type macText []byte

// Format writes a hardware address.
func (m macText) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

func (d *duel) set(s string) {
	d.t.Helper()
	name, value, _ := strings.Cut(s, "=")
	if err := d.real.Sysctl(strings.ReplaceAll(name, ".", "/"), value); err != nil {
		d.t.Fatal(err)
	}
	d.ours.set("h", name, value)
}

func (d *duel) run(ns *testns.NS, line string) string {
	d.t.Helper()
	out, err := ns.Run("ip", strings.Fields(line)...)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// ip runs a line of ip on both hosts.
func (d *duel) ip(line string) {
	d.t.Helper()
	d.run(d.real, line)
	d.ours.ip("h", line)
}

// openPort has both hosts take datagrams for port 9.
func (d *duel) openPort() {
	for _, domain := range []int{unix.AF_INET, unix.AF_INET6} {
		err := d.real.Do(func() error {
			s, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			d.t.Cleanup(func() { _ = unix.Close(s) })
			if domain == unix.AF_INET {
				return unix.Bind(s, &unix.SockaddrInet4{Port: 9})
			}
			_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
			return unix.Bind(s, &unix.SockaddrInet6{Port: 9})
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	d.ours.host("h")
}

// packetSocket opens a packet socket on a device of a namespace.
func packetSocket(t testing.TB, ns *testns.NS, dev string) (s int) {
	t.Helper()
	err := ns.Do(func() (err error) {
		const all = 0x0300 // htons(ETH_P_ALL)
		if s, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			return err
		}
		r, err := unix.NewIfreq(dev)
		if err != nil {
			return err
		}
		if err := unix.IoctlIfreq(s, unix.SIOCGIFINDEX, r); err != nil {
			return err
		}
		_ = unix.SetsockoptInt(s, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
		return unix.Bind(s, &unix.SockaddrLinklayer{Protocol: all, Ifindex: int(r.Uint32())})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(s) })
	return s
}

// markID is the identifier of the echo requests that tell that the kernel is done.
const markID = 0xbeef

// mark has the kernel's host answer on a side after all that was sent before.
func (d *duel) mark(side int) {
	d.marks++
	b := echo4(fmt.Sprintf("10.0.%d.2", side), fmt.Sprintf("10.0.%d.1", side), 64)
	m := b[20:]
	put16(m[4:], markID)
	put16(m[6:], d.marks)
	put16(m[2:], 0)
	put16(m[2:], checksum(m))
	if _, err := unix.Write(d.sides[side], ether(hostMAC[side], peerMAC[side], protoIPv4, b)); err != nil {
		d.t.Fatal(err)
	}
}

// send sends a frame to both hosts and returns what each sent by its two devices.
func (d *duel) send(side int, frame []byte) (want, got [2][][]byte) {
	d.t.Helper()
	// A device drops what is longer than its MTU (ENOBUFS).
	if _, err := unix.Write(d.sides[side], frame); err != nil && !errors.Is(err, unix.ENOBUFS) {
		d.t.Fatal(err)
	}
	d.mark(sideA)
	want[sideA] = d.read(sideA)
	d.mark(sideB)
	want[sideB] = d.read(sideB)
	want[sideA] = append(want[sideA], d.pending(sideA)...)
	d.ours.e.Do(func() { d.seen = [2][][]byte{} })
	d.giveOurs(side, frame)
	d.ours.e.Do(func() { got = d.seen })
	return want, got
}

// giveOurs sends a frame to our host.
func (d *duel) giveOurs(side int, frame []byte) {
	e := d.ours.e
	e.Do(func() {
		h := e.Host(d.ours.spaces["p"])
		link, _ := h.Link(0, [2]string{"pa", "pb"}[side])
		p := e.fresh(len(frame))
		copy(p.data(), frame)
		h.linkOf(link.Index).send(p)
	})
	e.Do(func() {}) // what hosts post themselves
}

// give sends a frame to both hosts, and does not look at what they do.
func (d *duel) give(side int, frame []byte) {
	d.t.Helper()
	if _, err := unix.Write(d.sides[side], frame); err != nil {
		d.t.Fatal(err)
	}
	d.giveOurs(side, frame)
}

// read returns what came before the answer to the mark.
func (d *duel) read(side int) (out [][]byte) {
	d.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		b, ok := d.frame(side)
		switch {
		case ok && isMark(b):
			if be16(b[40:]) == d.marks {
				return out
			}
		case ok:
			out = append(out, b)
		case time.Now().After(deadline):
			d.t.Fatal("the kernel does not answer")
		default:
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(d.sides[side]), Events: unix.POLLIN}}, 1000)
		}
	}
}

func (d *duel) pending(side int) (out [][]byte) {
	for {
		b, ok := d.frame(side)
		if !ok {
			return out
		}
		if !isMark(b) {
			out = append(out, b)
		}
	}
}

func isMark(b []byte) bool {
	return len(b) >= 42 && be16(b[12:]) == protoIPv4 && b[23] == 1 && be16(b[38:]) == markID && b[34] == icmpEchoReply
}

func (d *duel) frame(side int) ([]byte, bool) {
	buf := make([]byte, 70000)
	n, err := unix.Read(d.sides[side], buf)
	if errors.Is(err, unix.EAGAIN) {
		return nil, false
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return buf[:n], true
}

// quiet forgets what came so far.
func (d *duel) quiet() {
	d.pending(sideA)
	d.pending(sideB)
	d.ours.e.Do(func() { d.seen = [2][][]byte{} })
}

// isQuestion reports whether a frame asks for a neighbour: when it is sent, beside others, is
// left open.
func isQuestion(f []byte) bool {
	return be16(f[12:]) == protoARP || be16(f[12:]) == protoIPv6 && len(f) > 54 && f[20] == rpdb.ProtoICMPv6 && f[54] == neighbourSolicitation
}

// normal blanks what differs between equals: identifications, flow labels and times that hosts
// choose, with the checksums over them. Reports of groups and resets of TCP, which the
// emulated host alone leaves to others, are dropped.
func normal(frames [][]byte) (out []string) {
	var last []string
	defer func() { out = append(out, last...) }()
	for _, f := range frames {
		f = slices.Clone(f)
		b := f[min(len(f), etherLen):]
		switch {
		case len(f) < etherLen:
		case be16(f[12:]) == protoIPv4 && len(b) >= 20:
			if b[9] == protoIGMP && dst4(b).IsMulticast() || b[9] == rpdb.ProtoTCP && len(b) >= 40 && b[33]&4 != 0 {
				continue
			}
			if isOurs4(b) {
				put16(b[4:], 0)
				put16(b[10:], 0)
			}
			blankTimes(b)
		case be16(f[12:]) == protoIPv6 && len(b) >= ip6Len:
			if proto, at, _ := skip6(b); at >= 0 && at < len(b) && (proto == rpdb.ProtoICMPv6 && b[at] == 143 || proto == rpdb.ProtoTCP && len(b) > at+13 && b[at+13]&4 != 0) {
				continue
			}
			if flowLabel6(b) != 0 && flowLabel6(b) != 0x12345 {
				put32(b, be32(b)|0xfffff)
			}
			if b[nextHeader6] == protoFragment && len(b) >= ip6Len+8 && be32(b[44:]) != 77 {
				put32(b[44:], 0xffffffff)
			}
		}
		if len(f) >= etherLen && isQuestion(f) {
			last = append(last, hex.EncodeToString(f))
			continue
		}
		out = append(out, hex.EncodeToString(f))
	}
	return out
}

// blankTimes blanks times of day in an IPv4 packet, with the checksums over them.
func blankTimes(b []byte) {
	now := timestamp4(time.Now())
	for i := 20; i+4 <= len(b); i++ {
		if d := int64(be32(b[i:])) - int64(now); d > -5000 && d < 5000 {
			clear(b[i : i+4])
			clear(b[10:12])
			if n := ihl4(b); b[9] == rpdb.ProtoICMP && len(b) >= n+icmpLen {
				clear(b[n+2 : n+4])
			}
		}
	}
}

// isOurs4 reports whether a packet's source is the host that is tested.
func isOurs4(b []byte) bool {
	s := b[12:16]
	return s[0] == 10 && s[3] == 1 || bytes.Equal(s, []byte{10, 9, 9, 9})
}

// compare sends a frame and reports a difference; what describes the frame.
func (d *duel) compare(side int, frame []byte, what string) bool {
	d.t.Helper()
	want, got := d.send(side, frame)
	same := true
	for s := range want {
		if w, g := normal(want[s]), normal(got[s]); !slices.Equal(w, g) {
			same = false
			d.t.Errorf("%s\nframe %x to %c\nby %c the kernel sends\n  %s\nwe send\n  %s",
				what, frame, "ab"[side], "ab"[s], strings.Join(w, "\n  "), strings.Join(g, "\n  "))
		}
	}
	return same
}

// rounds is how many random frames a duel takes, by default few.
func rounds(t testing.TB) (n int, seed uint64) {
	n, seed = 400, 1
	if v := os.Getenv("DUEL_ROUNDS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
		seed = rand.Uint64()
	}
	if v := os.Getenv("DUEL_SEED"); v != "" {
		seed, _ = strconv.ParseUint(v, 10, 64)
	}
	t.Logf("%d rounds, seed %d", n, seed)
	return n, seed
}

// random sends random frames until too many differ.
func (d *duel) random(make func(*rand.Rand) (side int, frame []byte, what string)) {
	d.t.Helper()
	n, seed := rounds(d.t)
	r := rand.New(rand.NewPCG(seed, 0))
	differ := 0
	for i := range n {
		side, frame, what := make(r)
		if !d.compare(side, frame, fmt.Sprintf("round %d: %s", i, what)) {
			if differ++; differ >= 6 {
				d.t.Fatal("too many differences")
			}
		}
		if i%16 == 15 {
			d.ip("neigh flush all")
			d.quiet()
		}
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// one reports true in one of n cases.
func one(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

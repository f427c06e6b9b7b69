package lab_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/lab"
)

// line is hosts in a row as those of chain, of the lab or of the running kernel.
type line interface {
	dial(host int, network, addr string) (net.Conn, error)
	listen(host int, addr string) (net.Listener, error)
	listenPacket(host int, addr string) (net.PacketConn, error)
	ip(host int, words string) (string, error)
}

type labLine []*lab.Host

func (l labLine) dial(h int, network, addr string) (net.Conn, error) { return l[h].Dial(network, addr) }

func (l labLine) listen(h int, addr string) (net.Listener, error) { return l[h].Listen("tcp", addr) }
func (l labLine) ip(h int, words string) (string, error)          { return l[h].IP(words) }
func (l labLine) listenPacket(h int, addr string) (net.PacketConn, error) {
	return l[h].ListenPacket("udp", addr)
}

type kernelLine []*testns.NS

// newKernelLine is chain of the running kernel, by veth devices.
func newKernelLine(b *testing.B, hosts int) kernelLine {
	l := make(kernelLine, hosts)
	must := func(h int, words string, args ...any) {
		if out, err := l.ip(h, fmt.Sprintf(words, args...)); err != nil {
			b.Skipf("%v %s", err, out)
		}
	}
	for i := range l {
		l[i] = testns.New(b)
		must(i, "link set lo up")
		if err := l[i].Sysctl("net/ipv4/ip_forward", "1"); err != nil {
			b.Fatal(err)
		}
	}
	for i := range hosts - 1 {
		must(i, "link add right type veth peer name left netns %s", l[i+1].Path())
		must(i, "link set right up")
		must(i+1, "link set left up")
		must(i, "addr add 10.0.%d.1/24 dev right", i)
		must(i+1, "addr add 10.0.%d.2/24 dev left", i)
	}
	for i := range hosts {
		if i < hosts-2 {
			must(i, "route add 10.0.%d.0/24 via 10.0.%d.2", hosts-2, i)
		}
		if i > 1 {
			must(i, "route add 10.0.0.0/24 via 10.0.%d.1", i-1)
		}
	}
	return l
}

func (l kernelLine) dial(h int, network, addr string) (c net.Conn, err error) {
	err = l[h].Do(func() (err error) { c, err = net.Dial(network, addr); return err })
	return c, err
}

func (l kernelLine) listen(h int, addr string) (n net.Listener, err error) {
	err = l[h].Do(func() (err error) { n, err = net.Listen("tcp", addr); return err })
	return n, err
}

func (l kernelLine) listenPacket(h int, addr string) (c net.PacketConn, err error) {
	err = l[h].Do(func() (err error) { c, err = net.ListenPacket("udp", addr); return err })
	return c, err
}

func (l kernelLine) ip(h int, words string) (string, error) {
	return l[h].Run("ip", strings.Fields(words)...)
}

// onBoth runs a benchmark over 1 and 10 routers, in the lab and in namespaces of the
// running kernel, by turns in one run.
func onBoth(b *testing.B, f func(b *testing.B, l line, last int)) {
	for _, routers := range []int{1, 10} {
		b.Run(fmt.Sprintf("routers=%d/lab", routers), func(b *testing.B) {
			_, row := chain(b, routers+2)
			f(b, labLine(row), routers+1)
		})
		b.Run(fmt.Sprintf("routers=%d/kernel", routers), func(b *testing.B) {
			f(b, newKernelLine(b, routers+2), routers+1)
		})
	}
}

// BenchmarkForward sends datagrams of 64 bytes through routers, and tells how many packets
// were forwarded in a second and in a second of processor time: of all processors of the machine, since the
// kernel forwards in nobody's name. So nothing else may run meanwhile.
func BenchmarkForward(b *testing.B) {
	onBoth(b, func(b *testing.B, l line, last int) {
		to := fmt.Sprintf("10.0.%d.2:9", last-1)
		sink, err := l.listenPacket(last, to) // that nobody reads: what does not fit is dropped
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = sink.Close() }()
		c, err := l.dial(0, "udp", to)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		data := make([]byte, 64-28)
		send := func(n int) {
			for range n {
				_, _ = c.Write(data)
			}
		}
		send(1)
		time.Sleep(100 * time.Millisecond) // neighbours
		before, busy := received(b, l, last), processors(b)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		allocs := m.Mallocs
		b.ResetTimer()
		send(b.N)
		arrived := settled(b, l, last) - before
		took := b.Elapsed()
		used := processors(b) - busy
		b.StopTimer()
		runtime.ReadMemStats(&m)
		forwarded := float64(arrived) * float64(last-1)
		b.ReportMetric(forwarded/took.Seconds(), "forwards/s")
		b.ReportMetric(forwarded/used.Seconds(), "forwards/core-s")
		b.ReportMetric(float64(m.Mallocs-allocs)/float64(b.N), "allocs/packet")
		b.ReportMetric(100*max(0, 1-float64(arrived)/float64(b.N)), "%lost")
	})
}

// received is how many packets the last host has received.
func received(b *testing.B, l line, last int) uint64 {
	b.Helper()
	out, err := l.ip(last, "-s -j link show left")
	if err != nil {
		b.Fatal(err)
	}
	var links []struct {
		Stats struct {
			RX struct {
				Packets uint64 `json:"packets"`
			} `json:"rx"`
		} `json:"stats64"`
	}
	if err := json.Unmarshal([]byte(out), &links); err != nil || len(links) != 1 {
		b.Fatalf("%v: %s", err, out)
	}
	return links[0].Stats.RX.Packets
}

// settled is received once no more come.
func settled(b *testing.B, l line, last int) uint64 {
	b.Helper()
	for n := received(b, l, last); ; {
		time.Sleep(time.Millisecond)
		now := received(b, l, last)
		if now == n {
			return n
		}
		n = now
	}
}

// processors is the time that the machine's processors have worked.
func processors(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	var v [10]int64
	for i, f := range strings.Fields(string(first))[1:] {
		if i < len(v) {
			_, _ = fmt.Sscan(f, &v[i])
		}
	}
	const user, nice, system, irq, softirq = 0, 1, 2, 5, 6
	return time.Duration(v[user]+v[nice]+v[system]+v[irq]+v[softirq]) * 10 * time.Millisecond
}

// BenchmarkTCP is what TCP carries over routers. The kernel gives segments of up to 64 KiB from
// device to device (TSO); those of the lab fit the MTU.
func BenchmarkTCP(b *testing.B) {
	const n = 256 << 20
	carry := func(b *testing.B, l line, last int) {
		b.SetBytes(n)
		for b.Loop() {
			stream(b, l, last, n)
		}
		b.ReportMetric(float64(b.N)*n*8/b.Elapsed().Seconds()/1e9, "Gbit/s")
	}
	onBoth(b, carry)
}

// stream sends n bytes from the first host to the last.
func stream(b *testing.B, l line, last, n int) {
	addr := fmt.Sprintf("10.0.%d.2:9000", last-1)
	ln, err := l.listen(last, addr)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	done := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			done <- err
			return
		}
		defer func() { _ = c.Close() }()
		buf := make([]byte, 256<<10)
		total := 0
		for err == nil {
			var m int
			m, err = c.Read(buf)
			total += m
		}
		if err == io.EOF && total == n {
			err = nil
		}
		done <- err
	}()
	c, err := l.dial(0, "tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 256<<10)
	for sent := 0; sent < n; sent += len(data) {
		if _, err := c.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	_ = c.Close()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

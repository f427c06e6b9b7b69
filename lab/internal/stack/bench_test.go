package stack

import (
	"io"
	"runtime"
	"testing"
)

// One connection between two hosts whose packets the event loop of a test carries;
// real time, no delay.
func BenchmarkTCP(b *testing.B) {
	for _, test := range []struct{ name, addr string }{{"lo", "127.0.0.1:80"}, {"ethernet", "10.0.0.2:80"}} {
		b.Run(test.name, func(b *testing.B) {
			w := newWorld(b, false)
			w.forget, w.verified = true, true
			a, h := w.host("10.0.0.1"), w.host("10.0.0.2")
			if test.name == "lo" {
				h = a
			}
			c, s := pair(b, a, listen(b, h, "tcp", test.addr, Options{}), test.addr)
			go io.Copy(io.Discard, s)
			data := make([]byte, 64<<10)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := c.Write(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Datagrams of a host to itself, one after the other.
func BenchmarkUDP(b *testing.B) {
	w := newWorld(b, false)
	w.forget = true
	h := w.host("10.0.0.1")
	server := listenUDP(b, h, "udp4", "127.0.0.1:53", Options{})
	client, err := h.stack.DialUDP("udp", addrPort("127.0.0.1:53"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	data, buf := make([]byte, 64), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		client.Write(data)
		if _, err := server.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// What the sockets of a host cost in memory: idle, with a UDP socket, with a TCP
// listener (which brings gVisor), in bytes per host.
func BenchmarkMemory(b *testing.B) {
	for _, test := range []struct {
		name string
		open func(*host) io.Closer
	}{
		{"idle", func(*host) io.Closer { return nil }},
		{"udp", func(h *host) io.Closer { return listenUDP(b, h, "udp4", "0.0.0.0:53", Options{}) }},
		{"tcp", func(h *host) io.Closer { return listen(b, h, "tcp", "[::]:80", Options{}) }},
	} {
		b.Run(test.name, func(b *testing.B) {
			const n = 200
			w := newWorld(b, false)
			var hosts []*host
			for range n {
				h := w.host("10.0.0.1")
				h.stack = nil
				hosts = append(hosts, h)
			}
			before := liveMemory()
			for _, h := range hosts {
				h.stack = New(h)
				test.open(h)
			}
			used := float64(liveMemory()-before) / n
			for b.Loop() {
			}
			b.ReportMetric(used, "B/host")
			b.ReportMetric(0, "ns/op")
			runtime.KeepAlive(hosts)
		})
	}
}

// liveMemory is the live heap and the stacks of goroutines.
func liveMemory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

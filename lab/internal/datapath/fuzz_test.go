package datapath

import (
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// FuzzReceive throws frames at a router with sockets: whatever they hold, it neither panics
// nor answers for ever. Each input is a row of frames, each behind its length.
func FuzzReceive(f *testing.F) {
	row := func(frames ...[]byte) (out []byte) {
		for _, x := range frames {
			out = append(append(out, byte(len(x)>>8), byte(len(x))), x...)
		}
		return out
	}
	to, from := []byte{2, 0, 0, 0, 0, 10}, []byte{2, 0, 0, 0, 1, 10}
	four := func(b []byte) []byte { return ether(to, from, protoIPv4, b) }
	six := func(b []byte) []byte { return ether(to, from, protoIPv6, b) }
	f.Add(row(four(echo4("10.0.0.2", "10.0.0.1", 64)), four(udp4("10.0.0.2", "10.0.1.2", 64, 100, false))))
	f.Add(row(six(echo6("fd00:0:0:a::2", "fd00:0:0:a::1", 64, 8)), six(udp6("fd00:0:0:a::2", "fd00:0:0:b::2", 64, 1400))))
	piece := func(offset uint16, n int) []byte {
		x := []byte{17, 0, byte(offset >> 8), byte(offset), 0, 0, 0, 1}
		return six(packet6("fd00:0:0:a::2", "fd00:0:0:a::1", protoFragment, 64, append(x, make([]byte, n)...)))
	}
	f.Add(row(piece(1, 16), piece(17, 16), piece(32, 5)))
	f.Add(row(six(packet6("fd00:0:0:a::2", "ff02::1:ff00:1", 58, 255, ndMessage(neighbourSolicitation, 0, addr16(make([]byte, 16)), addrOption(1, from))))))
	f.Add(row(six(packet6("fd00:0:0:a::2", "fd00:0:0:a::1", protoHopByHop, 64, []byte{43, 0, 5, 2, 0, 0, 1, 0, 59, 0, 4, 1, 0, 0, 0, 0}))))
	f.Add(row(ether([]byte{255, 255, 255, 255, 255, 255}, from, protoARP, []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 1, 10, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1})))

	l := newLabOn(f, wall{}, "h", "p")
	l.ip("h", "link add name a address 02:00:00:00:00:0a type veth peer name pa netns p", "link add name b type veth peer name pb netns p",
		"link set dev a up", "link set dev b up")
	l.ip("p", "link set pa up", "link set pb up")
	for _, line := range duelAddresses {
		l.ip("h", line)
	}
	l.set("h", "net.ipv4.ip_forward", "1")
	l.set("h", "net.ipv6.conf.all.forwarding", "1")
	l.set("h", "net.ipv6.conf.all.proxy_ndp", "1")
	h, box := l.host("h")
	p := l.e.Host(l.spaces["p"])
	pa, _ := p.Link(0, "pa")
	var at *link
	l.e.Do(func() { at = p.linkOf(pa.Index) })
	f.Fuzz(func(t *testing.T, b []byte) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for len(b) >= 2 {
				n := min(int(be16(b)), len(b)-2)
				frame := b[2 : 2+n]
				b = b[2+n:]
				l.e.Do(func() {
					x := l.e.fresh(n)
					copy(x.data(), frame)
					at.send(x)
				})
			}
			if len(b) > 0 {
				h.Output(append([]byte{b[0]}, b...), stack.Meta{})
			}
			l.e.Do(func() {})
			box.take()
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("the event loop has not come to rest")
		}
	})
}

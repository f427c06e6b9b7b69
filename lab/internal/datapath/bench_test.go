package datapath

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
)

// counter is a transport that counts what it gets.
type counter struct{ n atomic.Int64 }

func (c *counter) Deliver([]byte, stack.Arrival) bool { c.n.Add(1); return true }
func (*counter) ICMPError(stack.ICMPError)            {}

type wall struct{}

func (wall) Now() time.Time { return time.Now() }

// benchChain sends UDP datagrams through a chain of routers.
func benchChain(b *testing.B, routers int) {
	w := netns.NewWorld(netns.Config{Seed: 1})
	l := &lab{t: nil, world: w, spaces: map[string]*netns.Namespace{}}
	t := new(testing.T)
	l.t = t
	l.e = New(Config{World: w, Clock: wall{}, Seed: 1})
	defer l.e.Close()
	name := func(i int) string { return fmt.Sprint("h", i) }
	for i := range routers + 2 {
		l.spaces[name(i)] = w.New()
		l.ip(name(i), "link set lo up")
		l.set(name(i), "net.ipv4.ip_forward", "1")
	}
	for i := range routers + 1 {
		l.join(name(i), "right", name(i+1), "left")
		l.ip(name(i), fmt.Sprintf("addr add 10.0.%d.1/24 dev right", i))
		l.ip(name(i+1), fmt.Sprintf("addr add 10.0.%d.2/24 dev left", i))
	}
	last := fmt.Sprintf("10.0.%d.2", routers)
	for i := range routers + 1 {
		if i < routers {
			l.ip(name(i), fmt.Sprintf("route add default via 10.0.%d.2", i))
		}
		if i > 0 {
			l.ip(name(i+1), fmt.Sprintf("route add 10.0.0.0/24 via 10.0.%d.1", i))
		}
	}
	from, to := l.e.Host(l.spaces[name(0)]), l.e.Host(l.spaces[name(routers+1)])
	var got counter
	l.e.Do(func() { to.SetTransport(&got, nil) })
	packet := udp4("10.0.0.1", last, 64, 1400, false)
	send := func(n int) {
		want := got.n.Load() + int64(n)
		for range n {
			from.Output(append([]byte(nil), packet...), stack.Meta{})
		}
		for got.n.Load() < want {
			time.Sleep(50 * time.Microsecond)
		}
	}
	send(1)
	b.SetBytes(int64(len(packet)))
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= 1000 {
		send(min(left, 1000))
	}
	b.ReportMetric(float64(b.N*routers)/b.Elapsed().Seconds(), "forwards/s")
}

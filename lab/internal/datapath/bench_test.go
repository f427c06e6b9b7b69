package datapath

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// counter is a transport that counts the datagrams that it gets.
type counter struct{ n atomic.Int64 }

func (c *counter) Deliver(_ []byte, in stack.Arrival) bool {
	if in.Proto != rpdb.ProtoUDP {
		return false
	}
	c.n.Add(1)
	return true
}
func (*counter) ICMPError(stack.ICMPError)  {}
func (*counter) Sent(*stack.ICMPError) bool { return false }

type wall struct{}

func (wall) Now() time.Time { return time.Now() }

// benchChain sends UDP datagrams through a chain of routers, by IPv4 or IPv6.
func benchChain(b *testing.B, routers int, six bool) {
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
		l.set(name(i), "net.ipv6.conf.all.forwarding", "1")
	}
	addr := func(net, host int) string {
		if six {
			return fmt.Sprintf("fd00:%d::%d", net, host)
		}
		return fmt.Sprintf("10.0.%d.%d", net, host)
	}
	bits, everything, family := 24, "0.0.0.0/0", "-4"
	if six {
		bits, everything, family = 64, "::/0", "-6"
	}
	for i := range routers + 1 {
		l.join(name(i), "right", name(i+1), "left")
		l.ip(name(i), fmt.Sprintf("addr add %s/%d dev right", addr(i, 1), bits))
		l.ip(name(i+1), fmt.Sprintf("addr add %s/%d dev left", addr(i, 2), bits))
	}
	last := addr(routers, 2)
	for i := range routers + 1 {
		if i < routers {
			l.ip(name(i), fmt.Sprintf("%s route add %s via %s", family, everything, addr(i, 2)))
		}
		if i > 0 {
			l.ip(name(i+1), fmt.Sprintf("%s route add %s/%d via %s", family, addr(0, 0), bits, addr(i, 1)))
		}
	}
	from, to := l.e.Host(l.spaces[name(0)]), l.e.Host(l.spaces[name(routers+1)])
	var got counter
	l.e.Do(func() { to.SetTransport(&got, nil) })
	packet := udp4("10.0.0.1", fmt.Sprintf("10.0.%d.2", routers), 64, 1400, false)
	if six {
		packet = udp6(addr(0, 1), last, 64, 1400)
	}
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

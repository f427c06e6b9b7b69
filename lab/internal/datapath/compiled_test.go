package datapath

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// twins are equal routers: one compiles every state at once, the other none.
type twins struct {
	labs  [2]*lab
	from  [2]*link // the cable to a
	seen  [2][]string
	boxes [2]*inbox
}

func newTwins(t *testing.T) *twins {
	w := &twins{}
	for i, after := range []int{1, -1} {
		l := newLabOn(t, NewVirtual(time.Unix(1_700_000_000, 0)), "h", "p")
		l.e.config.CompileAfter = after
		l.ip("h", "link add name a address 02:00:00:00:00:0a type veth peer name pa netns p", "link add name b address 02:00:00:00:00:0b type veth peer name pb netns p",
			"link set dev a up", "link set dev b up")
		l.ip("p", "link set pa up", "link set pb up")
		for _, s := range []string{
			"net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0",
			"net.ipv4.icmp_msgs_per_sec=1000000", "net.ipv4.icmp_msgs_burst=1000000",
		} {
			name, value, _ := strings.Cut(s, "=")
			l.set("h", name, value)
		}
		l.ip("h", duelAddresses...)
		_, box := l.host("h")
		w.labs[i], w.boxes[i] = l, box
		p := l.e.Host(l.spaces["p"])
		for _, dev := range []string{"pa", "pb"} {
			at, _ := p.Link(0, dev)
			t.Cleanup(p.Tap(at.Index, func(f Frame) {
				if f.Direction == In {
					w.seen[i] = append(w.seen[i], fmt.Sprintf("%s %x", dev, f.Data))
				}
			}))
		}
		at, _ := p.Link(0, "pa")
		l.e.Do(func() { w.from[i] = p.linkOf(at.Index) })
	}
	return w
}

func (w *twins) ip(lines ...string) {
	for _, l := range w.labs {
		l.ip("h", lines...)
	}
}

// send gives both hosts a frame on a.
func (w *twins) send(frame []byte) {
	for i, l := range w.labs {
		l.e.Do(func() {
			x := l.e.fresh(len(frame))
			copy(x.data(), frame)
			w.from[i].send(x)
		})
		l.e.Do(func() {})
	}
}

// TestCompiledDecidesAlike gives random packets to a router that compiles its state and
// to one that does not, while rules and routes change. They send the same frames.
func TestCompiledDecidesAlike(t *testing.T) {
	w := newTwins(t)
	r := rand.New(rand.NewPCG(1, 1))
	w.ip("route add default via 10.0.1.2", "-6 route add default via fd00:0:0:b::2")
	forwarded := 0
	for range 40 {
		w.ip(randomRouting(r)...)
		for range 60 {
			a, b := r.IntN(4), r.IntN(6)
			src, dst := fmt.Sprintf("10.0.%d.%d", a/3, 2+a), fmt.Sprintf("10.%d.%d.%d", b/2, b%3, 1+r.IntN(3))
			frame := ether([]byte{2, 0, 0, 0, 0, 10}, []byte{2, 0, 0, 0, 1, 10}, protoIPv4, udp4(src, dst, uint8(1+r.IntN(3)), 40, false))
			if r.IntN(2) == 0 {
				src, dst = fmt.Sprintf("fd00:0:0:a::%d", 2+a), fmt.Sprintf("fd00:0:0:%x::%d", 9+b, 1+r.IntN(3))
				frame = ether([]byte{2, 0, 0, 0, 0, 10}, []byte{2, 0, 0, 0, 1, 10}, protoIPv6, udp6(src, dst, uint8(1+r.IntN(3)), 40))
			}
			w.send(frame)
		}
		if !slices.Equal(w.seen[0], w.seen[1]) {
			t.Fatalf("compiled:\n%q\nnot compiled:\n%q", w.seen[0], w.seen[1])
		}
		forwarded += len(w.seen[0])
		for i := range w.boxes {
			w.seen[i] = nil
		}
		one, _ := w.boxes[0].take()
		two, _ := w.boxes[1].take()
		if !slices.EqualFunc(one, two, slices.Equal) {
			t.Fatalf("delivered when compiled:\n%x\nnot compiled:\n%x", one, two)
		}
	}
	if forwarded < 1000 {
		t.Errorf("only %d frames came out", forwarded)
	}
	if h := w.labs[0].e.Host(w.labs[0].spaces["h"]); h.compiled.fast == nil {
		t.Error("nothing was compiled")
	}
}

// randomRouting draws a change of rules and routes.
func randomRouting(r *rand.Rand) []string {
	family, net, bits, via := "-4", "10.%d.%d.0", 24, "10.0.%d.2"
	if r.IntN(2) == 0 {
		family, net, bits, via = "-6", "fd00:0:0:%x%x::", 64, "fd00:0:0:%c::2"
	}
	side := r.IntN(2)
	gateway := fmt.Sprintf(via, side)
	if family == "-6" {
		gateway = fmt.Sprintf(via, 'a'+rune(side))
	}
	prefix := fmt.Sprintf(net, r.IntN(2), r.IntN(16)) + fmt.Sprint("/", bits)
	table := []string{"main", "100", "200"}[r.IntN(3)]
	switch r.IntN(4) {
	case 0:
		return []string{fmt.Sprintf("%s rule add pref %d from %s lookup %s", family, 100+r.IntN(1000), prefix, table)}
	case 1:
		return []string{fmt.Sprintf("%s rule add pref %d to %s %s", family, 100+r.IntN(1000), prefix, []string{"prohibit", "lookup 100", "lookup 200"}[r.IntN(3)])}
	case 2:
		return []string{fmt.Sprintf("%s route replace %s %s table %s", family, []string{"unreachable", "blackhole", "throw"}[r.IntN(3)], prefix, table)}
	}
	return []string{fmt.Sprintf("%s route replace %s via %s table %s", family, prefix, gateway, table)}
}

package datapath

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// lab is a world for tests: hosts by name, configured by lines of ip.
type lab struct {
	t      testing.TB
	e      *Engine
	world  *netns.World
	spaces map[string]*netns.Namespace
}

// newLab returns a world on a virtual clock with the named hosts, each with lo up.
func newLab(t *testing.T, names ...string) *lab {
	return newLabOn(t, NewVirtual(time.Unix(1_700_000_000, 0)), names...)
}

// newLabOn is newLab on another clock.
func newLabOn(t testing.TB, clock Clock, names ...string) *lab {
	w := netns.NewWorld(netns.Config{Clock: clock.Now, Seed: 1, DAD: true})
	l := &lab{t: t, world: w, spaces: map[string]*netns.Namespace{}}
	l.e = New(Config{World: w, Clock: clock, Seed: 1, CompileAfter: 1})
	t.Cleanup(l.e.Close)
	for _, n := range names {
		l.spaces[n] = w.New()
		for _, s := range []string{"all", "default"} {
			l.set(n, "net.ipv6.conf."+s+".accept_dad", "0")
		}
	}
	for _, n := range names {
		l.ip(n, "link set lo up")
	}
	return l
}

func (l *lab) set(host, name, value string) {
	l.t.Helper()
	if err := l.spaces[host].SetSysctl(name, value); err != nil {
		l.t.Fatal(err)
	}
}

// ip runs lines of ip on a host.
func (l *lab) ip(host string, lines ...string) string {
	l.t.Helper()
	var all strings.Builder
	for _, line := range lines {
		var out, errs bytes.Buffer
		tool := &ipcmd.Tool{
			Dial: func(name string) (ipcmd.Conn, error) {
				if name == "" {
					name = host
				}
				if l.spaces[name] == nil {
					return nil, fs.ErrNotExist
				}
				return l.spaces[name].Dial(), nil
			},
			Host: labHost{l: l}, Out: &out, Err: &errs, Name: "ip",
		}
		if status := tool.Run(context.Background(), strings.Fields(line)); status != 0 {
			l.t.Fatalf("%s: ip %s: status %d: %s", host, line, status, errs.String())
		}
		all.WriteString(out.String())
	}
	return all.String()
}

// duelAddresses configure a host with two devices, a and b, and neighbours on both.
var duelAddresses = []string{
	"addr add 10.0.0.1/24 dev a", "addr add 10.0.1.1/24 dev b",
	"-6 addr add fd00:0:0:a::1/64 dev a", "-6 addr add fd00:0:0:b::1/64 dev b",
	"neigh add 10.0.0.2 lladdr 02:00:00:00:01:0a dev a nud permanent", "neigh add 10.0.1.2 lladdr 02:00:00:00:01:0b dev b nud permanent",
	"neigh add fd00:0:0:a::2 lladdr 02:00:00:00:01:0a dev a nud permanent", "neigh add fd00:0:0:b::2 lladdr 02:00:00:00:01:0b dev b nud permanent",
	"neigh add fe80::2 lladdr 02:00:00:00:01:0a dev a nud permanent", "neigh add fe80::2 lladdr 02:00:00:00:01:0b dev b nud permanent",
}

// ether makes a frame.
func ether(dst, src []byte, proto uint16, b []byte) []byte {
	f := append(slices.Clone(dst), src...)
	return append(append(f, byte(proto>>8), byte(proto)), b...)
}

// labHost names the namespaces for "netns NAME".
type labHost struct {
	ipcmd.Host
	l *lab
}

func (h labHost) Open(name string) (int, func(), error) {
	if n := h.l.spaces[name]; n != nil {
		return int(n.FD()), func() {}, nil
	}
	return 0, nil, fs.ErrNotExist
}

// Namespaces returns none: other ends of cables are told by their number.
func (labHost) Namespaces() ([]string, error) { return nil, nil }

// join connects two hosts by a veth pair whose ends are named and up.
func (l *lab) join(a, devA, b, devB string) {
	l.t.Helper()
	l.ip(a, fmt.Sprintf("link add %s type veth peer name %s netns %s", devA, devB, b), "link set "+devA+" up")
	l.ip(b, "link set "+devB+" up")
}

// inbox is a transport that keeps what it gets.
type inbox struct {
	mu      sync.Mutex
	packets [][]byte
	errors  []stack.ICMPError
}

// Deliver wants datagrams for port 9.
func (i *inbox) Deliver(b []byte, in stack.Arrival) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.packets = append(i.packets, bytes.Clone(b))
	return in.Proto == rpdb.ProtoUDP && len(b) >= in.Upper+4 && be16(b[in.Upper+2:]) == 9
}

func (i *inbox) ICMPError(e stack.ICMPError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.errors = append(i.errors, e)
}

// Sent believes what is said of datagrams from ports 9 and 4000, but for redirects of IPv6.
func (i *inbox) Sent(e *stack.ICMPError) bool {
	b := e.Quoted
	at, proto := 20, b[9]
	if b[0]>>4 == 6 {
		if proto, at, _ = skip6(b); e.Type == icmp6Redirect {
			return false
		}
	}
	return proto == rpdb.ProtoUDP && len(b) >= at+2 && (be16(b[at:]) == 9 || be16(b[at:]) == 4000)
}

func (i *inbox) take() ([][]byte, []stack.ICMPError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	p, e := i.packets, i.errors
	i.packets, i.errors = nil, nil
	return p, e
}

// host returns the datapath of a host with an inbox as its sockets.
func (l *lab) host(name string) (*Host, *inbox) {
	h, box := l.e.Host(l.spaces[name]), new(inbox)
	l.e.Do(func() { h.SetTransport(box, nil) })
	return h, box
}

// pass lets time pass on the world's clock.
func (l *lab) pass(d time.Duration) {
	done := make(chan struct{})
	l.e.after(d, func() { close(done) })
	<-done
}

package netns_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rtnl"
)

// duel holds sockets in a namespace of the kernel and in an emulated one: one that
// asks and one that listens to groups.
type duel struct {
	real, realMonitor *kernel.Socket
	ours, oursMonitor *netns.Socket
}

// newDuel opens the sockets, of which the first has a port id that no socket of the
// emulated namespace had yet.
func newDuel(t *testing.T, real *testns.NS, ours *netns.Namespace, port uint32, strict bool, groups ...netns.Group) *duel {
	t.Helper()
	d := new(duel)
	open := func(port uint32, strict bool) (s *kernel.Socket) {
		err := real.Do(func() (err error) {
			s, err = kernel.OpenSocket(kernel.SocketConfig{Port: port, StrictCheck: strict, ExtendedAck: true, CapAck: true})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	d.real, d.realMonitor = open(port, strict), open(port+1, false)
	d.ours = ours.DialOptions(netns.SocketOptions{StrictCheck: strict, ExtendedAck: true, CapAck: true})
	d.oursMonitor = ours.DialOptions(netns.SocketOptions{})
	for _, g := range groups {
		if err := d.realMonitor.Join(uint32(g)); err != nil {
			t.Fatal(err)
		}
	}
	d.oursMonitor.Join(groups...)
	return d
}

// ask sends a request to both, each with its own payload, and returns how the answers
// and notifications differ.
func (d *duel) ask(t *testing.T, h netlink.Header, real, ours []byte) string {
	t.Helper()
	if err := d.real.Send(rtnl.AppendMessage(nil, netlink.Message{Header: h, Data: real})); err != nil {
		t.Fatal(err)
	}
	want := received(t, d.real.Receive)
	if err := d.ours.Send(rtnl.AppendMessage(nil, netlink.Message{Header: h, Data: ours})); err != nil {
		t.Fatal(err)
	}
	return cmp.Diff(want, d.pending(t, d.ours)) + d.notes(t)
}

// end sends a request for a list to both and returns the last message of each answer.
func (d *duel) end(t *testing.T, h netlink.Header, body []byte) (real, ours string) {
	t.Helper()
	m := rtnl.AppendMessage(nil, netlink.Message{Header: h, Data: body})
	if err := d.real.Send(m); err != nil {
		t.Fatal(err)
	}
	if err := d.ours.Send(m); err != nil {
		t.Fatal(err)
	}
	want, got := received(t, d.real.Receive), d.pending(t, d.ours)
	return want[len(want)-1], got[len(got)-1]
}

// notes tells how the notifications since the last call differ.
func (d *duel) notes(t *testing.T) string {
	t.Helper()
	return cmp.Diff(received(t, d.realMonitor.Receive), d.pending(t, d.oursMonitor))
}

func (d *duel) pending(t *testing.T, s *netns.Socket) []string {
	t.Helper()
	return received(t, func() ([]byte, error) {
		if s.Pending() == 0 {
			return nil, nil
		}
		return s.Receive()
	})
}

// received reads the messages that wait, one a line.
func received(t *testing.T, receive func() ([]byte, error)) []string {
	t.Helper()
	var out []string
	for {
		b, err := receive()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			return out
		}
		for len(b) >= 16 {
			n := int(binary.NativeEndian.Uint32(b))
			out = append(out, fmt.Sprintf("%x", b[:n]))
			b = b[min((n+3)&^3, len(b)):]
		}
	}
}

// attribute appends one attribute to a request.
func attribute(b []byte, typ uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	return append(b, make([]byte, -len(data)&3)...)
}

func word(v int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(v)) }

func TestNetconfRequests(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			p := newPair(t)
			d := newDuel(t, p.real, p.ours, 2, strict, netns.GroupIPv4NetConf, netns.GroupIPv6NetConf)
			seq := uint32(0)
			ask := func(what string, flags netlink.HeaderFlags, body []byte) {
				seq++
				h := netlink.Header{Type: 82, Flags: netlink.Request | flags, Sequence: seq}
				if diff := d.ask(t, h, body, body); diff != "" {
					t.Errorf("%s of %x (-kernel +netns):\n%s", what, body, diff)
				}
			}
			for _, family := range []byte{0, 2, 10, 28, 44} {
				head := []byte{family, 0, 0, 0}
				ask("dump", netlink.Dump, head)
				ask("dump", netlink.Dump, head[:1])
				ask("dump", netlink.Dump, attribute(slices.Clone(head), 1, word(20)))
				ask("get", 0, head)
				for _, index := range []int{1, 20, 21, 22, 0, -1, -2, -3} {
					ask("get", 0, attribute(slices.Clone(head), 1, word(index)))
				}
				ask("get", netlink.Acknowledge, attribute(slices.Clone(head), 1, word(20)))
				ask("get", 0, attribute(slices.Clone(head), 1, word(20)[:3]))
				for typ := range uint16(11) {
					ask("get", 0, attribute(attribute(slices.Clone(head), typ, word(1)), 1, word(1)))
					ask("get", 0, attribute(slices.Clone(head), typ, []byte{1}))
				}
			}
		})
	}
}

func TestSettingsNotify(t *testing.T) {
	p := newPair(t)
	d := newDuel(t, p.real, p.ours, 2, false, netns.GroupIPv4NetConf, netns.GroupIPv6NetConf, netns.GroupIPv6IfInfo)
	names := []string{"net/ipv4/ip_forward"}
	for _, dev := range []string{"all", "default", "lo", "v0", "v.1"} {
		for _, s := range []string{
			"forwarding", "rp_filter", "proxy_arp", "ignore_routes_with_linkdown", "bc_forwarding", "shared_media", "mc_forwarding",
		} {
			names = append(names, "net/ipv4/conf/"+dev+"/"+s)
		}
		for _, s := range []string{
			"forwarding", "proxy_ndp", "ignore_routes_with_linkdown", "force_forwarding", "disable_ipv6", "addr_gen_mode", "accept_ra",
		} {
			names = append(names, "net/ipv6/conf/"+dev+"/"+s)
		}
	}
	x := uint32(1)
	draw := func(n int) int { x = x*1664525 + 1013904223; return int(x>>8) % n }
	for i := range 3000 {
		name, value := names[draw(len(names))], []string{"0", "1", "0", "1", "2", "-1", "x"}[draw(7)]
		want, got := outcome("", p.real.Sysctl(name, value)), outcome("", p.ours.SetSysctl(name, value))
		diff := d.notes(t) + cmp.Diff(p.readReal(t, names), p.readOurs(names))
		if want != got || diff != "" {
			t.Fatalf("write %d, %s=%s: the kernel says %q, netns %q; notifications and values (-kernel +netns):\n%s", i, name, value, want, got, diff)
		}
	}
}

func TestNamespaceNumbers(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			w := netns.NewWorld(netns.Config{})
			var real []*testns.NS
			var ours []*netns.Namespace
			for range 5 {
				real, ours = append(real, testns.New(t)), append(ours, w.New())
			}
			d := newDuel(t, real[0], ours[0], 1, strict, netns.GroupNSID)
			x := uint32(7)
			draw := func(n int) int { x = x*1664525 + 1013904223; return int(x>>8) % n }
			for i := range 3000 {
				h := netlink.Header{Type: 88, Flags: netlink.Request, Sequence: uint32(i + 1)}
				if draw(2) == 0 {
					h.Type = 90
				}
				if draw(2) == 0 {
					h.Flags |= netlink.Acknowledge
				}
				if draw(4) == 0 {
					h.Flags |= netlink.Echo
				}
				if h.Type == 90 && draw(3) == 0 {
					h.Flags |= netlink.Dump
				}
				a, b := make([]byte, 4), make([]byte, 4)
				put := func(typ uint16, x, y int) {
					a, b = attribute(a, typ, word(x)), attribute(b, typ, word(y))
				}
				if draw(4) > 0 {
					v := []int{-1, -1, 0, 1, 2, 3, 7, 1<<31 - 1}[draw(8)]
					put(1, v, v)
				}
				switch k := draw(12); {
				case k < 6:
					k = draw(len(real))
					put(3, int(real[k].FD()), int(ours[k].FD()))
				case k == 6:
					put(2, 1<<30, 1<<30)
				case k == 7:
					put(3, 1<<30, 1<<30)
				case k == 8:
					v := draw(8)
					put(4, v, v)
				case k == 9:
					typ := uint16(draw(8))
					a, b = attribute(a, typ, []byte{1}), attribute(b, typ, []byte{1})
				}
				if diff := d.ask(t, h, a, b); diff != "" {
					t.Fatalf("request %d, %v of %x (-kernel +netns):\n%s", i, h, a, diff)
				}
			}
		})
	}
}

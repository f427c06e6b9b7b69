package conformance

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// TestTun makes tun and tap devices in the kernel, by the real ip, and in an emulated
// namespace: the messages that list them are the same, before and after they are set up.
func TestTun(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no ip: install iproute2")
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Skipf("%v: the tun module is needed", err)
	} else {
		_ = f.Close()
	}
	ns := testns.New(t)
	e := netns.New()
	for _, tt := range []struct {
		words string
		c     netns.TunConfig
	}{
		{"tun0 mode tun", netns.TunConfig{Name: "tun0"}},
		{"tap0 mode tap user 7 group 8 vnet_hdr multi_queue", netns.TunConfig{
			Name: "tap0", Tap: true, Owner: rpdb.Some(uint32(7)), Group: rpdb.Some(uint32(8)), VNetHeader: true, MultiQueue: true,
		}},
		{"tun1 mode tun pi user 0", netns.TunConfig{Name: "tun1", PacketInfo: true, Owner: rpdb.Some(uint32(0))}},
	} {
		if _, err := ns.Run("ip", append([]string{"tuntap", "add", "dev"}, strings.Fields(tt.words)...)...); err != nil {
			t.Skip(err)
		}
		if _, err := e.AddTun(tt.c); err != nil {
			t.Fatal(err)
		}
	}
	c, err := kernel.Dial(kernel.Config{NetNS: ns.Path()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	s := e.Dial()
	defer func() { _ = s.Close() }()
	compareLinks(t, c, s)
	for index := 2; index <= 4; index++ {
		for _, to := range []rtnl.Transport{c, s} {
			m, err := rtnl.SetLink(index, rpdb.IFFUp, rpdb.IFFUp)
			if err == nil {
				err = rtnl.Exec(to, m)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	compareLinks(t, c, s)
}

// compareLinks compares the lists of links. What linkwatch does the kernel puts off for
// up to a second.
func compareLinks(t *testing.T, a, b rtnl.Transport) {
	t.Helper()
	for range 150 {
		if sameLinks(t, a, b, func(string, ...any) {}) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	sameLinks(t, a, b, t.Errorf)
}

func sameLinks(t *testing.T, a, b rtnl.Transport, tell func(string, ...any)) bool {
	t.Helper()
	list := func(to rtnl.Transport) (out [][]byte) {
		m := netlink.Message{Header: netlink.Header{Type: rtnl.RTMGetLink, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, 16)}
		for got, err := range to.Do(m) {
			if err != nil {
				t.Fatal(err)
			}
			got.Header.Sequence, got.Header.PID = 0, 0
			b := bytes.Clone(rtnl.AppendMessage(nil, got))
			mask(b)
			out = append(out, b)
		}
		return out
	}
	x, y := list(a), list(b)
	if len(x) != len(y) {
		t.Fatalf("%d links, want %d", len(y), len(x))
	}
	same := true
	for i := range x {
		if !bytes.Equal(x[i], y[i]) {
			same = false
			tell("%s\nkernel: %s\nnetns:  %s", diffMessages(x[i], y[i]), describe(x[i]), describe(y[i]))
		}
	}
	return same
}

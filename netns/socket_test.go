package netns_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

func TestUnknownRequest(t *testing.T) {
	conn := netns.New().Dial()
	defer conn.Close()
	err := rtnl.Exec(conn, netlink.Message{Header: netlink.Header{Type: 99}, Data: make([]byte, 16)})
	if !errors.Is(err, rpdb.EOPNOTSUPP) {
		t.Errorf("got %v, want EOPNOTSUPP", err)
	}
}

// Arbitrary bytes harm neither the server nor the socket, in a namespace that has
// devices of both families up.
func FuzzSend(f *testing.F) {
	f.Add(make([]byte, 16))
	for _, seed := range everyRequest() {
		f.Add(seed)
	}
	up, err := rtnl.SetLink(rpdb.Loopback, rpdb.IFFUp, rpdb.IFFUp)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		conn := netns.New().Dial()
		defer conn.Close()
		if err := rtnl.Exec(conn, up); err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(datagram); err != nil {
			t.Fatal(err)
		}
	})
}

// everyRequest are requests of every type of rtnetlink, from RTM_NEWLINK to beyond
// RTM_GETTUNNEL, of both families, each as a change, as a creation, as a question and
// as a dump: a header for lo, and an attribute of 4 bytes.
func everyRequest() (seeds [][]byte) {
	const first, last, lo = 16, 124, 1
	for typ := netlink.HeaderType(first); typ < last; typ++ {
		for _, family := range []rpdb.Family{rpdb.Unspec, rpdb.IPv4, rpdb.IPv6} {
			for _, flags := range []netlink.HeaderFlags{
				netlink.Acknowledge, netlink.Acknowledge | netlink.Create | netlink.Excl, netlink.Dump,
			} {
				body := make([]byte, 16, 24)
				body[0] = byte(family)
				binary.NativeEndian.PutUint32(body[4:], lo)
				body = binary.NativeEndian.AppendUint16(body, 8) // its length
				body = binary.NativeEndian.AppendUint16(body, 1) // IFLA_ADDRESS, RTA_DST, FRA_DST, ...
				body = append(body, 127, 0, 0, 2)
				seeds = append(seeds, rtnl.AppendMessage(nil, netlink.Message{
					Header: netlink.Header{Type: typ, Flags: netlink.Request | flags}, Data: body,
				}))
			}
		}
	}
	return seeds
}

// A queue with a bound loses notifications, says so once, and goes on.
func TestOverrun(t *testing.T) {
	ns := netns.New()
	s := ns.DialOptions(netns.SocketOptions{ReceiveBuffer: 48})
	defer s.Close()
	s.Join(netns.GroupLink)
	notify := func() {
		netns.NotifyForTest(ns, netns.GroupLink, netlink.Message{Header: netlink.Header{Type: 16}, Data: make([]byte, 16)})
	}
	notify() // 32 bytes fit
	notify() // 64 do not
	if n := s.Pending(); n != 2 {
		t.Errorf("%d wait, want a message and the news of a loss", n)
	}
	if _, err := s.Receive(); !errors.Is(err, rpdb.ENOBUFS) {
		t.Errorf("got %v, want ENOBUFS", err)
	}
	if b, err := s.Receive(); err != nil || len(b) != 32 {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
	notify()
	if b, err := s.Receive(); err != nil || len(b) != 32 {
		t.Errorf("after the loss: %d bytes, %v", len(b), err)
	}
}

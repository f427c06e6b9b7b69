package netns_test

import (
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

// Arbitrary bytes harm neither the server nor the socket.
func FuzzSend(f *testing.F) {
	f.Add(rtnl.AppendMessage(nil, rtnl.DumpRequest(rtnl.Links)))
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		conn := netns.New().Dial()
		defer conn.Close()
		if err := conn.Send(datagram); err != nil {
			t.Fatal(err)
		}
	})
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

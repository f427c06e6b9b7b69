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

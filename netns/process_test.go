package netns_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// attributes makes the attributes of a message.
func attributes(t *testing.T, list ...netlink.Attribute) []byte {
	t.Helper()
	b, err := netlink.MarshalAttributes(list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func number(typ uint16, v uint32) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: binary.NativeEndian.AppendUint32(nil, v)}
}

// TestProcess names namespaces by processes, and makes the same world again when the
// processes are elsewhere.
func TestProcess(t *testing.T) {
	const (
		ifname, linkinfo, netnsPID = 3, 18, 19 // IFLA_*
		kind, data, peer           = 1, 2, 1   // IFLA_INFO_*, VETH_INFO_PEER
		nsid, pid                  = 1, 2      // NETNSA_*
	)
	where := map[uint32]uint32{}
	var changes []netns.Change
	config := netns.Config{
		Process: func(pid uint32) uint32 { return where[pid] },
		Journal: func(c netns.Change) {
			c.Data = bytes.Clone(c.Data)
			changes = append(changes, c)
		},
	}
	w := netns.NewWorld(config)
	root, a, b := w.New(), w.New(), w.New()
	where[10], where[11] = a.FD(), b.FD()
	conn := root.Dial()
	defer conn.Close()
	send := func(typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte) error {
		return rtnl.Exec(conn, netlink.Message{Header: netlink.Header{Type: typ, Flags: flags | netlink.Acknowledge}, Data: body})
	}
	text := func(typ uint16, s string) netlink.Attribute {
		return netlink.Attribute{Type: typ, Data: append([]byte(s), 0)}
	}
	veth := func(name string, pid, peerPID uint32) error {
		other := append(make([]byte, 16), attributes(t, text(ifname, name+"p"), number(netnsPID, peerPID))...)
		info := attributes(t, text(kind, "veth"), netlink.Attribute{
			Type: data, Data: attributes(t, netlink.Attribute{Type: peer, Data: other}),
		})
		return send(rtnl.RTMNewLink, netlink.Create|netlink.Excl, append(make([]byte, 16), attributes(t,
			text(ifname, name), number(netnsPID, pid), netlink.Attribute{Type: linkinfo, Data: info})...))
	}
	if err := veth("v", 10, 11); err != nil {
		t.Fatal(err)
	}
	if err := veth("x", 10, 12); !errors.Is(err, rpdb.ESRCH) {
		t.Errorf("a process that is not there: %v", err)
	}
	if err := send(88, 0, append(make([]byte, 4), attributes(t, number(nsid, 5), number(pid, 10))...)); err != nil {
		t.Errorf("RTM_NEWNSID: %v", err)
	}
	where[10] = root.FD() // it has moved
	if err := veth("y", 10, 11); err != nil {
		t.Error(err)
	}
	clear(where)
	again := netns.NewWorld(netns.Config{Process: config.Process})
	var made []*netns.Namespace
	for _, c := range changes {
		n, err := again.Replay(c)
		if err != nil {
			t.Fatal(err)
		}
		if n != nil {
			made = append(made, n)
		}
	}
	for i, want := range [][]string{{"lo", "y"}, {"lo", "v"}, {"lo", "vp", "yp"}} {
		for _, n := range []*netns.Namespace{[]*netns.Namespace{root, a, b}[i], made[i]} {
			if got := linkNames(t, n); !slices.Equal(got, want) {
				t.Errorf("namespace %d has %v, want %v", n.FD(), got, want)
			}
		}
	}
}

// linkNames are the names of the links of a namespace in their order.
func linkNames(t *testing.T, n *netns.Namespace) (names []string) {
	t.Helper()
	conn := n.Dial()
	defer conn.Close()
	s, err := rtnl.CollectState(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Links {
		names = append(names, l.Name)
	}
	return names
}

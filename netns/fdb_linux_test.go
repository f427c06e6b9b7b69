package netns_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Entries of bridges and of vxlan devices age as those of the kernel do: the same go,
// the same stay, and those whose activity is told are told of.
func TestForwardingDatabasesAge(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds; run without -short")
	}
	c := &clock{now: time.Unix(1_000_000, 0)}
	w := netns.NewWorld(netns.Config{Clock: c.time})
	real, ours := testns.New(t), w.New()
	if err := real.Sysctl("net/ipv6/conf/default/disable_ipv6", "1"); err != nil { // so that no packet is sent
		t.Fatal(err)
	}
	if err := ours.SetSysctl("net/ipv6/conf/default/disable_ipv6", "1"); err != nil {
		t.Fatal(err)
	}
	d := newDuel(t, real, ours, 1, true, netns.GroupNeigh)
	seq := uint32(0)
	ask := func(m netlink.Message, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		seq++
		m.Header.Flags |= netlink.Request | netlink.Acknowledge
		m.Header.Sequence = seq
		if diff := d.ask(t, m.Header, m.Data, m.Data); diff != "" {
			t.Errorf("%+v (-kernel +netns):\n%s", m, diff)
		}
	}
	hw := func(i byte) []byte { return []byte{2, 0, 0, 0, 0, i} }
	ask(rtnl.NewVeth(rpdb.Link{Index: 2, Name: "v0", Address: hw(2)}, rpdb.Link{Index: 3, Name: "v1", Address: hw(3)}))
	address := nlattr(1, hw(4))
	br, vx := newKind("br0", "bridge", 0, nlattr(4, nlword(100))), newKind("x0", "vxlan", 0, nlattr(1, nlword(5)), nlattr(8, nlword(1)))
	br.Data, vx.Data = append(br.Data, address...), append(vx.Data, address...)
	ask(br, nil)
	ask(vx, nil)
	for _, i := range []int{2, 3, 4, 5} {
		ask(rtnl.SetLink(i, rpdb.IFFUp, rpdb.IFFUp))
	}
	ask(setMaster(2, 4), nil)
	time.Sleep(200 * time.Millisecond) // until the port forwards
	d.notes(t)
	far := nlattr(1, []byte{192, 0, 2, 1})
	activity := nlattr(14|0x8000, nlattr(1, []byte{1}))
	for i, e := range []struct {
		dev   int
		state uint16
		flags uint8
		more  []byte
	}{
		{2, rpdb.NUDReachable, ntfMaster, nil},
		{2, rpdb.NUDNoARP, ntfMaster, nil},
		{2, rpdb.NUDNoARP, ntfMaster, activity},
		{2, rpdb.NUDReachable, ntfMaster | ntfExtLearned, nil},
		{2, rpdb.NUDReachable, ntfMaster | ntfUse, nil},
		{4, rpdb.NUDPermanent, ntfSelf, nil},
		{5, rpdb.NUDReachable, ntfSelf, far},
		{5, rpdb.NUDReachable, ntfSelf | ntfExtLearned, far},
		{5, rpdb.NUDPermanent, ntfSelf, far},
	} {
		ask(fdbEntry(rtnl.RTMNewNeigh, e.dev, e.state, e.flags, mac(byte(i)), e.more), nil)
	}
	var want, got []string
	const body = 24 // header and hardware address
	for range 120 { // a vxlan device looks every 10 seconds, when it likes
		time.Sleep(100 * time.Millisecond)
		want = append(want, outline(received(t, d.realMonitor.Receive), body)...)
		c.advance(100 * time.Millisecond)
		w.Work()
		got = append(got, outline(d.pending(t, d.oursMonitor), body)...)
		if len(want) >= 4 && len(got) >= 4 {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("notifications (-kernel +netns):\n%s", diff)
	}
	dump := netlink.Header{Type: rtnl.RTMGetNeigh, Flags: netlink.Request | netlink.Dump, Sequence: 1000}
	filter := append([]byte{7}, make([]byte, 11)...)
	asks := rtnl.AppendMessage(nil, netlink.Message{Header: dump, Data: filter})
	if err := d.real.Send(asks); err != nil {
		t.Fatal(err)
	}
	if err := d.ours.Send(asks); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(outline(received(t, d.real.Receive), body), outline(d.pending(t, d.ours), body)); diff != "" {
		t.Errorf("dumps (-kernel +netns):\n%s", diff)
	}
}

package netns_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Flags of entries of forwarding databases (NTF_*).
const (
	ntfUse        = 0x01
	ntfSelf       = 0x02
	ntfMaster     = 0x04
	ntfExtLearned = 0x10
	ntfSticky     = 0x40
)

// fdbEntry is a request about an entry of a forwarding database.
func fdbEntry(typ netlink.HeaderType, dev int, state uint16, flags uint8, mac [6]byte, more ...[]byte) netlink.Message {
	b := append([]byte{7, 0, 0, 0}, nlword(uint32(dev))...)
	b = binary.NativeEndian.AppendUint16(b, state)
	b = append(b, flags, 0)
	b = append(b, nlattr(2, mac[:])...)
	for _, a := range more {
		b = append(b, a...)
	}
	m := netlink.Message{Header: netlink.Header{Type: typ}, Data: b}
	if typ == rtnl.RTMNewNeigh {
		m.Header.Flags = rtnl.FlagsAdd
	}
	return m
}

// mac is a hardware address that no device has.
func mac(n byte) [6]byte { return [6]byte{2, 0, 0, 0, 0xaa, n} }

// bridged is a host with a bridge (index 6) and two ports (2 and 4) that forward, by a
// clock that the test sets.
type bridged struct {
	*host
	clock *fdbClock
	world *netns.World
}

type fdbClock struct{ now time.Time }

func (c *fdbClock) time() time.Time { return c.now }

func newBridged(t testing.TB, settings ...[]byte) *bridged {
	c := &fdbClock{time.Unix(1_000_000, 0)}
	w := netns.NewWorld(netns.Config{Clock: c.time})
	ns := w.New()
	h := &host{ns: ns, conn: ns.Dial()}
	h.t, _ = t.(*testing.T)
	t.Cleanup(func() { _ = h.conn.Close() })
	do := func(m netlink.Message, err error) {
		t.Helper()
		if err == nil {
			err = rtnl.Exec(h.conn, m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := 2; i <= 4; i += 2 {
		do(rtnl.NewVeth(rpdb.Link{Index: i, Name: fmt.Sprintf("v%d", i)}, rpdb.Link{Index: i + 1, Name: fmt.Sprintf("w%d", i)}))
	}
	do(newKind("br0", "bridge", 0, settings...), nil)
	for _, i := range []int{2, 3, 4, 5, 6} {
		do(rtnl.SetLink(i, rpdb.IFFUp, rpdb.IFFUp))
	}
	do(setMaster(2, 6), nil)
	do(setMaster(4, 6), nil)
	return &bridged{h, c, w}
}

// at checks where frames for an address go; 0: nowhere in particular.
func (b *bridged) at(addr [6]byte, port int) {
	b.t.Helper()
	hop, ok := b.ns.BridgeLookup(6, addr, 0)
	if ok != (port != 0) || hop.Port != port {
		b.t.Errorf("frames for %x go to %+v (%v), want port %d", addr, hop, ok, port)
	}
}

func TestBridgeLearns(t *testing.T) {
	b := newBridged(t, nlattr(49, nlword(2))) // fdb_max_learned
	b.at(mac(1), 0)
	b.ns.BridgeLearn(2, mac(1), 0)
	b.at(mac(1), 2)
	b.ns.BridgeLearn(4, mac(1), 0)
	b.at(mac(1), 4)
	b.ns.BridgeLearn(4, mac(2), 0)
	b.ns.BridgeLearn(4, mac(3), 0)
	b.at(mac(3), 0) // two are learned
	b.ns.BridgeLearn(5, mac(3), 0)
	b.ns.BridgeLearn(99, mac(3), 0)
	b.at(mac(3), 0) // by no port
	b.do(fdbEntry(rtnl.RTMNewNeigh, 2, rpdb.NUDReachable, ntfMaster, mac(3)), nil)
	b.at(mac(3), 2) // those of requests do not count
	b.refused(rpdb.EEXIST, "", fdbEntry(rtnl.RTMNewNeigh, 2, rpdb.NUDReachable, ntfMaster, mac(1)))
	m := fdbEntry(rtnl.RTMNewNeigh, 2, rpdb.NUDNoARP, ntfMaster|ntfSticky, mac(1))
	m.Header.Flags = netlink.Create | netlink.Replace
	b.do(m, nil)
	b.ns.BridgeLearn(4, mac(1), 0)
	b.at(mac(1), 2) // it sticks
	b.ns.BridgeLearn(4, mac(4), 0)
	b.at(mac(4), 4) // there is room for one more
	own := [6]byte(b.link("v2").Address)
	b.ns.BridgeLearn(4, own, 0)
	b.at(own, 2)
	if hop, _ := b.ns.BridgeLookup(6, own, 0); !hop.Local {
		t.Error("frames for the address of a port do not end here")
	}
	b.do(rtnl.SetLink(4, 0, rpdb.IFFUp))
	b.at(mac(2), 0)
	b.ns.BridgeLearn(4, mac(2), 0)
	b.at(mac(2), 0) // the port does not forward
}

// Entries that nothing refreshes end when their time is over, to the tick.
func TestBridgeForgets(t *testing.T) {
	b := newBridged(t, nlattr(4, nlword(1000))) // ageing_time of 10 s
	b.do(fdbEntry(rtnl.RTMNewNeigh, 2, rpdb.NUDNoARP, ntfMaster, mac(9)), nil)
	b.ns.BridgeLearn(2, mac(1), 0)
	b.clock.now = b.clock.now.Add(4 * time.Second)
	b.ns.BridgeLearn(2, mac(2), 0)
	b.clock.now = b.clock.now.Add(4 * time.Second)
	b.ns.BridgeLearn(2, mac(1), 0) // heard again
	old := time.Unix(1_000_014, 0) // when the second entry is 10 s old
	for b.clock.now.Before(old) {
		b.at(mac(2), 2)
		next := b.world.Work()
		if !next.After(b.clock.now) {
			t.Fatalf("work again at %v", next)
		}
		b.clock.now = next
	}
	if b.world.Work(); !b.clock.now.Equal(old) {
		t.Errorf("the bridge looked at %v, want %v", b.clock.now, old)
	}
	b.at(mac(2), 0)
	b.at(mac(1), 2)
	b.clock.now = b.clock.now.Add(20 * time.Second)
	b.world.Work()
	b.at(mac(1), 0)
	b.at(mac(9), 2)
}

func TestHubLearnsNothing(t *testing.T) {
	b := newBridged(t, nlattr(4, nlword(0)))
	b.ns.BridgeLearn(2, mac(1), 0)
	b.at(mac(1), 0)
}

func TestForwardingDatabaseRefusals(t *testing.T) {
	b := newBridged(t)
	b.do(newKind("x0", "vxlan", 0, nlattr(1, nlword(5)), nlattr(9, nlword(1))), nil) // index 7, one entry at most
	b.do(newKind("m0", "macvlan", 3), nil)                                           // index 8
	add := func(dev int, state uint16, flags uint8, more ...[]byte) netlink.Message {
		return fdbEntry(rtnl.RTMNewNeigh, dev, state, flags, mac(1), more...)
	}
	flush := func(dev int, state uint16, flags uint8, more ...[]byte) netlink.Message {
		m := fdbEntry(rtnl.RTMDelNeigh, dev, state, flags, mac(1), more...)
		m.Header.Flags = 0x200
		m.Data = append(m.Data[:12:12], m.Data[24:]...) // without the address
		return m
	}
	far := nlattr(1, []byte{192, 0, 2, 1})
	for _, c := range []struct {
		errno rpdb.Errno
		text  string
		m     netlink.Message
	}{
		{rpdb.EINVAL, "invalid ifindex", add(0, rpdb.NUDPermanent, ntfSelf)},
		{rpdb.ENODEV, "unknown ifindex", add(99, rpdb.NUDPermanent, ntfSelf)},
		{rpdb.EINVAL, "FDB add only supported for Ethernet devices", add(1, rpdb.NUDPermanent, ntfSelf)},
		{rpdb.EINVAL, "invalid vlan id", add(2, rpdb.NUDPermanent, ntfMaster, nlattr(5, []byte{0, 0}))},
		{rpdb.EINVAL, "", add(2, rpdb.NUDStale, ntfMaster)},
		{rpdb.EINVAL, "", add(2, rpdb.NUDPermanent, ntfMaster, nlattr(5, []byte{10, 0}))},
		{rpdb.EINVAL, `bridge: Cannot add FDB entry with "locked" flag set`, add(2, rpdb.NUDPermanent, ntfMaster, nlattr(15, nlword(2)))},
		{rpdb.EINVAL, "NLA_F_NESTED is missing", add(2, rpdb.NUDPermanent, ntfMaster, nlattr(14))},
		{rpdb.EINVAL, "", add(2, rpdb.NUDReachable, ntfMaster, nlattr(14|0x8000, nlattr(1, []byte{2})))},
		{rpdb.EINVAL, "", add(2, rpdb.NUDPermanent, ntfMaster|ntfSticky)},
		{rpdb.EINVAL, "", add(6, rpdb.NUDReachable, ntfSelf)},
		{rpdb.EINVAL, "bridge: FDB entry towards bridge must be permanent", add(6, rpdb.NUDReachable, ntfSelf|ntfExtLearned)},
		{rpdb.EOPNOTSUPP, "", add(3, rpdb.NUDPermanent, ntfMaster)},
		{rpdb.EINVAL, "", add(3, rpdb.NUDReachable, ntfSelf)},
		{rpdb.EOPNOTSUPP, "", add(8, rpdb.NUDPermanent, ntfSelf)},
		{rpdb.EINVAL, "", add(7, rpdb.NUDPermanent, ntfSelf)},
		{rpdb.EINVAL, "Nexthop id does not exist", add(7, rpdb.NUDPermanent, ntfSelf, nlattr(13, nlword(1)))},
		{rpdb.EAFNOSUPPORT, "", add(7, rpdb.NUDPermanent, ntfSelf, nlattr(1, make([]byte, 16)))},
		{rpdb.EADDRNOTAVAIL, "Device not found", add(7, rpdb.NUDPermanent, ntfSelf, far, nlattr(8, nlword(99)))},
		{rpdb.ENOENT, "", fdbEntry(rtnl.RTMDelNeigh, 2, 0, ntfMaster, mac(1))},
		{rpdb.EOPNOTSUPP, "", flush(3, 0, ntfSelf)},
		{rpdb.EINVAL, "Unsupported fdb flush ndm state bits set", flush(6, rpdb.NUDReachable, ntfSelf)},
		{rpdb.EINVAL, "Unsupported fdb flush ndm flag bits set", flush(6, 0, ntfSelf|0x80)},
		{rpdb.EINVAL, "bridge: Flush device is not a bridge or bridge port", flush(6, 0, ntfSelf, nlattr(8, nlword(3)))},
		{rpdb.EINVAL, "Unsupported attribute", flush(6, 0, ntfSelf, far)},
	} {
		b.refused(c.errno, c.text, c.m)
	}
	b.do(rtnl.SetLink(6, 0, rpdb.IFFUp))
	b.refused(rpdb.EPERM, "", add(2, rpdb.NUDReachable, ntfMaster)) // the port does not forward
	b.do(add(7, rpdb.NUDPermanent, ntfSelf, far), nil)
	b.refused(rpdb.ENOSPC, "", fdbEntry(rtnl.RTMNewNeigh, 7, rpdb.NUDPermanent, ntfSelf, mac(2), far))
}

func BenchmarkBridge(b *testing.B) {
	h := newBridged(b)
	const hosts = 1024
	addr := func(i int) [6]byte { return [6]byte{2, 0, 0, 1, byte(i >> 8), byte(i)} }
	for i := range hosts {
		h.ns.BridgeLearn(2, addr(i), 0)
	}
	b.Run("refresh", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			h.ns.BridgeLearn(2, addr(i%hosts), 0)
		}
	})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := h.ns.BridgeLookup(6, addr(i%hosts), 0); !ok {
				b.Fatal("forgotten")
			}
		}
	})
}

func TestBridgeAllocatesNothing(t *testing.T) {
	b := newBridged(t)
	b.ns.BridgeLearn(2, mac(1), 0)
	if n := testing.AllocsPerRun(100, func() {
		b.ns.BridgeLearn(2, mac(1), 0)
		b.ns.BridgeLookup(6, mac(1), 0)
	}); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
}

package netns_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// host is a namespace with a connection to it.
type host struct {
	t    *testing.T
	ns   *netns.Namespace
	conn *netns.Socket
}

func newHost(t *testing.T) *host {
	ns := netns.New()
	conn := ns.Dial()
	t.Cleanup(func() { _ = conn.Close() })
	return &host{t, ns, conn}
}

// do sends a request that must be accepted.
func (h *host) do(m netlink.Message, err error) {
	h.t.Helper()
	if err == nil {
		err = rtnl.Exec(h.conn, m)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// refused sends a request that must end with an error.
func (h *host) refused(errno rpdb.Errno, msg string, m netlink.Message) {
	h.t.Helper()
	err := rtnl.Exec(h.conn, m)
	if e := (*rtnl.Error)(nil); !errors.As(err, &e) || e.Errno != errno || e.Msg != msg {
		h.t.Errorf("got %v, want %v %q", err, errno, msg)
	}
}

func (h *host) link(name string) rpdb.Link {
	h.t.Helper()
	db, err := rtnl.CollectState(h.conn, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	i := slices.IndexFunc(db.Links, func(l rpdb.Link) bool { return l.Name == name })
	if i < 0 {
		h.t.Fatalf("no device %s", name)
	}
	return db.Links[i]
}

func nlattr(typ uint16, data ...[]byte) []byte {
	in := slices.Concat(data...)
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(in)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, in...)
	return append(b, make([]byte, -len(b)&3)...)
}

func nlword(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// newKind is RTM_NEWLINK for a new device with what its kind wants.
func newKind(name, kind string, link int, data ...[]byte) netlink.Message {
	b := append(make([]byte, 16), nlattr(3, []byte(name+"\x00"))...)
	if link != 0 {
		b = append(b, nlattr(5, nlword(uint32(link)))...)
	}
	info := nlattr(1, []byte(kind+"\x00"))
	if data != nil {
		info = append(info, nlattr(2, data...)...)
	}
	b = append(b, nlattr(18, info)...)
	return netlink.Message{Header: netlink.Header{Type: rtnl.RTMNewLink, Flags: rtnl.FlagsAdd}, Data: b}
}

func setMaster(index, master int) netlink.Message {
	b := make([]byte, 16)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	return netlink.Message{Header: netlink.Header{Type: rtnl.RTMNewLink}, Data: append(b, nlattr(10, nlword(uint32(master)))...)}
}

func TestStackedDevices(t *testing.T) {
	h := newHost(t)
	h.do(newKind("d0", "dummy", 0), nil)
	h.do(newKind("d0.5", "vlan", 2, nlattr(1, []byte{5, 0})), nil)
	h.do(newKind("m0", "macvlan", 2), nil)
	h.refused(rpdb.EEXIST, "8021q: VLAN device already exists", newKind("again", "vlan", 2, nlattr(1, []byte{5, 0})))
	h.refused(rpdb.ERANGE, "8021q: Invalid VLAN id", newKind("big", "vlan", 2, nlattr(1, []byte{0xff, 0x0f})))
	h.refused(rpdb.EINVAL, "8021q: VLAN properties not specified", newKind("none", "vlan", 2))
	h.refused(rpdb.EOPNOTSUPP, "8021q: VLANs not supported on device", newKind("lo.5", "vlan", 1, nlattr(1, []byte{5, 0})))
	h.refused(rpdb.ENETDOWN, "", first(rtnl.SetLink(3, rpdb.IFFUp, rpdb.IFFUp)))
	h.do(rtnl.SetLink(2, rpdb.IFFUp, rpdb.IFFUp))

	if l := h.link("d0.5"); !l.Up() || l.Peer != 2 || l.Operstate != 6 || string(l.Address) != string(h.link("d0").Address) {
		t.Errorf("the VLAN does not follow its device: %+v", l)
	}
	h.do(rtnl.SetLinkAttrs(rpdb.Link{Index: 2, MTU: 1300}))
	if l := h.link("m0"); l.MTU != 1300 {
		t.Errorf("the MTU of the macvlan is %d", l.MTU)
	}
	h.do(rtnl.DelLink(2))
	db, err := rtnl.CollectState(h.conn, nil)
	if err != nil || len(db.Links) != 1 {
		t.Errorf("left: %+v, %v", db.Links, err)
	}
}

func first(m netlink.Message, _ error) netlink.Message { return m }

// A device that becomes a port of a VRF takes its IPv4 addresses along; their routes
// move to the VRF's table and back.
func TestVRFRoutesMove(t *testing.T) {
	h := newHost(t)
	h.do(newKind("d0", "dummy", 0), nil)
	h.refused(rpdb.EINVAL, "VRF table id is missing", newKind("red", "vrf", 0))
	h.refused(rpdb.EINVAL, "Invalid VRF table id", newKind("red", "vrf", 0, nlattr(1, nlword(0))))
	h.do(newKind("red", "vrf", 0, nlattr(1, nlword(10))), nil)
	h.do(rtnl.SetLink(2, rpdb.IFFUp, rpdb.IFFUp))
	h.do(rtnl.NewAddr(rpdb.Addr{Family: rpdb.IPv4, Index: 2, Local: netip.MustParseAddr("10.0.0.1"), PrefixLen: 24, Valid: rpdb.Forever, Preferred: rpdb.Forever}, rtnl.FlagsAdd))
	tables := func() (main, red int) {
		db, err := rtnl.CollectState(h.conn, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range db.Routes {
			switch {
			case r.Family != rpdb.IPv4:
			case r.Table == 10:
				red++
			default:
				main++
			}
		}
		return main, red
	}
	for _, c := range []struct{ master, main, red int }{{3, 0, 3}, {0, 3, 0}, {3, 0, 3}} {
		h.do(setMaster(2, c.master), nil)
		main, red := tables()
		if d := cmp.Diff([2]int{c.main, c.red}, [2]int{main, red}); d != "" {
			t.Errorf("master %d: routes outside and inside of the VRF (-want +got):\n%s", c.master, d)
		}
	}
	h.refused(rpdb.EOPNOTSUPP, "Can not enslave loopback device to a VRF", setMaster(1, 3))
	h.refused(rpdb.EINVAL, "Can not enslave an L3 master device to a VRF", setMaster(3, 3))
	h.do(rtnl.DelLink(3))
	if main, red := tables(); main != 3 || red != 0 {
		t.Errorf("after the VRF: %d and %d routes", main, red)
	}
}

// Tunnels keep what they were made with and show their ends as addresses.
func TestTunnels(t *testing.T) {
	h := newHost(t)
	far := []byte{192, 0, 2, 1}
	h.do(newKind("t0", "ipip", 0, nlattr(3, far)), nil)
	if l := h.link("t0"); l.MTU != 1480 || l.Flags&rpdb.IFFPointopt == 0 || l.Type != 768 {
		t.Errorf("ipip: %+v", l)
	}
	for _, k := range []string{"sit", "gre", "gretap", "ip6tnl", "wireguard"} {
		h.do(newKind(k+"9", k, 0), nil)
		h.do(rtnl.SetLink(h.link(k+"9").Index, rpdb.IFFUp, rpdb.IFFUp))
		if l := h.link(k + "9"); l.Kind != k || !l.Up() {
			t.Errorf("%s: %+v", k, l)
		}
	}
	h.refused(rpdb.EINVAL, "Required attributes not provided to perform the operation", newKind("x0", "vxlan", 0))
	h.do(newKind("x0", "vxlan", 0, nlattr(1, nlword(5))), nil)
	h.refused(rpdb.EOPNOTSUPP, "tun/tap creation via rtnetlink is not supported.", newKind("n0", "tun", 0))
}

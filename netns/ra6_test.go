package netns_test

import (
	"net/netip"
	"testing"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// FuzzHeardRouter sees to it that no advertisement does harm.
func FuzzHeardRouter(f *testing.F) {
	head := []byte{134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0}
	prefix := append([]byte{3, 4, 64, 0xc0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8}, make([]byte, 12)...)
	f.Add(append(append(head[:16:16], prefix...), 24, 1, 48, 0, 0, 0, 1, 0))
	f.Add(append(head[:16:16], 1, 1, 2, 0, 0, 0, 0, 1, 5, 1, 0, 0, 0, 0, 5, 0xdc, 24, 3, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, m []byte) {
		n := netns.New()
		dev, err := n.AddEthernet("a", [6]byte{2, 0, 0, 0, 0, 1})
		if err != nil {
			t.Fatal(err)
		}
		conn := n.Dial()
		defer func() { _ = conn.Close() }()
		up, err := rtnl.SetLink(dev, rpdb.IFFUp, rpdb.IFFUp)
		if err == nil {
			err = rtnl.Exec(conn, up)
		}
		if err == nil {
			err = n.SetSysctl("net.ipv6.conf.a.accept_ra_rt_info_max_plen", "128")
		}
		if err != nil {
			t.Fatal(err)
		}
		n.HeardRouter(dev, netip.MustParseAddr("fe80::2"), m)
		if _, err := rtnl.CollectState(conn, nil); err != nil {
			t.Error(err)
		}
		n.View()
	})
}

package lab

import (
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// SetUpExample makes a namespace the host of the built-in example: lo, and eth0 with
// 10.0.2.15/24 and a default route through 10.0.2.2.
func SetUpExample(n *netns.Namespace) error {
	eth0, err := n.AddEthernet("eth0", [6]byte{0x52, 0x54, 0, 0x12, 0x34, 0x56})
	if err != nil {
		return err
	}
	conn := n.Dial()
	defer func() { _ = conn.Close() }()
	addr := rpdb.Addr{
		Family: rpdb.IPv4, Index: eth0, Local: netip.MustParseAddr("10.0.2.15"), PrefixLen: 24, Label: "eth0",
		Broadcast: netip.MustParseAddr("10.0.2.255"), Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}
	way := rpdb.Route{
		Family: rpdb.IPv4, Table: rpdb.TableMain, Type: rpdb.Unicast, Protocol: rpdb.ProtoBoot,
		Dst:      netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		NextHops: []rpdb.NextHop{{Dev: eth0, Gateway: netip.MustParseAddr("10.0.2.2")}},
	}
	for _, step := range []func() (netlink.Message, error){
		func() (netlink.Message, error) { return rtnl.SetLink(rpdb.Loopback, rpdb.IFFUp, rpdb.IFFUp) },
		func() (netlink.Message, error) { return rtnl.SetLink(eth0, rpdb.IFFUp, rpdb.IFFUp) },
		func() (netlink.Message, error) { return rtnl.NewAddr(addr, rtnl.FlagsAdd) },
		func() (netlink.Message, error) { return rtnl.NewRoute(way, rtnl.FlagsAdd) },
	} {
		m, err := step()
		if err == nil {
			err = rtnl.Exec(conn, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

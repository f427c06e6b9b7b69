package netns_test

import (
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// A host in a few lines: a device with an address, and the way to another one.
func Example() {
	ns := netns.New()
	conn := ns.Dial()
	defer conn.Close()

	do := func(m netlink.Message, err error) {
		if err == nil {
			err = rtnl.Exec(conn, m)
		}
		if err != nil {
			fmt.Println(err)
		}
	}
	do(rtnl.NewVeth(rpdb.Link{Name: "eth0", Index: 2}, rpdb.Link{Name: "peer", Index: 3}))
	for index := 1; index <= 3; index++ {
		do(rtnl.SetLink(index, rpdb.IFFUp, rpdb.IFFUp))
	}
	do(rtnl.NewAddr(rpdb.Addr{
		Family: rpdb.IPv4, Index: 2, Local: netip.MustParseAddr("10.0.2.15"), PrefixLen: 24,
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}, rtnl.FlagsAdd))

	state, err := rtnl.CollectState(conn, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := state.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, to := range []string{"127.0.0.2", "10.0.2.2", "8.8.8.8"} {
		d := db.Lookup(&rpdb.Flow{Dst: netip.MustParseAddr(to)})
		if d.Err != rpdb.OK {
			fmt.Println(to, "is refused:", d.Err)
			continue
		}
		fmt.Println(to, "is", d.Type, "dev", db.LinkName(d.OIF), "src", d.Src)
	}
	// Output:
	// 127.0.0.2 is local dev lo src 127.0.0.1
	// 10.0.2.2 is unicast dev eth0 src 10.0.2.15
	// 8.8.8.8 is refused: Network is unreachable
}

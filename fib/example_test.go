package fib_test

import (
	"fmt"
	"net/netip"

	"github.com/rulewalk/rulewalk/fib"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// A program that decides for itself: the state of a host, compiled once, then a decision
// for each packet. With kernel.Dial in place of netns the host is this machine, and
// kernel.Conn.Follow keeps the Live at its state.
func Example() {
	host := netns.New()
	conn := host.Dial()
	defer conn.Close()
	up, err := rtnl.SetLink(rpdb.Loopback, rpdb.IFFUp, rpdb.IFFUp)
	if err == nil {
		err = rtnl.Exec(conn, up)
	}
	if err != nil {
		panic(err)
	}
	state, err := rtnl.CollectState(conn, nil)
	if err != nil {
		panic(err)
	}
	live, err := fib.NewLive(state)
	if err != nil {
		panic(err)
	}
	for _, to := range []string{"127.0.0.2", "10.0.2.2"} {
		d := live.Lookup(&rpdb.Flow{Dst: netip.MustParseAddr(to)})
		if d.Err != rpdb.OK {
			fmt.Println(to, "is refused:", d.Err)
			continue
		}
		fmt.Println(to, "is", d.Type, "src", d.Src)
	}
	// Output:
	// 127.0.0.2 is local src 127.0.0.1
	// 10.0.2.2 is refused: Network is unreachable
}

// Prefixes alone, each with a number of yours.
func ExampleLPM() {
	table, err := fib.NewLPM([]fib.Entry{
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), ID: 1},
		{Prefix: netip.MustParsePrefix("10.0.2.0/24"), ID: 2},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(table.Lookup(netip.MustParseAddr("10.0.2.15")))
	fmt.Println(table.Lookup(netip.MustParseAddr("192.0.2.1")))
	// Output:
	// 2 true
	// 4294967295 false
}

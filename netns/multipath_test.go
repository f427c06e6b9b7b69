package netns_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// TestMultipathSeed checks that the legs of a route are used though nobody has set the seed of
// the hash: all of them, by the seed of the world, and equally in equal worlds.
func TestMultipathSeed(t *testing.T) {
	legs := func(seed uint64, sysctl string) (out string) {
		n := netns.NewWorld(netns.Config{Seed: seed}).New()
		conn := n.Dial()
		defer func() { _ = conn.Close() }()
		route := rpdb.Route{Family: rpdb.IPv4, Table: rpdb.TableMain, Type: rpdb.Unicast, Protocol: rpdb.ProtoBoot, Dst: netip.MustParsePrefix("192.0.2.0/24")}
		for i := range 2 {
			dev, err := n.AddEthernet(fmt.Sprint("eth", i), [6]byte{2, 0, 0, 0, 0, byte(i)})
			if err != nil {
				t.Fatal(err)
			}
			gw := netip.AddrFrom4([4]byte{10, 0, byte(i), 2})
			route.NextHops = append(route.NextHops, rpdb.NextHop{Dev: dev, Gateway: gw, Weight: 1})
			up, err := rtnl.SetLink(dev, rpdb.IFFUp, rpdb.IFFUp)
			if err == nil {
				err = rtnl.Exec(conn, up)
			}
			m, errAddr := rtnl.NewAddr(rpdb.Addr{
				Family: rpdb.IPv4, Index: dev, Local: gw.Prev(), PrefixLen: 24, Valid: rpdb.Forever, Preferred: rpdb.Forever,
			}, rtnl.FlagsAdd)
			if err == nil && errAddr == nil {
				err = rtnl.Exec(conn, m)
			}
			if err != nil || errAddr != nil {
				t.Fatal(err, errAddr)
			}
		}
		m, err := rtnl.NewRoute(route, rtnl.FlagsAdd)
		if err == nil {
			err = rtnl.Exec(conn, m)
		}
		if err == nil && sysctl != "" {
			err = n.SetSysctl("net.ipv4.fib_multipath_hash_seed", sysctl)
		}
		if err != nil {
			t.Fatal(err)
		}
		if v, err := n.Sysctl("net.ipv4.fib_multipath_hash_seed"); sysctl == "" && (err != nil || v != "0") {
			t.Errorf("the secret shows: %s, %v", v, err)
		}
		for i := range 64 {
			d := n.View().Database.Lookup(&rpdb.Flow{Dst: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
			if d.Err != rpdb.OK || d.Undetermined {
				t.Fatalf("%+v", d)
			}
			out += fmt.Sprint(d.Leg)
		}
		return out
	}
	a, b, c := legs(1, ""), legs(1, ""), legs(2, "")
	if a != b || a == c {
		t.Errorf("legs of equal worlds and of another:\n%s\n%s\n%s", a, b, c)
	}
	for _, leg := range []string{a, c, legs(1, "7")} {
		if n := len(leg); n != 64 || leg == "0000000000000000000000000000000000000000000000000000000000000000" {
			t.Errorf("one leg alone is used: %s", leg)
		}
	}
	if legs(1, "7") != legs(2, "7") {
		t.Error("a seed that is set gives way to that of the world")
	}
}

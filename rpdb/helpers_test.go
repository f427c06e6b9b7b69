package rpdb_test

import (
	"net/netip"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

func addr(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

const (
	lo   = 1
	eth0 = 2
	eth1 = 3
)

// route4 makes an IPv4 route of one nexthop; gw may be empty and dev 0.
func route4(table uint32, t rpdb.RouteType, dst, gw string, dev int) rpdb.Route {
	r := rpdb.Route{Family: rpdb.IPv4, Table: table, Type: t, Dst: pfx(dst), Protocol: rpdb.ProtoBoot}
	switch {
	case t == rpdb.Local:
		r.Scope = rpdb.ScopeHost
	case t == rpdb.Broadcast, t == rpdb.Unicast && gw == "":
		r.Scope = rpdb.ScopeLink
	}
	if dev != 0 {
		r.NextHops = []rpdb.NextHop{{Dev: dev, Gateway: addr(gw), Weight: 1}}
	}
	return r
}

func withSrc(r rpdb.Route, src string) rpdb.Route {
	r.PrefSrc, r.Protocol = addr(src), rpdb.ProtoKernel
	return r
}

func addr4(dev int, p string, scope rpdb.Scope) rpdb.Addr {
	x := pfx(p)
	return rpdb.Addr{Family: rpdb.IPv4, Index: dev, Local: x.Addr(), PrefixLen: uint8(x.Bits()), Scope: scope}
}

func link(index int, name string, flags uint32) rpdb.Link {
	return rpdb.Link{Index: index, Name: name, Flags: flags | rpdb.IFFUp, MTU: 1500}
}

// seedHost is a host with lo and eth0 10.0.2.15/24, default via 10.0.2.2.
func seedHost() *rpdb.State {
	s := &rpdb.State{
		Rules: rpdb.DefaultRules(rpdb.IPv4),
		Links: []rpdb.Link{link(lo, "lo", rpdb.IFFLoopback), link(eth0, "eth0", 0)},
		Addrs: []rpdb.Addr{addr4(lo, "127.0.0.1/8", rpdb.ScopeHost), addr4(eth0, "10.0.2.15/24", rpdb.ScopeGlobal)},
		Routes: []rpdb.Route{
			route4(rpdb.TableMain, rpdb.Unicast, "0.0.0.0/0", "10.0.2.2", eth0),
			withSrc(route4(rpdb.TableMain, rpdb.Unicast, "10.0.2.0/24", "", eth0), "10.0.2.15"),
			withSrc(route4(rpdb.TableLocal, rpdb.Local, "10.0.2.15/32", "", eth0), "10.0.2.15"),
			withSrc(route4(rpdb.TableLocal, rpdb.Broadcast, "10.0.2.255/32", "", eth0), "10.0.2.15"),
			withSrc(route4(rpdb.TableLocal, rpdb.Local, "127.0.0.0/8", "", lo), "127.0.0.1"),
			withSrc(route4(rpdb.TableLocal, rpdb.Local, "127.0.0.1/32", "", lo), "127.0.0.1"),
			withSrc(route4(rpdb.TableLocal, rpdb.Broadcast, "127.255.255.255/32", "", lo), "127.0.0.1"),
		},
		Facts: rpdb.Facts{CustomRules4: rpdb.No, CustomRules6: rpdb.No, CustomLocal4: rpdb.No},
	}
	return s
}

func build(t testing.TB, s *rpdb.State) *rpdb.Database {
	t.Helper()
	db, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	return db
}

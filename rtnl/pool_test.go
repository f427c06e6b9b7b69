package rtnl

import (
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestPooledRouteDoesNotAllocate guards the reading of large tables.
func TestPooledRouteDoesNotAllocate(t *testing.T) {
	b := routeBytes(t)
	shared := newPool()
	var out rpdb.Route
	allocs := testing.AllocsPerRun(100, func() {
		if err := parseRoute(&out, netlink.Message{Data: b}, shared); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a route whose nexthop was seen before", allocs)
	}
}

// BenchmarkParseRoute reads a route as a full table has them: ParseRoute for one
// alone, pooled as a collection does it.
func BenchmarkParseRoute(b *testing.B) {
	data := routeBytes(b)
	shared := newPool()
	for name, p := range map[string]*pool{"alone": nil, "pooled": shared} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var out rpdb.Route
			for b.Loop() {
				if err := parseRoute(&out, netlink.Message{Data: data}, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func routeBytes(t testing.TB) []byte {
	b, err := EncodeRoute(rpdb.Route{
		Family: rpdb.IPv4, Dst: netip.MustParsePrefix("192.0.2.0/24"), Table: 254, Type: rpdb.Unicast, Priority: 20,
		NextHops: []rpdb.NextHop{{Dev: 4, Gateway: netip.MustParseAddr("198.51.100.1"), Weight: 1}},
		Metrics:  []rpdb.Metric{{ID: 2, Val: 1400}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

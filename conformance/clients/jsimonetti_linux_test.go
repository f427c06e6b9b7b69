package clients

import (
	"net"
	"strings"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/netns"
)

// jsimonettiConn is what package rtnetlink talks over.
type jsimonettiConn interface {
	Close() error
	Send(m netlink.Message) (netlink.Message, error)
	Receive() ([]netlink.Message, error)
	Execute(m netlink.Message) ([]netlink.Message, error)
	SetOption(option netlink.ConnOption, enable bool) error
	SetReadDeadline(t time.Time) error
}

// newConn wraps a connection. The package exports only Dial, which opens a socket of
// the running kernel; everything after that is used here as it is.
//
//go:linkname newConn github.com/jsimonetti/rtnetlink/v2.newConn
func newConn(c jsimonettiConn) *rtnetlink.Conn

const eth0 = 2

// host is a namespace with eth0 (and its other end) up, 10.0.2.15/24 on it.
func host(t *testing.T) *rtnetlink.Conn {
	t.Helper()
	conn := newConn(netns.New().Conn(netns.SocketOptions{ExtendedAck: true}))
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	must(t, conn.Link.New(&rtnetlink.LinkMessage{
		Family:     unix.AF_UNSPEC,
		Attributes: &rtnetlink.LinkAttributes{Name: "eth0", Info: &rtnetlink.LinkInfo{Kind: "veth"}},
	}))
	links, err := conn.Link.List()
	must(t, err)
	for _, l := range links {
		must(t, conn.Link.Set(&rtnetlink.LinkMessage{
			Family: unix.AF_UNSPEC, Index: l.Index, Flags: unix.IFF_UP, Change: unix.IFF_UP,
		}))
	}
	for _, l := range links {
		if l.Attributes.Name == "eth0" {
			must(t, conn.Address.New(&rtnetlink.AddressMessage{
				Family: unix.AF_INET, PrefixLength: 24, Scope: unix.RT_SCOPE_UNIVERSE, Index: l.Index,
				Attributes: &rtnetlink.AddressAttributes{
					Address: net.IPv4(10, 0, 2, 15).To4(), Local: net.IPv4(10, 0, 2, 15).To4(), Broadcast: net.IPv4(10, 0, 2, 255).To4(),
				},
			}))
		}
	}
	return conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func index(t *testing.T, c *rtnetlink.Conn, name string) uint32 {
	t.Helper()
	links, err := c.Link.List()
	must(t, err)
	for _, l := range links {
		if l.Attributes.Name == name {
			return l.Index
		}
	}
	t.Fatalf("no device %s", name)
	return 0
}

func TestJsimonettiLinks(t *testing.T) {
	conn := host(t)
	l, err := conn.Link.Get(index(t, conn, "eth0"))
	must(t, err)
	if l.Flags&unix.IFF_UP == 0 || l.Attributes.MTU != 1500 || l.Attributes.Info.Kind != "veth" {
		t.Errorf("eth0 is %+v with %+v", l, l.Attributes)
	}
	must(t, conn.Link.Delete(l.Index))
	if _, err := conn.Link.Get(l.Index); err == nil {
		t.Error("a deleted device answers")
	}
}

func TestJsimonettiAddressesAndRoutes(t *testing.T) {
	conn := host(t)
	addrs, err := conn.Address.List()
	must(t, err)
	var found bool
	for _, a := range addrs {
		found = found || a.Attributes.Label == "eth0" && a.Attributes.Local.Equal(net.IPv4(10, 0, 2, 15))
	}
	if !found {
		t.Errorf("10.0.2.15 is not in %+v", addrs)
	}
	via := &rtnetlink.RouteMessage{
		Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_BOOT, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Gateway: net.IPv4(10, 0, 2, 2).To4(), OutIface: index(t, conn, "eth0")},
	}
	must(t, conn.Route.Add(via))
	if err := conn.Route.Add(via); err == nil || !strings.Contains(err.Error(), "file exists") {
		t.Errorf("added twice: %v", err)
	}
	got, err := conn.Route.Get(&rtnetlink.RouteMessage{
		Family: unix.AF_INET, DstLength: 32, Attributes: rtnetlink.RouteAttributes{Dst: net.IPv4(8, 8, 8, 8).To4()},
	})
	must(t, err)
	if a := got[0].Attributes; !a.Gateway.Equal(net.IPv4(10, 0, 2, 2)) || !a.Src.Equal(net.IPv4(10, 0, 2, 15)) {
		t.Errorf("8.8.8.8 goes %+v", a)
	}
	must(t, conn.Route.Delete(via))
	routes, err := conn.Route.List()
	must(t, err)
	for _, r := range routes {
		if r.Attributes.Gateway != nil {
			t.Errorf("%+v is left", r)
		}
	}
}

func TestJsimonettiRules(t *testing.T) {
	conn := host(t)
	priority, mark := uint32(100), uint32(1)
	rule := &rtnetlink.RuleMessage{
		Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Action: unix.FR_ACT_TO_TBL,
		Attributes: &rtnetlink.RuleAttributes{Priority: &priority, FwMark: &mark},
	}
	must(t, conn.Rule.Add(rule))
	rules, err := conn.Rule.List()
	must(t, err)
	var found bool
	for _, r := range rules {
		found = found || r.Attributes.Priority != nil && *r.Attributes.Priority == 100 && *r.Attributes.FwMark == 1
	}
	if !found {
		t.Errorf("the rule is not among %d", len(rules))
	}
	must(t, conn.Rule.Delete(rule))
	if err := conn.Rule.Delete(rule); err == nil {
		t.Error("deleted twice")
	}
}

func TestJsimonettiNeighbours(t *testing.T) {
	conn := host(t)
	must(t, conn.Neigh.New(&rtnetlink.NeighMessage{
		Family: unix.AF_INET, Index: index(t, conn, "eth0"), State: unix.NUD_PERMANENT,
		Attributes: &rtnetlink.NeighAttributes{
			Address: net.IPv4(10, 0, 2, 2).To4(), LLAddress: net.HardwareAddr{2, 0, 0, 0, 0, 9},
		},
	}))
	neighs, err := conn.Neigh.List()
	must(t, err)
	var found bool
	for _, n := range neighs {
		found = found || n.Attributes.Address.Equal(net.IPv4(10, 0, 2, 2)) && n.State == unix.NUD_PERMANENT
	}
	if !found {
		t.Errorf("10.0.2.2 is not in %+v", neighs)
	}
}

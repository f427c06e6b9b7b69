package datapath

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// advert is a router advertisement for tests.
type advert struct {
	from               string // default fe80::2
	hops, flags        uint8  // what hosts should use, M, O and the preference
	lifetime           uint16
	reachable, retrans uint32
	options            [][]byte
	tail               []byte
}

// frame is the advertisement in a frame to all.
func (a advert) frame() []byte {
	if a.from == "" {
		a.from = "fe80::2"
	}
	m := make([]byte, 16)
	m[0], m[4], m[5] = routerAdvertisement, a.hops, a.flags
	put16(m[6:], a.lifetime)
	put32(m[8:], a.reachable)
	put32(m[12:], a.retrans)
	for _, o := range a.options {
		m = append(m, o...)
	}
	m = append(m, a.tail...)
	b := packet6(a.from, "ff02::1", rpdb.ProtoICMPv6, 255, m)
	sealICMP6(b, b[ip6Len:])
	return ether([]byte{0x33, 0x33, 0, 0, 0, 1}, peerMAC[sideA], protoIPv6, b)
}

// prefixOption is the option with a prefix of the link.
func prefixOption(prefix string, flags uint8, valid, preferred uint32) []byte {
	p := netip.MustParsePrefix(prefix)
	o := make([]byte, 32)
	o[0], o[1], o[2], o[3] = 3, 4, uint8(p.Bits()), flags
	put32(o[4:], valid)
	put32(o[8:], preferred)
	copy(o[16:], p.Addr().AsSlice())
	return o
}

// routeOption is the option with a route, of some length in units of 8 bytes.
func routeOption(prefix string, length, flags uint8, lifetime uint32) []byte {
	p := netip.MustParsePrefix(prefix)
	o := make([]byte, 8*int(length))
	o[0], o[1], o[2], o[3] = 24, length, uint8(p.Bits()), flags
	put32(o[4:], lifetime)
	copy(o[8:], p.Addr().AsSlice())
	return o
}

func mtuOption(mtu uint32) []byte {
	o := []byte{5, 1, 0, 0, 0, 0, 0, 0}
	put32(o[4:], mtu)
	return o
}

const (
	prefHigh, prefLow, prefReserved = 1 << 3, 3 << 3, 2 << 3
	onLink, auto                    = 0x80, 0x40
)

// duelAddresses4 are the lines of IPv4 of duelAddresses.
var duelAddresses4 = []string{duelAddresses[0], duelAddresses[1], duelAddresses[4], duelAddresses[5]}

// settleTime is how long the kernel may take for what it leaves to its workers.
const settleTime = 80 * time.Millisecond

// shown6 are what advertisements change.
var shown6 = []string{"-6 addr show", "-6 route show table all", "-6 neigh show nud all"}

// settings compares the settings that advertisements change.
func (d *duel) settings(what string) {
	d.t.Helper()
	for _, name := range []string{
		"conf/a/hop_limit", "conf/a/mtu", "neigh/a/retrans_time_ms", "neigh/a/base_reachable_time_ms", "neigh/a/gc_stale_time",
	} {
		path := "net/ipv6/" + name
		var want []byte
		err := d.real.Do(func() (err error) { want, err = os.ReadFile("/proc/sys/" + path); return err })
		got, errOurs := d.ours.spaces["h"].Sysctl(path)
		if err != nil || errOurs != nil || strings.TrimSpace(string(want)) != strings.TrimSpace(got) {
			d.t.Errorf("%s: %s: the kernel has %s, we %s (%v, %v)", what, path, want, got, err, errOurs)
		}
	}
}

// token sets the token of device a, for which our ip has no word.
func (d *duel) token(token string) {
	d.t.Helper()
	d.run(d.real, "token set "+token+" dev a")
	l, _ := d.ours.e.Host(d.ours.spaces["h"]).Link(0, "a")
	body := binary.NativeEndian.AppendUint32(make([]byte, 4), uint32(l.Index))
	body = append(body, make([]byte, 8)...)
	attr := func(typ uint16, data []byte) []byte {
		b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
		return append(binary.NativeEndian.AppendUint16(b, typ), data...)
	}
	const afSpec, inet6Token = 26, 7
	body = append(body, attr(afSpec, attr(unix.AF_INET6, attr(inet6Token, addrBytes(token))))...)
	conn := d.ours.spaces["h"].Dial()
	defer func() { _ = conn.Close() }()
	const setLink = 19
	if err := rtnl.Exec(conn, netlink.Message{Header: netlink.Header{Type: setLink, Flags: netlink.Request | netlink.Acknowledge}, Data: body}); err != nil {
		d.t.Fatal(err)
	}
}

func TestDuelRouters(t *testing.T) { thrice(t, tryDuelRouters) }

func tryDuelRouters(t testing.TB) {
	d := newDuel(t, nil, duelAddresses4)
	m := d.monitor()
	m.without = "ff02::16 "
	source := addrOption(ndSourceLLAddr, peerMAC[sideA])
	for _, c := range []struct {
		name  string
		set   []string
		ip    []string
		token string
		ra    advert
	}{
		{name: "a router", ra: advert{hops: 64, lifetime: 1800, options: [][]byte{source, prefixOption("2001:db8:1::/64", onLink|auto, 86400, 14400)}}},
		{name: "again, without its hardware address", ra: advert{hops: 64, lifetime: 1800, options: [][]byte{prefixOption("2001:db8:1::/64", onLink|auto, 86400, 14400)}}},
		{name: "another one, preferred", ra: advert{from: "fe80::3", flags: prefHigh, lifetime: 600, options: [][]byte{addrOption(ndSourceLLAddr, peerMAC[sideB])}}},
		{name: "a third one of low preference", ra: advert{from: "fe80::4", flags: prefLow, lifetime: 600}},
		{name: "a preference that is none", ra: advert{from: "fe80::4", flags: prefReserved, lifetime: 600}},
		{name: "it goes", ra: advert{from: "fe80::4"}},
		{name: "managed, times", ra: advert{flags: 0xc0, lifetime: 1800, reachable: 60000, retrans: 2000}},
		{name: "shorter lifetimes", ra: advert{lifetime: 1800, options: [][]byte{prefixOption("2001:db8:1::/64", onLink|auto, 600, 300)}}},
		{name: "the end of a prefix", ra: advert{lifetime: 1800, options: [][]byte{prefixOption("2001:db8:1::/64", onLink|auto, 0, 0)}}},
		{name: "for ever", ra: advert{lifetime: 0xffff, options: [][]byte{prefixOption("2001:db8:2::/64", onLink|auto, rpdb.Forever, rpdb.Forever)}}},
		{name: "not on the link", ra: advert{lifetime: 1800, options: [][]byte{prefixOption("2001:db8:3::/64", auto, 1000, 1000)}}},
		{name: "on the link alone", ra: advert{lifetime: 1800, options: [][]byte{prefixOption("2001:db8:4::/48", onLink, 1000, 1000)}}},
		{name: "a length that makes no address", ra: advert{lifetime: 1800, options: [][]byte{prefixOption("2001:db8:5::/56", onLink|auto, 1000, 1000)}}},
		{name: "preferred longer than valid", ra: advert{options: [][]byte{prefixOption("2001:db8:6::/64", onLink|auto, 1000, 2000)}}},
		{name: "link-local and multicast prefixes", ra: advert{options: [][]byte{prefixOption("fe80::/64", onLink|auto, 1000, 1000), prefixOption("ff05::/64", onLink|auto, 1000, 1000)}}},
		{name: "an MTU", ra: advert{lifetime: 1800, options: [][]byte{mtuOption(1400)}}},
		{name: "an MTU that is too small", ra: advert{lifetime: 1800, options: [][]byte{mtuOption(1000)}}},
		{name: "hops", ra: advert{hops: 33, lifetime: 1800}},
		{name: "few hops", set: []string{"net.ipv6.conf.a.accept_ra_min_hop_limit=40"}, ra: advert{hops: 35, lifetime: 1800}},
		{name: "routes, which do not count", ra: advert{lifetime: 1800, options: [][]byte{routeOption("2001:db8:aa::/48", 2, 0, 600)}}},
		{name: "routes", set: []string{"net.ipv6.conf.a.accept_ra_rt_info_max_plen=64"}, ra: advert{lifetime: 1800, options: [][]byte{
			routeOption("2001:db8:aa::/48", 2, prefHigh, 600), routeOption("2001:db8:ab::/48", 3, prefLow, rpdb.Forever), routeOption("2001:db8:ac::/65", 3, 0, 600), routeOption("2001:db8:ad::/48", 2, prefReserved, 600),
		}}},
		{name: "other routes", ra: advert{lifetime: 1800, options: [][]byte{routeOption("2001:db8:aa::/48", 2, 0, 0), routeOption("2001:db8:ab::/48", 3, prefHigh, 600), routeOption("::/0", 1, prefHigh, 900)}}},
		{name: "a default route by an option, of somebody else", ra: advert{from: "fe80::7", options: [][]byte{routeOption("::/0", 1, prefHigh, 900)}}},
		{name: "which ends", ra: advert{from: "fe80::7", options: [][]byte{routeOption("::/0", 1, prefHigh, 0)}}},
		{name: "a metric", set: []string{"net.ipv6.conf.a.ra_defrtr_metric=500"}, ra: advert{lifetime: 1800}},
		{name: "short lifetimes", set: []string{"net.ipv6.conf.a.accept_ra_min_lft=700"}, ra: advert{lifetime: 699, options: [][]byte{prefixOption("2001:db8:7::/64", onLink|auto, 600, 600), routeOption("2001:db8:ae::/48", 2, 0, 600)}}},
		{name: "no default routers", set: []string{"net.ipv6.conf.a.accept_ra_min_lft=0", "net.ipv6.conf.a.accept_ra_defrtr=0"}, ra: advert{from: "fe80::8", hops: 9, lifetime: 1800, options: [][]byte{prefixOption("2001:db8:8::/64", onLink|auto, 600, 600), routeOption("::/0", 1, 0, 600)}}},
		{name: "no prefixes", set: []string{"net.ipv6.conf.a.accept_ra_defrtr=1", "net.ipv6.conf.a.accept_ra_pinfo=0"}, ra: advert{lifetime: 1800, options: [][]byte{prefixOption("2001:db8:9::/64", onLink|auto, 600, 600)}}},
		{name: "no preferences", set: []string{"net.ipv6.conf.a.accept_ra_pinfo=1", "net.ipv6.conf.a.accept_ra_rtr_pref=0"}, ra: advert{flags: prefHigh, lifetime: 1800, options: [][]byte{routeOption("2001:db8:af::/48", 2, 0, 600)}}},
		{name: "no addresses", set: []string{"net.ipv6.conf.a.accept_ra_rtr_pref=1", "net.ipv6.conf.a.autoconf=0"}, ra: advert{lifetime: 1800, options: [][]byte{prefixOption("2001:db8:a::/64", onLink|auto, 600, 600)}}},
		{name: "of this host itself", set: []string{"net.ipv6.conf.a.autoconf=1"}, ra: advert{from: "fe80::ff:fe00:a", lifetime: 1800, options: [][]byte{prefixOption("2001:db8:b::/64", onLink|auto, 600, 600)}}},
		{name: "and accepted", set: []string{"net.ipv6.conf.a.accept_ra_from_local=1"}, ra: advert{from: "fe80::ff:fe00:a", lifetime: 1800}},
		{name: "from an address that is not link-local", ra: advert{from: "2001:db8:1::2", lifetime: 1800, options: [][]byte{source}}},
		{name: "a hardware address of another length", ra: advert{from: "fe80::9", lifetime: 1800, options: [][]byte{{1, 2, 15: 0}, prefixOption("2001:db8:c::/64", onLink|auto, 600, 600)}}},
		{name: "an option without a length", ra: advert{from: "fe80::a", lifetime: 1800, tail: []byte{3, 0, 0, 0}}},
		{name: "an address of the user", ip: []string{"-6 addr add 2001:db8:d::ff:fe00:a/64 dev a"}, ra: advert{options: [][]byte{prefixOption("2001:db8:d::/64", onLink|auto, 600, 600)}}},
		{name: "and of its identifier", ip: []string{"-6 addr add 2001:db8:e:0:0:ff:fe00:a/64 dev a valid_lft 900 preferred_lft 900"}, ra: advert{options: [][]byte{prefixOption("2001:db8:e::/64", onLink|auto, 8000, 7000)}}},
		{name: "a token", set: []string{"net.ipv6.conf.a.router_solicitations=1"}, token: "::77", ra: advert{options: [][]byte{prefixOption("2001:db8:f::/64", onLink|auto, 600, 600)}}},
		{name: "another token", token: "::78", ra: advert{options: [][]byte{prefixOption("2001:db8:f::/64", onLink|auto, 600, 600)}}},
		{name: "short lives are honoured", set: []string{"net.ipv6.conf.a.ra_honor_pio_life=1"}, ra: advert{options: [][]byte{prefixOption("2001:db8:f::/64", onLink|auto, 60, 40)}}},
		{name: "it begins to forward", set: []string{"net.ipv6.conf.a.forwarding=1"}, ra: advert{lifetime: 1800}},
		{name: "forwards and accepts", set: []string{"net.ipv6.conf.a.accept_ra=2"}, ra: advert{lifetime: 1800}},
		{name: "all forward", set: []string{"net.ipv6.conf.all.forwarding=1"}, ra: advert{from: "fe80::3", lifetime: 1800}},
		{name: "accepts no more", set: []string{"net.ipv6.conf.a.accept_ra=0"}, ra: advert{lifetime: 0, options: [][]byte{source}}},
	} {
		for _, s := range c.set {
			d.set(s)
		}
		for _, l := range c.ip {
			d.ip(l)
			time.Sleep(settleTime)
		}
		if c.token != "" {
			d.token(c.token)
			time.Sleep(settleTime)
			sent := d.sentND()
			if diff := cmp.Diff(sent[0], sent[1]); diff != "" {
				t.Errorf("%s: frames (-kernel +ours):\n%s", c.name, diff)
			}
		}
		d.compare(sideA, c.ra.frame(), c.name)
		time.Sleep(settleTime)
		m.same(c.name)
		d.state(c.name, shown6...)
		d.settings(c.name)
	}
}

// TestDuelRoutersAtRandom sends random advertisements.
func TestDuelRoutersAtRandom(t *testing.T) { thrice(t, tryDuelRoutersAtRandom) }

func tryDuelRoutersAtRandom(t testing.TB) {
	d := newDuel(t, []string{"net.ipv6.conf.default.accept_ra_rt_info_max_plen=128"}, duelAddresses4)
	m := d.monitor()
	m.without = "ff02::16 "
	n, seed := rounds(t)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range n / 10 {
		a := advert{
			from: pick(r, "fe80::2", "fe80::2", "fe80::3", "fe80::ff:fe00:a"), hops: pick[uint8](r, 0, 64, 63), flags: uint8(r.Uint32()),
			lifetime: pick[uint16](r, 0, 1800, 1800, 0xffff), reachable: pick[uint32](r, 0, 0, 30000), retrans: pick[uint32](r, 0, 0, 1000),
		}
		for range r.IntN(4) {
			life := pick[uint32](r, 0, 600, 10000, rpdb.Forever)
			prefix := pick(r, "2001:db8:1::/64", "2001:db8:2::/64", "2001:db8:2::/48", "2001:db8:3::/128", "::/0")
			switch r.IntN(5) {
			case 0:
				a.options = append(a.options, addrOption(ndSourceLLAddr, randomMAC(r, sideA)))
			case 1:
				a.options = append(a.options, mtuOption(pick[uint32](r, 1280, 1400, 1500, 9000, 0)))
			case 2:
				a.options = append(a.options, routeOption(prefix, pick[uint8](r, 3, 3, 1, 2), uint8(r.Uint32()), life))
			default:
				a.options = append(a.options, prefixOption(prefix, uint8(r.Uint32())&0xc0, life, pick(r, life, life/2)))
			}
		}
		a.tail = make([]byte, 16) // where the kernel reads on behind a route without its prefix
		a.tail[0], a.tail[1] = 100, 2
		d.compare(sideA, a.frame(), "random")
		time.Sleep(settleTime)
		m.same("after a random advertisement")
		d.state("after a random advertisement", shown6...)
		d.settings("after a random advertisement")
		if t.Failed() {
			t.Errorf("round %d: %+v", i, a)
			return
		}
	}
}

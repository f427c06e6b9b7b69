package rpdb

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// Devices of the VRF record: r0 and r1 are ports of red (table 10), b0 of blue
// (table 20), m0 belongs to no VRF.
var vrfDevs = map[string]int{"lo": 1, "m0": 5, "r0": 6, "r1": 7, "b0": 8, "red": 9, "blue": 11}

// vrfRoutes are the IPv6 routes of the record before its scenario V11, by table.
var vrfRoutes = map[uint32]string{
	10: `local ::1 dev red metric 0
::1 dev red metric 256
local 2001:db8:a::1 dev r0 metric 0
2001:db8:a::/64 dev r0 metric 256
local 2001:db8:b::1 dev r1 metric 0
2001:db8:b::/64 dev r1 metric 256
2001:db8:20::/64 dev b0 metric 1024
2001:db8:40::/48 via 2001:db8:a::fe dev r0 metric 1024
2001:db8:46::/48 via 2001:db8:a::fe dev r0 src 2001:db8:b::1 metric 1024
local 2001:db8:255::1 dev red metric 0
2001:db8:255::1 dev red metric 256
local fe80::11 dev r0 metric 0
fe80::/64 dev r0 metric 256
fe80::/64 dev r1 metric 256
multicast ff00::/8 dev r0 metric 256
multicast ff00::/8 dev r1 metric 256
unreachable default dev lo metric 4278198272`,
	20: `local 2001:db8:20::1 dev b0 metric 0
2001:db8:20::/64 dev b0 metric 256
2001:db8:a::/64 dev red metric 1024`,
	111: `default dev m0 metric 1024`,
	TableMain: `2001:db8:a::/64 dev red metric 1024
2001:db8:ff::/64 dev m0 metric 256
fe80::/64 dev m0 metric 256
default via 2001:db8:ff::fe dev m0 metric 1024`,
	TableLocal: `local ::1 dev lo metric 0
local 2001:db8:ff::1 dev m0 metric 0
local 2001:db8:99::9 dev lo metric 0
multicast ff00::/8 dev m0 metric 256`,
}

// parseRoute6 reads the few words of route text that the tests use.
func parseRoute6(t testing.TB, table uint32, text string) Route {
	t.Helper()
	r := Route{Family: IPv6, Table: table, Type: Unicast}
	hop := NextHop{Weight: 1}
	for words := strings.Fields(text); len(words) > 0; words = words[1:] {
		arg := func() string { words = words[1:]; return words[0] }
		switch w := words[0]; w {
		case "local":
			r.Type = Local
		case "multicast":
			r.Type = Multicast
		case "unreachable":
			r.Type = Unreachable
		case "default":
			r.Dst = netip.MustParsePrefix("::/0")
		case "via":
			hop.Gateway = netip.MustParseAddr(arg())
		case "dev":
			hop.Dev = vrfDevs[arg()]
		case "src":
			r.PrefSrc = netip.MustParseAddr(arg())
		case "metric":
			n, err := strconv.ParseUint(arg(), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			r.Priority = uint32(n)
		default:
			if !strings.Contains(w, "/") {
				w += "/128"
			}
			r.Dst = netip.MustParsePrefix(w)
		}
	}
	r.NextHops = []NextHop{hop}
	return r
}

// vrfState is the state of the record, with one more rule at preference 500.
func vrfState(t testing.TB, release string, extra ...Rule) *State {
	s := &State{Kernel: Kernel{Release: release}, Facts: Facts{CustomRules6: Yes}, Sysctls: Sysctls{forwarding6: "1"}}
	for _, n := range []string{"lo", "m0", "r0", "r1", "b0", "red", "blue"} {
		l := Link{Index: vrfDevs[n], Name: n, Flags: IFFUp}
		switch n {
		case "lo":
			l.Flags |= IFFLoopback
		case "red":
			l.Kind, l.VRFTable = "vrf", 10
		case "blue":
			l.Kind, l.VRFTable = "vrf", 20
		case "r0", "r1":
			l.Master = vrfDevs["red"]
		case "b0":
			l.Master = vrfDevs["blue"]
		}
		s.Links = append(s.Links, l)
	}
	for _, a := range []struct{ dev, addr string }{
		{"lo", "::1/128"},
		{"lo", "2001:db8:99::9/128"},
		{"m0", "2001:db8:ff::1/64"},
		{"m0", "fe80::10/64"},
		{"r0", "2001:db8:a::1/64"},
		{"r0", "fe80::11/64"},
		{"r1", "2001:db8:b::1/64"},
		{"r1", "fe80::12/64"},
		{"b0", "2001:db8:20::1/64"},
		{"red", "2001:db8:255::1/128"},
		{"red", "::1/128"},
	} {
		p := netip.MustParsePrefix(a.addr)
		s.Addrs = append(s.Addrs, Addr{Family: IPv6, Index: vrfDevs[a.dev], Local: p.Addr(), PrefixLen: uint8(p.Bits())})
	}
	for table, text := range vrfRoutes {
		for line := range strings.Lines(text) {
			s.Routes = append(s.Routes, parseRoute6(t, table, line))
		}
	}
	table := func(pref, id uint32) Rule { return Rule{Family: IPv6, Pref: pref, Action: ActTable, Table: id} }
	l3 := table(1000, 0)
	l3.L3MDev = true
	s.Rules = append([]Rule{l3, table(32765, TableLocal), table(32766, TableMain)}, extra...)
	return s
}

type vrfQuery struct {
	dst, src, iif, oif string
	want               string // device, gateway, table, source of the reply; or the errno
}

func (q *vrfQuery) run(t *testing.T, db *Database) {
	t.Helper()
	f := Flow{Dst: netip.MustParseAddr(q.dst), IIF: vrfDevs[q.iif], OIF: vrfDevs[q.oif]}
	if q.src != "" {
		f.Src = netip.MustParseAddr(q.src)
	}
	d := db.Lookup(&f)
	got := d.Err.Name()
	if d.Err == OK {
		got = db.LinkName(d.OIF)
		if d.Gateway.IsValid() {
			got += " via " + d.Gateway.String()
		}
		got += " table " + strconv.Itoa(int(d.Table))
		if d.ReplySrc.IsValid() {
			got += " src " + d.ReplySrc.String()
		}
	}
	if got != q.want {
		t.Errorf("to %s from %q iif %q oif %q: got %s, want %s", q.dst, q.src, q.iif, q.oif, got, q.want)
	}
}

// The lookups of the record of kernel 6.12 (spec golden, V04 to V12); rule 0 was
// moved to 32765 there (V07).
func TestVRF6(t *testing.T) {
	db := build(t, vrfState(t, "6.12.117"))
	for _, q := range []vrfQuery{
		{"2001:db8:a::2", "", "", "red", "r0 table 10 src 2001:db8:a::1"},
		{"2001:db8:a::1", "", "", "red", "red table 10 src 2001:db8:a::1"},
		{"2001:db8:a::2", "", "", "r0", "r0 table 10 src 2001:db8:a::1"},
		{"2001:db8:b::2", "", "", "r0", "ENETUNREACH"},
		{"2001:db8:b::2", "2001:db8:a::1", "", "r0", "r1 table 10 src 2001:db8:b::1"},
		{"2001:db8:a::2", "2001:db8:b::1", "", "red", "r0 table 10 src 2001:db8:a::1"},
		{"2001:4860::1", "", "", "red", "EHOSTUNREACH"},
		{"2001:4860::1", "", "", "r0", "ENETUNREACH"},
		{"2001:4860::1", "2001:db8:a::1", "", "r0", "EHOSTUNREACH"},
		{"2001:4860::1", "2001:db8:a::7", "r0", "", "EHOSTUNREACH"},
		{"2001:db8:b::5", "2001:db8:a::7", "r0", "", "r1 table 10"},
		{"2001:db8:b::5", "2001:db8:a::7", "red", "", "r1 table 10"},
		{"2001:db8:a::1", "2001:db8:a::7", "r0", "", "red table 10"},
		{"2001:db8:99::9", "", "", "", "lo table 255 src 2001:db8:99::9"},
		{"2001:db8:ff::1", "", "", "red", "EHOSTUNREACH"},
		{"::1", "", "", "red", "red table 10 src ::1"},
		{"2001:db8:20::5", "", "", "red", "b0 table 10 src 2001:db8:20::1"},
		{"2001:db8:20::5", "", "", "r0", "ENETUNREACH"},
		{"2001:db8:a::2", "", "", "", "red table 254 src 2001:db8:255::1"},
		{"2001:db8:a::2", "", "", "blue", "red table 20 src 2001:db8:255::1"},
		{"2001:db8:a::2", "2001:db8:20::7", "b0", "", "red table 20"},
		{"2001:db8:40::9", "", "", "red", "r0 via 2001:db8:a::fe table 10 src 2001:db8:a::1"},
		{"2001:db8:46::9", "", "", "red", "r0 via 2001:db8:a::fe table 10 src 2001:db8:b::1"},
		{"fe80::9", "", "", "r0", "r0 table 10 src fe80::11"},
		{"fe80::9", "", "", "red", "ENETUNREACH"},
		{"fe80::9", "", "", "", "m0 table 254 src fe80::10"},
		{"fe80::9", "2001:db8:a::1", "", "r0", "r0 table 10 src fe80::11"},
		{"fe80::11", "", "", "r0", "lo table 10 src fe80::11"},
		{"ff02::1", "", "", "r0", "r0 table 10 src fe80::11"},
		{"ff02::1", "", "", "red", "ENETUNREACH"},
		{"ff02::1", "", "", "", "m0 table 255 src fe80::10"},
		{"fe80::9", "", "r0", "", "r0 table 10"},
		{"fe80::9", "", "", "m0", "m0 table 254 src fe80::10"},
		{"2001:db8:40::9", "", "", "b0", "ENETUNREACH"},
	} {
		q.run(t, db)
	}
}

// Rules that name a VRF or a port of one: 6.12 as recorded (V11b), and as changed
// in 6.15 (spec IPv6 9.7).
func TestVRF6Rules(t *testing.T) {
	queries := []vrfQuery{
		{dst: "2001:db8:40::9", oif: "red"},
		{dst: "2001:db8:40::9", oif: "r0"},
		{dst: "2001:db8:40::9", src: "2001:db8:a::7", iif: "r0"},
		{dst: "2001:db8:40::9", src: "2001:db8:a::7", iif: "red"},
	}
	for _, c := range []struct {
		iif, oif string
		old, new string // which of the queries the rule prohibits
	}{
		{oif: "red", old: "", new: "01"},
		{oif: "r0", old: "1", new: "1"},
		{iif: "red", old: "3", new: "23"},
		{iif: "r0", old: "2", new: "2"},
		{iif: "lo", old: "01", new: "01"},
	} {
		for _, k := range []struct{ release, want string }{{"6.12.117", c.old}, {"6.18.44", c.new}} {
			db := build(t, vrfState(t, k.release, Rule{Family: IPv6, Pref: 500, IIF: c.iif, OIF: c.oif, Action: ActProhibit}))
			got := ""
			for i, q := range queries {
				f := Flow{Dst: netip.MustParseAddr(q.dst), IIF: vrfDevs[q.iif], OIF: vrfDevs[q.oif]}
				if q.src != "" {
					f.Src = netip.MustParseAddr(q.src)
				}
				if db.Lookup(&f).Err == EACCES {
					got += strconv.Itoa(i)
				}
			}
			if got != k.want {
				t.Errorf("%s: rule iif %q oif %q prohibits %q, want %q", k.release, c.iif, c.oif, got, k.want)
			}
		}
	}
}

// A packet of a VRF that leaks out of it leaves with an address of the VRF, though
// RTM_GETROUTE shows one of the device (spec IPv6 9.9).
func TestVRF6LeakSource(t *testing.T) {
	db := build(t, vrfState(t, "6.12.117"))
	d := db.Lookup(&Flow{Dst: netip.MustParseAddr("2001:db8:20::5"), OIF: vrfDevs["red"]})
	if want := netip.MustParseAddr("2001:db8:255::1"); d.Src != want {
		t.Errorf("source %s, want %s", d.Src, want)
	}
}

// Kernels differ in whether the oif keeps multipath from spreading (spec IPv6 12).
func TestVRF6MultipathOIF(t *testing.T) {
	for release, want := range map[string]int{"6.12.117": vrfDevs["r1"], "6.18.44": vrfDevs["r0"]} {
		s := vrfState(t, release)
		s.Sysctls["net/ipv4/fib_multipath_hash_seed"] = "12345"
		s.NextHops = []NextHopObject{
			{ID: 11, Family: IPv6, Hop: NextHop{Gateway: netip.MustParseAddr("2001:db8:a::fe"), Dev: vrfDevs["r0"]}},
			{ID: 12, Family: IPv6, Hop: NextHop{Gateway: netip.MustParseAddr("2001:db8:b::fe"), Dev: vrfDevs["r1"]}},
			{ID: 13, Group: []GroupMember{{ID: 11, Weight: 200}, {ID: 12, Weight: 1}}},
		}
		r := parseRoute6(t, 10, "2001:db8:60::/48 metric 1024")
		r.NHID, r.NextHops = 13, nil
		s.Routes = append(s.Routes, r)
		db := build(t, s)
		d := db.Lookup(&Flow{Dst: netip.MustParseAddr("2001:db8:60::1"), OIF: vrfDevs["r1"]})
		if d.OIF != want || d.ReplySrc != netip.MustParseAddr("2001:db8:a::1") {
			t.Errorf("%s: oif %s src %s", release, db.LinkName(d.OIF), d.ReplySrc)
		}
	}
}

package iproute2

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// show prints a state as one text: rules, routes with family and table, addresses
// and problems.
func show(st *TextState) string {
	o := &Options{Links: NewLinkTable(st.Links)}
	var b strings.Builder
	for i := range st.Rules {
		fmt.Fprintf(&b, "%s %s\n", st.Rules[i].Family, FormatRule(&st.Rules[i], o))
	}
	for i := range st.Routes {
		fmt.Fprintf(&b, "%s %s\n", st.Routes[i].Family, FormatRoute(&st.Routes[i], o))
	}
	for i := range st.Addrs {
		fmt.Fprintf(&b, "%s%s\n", o.dev(st.Addrs[i].Index), strings.Split(FormatAddr(&st.Addrs[i], o), "\n")[0])
	}
	for i := range st.Neighs {
		fmt.Fprintln(&b, FormatNeigh(&st.Neighs[i], o))
	}
	for _, p := range st.Problems {
		if p.Line > 0 {
			fmt.Fprintf(&b, "%d: %s\n", p.Line, p.Why)
		}
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

func TestReadTextForms(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"double spaces of old versions", `
default via 10.0.2.2 dev eth0  proto static  metric 1024 
10.0.2.0/24 dev eth0  proto kernel  scope link  src 10.0.2.15 
broadcast 10.0.2.0 dev eth0  table local  proto kernel  scope link  src 10.0.2.15 
`, `
inet default via 10.0.2.2 dev eth0 proto static metric 1024
inet 10.0.2.0/24 dev eth0 proto kernel scope link src 10.0.2.15
inet broadcast 10.0.2.0 dev eth0 table local proto kernel scope link src 10.0.2.15
`},
		{"IPv6 before 4.1", `
unreachable ::/96 dev lo  metric 1024  error -101
fe80::/64 dev eth0  proto kernel  metric 256  mtu 1500 advmss 1440 hoplimit 4294967295
default via fe80::1 dev eth0  proto ra  metric 1024  expires 1708sec hoplimit 64
unreachable default dev lo  table unspec  proto kernel  metric 4294967295  error -101 hoplimit 255
local ::1 via :: dev lo  table local  proto none  metric 0 
unreachable default dev lo  metric 2048  error -101
`, `
inet6 unreachable ::/96 dev lo metric 1024 pref medium
inet6 fe80::/64 dev eth0 proto kernel metric 256 mtu 1500 advmss 1440 pref medium
inet6 default via fe80::1 dev eth0 proto ra metric 1024 expires 1708sec hoplimit 64 pref medium
inet6 local ::1 dev lo table local proto unspec metric 0 pref medium
inet6 unreachable default dev lo metric 2048 pref medium
5: the kernel's mark for "no route", not a table entry: left out
`},
		{"colours and CRLF", "\x1b[31mdefault\x1b[0m via \x1b[35m192.0.2.254 \x1b[0mdev \x1b[36mveth0 \x1b[0m\r\n0:\tfrom all lookup local\r\n", `
inet 0:	from all lookup local
inet default via 192.0.2.254 dev veth0
`},
		{"prompts tell table and family", `
$ ip route show table 100
default via 10.0.0.1 dev eth0
[root@host ~]# ip -6 rule
0:	from all lookup local
user@host:~$ ip -6 route show table 7
default dev wg0 metric 5
root@host:~# ip route show dev eth1 proto static
10.7.0.0/16 via 10.0.0.9
`, `
inet6 0:	from all lookup local
inet default via 10.0.0.1 dev eth0 table 100
inet6 default dev wg0 table 7 metric 5 pref medium
inet 10.7.0.0/16 via 10.0.0.9 dev eth1 proto static
`},
		{"two rule lists", `
0:	from all lookup local
32766:	from all lookup main
32767:	from all lookup default
0:	from all lookup local
32766:	from all lookup main
`, `
inet 0:	from all lookup local
inet 32766:	from all lookup main
inet 32767:	from all lookup default
inet6 0:	from all lookup local
inet6 32766:	from all lookup main
`},
		{"a list given twice", `
0:	from all lookup local
32767:	from all lookup default

0:	from all lookup local
32767:	from all lookup default

$ ip -4 rule show table 5
9:	from all lookup 5
$ ip -4 rule show table local
0:	from all lookup local
`, `
inet 0:	from all lookup local
inet 32767:	from all lookup default
9: a second list of inet rules differs from the first and is left out
`},
		{"noise", `
Dump was interrupted and may be inconsistent.
0:	from all lookup local
RTNETLINK answers: Permission denied
hello world
192.0.2.0/24 dev
10.0.0.0/8 via 192.0.2.1 dev eth0 frobnicate proto noproto
5:	from all lookup
6:	from all wibble 3 lookup 7
7:	from all
`, `
inet 0:	from all lookup local
inet6 6:	from all lookup 7
inet 10.0.0.0/8 via 192.0.2.1 dev eth0 proto unspec
2: ip says that the state changed while it was listed: the list may be inconsistent
4: an error of ip
5: not a line that ip prints
6: a route that cannot be read, and is left out: "dev" has no value
7: a route with words that are not known, kept without them: frobnicate proto noproto
8: a rule that cannot be read, and is left out: "lookup" has no value
9: a rule with words that are not known, kept without them: wibble 3
10: a rule that cannot be read, and is left out: the rule has no action: the line is cut off
9: nothing tells the family of this list of rules; it is taken as inet6
`},
		{"answers of route get", `
8.8.8.8 via 192.0.2.254 dev veth0 src 192.0.2.1 uid 0 
    cache 
2001:db8::1 from :: via fe80::1 dev veth0 metric 512 pref high
$ ip route get 1.1.1.1
1.1.1.1 via 192.0.2.254 dev veth0
`, `
2: left out: an answer of ip route get or a cached route, not a table entry
4: left out: an answer of ip route get or a cached route, not a table entry
6: left out: an answer of ip route get or a cached route, not a table entry
`},
		{"families of default routes", `
10.0.0.0/8 dev eth0 scope link
fd00::/64 dev eth0 metric 256
default dev wg0 metric 1024
default dev tun0 table 5 scope link
`, `
inet 10.0.0.0/8 dev eth0 scope link
inet6 fd00::/64 dev eth0 metric 256 pref medium
inet6 default dev wg0 metric 1024 pref medium
inet default dev tun0 table 5 scope link
`},
		{"ip -o addr, -br addr", `
2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0\       valid_lft 86315sec preferred_lft 86315sec
2: eth0    inet6 fe80::1/64 scope link \       valid_lft forever preferred_lft forever
br0              UP             172.31.0.1/16 10.9.0.1 peer 10.9.0.2/32 
`, `
eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0
eth0    inet6 fe80::1/64 scope link
br0    inet 172.31.0.1/16 scope global
br0    inet 10.9.0.1 peer 10.9.0.2/32 scope global
`},
		{"encapsulations", `
10.1.1.0/30  encap mpls  100 via inet 10.0.0.1 dev eth0 
10.1.2.0/24  encap ip id 100 src 1.1.1.1 dst 2.2.2.2 ttl 0 tos 0 dev eth0 scope link 
2001:db8:5::/48  encap seg6 mode encap segs 1 [ fc00::1 ] via fe80::1 dev eth0 metric 1024 pref medium
`, `
inet 10.1.1.0/30  encap mpls via 10.0.0.1 dev eth0
inet 10.1.2.0/24  encap ip dev eth0 scope link
inet6 2001:db8:5::/48  encap seg6 via fe80::1 dev eth0 metric 1024 pref medium
`},
		{"names of tables", `
100:	from 10.0.0.0/8 lookup corp
default via 10.0.0.1 dev eth0 table corp
1.0.0.0/8 via 10.0.0.1 dev eth0 table 1corp
`, `
inet 100:	from 10.0.0.0/8 lookup 4293918720
inet default via 10.0.0.1 dev eth0 table 4293918720
4: a route that cannot be read, and is left out: table "1corp" has no number here: its line in rt_tables is needed
`},
		{"JSON behind a prompt", `
$ ip -j -6 rule
[{"priority":9,"src":"all","table":"main"}]
`, `
inet6 9:	from all lookup main
`},
		{"neighbours", `
$ ip neigh show dev eth0
10.0.0.1 lladdr 02:aa:00:00:00:01 REACHABLE
10.0.0.2  FAILED
$ ip -s neigh
fe80::1 dev eth1 lladdr 02:aa:00:00:00:01 router used 1/2/3 probes 4 STALE
fe80::2 dev eth1 lladdr 02:aa:00:00:00:02  used 1/2/3probes 4 STALE
`, `
10.0.0.1 dev eth0 lladdr 02:aa:00:00:00:01 REACHABLE
10.0.0.2 dev eth0 FAILED
fe80::1 dev eth1 lladdr 02:aa:00:00:00:01 router STALE
fe80::2 dev eth1 lladdr 02:aa:00:00:00:02 STALE
`},
		{"cut off", "default via 10.0.0.1 dev eth0 \n10.0.0.0/8 via 10.0.0.9 dev eth", `
inet default via 10.0.0.1 dev eth0
inet 10.0.0.0/8 via 10.0.0.9 dev eth
2: the text ends in the middle of a line, it seems
`},
		{"indented by quoting", `
    0:	from all lookup local
    default via 10.0.0.1 dev eth0
    	nexthop via 10.0.0.2 dev eth0 weight 1
`, `
inet 0:	from all lookup local
inet default via 10.0.0.2 dev eth0
`},
	} {
		st, err := ReadText([]byte(tt.in), nil)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if d := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), show(st)); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

func TestReadTextVRF(t *testing.T) {
	st, err := ReadText([]byte(`
$ ip -d link show red
9: red: <NOARP,MASTER,UP,LOWER_UP> mtu 65575 qdisc noqueue state UP mode DEFAULT group default qlen 1000
    link/ether 0e:99:52:12:38:44 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 1280 maxmtu 65575 
    vrf table 10 addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 
$ ip link show r0
6: r0@if7: <BROADCAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc noqueue master red state UNKNOWN mode DEFAULT group 7 qlen 1000
    link/ether 02:00:00:00:00:11 brd ff:ff:ff:ff:ff:ff link-netnsid 3
    altname enp0s9
$ ip route show vrf red
10.0.0.0/24 dev enp0s9 proto kernel scope link src 10.0.0.1 
$ ip vrf show
Name              Table
-----------------------
blue                 20
$ ip route show vrf green
10.0.0.0/24 dev r0
10: gone: <NOARP,MASTER,UP> mtu 65575
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range st.Links {
		got = append(got, fmt.Sprintf("%d %s kind %q table %d master %d up %v assumed %v group %d", l.Index, l.Name, l.Kind, l.VRFTable, l.Master, l.Up(), l.Assumed, l.Group))
	}
	for _, r := range st.Routes {
		got = append(got, fmt.Sprintf("%s table %d dev %d", r.Dst, r.Table, r.NextHops[0].Dev))
	}
	for _, p := range st.Problems {
		got = append(got, p.String())
	}
	want := []string{
		`6 r0 kind "" table 0 master 9 up true assumed false group 7`,
		`9 red kind "vrf" table 10 master 0 up true assumed false group 0`,
		`10 gone kind "" table 0 master 0 up true assumed false group 0`,
		`11 blue kind "vrf" table 20 master 0 up true assumed true group 0`,
		`10.0.0.0/24 table 10 dev 6`,
		`the routes of table green are left out: its number is not known`,
		`no inet route of table local was shown (ip route show table all shows every table)`,
		`device gone looks like a VRF, but its table was not shown (ip -d link shows it)`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReadTextSeen(t *testing.T) {
	for in, want := range map[string]rpdb.Parts{
		"":                                    0,
		"0:\tfrom all lookup local":           rpdb.PartRules4,
		"$ ip nexthop\n$ ip -6 rule":          rpdb.PartNextHops | rpdb.PartRules6,
		"$ ip route show table all":           rpdb.PartRoutes4 | rpdb.PartRoutes6,
		"$ ip route":                          0,
		"$ ip neigh show dev eth0":            0,
		"1: lo: <UP> mtu 9":                   rpdb.PartLinks,
		"2: e    inet 1.2.3.4/8 scope host e": rpdb.PartAddrs4,
		"$ ip nexthop\nError: no.":            0,
	} {
		st, err := ReadText([]byte(in), nil)
		if err != nil || st.Seen != want {
			t.Errorf("%q: %b, want %b (%v)", in, st.Seen, want, err)
		}
	}
}

func TestReadTextLimits(t *testing.T) {
	if _, err := ReadText([]byte("0:\tfrom all\x00"), nil); !errors.Is(err, ErrBinary) {
		t.Errorf("binary: %v", err)
	}
	if _, err := ReadText([]byte(strings.Repeat("x", MaxLine+9)), nil); !errors.Is(err, ErrLineSize) {
		t.Errorf("long line: %v", err)
	}
	st, err := ReadText([]byte(strings.Repeat("nonsense\n", 2*MaxProblems)), nil)
	if err != nil || len(st.Problems) != MaxProblems+1 || st.Problems[MaxProblems].Why != "and 1000 more problems" {
		t.Errorf("%v, %d problems", err, len(st.Problems))
	}
}

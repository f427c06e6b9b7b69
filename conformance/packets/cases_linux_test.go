package packets

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/internal/testns"
)

// pair is two hosts with two cables between them; h1 is all of 10.9.0.0/16 and fd09::/16 too.
const pair = `
h0: ip link add name v0 index 100 mtu 1500 address 02:00:00:00:00:00 type veth peer name v0 index 101 mtu 1500 address 02:00:00:01:00:00 netns h1
h0: ip link add name v1 index 102 mtu 1500 address 02:00:00:00:00:01 type veth peer name v1 index 103 mtu 1500 address 02:00:00:01:00:01 netns h1
h0: ip link set v0 up
h1: ip link set v0 up
h0: ip link set v1 up
h1: ip link set v1 up
h0: ip link set lo up
h1: ip link set lo up
h0: ip addr add 10.0.0.1/24 brd + dev v0
h0: ip addr add fd00::1/64 dev v0
h0: ip addr add 10.0.1.1/24 brd + dev v1
h0: ip addr add fd00:1::1/64 dev v1
h1: ip addr add 10.0.0.2/24 brd + dev v0
h1: ip addr add fd00::2/64 dev v0
h1: ip addr add 10.0.1.2/24 brd + dev v1
h1: ip addr add fd00:1::2/64 dev v1
h1: ip route add local 10.9.0.0/16 dev lo
h1: ip -6 route add local fd09::/16 dev lo
`

// spread has h0 share what it sends to h1 between the cables.
const spread = `
h0: ip route add 10.9.0.0/16 nexthop via 10.0.0.2 dev v0 nexthop via 10.0.1.2 dev v1
h0: ip -6 route add fd09::/16 nexthop via fd00::2 dev v0 nexthop via fd00:1::2 dev v1
`

// cases are small networks in which the lab once did otherwise than the kernel.
var cases = []struct {
	name, lines string
	probes      []Probe
}{
	{"the hash of what sockets send, policy 1", spread + hashes("1"), everywhere(UDP, Echo)},
	{"the hash of what sockets send, policy 3", spread + hashes("3"), everywhere(UDP, Echo)},
	{
		"answers and errors of a host with two ways back", `
h0: ip addr add 10.8.0.1/32 dev lo
h0: ip -6 addr add fd08::1/128 dev lo
h0: ip route add 10.9.0.0/16 via 10.0.0.2 dev v0
h0: ip -6 route add fd09::/16 via fd00::2 dev v0
h1: ip route add 10.8.0.0/16 nexthop via 10.0.0.1 dev v0 nexthop via 10.0.1.1 dev v1
h1: ip -6 route add fd08::/16 nexthop via fd00::1 dev v0 nexthop via fd00:1::1 dev v1
` + hashes("3"), from("10.8.0.1", "fd08::1", everywhere(UDP, Echo)),
	},
	{
		"fragments that are too large for the cable", `
h0: ip route add 10.9.0.0/16 via 10.0.0.2 dev v0 mtu 1480
h0: ip -6 route add fd09::/16 via fd00::2 dev v0 mtu 1480
h1: ip link set dev v0 mtu 1400
`, []Probe{
			{Kind: UDP, Dst: addr("10.0.0.2"), Size: 8},
			{Kind: UDP, Dst: addr("fd00::2"), Size: 8},
			{Kind: UDP, Dst: addr("10.9.0.1"), Size: 3000},
			{Kind: Echo, Dst: addr("10.9.0.1"), Size: 3000},
			{Kind: UDP, Dst: addr("fd09::1"), Size: 3000},
			{Kind: Echo, Dst: addr("fd09::1"), Size: 3000},
		},
	},
	{
		"resets of IPv6 know no traffic class", "h1: ip -6 rule add pref 10 tos 0x10 blackhole\n",
		[]Probe{{Kind: SYN, Src: addr("fd00::1"), Dst: addr("fd00::2"), TOS: 0x10, Data: segment()}},
	},
	{"this host by the address of a device", "", []Probe{
		{Kind: UDP, Dst: addr("0.0.0.0"), Device: "v1", Size: 8}, {Kind: Echo, Dst: addr("0.0.0.0"), Device: "v0", Size: 8}, {Kind: Echo, Dst: addr("0.0.0.0"), Size: 8},
	}},
	{
		"an answer to all has the source that rules see", `
h1: sysctl -w net.ipv4.icmp_echo_ignore_broadcasts=0
h1: ip rule add pref 50 from 10.0.0.0/24 unreachable
`, []Probe{{Kind: Echo, Dst: addr("10.0.0.255"), Cast: true, Size: 8}, {Kind: Echo, Dst: addr("10.0.1.255"), Cast: true, Size: 8}},
	},
	{
		"macvlans hear fragments whole", `
h1: ip link add name mv0 link v0 address 02:00:00:01:02:00 type macvlan
h1: ip link set mv0 up
h1: sysctl -w net.ipv4.conf.v0.rp_filter=1
h1: sysctl -w net.ipv4.conf.v0.arp_ignore=8
h1: sysctl -w net.ipv6.conf.v0.disable_ipv6=1
h1: ip addr del 10.0.0.2/24 dev v0
h1: ip addr add 10.0.0.2/24 dev mv0
`, []Probe{{Kind: UDP, Dst: addr("10.0.0.255"), Cast: true, Size: 3000}, {Kind: Echo, Dst: addr("10.0.0.2"), Size: 8}},
	},
	{"a group's copies are copies of the fragments", "", []Probe{{Kind: Echo, Dst: addr("ff02::1%v0"), Size: 3000}}},
}

func hashes(policy string) string {
	var b strings.Builder
	for _, h := range []string{"h0", "h1"} {
		for _, s := range []string{"ipv4.fib_multipath_hash_seed=5", "ipv4.fib_multipath_hash_policy=" + policy, "ipv6.fib_multipath_hash_policy=" + policy} {
			b.WriteString(h + ": sysctl -w net." + s + "\n")
		}
	}
	return b.String()
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// everywhere are probes to several addresses of h1.
func everywhere(kinds ...Kind) (out []Probe) {
	for _, k := range kinds {
		for _, a := range []string{"10.9.0.", "fd09::"} {
			for _, n := range "123456" {
				out = append(out, Probe{Kind: k, Dst: addr(a + string(n)), Size: 8})
			}
		}
	}
	return out
}

func from(four, six string, probes []Probe) []Probe {
	for i := range probes {
		probes[i].Src = addr(four)
		if probes[i].Dst.Is6() {
			probes[i].Src = addr(six)
		}
	}
	return probes
}

func segment() []byte {
	p := Probe{Src: addr("fd00::1"), Dst: addr("fd00::2"), SPort: 4000, DPort: 7}
	d := drawing{dice: newDice(1, 1), t: &Topology{}}
	d.syn(&p, 0)
	return p.Data
}

// TestCases compares the small networks.
func TestCases(t *testing.T) {
	testns.New(t) // skips where there are none
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			runtime.LockOSThread() // never unlocked, see Run
			pin(0)
			found, frames, err := play(t.Context(), caseTopology(c.lines, c.probes), patient, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range found {
				t.Error(m)
			}
			if frames == 0 {
				t.Error("no frames")
			}
		})
	}
}

// caseTopology makes a topology of lines as String tells them, on top of pair.
func caseTopology(lines string, probes []Probe) *Topology {
	d := &drawing{t: &Topology{Hosts: []string{"h0", "h1"}}, names: map[int][]string{0: {"v0", "v1"}, 1: {"v0", "v1"}}}
	for h := range d.t.Hosts {
		d.basics(h)
	}
	steps := d.cables
	for _, text := range []string{pair, lines} {
		for line := range strings.Lines(text) {
			host, rest, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok {
				continue
			}
			for _, tool := range []string{"sysctl -w", "ip -6", "ip"} {
				if args, ok := strings.CutPrefix(rest, tool+" "); ok {
					steps = append(steps, Step{Host: host, Tool: strings.TrimSuffix(tool, " -w"), Args: args})
					break
				}
			}
		}
		if text == pair {
			steps = append(steps, d.settings...)
		}
	}
	for _, p := range probes {
		p.Host, p.SPort, p.DPort, p.PMTU = "h0", 4000, 7, 1
		d.t.Probes = append(d.t.Probes, p)
	}
	d.t.Steps = steps
	return d.t
}

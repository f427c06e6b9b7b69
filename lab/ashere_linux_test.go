package lab_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTextsAsTheKernel runs commands on the three hosts of a network, in the lab and in
// namespaces of the running kernel, and compares what they print. The first word is the host;
// WAIT lets a second pass. Where the kernel lacks a kind of device, what it would print is
// known from another one.
func TestTextsAsTheKernel(t *testing.T) {
	for name, x := range map[string]struct{ lines, want string }{
		"the address of a neighbour becomes that of all": {lines: `
			c ip neigh add 203.0.113.5 lladdr 02:00:00:00:00:05 nud permanent dev r
			c ip neigh add 203.0.113.7 nud failed dev r
			c ip neigh add 203.0.113.111 nud failed dev r
			c ip neigh add 203.0.113.255 nud failed dev r
			c ip addr add 203.0.113.1/24 broadcast 203.0.113.111 dev r
			c ip neigh get 203.0.113.5 dev r
			c ip neigh get 203.0.113.7 dev r
			c ip neigh get 203.0.113.111 dev r
			c ip neigh get 203.0.113.255 dev r`},
		"expired routes are collected when told to": {lines: `
			c sysctl -w net.ipv6.route.gc_interval=60
			c ip -6 addr add 2001:db8::1/64 dev r nodad
			c ip -6 route add 2001:db8:1::/64 via 2001:db8::2 expires 1
			c ip -6 route add 2001:db8:2::/64 via 2001:db8::2
			WAIT
			WAIT
			c sysctl -w net.ipv6.route.flush=1
			c ip -6 route show root 2001:db8::/32`},
		"expired routes are collected by themselves": {lines: `
			c sysctl -w net.ipv6.route.gc_interval=1
			c ip -6 addr add 2001:db8::1/64 dev r nodad
			c ip -6 route add 2001:db8:1::/64 via 2001:db8::2 expires 1
			WAIT
			WAIT
			WAIT
			WAIT
			c ip -6 route show root 2001:db8::/32`},
		"a router without addresses tells": {lines: `
			c ip -6 addr add 2001:db8::1/64 dev r nodad
			r ip addr flush dev c
			r ip addr flush dev s
			r ip -6 addr add 2001:db8::2/64 dev c nodad
			r ip route add 10.0.0.0/24 via inet6 2001:db8::1
			c ip route add 192.0.2.0/24 via inet6 2001:db8::2
			c ping -n -c 1 -W 1 192.0.2.1`},
		"a route of one VRF into another": {lines: `
			r ip link add blue type vrf table 11
			r ip link add red type vrf table 12
			r ip link set blue up
			r ip link set red up
			r ip link set c vrf blue
			r ip link set s vrf red
			r ip route add vrf blue 10.0.1.0/24 dev red
			r ip route add vrf red 10.0.0.0/24 dev blue
			c ping -q -n -c 1 -W 1 10.0.1.2`, want: "1 packets transmitted, 1 received, 0% packet loss"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait
			got := play(newInLab(t), x.lines)
			want := play(newInKernel(t), x.lines)
			if strings.Contains(want, "Unknown device type") {
				if x.want == "" || !strings.Contains(got, x.want) {
					t.Errorf("got\n%s\nwant %q", got, x.want)
				}
				t.Skip("this kernel lacks a kind of device")
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// differs is what two runs of a command print differently: times.
var differs = regexp.MustCompile(`time \d+ms|time=[\d.]+ ms|(?m)^rtt .*$`)

// play runs lines of HOST COMMAND and returns what was printed.
func play(n network, lines string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		host, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		if host == "WAIT" {
			n.sleep(time.Second)
			continue
		}
		out, err := n.run(host, command)
		b.WriteString("$ " + command + "\n" + out)
		if err != nil {
			text := err.Error()
			b.WriteString("refused: " + text[strings.LastIndex(text, ": ")+2:] + "\n")
		}
	}
	return differs.ReplaceAllString(b.String(), "")
}

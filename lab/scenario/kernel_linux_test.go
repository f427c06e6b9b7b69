package scenario_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/lab/scenario"
	"github.com/rulewalk/rulewalk/lab/topology"
)

// TestOnKernel plays the scenarios in namespaces of the running kernel, with the real ip
// and ping, and wants the same outputs. What a host does in the background is not played,
// and of ping the times do not count.
func TestOnKernel(t *testing.T) {
	unshare := needKernel(t)
	tunnels := kernelTunnels(unshare)
	for _, name := range scenario.Shipped() {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the most part
			topo, _, err := scenario.ReadShipped(name)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(unshare[0], append(unshare[1:], "bash", "-c", kernelScript(topo, tunnels))...)
			cmd.Dir = t.TempDir()
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "Unknown device type") {
				t.Skipf("this kernel lacks a kind of device: %s", out)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			compareWithKernel(t, topo, string(out))
		})
	}
}

// needKernel skips a test if namespaces of the running kernel cannot be made or a tool is
// missing; else it returns the words that run a command in such ones.
func needKernel(t *testing.T, tools ...string) []string {
	t.Helper()
	if testing.Short() {
		t.Skip("half a minute")
	}
	for _, tool := range append(tools, "ip", "ping", "bash", "unshare", "sysctl") {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("install %s to play the scenarios on this kernel (iproute2, iputils-ping, bash, util-linux, procps, "+
				"tcpdump, traceroute, netcat-openbsd)", tool)
		}
	}
	unshare := []string{"unshare", "-rmn"}
	if os.Getuid() == 0 {
		unshare = []string{"unshare", "-mn"}
	}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "mount", "-t", "tmpfs", "none", "/run")...).CombinedOutput(); err != nil {
		t.Skipf("this machine allows no namespaces of one's own: %v: %s", err, out)
	}
	return unshare
}

// kernelTunnels reports whether the kernel has tunnels.
func kernelTunnels(unshare []string) bool {
	return exec.Command("unshare", append(unshare[1:], "ip", "link", "add", "t0", "type", "ipip", "local", "192.0.2.1", "remote", "192.0.2.2")...).Run() == nil
}

var background = regexp.MustCompile(`&$|^(fg|kill|wait)\b|\bnc\b|^traceroute`)

// notOnKernel tells why a step is not played; empty if it is.
func notOnKernel(s *topology.Step) string {
	switch {
	case background.MatchString(s.Command):
		return "in the background, or with what is; or not the same for its times"
	case strings.Contains(s.Command, "ip vrf exec"):
		return "needs BPF and control groups"
	case s.Host == topology.Lab, strings.HasPrefix(s.Command, "why"):
		return "no command of Linux"
	}
	return ""
}

var tunnel = regexp.MustCompile(`(?m)^ip link add (\S+) type ipip .*$`)

// tunnelEnds are the hosts of each tunnel, by the name that its two ends have.
func tunnelEnds(topo *topology.Topology) map[string][]string {
	ends := map[string][]string{}
	for _, h := range topo.Hosts {
		for _, m := range tunnel.FindAllStringSubmatch(h.Setup.Text, -1) {
			ends[m[1]] = append(ends[m[1]], h.Name)
		}
	}
	return ends
}

const stepMark = "@@step "

// kernelScript is a script that makes the hosts of a topology and plays its steps, in a
// mount and a network namespace of its own. On a kernel without tunnels a cable stands for
// each, whose ends need no ARP: they have one hardware address.
func kernelScript(topo *topology.Topology, tunnels bool) string {
	var b strings.Builder
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	on := func(host, command string) {
		line("ip netns exec %s bash -c %s || exit", host, quote("set -e\n"+command))
	}
	line("set -e; mount -t tmpfs none /run; mkdir /run/netns; ip netns add far-end; set +e")
	for _, h := range topo.Hosts {
		line("ip netns add %s && ip -n %[1]s link set lo up || exit", h.Name)
	}
	for i, l := range topo.Links {
		far := topology.End{Host: "far-end", Dev: fmt.Sprintf("e%d", i)}
		if len(l.Ends) == 2 {
			far = l.Ends[1]
		}
		line("ip -n %s link add %s type veth peer name %s netns %s || exit", l.Ends[0].Host, l.Ends[0].Dev, far.Dev, far.Host)
		if len(l.Ends) == 1 {
			line("ip -n far-end link set %s up || exit", far.Dev)
		}
	}
	setup := func(h *topology.Host) string { return h.Setup.Text }
	if !tunnels {
		setup = func(h *topology.Host) string { return tunnel.ReplaceAllString(h.Setup.Text, "") }
		for dev, hosts := range tunnelEnds(topo) {
			line("ip -n %s link add %s address 02:00:00:00:00:01 type veth peer name %[2]s address 02:00:00:00:00:01 netns %s || exit", hosts[0], dev, hosts[1])
			for _, h := range hosts {
				line("ip -n %s link set %s arp off || exit", h, dev)
			}
		}
	}
	for _, h := range topo.Hosts {
		if h.Switch {
			on(h.Name, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; ip link add br0 type bridge; ip link set br0 up")
			for _, l := range topo.Links {
				for _, e := range l.Ends {
					if e.Host == h.Name {
						on(h.Name, "ip link set "+e.Dev+" master br0 up")
					}
				}
			}
		}
		for _, s := range h.Sysctl {
			on(h.Name, "sysctl -qw "+s.Name+"="+s.Value)
		}
		on(h.Name, setup(&h))
	}
	line("sleep 2.5")
	for i := range topo.Run {
		s := &topo.Run[i]
		if notOnKernel(s) != "" {
			continue
		}
		line("echo '%s%d'; ip netns exec %s bash -c %s 2>&1; echo \"%[1]s-1 $?\"", stepMark, i, s.Host, quote(s.Command))
		if strings.Contains(s.Command, "ip link set") {
			line("sleep 1.2") // the kernel looks at carriers once a second
		}
	}
	line("exit 0")
	return b.String()
}

// pairSuffix is what ip -br shows of a network card, which here is an end of a veth pair.
var pairSuffix = regexp.MustCompile(`(?m)^eth0@if2`)

var pingTime = regexp.MustCompile(`time[ =][0-9.]+ ?ms|^rtt .*`)

// compareWithKernel compares what the script has printed with the transcript.
func compareWithKernel(t *testing.T, topo *topology.Topology, out string) {
	t.Helper()
	step, played := -1, 0
	var lines []string
	for l := range strings.Lines(out) {
		l = strings.TrimRight(l, " \n")
		mark, ok := strings.CutPrefix(l, stepMark)
		if !ok {
			lines = append(lines, l)
			continue
		}
		number, status, ended := strings.Cut(mark, " ")
		if !ended {
			step, _ = strconv.Atoi(number)
			lines = nil
			continue
		}
		s := &topo.Run[step]
		played++
		for n := len(lines); n > 0 && lines[n-1] == ""; n-- {
			lines = lines[:n-1]
		}
		want := s.Want
		if strings.HasPrefix(s.Command, "ping") {
			want, lines = withoutTimes(want), withoutTimes(lines)
		}
		if got := pairSuffix.ReplaceAllString(strings.Join(lines, "\n"), "eth0    "); got != strings.Join(want, "\n") || status != strconv.Itoa(s.Status) {
			t.Errorf("line %d: %s$ %s: the kernel: exit %s\n%s\nthe scenario: exit %d\n%s",
				s.Pos.Line, s.Host, s.Command, status, got, s.Status, strings.Join(want, "\n"))
		}
	}
	if played == 0 {
		t.Errorf("nothing was played:\n%s", out)
	}
	t.Logf("%d of %d steps", played, len(topo.Run))
}

func withoutTimes(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = pingTime.ReplaceAllString(l, "")
	}
	return out
}

package scenario_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/scenario"
	"github.com/rulewalk/rulewalk/lab/topology"
)

// TestTracesAsTheKernel plays the scenarios in the lab and in namespaces of the running
// kernel, with a capture on all devices of each host, and compares the packets one by one, as the same
// tcpdump prints both: addresses, protocols, sizes, TTL, flags of IP and TCP, TCP options,
// types and codes of ICMP and what it quotes. Commands in the background are played too.
func TestTracesAsTheKernel(t *testing.T) {
	unshare := needKernel(t, "tcpdump", "traceroute", "nc")
	for _, name := range scenario.Shipped() {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the most part
			topo, _, err := scenario.ReadShipped(name)
			if err != nil {
				t.Fatal(err)
			}
			if len(tunnelEnds(topo)) > 0 && !kernelTunnels(unshare) {
				t.Skip("this kernel has no tunnels: what stands for them has other packets")
			}
			topo.Run = slices.DeleteFunc(topo.Run, func(s topology.Step) bool { return notTraced(&s) != "" })
			kernel, lab := t.TempDir(), t.TempDir()
			cmd := exec.Command(unshare[0], append(unshare[1:], "bash", "-c", tracedScript(topo))...)
			cmd.Dir = kernel
			if out, err := cmd.CombinedOutput(); err != nil {
				if strings.Contains(string(out), "Unknown device type") {
					t.Skip("this kernel lacks a kind of device")
				}
				t.Fatalf("%v\n%s", err, out)
			}
			for _, h := range topo.Hosts {
				topo.Captures = append(topo.Captures, topology.Capture{On: topology.End{Host: h.Name, Dev: "any"}, File: h.Name + ".pcap", Filter: traced})
			}
			playInLab(t, topo, lab)
			packets := 0
			for _, h := range topo.Hosts {
				want, got := read(t, kernel, h.Name, name), read(t, lab, h.Name, name)
				packets += strings.Count(want, "\n")
				if got != want {
					t.Errorf("%s of the lab:\n%s\nof the kernel:\n%s", h.Name, got, want)
				}
			}
			t.Logf("%d packets", packets)
		})
	}
}

// traced are the packets that are compared: those of neighbour discovery and of groups come when
// caches and random delays say.
const traced = "(ip and not igmp) or (ip6 and (tcp or udp))"

// notTraced tells why a step is not played when packets are compared; empty if it is.
func notTraced(s *topology.Step) string {
	switch {
	case strings.HasPrefix(s.Command, "tcpdump"), strings.HasPrefix(s.Command, "fg"), strings.HasPrefix(s.Command, "kill"):
		return "captures are made of everything"
	case strings.Contains(s.Command, "ip vrf exec"):
		return "needs BPF and control groups"
	case s.Host == topology.Lab, strings.HasPrefix(s.Command, "why"):
		return "no command of Linux"
	}
	return ""
}

// playInLab plays the steps and waits for what goes on in the background.
func playInLab(t *testing.T, topo *topology.Topology, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w, err := scenario.Start(ctx, "traces", topo, scenario.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(ctx, nil); err != nil {
		t.Error(err)
	}
	if err := w.Server.Sleep(ctx, 3*time.Second); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// tracedScript is kernelScript with captures.
func tracedScript(topo *topology.Topology) string {
	setUp, _, _ := strings.Cut(kernelScript(topo, true), "sleep 2.5\n")
	var b strings.Builder
	b.WriteString(setUp + "sleep 2.5\n")
	for _, h := range topo.Hosts {
		fmt.Fprintf(&b, "ip netns exec %s tcpdump -Z root -n -U -i any -w %[1]s.pcap '%s' 2>%[1]s.log &\n", h.Name, traced)
		fmt.Fprintf(&b, "while ! grep -q listening %s.log; do sleep 0.05; kill -0 $! || exit; done\n", h.Name)
	}
	for i := range topo.Run {
		s := &topo.Run[i]
		fmt.Fprintf(&b, "ip netns exec %s bash -c '%s' >/dev/null 2>&1\n", s.Host, strings.ReplaceAll(s.Command, "'", `'\''`))
		if strings.Contains(s.Command, "ip link set") {
			b.WriteString("sleep 1.2\n") // the kernel looks at carriers once a second
		}
	}
	b.WriteString("sleep 3; kill -INT $(jobs -p); wait; exit 0\n")
	return b.String()
}

// masks take out of a line what no two runs have in common: ports that the system chose, what
// starts at random (sequence numbers, identifications, timestamps), checksums that the kernel leaves to devices.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`^[\d:.]+ `), ""},
	{regexp.MustCompile(`, id \d+, offset`), ", offset"},
	{regexp.MustCompile(`((?:\d+\.){4})(?:3[3-9]|[456]\d)\d{3}\b`), "${1}PORT"},
	{regexp.MustCompile(`echo (request|reply), id \d+`), "echo $1"},
	{regexp.MustCompile(`cksum 0x[0-9a-f]+ \([^)]*\), `), ""},
	{regexp.MustCompile(`\[(bad )?udp (sum|cksum)[^\]]*\] `), ""},
	{regexp.MustCompile(`(Flags \[S\.?\],) seq \d+`), "$1 seq N"},
	{regexp.MustCompile(`(Flags \[S\.\],.*) ack \d+`), "$1 ack N"},
	{regexp.MustCompile(`TS val \d+ ecr \d+`), "TS"},
	// The window after data differs by a unit or two, by the memory that the kernel reckons.
	{regexp.MustCompile(`(Flags \[[^S\]]*\],.*) win \d+`), "$1 win N"},
	// When data is acknowledged without answering it hangs on timers of both sides (delayed ACK).
	{regexp.MustCompile(`^.*Flags \[\.\], ack (?:[2-9]|\d\d+),.* length 0\s*$`), ""},
}

// legs are the devices of a multipath route: which leg a flow takes hangs on a random
// key of each kernel, as of each host of the lab.
var legs = regexp.MustCompile(`\b(eth|leg|r)[1-4]\b`)

// read prints a capture, line by line masked, a packet on a line.
func read(t *testing.T, dir, host, name string) string {
	t.Helper()
	cmd := exec.Command("tcpdump", "-n", "-v", "-r", filepath.Join(dir, host+".pcap"))
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tcpdump -r %s: %v: %s", host, err, err.(*exec.ExitError).Stderr)
	}
	text := regexp.MustCompile(`\n\s+`).ReplaceAllString(string(out), " ")
	var b strings.Builder
	for line := range strings.Lines(text) {
		for _, m := range masks {
			line = m.what.ReplaceAllString(line, m.with)
		}
		if name == "ecmp" {
			line = legs.ReplaceAllString(line, "LEG")
		}
		b.WriteString(line)
	}
	return b.String()
}

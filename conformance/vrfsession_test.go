package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// vrfHost is an emulated namespace of the kernel that the VRF session was recorded on,
// with a shell that knows as much as the session needs.
type vrfHost struct {
	t  *testing.T
	ns *netns.Namespace
}

func newVRFHost(t *testing.T) *vrfHost {
	h := &vrfHost{t, netns.NewWorld(netns.Config{Kernel: rpdb.Kernel{Release: "6.12"}}).New()}
	for _, s := range []string{"all", "default"} {
		h.set("net/ipv4/conf/"+s+"/rp_filter", "0")
		h.set("net/ipv6/conf/"+s+"/accept_ra", "0")
	}
	// The devices that were there before have the indexes 2 to 4.
	for _, d := range []string{"x0", "x1", "x2"} {
		h.must("ip link add " + d + " type dummy")
	}
	for _, d := range []string{"x0", "x1", "x2"} {
		h.must("ip link del " + d)
	}
	for i, d := range []string{"m0", "r0", "r1", "b0"} {
		h.must(fmt.Sprintf("ip link add %s address 02:00:00:00:00:1%d type dummy", d, i))
	}
	h.must("ip link set lo up")
	return h
}

func (h *vrfHost) set(path, value string) {
	if err := h.ns.SetSysctl(path, value); err != nil {
		h.t.Fatalf("%s: %v", path, err)
	}
}

func (h *vrfHost) must(command string) {
	h.t.Helper()
	if out := h.ip(command); out != "" {
		h.t.Fatalf("%s: %s", command, out)
	}
}

// ip runs one ip command; its output ends with the exit status if it failed.
func (h *vrfHost) ip(command string) string {
	var out bytes.Buffer
	tool := &ipcmd.Tool{
		Dial: func(string) (ipcmd.Conn, error) {
			return h.ns.DialOptions(netns.SocketOptions{StrictCheck: true, ExtendedAck: true}), nil
		},
		Out: &out, Err: &out, Version: ipcmd.Version6,
		Env: func(string) string { return "" },
	}
	if status := tool.Run(context.Background(), strings.Fields(command)[1:]); status != 0 {
		fmt.Fprintf(&out, "[exit %d]\n", status)
	}
	return out.String()
}

var (
	pipe      = regexp.MustCompile(`^(.*?) \| (grep -c|grep|head -1|sed|tail|wc)(.*)$`)
	procWrite = regexp.MustCompile(`^echo (\S+) > /proc/sys/(\S+)$`)
	sedScript = regexp.MustCompile(`^ 's/(.*)//'$`)
)

var errNotPlayed = errors.New("not played")

// run runs a line of the session.
func (h *vrfHost) run(line string) (string, error) {
	if m := regexp.MustCompile(`^for i in (.*?); do (.*); done$`).FindStringSubmatch(line); m != nil {
		all := ""
		for _, i := range strings.Fields(m[1]) {
			out, err := h.run(strings.ReplaceAll(m[2], "$i", i))
			if err != nil {
				return "", err
			}
			all += out
		}
		return all, nil
	}
	if a, b, ok := strings.Cut(line, "; "); ok {
		x, err := h.run(a)
		if err != nil {
			return "", err
		}
		y, err := h.run(b)
		return x + y, err
	}
	if m := pipe.FindStringSubmatch(line); m != nil {
		out, err := h.run(m[1])
		if err != nil {
			return "", err
		}
		return filterLines(out, m[2], m[3])
	}
	switch m := procWrite.FindStringSubmatch(line); {
	case m != nil:
		h.set(m[2], m[1])
		return "", nil
	case strings.HasPrefix(line, "ip "):
		return h.ip(line), nil
	case strings.HasPrefix(line, "sysctl -"):
		return h.sysctls(strings.Fields(line)[1:]), nil
	}
	return "", errNotPlayed
}

// sysctls is sysctl -w, or -qw.
func (h *vrfHost) sysctls(words []string) string {
	out := ""
	for _, kv := range words[1:] {
		k, v, _ := strings.Cut(kv, "=")
		switch err := h.ns.SetSysctl(strings.ReplaceAll(k, ".", "/"), v); {
		case errors.Is(err, rpdb.EBUSY):
			return out + "sysctl: write error: Device or resource busy\n[exit 1]\n"
		case err != nil:
			h.t.Fatal(err)
		case words[0] == "-w":
			out += k + " = " + v + "\n"
		}
	}
	return out
}

func filterLines(out, tool, arg string) (string, error) {
	lines := strings.SplitAfter(out, "\n")
	switch tool {
	case "head -1":
		return lines[0], nil
	case "grep -c":
		return fmt.Sprintln(strings.Count(out, strings.TrimSpace(arg))), nil
	case "sed":
		if m := sedScript.FindStringSubmatch(arg); m != nil {
			return regexp.MustCompile("(?m)"+m[1]+"$").ReplaceAllString(out, ""), nil
		}
	}
	return "", errNotPlayed
}

// unseen are the commands that the session ran without showing them, by the line that
// they came before.
var unseen = map[string][]string{
	"ip -6 addr add 2001:db8:a::1/64 dev r0": {
		"ip link set m0 up", "ip addr add 192.168.0.1/24 dev m0", "ip -6 addr add 2001:db8:ff::1/64 dev m0",
		"ip link set r1 master red", "ip link set r1 up", "ip addr add 10.0.1.1/24 dev r1", "ip -6 addr add 2001:db8:b::1/64 dev r1",
		"ip link set b0 master blue", "ip link set b0 up", "ip addr add 10.20.0.1/24 dev b0", "ip -6 addr add 2001:db8:20::1/64 dev b0",
	},
	"ip route add vrf red 10.40.0.0/24 via 10.0.0.254": {
		"ip route del vrf red 10.20.0.0/24", "ip route del vrf red 10.30.0.0/24", "ip route del vrf red 10.31.0.0/24",
		"ip -6 route del vrf red 2001:db8:20::/64", "ip -6 route del vrf red 2001:db8:30::/64",
	},
	"ip nexthop add id 1 via 10.0.0.254 dev r0": {"ip -6 addr add 2001:db8:a::1/64 dev r0"},
}

// before runs what went unseen before a line.
func (h *vrfHost) before(group, line string) {
	if line == "ip -6 addr add 2001:db8:a::1/64 dev r0" &&
		(!strings.HasPrefix(group, " V03") || !strings.Contains(h.ip("ip link show r0"), "master red")) {
		return // the same command stands there more than once
	}
	for _, c := range unseen[line] {
		h.must(c)
	}
	if strings.HasPrefix(group, " V11b") && strings.Contains(line, "rule add pref 500") || line == "ip -6 route get fe80::9 oif r0" {
		h.ip("ip rule del pref 500")
		h.ip("ip -6 rule del pref 500")
	}
}

// detecting is a route that the recorded kernel did not have yet, since it looked for
// duplicates of the address for a second; in the emulation that second is over at once.
const detecting = "local fe80::ff:fe00:b0 dev br0 proto kernel metric 0 pref medium\n"

var drawnAddress = regexp.MustCompile(`link/ether [0-9a-f:]+`)

// The session of commands that was recorded on a kernel with VRFs goes the same way in
// the emulation: devices, rules, addresses, routes and lookups.
func TestVRFSession(t *testing.T) {
	text, err := os.ReadFile("testdata/vrf-6.12.txt")
	if err != nil {
		t.Fatal(err)
	}
	h := newVRFHost(t)
	group, played, wrong := "", 0, 0
	for _, block := range regexp.MustCompile(`(?m)^(?:\$ |###)`).Split(string(text), -1)[1:] {
		line, want, _ := strings.Cut(block, "\n")
		want = strings.TrimRight(want, "\n")
		if strings.HasPrefix(line, " V") {
			group = line
			continue
		}
		h.before(group, line)
		got, err := h.run(line)
		if err != nil {
			continue
		}
		played++
		got = drawnAddress.ReplaceAllString(strings.TrimRight(got, "\n"), "link/ether X")
		if !strings.Contains(want, detecting) {
			got = strings.ReplaceAll(got, detecting, "")
		}
		want = drawnAddress.ReplaceAllString(want, "link/ether X")
		if d := cmp.Diff(want, got); d != "" {
			wrong++
			t.Errorf("%s $ %s\nwant:\n%s\ngot:\n%s", group, line, want, got)
		}
	}
	t.Logf("%d commands played, %d wrong", played, wrong)
}

package datapath

import (
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
	"github.com/rulewalk/rulewalk/netns"
)

// thrice runs a test that hangs on when the kernel does what it leaves to its workers: it fails
// only if each of three tries does.
func thrice(t *testing.T, f func(testing.TB)) {
	t.Helper()
	for i := range 3 {
		passed := false
		t.Run(fmt.Sprint("try", i), func(t *testing.T) {
			r := &tried{TB: t}
			f(r)
			if passed = len(r.errors) == 0; passed {
				return
			}
			text := strings.Join(r.errors, "\n")
			if i == 2 {
				t.Error(text)
			} else {
				t.Log("tried again:", text)
			}
		})
		if passed || t.Failed() {
			return
		}
	}
}

// tried is a test whose errors do not fail it yet.
type tried struct {
	testing.TB
	errors []string
}

// Errorf keeps an error.
func (r *tried) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// Failed implements testing.TB.
func (r *tried) Failed() bool { return len(r.errors) > 0 || r.TB.Failed() }

// watch are the words of ip that tell what happens.
var watch = []string{"monitor", "label", "link", "address", "route", "neigh", "prefix", "rule"}

// listener is a socket as ip monitor wants it.
type listener struct{ *netns.Socket }

// Join joins groups by their numbers.
func (l listener) Join(groups ...uint32) error {
	for _, g := range groups {
		l.Socket.Join(netns.Group(g))
	}
	return nil
}

// monitors are ip monitor on both hosts of a duel.
type monitors struct {
	d     *duel
	texts [2]*packettest.Output // of the kernel's host, of ours
	from  [2]int                // where what was not compared yet begins
	next  int
	// without drops lines that hold a text: when reports of groups are sent is random.
	without string
}

// monitor begins to watch what both hosts tell.
func (d *duel) monitor() *monitors {
	d.t.Helper()
	m := &monitors{d: d, texts: [2]*packettest.Output{new(packettest.Output), new(packettest.Output)}}
	cmd := exec.Command("ip", watch...)
	cmd.Stdout, cmd.Stderr = m.texts[0], m.texts[0]
	if err := d.real.Do(cmd.Start); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		tool := &ipcmd.Tool{
			Dial: func(name string) (ipcmd.Conn, error) {
				if name != "" {
					return nil, fs.ErrNotExist
				}
				return listener{d.ours.spaces["h"].Dial()}, nil
			},
			Host: labHost{l: d.ours}, Out: m.texts[1], Err: m.texts[1], Name: "ip",
		}
		tool.Run(ctx, watch)
	})
	d.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cancel()
		ended.Wait()
	})
	m.take()
	return m
}

// take returns what both hosts told since the last call. Rules that come and go mark its end.
func (m *monitors) take() (told [2]string) {
	m.d.t.Helper()
	for i, g := range m.texts {
		for tries := 0; ; tries++ {
			m.next++
			pref := 20000 + m.next
			mark := strconv.Itoa(pref) + ":\tfrom all lookup 77"
			line := "rule add pref " + strconv.Itoa(pref) + " table 77"
			if i == 0 {
				m.d.run(m.d.real, line)
			} else {
				m.d.ours.ip("h", line)
			}
			for range 20 {
				if strings.Contains(g.String(), mark) {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			text := g.String()
			if at := strings.Index(text, mark); at >= 0 {
				told[i], m.from[i] = text[m.from[i]:at], at+len(mark)
				break
			}
			if tries == 50 {
				m.d.t.Fatalf("ip monitor tells nothing:\n%s", text)
			}
		}
	}
	return told
}

// Times hang on the moment, and the namespaces of other ends on how they are made.
var momentary = regexp.MustCompile(`(valid_lft|preferred_lft|expires) -?\d+sec|link-netnsid \d+|link-netns \S+|(used|probes) \S+`)

// protos are what iproute2 6.1 does not print of addresses.
var protos = regexp.MustCompile(` proto kernel_(ll|lo|ra)`)

// lines are the lines of a text without what differs between equals.
func lines(text string) (out []string) {
	for l := range strings.Lines(protos.ReplaceAllString(text, "")) {
		l = momentary.ReplaceAllStringFunc(l, func(s string) string {
			first, _, _ := strings.Cut(s, " ")
			return first + " ?"
		})
		if l = strings.TrimRight(l, " \n"); l != "" && !strings.Contains(l, "lookup 77") && !strings.HasPrefix(l, "[RULE]") {
			out = append(out, strings.Join(strings.Fields(l), " "))
		}
	}
	return out
}

// same compares what both hosts told since the last call. Neighbours that came or went at once
// may be told in any order.
func (m *monitors) same(what string) {
	m.d.t.Helper()
	told := m.take()
	want, got := lines(told[0]), lines(told[1])
	if m.without != "" {
		drop := func(l string) bool { return strings.Contains(l, m.without) }
		want, got = slices.DeleteFunc(want, drop), slices.DeleteFunc(got, drop)
	}
	sortNeighbours(want)
	sortNeighbours(got)
	if diff := cmp.Diff(want, got); diff != "" {
		m.d.t.Errorf("%s: notifications (-kernel +ours):\n%s", what, diff)
	}
}

// sortNeighbours sorts runs of lines about neighbours, which are in the order of a hash with a
// random key.
func sortNeighbours(lines []string) {
	for i := 0; i < len(lines); i++ {
		end := i
		for end < len(lines) && strings.HasPrefix(lines[end], "[NEIGH]") {
			end++
		}
		slices.Sort(lines[i:end])
		i = max(i, end-1)
	}
}

// state compares what lines of ip print on both hosts.
func (d *duel) state(what string, shows ...string) {
	d.t.Helper()
	for _, s := range shows {
		want, got := lines(d.run(d.real, s)), lines(d.ours.ip("h", s))
		if strings.Contains(s, "neigh") { // in the order of a hash with a random key
			slices.Sort(want)
			slices.Sort(got)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			d.t.Errorf("%s: ip %s (-kernel +ours):\n%s", what, s, diff)
		}
	}
}

// shown are all that a host has.
var shown = []string{"addr show", "-4 route show table all", "-6 route show table all", "-4 neigh show nud all", "-6 neigh show nud all"}

// TestDuelCable pulls out a cable and plugs it in again. For a host of the kernel the peer of
// its veth device goes down and comes up, which is the same to it.
func TestDuelCable(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long; run without -short")
	}
	thrice(t, tryDuelCable)
}

func tryDuelCable(t testing.TB) {
	d := newDuel(t, nil, append(slices.Clone(duelLines), []string{
		"route add 203.0.113.0/24 nexthop via 10.0.0.2 nexthop via 10.0.1.2",
		"-6 route add fd77::/16 nexthop via fd00:0:0:a::2 nexthop via fd00:0:0:b::2",
		"neigh add 10.0.0.3 lladdr 02:00:00:00:01:0a dev a nud reachable", "neigh add fd00:0:0:a::3 lladdr 02:00:00:00:01:0a dev a nud reachable",
		"link add link a name a.7 address 02:00:00:00:03:07 type macvlan mode bridge", "link set a.7 up", "addr add 10.7.0.1/24 dev a.7",
	}...))
	time.Sleep(2200 * time.Millisecond) // for the kernel to look at carriers
	d.state("before", shown...)
	m := d.monitor()
	for _, settings := range []string{"", "net.ipv4.conf.a.arp_evict_nocarrier=0", "net.ipv6.conf.a.ignore_routes_with_linkdown=1"} {
		if settings != "" {
			d.set(settings)
		}
		for _, plugged := range []bool{false, true} {
			what, flag := "cut", "down"
			if plugged {
				what, flag = "mended", "up"
			}
			what += " " + settings
			d.run(d.peers, "link set pa "+flag)
			d.cable("a", plugged)
			time.Sleep(2200 * time.Millisecond)
			m.same(what)
			d.state(what, shown...)
		}
	}
	d.run(d.peers, "link set pa down")
	d.cable("a", false)
	time.Sleep(2200 * time.Millisecond)
	d.ip("link set dev a down")
	d.ip("link set dev a up") // and there is no carrier
	time.Sleep(2200 * time.Millisecond)
	m.same("down and up")
	d.state("down and up", shown...)
}

// cable pulls out a cable of our host, or plugs it in.
func (d *duel) cable(dev string, plugged bool) {
	d.t.Helper()
	l, _ := d.ours.e.Host(d.ours.spaces["h"]).Link(0, dev)
	if err := d.ours.spaces["h"].SetCable(l.Index, plugged); err != nil {
		d.t.Fatal(err)
	}
}

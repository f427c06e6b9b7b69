package kernel_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// The shapes of ip -j that are compared.
type (
	ipRoute struct {
		Type, Dst, From, Gateway, Dev, PrefSrc string
		Via                                    struct{ Host string }
		Metric                                 uint32
		NHID                                   uint32 `json:"nhid"`
		NextHops                               []struct {
			Gateway, Dev string
			Weight       uint32
		} `json:"nexthops"`
		Metrics []map[string]any
	}
	ipAddr struct {
		Ifname, Master, Group string
		MTU                   uint32
		Addrs                 []struct {
			Family, Local, Address, Label, Scope string
			Prefixlen                            uint8
			Metric                               uint32
		} `json:"addr_info"`
	}
	ipRule struct {
		Priority              uint32
		Src, FwMark, FwMask   string
		SrcLen                int
		IIF, OIF, Table, Goto any
		IPProto               string `json:"ipproto"`
	}
)

// ipJSON runs ip -N -j in the namespace.
func ipJSON[T any](t *testing.T, l *lab, args ...string) []T {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip is not installed (package iproute2): its reading cannot be compared")
	}
	out, err := l.ns.Run("ip", append([]string{"-N", "-j", "-d"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var v []T
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

// TestRoutesAsIP compares the routes, in order, with what ip shows.
func TestRoutesAsIP(t *testing.T) {
	l := busy(t)
	s := l.state()
	names := map[int]string{}
	for _, d := range s.Links {
		names[d.Index] = d.Name
	}
	for _, f := range []string{"-4", "-6"} {
		var want, got []string
		for _, r := range ipJSON[ipRoute](t, l, f, "route", "show", "table", "all") {
			want = append(want, describeIP(r))
		}
		for i := range s.Routes {
			if r := &s.Routes[i]; (f == "-4") == (r.Family == rpdb.IPv4) {
				got = append(got, describe(r, names))
			}
		}
		if d := cmp.Diff(want, got); d != "" || len(got) < 20 {
			t.Errorf("%s routes (-ip +ours):\n%s", f, d)
		}
	}
}

func describeIP(r ipRoute) string {
	hops := []string{}
	for _, h := range r.NextHops {
		hops = append(hops, fmt.Sprintf("%s %s %d", h.Gateway, h.Dev, h.Weight))
	}
	if len(hops) == 0 && r.Dev != "" {
		hops = append(hops, fmt.Sprintf("%s %s 1", r.Gateway+r.Via.Host, r.Dev))
	}
	return fmt.Sprintln(r.Type, r.Dst, r.From, r.PrefSrc, r.Metric, r.NHID, hops, len(r.Metrics) > 0)
}

func describe(r *rpdb.Route, names map[int]string) string {
	text := func(p netip.Prefix) string {
		switch {
		case !p.IsValid():
			return ""
		case p.Bits() == 0:
			return "default"
		case p.IsSingleIP():
			return p.Addr().String()
		}
		return p.String()
	}
	src := ""
	if r.PrefSrc.IsValid() {
		src = r.PrefSrc.String()
	}
	hops := []string{}
	for _, h := range r.NextHops {
		gw := ""
		if h.Gateway.IsValid() {
			gw = h.Gateway.String()
		}
		hops = append(hops, fmt.Sprintf("%s %s %d", gw, names[h.Dev], h.Weight))
	}
	return fmt.Sprintln(int(r.Type), text(r.Dst), text(r.Src), src, r.Priority, r.NHID, hops, len(r.Metrics) > 0)
}

// TestAddrsAsIP compares links and addresses, in order, with what ip shows.
func TestAddrsAsIP(t *testing.T) {
	l := busy(t)
	s := l.state()
	var want, got []string
	for _, d := range ipJSON[ipAddr](t, l, "addr") {
		want = append(want, fmt.Sprintln(d.Ifname, d.MTU, d.Group))
		for _, a := range d.Addrs {
			peer := ""
			if a.Address != "" {
				peer = a.Address
			}
			want = append(want, fmt.Sprintln(a.Family, a.Local, peer, a.Prefixlen, a.Label, a.Metric))
		}
	}
	for _, d := range s.Links {
		got = append(got, fmt.Sprintln(d.Name, d.MTU, d.Group))
		for _, a := range s.Addrs {
			if a.Index != d.Index {
				continue
			}
			peer := ""
			if a.Peer.IsValid() {
				peer = a.Peer.String()
			}
			got = append(got, fmt.Sprintln(a.Family, a.Local, peer, a.PrefixLen, a.Label, a.Metric))
			if a.Created == 0 || a.Valid != rpdb.Forever {
				t.Errorf("address %s: created %d, valid %d", a.Local, a.Created, a.Valid)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-ip +ours):\n%s", d)
	}
}

// TestRulesAsIP compares the selectors that ip 6.1 knows with what it shows.
func TestRulesAsIP(t *testing.T) {
	l := busy(t)
	var want, got []string
	for _, f := range []string{"-4", "-6"} {
		for _, r := range ipJSON[ipRule](t, l, f, "rule") {
			from := r.Src
			if r.SrcLen > 0 {
				from = fmt.Sprintf("%s/%d", r.Src, r.SrcLen)
			}
			want = append(want, fmt.Sprintln(r.Priority, from, r.IPProto, r.FwMark != ""))
		}
	}
	for _, r := range l.state().Rules {
		from, proto := "all", ""
		if r.From.IsValid() {
			from = r.From.String()
		}
		if r.IPProto != 0 {
			proto = fmt.Sprintf("ipproto-%d", r.IPProto)
		}
		got = append(got, fmt.Sprintln(r.Pref, from, proto, r.Mark != 0))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-ip +ours):\n%s", d)
	}
}

// TestObjects checks nexthop objects, groups with large weights, and buckets.
func TestObjects(t *testing.T) {
	objects := map[uint32]rpdb.NextHopObject{}
	for _, nh := range busy(t).state().NextHops {
		objects[nh.ID] = nh
	}
	if w := objects[3].Group[1].Weight; w != 1000 {
		t.Errorf("weight %d, want 1000", w)
	}
	res := objects[4].Resilient
	if res == nil || res.BucketsOutstanding || len(res.Buckets) != 8 {
		t.Fatalf("buckets: %+v", res)
	}
	ones := 0
	for _, id := range res.Buckets {
		if id == 1 {
			ones++
		}
	}
	if ones != 5 || res.IdleTimer != 6000 {
		t.Errorf("%d of 8 buckets for the member with 2/3 of the weight; %+v", ones, res)
	}
	if !objects[5].Blackhole || objects[6].Family != rpdb.IPv6 || objects[1].Protocol != 4 {
		t.Errorf("objects %+v", objects)
	}
}

// TestRulesComeBack checks that every rule reads as it was given, selectors that no
// installed ip may know included.
func TestRulesComeBack(t *testing.T) {
	l := busy(t)
	byPref := map[string]rpdb.Rule{}
	for _, r := range l.state().Rules {
		byPref[fmt.Sprintf("%s%d", r.Family, r.Pref)] = r
	}
	neg := byPref["inet102"]
	if neg.DSCP != rpdb.Some(rpdb.DSCP{Value: 0, Mask: 0x38}) || !neg.Invert() || !neg.UID.Set {
		t.Errorf("rule 102: %+v", neg)
	}
	gone := byPref["inet104"]
	if gone.Flags&rpdb.RuleIIFDetached == 0 || gone.TunID != 77 || gone.OIF != "e1" ||
		gone.SuppressPrefixLen != rpdb.Some(int32(0)) || gone.SuppressIfGroup != rpdb.Some(int32(7)) {
		t.Errorf("rule 104: %+v", gone)
	}
	if r := byPref["inet105"]; r.Flags&rpdb.RuleUnresolved == 0 || r.GotoRef != 40000 {
		t.Errorf("rule 105: %+v", r)
	}
	if r := byPref["inet103"]; r.Realms != 0x30004 || r.From.String() != "10.1.0.5/24" {
		t.Errorf("rule 103: %+v", r)
	}
	if r := byPref["inet101"]; r.DPort.Mask != 0xffff || r.SPort.End != 2000 {
		t.Errorf("rule 101: %+v", r)
	}
	if r := byPref["inet6100"]; r.FlowLabel != 0x12345 || r.FlowLabelMask != 0xfffff {
		t.Errorf("IPv6 rule 100: %+v", r)
	}
}

// TestLinks checks what ip does not tell: devices without IPv4 or IPv6 state.
func TestLinks(t *testing.T) {
	l := busy(t)
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip is not installed (package iproute2): it gives a device its second name")
	}
	if _, err := l.ns.Run("ip", "link", "property", "add", "dev", "p0", "altname", "long-name-of-p0"); err != nil {
		t.Fatal(err)
	}
	l.exec(rtnl.SetLinkAttrs(rpdb.Link{Index: 20, MTU: 1279}))
	l.exec(rtnl.SetLinkAttrs(rpdb.Link{Index: rpdb.Loopback, MTU: 67}))
	links := map[string]rpdb.Link{}
	for _, d := range l.state().Links {
		links[d.Name] = d
	}
	for name, want := range map[string][2]bool{"e0": {false, false}, "p0": {false, true}, "p1": {false, false}, "lo": {true, false}} {
		if got := [2]bool{links[name].NoInet, links[name].NoInet6}; got != want {
			t.Errorf("%s: no IPv4, no IPv6 = %v, want %v", name, got, want)
		}
	}
	p0 := links["p0"]
	if p0.Kind != "veth" || p0.Peer != 10 || !slices.Contains(p0.AltNames, "long-name-of-p0") || links["e1"].Group != 7 {
		t.Errorf("p0 is %+v", p0)
	}
}

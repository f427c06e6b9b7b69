package datapath

import (
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sentIGMP are the messages about groups that both hosts sent by a since the last call.
func (d *duel) sentIGMP() (sent [2][]string) {
	d.ours.e.Do(func() {})
	for i := range sent {
		var frames [][]byte
		if i == 0 {
			frames = d.pending(sideA)
		} else {
			d.ours.e.Do(func() { frames, d.seen[sideA] = d.seen[sideA], nil })
		}
		for _, f := range frames {
			if be16(f[12:]) == protoIPv4 && f[23] == protoIGMP {
				sent[i] = append(sent[i], hex.EncodeToString(f))
			}
		}
	}
	return sent
}

// igmpFrame is a message of somebody else on the link.
func igmpFrame(dst string, m []byte) []byte {
	put16(m[2:], 0)
	put16(m[2:], checksum(m))
	p := new(Engine).build4(netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr(dst), protoIGMP, igmpTOS, 1, len(m), routerAlert4...).data()
	copy(p[24:], m)
	sealIP4(p)
	return ether(groupEther(dst), peerMAC[sideA], protoIPv4, p)
}

func groupEther(dst string) []byte {
	g := netip.MustParseAddr(dst).As4()
	return []byte{1, 0, 0x5e, g[1] & 0x7f, g[2], g[3]}
}

// query4 asks for a group, or all; of version 3 with the length of it.
func query4(group string, code uint8, version int) []byte {
	m := igmpMessage(igmpQuery, netip.MustParseAddr(group))
	m[1] = code
	if version == 3 {
		m = append(m, 2, 125, 0, 0)
	}
	return m
}

// TestDuelIGMP has both hosts join and leave groups, and answer routers of all versions.
func TestDuelIGMP(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long; run without -short")
	}
	thrice(t, tryDuelIGMP)
}

func tryDuelIGMP(t testing.TB) {
	d := newDuel(t, []string{"net.ipv4.conf.all.igmpv2_unsolicited_report_interval=300"}, duelAddresses4)
	d.set("net.ipv4.conf.a.igmpv2_unsolicited_report_interval=300")
	d.set("net.ipv4.conf.a.igmpv3_unsolicited_report_interval=300")
	for _, c := range []struct {
		name  string
		set   string
		ip    []string
		frame []byte
	}{
		{name: "join", ip: []string{"addr add 239.1.1.1/32 dev a autojoin"}},
		{name: "join another", ip: []string{"addr add 239.1.1.2/32 dev a autojoin"}},
		{name: "join a group of the link", ip: []string{"addr add 224.0.0.251/32 dev a autojoin"}},
		{name: "join one that is not told of", set: "net.ipv4.igmp_link_local_mcast_reports=0", ip: []string{"addr add 224.0.0.252/32 dev a autojoin"}},
		{name: "who is in a group?", frame: igmpFrame("224.0.0.1", query4("0.0.0.0", 2, 3))},
		{name: "who is in that one?", frame: igmpFrame("239.1.1.1", query4("239.1.1.1", 2, 3))},
		{name: "who is in none of ours?", frame: igmpFrame("224.0.0.1", query4("239.9.9.9", 2, 3))},
		{name: "join in version 2 by force", set: "net.ipv4.conf.a.force_igmp_version=2", ip: []string{"addr add 239.1.1.5/32 dev a autojoin"}},
		{name: "leave in it", ip: []string{"addr del 239.1.1.5/32 dev a"}},
		{name: "leave", set: "net.ipv4.conf.a.force_igmp_version=0", ip: []string{"addr del 239.1.1.2/32 dev a"}},
		{name: "down and up", ip: []string{"link set dev a down", "link set dev a up", "neigh add 10.0.0.2 lladdr 02:00:00:00:01:0a dev a nud permanent"}},
		{name: "a query that is too short", frame: igmpFrame("224.0.0.1", query4("0.0.0.0", 2, 3)[:9])},
		{name: "a router of version 2", frame: igmpFrame("224.0.0.1", query4("0.0.0.0", 2, 2))},
		{name: "which asks for one", frame: igmpFrame("239.1.1.1", query4("239.1.1.1", 2, 2))},
		{name: "and in version 3", frame: igmpFrame("224.0.0.1", query4("0.0.0.0", 2, 3))},
		{name: "join in version 2", ip: []string{"addr add 239.1.1.3/32 dev a autojoin"}},
		{name: "leave in version 2", ip: []string{"addr del 239.1.1.3/32 dev a"}},
		{name: "somebody else reports it", frame: igmpFrame("239.1.1.1", igmpMessage(igmpReport2, netip.MustParseAddr("239.1.1.1")))},
		{name: "and this host leaves without a word", ip: []string{"addr del 239.1.1.1/32 dev a"}},
		{name: "a router of version 1", frame: igmpFrame("224.0.0.1", query4("0.0.0.0", 0, 2))},
		{name: "join in version 1", ip: []string{"addr add 239.1.1.4/32 dev a autojoin"}},
		{name: "leave in version 1", ip: []string{"addr del 239.1.1.4/32 dev a"}},
	} {
		if c.set != "" {
			d.set(c.set)
		}
		for _, l := range c.ip {
			d.ipSlowly(l)
		}
		if c.frame != nil {
			d.give(sideA, c.frame)
		}
		time.Sleep(500 * time.Millisecond)
		if len(c.frame) > 0 && c.name == "a router of version 1" {
			time.Sleep(10 * time.Second) // which is how long hosts may take
		}
		sent := d.sentIGMP()
		if diff := cmp.Diff(sent[0], sent[1]); diff != "" {
			t.Errorf("%s: frames (-kernel +ours):\n%s", c.name, diff)
		}
	}
}

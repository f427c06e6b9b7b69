package datapath

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// probe6 is a probe of somebody who checks an address, or with flags an advertisement of
// somebody who has it.
func probe6(target string, flags uint8, opts ...byte) []byte {
	a := netip.MustParseAddr(target)
	typ, src, dst := uint8(neighbourSolicitation), "::", solicited6(a)
	if flags != 0 {
		typ, src, dst = neighbourAdvertisement, target, allNodes6
	}
	m := ndMessage(typ, flags, a, opts)
	b := packet6(src, dst.String(), rpdb.ProtoICMPv6, 255, m)
	sealICMP6(b, b[ip6Len:])
	x := dst.As16()
	return ether([]byte{0x33, 0x33, x[12], x[13], x[14], x[15]}, peerMAC[sideA], protoIPv6, b)
}

// sentND are the messages of neighbour discovery that both hosts sent by a since the last call,
// without their nonces.
func (d *duel) sentND() (sent [2][]string) {
	d.ours.e.Do(func() {})
	for i := range sent {
		var frames [][]byte
		if i == 0 {
			frames = d.pending(sideA)
		} else {
			d.ours.e.Do(func() { frames, d.seen[sideA] = d.seen[sideA], nil })
		}
		for _, f := range frames {
			if be16(f[12:]) != protoIPv6 || len(f) < 54+icmpLen || f[20] != rpdb.ProtoICMPv6 || f[54] == mldReport2 {
				continue
			}
			f = slices.Clone(f)
			clear(f[56:58])
			if at := etherLen + ip6Len + ndLen; len(f) >= at+8 && f[at] == ndNonce {
				clear(f[at+2 : at+8])
			}
			sent[i] = append(sent[i], hex.EncodeToString(f))
		}
	}
	return sent
}

// ipSlowly is ip, but waits for the kernel to look at the carrier of a device that comes up or
// goes down, which it does once a second for all namespaces, before our host does the same.
func (d *duel) ipSlowly(line string) {
	d.t.Helper()
	d.run(d.real, line)
	for range 300 {
		if !strings.HasSuffix(line, " up") || !strings.Contains(d.run(d.real, "link show dev a"), "NO-CARRIER") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.ours.ip("h", line)
	if strings.HasSuffix(line, " down") {
		time.Sleep(1100 * time.Millisecond)
	}
}

// TestDuelDAD has both hosts check new addresses, and others claim some of them.
func TestDuelDAD(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute; run without -short")
	}
	thrice(t, tryDuelDAD)
}

func tryDuelDAD(t testing.TB) {
	const fast = "net.ipv6.conf.default.router_solicitation_delay=0" // which the first probe waits for, up to
	d := newDuel(t, []string{"net.ipv6.conf.default.accept_dad=1", fast}, duelAddresses[:2])
	d.set("net.ipv6.conf.b.accept_dad=0")
	d.set("net.ipv6.neigh.a.retrans_time_ms=600")
	time.Sleep(2 * time.Second)
	d.quiet()
	m := d.monitor()
	m.without = "ff02::16 "
	settle := func(what string) {
		t.Helper()
		time.Sleep(150 * time.Millisecond)
		sent := d.sentND()
		if diff := cmp.Diff(sent[0], sent[1]); diff != "" {
			t.Errorf("%s: frames (-kernel +ours):\n%s", what, diff)
		}
		m.same(what)
		d.state(what, "addr show", "-6 route show table all")
	}
	for _, c := range []struct {
		name  string
		set   []string
		lines []string
		claim []byte // comes while the address is checked
	}{
		{name: "nobody has it", lines: []string{"addr add fd00:0:0:a::1/64 dev a"}},
		{name: "nodad", lines: []string{"addr add fd00:0:0:a::2/64 dev a nodad"}},
		{name: "somebody checks it", lines: []string{"addr add fd00:0:0:a::3/64 dev a"}, claim: probe6("fd00:0:0:a::3", 0)},
		{name: "somebody checks it, with a nonce", lines: []string{"addr add fd00:0:0:a::4/64 dev a"}, claim: probe6("fd00:0:0:a::4", 0, ndNonce, 1, 1, 2, 3, 4, 5, 6)},
		{name: "somebody has it", lines: []string{"addr add fd00:0:0:a::5/64 dev a"}, claim: probe6("fd00:0:0:a::5", naOverride, addrOption(ndTargetLLAddr, peerMAC[sideA])...)},
		{name: "it does not live forever", lines: []string{"addr add fd00:0:0:a::6/64 dev a valid_lft 900 preferred_lft 800"}, claim: probe6("fd00:0:0:a::6", 0)},
		{name: "another address", lines: []string{"addr add fd00:0:0:a::7/64 dev a"}, claim: probe6("fd00:0:0:a::77", 0)},
		{name: "optimistic", set: []string{"net.ipv6.conf.a.optimistic_dad=1"}, lines: []string{"addr add fd00:0:0:a::8/64 dev a optimistic"}},
		{name: "optimistic, and somebody checks it", lines: []string{"addr add fd00:0:0:a::9/64 dev a optimistic"}, claim: probe6("fd00:0:0:a::9", 0)},
		{name: "used before it was checked", set: []string{"net.ipv6.conf.a.use_optimistic=1"}, lines: []string{"addr add fd00:0:0:a::a/64 dev a optimistic"}},
		{name: "used, and somebody has it", lines: []string{"addr add fd00:0:0:a::b/64 dev a optimistic"}, claim: probe6("fd00:0:0:a::b", naOverride, addrOption(ndTargetLLAddr, peerMAC[sideA])...)},
		{name: "told", set: []string{"net.ipv6.conf.a.ndisc_notify=1", "net.ipv6.conf.a.optimistic_dad=0"}, lines: []string{"addr add fd00:0:0:a::c/64 dev a"}},
		{name: "two probes", set: []string{"net.ipv6.conf.a.dad_transmits=2"}, lines: []string{"addr add fd00:0:0:a::d/64 dev a"}},
		{name: "no probe", set: []string{"net.ipv6.conf.a.dad_transmits=0"}, lines: []string{"addr add fd00:0:0:a::e/64 dev a"}},
		{name: "no nonce", set: []string{"net.ipv6.conf.a.dad_transmits=1", "net.ipv6.conf.a.enhanced_dad=0", "net.ipv6.conf.all.enhanced_dad=0"}, lines: []string{"addr add fd00:0:0:a::f/64 dev a"}},
		{name: "removed while checked", lines: []string{"addr add fd00:0:0:a::10/64 dev a", "addr del fd00:0:0:a::10/64 dev a"}},
		{name: "changed while checked", lines: []string{"addr add fd00:0:0:a::11/64 dev a", "addr change fd00:0:0:a::11/64 dev a valid_lft 500 preferred_lft 400"}},
		{name: "failed, and changed", lines: []string{"addr add fd00:0:0:a::12/64 dev a"}, claim: probe6("fd00:0:0:a::12", 0)},
		{name: "failed, and changed: again", lines: []string{"addr change fd00:0:0:a::12/64 dev a preferred_lft 0"}},
		{name: "down and up", lines: []string{"link set dev a down", "link set dev a up"}},
		{name: "the link-local address is somebody else's", lines: []string{"link set dev a down", "link set dev a up"}, claim: probe6("fe80::ff:fe00:a", 0)},
		{name: "and IPv6 ends", set: []string{"net.ipv6.conf.a.accept_dad=2"}, lines: []string{"link set dev a down", "link set dev a up"}, claim: probe6("fe80::ff:fe00:a", 0)},
		{name: "generated by a secret", set: []string{"net.ipv6.conf.a.accept_dad=1", "net.ipv6.conf.a.disable_ipv6=0", "net.ipv6.conf.a.stable_secret=2001:db8::1"}, lines: []string{"link set dev a down", "link set dev a up"}},
	} {
		for _, s := range c.set {
			d.set(s)
			time.Sleep(settleTime)
		}
		for _, l := range c.lines {
			d.ipSlowly(l)
		}
		time.Sleep(40 * time.Millisecond) // for the first probe
		if c.claim != nil {
			d.give(sideA, c.claim)
		}
		settle(c.name + ": while it is checked")
		time.Sleep(1200 * time.Millisecond)
		settle(c.name)
	}
}

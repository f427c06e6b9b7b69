package datapath

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestDuelNeighbours sends random messages of ARP and of neighbour discovery, and compares the
// neighbours that the hosts have afterwards too.
func TestDuelNeighbours(t *testing.T) {
	for _, c := range []struct {
		name    string
		sysctls []string
	}{
		{"host", nil},
		{"router", []string{
			"net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv6.conf.all.proxy_ndp=1",
			"net.ipv6.conf.default.accept_untracked_na=1", "net.ipv4.conf.default.arp_accept=1", "net.ipv6.conf.default.force_tllao=1",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDuel(t, c.sysctls, append([]string{
				"neigh add proxy fd00:0:0:a::77 dev a", "neigh add proxy 10.0.0.77 dev a", "neigh add proxy 198.19.3.3 dev a",
			}, duelLines...))
			for _, dev := range []string{"a", "b"} {
				for _, family := range []string{"ipv4", "ipv6"} {
					for _, s := range []string{
						"proxy_delay=0",                                        // else answers for others come later
						"retrans_time_ms=600000", "delay_first_probe_time=600", // and so do probes, between any two rounds
					} {
						d.set("net." + family + ".neigh." + dev + "." + s)
					}
				}
			}
			d.neighbours()
		})
	}
}

// neighbours is random with a look at the neighbours.
func (d *duel) neighbours() {
	n, seed := rounds(d.t)
	r := rand.New(rand.NewPCG(seed, 0))
	differ := 0
	var history []string
	for i := range n / 2 {
		side := pick(r, sideA, sideA, sideB)
		frame, what := randomND(r, side)
		if one(r, 3) {
			frame, what = randomARP(r, side)
		}
		history = append(history, fmt.Sprintf("%s %x", what, frame))
		same := d.compare(side, frame, fmt.Sprintf("round %d: %s", i, what))
		if diff := cmp.Diff(d.table(true), d.table(false)); diff != "" {
			same = false
			d.t.Errorf("round %d: neighbours after %s\n%s\nframes before:\n%s", i, what, diff, strings.Join(history, "\n"))
		}
		if !same {
			if differ++; differ >= 5 {
				d.t.Fatal("too many differences")
			}
		}
		if !same || i%12 == 11 {
			d.ip("neigh flush all")
			d.quiet()
			time.Sleep(time.Millisecond)
			history = nil
		}
	}
}

// table lists the neighbours, sorted.
func (d *duel) table(real bool) []string {
	d.t.Helper()
	var out []string
	for _, line := range []string{"-4 neigh show nud all", "-6 neigh show nud all"} {
		text := ""
		if real {
			text = d.run(d.real, line)
		} else {
			text = d.ours.ip("h", line)
		}
		for l := range strings.Lines(text) {
			if !strings.Contains(l, "NOARP") {
				out = append(out, strings.TrimSpace(l))
			}
		}
	}
	slices.Sort(out)
	return out
}

func randomMAC(r *rand.Rand, side int) []byte {
	return pick(r, peerMAC[side], peerMAC[side], []byte{2, 0, 0, 0, 2, byte(r.IntN(3))}, hostMAC[side])
}

// randomND is a message of neighbour discovery.
func randomND(r *rand.Rand, side int) (frame []byte, what string) {
	net := [2]string{"a", "b"}[side]
	neighbour := func() netip.Addr {
		return netip.MustParseAddr(pick(r, "fd00:0:0:"+net+"::5", "fd00:0:0:"+net+"::6", "fe80::5", "fe80::6", "fd00:0:0:"+net+"::2", "fe80::2", "fd18::9"))
	}
	own := netip.MustParseAddr(pick(r, "fd00:0:0:"+net+"::1", "fd00:0:0:"+net+"::1", [2]string{"fe80::ff:fe00:a", "fe80::ff:fe00:b"}[side]))
	src, dst, target := neighbour(), own, own
	typ := pick[uint8](r, neighbourSolicitation, neighbourSolicitation, neighbourSolicitation, neighbourAdvertisement, neighbourAdvertisement, neighbourAdvertisement, routerSolicitation, icmp6Redirect)
	flags := byte(0)
	var opts []byte
	switch typ {
	case neighbourSolicitation:
		if one(r, 3) {
			target = netip.MustParseAddr(pick(r, "fd00:0:0:a::77", "fd00:0:0:a::", "fd00:0:0:b::", "fd00:0:0:b::1", "fd00:0:0:a::1", "fd19::4", "ff02::1", "::1", "::", "fd00:0:0:a::5"))
		}
		if one(r, 2) {
			dst = solicited6(target)
		}
		if one(r, 6) {
			src = netip.IPv6Unspecified()
		}
	case neighbourAdvertisement:
		target, flags = neighbour(), byte(r.IntN(8))<<5
		if one(r, 2) {
			src = target
		}
		if one(r, 4) {
			dst = allNodes6
		}
		if one(r, 10) {
			target = own
		}
	}
	m := ndMessage(typ, flags, target)
	switch typ {
	case routerSolicitation:
		m = m[:8]
	case icmp6Redirect:
		to := netip.MustParseAddr(pick(r, "fd18::9", "fd1a::5", "fd1a::6", "2001:db8::1")).As16()
		m = append(m, to[:]...)
	}
	for range r.IntN(3) {
		kind := ndSourceLLAddr
		if typ == neighbourAdvertisement || typ == icmp6Redirect {
			kind = ndTargetLLAddr
		}
		o := addrOption(pick(r, byte(kind), byte(kind), byte(kind), ndNonce, 5), randomMAC(r, side))
		switch r.IntN(12) {
		case 0:
			o = append(o, make([]byte, 8)...)
			o[1] = 2
		case 1:
			o[1] = byte(r.IntN(3))
		case 2:
			o = o[:r.IntN(len(o))]
		}
		opts = append(opts, o...)
	}
	m = append(m, opts...)
	if one(r, 20) {
		m[1] = 1
	}
	if one(r, 20) {
		m = m[:r.IntN(len(m))]
	}
	if one(r, 12) {
		dst = netip.MustParseAddr(pick(r, "ff02::1", "ff02::2", "ff02::1:ff00:5", "fd00:0:0:b::1"))
	}
	b := packet6(src.String(), dst.String(), rpdb.ProtoICMPv6, pick[uint8](r, 255, 255, 255, 255, 255, 255, 255, 64), m)
	if len(m) >= 4 {
		sealICMP6(b, b[ip6Len:])
	}
	to := hostMAC[side]
	if dst.IsMulticast() {
		x := dst.As16()
		to = []byte{0x33, 0x33, x[12], x[13], x[14], x[15]}
	}
	return ether(to, peerMAC[side], protoIPv6, b), fmt.Sprintf("ND %d: %s > %s target %s flags %x options %x", typ, src, dst, target, flags, opts)
}

// randomARP is an ARP packet.
func randomARP(r *rand.Rand, side int) (frame []byte, what string) {
	net := fmt.Sprintf("10.0.%d.", side)
	op := pick[uint16](r, arpRequest, arpRequest, arpRequest, arpReply, arpReply, 3)
	sender := netip.MustParseAddr(pick(r, net+"5", net+"6", net+"2", net+"5", "0.0.0.0", "198.18.1.1", net+"1", "10.0.9.9", net+"255", "127.0.0.1", "224.0.0.5"))
	target := netip.MustParseAddr(pick(r, net+"1", net+"1", net+"1", net+"5", "10.0.0.77", "198.19.3.3", "198.18.3.3", net+"255", "10.0.1.1", "127.0.0.1", "224.0.0.1", "0.0.0.0", "203.0.113.1", "192.0.2.1"))
	if one(r, 8) {
		target = sender
	}
	b := make([]byte, arpLen)
	put16(b, pick[uint16](r, 1, 1, 1, 1, 1, 1, 6, 2))
	put16(b[2:], protoIPv4)
	b[4], b[5] = 6, 4
	put16(b[6:], op)
	copy(b[8:], randomMAC(r, side))
	copy(b[14:], sender.AsSlice())
	copy(b[24:], target.AsSlice())
	switch r.IntN(25) {
	case 0:
		b = b[:r.IntN(len(b))]
	case 1:
		b[r.IntN(8)] ^= 1
	}
	to := hostMAC[side]
	if one(r, 2) {
		to = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	return ether(to, peerMAC[side], protoARP, b), fmt.Sprintf("ARP %d: %s asks for %s by %x", op, sender, target, b)
}

package datapath

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// duelLines are duelAddresses with routes of all kinds.
var duelLines = append(slices.Clone(duelAddresses), []string{
	"route add 198.18.0.0/16 via 10.0.0.2", "route add 198.19.0.0/16 via 10.0.1.2",
	"route add prohibit 192.0.2.0/26", "route add unreachable 192.0.2.64/26", "route add blackhole 192.0.2.128/26", "route add throw 192.0.2.192/26",
	"-6 route add fd18::/16 via fd00:0:0:a::2", "-6 route add fd19::/16 via fd00:0:0:b::2", "-6 route add fd1a::/16 via fe80::2 dev a",
	"-6 route add prohibit fd20::/16", "-6 route add unreachable fd21::/16", "-6 route add blackhole fd22::/16", "-6 route add throw fd23::/16",
	"-6 route add fd24::/16 dev lo",
}...)

func TestDuelInput6(t *testing.T) {
	for _, forwarding := range []string{"0", "1"} {
		t.Run("forwarding="+forwarding, func(t *testing.T) {
			d := newDuel(t, []string{"net.ipv6.conf.all.forwarding=" + forwarding, "net.ipv4.ip_forward=1"}, duelLines)
			d.ip("link set dev b mtu 1300")
			d.random(random6)
		})
	}
}

// random6 is a frame with an IPv6 packet, mostly one that a host answers.
func random6(r *rand.Rand) (side int, frame []byte, what string) {
	if !one(r, 4) {
		side = sideA
	} else {
		side = sideB
	}
	src, dst := randomSource6(r, side), randomDest6(r, side)
	payload, proto := randomUpper6(r, src, dst)
	hops := pick[uint8](r, 64, 64, 64, 255, 255, 1, 0, 2)
	chain := ""
	for range r.IntN(12) / 8 {
		payload, proto, chain = randomExtension(r, payload, proto, chain)
	}
	b := make([]byte, ip6Len, ip6Len+len(payload))
	put32(b, 6<<28|uint32(pick[uint8](r, 0, 0, 1, 3, 0xb8, 0xff))<<20|pick[uint32](r, 0, 0, 0x12345))
	put16(b[4:], uint16(len(payload)))
	b[6], b[7] = proto, hops
	s, t := src.As16(), dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], t[:])
	b = append(b, payload...)
	switch r.IntN(40) {
	case 0:
		put16(b[4:], uint16(r.IntN(len(b)+8)))
	case 1:
		b[0] = byte(r.Uint32())
	case 2:
		b = b[:r.IntN(len(b))]
	case 3:
		b = append(b, 1, 2, 3, 4)
	}
	to := hostMAC[side]
	switch {
	case dst.IsMulticast() && !one(r, 10):
		x := dst.As16()
		to = []byte{0x33, 0x33, x[12], x[13], x[14], x[15]}
	case one(r, 30):
		to = pick(r, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{0x33, 0x33, 0, 0, 0, 1}, []byte{2, 9, 9, 9, 9, 9})
	}
	return side, ether(to, peerMAC[side], protoIPv6, b), fmt.Sprintf("%s > %s hops %d chain [%s] proto %d", src, dst, hops, chain, proto)
}

func randomSource6(r *rand.Rand, side int) netip.Addr {
	a := pick(r, "fd18::9", "fd18::9", "fd18::10", "fd19::9", "fd00:0:0:a::2", "fd00:0:0:b::2", "fe80::2", "fe80::2", "fd1a::2", "fd00:0:0:a::1", "fd00:0:0:a::",
		"::", "::1", "ff02::5", "::ffff:10.0.0.9", "fec0::1", "2001:db8::1", "fd22::1")
	if !one(r, 3) {
		a = [2]string{"fd18::9", "fd19::9"}[side]
	}
	return netip.MustParseAddr(a)
}

func randomDest6(r *rand.Rand, side int) netip.Addr {
	return netip.MustParseAddr(pick(r, "fd00:0:0:a::1", "fd00:0:0:a::1", "fd00:0:0:b::1", "fd00:0:0:b::2", "fd00:0:0:b::2", "fd00:0:0:a::2",
		[2]string{"fe80::ff:fe00:a", "fe80::ff:fe00:b"}[side], "fe80::2", "fe80::77:1", "ff02::1", "ff02::2", "ff02::1:ff00:1", "ff01::1", "ff02::99", "ff05::1", "ff0e::1", "ff00::1",
		"::1", "::", "fd18::44", "fd19::44", "fd19::44", "fd1a::44", "fd20::1", "fd21::1", "fd22::1", "fd23::1", "fd24::1", "2001:db8::9", "fd00:0:0:a::", "fd00:0:0:b::", "fec0::9", "::ffff:10.0.0.1"))
}

// randomUpper6 is a message of an upper layer.
func randomUpper6(r *rand.Rand, src, dst netip.Addr) (m []byte, proto uint8) {
	n := pick(r, 0, 8, 56, 1, 1200, 1260, 1352)
	body := make([]byte, n)
	for i := range body {
		body[i] = byte(i)
	}
	check := 2
	switch r.IntN(10) {
	case 0, 1, 2:
		proto = rpdb.ProtoUDP
		m = append([]byte{0x0f, 0xa0, 0, pick[byte](r, 9, 7), 0, 0, 0, 0}, body...)
		put16(m[4:], uint16(len(m)))
		check = 6
		if one(r, 10) {
			put16(m[4:], uint16(r.IntN(len(m)+3)))
		}
	case 3, 4, 5, 6:
		proto = rpdb.ProtoICMPv6
		m = append([]byte{icmp6Echo, pick[byte](r, 0, 0, 0, 5), 0, 0, 1, 2, 3, 4}, body...)
	case 7:
		proto = rpdb.ProtoICMPv6
		m = append([]byte{pick[byte](r, 1, 2, 3, 4, 5, 100, 127, 129, 131, 132, 133, 138, 139, 143, 160, 200), byte(r.IntN(4)), 0, 0, 0, 0, 5, 0}, body...)
	case 8:
		return body, pick[uint8](r, 0, 4, 41, 47, 51, 59, 99, 135, 136, 253)
	case 9:
		return body[:min(n, 8)], pick[uint8](r, rpdb.ProtoUDP, rpdb.ProtoICMPv6, protoFragment, protoRouting, protoDestOpts)
	}
	if !one(r, 12) {
		put16(m[check:], 0)
		put16(m[check:], fold(sum(m, pseudo(src, dst, proto, len(m)))))
	}
	return m, proto
}

// randomExtension puts an extension header before a payload.
func randomExtension(r *rand.Rand, payload []byte, proto uint8, chain string) ([]byte, uint8, string) {
	switch r.IntN(6) {
	case 0, 1:
		kind := pick[uint8](r, protoHopByHop, protoDestOpts)
		x := []byte{proto, 0}
		for range 1 + r.IntN(3) {
			x = append(x, randomOption(r)...)
		}
		for len(x)%8 != 0 {
			if n := 8 - len(x)%8; n >= 2 && !one(r, 6) {
				x = append(append(x, optPadN, byte(n-2)), make([]byte, n-2)...)
			} else {
				x = append(x, optPad1)
			}
		}
		x[1] = uint8(len(x)/8 - 1)
		if one(r, 15) {
			x[1] = byte(r.IntN(20))
		}
		return append(x, payload...), kind, fmt.Sprintf("options %d %s", kind, chain)
	case 2, 3:
		x := make([]byte, 8*(1+2*r.IntN(3)))
		x[0], x[1], x[2], x[3] = proto, uint8(len(x)/8-1), pick[byte](r, 0, 1, 2, 3, 4, 7), byte(r.IntN(3))
		if len(x) >= 24 {
			a := netip.MustParseAddr("fd00:0:0:b::2").As16()
			copy(x[8:], a[:])
		}
		return append(x, payload...), protoRouting, "routing " + chain
	default:
		x := []byte{proto, 0, 0, 0, 0, 0, 0, 77}
		put16(x[2:], pick[uint16](r, 0, 0, 1, 8, 9, 0xfff8, 0xfff9, 1, 4))
		if one(r, 2) { // the first of two whole pieces is lost, or there is one alone
			put32(x[4:], r.Uint32())
		}
		return append(x, payload...), protoFragment, "fragment " + chain
	}
}

func randomOption(r *rand.Rand) []byte {
	switch r.IntN(8) {
	case 0:
		return []byte{optRouterAlert, pick[byte](r, 2, 2, 1), 0, 0}[:4]
	case 1:
		return append([]byte{optJumbo, 4}, pick(r, []byte{0, 0, 0, 9}, []byte{0, 1, 0, 9})...)
	case 2:
		return make([]byte, r.IntN(9))
	case 3:
		return append([]byte{optPadN, 4}, 0, 0, 0, byte(r.IntN(2)))
	case 4:
		return append([]byte{201, 16}, make([]byte, 16)...)
	default:
		n := r.IntN(6)
		return append([]byte{byte(r.IntN(256)), byte(n)}, make([]byte, n)...)
	}
}

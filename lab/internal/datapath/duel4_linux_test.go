package datapath

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

func TestDuelInput4(t *testing.T) {
	for _, forwarding := range []string{"0", "1"} {
		t.Run("forwarding="+forwarding, func(t *testing.T) {
			d := newDuel(t, []string{"net.ipv4.ip_forward=" + forwarding, "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0"}, duelLines)
			d.ip("link set dev b mtu 1000")
			d.random(random4)
		})
	}
}

// TestDuelRedirects4 has hosts tell a sender of a shorter way, until it should have listened.
func TestDuelRedirects4(t *testing.T) {
	d := newDuel(t, []string{"net.ipv4.ip_forward=1"}, append([]string{"neigh add 10.0.0.9 lladdr 02:00:00:00:01:0a dev a nud permanent"}, duelLines...))
	for _, dst := range []string{"10.0.0.9", "198.18.0.9", "10.0.0.9"} {
		d.compare(sideA, ether(hostMAC[sideA], peerMAC[sideA], protoIPv4, udp4("10.0.0.2", dst, 64, 100, false)), dst)
	}
}

// random4 is a frame with an IPv4 packet, mostly one that a host answers.
func random4(r *rand.Rand) (side int, frame []byte, what string) {
	side = pick(r, sideA, sideA, sideA, sideB)
	src, dst := randomSource4(r, side), randomDest4(r)
	if src.As4()[0] != 198 && dst.As4()[0] != 10 { // errors about routes are rare for one sender
		dst = netip.MustParseAddr(pick(r, "10.0.0.1", "10.0.1.1", "10.0.0.255", "255.255.255.255", "224.0.0.1", "127.0.0.1"))
	}
	payload, proto := randomUpper4(r, src, dst)
	ttl := pick[uint8](r, 64, 64, 64, 255, 1, 0, 2)
	opts := randomOptions4(r, side)
	b := make([]byte, 20, 20+len(opts)+len(payload))
	b = append(append(b, opts...), payload...)
	b[0], b[1], b[8], b[9] = 0x40|byte(5+len(opts)/4), pick[uint8](r, 0, 0, 0x10, 3, 0xb8, 0xff, 0x1c), ttl, proto
	put16(b[2:], uint16(len(b)))
	put16(b[4:], pick[uint16](r, 0, 1, 0x1234))
	put16(b[6:], pick[uint16](r, 0, 0, 0, 0x4000, 0x4000, 0x2000, 0x2001, 1, 0x1fff, 0x8000))
	if be16(b[6:])&0x3fff != 0 {
		put16(b[4:], uint16(r.Uint32()))
	}
	s, t := src.As4(), dst.As4()
	copy(b[12:], s[:])
	copy(b[16:], t[:])
	sealIP4(b)
	switch r.IntN(40) {
	case 0:
		put16(b[2:], uint16(r.IntN(len(b)+8)))
		sealIP4(b)
	case 1:
		b[0] = byte(r.Uint32())
	case 2:
		b = b[:r.IntN(len(b))]
	case 3:
		b = append(b, 1, 2, 3, 4)
	case 4:
		b[10]++
	}
	to := hostMAC[side]
	switch {
	case dst.IsMulticast() && !one(r, 10):
		x := dst.As4()
		to = []byte{1, 0, 0x5e, x[1] & 0x7f, x[2], x[3]}
	case one(r, 20):
		to = pick(r, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{1, 0, 0x5e, 0, 0, 1}, []byte{2, 9, 9, 9, 9, 9})
	}
	return side, ether(to, peerMAC[side], protoIPv4, b), fmt.Sprintf("%s > %s ttl %d options %x proto %d", src, dst, ttl, opts, proto)
}

func randomSource4(r *rand.Rand, side int) netip.Addr {
	// Each sender of a pool has its own budget of errors.
	a := fmt.Sprintf("198.%d.%d.%d", 18+side, r.IntN(256), 1+r.IntN(250))
	if one(r, 4) {
		a = pick(r, "10.0.0.2", "10.0.1.2", "10.0.0.1", "10.0.1.1", "10.0.0.255", "10.0.0.0", "0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1",
			"192.0.2.1", "192.0.2.130", "203.0.113.1", "240.0.0.1", "0.1.2.3", fmt.Sprintf("198.%d.%d.7", 19-side, r.IntN(256)))
	}
	return netip.MustParseAddr(a)
}

func randomDest4(r *rand.Rand) netip.Addr {
	return netip.MustParseAddr(pick(r, "10.0.0.1", "10.0.0.1", "10.0.1.1", "10.0.1.2", "10.0.1.2", "10.0.0.2", "10.0.0.255", "10.0.0.0", "10.0.1.255", "255.255.255.255",
		"224.0.0.1", "224.0.0.251", "239.1.1.1", "127.0.0.1", "0.0.0.0", "0.1.2.3", "240.0.0.1", "198.18.0.44", "198.19.0.44", "198.19.0.44",
		"192.0.2.1", "192.0.2.65", "192.0.2.129", "192.0.2.193", "203.0.113.9", "169.254.1.1"))
}

// randomUpper4 is a message of an upper layer.
func randomUpper4(r *rand.Rand, src, dst netip.Addr) (m []byte, proto uint8) {
	n := pick(r, 0, 8, 56, 1, 12, 540, 972, 1400)
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
		if one(r, 3) {
			return m, proto
		}
		check = 6
		if one(r, 10) {
			put16(m[4:], uint16(r.IntN(len(m)+3)))
		}
		put16(m[check:], fold(sum(m, pseudo(src, dst, proto, len(m)))))
	case 3, 4, 5, 6:
		proto = rpdb.ProtoICMP
		m = append([]byte{pick[byte](r, icmpEcho, icmpEcho, icmpTimestamp), pick[byte](r, 0, 0, 0, 5), 0, 0, 1, 2, 3, 4}, body...)
	case 7:
		proto = rpdb.ProtoICMP
		m = append([]byte{pick[byte](r, 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 40, 41, 43, 100, 200), byte(r.IntN(16)), 0, 0, 0, 0, 5, 0}, body...)
	default:
		return body, pick[uint8](r, 0, 4, 41, 47, 59, 99, 132, 136, 253, 51, rpdb.ProtoUDP, rpdb.ProtoICMP, protoIGMP)
	}
	if proto == rpdb.ProtoICMP {
		put16(m[check:], checksum(m))
	}
	if one(r, 12) {
		m[check] ^= 0x55
	}
	return m, proto
}

// randomOptions4 are IPv4 options, rarely any.
func randomOptions4(r *rand.Rand, side int) (opts []byte) {
	if !one(r, 6) {
		return nil
	}
	for range 1 + r.IntN(2) {
		n := 3 + 4*(1+r.IntN(3))
		var o []byte
		switch r.IntN(6) {
		case 0, 1:
			o = make([]byte, n)
			o[0], o[1], o[2] = opt4Record, byte(n), byte(4+4*r.IntN(4))
		case 2, 3:
			o = make([]byte, n+1)
			o[0], o[1], o[2], o[3] = opt4Timestamp, byte(n+1), byte(5+4*r.IntN(4)), pick[byte](r, 0, 1, 1, 3, 2, 0xf0, 0xe1)
			if o[3]&15 == stampPrescribe {
				copy(o[4:], pick(r, []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, []byte{10, 0, 1, 1}))
			}
		case 4:
			o = append([]byte{pick[byte](r, opt4LooseRoute, opt4StrictRoute), 7, 4}, 10, 0, byte(1-side), 2)
		default:
			o = pick(r, []byte{opt4Noop, opt4Noop}, []byte{opt4Alert, 4, 0, 0}, []byte{opt4Alert, 3, 0}, []byte{136, 4, 1, 2}, []byte{opt4End, 1, 2, 3}, []byte{99, 6, 0, 0, 0, 0})
		}
		if one(r, 10) && len(o) > 2 {
			o[1+r.IntN(2)] = byte(r.IntN(16))
		}
		opts = append(opts, o...)
		if o[0] == opt4LooseRoute || o[0] == opt4StrictRoute {
			break // answers by the way of a source route are not emulated
		}
	}
	for len(opts)%4 != 0 {
		opts = append(opts, pick[byte](r, opt4Noop, opt4End))
	}
	return opts
}

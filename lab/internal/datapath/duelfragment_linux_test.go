package datapath

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestDuelFragments sends echo requests in pieces, in any order, with repetitions, overlaps
// and marks of congestion, and compares whether and how they are answered.
func TestDuelFragments(t *testing.T) {
	d := newDuel(t, []string{"net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"}, duelLines)
	n, seed := rounds(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range n / 4 {
		six := one(r, 2)
		size := pick(r, 100, 1000, 2800, 4000)
		var whole []byte
		if six {
			b := echo6("fd18::9", "fd00:0:0:a::1", 64, size)
			for i := range size {
				b[ip6Len+8+i] = byte(i / 7)
			}
			sealICMP6(b, b[ip6Len:])
			whole = b[ip6Len:]
		} else {
			whole = echo4n("198.18.0.9", "10.0.0.1", size)[20:]
		}
		id := r.Uint32()
		pieces := randomPieces(r, len(whole))
		for _, p := range pieces {
			frame := piece4(whole, p, uint16(id))
			if six {
				frame = piece6(whole, p, id)
			}
			if !d.compare(sideA, frame, fmt.Sprintf("round %d: six %v, %d bytes, piece %+v of %+v", i, six, len(whole), p, pieces)) {
				t.FailNow()
			}
		}
	}
}

func echo4n(src, dst string, n int) []byte {
	b := echo4(src, dst, 64)[:28:28]
	for i := range n {
		b = append(b, byte(i/7))
	}
	put16(b[2:], uint16(len(b)))
	put16(b[22:], 0)
	put16(b[22:], checksum(b[20:]))
	sealIP4(b)
	return b
}

// part is a piece of a packet.
type part struct {
	from, to int
	more     bool
	ecn      uint8
}

// randomPieces cuts a message, mostly as hosts do.
func randomPieces(r *rand.Rand, size int) (out []part) {
	ecn := func() uint8 {
		if one(r, 8) {
			return uint8(r.IntN(4))
		}
		return 0
	}
	if one(r, 4) { // a marked one
		mark := uint8(1 + r.IntN(2))
		ecn = func() uint8 {
			if one(r, 3) {
				return 3
			}
			return mark
		}
	}
	step := pick(r, 8, 64, 400, 800, 1200)
	if size/step > 20 {
		step = 400
	}
	for at := 0; at < size; at += step {
		to := min(at+step, size)
		out = append(out, part{at, to, to < size, ecn()})
	}
	if one(r, 3) {
		out = append(out, pick(r, out...)) // again
	}
	if one(r, 4) { // across others, or beyond
		at := r.IntN(size/8+1) * 8
		p := part{at, min(at+8*(1+r.IntN(30)), size), true, ecn()}
		if p.to == size {
			p.more = one(r, 3)
		}
		if p.from < p.to {
			out = append(out, p)
		}
	}
	if one(r, 12) {
		out = slices.Delete(out, 0, 1)
	}
	switch r.IntN(3) {
	case 0:
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	case 1:
		slices.Reverse(out)
	}
	return out
}

func piece4(whole []byte, p part, id uint16) []byte {
	b := append(echo4("198.18.0.9", "10.0.0.1", 64)[:20:20], whole[p.from:p.to]...)
	b[1] = p.ecn
	put16(b[2:], uint16(len(b)))
	put16(b[4:], id)
	put16(b[6:], uint16(p.from/8))
	if p.more {
		b[6] |= 0x20
	}
	sealIP4(b)
	return ether(hostMAC[sideA], peerMAC[sideA], protoIPv4, b)
}

func piece6(whole []byte, p part, id uint32) []byte {
	x := []byte{rpdb.ProtoICMPv6, 0, 0, 0, 0, 0, 0, 0}
	put16(x[2:], uint16(p.from))
	if p.more {
		x[3] |= 1
	}
	put32(x[4:], id)
	b := packet6("fd18::9", "fd00:0:0:a::1", protoFragment, 64, append(x, whole[p.from:p.to]...))
	b[1] |= p.ecn << 4
	return ether(hostMAC[sideA], peerMAC[sideA], protoIPv6, b)
}

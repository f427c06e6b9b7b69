package rpdb

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// triePrefix is a prefix as numbers: the address from the top bit on, and the length.
type triePrefix struct {
	hi, lo uint64
	bits   int
}

func prefixWords(p netip.Prefix) triePrefix {
	hi, lo := addrWords(p.Masked().Addr())
	return triePrefix{hi, lo, p.Bits()}
}

// prefixOf is the prefix of a length around an address.
func prefixOf(hi, lo uint64, n int) triePrefix {
	if n <= 64 {
		return triePrefix{hi >> (64 - n) << (64 - n), 0, n}
	}
	return triePrefix{hi, lo >> (128 - n) << (128 - n), n}
}

// addrWords is an address as numbers, an IPv4 one in the upper half of the first.
func addrWords(a netip.Addr) (hi, lo uint64) {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:])) << 32, 0
	}
	b := a.AsSlice()
	if len(b) < 16 {
		return 0, 0
	}
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
}

// chunk returns the bits that a node at a depth looks at.
func chunk(hi, lo uint64, depth int) uint {
	const most = 64 - trieStride
	switch {
	case depth <= most:
		return uint(hi>>(most-depth)) & 63
	case depth < 64:
		return uint(hi<<(depth-most)|lo>>(64+most-depth)) & 63
	}
	return uint(lo<<(depth-64)>>most) & 63
}

// covers reports whether a prefix covers an address.
func (p *triePrefix) covers(hi, lo uint64) bool {
	if p.bits <= 64 {
		return (hi^p.hi)>>(64-p.bits) == 0
	}
	return hi == p.hi && (lo^p.lo)>>(128-p.bits) == 0
}

// valBit is the place of a prefix that ends in a node, n bits behind its start.
func valBit(chunk uint, n int) uint { return 1<<n - 2 + chunk>>(trieStride-n) }

// ancestors has for each chunk the prefixes of a node that cover it, and shorter the
// prefixes up to each length.
var ancestors, shorter = func() (a [64][2]uint64, s [trieStride + 1][2]uint64) {
	for c := range uint(64) {
		for n := 1; n <= trieStride; n++ {
			a[c][valBit(c, n)>>6] |= 1 << (valBit(c, n) & 63)
			for m := n; m <= trieStride; m++ {
				s[m][valBit(c, n)>>6] |= 1 << (valBit(c, n) & 63)
			}
		}
	}
	return a, s
}()

// rank is the number of bits set before a place.
func rank(b *[2]uint64, at uint) int {
	if at < 64 {
		return bits.OnesCount64(b[0] & (1<<at - 1))
	}
	return bits.OnesCount64(b[0]) + bits.OnesCount64(b[1]&(1<<(at-64)-1))
}

// valPrefix is the prefix of a place of a node that stands behind depth bits of an
// address.
func valPrefix(hi, lo uint64, depth int, at uint) triePrefix {
	n := bits.Len(at+2) - 1
	hi, lo = withChunk(hi, lo, (at+2-1<<n)<<(trieStride-n), depth)
	return triePrefix{hi, lo, depth + n}
}

// withChunk sets the bits that a node at a depth looks at, which are 0.
func withChunk(hi, lo uint64, c uint, depth int) (uint64, uint64) {
	const most = 64 - trieStride
	switch {
	case depth <= most:
		return hi | uint64(c)<<(most-depth), lo
	case depth < 64:
		return hi | uint64(c)>>(depth-most), lo | uint64(c)<<(64+most-depth)
	}
	return hi, lo | uint64(c)<<most>>(depth-64)
}

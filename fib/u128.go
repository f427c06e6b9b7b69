package fib

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// u128 is an address as a number. Both families begin at the highest bit, so that an
// IPv4 address is a number whose last 96 bits are 0.
type u128 struct{ hi, lo uint64 }

// key4 returns an IPv4 address as a number.
func key4(addr netip.Addr) uint32 {
	b := addr.As4()
	return binary.BigEndian.Uint32(b[:])
}

// key6 returns an IPv6 address as a number. AsSlice does not escape; As16 would
// make the processor wait for its stores (they are narrower than the load).
func key6(addr netip.Addr) u128 {
	b := addr.AsSlice()
	return u128{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:16])}
}

func (a u128) cmp(b u128) int { return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo)) }

func (a u128) less(b u128) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// masked clears all but the first n bits.
func (a u128) masked(n uint) u128 {
	if n <= 64 {
		return u128{hi: a.hi >> (64 - n) << (64 - n)}
	}
	return u128{a.hi, a.lo >> (128 - n) << (128 - n)}
}

// next returns the number that follows the last with the same first n bits; over
// tells that there is none.
func (a u128) next(n uint) (b u128, over bool) {
	if n == 0 {
		return u128{}, true
	}
	if n <= 64 {
		hi, c := bits.Add64(a.masked(n).hi, 1<<(64-n), 0)
		return u128{hi: hi}, c != 0
	}
	m := a.masked(n)
	lo, c := bits.Add64(m.lo, 1<<(128-n), 0)
	hi, c := bits.Add64(m.hi, 0, c)
	return u128{hi, lo}, c != 0
}

// prev returns the number before a, which is not 0.
func (a u128) prev() u128 {
	lo, borrow := bits.Sub64(a.lo, 1, 0)
	return u128{a.hi - borrow, lo}
}

// shared returns how many first bits two numbers have in common.
func (a u128) shared(b u128) uint {
	if a.hi != b.hi {
		return uint(bits.LeadingZeros64(a.hi ^ b.hi))
	}
	return 64 + uint(bits.LeadingZeros64(a.lo^b.lo))
}

// stride returns the strideBits bits behind the first pos. Bits behind the last are
// 0.
func (a u128) stride(pos uint) uint { return uint(a.behind(pos) >> (64 - strideBits)) }

// behind returns the 64 bits behind the first pos. Bits behind the last are 0.
func (a u128) behind(pos uint) uint64 {
	if pos >= 64 {
		return a.lo << (pos - 64)
	}
	return a.hi<<pos | a.lo>>(64-pos)
}

// with sets the strideBits bits behind the first pos, which are 0.
func (a u128) with(stride, pos uint) u128 {
	v := uint64(stride) << (64 - strideBits)
	if pos >= 64 {
		return u128{a.hi, a.lo | v>>(pos-64)}
	}
	return u128{a.hi | v>>pos, a.lo | v<<(64-pos)}
}

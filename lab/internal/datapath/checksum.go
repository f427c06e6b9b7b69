package datapath

import (
	"encoding/binary"
	"net/netip"
)

// sum adds the 16-bit words of b to a partial checksum.
func sum(b []byte, acc uint64) uint64 {
	for len(b) >= 8 {
		v := binary.BigEndian.Uint64(b)
		acc += v>>32 + v&0xffffffff
		b = b[8:]
	}
	for len(b) >= 2 {
		acc += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

// fold finishes a partial checksum.
func fold(acc uint64) uint16 {
	for acc>>16 != 0 {
		acc = acc>>16 + acc&0xffff
	}
	return ^uint16(acc)
}

func checksum(b []byte) uint16 { return fold(sum(b, 0)) }

// pseudo is the partial checksum of the addresses, protocol and length that transport
// checksums cover.
func pseudo(src, dst netip.Addr, proto uint8, length int) uint64 {
	acc := uint64(proto) + uint64(length)
	if src.Is4() {
		s, d := src.As4(), dst.As4()
		return sum(d[:], sum(s[:], acc))
	}
	s, d := src.As16(), dst.As16()
	return sum(d[:], sum(s[:], acc))
}

// sealIP4 sets the checksum of an IPv4 header.
func sealIP4(b []byte) {
	put16(b[10:], 0)
	put16(b[10:], checksum(b[:ihl4(b)]))
}

// adjust16 updates a checksum for a word that changes (csum_replace2).
func adjust16(check, from, to uint16) uint16 {
	acc := uint32(^check) + uint32(^from) + uint32(to)
	acc = acc>>16 + acc&0xffff
	return ^uint16(acc>>16 + acc&0xffff)
}

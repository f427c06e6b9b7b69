package dissect

import "encoding/binary"

// The readers of a layer's bytes. Reading past the captured bytes ends the packet.

func need(b []byte, n int) {
	if n < 0 || n > len(b) {
		panic(truncated{})
	}
}

func u8(b []byte, at int) uint8 {
	need(b, at+1)
	return b[at]
}

func u16(b []byte, at int) uint16 {
	need(b, at+2)
	return binary.BigEndian.Uint16(b[at:])
}

func u24(b []byte, at int) uint32 {
	need(b, at+3)
	return uint32(b[at])<<16 | uint32(b[at+1])<<8 | uint32(b[at+2])
}

func u32(b []byte, at int) uint32 {
	need(b, at+4)
	return binary.BigEndian.Uint32(b[at:])
}

func bytesAt(b []byte, at, n int) []byte {
	need(b, at+n)
	return b[at : at+n]
}

// after returns what was captured after the first n bytes, which may be nothing.
func after(b []byte, n int) []byte {
	if n >= len(b) {
		return nil
	}
	return b[n:]
}

// upTo returns what was captured of the first n bytes.
func upTo(b []byte, n int) []byte {
	if n < len(b) {
		return b[:max(n, 0)]
	}
	return b
}

// sum16 adds the 16-bit words of b to a one's complement sum (RFC 1071); an odd last
// byte is the high one of its word.
func sum16(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
		sum = sum&0xffff + sum>>16
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum&0xffff + sum>>16
}

// checksum is the Internet checksum of the parts, all but the last of even length:
// zero over bytes that hold their right checksum.
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, p := range parts {
		sum = sum16(sum, p)
	}
	return ^uint16(sum)
}

// shouldBe is the checksum that belongs in bytes that hold have and add up to wrong
// (in_cksum_shouldbe).
func shouldBe(have, wrong uint16) uint16 {
	sum := uint32(have) + uint32(wrong)
	return uint16(sum&0xffff + sum>>16)
}

// A names says what a number means.
type names map[uint32]string

func (n names) of(v uint32, unknown func() string) string {
	if s, ok := n[v]; ok {
		return s
	}
	return unknown()
}

// bit is one flag of a word.
type bit struct {
	mask uint32
	name string
}

// bits returns the names of the flags that are set in v, or none.
func bits(flags []bit, v uint32, sep, none string) string {
	s := ""
	for _, f := range flags {
		if f.mask != 0 && v&f.mask == f.mask {
			if s != "" {
				s += sep
			}
			s += f.name
		}
	}
	if s == "" {
		return none
	}
	return s
}

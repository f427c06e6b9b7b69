package iproute2

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
)

// Attrs are the attributes of a netlink message or of a nest by type, as parse_rtattr
// leaves them: of two of one type the first counts, and what does not fit is left out.
// Their values are parts of the message.
type Attrs map[uint16][]byte

// ParseAttrs reads attributes.
func ParseAttrs(b []byte) Attrs {
	as := Attrs{}
	for typ, data := range eachAttr(b) {
		if _, twice := as[typ]; !twice {
			as[typ] = data
		}
	}
	return as
}

// eachAttr goes through attributes in their order.
func eachAttr(b []byte) func(yield func(uint16, []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			n := int(binary.NativeEndian.Uint16(b))
			if n < 4 || n > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&0x3fff, b[4:n]) {
				return
			}
			b = b[min((n+3)&^3, len(b)):]
		}
	}
}

// Has reports whether there is an attribute.
func (as Attrs) Has(typ uint16) bool { _, ok := as[typ]; return ok }

// Nest returns the attributes inside one.
func (as Attrs) Nest(typ uint16) Attrs { return ParseAttrs(as[typ]) }

// Uint returns a number of 1, 2, 4 or 8 bytes; 0 for none.
func (as Attrs) Uint(typ uint16) uint64 {
	b := as[typ]
	switch {
	case len(b) >= 8:
		return binary.NativeEndian.Uint64(b)
	case len(b) >= 4:
		return uint64(binary.NativeEndian.Uint32(b))
	case len(b) >= 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case len(b) == 1:
		return uint64(b[0])
	}
	return 0
}

// Int returns a signed number of 32 bits, such as an ifindex.
func (as Attrs) Int(typ uint16) int { return int(int32(uint32(as.Uint(typ) & math.MaxUint32))) }

// BE16 returns a number of 16 bits in network order.
func (as Attrs) BE16(typ uint16) uint16 {
	if b := as[typ]; len(b) >= 2 {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// BE32 returns a number of 32 bits in network order.
func (as Attrs) BE32(typ uint16) uint32 {
	if b := as[typ]; len(b) >= 4 {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Str returns a string up to its first NUL.
func (as Attrs) Str(typ uint16) string {
	b, _, _ := bytes.Cut(as[typ], []byte{0})
	return string(b)
}

// Addr returns an address of 4 or 16 bytes; the zero Addr for another length.
func (as Attrs) Addr(typ uint16) netip.Addr {
	a, _ := netip.AddrFromSlice(as[typ])
	return a
}

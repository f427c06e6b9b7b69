package rpdb

import "net/netip"

// Family is an address family, with the number that Linux gives it.
type Family uint8

// The families that have routing rules and routes in this model.
const (
	Unspec Family = 0
	IPv4   Family = 2
	IPv6   Family = 10
)

// String returns the family's name as iproute2 spells it.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "inet"
	case IPv6:
		return "inet6"
	}
	return "unspec"
}

// version returns the protocol's name as people say it.
func (f Family) version() string {
	if f == IPv4 {
		return "IPv4"
	}
	return "IPv6"
}

// FamilyOf returns the family of an address. A v4-mapped IPv6 address is IPv6.
// The zero Addr has family Unspec.
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4():
		return IPv4
	case a.Is6():
		return IPv6
	}
	return Unspec
}

// Zero returns the unspecified address of the family (0.0.0.0 or ::).
func (f Family) Zero() netip.Addr {
	if f == IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// Bits returns the length of an address of the family in bits.
func (f Family) Bits() int {
	if f == IPv4 {
		return 32
	}
	return 128
}

// Opt is a value that may be absent. The zero Opt is absent.
type Opt[T any] struct {
	V   T
	Set bool
}

// Some returns a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{V: v, Set: true} }

// Tri is a fact that may be unknown. The zero Tri is Unknown.
type Tri uint8

// The values of a Tri.
const (
	Unknown Tri = iota
	Yes
	No
)

// String returns unknown, yes or no.
func (t Tri) String() string { return [...]string{"unknown", "yes", "no"}[t%3] }

// Attr is a netlink attribute that the model does not interpret, kept so that
// nothing a kernel says is lost: its type number without flags, and its bytes.
type Attr struct {
	Type uint16
	Data []byte
}

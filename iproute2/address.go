package iproute2

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// formatAddr prints an address as inet_ntop does: unlike net/netip, it shows an
// IPv4-compatible address (::/96) with dots.
func formatAddr(a netip.Addr) string {
	if !a.Is6() {
		return a.String()
	}
	b := a.As16()
	for _, x := range b[:12] {
		if x != 0 {
			return a.String()
		}
	}
	if b[12] == 0 && b[13] == 0 {
		return a.String()
	}
	return "::" + netip.AddrFrom4([4]byte(b[12:])).String()
}

// formatPrefix prints ADDR/LEN, or ADDR alone for a host.
func formatPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return formatAddr(p.Addr())
	}
	return formatAddr(p.Addr()) + "/" + strconv.Itoa(p.Bits())
}

// parseAddr reads an address as iproute2's get_addr does. A family other than
// Unspec must be the address's. IPv4 may have fewer than four parts, which fill
// from the left, each a C number: 10.8 is 10.8.0.0.
func parseAddr(s string, f rpdb.Family) (netip.Addr, bool) {
	if strings.IndexByte(s, ':') >= 0 {
		a, err := netip.ParseAddr(s)
		return a, err == nil && a.Zone() == "" && f != rpdb.IPv4
	}
	if f == rpdb.IPv6 {
		return netip.Addr{}, false
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a, true
	}
	var b [4]byte
	for i := 0; ; i++ {
		part, rest, more := strings.Cut(s, ".")
		v, ok := parseUint(part, 0, 255)
		if !ok {
			return netip.Addr{}, false
		}
		b[i] = byte(v)
		if !more {
			return netip.AddrFrom4(b), true
		}
		if i == 3 {
			return netip.Addr{}, false
		}
		s = rest
	}
}

// parsePrefix reads ADDR, ADDR/LEN, ADDR/NETMASK (IPv4) or one of the words
// default, any and all. The address keeps its host bits. For a word, the result
// is the zero prefix of the family, invalid if that is Unspec, and word is set.
func parsePrefix(s string, f rpdb.Family) (p netip.Prefix, word, ok bool) {
	switch s {
	case "default", "any", "all":
		if f == rpdb.Unspec {
			return netip.Prefix{}, true, true
		}
		return netip.PrefixFrom(f.Zero(), 0), true, true
	}
	addr, length, slash := strings.Cut(s, "/")
	a, ok := parseAddr(addr, f)
	if !ok {
		return netip.Prefix{}, false, false
	}
	bits := a.BitLen()
	if slash {
		if bits, ok = parsePrefixLen(length, a); !ok {
			return netip.Prefix{}, false, false
		}
	}
	return netip.PrefixFrom(a, bits), false, true
}

func parsePrefixLen(s string, a netip.Addr) (int, bool) {
	if n, ok := parseUint(s, 0, uint32(a.BitLen())); ok {
		return int(n), true
	}
	if a.Is4() {
		if m, ok := parseAddr(s, rpdb.IPv4); ok {
			return maskLen(m)
		}
	}
	return 0, false
}

// maskLen returns the length of a contiguous netmask.
func maskLen(m netip.Addr) (int, bool) {
	b := m.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := 0
	for v&0x80000000 != 0 {
		v <<= 1
		n++
	}
	return n, v == 0
}

// ParseAddr reads an address as an argument of ip: of the family f, or of any for
// Unspec. IPv4 may have fewer than four parts, each a C number: 10.8 is 10.8.0.0.
func ParseAddr(s string, f rpdb.Family) (netip.Addr, bool) { return parseAddr(s, f) }

// FormatAddress prints an address as ip does: an IPv4-compatible one (::/96) with
// dots.
func FormatAddress(a netip.Addr) string { return formatAddr(a) }

package ipcmd

import (
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// prefix is an address or a prefix as an argument gives it (inet_prefix).
type prefix struct {
	family uint8
	data   []byte // empty for the words default, any and all without a family
	bits   int
	given  bool // with a length, or the word default (PREFIXLEN_SPECIFIED)
	word   bool // default, any or all
}

// addr returns the address, invalid if it has none.
func (p *prefix) addr() netip.Addr {
	a, _ := netip.AddrFromSlice(p.data)
	return a
}

func familyBits(f uint8) int {
	switch f {
	case afInet:
		return 32
	case afInet6:
		return 128
	case afMPLS:
		return 20
	}
	return 0
}

func modelFamily(f uint8) rpdb.Family {
	switch f {
	case afInet:
		return rpdb.IPv4
	case afInet6:
		return rpdb.IPv6
	}
	return rpdb.Unspec
}

// parseAddr reads an address of the family, or of any for afUnspec (get_addr_1).
func parseAddr(s string, family uint8) (p prefix, ok bool) {
	switch s {
	case "default":
		return prefix{family: family, data: make([]byte, familyBits(family)/8), given: true, word: true}, family != afMPLS
	case "all", "any":
		return prefix{family: family, word: true}, family != afMPLS
	}
	f := modelFamily(family)
	if family != afUnspec && f == rpdb.Unspec {
		return prefix{}, false
	}
	a, ok := iproute2.ParseAddr(s, f)
	if !ok {
		return prefix{}, false
	}
	p = prefix{family: afInet, data: a.AsSlice(), bits: a.BitLen()}
	if !a.Is4() {
		p.family = afInet6
	}
	return p, true
}

// parsePrefix reads a prefix (get_prefix_1).
func parsePrefix(s string, family uint8) (p prefix, ok bool) {
	addr, length, slash := strings.Cut(s, "/")
	if p, ok = parseAddr(addr, family); !ok || !slash {
		return p, ok
	}
	n, ok := parseNetmask(length)
	if !ok || p.word || n > familyBits(p.family) {
		return p, false
	}
	p.bits, p.given = n, true
	return p, true
}

// parseNetmask reads the length of a prefix, or an IPv4 netmask (get_netmask).
func parseNetmask(s string) (int, bool) {
	if v, ok := parseUnsigned(s, 0); ok {
		return int(min(v, 1<<16)), true
	}
	p, ok := parseAddr(s, afInet)
	if !ok || len(p.data) != 4 {
		return 0, false
	}
	v := uint32(p.data[0])<<24 | uint32(p.data[1])<<16 | uint32(p.data[2])<<8 | uint32(p.data[3])
	n := 0
	for ; v&(1<<31) != 0; v <<= 1 {
		n++
	}
	return n, v == 0
}

// getAddr reads an address, or ends the tool (get_addr).
func (s *session) getAddr(arg string, family uint8) prefix {
	s.notLink(arg, family, "address")
	p, ok := parseAddr(arg, family)
	if !ok {
		s.errorf("Error: %s address is expected rather than \"%s\".\n", familyName(family), arg)
		panic(exit(1))
	}
	return p
}

// getAddr32 reads an IPv4 address, or ends the tool (get_addr32).
func (s *session) getAddr32(arg string) []byte {
	p, ok := parseAddr(arg, afInet)
	if !ok {
		s.errorf("Error: an IP address is expected rather than \"%s\"\n", arg)
		panic(exit(1))
	}
	return append(p.data, 0, 0, 0, 0)[:4]
}

// getPrefix reads a prefix, or ends the tool (get_prefix).
func (s *session) getPrefix(arg string, family uint8) prefix {
	s.notLink(arg, family, "prefix")
	p, ok := parsePrefix(arg, family)
	if !ok {
		s.errorf("Error: %s prefix is expected rather than \"%s\".\n", familyName(family), arg)
		panic(exit(1))
	}
	return p
}

func (s *session) notLink(arg string, family uint8, what string) {
	if family == afPacket {
		s.errorf("Error: \"%s\" may be inet %s, but it is not allowed in this context.\n", arg, what)
		panic(exit(1))
	}
}

// contains tells whether the first bits of an address are those of the prefix
// (inet_addr_match).
func (p *prefix) contains(data []byte, bits int) bool {
	for i := 0; i < bits; i++ {
		if i/8 >= len(data) || i/8 >= len(p.data) {
			return true
		}
		if (data[i/8]^p.data[i/8])&(0x80>>(i%8)) != 0 {
			return false
		}
	}
	return true
}

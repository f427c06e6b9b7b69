package dissect

import "net/netip"

var (
	routerFlags   = []bit{{0x80, "managed"}, {0x40, "other stateful"}, {0x20, "home agent"}, {0x02, "ipv6 only"}}
	neighborFlags = []bit{{1 << 31, "router"}, {1 << 30, "solicited"}, {1 << 29, "override"}}
	prefixFlags   = []bit{{0x80, "onlink"}, {0x40, "auto"}, {0x20, "router"}}
)

// discovery writes a message of neighbour discovery (RFC 4861), and says whether its
// options were whole.
func (d *dissector) discovery(kind uint8, b []byte, length int) bool {
	verbose := d.options.Verbose > 0
	fixed := icmp6Len
	switch kind {
	case icmp6Router:
		fixed = 16
		if verbose {
			d.f("\n\thop limit %d, Flags [%s], pref %s, router lifetime %ds, reachable time %dms, retrans timer %dms",
				u8(b, 4), bits(routerFlags, uint32(u8(b, 5)), ", ", "none"), preference(u8(b, 5)), u16(b, 6), u32(b, 8), u32(b, 12))
		}
	case icmp6NeighborAsk:
		fixed = 24
		d.s(", who has " + d.addr6(b, 8))
	case icmp6Neighbor:
		fixed = 24
		d.s(", tgt is " + d.addr6(b, 8))
		if verbose {
			d.f(", Flags [%s]", bits(neighborFlags, u32(b, 4), ", ", "none"))
		}
	case icmp6Redirect:
		fixed = 40
		d.s(", " + d.addr6(b, 24))
		d.s(" to " + d.addr6(b, 8))
	case icmp6MobileAdvert:
		if verbose {
			d.mobileFlags(b)
		}
	}
	if verbose && !d.discoveryOptions(after(b, fixed), length-fixed) {
		d.trunc()
		return false
	}
	return true
}

func (d *dissector) mobileFlags(b []byte) {
	d.f(", id 0x%04x", u16(b, 4))
	flags := u16(b, 6)
	if flags&0xc000 != 0 {
		d.s(" ")
	}
	if flags&0x8000 != 0 {
		d.s("M")
	}
	if flags&0x4000 != 0 {
		d.s("O")
	}
}

// preference is a router's or route's preference (RFC 4191).
func preference(flags uint8) string {
	return []string{"medium", "high", "rsv", "low"}[flags>>3&3]
}

func lifetime(s uint32) string {
	if s == ^uint32(0) {
		return "infinity"
	}
	return utoa(s) + "s"
}

const (
	ndSource   = 1
	ndTarget   = 2
	ndPrefix   = 3
	ndRedirect = 4
	ndMTU      = 5
	ndInterval = 7
	ndHome     = 8
	ndRoute    = 24
	ndDNS      = 25
	ndSearch   = 31
)

var ndOptions = names{
	ndSource: "source link-address", ndTarget: "destination link-address", ndPrefix: "prefix info", ndRedirect: "redirected header",
	ndMTU: "mtu", ndDNS: "rdnss", ndSearch: "dnssl", ndInterval: "advertisement interval", ndHome: "homeagent information",
	ndRoute: "route info",
}

// discoveryOptions writes left bytes of options, and says whether they were whole.
func (d *dissector) discoveryOptions(b []byte, left int) bool {
	for at := 0; at < len(b); {
		if at+2 > len(b) {
			return false
		}
		if left <= 0 {
			return true
		}
		kind, size := b[at], int(b[at+1])*8
		if size == 0 || at+size > len(b) {
			return false
		}
		d.f("\n\t  %s option (%d), length %d (%d): ", ndOptions.of(uint32(kind), func() string { return "unknown" }), kind, size, size/8)
		data := b[at+2:]
		if _, known := ndOptions[uint32(kind)]; !known && d.options.Verbose <= 1 {
			d.unknown(data, "\n\t  ", size-2)
			return true
		}
		if !d.discoveryOption(kind, b, at, size) {
			return false
		}
		if d.options.Verbose > 1 {
			d.unknown(data, "\n\t    ", size-2)
		}
		at, left = at+size, left-size
	}
	return true
}

// discoveryOption writes the option of size bytes at a place of the options.
func (d *dissector) discoveryOption(kind uint8, all []byte, at, size int) bool {
	o := all[at : at+size]
	badLength := func(right int, text string) string {
		if len(o) != right {
			return text
		}
		return ""
	}
	switch kind {
	case ndSource, ndTarget:
		d.s(hexBytes(o[2:], ":"))
	case ndPrefix:
		d.f("%s/%d%s, Flags [%s], valid time %s", d.addr6(o, 16), u8(o, 2), badLength(32, "badlen"),
			bits(prefixFlags, uint32(u8(o, 3)), ", ", "none"), lifetime(u32(o, 4)))
		d.s(", pref. time " + lifetime(u32(o, 8)))
	case ndRedirect:
		d.unknown(all, "\n\t    ", len(o))
	case ndMTU:
		d.f(" %d%s", u32(o, 4), badLength(8, "bad option length"))
	case ndDNS:
		d.f(" lifetime %ds,", u32(o, 4))
		for i := range (len(o)/8 - 1) / 2 {
			d.s(" addr: " + d.addr6(o, 8+16*i))
		}
	case ndSearch:
		return d.searchList(all, at, size)
	case ndInterval:
		d.f(" %dms", u32(o, 4))
	case ndHome:
		d.f(" preference %d, lifetime %d", u16(o, 4), u16(o, 6))
	case ndRoute:
		return d.routeInformation(o)
	}
	return true
}

func (d *dissector) searchList(all []byte, at, size int) bool {
	d.f(" lifetime %ds, domain(s):", u32(all, at+4))
	m := message{d: d, b: all}
	end := at + size
	for at += 8; at < end && u8(all, at) != 0; {
		d.s(" ")
		if at = m.name(at); at < 0 {
			return false
		}
	}
	return true
}

// routeInformation writes a more specific route (RFC 4191).
func (d *dissector) routeInformation(o []byte) bool {
	var prefix [16]byte
	if len(o) > 24 {
		return false
	}
	copy(prefix[:], o[8:])
	d.f(" %s/%d", d.host(netip.AddrFrom16(prefix)), o[2])
	d.s(", pref=" + preference(o[3]))
	d.s(", lifetime=" + lifetime(u32(o, 4)))
	return true
}

package rpdb

import "net/netip"

// Parts is a set of kinds of state.
type Parts uint32

// The kinds of state that a source may or may not tell.
const (
	PartRules4 Parts = 1 << iota
	PartRules6
	PartRoutes4
	PartRoutes6
	PartNextHops
	PartBuckets
	PartLinks
	PartAddrs4
	PartAddrs6
	PartNeighs
	PartSysctls
	PartLabels
)

// AllParts is every kind of state.
const AllParts = PartLabels<<1 - 1

// Facts are states of the kernel that no dump shows (spec IPv4 3.5 and 6, IPv6
// 1.2). Unknown ones are taken from the rule list where that settles them.
type Facts struct {
	// CustomRules4 tells whether an IPv4 rule was ever added or deleted: until
	// then, tables local and main are one trie and the rules are not walked.
	CustomRules4 Tri
	// CustomRules6 tells whether an IPv6 rule was ever added: until then the
	// lookup is local, then main, whatever the list says.
	CustomRules6 Tri
	// CustomLocal4 tells whether a route of type local was ever added by a user:
	// it changes the check of source addresses where rp_filter is 0.
	CustomLocal4 Tri
	// HomeAddresses tells whether the kernel prefers mobile IPv6 home addresses as
	// sources (CONFIG_IPV6_MIP6). Unknown counts as yes: distributions build it.
	HomeAddresses Tri
}

// Gate6 is an IPv6 destination that has routes from source prefixes alone, at which a
// search begins only if it is for something in Within. The kernel makes one, by mistake, when
// a route with this destination is refused or deleted and there are longer prefixes below
// (fib6_find_prefix, read by fib6_node_lookup_1).
type Gate6 struct {
	Table       uint32
	Dst, Within netip.Prefix
}

// State is a network namespace's routing state as plain data, in the order in
// which the kernel dumps it. It is not safe for concurrent change; Build copies
// what it needs, and slices must not be changed while a Database uses them.
type State struct {
	Rules    []Rule // both families
	Routes   []Route
	NextHops []NextHopObject
	Links    []Link
	Addrs    []Addr
	Neighs   []Neigh
	Labels   []AddrLabel // empty: the default table
	Sysctls  Sysctls
	Kernel   Kernel
	Facts    Facts

	// Gates6 are IPv6 destinations that the kernel passes by though a dump shows their
	// routes. No dump tells of them either.
	Gates6 []Gate6

	// Missing lists the kinds of state that the source did not tell at all; they
	// are empty above and defaults are assumed.
	Missing Parts

	// Notes tell in plain words what a reader of an answer should know of the source,
	// such as that it changed while it was read.
	Notes []string
}

// AddrLabel is an entry of the IPv6 address label table (RFC 6724, ip addrlabel).
type AddrLabel struct {
	Prefix netip.Prefix
	Index  int // ifindex, 0 any
	Label  uint32
}

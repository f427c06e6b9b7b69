package rpdb

import "net/netip"

// NextHop is one way out that a route names (struct fib_nh_common).
type NextHop struct {
	Dev     int        // ifindex, 0 for IPv4 error routes
	Gateway netip.Addr // of either family; invalid: on-link
	Weight  uint32     // 1 or more; 0 is taken as 1
	Flags   uint32     // NH*
	Realms  uint32     // high half from, low half to
	Encap   *Encap
}

// Encap is a lightweight tunnel. It does not take part in the decision.
type Encap struct {
	Type uint16
	Data []byte // the nested attributes, as the kernel sent them
}

// NextHopObject is an object of its own that routes refer to by id (ip nexthop,
// struct nexthop): one nexthop, a blackhole, or a group of other objects.
type NextHopObject struct {
	ID        uint32
	Family    Family
	Protocol  uint8
	Scope     Scope
	Hop       NextHop // of a single object
	Blackhole bool
	FDB       bool

	Group     []GroupMember
	Resilient *Resilient // of a resilient group

	Extra []Attr
}

// GroupMember is one leg of a nexthop group.
type GroupMember struct {
	ID     uint32
	Weight uint32 // 1..65536
}

// Resilient holds the parameters of a resilient group, and its buckets as far as
// a dump showed them: Buckets[i] is the id of the member that hash % n == i uses.
type Resilient struct {
	NumBuckets         uint16
	IdleTimer          uint32 // clock_t, as dumped
	UnbalancedTimer    uint32
	UnbalancedTime     uint64
	Buckets            []uint32
	BucketsOutstanding bool // the buckets were not dumped
}

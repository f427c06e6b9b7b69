package rpdb

import "net/netip"

// RouteType is what a route does with a packet (RTN_*).
type RouteType uint8

// The route types.
const (
	TypeUnspec RouteType = iota
	Unicast
	Local
	Broadcast
	Anycast
	Multicast
	Blackhole
	Unreachable
	Prohibit
	Throw
	NAT
	XResolve
)

var routeTypeNames = [...]string{
	"none", "unicast", "local", "broadcast", "anycast", "multicast",
	"blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve",
}

// String returns iproute2's word for the type.
func (t RouteType) String() string {
	if int(t) < len(routeTypeNames) {
		return routeTypeNames[t]
	}
	return "unknown"
}

// Err returns the error that a lookup ending at a route of this type gives
// (fib_props, ip6_rt_type_to_error), EAGAIN for throw and OK for types that
// deliver or forward.
func (t RouteType) Err() Errno {
	switch t {
	case Blackhole, NAT, XResolve:
		return EINVAL
	case Unreachable:
		return EHOSTUNREACH
	case Prohibit:
		return EACCES
	case Throw:
		return EAGAIN
	}
	return OK
}

// Route protocols that the model itself looks at (RTPROT_*).
const (
	ProtoUnspec   uint8 = 0
	ProtoRedirect uint8 = 1
	ProtoKernel   uint8 = 2
	ProtoBoot     uint8 = 3
	ProtoStatic   uint8 = 4
	ProtoRA       uint8 = 9
)

// Scope is how far a route or an IPv4 address reaches; a bigger number is
// narrower (RT_SCOPE_*).
type Scope uint8

// The scopes with names.
const (
	ScopeGlobal  Scope = 0
	ScopeSite    Scope = 200
	ScopeLink    Scope = 253
	ScopeHost    Scope = 254
	ScopeNowhere Scope = 255
)

// Nexthop flags (RTNH_F_*), used in NextHop.Flags and, for a route with one
// nexthop, in rtm_flags.
const (
	NHDead       uint32 = 1
	NHPervasive  uint32 = 2
	NHOnlink     uint32 = 4
	NHOffload    uint32 = 8
	NHLinkDown   uint32 = 16
	NHUnresolved uint32 = 32
	NHTrap       uint32 = 64
)

// Reply flags of RTM_GETROUTE in rtm_flags.
const (
	FlagNotify    uint32 = 0x100
	FlagCloned    uint32 = 0x200
	FlagRedirect  uint32 = 0x01000000 // RTCF_DOREDIRECT
	FlagBroadcast uint32 = 0x10000000 // RTCF_BROADCAST
	FlagMulticast uint32 = 0x20000000 // RTCF_MULTICAST
	FlagLocal     uint32 = 0x80000000 // RTCF_LOCAL
)

// RouterPref is the IPv6 router preference (RFC 4191), with the kernel's numbers.
type RouterPref uint8

// The router preferences.
const (
	PrefMedium RouterPref = 0
	PrefHigh   RouterPref = 1
	PrefLow    RouterPref = 3
)

// Route is one entry of a routing table. An IPv6 multipath route (a ring of
// siblings in the kernel) is one Route with several nexthops, as it is dumped.
// Order among routes of equal prefix is the order of State.Routes.
type Route struct {
	Family Family
	Table  uint32
	Dst    netip.Prefix // masked; length 0 for default
	Src    netip.Prefix // IPv6 source prefix; invalid or length 0: none

	TOS      uint8 // IPv4, header byte; 0 none
	Type     RouteType
	Scope    Scope
	Protocol uint8
	Priority uint32 // the metric
	PrefSrc  netip.Addr
	Pref     RouterPref // IPv6
	Expires  Opt[int64] // IPv6: milliseconds left when the state was read; negative: expired

	// Flags holds rtm_flags but for the nexthop flags of a route with one nexthop,
	// which are in that (RTM_F_OFFLOAD and the like; informational).
	Flags uint32

	NHID     uint32    // nexthop object; then NextHops is what the dump showed of it
	NextHops []NextHop // empty for IPv4 error types; IPv6 ones have dev lo

	Metrics []Metric // RTAX_*
	Extra   []Attr   // attributes that this model does not know

	// Siblings are the legs of an IPv6 multipath route as the routes of their own that
	// they are, where they differ in more than their nexthops (type, protocol,
	// preference, source, metrics, expiry); else nil. No dump shows it.
	Siblings []Route
}

// Sibling returns the route that a leg is, the route itself where legs are alike.
func (r *Route) Sibling(leg int) *Route {
	if leg >= 0 && leg < len(r.Siblings) {
		return &r.Siblings[leg]
	}
	return r
}

// Metric is one entry of a route's metrics (RTAX_*): a number, or a name for
// RTAX_CC_ALGO. Lock is a metric of its own in the kernel (RTAX_LOCK) and is
// shown as a flag here.
type Metric struct {
	ID   uint16
	Val  uint32
	Str  string
	Lock bool
}

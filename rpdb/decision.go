package rpdb

import "net/netip"

// Drop is the reason why an arriving packet is not delivered or forwarded.
type Drop uint8

// The reasons for a drop. NoDrop goes with a delivered or forwarded packet, and
// with one that the rules or routes themselves refuse (see Decision.Err).
const (
	NoDrop             Drop = iota
	DropNoIPDevice          // the device has no IP state
	DropMartianSource       // source multicast, broadcast, loopback or zero where it must not be
	DropMartianDest         // destination zero or loopback where it must not be
	DropNotJoined           // multicast group that nobody joined on the device
	DropForwardingOff       // the device does not forward
	DropRPFilter            // the reverse path leads elsewhere
	DropLocalSource         // the source is an address of this host
	DropReverseNoRoute      // no route back to the source
	DropNotForwardable      // the route's type cannot be forwarded to (multicast, anycast)
	DropSourceNotLocal      // output: the given source is no address of this host
	DropInvalidSource       // output: the given source cannot be one
	DropNoDevice            // the given device does not exist
	DropDeviceDown          // the given device is down or has no IP state
	DropLoopbackSource      // output: a loopback source may not leave by this device
	DropLoopbackRoute       // IPv6: a route out of lo that is not local refuses the packet (no route)
)

var dropNames = [...]string{
	"", "no-ip-device", "martian-source", "martian-destination", "not-joined",
	"forwarding-off", "rp-filter", "local-source", "reverse-no-route",
	"not-forwardable", "source-not-local", "invalid-source", "no-device",
	"device-down", "loopback-source", "loopback-route",
}

// String returns a short word for the reason, empty for NoDrop.
func (d Drop) String() string { return dropNames[d] }

// Decision is the answer of the kernel to a flow: the fields of its RTM_GETROUTE
// reply, and where they come from.
type Decision struct {
	// Err is the error that the sender sees or RTM_GETROUTE answers; OK otherwise.
	Err  Errno
	Drop Drop

	Type  RouteType
	Flags uint32 // Flag*

	// Rule is the rule that decided, nil where no rule was walked; RuleIndex its
	// place in Database.Rules, -1 for none.
	Rule      *Rule
	RuleIndex int
	// Table is the table as the kernel reports it (RTA_TABLE), 0 where no table was
	// searched. Route is the route that matched, nil if none.
	Table uint32
	Route *Route
	// Leg is the nexthop of Route (or of its nexthop group) that was chosen, -1 if
	// there is none.
	Leg int

	OIF     int        // the device of the answer: lo for local delivery
	Gateway netip.Addr // invalid: on-link or local
	Src     netip.Addr // the source that the packet leaves with; invalid: none found
	// FlowSrc (IPv6) is the source that the flow had or got while rules were walked
	// (RTA_SRC of the reply; FIB_RULE_FIND_SADDR); invalid: none. ReplySrc (IPv6
	// output) is what the reply shows as RTA_PREFSRC: the source for the route's
	// device, whatever source or VRF the flow has (spec IPv6 5.3); invalid: none.
	FlowSrc, ReplySrc netip.Addr
	TOS               uint8 // tos of the matched route, as the reply shows it
	Realms            uint32
	// SourceRealms are the part of Realms that comes from the way back to the source of
	// an IPv4 packet that arrived (fib_combine_itag). The kernel does not cache such an
	// answer.
	SourceRealms uint32

	// UsesRoute tells that the packet follows the route's nexthop, so that its
	// gateway and metrics apply; a broadcast or a multicast flow that a default route
	// sends out does not.
	UsesRoute bool
	// Assumed tells that no table had an answer, and that the destination was taken
	// to be on-link on the given device.
	Assumed bool

	// Undetermined tells that a multipath route was reached whose choice cannot be
	// computed (the hash seed is the kernel's secret, or a field of the hash is
	// unknown). Leg is then one possible leg; Database.Legs lists all.
	Undetermined bool

	// Depends names the unknown fields of the flow whose value could change the
	// answer.
	Depends Fields
}

// Leg is one way of a multipath route, and the share of flows that takes it.
type Leg struct {
	Index   int
	Hop     NextHop
	Src     netip.Addr // the source that a flow without one gets on this leg
	Share   float64    // 0..1
	Skipped string     // why it takes no flows: dead, linkdown, neighbour failed
}

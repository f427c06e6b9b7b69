package rpdb

import "net/netip"

// Walk is the story of one decision, in the order in which the kernel goes.
type Walk struct {
	Flow     Flow
	Decision Decision
	Lookups  []LookupTrace // the lookups made; that of the packet itself has purpose ForOutput or ForInput
	Checks   []Check       // tests outside the tables, in order
	Source   SourceTrace
	Unknown  []UnknownFact // what was assumed because the state does not tell
}

// Purpose says what a lookup is made for.
type Purpose uint8

// The purposes of a lookup.
const (
	ForOutput      Purpose = iota // the packet, sent by this host
	ForInput                      // the packet, arrived on a device
	ForReverse                    // the way back to the source (fib_validate_source)
	ForReverseDev                 // the same, bound to the device it came in on
	ForSourceOwner                // which device has the given source address
	ForGateway                    // whether a gateway is this host itself
)

// LookupTrace is one lookup: its key and the rules that were walked.
type LookupTrace struct {
	Purpose Purpose
	Key     Key
	// FastPath: no custom rule was ever there, so the rules were not consulted;
	// Steps then holds the tables with a nil Rule. Direct: one table was asked.
	FastPath, Direct bool
	Steps            []Step
	Err              Errno
}

// Verdict is what became of a rule in a walk.
type Verdict uint8

// The verdicts.
const (
	NotMatched Verdict = iota // a selector failed
	Matched                   // it decided, or (goto, nop) it took effect
	Missed                    // it matched but its table had no route
	Thrown                    // it matched and its table threw the flow on
	Suppressed                // its result was dropped by a suppressor
	JumpedOver                // a goto passed over it
	Unresolved                // a goto without a target: passed over
	NotReached                // the walk ended before
)

var verdictNames = [...]string{
	"not-matched", "matched", "missed", "thrown", "suppressed", "jumped-over",
	"unresolved", "not-reached",
}

// String returns the verdict's word in the walk schema.
func (v Verdict) String() string { return verdictNames[v] }

// Selector names a selector of a rule.
type Selector uint8

// The selectors, in the order in which the kernel tests them.
const (
	SelNone Selector = iota
	SelIIF
	SelOIF
	SelMark
	SelTunID
	SelL3MDev
	SelUID
	SelFrom
	SelTo
	SelTOS
	SelDSCP
	SelFlowLabel
	SelIPProto
	SelSPort
	SelDPort
)

var selectorNames = [...]string{
	"", "iif", "oif", "fwmark", "tun_id", "l3mdev", "uidrange", "from", "to",
	"tos", "dscp", "flowlabel", "ipproto", "sport", "dport",
}

// String returns iproute2's word for the selector.
func (s Selector) String() string { return selectorNames[s] }

// SelectorResult is the outcome of one selector that a rule has.
type SelectorResult struct {
	Selector Selector
	OK       bool
	Detached bool // iif or oif: the named device does not exist
}

// Step is what happened at one rule.
type Step struct {
	Rule      *Rule // nil on the fast path and for direct lookups
	RuleIndex int
	Verdict   Verdict
	// Selectors holds the outcome of every selector that the rule has, tested or
	// not; an inverted rule matches when one of them fails.
	Selectors []SelectorResult

	// Table is the table that was searched (0: none), TableExists whether it is
	// there.
	Table       uint32
	TableExists bool
	Routes      []RouteStep // the routes that cover the destination, in order
	Uncovered   int         // the table's routes that do not
	Err         Errno       // of the table or the action; EAGAIN for a miss
	Suppressor  SuppressedBy
	// FoundSrc is the source that was chosen to see whether a rule with
	// FIB_RULE_FIND_SADDR holds; if it lies outside the rule's From, the table's
	// result does not count. Invalid for every other rule.
	FoundSrc netip.Addr
}

// SuppressedBy says which suppressor dropped a result.
type SuppressedBy uint8

// The suppressors.
const (
	NotSuppressed SuppressedBy = iota
	ByPrefixLength
	ByIfGroup
)

// RouteVerdict is why a route won or lost.
type RouteVerdict uint8

// The verdicts on routes.
const (
	RouteChosen        RouteVerdict = iota
	RouteShorter                    // a longer prefix decided
	RouteLater                      // one of the same prefix stands before it (metric, order)
	RouteTOS                        // its tos differs from the flow's
	RouteScope                      // its scope is wider than asked for
	RouteDead                       // its nexthop is dead
	RouteLinkDown                   // its nexthop has no carrier and such routes are ignored
	RouteWrongOIF                   // its device is not the one asked for
	RouteSource                     // IPv6: the source is outside its source prefix
	RouteExpired                    // IPv6: its lifetime is over
	RouteNeighFailed                // IPv6: its gateway is known to be unreachable
	RouteLowerScore                 // IPv6: another of the prefix has the better preference or device
	RouteHidden                     // IPv6: passed over because its prefix has source routes
	RouteLeafAbandoned              // IPv4: passed over after a nexthop object on the same base address missed
	RouteThrow                      // it chose, and it throws the flow on
	RouteError                      // it chose, and its type is an error
)

var routeVerdictNames = [...]string{
	"chosen", "shorter-prefix", "later", "tos", "scope", "dead", "linkdown",
	"wrong-oif", "source", "expired", "neighbour-failed", "lower-score", "hidden",
	"leaf-abandoned", "throw", "error",
}

// String returns the verdict's word in the walk schema.
func (v RouteVerdict) String() string { return routeVerdictNames[v] }

// RouteStep is what happened at one route.
type RouteStep struct {
	Route   *Route
	Leg     int // the nexthop that was taken or that failed, -1 if none was looked at
	Verdict RouteVerdict
}

// Check is a test that the kernel makes outside the tables.
type Check struct {
	What   CheckKind
	Passed bool
	// Dev is the device that the test looks at, Value the effective setting (for
	// rp_filter the larger of all and dev: All and DevValue).
	Dev           int
	Value         int
	All, DevValue int
	Drop          Drop
}

// CheckKind names a test.
type CheckKind uint8

// The tests.
const (
	CheckMartianSource CheckKind = iota
	CheckMartianDest
	CheckRPFilter
	CheckForwarding
	CheckSourceOwner // output: the source must be an address of this host
	CheckOutDevice   // output: the given device must exist and be up
	CheckRouteLocalnet
	CheckMulticast
)

var checkNames = [...]string{
	"martian-source", "martian-destination", "rp_filter", "forwarding",
	"source-owner", "device", "route_localnet", "multicast",
}

// String returns the test's word in the walk schema.
func (c CheckKind) String() string { return checkNames[c] }

// SourceHow tells where the source address came from.
type SourceHow uint8

// The origins of a source address.
const (
	SourceNone     SourceHow = iota // none was found, or none is needed
	SourceGiven                     // the flow had it
	SourcePrefSrc                   // the route's src
	SourceDst                       // a local destination without src: the destination itself
	SourceDevice                    // an address of the outgoing device
	SourceBorrowed                  // an address of another device
	SourceRFC6724                   // IPv6 selection
	SourceLoopback                  // no destination and no source: 127.0.0.1
)

var sourceNames = [...]string{
	"none", "given", "prefsrc", "destination", "device", "borrowed", "rfc6724", "loopback",
}

// String returns the origin's word in the walk schema.
func (s SourceHow) String() string { return sourceNames[s] }

// SourceTrace is how the source address was chosen.
type SourceTrace struct {
	Addr       netip.Addr
	How        SourceHow
	Dev        int // the outgoing device that the choice was made for
	Gateway    netip.Addr
	Scope      Scope
	Candidates []SourceCandidate
}

// SourceCandidate is an address that was considered.
type SourceCandidate struct {
	Addr   *Addr
	Chosen bool
	// Lost says why the address was not taken. For IPv6 it is the RFC 6724 rule that
	// decided against it when it met Against.
	Lost    SourceRule
	Against netip.Addr
	// Scores holds, for IPv6, the value of each rule for this address.
	Scores []SourceScore
}

// SourceScore is the value of one RFC 6724 rule for a candidate; bigger wins.
type SourceScore struct {
	Rule  SourceRule
	Value int
}

// SourceRule is a reason to prefer one source address over another.
type SourceRule uint8

// The reasons. The first group is IPv4's (inet_select_addr), the second IPv6's
// (ipv6_get_saddr_eval, in its order).
const (
	SourceOK             SourceRule = iota
	SourceSecondary                 // IPv4: secondary addresses are skipped
	SourceScopeWide                 // IPv4: its scope is narrower than the route needs
	SourceNotGateway                // IPv4: its subnet does not hold the gateway
	SourceLater                     // IPv4: an acceptable one stands before it
	SourceOtherDev                  // IPv4: addresses of other devices are a last resort
	Source6Same                     // 1: is the destination itself
	Source6Scope                    // 2: appropriate scope
	Source6Preferred                // 3: not deprecated
	Source6Home                     // 4: home address
	Source6OutDev                   // 5: on the outgoing interface
	Source6Label                    // 6: matching label
	Source6Privacy                  // 7: temporary or public, as the device prefers
	Source6Orchid                   // ORCHID with ORCHID
	Source6Prefix                   // 8: longest matching prefix
	Source6NotOptimistic            // not optimistic
	Source6Tentative                // not usable: duplicate address detection is not done
	Source6First                    // equal in all: the earlier one stays
)

var sourceRuleNames = [...]string{
	"", "secondary", "scope", "gateway-subnet", "later", "other-device",
	"same-address", "scope", "deprecated", "home", "outgoing-device", "label",
	"privacy", "orchid", "prefix-length", "optimistic", "tentative", "order",
}

// String returns the reason's word in the walk schema.
func (r SourceRule) String() string { return sourceRuleNames[r] }

// UnknownFact is something that the state does not tell and that the walk used.
type UnknownFact struct {
	What    string // such as "sysctl net/ipv4/conf/eth0/rp_filter" or "field mark"
	Assumed string // the value that was used
	Effect  string // what could differ, if that is known
}

package rpdb

import "net/netip"

// Table identifiers with a fixed meaning (linux/rtnetlink.h).
const (
	TableUnspec  uint32 = 0
	TableCompat  uint32 = 252
	TableDefault uint32 = 253
	TableMain    uint32 = 254
	TableLocal   uint32 = 255
)

// RuleAction is what a rule does when it matches (linux/fib_rules.h).
type RuleAction uint8

// The rule actions. A kernel accepts any other number too, and treats it as
// blackhole.
const (
	ActUnspec      RuleAction = 0
	ActTable       RuleAction = 1 // look the flow up in a table
	ActGoto        RuleAction = 2 // continue at another rule
	ActNop         RuleAction = 3 // continue with the next rule
	ActBlackhole   RuleAction = 6 // EINVAL
	ActUnreachable RuleAction = 7 // ENETUNREACH
	ActProhibit    RuleAction = 8 // EACCES
)

// RuleFlags are the flags of a rule (FIB_RULE_*), as stored and as dumped.
type RuleFlags uint32

// The rule flags. Unresolved, IIFDetached and OIFDetached are computed by the
// kernel when it dumps a rule.
const (
	RulePermanent   RuleFlags = 0x1
	RuleInvert      RuleFlags = 0x2
	RuleUnresolved  RuleFlags = 0x4
	RuleIIFDetached RuleFlags = 0x8
	RuleOIFDetached RuleFlags = 0x10
	RuleFindSaddr   RuleFlags = 0x10000
)

// PortRange is a rule's port selector. Start 0 means that there is none. Mask is
// non-zero only for a single port (Start == End), and 0xffff compares it exactly.
type PortRange struct {
	Start, End, Mask uint16
}

// UIDRange is an inclusive range of user ids.
type UIDRange struct {
	Start, End uint32
}

// DSCP is a full DSCP selector: bits of the six-bit code point under a mask.
type DSCP struct {
	Value, Mask uint8
}

// Rule is one entry of the routing policy database (struct fib_rule, spec IPv4
// 1.1). The zero value of every selector means that it is absent.
type Rule struct {
	Family Family
	Pref   uint32
	Flags  RuleFlags

	// From and To are compared by their first Bits() bits; host bits beyond them
	// are kept as the kernel keeps them. Invalid or zero length: absent.
	From, To netip.Prefix

	// IIF and OIF name a device. A name without a device is detached and never
	// matches; so is an empty name with the flag for it.
	IIF, OIF string

	Mark, MarkMask uint32 // matches when (mark ^ Mark) & MarkMask == 0
	TOS            uint8  // legacy tos selector (header byte), 0 absent
	DSCP           Opt[DSCP]
	IPProto        uint8
	SPort, DPort   PortRange
	UID            Opt[UIDRange]
	TunID          uint64 // host byte order
	L3MDev         bool   // matches flows of a VRF; the table is the VRF's
	FlowLabel      uint32 // IPv6, host byte order
	FlowLabelMask  uint32 // 0 absent

	Action  RuleAction
	Table   uint32 // of ActTable; stored for other actions too
	GotoRef uint32 // target preference of ActGoto

	// A successful result is dropped, and the walk goes on, when its prefix is not
	// longer than SuppressPrefixLen or its device is in group SuppressIfGroup.
	// A negative number set with the top bit never suppresses.
	SuppressPrefixLen Opt[int32]
	SuppressIfGroup   Opt[int32]

	Realms   uint32 // high half from, low half to
	Protocol uint8  // who added the rule (RTPROT_*), informational

	Extra []Attr // attributes that this model does not know
}

// Invert reports whether the rule matches when its selectors do not ("not").
func (r *Rule) Invert() bool { return r.Flags&RuleInvert != 0 }

// DefaultRules returns the rules that a new namespace has for a family
// (fib_default_rules_init, fib6_rules_net_init).
func DefaultRules(f Family) []Rule {
	rs := []Rule{
		{Family: f, Pref: 0, Action: ActTable, Table: TableLocal, Protocol: ProtoKernel},
		{Family: f, Pref: 32766, Action: ActTable, Table: TableMain, Protocol: ProtoKernel},
	}
	if f == IPv4 {
		rs = append(rs, Rule{Family: f, Pref: 32767, Action: ActTable, Table: TableDefault, Protocol: ProtoKernel})
	}
	return rs
}

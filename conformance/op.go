package conformance

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Verb says what an [Op] does with its object, in iproute2's words.
type Verb uint8

// The verbs, with the netlink flags that iproute2 sends for them.
const (
	Add     Verb = iota // CREATE|EXCL
	Append              // CREATE|APPEND
	Prepend             // CREATE
	Replace             // CREATE|REPLACE
	Change              // REPLACE
	Del
)

var verbNames = [...]string{"add", "append", "prepend", "replace", "change", "del"}

// String returns iproute2's word.
func (v Verb) String() string { return verbNames[v] }

// Op is one change to a network namespace. It is a request, and the kernel may
// refuse it; the state then simply lacks it. The concrete types are [LinkOp],
// [AddrOp], [RuleOp], [RouteOp], [NextHopOp], [NeighOp] and [SysctlOp].
type Op interface {
	// command writes the op as a shell command, devices named by n.
	command(n *names) string
}

// LinkOp creates a pair of veth devices (Peer set) or changes a device.
type LinkOp struct {
	Index  int
	Name   string // of a new device, or the new name of an existing one
	Peer   int    // ifindex of the other end of a new pair
	PeerNm string

	Up, Down bool // alone, like each of the others
	Group    rpdb.Opt[uint32]
	MTU      uint32
}

// AddrOp adds or deletes an address.
type AddrOp struct {
	Verb Verb
	Addr rpdb.Addr
}

// RuleOp adds a rule, or deletes the first one that has everything that Rule
// names.
type RuleOp struct {
	Verb   Verb
	Rule   rpdb.Rule
	NoPref bool // the kernel chooses the preference; for Del: any preference
	NoExcl bool // without NLM_F_EXCL: duplicates are accepted
}

// RouteOp adds, changes or deletes a route. For Del the zero fields of Route are
// wildcards, and AnyScope makes its scope one.
type RouteOp struct {
	Verb     Verb
	Route    rpdb.Route
	AnyScope bool
}

// NextHopOp adds, replaces or deletes a nexthop object.
type NextHopOp struct {
	Verb    Verb
	NextHop rpdb.NextHopObject
}

// NeighOp puts a neighbour entry into a state, or deletes it.
type NeighOp struct {
	Verb  Verb
	Neigh rpdb.Neigh
}

// SysctlOp writes a file under /proc/sys.
type SysctlOp struct {
	Path, Value string // net/ipv4/conf/v0/rp_filter
}

// names follows the names of devices through a list of ops.
type names map[int]string

func newNames() *names { return &names{rpdb.Loopback: "lo"} }

func (n *names) of(index int) string {
	if s, ok := (*n)[index]; ok {
		return s
	}
	return fmt.Sprintf("if%d", index)
}

// Commands writes ops as shell commands: a reproduction that a reader can paste
// into a fresh network namespace.
func Commands(ops []Op) []string {
	n := newNames()
	out := make([]string, 0, len(ops))
	for _, op := range ops {
		out = append(out, op.command(n))
	}
	return out
}

func (o LinkOp) command(n *names) string {
	if o.Peer != 0 {
		(*n)[o.Index], (*n)[o.Peer] = o.Name, o.PeerNm
		return fmt.Sprintf("ip link add %s index %d type veth peer name %s index %d", o.Name, o.Index, o.PeerNm, o.Peer)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ip link set %s", n.of(o.Index))
	if o.Name != "" {
		fmt.Fprintf(&b, " name %s", o.Name)
		(*n)[o.Index] = o.Name
	}
	if o.Up {
		b.WriteString(" up")
	}
	if o.Down {
		b.WriteString(" down")
	}
	if o.Group.Set {
		fmt.Fprintf(&b, " group %d", o.Group.V)
	}
	if o.MTU != 0 {
		fmt.Fprintf(&b, " mtu %d", o.MTU)
	}
	return b.String()
}

func (o AddrOp) command(n *names) string {
	var b strings.Builder
	a := &o.Addr
	fmt.Fprintf(&b, "ip addr %s ", o.Verb)
	if a.Peer.IsValid() {
		fmt.Fprintf(&b, "%s peer %s/%d", a.Local, a.Peer, a.PrefixLen)
	} else {
		fmt.Fprintf(&b, "%s/%d", a.Local, a.PrefixLen)
	}
	if a.Broadcast.IsValid() {
		fmt.Fprintf(&b, " broadcast %s", a.Broadcast)
	}
	fmt.Fprintf(&b, " dev %s", n.of(a.Index))
	if o.Verb == Del {
		return b.String()
	}
	if a.Family == rpdb.IPv4 {
		fmt.Fprintf(&b, " scope %d", a.Scope)
	}
	if a.Flags&rpdb.IFANoPrefixRoute != 0 {
		b.WriteString(" noprefixroute")
	}
	if a.Family == rpdb.IPv6 && a.Flags&rpdb.IFANoDAD != 0 {
		b.WriteString(" nodad")
	}
	if a.Flags&rpdb.IFAHomeAddress != 0 && a.Family == rpdb.IPv6 {
		b.WriteString(" home")
	}
	if a.Metric != 0 {
		fmt.Fprintf(&b, " metric %d", a.Metric)
	}
	if a.Preferred == 0 && a.Valid != 0 {
		fmt.Fprintf(&b, " preferred_lft 0")
	}
	return b.String()
}

func (o NeighOp) command(n *names) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ip neigh %s %s", o.Verb, o.Neigh.IP)
	if len(o.Neigh.LLAddr) == 6 {
		l := o.Neigh.LLAddr
		fmt.Fprintf(&b, " lladdr %02x:%02x:%02x:%02x:%02x:%02x", l[0], l[1], l[2], l[3], l[4], l[5])
	}
	fmt.Fprintf(&b, " dev %s", n.of(o.Neigh.Index))
	if o.Verb != Del {
		fmt.Fprintf(&b, " nud 0x%x", o.Neigh.State)
	}
	return b.String()
}

func (o SysctlOp) command(*names) string {
	return fmt.Sprintf("echo %s > /proc/sys/%s", o.Value, o.Path)
}

// family is iproute2's switch for a family.
func familyArg(f rpdb.Family) string {
	if f == rpdb.IPv6 {
		return "-6"
	}
	return "-4"
}

func (o NextHopOp) command(n *names) string {
	h := &o.NextHop
	var b strings.Builder
	fmt.Fprintf(&b, "ip %s nexthop %s id %d", familyArg(h.Family), o.Verb, h.ID)
	switch {
	case o.Verb == Del:
	case h.Blackhole:
		b.WriteString(" blackhole")
	case len(h.Group) > 0:
		b.WriteString(" group ")
		for i, m := range h.Group {
			if i > 0 {
				b.WriteByte('/')
			}
			fmt.Fprintf(&b, "%d,%d", m.ID, m.Weight)
		}
		if h.Resilient != nil {
			fmt.Fprintf(&b, " type resilient buckets %d", h.Resilient.NumBuckets)
		}
	default:
		if h.Hop.Gateway.IsValid() {
			fmt.Fprintf(&b, " via %s", h.Hop.Gateway)
		}
		if h.Hop.Dev != 0 {
			fmt.Fprintf(&b, " dev %s", n.of(h.Hop.Dev))
		}
		if h.Hop.Flags&rpdb.NHOnlink != 0 {
			b.WriteString(" onlink")
		}
	}
	return b.String()
}

func (o RouteOp) command(n *names) string {
	r := &o.Route
	var b strings.Builder
	fmt.Fprintf(&b, "ip %s route %s ", familyArg(r.Family), o.Verb)
	if r.Type != rpdb.TypeUnspec {
		fmt.Fprintf(&b, "%s ", r.Type)
	}
	b.WriteString(r.Dst.String())
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		fmt.Fprintf(&b, " from %s", r.Src)
	}
	fmt.Fprintf(&b, " table %d", r.Table)
	if r.TOS != 0 {
		fmt.Fprintf(&b, " tos 0x%x", r.TOS)
	}
	if r.Priority != 0 {
		fmt.Fprintf(&b, " metric %d", r.Priority)
	}
	if r.Family == rpdb.IPv4 && !o.AnyScope {
		fmt.Fprintf(&b, " scope %d", r.Scope)
	}
	if r.Protocol != 0 {
		fmt.Fprintf(&b, " proto %d", r.Protocol)
	}
	if r.PrefSrc.IsValid() {
		fmt.Fprintf(&b, " src %s", r.PrefSrc)
	}
	for _, m := range r.Metrics {
		if m.ID == metricMTU {
			fmt.Fprintf(&b, " mtu %d", m.Val)
		}
	}
	if r.Family == rpdb.IPv6 {
		switch r.Pref {
		case rpdb.PrefHigh:
			b.WriteString(" pref high")
		case rpdb.PrefLow:
			b.WriteString(" pref low")
		}
		if r.Expires.Set {
			fmt.Fprintf(&b, " expires %d", r.Expires.V/1000)
		}
	}
	if r.NHID != 0 {
		fmt.Fprintf(&b, " nhid %d", r.NHID)
	}
	for i := range r.NextHops {
		if len(r.NextHops) > 1 {
			b.WriteString(" nexthop")
		}
		writeHop(&b, n, &r.NextHops[i], r.Family)
	}
	return b.String()
}

func writeHop(b *strings.Builder, n *names, h *rpdb.NextHop, f rpdb.Family) {
	if h.Gateway.IsValid() {
		if rpdb.FamilyOf(h.Gateway) != f {
			fmt.Fprintf(b, " via %s %s", rpdb.FamilyOf(h.Gateway), h.Gateway)
		} else {
			fmt.Fprintf(b, " via %s", h.Gateway)
		}
	}
	if h.Dev != 0 {
		fmt.Fprintf(b, " dev %s", n.of(h.Dev))
	}
	if h.Weight > 1 {
		fmt.Fprintf(b, " weight %d", h.Weight)
	}
	if h.Flags&rpdb.NHOnlink != 0 {
		b.WriteString(" onlink")
	}
	if h.Realms != 0 {
		fmt.Fprintf(b, " realm %d/%d", h.Realms>>16, h.Realms&0xffff)
	}
}

func (o RuleOp) command(*names) string {
	r := &o.Rule
	var b strings.Builder
	fmt.Fprintf(&b, "ip %s rule %s", familyArg(r.Family), o.Verb)
	if !o.NoPref {
		fmt.Fprintf(&b, " pref %d", r.Pref)
	}
	if r.Invert() {
		b.WriteString(" not")
	}
	writePrefix(&b, " from", r.From)
	writePrefix(&b, " to", r.To)
	if r.IIF != "" {
		fmt.Fprintf(&b, " iif %s", r.IIF)
	}
	if r.OIF != "" {
		fmt.Fprintf(&b, " oif %s", r.OIF)
	}
	if r.Mark != 0 || r.MarkMask != 0 {
		fmt.Fprintf(&b, " fwmark 0x%x/0x%x", r.Mark, r.MarkMask)
	}
	if r.TOS != 0 {
		fmt.Fprintf(&b, " tos 0x%x", r.TOS)
	}
	if r.DSCP.Set {
		fmt.Fprintf(&b, " dscp %d/0x%x", r.DSCP.V.Value, r.DSCP.V.Mask)
	}
	if r.FlowLabelMask != 0 {
		fmt.Fprintf(&b, " flowlabel 0x%x/0x%x", r.FlowLabel, r.FlowLabelMask)
	}
	if r.IPProto != 0 {
		fmt.Fprintf(&b, " ipproto %d", r.IPProto)
	}
	writePorts(&b, "sport", r.SPort)
	writePorts(&b, "dport", r.DPort)
	if r.UID.Set {
		fmt.Fprintf(&b, " uidrange %d-%d", r.UID.V.Start, r.UID.V.End)
	}
	if r.TunID != 0 {
		fmt.Fprintf(&b, " tun_id %d", r.TunID)
	}
	if r.L3MDev {
		b.WriteString(" l3mdev")
	}
	writeAction(&b, o)
	return b.String()
}

func writeAction(b *strings.Builder, o RuleOp) {
	r := &o.Rule
	switch r.Action {
	case rpdb.ActTable, rpdb.ActUnspec:
		if !r.L3MDev && (r.Table != 0 || o.Verb != Del) {
			fmt.Fprintf(b, " lookup %d", r.Table)
		}
	case rpdb.ActGoto:
		fmt.Fprintf(b, " goto %d", r.GotoRef)
	case rpdb.ActNop:
		b.WriteString(" nop")
	case rpdb.ActBlackhole:
		b.WriteString(" blackhole")
	case rpdb.ActUnreachable:
		b.WriteString(" unreachable")
	case rpdb.ActProhibit:
		b.WriteString(" prohibit")
	}
	if r.SuppressPrefixLen.Set {
		fmt.Fprintf(b, " suppress_prefixlength %d", r.SuppressPrefixLen.V)
	}
	if r.SuppressIfGroup.Set {
		fmt.Fprintf(b, " suppress_ifgroup %d", r.SuppressIfGroup.V)
	}
	if r.Realms != 0 {
		fmt.Fprintf(b, " realms %d/%d", r.Realms>>16, r.Realms&0xffff)
	}
	var raw []string
	if o.NoExcl && o.Verb != Del {
		raw = append(raw, "without NLM_F_EXCL")
	}
	switch r.Action {
	case rpdb.ActTable, rpdb.ActGoto, rpdb.ActNop, rpdb.ActBlackhole, rpdb.ActUnreachable, rpdb.ActProhibit:
	default:
		if o.Verb != Del {
			raw = append(raw, fmt.Sprintf("action %d", r.Action))
		}
	}
	if r.Action == rpdb.ActTable && r.Table == 0 && !r.L3MDev && o.Verb != Del {
		raw = append(raw, "table 0 in the request")
	}
	if f := r.Flags &^ rpdb.RuleInvert; f != 0 {
		raw = append(raw, fmt.Sprintf("flags 0x%x", uint32(f)))
	}
	if len(raw) > 0 {
		fmt.Fprintf(b, " # raw netlink: %s", strings.Join(raw, ", "))
	}
}

func writePrefix(b *strings.Builder, word string, p netip.Prefix) {
	if p.IsValid() && p.Bits() > 0 {
		fmt.Fprintf(b, "%s %s", word, p)
	}
}

func writePorts(b *strings.Builder, word string, p rpdb.PortRange) {
	switch {
	case p.Start == 0:
	case p.Mask != 0 && p.Mask != 0xffff:
		fmt.Fprintf(b, " %s %d/0x%x", word, p.Start, p.Mask)
	case p.Start == p.End:
		fmt.Fprintf(b, " %s %d", word, p.Start)
	default:
		fmt.Fprintf(b, " %s %d-%d", word, p.Start, p.End)
	}
}

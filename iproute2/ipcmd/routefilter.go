package ipcmd

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// routeFilter is what ip route show, save and flush select.
type routeFilter struct {
	family uint8 // that was asked for; afUnspec: any
	table  uint32
	many6  *bool // whether an IPv6 route of another table than main was seen yet
	cloned bool
	types  uint32 // a bit for each type; 0: all

	tos, protocol, scope, mark, metric rpdb.Opt[uint32]
	iif, oif                           rpdb.Opt[uint32]
	realm, realmMask                   uint32

	rdst, mdst, rsrc, msrc, via, prefsrc prefix

	flush     bool
	manyLegs  bool // dev selects by the legs of a multipath route too
	inDev     string
	outDev    string
	hasInDev  bool
	hasOutDev bool
}

// routeSelectors reads the selectors (iproute_list_flush_or_save). It returns the
// exit status, and the family to dump.
func (c *call) routeSelectors() (f *routeFilter, family uint8, status int) {
	f = &routeFilter{family: c.family, table: rpdb.TableMain, many6: &c.manyTables6, manyLegs: c.Version >= Version7}
	family = c.family
	for ; c.more(); c.advance() {
		if w := c.word(); !c.routeSelector(f, w) && !c.routeSelectorRest(f, w, family) {
			if is(w, "to") {
				w = c.value()
			}
			c.prefixSelector(w, &f.rdst, &f.mdst, family)
		}
	}
	if family == afUnspec && f.table != 0 {
		family = afInet
	}
	for _, d := range []struct {
		given bool
		name  string
		to    *rpdb.Opt[uint32]
	}{{f.hasInDev, f.inDev, &f.iif}, {f.hasOutDev, f.outDev, &f.oif}} {
		if !d.given {
			continue
		}
		i := c.device(d.name)
		if i == 0 {
			return nil, 0, c.nodev(d.name)
		}
		*d.to = rpdb.Some(uint32(i))
	}
	return f, family, 0
}

func (c *call) routeSelector(f *routeFilter, w string) bool {
	switch {
	case is(w, "table"):
		c.tableSelector(f)
	case is(w, "vrf"):
		f.table = c.vrfTableArg()
		f.types = ^uint32(1<<rpdb.Local | 1<<rpdb.Broadcast)
	case is(w, "cached", "cloned"):
		f.cloned = true
	case w == "tos" || is(w, "dsfield"):
		f.tos = rpdb.Some(uint32(c.tos("TOS value is invalid\n")))
	case is(w, "protocol"):
		v, ok := c.Names.ProtoID(c.value())
		if !ok && c.word() != "all" {
			c.invarg("invalid \"protocol\"\n", c.word())
		}
		f.protocol = rpdb.Opt[uint32]{V: uint32(v), Set: ok}
	case is(w, "scope"):
		v, ok := c.Names.ScopeID(c.value())
		if !ok && c.word() != "all" {
			c.invarg("invalid \"scope\"\n", c.word())
		}
		f.scope = rpdb.Opt[uint32]{V: uint32(v), Set: ok}
	case is(w, "type"):
		t, ok := routeType(c.value())
		if !ok {
			c.invarg("node type value is invalid\n", c.word())
		}
		f.types = 1 << (t & 31)
	case w == "dev" || w == "oif":
		f.outDev, f.hasOutDev = c.value(), true
	case w == "iif":
		f.inDev, f.hasInDev = c.value(), true
	default:
		return false
	}
	return true
}

func (c *call) tableSelector(f *routeFilter) {
	v, ok := c.Names.TableID(c.value())
	switch w := c.word(); {
	case ok:
		f.table = v
	case w == "all":
		f.table = 0
	case w == "cache":
		f.cloned = true
	case w == "help":
		c.usage(usageRoute)
	default:
		c.invarg("table id value is invalid\n", w)
	}
}

func (c *call) routeSelectorRest(f *routeFilter, w string, family uint8) bool {
	switch {
	case w == "mark":
		f.mark = rpdb.Some(c.u32("invalid mark value"))
	case is(w, "metric", "priority") || w == "preference":
		f.metric = rpdb.Some(c.u32("\"metric\" value is invalid\n"))
	case w == "via":
		c.value()
		f.via = c.viaPrefix(family)
	case w == "src":
		f.prefsrc = c.getPrefix(c.value(), family)
	case is(w, "realms"):
		c.realmSelector(f)
	case is(w, "from"):
		c.prefixSelector(c.value(), &f.rsrc, &f.msrc, family)
	default:
		return false
	}
	return true
}

func (c *call) viaPrefix(family uint8) prefix {
	f := c.familyWord(family)
	return c.getPrefix(c.word(), f)
}

// realmSelector reads A/B, A/, /B or B; half of it may be any.
func (c *call) realmSelector(f *routeFilter) {
	w := c.value()
	v, ok := c.Names.RealmsID(w)
	if !ok {
		c.invarg("invalid realms\n", w)
	}
	f.realm, f.realmMask = v, math.MaxUint32
	if v&0xffff == 0 && strings.HasSuffix(w, "/") {
		f.realmMask &^= 0xffff
	}
	if v>>16 == 0 && (!strings.Contains(w, "/") || w[0] == '/') {
		f.realmMask &^= 0xffff0000
	}
}

// prefixSelector reads [root|match|exact] PREFIX; the cursor is on w.
func (c *call) prefixSelector(w string, root, match *prefix, family uint8) {
	switch {
	case matches(w, "root"):
		*root = c.getPrefix(c.value(), family)
	case matches(w, "match"):
		*match = c.getPrefix(c.value(), family)
	default:
		if matches(w, "exact") {
			w = c.value()
		}
		*match = c.getPrefix(w, family)
		*root = *match
	}
}

// accepts tells whether a route is one of those selected (filter_nlmsg).
func (f *routeFilter) accepts(r *rtnl.Reply) bool {
	differs := func(o rpdb.Opt[uint32], v uint32) bool { return o.Set && o.V != v }
	switch {
	case f.family != afUnspec && modelFamily(f.family) != r.Family,
		!f.acceptsTable(r),
		f.cloned != (r.Flags&rpdb.FlagCloned != 0),
		differs(f.protocol, uint32(r.Protocol)),
		differs(f.scope, uint32(r.Scope)),
		f.types != 0 && f.types&(1<<(r.Type&31)) == 0,
		differs(f.tos, uint32(r.TOS)),
		differs(f.iif, uint32(r.IIF)),
		f.oif.Set && !f.leaves(r),
		differs(f.mark, r.Mark),
		differs(f.metric, r.Priority.V),
		f.realmMask != 0 && (r.Realms^f.realm)&f.realmMask != 0:
		return false
	}
	return f.acceptsPrefixes(r) && !(f.flush && isDiscard(r))
}

// acceptsTable tells whether a route is of the table selected. Before the tool has seen
// an IPv6 route of another table than main, it takes the kernel for one without tables,
// and IPv6 routes of type local for table local (ip6_multiple_tables): in table main it
// shows none of them.
func (f *routeFilter) acceptsTable(r *rtnl.Reply) bool {
	*f.many6 = *f.many6 || r.Family == rpdb.IPv6 && r.Table != rpdb.TableMain
	if r.Family == rpdb.IPv6 && !*f.many6 && f.table != 0 {
		return f.table == rpdb.TableMain && r.Type != rpdb.Local || f.table == rpdb.TableLocal && r.Type == rpdb.Local
	}
	return f.table == 0 || f.table == r.Table
}

// leaves tells whether a route goes out by the device selected.
func (f *routeFilter) leaves(r *rtnl.Reply) bool {
	if f.manyLegs {
		for i := range r.NextHops {
			if r.NextHops[i].Dev == int(f.oif.V) {
				return true
			}
		}
	}
	return r.OIF == int(f.oif.V)
}

// isDiscard tells the IPv6 route that a flush leaves alone.
func isDiscard(r *rtnl.Reply) bool {
	return r.Family == rpdb.IPv6 && r.Dst.Bits() == 0 && r.Type == rpdb.Unreachable &&
		r.Priority.Set && r.Priority.V == math.MaxUint32
}

func (f *routeFilter) acceptsPrefixes(r *rtnl.Reply) bool {
	dst, dstBits := r.Dst.Addr().AsSlice(), r.Dst.Bits()
	src, srcBits := []byte(nil), 0
	if r.Src.IsValid() {
		src, srcBits = r.Src.Addr().AsSlice(), r.Src.Bits()
	}
	if !f.rdst.within(r.Family, dst, dstBits) || !f.mdst.covers(r.Family, dst, dstBits) ||
		!f.rsrc.within(r.Family, src, srcBits) || !f.msrc.covers(r.Family, src, srcBits) {
		return false
	}
	if f.via.family != afUnspec {
		fam := r.Family
		if r.Gateway.IsValid() {
			fam = rpdb.FamilyOf(r.Gateway)
		}
		if fam != modelFamily(f.via.family) || !f.via.contains(sliceOr(r.Gateway.AsSlice()), f.via.bits) {
			return false
		}
	}
	if f.prefsrc.family != afUnspec {
		if r.Family != modelFamily(f.prefsrc.family) || !f.prefsrc.contains(sliceOr(r.PrefSrc.AsSlice()), f.prefsrc.bits) {
			return false
		}
	}
	return true
}

// sliceOr returns an address, or zeros for none.
func sliceOr(b []byte) []byte {
	if b == nil {
		return make([]byte, 16)
	}
	return b
}

// within tells whether a route's prefix is the filter's or lies in it (root).
func (p *prefix) within(f rpdb.Family, data []byte, bits int) bool {
	if p.family == afUnspec && !p.given {
		return true
	}
	if p.family != afUnspec && modelFamily(p.family) != f || p.bits > bits {
		return false
	}
	return p.contains(sliceOr(data), p.bits)
}

// covers tells whether a route's prefix is the filter's or contains it (match).
func (p *prefix) covers(f rpdb.Family, data []byte, bits int) bool {
	if p.family == afUnspec && !p.given {
		return true
	}
	if p.family != afUnspec && modelFamily(p.family) != f || p.bits < bits {
		return false
	}
	return p.contains(sliceOr(data), bits)
}

// options are those that print the routes selected: what was selected by is hidden.
func (f *routeFilter) options(c *call) *iproute2.Options {
	o := c.printOptions()
	host := func(p prefix) bool { return p.family != afUnspec && p.bits == familyBits(p.family) }
	for _, h := range []struct {
		on  bool
		bit iproute2.RouteFields
	}{
		{f.table != 0, iproute2.HideTable},
		{f.protocol.Set, iproute2.HideProtocol},
		{f.scope.Set, iproute2.HideScope},
		{f.tos.Set, iproute2.HideTOS},
		{f.oif.Set, iproute2.HideDev},
		{f.iif.Set, iproute2.HideIIF},
		{f.metric.Set, iproute2.HideMetric},
		{f.realmMask == math.MaxUint32, iproute2.HideRealms},
		{host(f.via), iproute2.HideVia},
		{host(f.prefsrc), iproute2.HidePrefSrc},
	} {
		if h.on {
			o.Hide |= h.bit
		}
	}
	return o
}

// dumpRequest asks for the routes; the kernel filters what it can
// (iproute_dump_filter).
func (f *routeFilter) dumpRequest(family uint8) *request {
	r := &request{typ: rtnl.RTMGetRoute, body: make([]byte, rtmLen)}
	r.body[rtmFamily] = family
	r.body[rtmProtocol] = byte(f.protocol.V)
	if f.cloned {
		binary.NativeEndian.PutUint32(r.body[rtmFlags:], rpdb.FlagCloned)
	}
	if f.table != 0 {
		r.u32(nla.RTATable, f.table)
	}
	if f.oif.Set {
		r.u32(nla.RTAOIF, f.oif.V)
	}
	return r
}

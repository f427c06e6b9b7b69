package iproute2

import (
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// FormatReply prints an answer to ip route get as ip does, without the last
// newline: for IPv4 with the line "    cache " that follows. A refusal is the error
// line that ip would print.
func FormatReply(r *rtnl.Reply, o *Options) string {
	switch {
	case r.Err != rpdb.OK && r.Msg != "":
		return "Error: " + strings.TrimSuffix(r.Msg, ".") + "."
	case r.Err != rpdb.OK:
		return "RTNETLINK answers: " + r.Err.Error()
	}
	return string(appendReply(make([]byte, 0, 160), r, o))
}

// AppendReply appends what FormatReply returns for an answer that is no refusal.
func AppendReply(b []byte, r *rtnl.Reply, o *Options) []byte { return appendReply(b, r, o) }

// appendReply prints a route message (print_route).
func appendReply(b []byte, r *rtnl.Reply, o *Options) []byte {
	n := o.names()
	b = appendReplyHead(b, r, o)
	if o.showsTable(r.Table) {
		b = appendWord(b, "table", n.Table(r.Table))
	}
	if r.Flags&rpdb.FlagCloned == 0 {
		if (r.Protocol != rpdb.ProtoBoot || o.details()) && o.shows(HideProtocol) {
			b = appendWord(b, "proto", n.Proto(r.Protocol))
		}
		if (r.Scope != rpdb.ScopeGlobal || o.details()) && o.shows(HideScope) {
			b = appendWord(b, "scope", n.Scope(r.Scope))
		}
	}
	if r.PrefSrc.IsValid() && o.shows(HidePrefSrc) {
		b = o.appendPainted(append(b, "src "...), FamilyColor(r.Family), formatAddr(r.PrefSrc))
	}
	if r.Priority.Set && o.shows(HideMetric) {
		b = appendWord(b, "metric", utoa(r.Priority.V))
	}
	b = appendFlags(b, r.Flags)
	if r.Mark != 0 {
		b = appendWord(b, "mark", formatReplyMark(r.Mark))
	}
	if r.Realms != 0 && o.shows(HideRealms) {
		b = appendRealms(b, r.Realms, n)
	}
	if r.UID.Set {
		b = appendWord(b, "uid", utoa(r.UID.V))
	}
	return appendReplyTail(b, r, o)
}

func appendReplyHead(b []byte, r *rtnl.Reply, o *Options) []byte {
	n := o.names()
	if r.Type != rpdb.Unicast || o.details() {
		b = append(append(b, n.Type(r.Type)...), ' ')
	}
	b = o.appendDst(b, r.Dst)
	if r.Src.IsValid() {
		b = o.appendPainted(b, FamilyColor(r.Family), "from "+formatPrefix(r.Src))
	}
	if r.NHID != 0 {
		b = appendWord(b, "nhid", utoa(r.NHID))
	}
	b = appendEncap(b, r.Encap, o)
	if r.TOS != 0 && o.shows(HideTOS) {
		b = appendWord(b, "tos", n.DSField(r.TOS))
	}
	if o.showsVia(r) {
		b = o.appendVia(b, r.Family, r.Gateway)
	}
	if r.OIF != 0 && o.shows(HideDev) {
		b = o.appendPainted(append(b, "dev "...), ColorIfname, o.dev(r.OIF))
	}
	return b
}

func appendReplyTail(b []byte, r *rtnl.Reply, o *Options) []byte {
	if isCached(r) {
		b = append(append(b, o.nl()...), "    cache "...)
		if f := cacheFlags(r.Flags); len(f) > 0 {
			b = append(append(append(b, '<'), strings.Join(f, ",")...), "> "...)
		}
	}
	if s := r.Cache.V.Expires / 100; s != 0 {
		b = append(strconv.AppendInt(append(b, "expires "...), int64(s), 10), "sec "...)
	}
	if e := r.Cache.V.Error; e != 0 {
		b = appendWord(b, "error", strconv.Itoa(int(int32(e))))
	}
	b = appendUse(b, r, o)
	b = appendMetrics(b, r.Metrics)
	if r.IIF != 0 && o.shows(HideIIF) {
		b = appendWord(b, "iif", o.dev(r.IIF))
	}
	if r.Pref.Set {
		b = append(append(b, "pref "...), formatPref(r.Pref.V)...)
	}
	if h := o.hopInfo(r.NHID); h != nil {
		b = append(append(b, "\n\tnh_info "...), FormatNextHop(h, o)...)
	}
	for i := range r.NextHops {
		b = appendLeg(append(b, o.nl()...), r.Family, &r.NextHops[i], o)
	}
	return b
}

// appendUse prints who uses a route, which ip -s shows (print_rta_cacheinfo).
func appendUse(b []byte, r *rtnl.Reply, o *Options) []byte {
	if o == nil || o.Stats == 0 {
		return b
	}
	c := &r.Cache.V
	if c.ClntRef != 0 {
		b = appendWord(b, "users", utoa(c.ClntRef))
	}
	if c.Used != 0 {
		b = appendWord(b, "used", utoa(c.Used))
	}
	if c.LastUse != 0 {
		b = append(append(append(b, "age "...), utoa(c.LastUse/100)...), "sec "...)
	}
	return b
}

// hopInfo returns the nexthop object that ip -d shows in a route.
func (o *Options) hopInfo(id uint32) *rpdb.NextHopObject {
	if id == 0 || !o.details() || o.HopInfo == nil {
		return nil
	}
	return o.HopInfo(id)
}

// isCached tells an answer, which is a route of the cache, from a table entry.
func isCached(r *rtnl.Reply) bool {
	return r.Family == rpdb.IPv4 && r.Flags&rpdb.FlagCloned != 0
}

func formatReplyMark(m uint32) string {
	if m >= 16 {
		return hexC(uint64(m))
	}
	return utoa(m)
}

// cacheFlagNames are the flags of a cached IPv4 route (RTCF_*), in iproute2's order.
var cacheFlagNames = []struct {
	bit  uint32
	name string
}{
	{rpdb.FlagLocal, "local"},
	{0x40000000, "reject"},
	{rpdb.FlagMulticast, "mc"},
	{rpdb.FlagBroadcast, "brd"},
	{0x08000000, "dst-nat"},
	{0x00800000, "src-nat"},
	{0x00400000, "masq"},
	{0x00020000, "dst-direct"},
	{0x04000000, "src-direct"},
	{0x00040000, "redirected"},
	{rpdb.FlagRedirect, "redirect"},
	{0x00200000, "fastroute"},
	{0x00010000, "notify"},
	{0x00080000, "proxy"},
}

func cacheFlags(flags uint32) (names []string) {
	flags &^= 0xffff
	for _, f := range cacheFlagNames {
		if flags&f.bit != 0 {
			names = append(names, f.name)
			flags &^= f.bit
		}
	}
	if flags != 0 {
		names = append(names, hexC(uint64(flags)))
	}
	return names
}

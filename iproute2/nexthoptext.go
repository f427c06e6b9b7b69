package iproute2

import (
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// FormatNextHop prints a nexthop object as ip nexthop does (print_nexthop),
// without the newline.
func FormatNextHop(h *rpdb.NextHopObject, o *Options) string {
	n := o.names()
	b := appendWord(nil, "id", utoa(h.ID))
	if len(h.Group) > 0 {
		b = appendWord(b, "group", formatGroup(h.Group))
	}
	if r := h.Resilient; r != nil {
		b = appendResilient(b, r)
	}
	b = appendEncap(b, h.Hop.Encap, o)
	if h.Hop.Gateway.IsValid() {
		b = o.appendPainted(append(b, "via "...), FamilyColor(rpdb.FamilyOf(h.Hop.Gateway)), formatAddr(h.Hop.Gateway))
	}
	if h.Hop.Dev != 0 {
		b = o.appendPainted(append(b, "dev "...), ColorIfname, o.dev(h.Hop.Dev))
	}
	if h.Scope != rpdb.ScopeGlobal || o.details() {
		b = appendWord(b, "scope", n.Scope(h.Scope))
	}
	if h.Blackhole {
		b = append(b, "blackhole "...)
	}
	if h.Protocol != 0 || o.details() {
		b = appendWord(b, "proto", n.Proto(h.Protocol))
	}
	b = appendFlags(b, h.Hop.Flags)
	if h.FDB {
		b = append(b, "fdb"...)
	}
	return string(b)
}

// formatGroup prints ID[,WEIGHT] of each member, joined by slashes.
func formatGroup(g []rpdb.GroupMember) string {
	var b []byte
	for i, m := range g {
		if i > 0 {
			b = append(b, '/')
		}
		b = strconv.AppendUint(b, uint64(m.ID), 10)
		if m.Weight > 1 {
			b = strconv.AppendUint(append(b, ','), uint64(m.Weight), 10)
		}
	}
	return string(b)
}

func appendResilient(b []byte, r *rpdb.Resilient) []byte {
	b = append(b, "type resilient "...)
	b = appendWord(b, "buckets", utoa(uint32(r.NumBuckets)))
	b = appendWord(b, "idle_timer", formatClock(uint64(r.IdleTimer)))
	b = appendWord(b, "unbalanced_timer", formatClock(uint64(r.UnbalancedTimer)))
	return appendWord(b, "unbalanced_time", formatClock(r.UnbalancedTime))
}

// formatClock prints a time in clock ticks (USER_HZ is 100) as seconds with %g.
func formatClock(t uint64) string { return formatG(float64(t) / 100) }

// FormatBuckets prints the buckets of a resilient group as ip nexthop bucket does,
// one a line; idle times are not part of the model and are left out.
func FormatBuckets(h *rpdb.NextHopObject) []string {
	if h.Resilient == nil {
		return nil
	}
	lines := make([]string, len(h.Resilient.Buckets))
	for i, id := range h.Resilient.Buckets {
		lines[i] = "id " + utoa(h.ID) + " index " + strconv.Itoa(i) + " nhid " + utoa(id) + " "
	}
	return lines
}

// FormatBucket prints a bucket of a resilient group as ip nexthop bucket does
// (print_nexthop_bucket), without the newline.
func FormatBucket(b *rtnl.Bucket) string {
	t := appendWord(nil, "id", utoa(b.Group))
	t = appendWord(t, "index", utoa(uint32(b.Index)))
	t = appendWord(t, "idle_time", formatClock(b.IdleTime))
	return string(appendWord(t, "nhid", utoa(b.NHID)))
}

// BucketJSON returns a bucket as ip -j nexthop bucket prints it.
func BucketJSON(b *rtnl.Bucket) Object {
	return Object{{"id", b.Group}, {"bucket", Object{
		{"index", b.Index}, {"idle_time", float64(b.IdleTime) / 100}, {"nhid", b.NHID},
	}}, {"flags", []string{}}}
}

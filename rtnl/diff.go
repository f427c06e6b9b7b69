package rtnl

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// DiffReply names the fields in which two replies differ, in the order of the
// message; nil if they agree. Of two refusals only the errno counts. Counters and
// ages (Cache), texts and unknown attributes are not compared, nor is an IPv6 source
// of :: told from none, which depends on the kernel's configuration.
func DiffReply(a, b Reply) []string {
	if a.Err != rpdb.OK || b.Err != rpdb.OK {
		if a.Err != b.Err {
			return []string{"err"}
		}
		return nil
	}
	a, b = flat(a), flat(b)
	var out []string
	for _, f := range replyFields {
		if !f.equal(&a, &b) {
			out = append(out, f.name)
		}
	}
	return out
}

var replyFields = []struct {
	name  string
	equal func(a, b *Reply) bool
}{
	{"family", func(a, b *Reply) bool { return a.Family == b.Family }},
	{"dst", func(a, b *Reply) bool { return a.Dst == b.Dst }},
	{"src", func(a, b *Reply) bool { return source(a) == source(b) }},
	{"tos", func(a, b *Reply) bool { return a.TOS == b.TOS }},
	{"table", func(a, b *Reply) bool { return a.Table == b.Table }},
	{"protocol", func(a, b *Reply) bool { return a.Protocol == b.Protocol }},
	{"scope", func(a, b *Reply) bool { return a.Scope == b.Scope }},
	{"type", func(a, b *Reply) bool { return a.Type == b.Type }},
	{"flags", func(a, b *Reply) bool { return a.Flags == b.Flags }},
	{"iif", func(a, b *Reply) bool { return a.IIF == b.IIF }},
	{"oif", func(a, b *Reply) bool { return a.OIF == b.OIF }},
	{"gateway", func(a, b *Reply) bool { return a.Gateway == b.Gateway }},
	{"prefsrc", func(a, b *Reply) bool { return a.PrefSrc == b.PrefSrc }},
	{"realms", func(a, b *Reply) bool { return a.Realms == b.Realms }},
	{"encap", func(a, b *Reply) bool { return equalEncap(a.Encap, b.Encap) }},
	{"nexthops", func(a, b *Reply) bool { return slices.EqualFunc(a.NextHops, b.NextHops, equalHop) }},
	{"nhid", func(a, b *Reply) bool { return a.NHID == b.NHID }},
	{"priority", func(a, b *Reply) bool { return a.Priority == b.Priority }},
	{"pref", func(a, b *Reply) bool { return a.Pref == b.Pref }},
	{"mark", func(a, b *Reply) bool { return a.Mark == b.Mark }},
	{"uid", func(a, b *Reply) bool { return a.UID == b.UID }},
	{"metrics", func(a, b *Reply) bool { return slices.Equal(a.Metrics, b.Metrics) }},
}

// source is the source of a reply, with :: as none.
func source(r *Reply) netip.Prefix {
	if r.Src.IsValid() && r.Src.Addr().IsUnspecified() {
		return netip.Prefix{}
	}
	return r.Src
}

func equalEncap(a, b *rpdb.Encap) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Type == b.Type && bytes.Equal(a.Data, b.Data)
}

func equalHop(a, b rpdb.NextHop) bool {
	encap := equalEncap(a.Encap, b.Encap)
	a.Encap, b.Encap = nil, nil
	return encap && a == b
}

// flat takes the only leg of a multipath reply for a plain nexthop: a group of one
// member is dumped as a list, but a Route does not tell the two forms apart.
func flat(r Reply) Reply {
	if len(r.NextHops) == 1 && r.OIF == 0 {
		h := &r.NextHops[0]
		r.OIF, r.Gateway, r.Realms, r.Encap = h.Dev, h.Gateway, h.Realms, h.Encap
		r.Flags |= h.Flags
		r.NextHops = nil
	}
	return r
}

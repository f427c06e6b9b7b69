package cli

import (
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/explain"
	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// ask puts a flow to the kernel that the state was read from, and compares its
// answer with a decision on it.
func ask(src *source, db *rpdb.Database, f *rpdb.Flow, d *rpdb.Decision) explain.KernelAnswer {
	if !src.live() {
		return explain.KernelAnswer{Why: "the state is from " + src.name}
	}
	k := explain.KernelAnswer{Release: src.state.Kernel.String()}
	reply, err := src.conn.Ask(*f, rtnl.GetOptions{})
	if err != nil {
		k.Why = err.Error()
		return k
	}
	if reply.Err == rpdb.EOPNOTSUPP {
		k.Why = "it takes no such question (" + refusal(&reply) + ")"
		return k
	}
	expected := rtnl.ExpectedOf(*f, d, rtnl.GetOptions{})
	k.Differs = rtnl.Compare(db, *f, d, rtnl.GetOptions{}, reply)
	if len(k.Differs) > 0 && fromCache(d, &reply, &expected, k.Differs) {
		k.Differs = nil
		k.Why = "its answer (" + replyText(&reply, &src.words) + ") may be one that it keeps with the nexthop from another packet"
		return k
	}
	k.Asked = true
	k.Agrees = len(k.Differs) == 0
	k.Reply = replyText(&reply, &src.words)
	k.Expected = replyText(&expected, &src.words)
	return k
}

// fromCache reports whether an answer differs only in what the kernel keeps with a
// nexthop from the packet that filled its cache. For IPv4, a unicast, a multicast
// and a broadcast destination can share a nexthop; for IPv6, routes that share a
// nexthop object answer with each other's attributes.
func fromCache(d *rpdb.Decision, reply, expected *rtnl.Reply, differs []string) bool {
	kept := []string{"type", "flags", "metrics"}
	toMany := func(t rpdb.RouteType) bool { return t == rpdb.Multicast || t == rpdb.Broadcast }
	switch {
	case reply.Err != rpdb.OK || expected.Err != rpdb.OK:
		return false
	case reply.Family == rpdb.IPv4 && toMany(reply.Type) == toMany(expected.Type):
		return false
	case reply.Family == rpdb.IPv6 && (d.Route == nil || d.Route.NHID == 0):
		return false
	case reply.Family == rpdb.IPv6:
		kept = append(kept, "table", "protocol", "priority", "pref")
	}
	return !slices.ContainsFunc(differs, func(f string) bool { return !slices.Contains(kept, f) })
}

// replyText prints a reply as ip route get does, in one line; a refusal by its
// errno.
func replyText(r *rtnl.Reply, o *iproute2.Options) string {
	if r.Err != rpdb.OK {
		return refusal(r)
	}
	text := strings.Join(strings.Fields(iproute2.FormatReply(r, o)), " ")
	return strings.TrimSuffix(text, " cache")
}

func refusal(r *rtnl.Reply) string {
	s := r.Err.Name() + ": " + r.Err.Error()
	if r.Msg != "" {
		s += " (" + strings.TrimSuffix(r.Msg, ".") + ")"
	}
	return s
}

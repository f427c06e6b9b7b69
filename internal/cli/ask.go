package cli

import (
	"strings"

	"github.com/rulewalk/rulewalk/explain"
	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// ask puts a flow to the kernel that the state was read from, and compares.
func ask(src *source, db *rpdb.Database, f *rpdb.Flow) explain.KernelAnswer {
	if !src.live() {
		return explain.KernelAnswer{Why: "the state is from " + src.name}
	}
	k := explain.KernelAnswer{Release: src.state.Kernel.String()}
	reply, err := src.conn.Ask(*f, rtnl.GetOptions{})
	if err != nil {
		k.Why = err.Error()
		return k
	}
	d := db.Lookup(f)
	expected := wayOf(&d, &reply)
	k.Asked = true
	k.Differs = differs(&reply, &expected)
	k.Agrees = len(k.Differs) == 0
	k.Reply = replyText(&reply, &src.words)
	k.Expected = replyText(&expected, &src.words)
	return k
}

// wayOf returns the kernel's reply with the way that a decision takes in its place.
func wayOf(d *rpdb.Decision, reply *rtnl.Reply) rtnl.Reply {
	if d.Err != rpdb.OK {
		return rtnl.Reply{Family: reply.Family, Err: d.Err}
	}
	r := *reply
	r.Err, r.Type, r.OIF, r.Gateway = rpdb.OK, d.Type, d.OIF, d.Gateway
	if r.IIF == 0 && !r.Src.IsValid() {
		r.PrefSrc = d.Src
	}
	return r
}

func differs(a, b *rtnl.Reply) []string {
	var names []string
	add := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	add("error", a.Err == b.Err)
	add("type", a.Type == b.Type)
	add("dev", a.OIF == b.OIF)
	add("via", a.Gateway == b.Gateway)
	add("src", a.PrefSrc == b.PrefSrc)
	return names
}

// replyText prints a reply as ip route get does, in one line.
func replyText(r *rtnl.Reply, o *iproute2.Options) string {
	text := strings.Join(strings.Fields(iproute2.FormatReply(r, o)), " ")
	return strings.TrimSuffix(text, " cache")
}

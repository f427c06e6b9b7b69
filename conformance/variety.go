package conformance

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Variety counts what appeared in a run, by kind and name: a generator that never
// brings a route type about proves nothing of it.
type Variety map[string]int

func (v Variety) add(o Variety) {
	for k, n := range o {
		v[k] += n
	}
}

func (v Variety) note(kind, name string) {
	if name != "" {
		v[kind+" "+name]++
	}
}

// op counts a request and whether the kernel took it.
func (v Variety) op(op Op, ok bool) {
	what := fmt.Sprintf("%T", op)
	switch o := op.(type) {
	case RouteOp:
		what = "route " + o.Verb.String()
		switch {
		case o.Route.NHID != 0:
			what += " nhid"
		case len(o.Route.NextHops) > 1:
			what += " multipath"
		}
	case RuleOp:
		what = "rule " + o.Verb.String()
	case NextHopOp:
		what = "nexthop " + o.Verb.String()
	case AddrOp:
		what = "addr " + o.Verb.String()
	case LinkOp:
		what = "link"
	case NeighOp:
		what = "neigh"
	case SysctlOp:
		what = "sysctl"
	}
	if ok {
		v.note("request accepted:", what)
	} else {
		v.note("request refused:", what)
	}
}

// state counts what the states contain.
func (v Variety) state(st *rpdb.State, f rpdb.Family) {
	for i := range st.Rules {
		if r := &st.Rules[i]; r.Family == f {
			v.note("rule in a state:", actionName(r.Action))
		}
	}
	for i := range st.Routes {
		r := &st.Routes[i]
		if r.Family != f {
			continue
		}
		v.note("route in a state:", r.Type.String())
		if r.NHID != 0 {
			v.note("route in a state:", "nhid")
		}
		if len(r.NextHops) > 1 {
			v.note("route in a state:", "multipath")
		}
		for _, h := range r.NextHops {
			if h.Flags&rpdb.NHDead != 0 {
				v.note("nexthop in a state:", "dead")
			} else if h.Flags&rpdb.NHLinkDown != 0 {
				v.note("nexthop in a state:", "linkdown")
			}
		}
	}
}

func actionName(a rpdb.RuleAction) string {
	switch a {
	case rpdb.ActTable:
		return "lookup"
	case rpdb.ActGoto:
		return "goto"
	case rpdb.ActNop:
		return "nop"
	case rpdb.ActBlackhole:
		return "blackhole"
	case rpdb.ActUnreachable:
		return "unreachable"
	case rpdb.ActProhibit:
		return "prohibit"
	}
	return "unknown"
}

// walk counts what a walk went through.
func (v Variety) walk(w *rpdb.Walk, q *Query) {
	d := &w.Decision
	if d.Err == rpdb.OK {
		v.note("answer:", d.Type.String())
	} else {
		v.note("answer:", d.Err.Name())
	}
	v.note("drop:", d.Drop.String())
	v.note("source:", w.Source.How.String())
	if q.FibMatch {
		v.note("question:", "fibmatch")
	}
	if d.Undetermined {
		v.note("answer:", "undetermined")
	}
	for i := range w.Checks {
		if !w.Checks[i].Passed {
			v.note("check failed:", w.Checks[i].What.String())
		}
	}
	for i := range w.Lookups {
		for j := range w.Lookups[i].Steps {
			s := &w.Lookups[i].Steps[j]
			v.note("verdict:", s.Verdict.String())
			if s.Verdict == rpdb.Matched && s.Rule != nil {
				v.note("rule decided:", actionName(s.Rule.Action))
			}
			for k := range s.Selectors {
				if !s.Selectors[k].OK {
					v.note("selector failed:", s.Selectors[k].Selector.String())
				} else {
					v.note("selector held:", s.Selectors[k].Selector.String())
				}
			}
			for k := range s.Routes {
				v.note("route:", s.Routes[k].Verdict.String())
			}
		}
	}
}

// Lines lists the counts, sorted by name.
func (v Variety) Lines() []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(v)) {
		out = append(out, fmt.Sprintf("%10d  %s", v[k], k))
	}
	return out
}

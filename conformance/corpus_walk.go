package conformance

import (
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// FormatWalk writes a walk as the lines with | of a case: every lookup with its
// rules, up to the one that decided, and the routes that they chose, the tests
// outside the tables, the reason for a drop, and the source address.
func FormatWalk(w *rpdb.Walk, links iproute2.LinkNames) []string {
	f := walkFormatter{names: iproute2.DefaultNames(), links: links}
	for i := range w.Lookups {
		f.lookup(&w.Lookups[i])
	}
	for i := range w.Checks {
		f.check(&w.Checks[i])
	}
	if w.Decision.Assumed {
		dev, _ := f.links.LinkName(w.Decision.OIF)
		f.linef("assumed on-link: %s", dev)
	}
	if d := w.Decision.Drop; d != rpdb.NoDrop {
		f.linef("drop %s", d)
	}
	if w.Source.Addr.IsValid() {
		f.linef("source %s %s", w.Source.Addr, w.Source.How)
	}
	for _, u := range w.Unknown {
		f.linef("unknown %s", u.What)
	}
	return f.lines
}

var purposeNames = map[rpdb.Purpose]string{
	rpdb.ForOutput:      "output",
	rpdb.ForInput:       "input",
	rpdb.ForReverse:     "reverse",
	rpdb.ForReverseDev:  "reverse-device",
	rpdb.ForSourceOwner: "source-owner",
	rpdb.ForGateway:     "gateway",
}

type walkFormatter struct {
	names *iproute2.Names
	links iproute2.LinkNames
	lines []string
}

func (f *walkFormatter) linef(format string, args ...any) {
	f.lines = append(f.lines, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (f *walkFormatter) lookup(l *rpdb.LookupTrace) {
	switch {
	case l.FastPath:
		f.linef("%s, rules not consulted", purposeNames[l.Purpose])
	case l.Direct:
		f.linef("%s, one table asked", purposeNames[l.Purpose])
	default:
		f.linef("%s", purposeNames[l.Purpose])
	}
	for i := range l.Steps {
		s := &l.Steps[i]
		if s.Verdict == rpdb.NotReached {
			continue // the rest of the list
		}
		pref := "-"
		if s.Rule != nil {
			pref = fmt.Sprint(s.Rule.Pref)
		}
		f.linef("  %-6s %-12s %s", pref, s.Verdict, f.detail(s))
		f.passedOver(s)
	}
}

// detail says what decided a step: the selector that failed, the action, or the
// table and the route chosen there.
func (f *walkFormatter) detail(s *rpdb.Step) string {
	switch {
	case s.Verdict == rpdb.NotMatched:
		for _, r := range s.Selectors {
			if !r.OK {
				return r.Selector.String()
			}
		}
		return "" // an inverted rule whose selectors all hold
	case s.Verdict == rpdb.Matched && s.Rule != nil && s.Rule.Action != rpdb.ActTable:
		return actionText(s.Rule)
	case s.Table == 0:
		return ""
	}
	text := f.names.Table(s.Table)
	if !s.TableExists {
		return text + " (no such table)"
	}
	for i := range s.Routes {
		switch r := &s.Routes[i]; r.Verdict {
		case rpdb.RouteChosen, rpdb.RouteThrow, rpdb.RouteError:
			return text + ": " + f.route(r.Route)
		}
	}
	return text
}

func actionText(r *rpdb.Rule) string {
	switch r.Action {
	case rpdb.ActGoto:
		return fmt.Sprintf("goto %d", r.GotoRef)
	case rpdb.ActNop:
		return "nop"
	case rpdb.ActUnreachable:
		return "unreachable"
	case rpdb.ActProhibit:
		return "prohibit"
	}
	return "blackhole"
}

// passedOver lists the routes of a step that cover the destination and were not
// taken, but for those that another one simply stands before.
func (f *walkFormatter) passedOver(s *rpdb.Step) {
	for i := range s.Routes {
		switch r := &s.Routes[i]; r.Verdict {
		case rpdb.RouteChosen, rpdb.RouteThrow, rpdb.RouteError, rpdb.RouteShorter, rpdb.RouteLater:
		default:
			f.linef("    not %s: %s", f.route(r.Route), r.Verdict)
		}
	}
}

func (f *walkFormatter) route(r *rpdb.Route) string {
	o := iproute2.Options{Names: f.names, Links: f.links, OneLine: true, Table: r.Table}
	return strings.ReplaceAll(strings.TrimSpace(iproute2.FormatRoute(r, &o)), " \\\t", "; ")
}

func (f *walkFormatter) check(c *rpdb.Check) {
	result := "failed"
	if c.Passed {
		result = "passed"
	}
	dev := ""
	if c.Dev != 0 {
		dev, _ = f.links.LinkName(c.Dev)
	}
	if c.What == rpdb.CheckRPFilter {
		f.linef("check %s %s: %s %d (all %d, own %d)", c.What, result, dev, c.Value, c.All, c.DevValue)
		return
	}
	f.linef("check %s %s: %s", c.What, result, dev)
}

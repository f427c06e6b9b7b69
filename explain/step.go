package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// purposes are the words of the schema for what a lookup is made for.
var purposes = map[rpdb.Purpose]string{
	rpdb.ForOutput:      "output",
	rpdb.ForInput:       "input",
	rpdb.ForReverse:     "reverse",
	rpdb.ForReverseDev:  "reverse-device",
	rpdb.ForSourceOwner: "source-owner",
	rpdb.ForGateway:     "gateway",
}

func (b *builder) lookups() {
	b.view.Steps = []StepView{}
	for i := range b.walk.Lookups {
		l := &b.walk.Lookups[i]
		steps := b.steps(l)
		if l.Purpose == rpdb.ForOutput || l.Purpose == rpdb.ForInput {
			b.view.Steps, b.view.FastPath, b.view.Direct = steps, l.FastPath, l.Direct
			continue
		}
		v := LookupView{
			Purpose: purposes[l.Purpose], Dst: address(l.Key.Dst), Src: address(l.Key.Src),
			Mark: l.Key.Mark, FastPath: l.FastPath, Steps: steps, Result: b.result(l),
		}
		if l.Key.IIF > rpdb.Loopback {
			v.IIF = b.w.dev(l.Key.IIF)
		}
		if l.Key.OIF != 0 {
			v.OIF = b.w.dev(l.Key.OIF)
		}
		if l.Err != rpdb.OK {
			v.Error = l.Err.Name()
		}
		v.title = lookupTitle(l)
		b.view.Lookups = append(b.view.Lookups, v)
	}
	b.fastPathNote()
}

func lookupTitle(l *rpdb.LookupTrace) string {
	switch l.Purpose {
	case rpdb.ForReverse:
		return "the way back to " + l.Key.Dst.String()
	case rpdb.ForReverseDev:
		return "the way back by the device it came in on"
	case rpdb.ForSourceOwner:
		return "who owns the source " + l.Key.Dst.String()
	case rpdb.ForGateway:
		return "whether the gateway " + l.Key.Dst.String() + " is this host"
	}
	return ""
}

func (b *builder) fastPathNote() {
	if !b.view.FastPath {
		return
	}
	v4 := b.walk.Flow.Family() == rpdb.IPv4
	fact, verb, how := b.st.Facts.CustomRules6, "added", "local, then main, and does not look at the rules"
	if v4 {
		fact, verb, how = b.st.Facts.CustomRules4, "changed", "local and main as one table and does not look at the rules"
	}
	text := "no rule was ever " + verb + " here"
	if fact == rpdb.Unknown {
		text = "by the look of the rules, none was ever " + verb
	}
	b.note(text + ": Linux searches " + how)
}

func (b *builder) note(s string) { b.view.Notes = append(b.view.Notes, s) }

// result tells in short where a lookup ended: the chosen route, or the error.
func (b *builder) result(l *rpdb.LookupTrace) string {
	if r := chosen(l); r != nil && l.Err == rpdb.OK {
		return b.w.shortRoute(r.Route)
	}
	if l.Err != rpdb.OK {
		return l.Err.Error()
	}
	return "no route"
}

// chosen returns the route that a lookup ended with.
func chosen(l *rpdb.LookupTrace) *rpdb.RouteStep {
	for i := len(l.Steps) - 1; i >= 0; i-- {
		if l.Steps[i].Verdict != rpdb.Matched {
			continue
		}
		for j := range l.Steps[i].Routes {
			switch l.Steps[i].Routes[j].Verdict {
			case rpdb.RouteChosen, rpdb.RouteError:
				return &l.Steps[i].Routes[j]
			}
		}
	}
	return nil
}

func (b *builder) steps(l *rpdb.LookupTrace) []StepView {
	if l.FastPath {
		return b.fastSteps(l)
	}
	views := make([]StepView, 0, len(l.Steps))
	for i := range l.Steps {
		views = append(views, b.step(l, &l.Steps[i]))
	}
	return views
}

func (b *builder) step(l *rpdb.LookupTrace, s *rpdb.Step) StepView {
	v := StepView{Verdict: s.Verdict.String(), Uncovered: s.Uncovered}
	if s.Rule != nil {
		v.Pref, v.Rule = &s.Rule.Pref, b.w.rule(s.Rule)
		for _, sel := range s.Selectors {
			v.Selectors = append(v.Selectors, b.selector(s.Rule, &l.Key, sel))
		}
	} else if s.Table != 0 {
		v.Rule = "table " + b.w.table(s.Table)
	}
	switch {
	case s.Table != 0:
		v.Table = b.w.table(s.Table)
	case s.Rule != nil && s.Rule.Action == rpdb.ActTable && !s.Rule.L3MDev:
		v.Table = b.w.table(s.Rule.Table)
	}
	if s.Err != rpdb.OK && s.Err != rpdb.EAGAIN {
		v.Error = s.Err.Name()
	}
	for i := range s.Routes {
		v.Routes = append(v.Routes, b.route(l, s, i))
	}
	v.Reason, v.kind = b.reason(l, s, &v)
	return v
}

// reason says why a step has its verdict, and what kind of reason it is.
func (b *builder) reason(l *rpdb.LookupTrace, s *rpdb.Step, v *StepView) (text, kind string) {
	switch s.Verdict {
	case rpdb.NotMatched:
		return b.notMatched(s, v)
	case rpdb.Matched:
		if text := b.matched(l, s, v); text != "" {
			return text, ""
		}
		return "its table decides", decided
	case rpdb.Missed:
		return withInverted(b.missed(l, s), s, v), "missed"
	case rpdb.Thrown:
		return withInverted("a throw route sends it on to the next rule", s, v), ""
	case rpdb.Suppressed:
		return withInverted(b.suppressed(s), s, v), ""
	case rpdb.Unresolved:
		return fmt.Sprintf("there is no rule %d to go to", s.Rule.GotoRef), "unresolved"
	case rpdb.JumpedOver:
		return "a goto passed over it", "jumped"
	}
	return "", "not-reached"
}

// decided is the kind of a step whose reason the routes below it tell.
const decided = "decided"

func (b *builder) notMatched(s *rpdb.Step, v *StepView) (text, kind string) {
	if s.Rule != nil && s.Rule.Invert() {
		if len(v.Selectors) == 0 {
			return "not from all matches nothing", "inverted"
		}
		return inverted(v.Selectors) + " → no match", "inverted"
	}
	for i, sel := range s.Selectors {
		if !sel.OK {
			return b.failed(sel, &v.Selectors[i]), sel.Selector.String()
		}
	}
	return "", "not-matched"
}

// failed tells a selector that did not match: what the flow has, and what the rule
// wants.
func (b *builder) failed(s rpdb.SelectorResult, v *SelectorView) string {
	if s.Detached {
		return fmt.Sprintf("%s %s: there is no such device", v.Selector, v.Wanted)
	}
	unknown := ""
	if f := fields[s.Selector]; f != 0 && b.walk.Flow.Unknown&f != 0 {
		unknown = " (assumed)"
	}
	switch s.Selector {
	case rpdb.SelFrom, rpdb.SelTo:
		word := v.Selector
		if !strings.Contains(v.Got, "source") {
			return fmt.Sprintf("%s %s ∉ %s", word, v.Got, v.Wanted)
		}
		return fmt.Sprintf("%s ∉ %s", v.Got, v.Wanted)
	case rpdb.SelL3MDev:
		return "not a flow of a VRF"
	case rpdb.SelUID, rpdb.SelSPort, rpdb.SelDPort:
		return fmt.Sprintf("%s %s%s ≠ %s", shortSelector(v.Selector), v.Got, unknown, v.Wanted)
	}
	return fmt.Sprintf("%s %s%s ≠ %s", shortSelector(v.Selector), v.Got, unknown, v.Wanted)
}

func shortSelector(s string) string {
	if s == "uidrange" {
		return "uid"
	}
	return s
}

// inverted writes the selectors of a not rule, in the order in which ip prints
// them: it matches unless all of them do.
func inverted(sel []SelectorView) string {
	sel = slices.Clone(sel)
	slices.SortStableFunc(sel, func(a, b SelectorView) int {
		return slices.Index(printed, a.Selector) - slices.Index(printed, b.Selector)
	})
	parts := make([]string, len(sel))
	for i, s := range sel {
		mark := "✗"
		if s.OK {
			mark = "✓"
		}
		parts[i] = s.Selector + " " + mark
	}
	return "not( " + strings.Join(parts, " ∧ ") + " )"
}

// printed is the order of selectors in the text of a rule.
var printed = []string{
	"from", "to", "tos", "fwmark", "iif", "oif", "l3mdev", "uidrange", "ipproto",
	"sport", "dport", "tun_id", "dscp", "flowlabel",
}

func withInverted(text string, s *rpdb.Step, v *StepView) string {
	if s.Rule != nil && s.Rule.Invert() {
		return inverted(v.Selectors) + " → match; " + text
	}
	return text
}

func (b *builder) matched(l *rpdb.LookupTrace, s *rpdb.Step, v *StepView) string {
	text := ""
	if s.Rule != nil {
		switch s.Rule.Action {
		case rpdb.ActTable:
			if s.Rule.L3MDev {
				text = "the table of VRF " + b.w.dev(l.Key.L3MDev)
			}
		case rpdb.ActGoto:
			text = fmt.Sprintf("goes on at rule %d", s.Rule.GotoRef)
		case rpdb.ActNop:
			text = "nop: goes on with the next rule"
		case rpdb.ActUnreachable, rpdb.ActProhibit, rpdb.ActBlackhole:
			text = "the rule answers " + s.Err.Name()
		default:
			text = fmt.Sprintf("action %d acts as blackhole: %s", s.Rule.Action, s.Err.Name())
		}
		if s.Rule.Invert() {
			match := inverted(v.Selectors) + " → match"
			if text == "" {
				return match
			}
			return match + "; " + text
		}
	}
	return text
}

func (b *builder) missed(l *rpdb.LookupTrace, s *rpdb.Step) string {
	if l.FastPath && s.Table == rpdb.TableLocal && len(s.Routes) > 0 {
		return "main is searched with it and has the longer prefix"
	}
	table := "table " + b.w.table(s.Table)
	switch {
	case s.Table == 0:
		return "the VRF has no table"
	case !s.TableExists:
		return table + " does not exist"
	case len(s.Routes) == 0 && s.Uncovered == 0:
		return table + " is empty"
	case len(s.Routes) == 0 && s.Uncovered == 1:
		return "its 1 route does not cover it"
	case len(s.Routes) == 0:
		return fmt.Sprintf("none of its %s covers it", count(s.Uncovered, "route"))
	}
	return "no route that covers it can be used"
}

func (b *builder) suppressed(s *rpdb.Step) string {
	length := ""
	for i := range s.Routes {
		if s.Routes[i].Verdict == rpdb.RouteChosen {
			length = fmt.Sprintf("its /%d", s.Routes[i].Route.Dst.Bits())
		}
	}
	switch s.Suppressor {
	case rpdb.ByPrefixLength:
		return fmt.Sprintf("%s is not longer than /%d", length, s.Rule.SuppressPrefixLen.V)
	case rpdb.ByIfGroup:
		return fmt.Sprintf("its device is in group %s", b.w.names.Group(uint32(s.Rule.SuppressIfGroup.V)))
	}
	return ""
}

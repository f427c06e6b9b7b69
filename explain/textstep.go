package explain

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/rulewalk/rulewalk/rpdb"
)

// verdictWords are the verdicts as people read them.
var verdictWords = map[string]string{
	rpdb.NotMatched.String(): "not matched",
	rpdb.Matched.String():    "matched",
	rpdb.Missed.String():     "no route",
	rpdb.Thrown.String():     "thrown on",
	rpdb.Suppressed.String(): "suppressed",
	rpdb.JumpedOver.String(): "jumped over",
	rpdb.Unresolved.String(): "unresolved",
	rpdb.NotReached.String(): "not reached",
}

func verdictStyle(verdict string) lipgloss.Style {
	switch verdict {
	case rpdb.Matched.String():
		return good
	case rpdb.Missed.String(), rpdb.Thrown.String(), rpdb.Suppressed.String(), rpdb.Unresolved.String():
		return warn
	}
	return dim
}

// fold is how many steps of one kind stand in a row before they are told together.
const fold = 4

// steps writes rules in order, those of one kind in a row together.
func (t *teller) steps(steps []StepView, indent int) {
	for i := 0; i < len(steps); {
		n := run(steps[i:])
		if n > fold && !t.o.All {
			t.folded(steps[i:i+n], indent)
		} else {
			for j := range n {
				t.step(&steps[i+j], indent)
			}
		}
		i += n
	}
}

// run counts the steps of one kind at the head of a list.
func run(steps []StepView) int {
	n := 1
	for n < len(steps) && steps[0].kind != "" && len(steps[0].Routes) == 0 &&
		steps[n].kind == steps[0].kind && steps[n].Verdict == steps[0].Verdict && len(steps[n].Routes) == 0 {
		n++
	}
	return n
}

// folded tells many steps in one row.
func (t *teller) folded(steps []StepView, indent int) {
	s := &steps[0]
	text := verdictWords[s.Verdict]
	switch {
	case s.Verdict == rpdb.Missed.String():
	case s.Verdict != rpdb.NotMatched.String():
	case s.kind == "inverted":
		text += ": not( … ) → no match"
	default:
		text += ": " + t.sameGot(steps)
	}
	label := "rules"
	if first, last := s.Pref, steps[len(steps)-1].Pref; first != nil && last != nil {
		label = fmt.Sprintf("rules %d to %d", *first, *last)
	}
	t.page.add(row{
		indent: indent, hang: t.label,
		left:  fmt.Sprintf("%s (%s)", label, count(len(steps), "rule")),
		right: text, leftStyle: dim, rightStyle: verdictStyle(s.Verdict),
	})
}

// sameGot tells the selector that failed in all of the steps.
func (t *teller) sameGot(steps []StepView) string {
	for _, sel := range steps[0].Selectors {
		if sel.Selector != steps[0].kind {
			continue
		}
		if sel.Got == "no source yet" {
			return sel.Got + ", and they want one"
		}
		return fmt.Sprintf("%s %s is not theirs", shortSelector(sel.Selector), sel.Got)
	}
	return steps[0].kind
}

func (t *teller) step(s *StepView, indent int) {
	label := "table"
	left := s.Rule
	if s.Pref != nil {
		label = fmt.Sprintf("rule %d", *s.Pref)
	} else {
		left = s.Table
	}
	right := verdictWords[s.Verdict]
	if s.Reason != "" && s.kind != decided {
		right += ": " + s.Reason
	}
	style := plain
	if s.Verdict == rpdb.NotReached.String() || s.Verdict == rpdb.JumpedOver.String() {
		style = dim
	}
	t.page.add(row{
		indent: indent, hang: t.label, left: t.labelled(label) + left, right: right,
		leftStyle: style, rightStyle: verdictStyle(s.Verdict),
	})
	if s.Table != "" && !strings.Contains(s.Rule, s.Table) && len(s.Routes) > 0 {
		t.page.add(row{indent: indent + 2, left: "table " + s.Table, leftStyle: dim})
	}
	t.routes(s, indent+4)
}

// routes writes the routes that competed: the winner and those that lost.
func (t *teller) routes(s *StepView, indent int) {
	const most = 8
	won := map[string]bool{
		rpdb.RouteChosen.String(): true, rpdb.RouteError.String(): true, rpdb.RouteThrow.String(): true,
	}
	for i, r := range s.Routes {
		if i >= most && !t.o.All && !won[r.Verdict] {
			t.page.add(row{indent: indent, left: fmt.Sprintf("and %s that lost (--all shows them)", count(len(s.Routes)-i, "more")), leftStyle: dim})
			break
		}
		left, style, rstyle := r.short, dim, dim
		if won[r.Verdict] {
			style, rstyle = bold, plain
		}
		t.page.add(row{indent: indent, hang: 2, left: left, right: r.Reason, leftStyle: style, rightStyle: rstyle})
	}
	if len(s.Routes) > 0 && s.Uncovered > 0 {
		verb := "do"
		if s.Uncovered == 1 {
			verb = "does"
		}
		t.page.add(row{indent: indent, left: fmt.Sprintf("(%s %s not cover it)", strings.Replace(count(s.Uncovered, "other route"), "1 other", "1 other", 1), verb), leftStyle: dim})
	}
}

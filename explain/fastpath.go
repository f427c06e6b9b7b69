package explain

import "github.com/rulewalk/rulewalk/rpdb"

// fastSteps tells a lookup that did not consult the rules (fib_lookup,
// fib6_rule_lookup without custom rules) by the rules that stand for its tables,
// so that a walk reads the same on every host.
//
// IPv4 searches local and main as one table: its routes are told under the rule
// of the table that each belongs to.
func (b *builder) fastSteps(l *rpdb.LookupTrace) []StepView {
	var views []StepView
	ended := false
	for i := range l.Steps {
		s := &l.Steps[i]
		if l.Key.Family == rpdb.IPv4 && s.Table == rpdb.TableMain {
			views = append(views, b.fastStep(l, b.part(s, rpdb.TableLocal)))
			ended = views[0].Verdict == rpdb.Matched.String()
			main := b.part(s, rpdb.TableMain)
			if ended {
				main.Routes, main.Uncovered, main.Verdict = nil, 0, rpdb.NotReached
			}
			views = append(views, b.fastStep(l, main))
			ended = ended || s.Verdict == rpdb.Matched
			continue
		}
		views = append(views, b.fastStep(l, *s))
		ended = ended || s.Verdict == rpdb.Matched
	}
	return b.fastRest(l, views)
}

// part returns the step of the merged table as seen from one of its two tables.
func (b *builder) part(s *rpdb.Step, table uint32) rpdb.Step {
	p := *s
	p.Table, p.Routes, p.Uncovered = table, nil, 0
	p.Err = rpdb.EAGAIN
	p.Verdict = rpdb.Missed
	for _, r := range s.Routes {
		if r.Route.Table != table {
			continue
		}
		p.Routes = append(p.Routes, r)
		switch r.Verdict {
		case rpdb.RouteChosen:
			p.Verdict, p.Err = s.Verdict, s.Err
		case rpdb.RouteError, rpdb.RouteThrow:
			p.Verdict, p.Err = s.Verdict, s.Err
		}
	}
	total := 0
	for i := range b.st.Routes {
		r := &b.st.Routes[i]
		if r.Family == rpdb.IPv4 && r.Table == table {
			total++
		}
	}
	p.Uncovered = total - len(p.Routes)
	p.TableExists = true
	return p
}

// fastStep tells one table under its rule.
func (b *builder) fastStep(l *rpdb.LookupTrace, s rpdb.Step) StepView {
	if r := b.ruleOf(l.Key.Family, s.Table); r != nil {
		s.Rule = r
	}
	return b.step(l, &s)
}

// fastRest adds the rules that were not reached.
func (b *builder) fastRest(l *rpdb.LookupTrace, views []StepView) []StepView {
	told := map[uint32]bool{}
	for _, v := range views {
		if v.Pref != nil {
			told[*v.Pref] = true
		}
	}
	for i := range b.st.Rules {
		r := &b.st.Rules[i]
		if r.Family == l.Key.Family && !told[r.Pref] {
			views = append(views, b.step(l, &rpdb.Step{Rule: r, RuleIndex: i, Verdict: rpdb.NotReached}))
		}
	}
	return views
}

// ruleOf returns the plain rule that stands for a table, nil if there is none.
func (b *builder) ruleOf(f rpdb.Family, table uint32) *rpdb.Rule {
	for i := range b.st.Rules {
		r := &b.st.Rules[i]
		if r.Family == f && r.Action == rpdb.ActTable && r.Table == table {
			return r
		}
	}
	return nil
}

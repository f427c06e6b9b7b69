package rpdb

// The methods below record a walk. All do nothing on a nil Walk, which is how
// Lookup and Walk share their code.

// begin opens the trace of one lookup.
func (w *Walk) begin(p Purpose, k *Key) {
	if w != nil {
		w.Lookups = append(w.Lookups, LookupTrace{Purpose: p, Key: *k})
	}
}

// current returns the trace of the lookup that is running, nil on a nil Walk.
func (w *Walk) current() *LookupTrace {
	if w == nil || len(w.Lookups) == 0 {
		return nil
	}
	return &w.Lookups[len(w.Lookups)-1]
}

// end closes the running lookup with its outcome.
func (w *Walk) end(err Errno) {
	if t := w.current(); t != nil {
		t.Err = err
	}
}

// check records a test outside the tables.
func (w *Walk) check(c Check) {
	if w != nil {
		w.Checks = append(w.Checks, c)
	}
}

// assume records that something unknown was taken to have a value, once.
func (w *Walk) assume(what, value string) {
	if w == nil {
		return
	}
	for _, u := range w.Unknown {
		if u.What == what {
			return
		}
	}
	w.Unknown = append(w.Unknown, UnknownFact{What: what, Assumed: value})
}

// step opens the record of one rule or table and returns it, nil on a nil Walk.
func (t *LookupTrace) step(r *rule, index int) *Step {
	if t == nil {
		return nil
	}
	s := Step{RuleIndex: index}
	if r != nil {
		s.Rule = r.Rule
	}
	t.Steps = append(t.Steps, s)
	return &t.Steps[len(t.Steps)-1]
}

// route records the fate of a route; it does nothing on a nil Step.
func (s *Step) route(r *Route, leg int, v RouteVerdict) {
	if s != nil {
		s.Routes = append(s.Routes, RouteStep{Route: r, Leg: leg, Verdict: v})
	}
}

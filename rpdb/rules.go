package rpdb

// tableFunc looks a flow up in one table for a rule. It returns the outcome (EAGAIN
// for a miss or a throw) and, for a success, the length of the matched prefix and
// the group of the device that suppressors look at. st is nil without a recorder.
type tableFunc func(r *rule, table uint32, st *Step) (err Errno, plen int, group int32)

// walkRules goes through the rules in order until one decides (fib_rules_lookup).
// It returns the deciding rule's index, or -1 and ENETUNREACH at the list's end.
func (db *Database) walkRules(rules []*rule, k *Key, w *Walk, look tableFunc) (Errno, int) {
	t := w.current()
	var found *Candidates
	if x := db.finder(k.Family); x != nil && w == nil { // the story tells of every rule
		c := x.Candidates(*k)
		found = &c
	}
	for i := 0; i < len(rules); i++ {
		if found != nil {
			if i = found.Next(i); i < 0 {
				break
			}
		}
		r := rules[i]
		st := t.step(r, i)
		if !db.match(r, k, st) {
			continue
		}
		switch r.Action {
		case ActNop:
			st.verdict(Matched)
			continue
		case ActGoto:
			if r.target < 0 {
				st.verdict(Unresolved)
				continue
			}
			st.verdict(Matched)
			t.skip(rules, i+1, r.target, JumpedOver)
			i = r.target - 1
			continue
		}
		if err, done := db.act(r, k, st, look); done {
			t.skip(rules, i+1, len(rules), NotReached)
			return err, i
		}
	}
	return ENETUNREACH, -1
}

// act carries out the action of a rule that matched (fib4_rule_action,
// fib6_rule_action, and the suppressors). It reports whether the walk ends.
func (db *Database) act(r *rule, k *Key, st *Step, look tableFunc) (Errno, bool) {
	if r.Action != ActTable {
		err := r.Action.Err()
		st.outcome(Matched, err)
		return err, true
	}
	table := r.Table
	if r.L3MDev {
		table = db.vrfTable(k.L3MDev)
	}
	if table == TableUnspec {
		table = TableMain
	}
	if st != nil {
		st.Table = table
	}
	err, plen, group := look(r, table, st)
	switch {
	case err == EAGAIN:
		st.outcome(Missed, err)
		return err, false
	case err == OK:
		if by := suppresses(r.Rule, plen, group); by != NotSuppressed {
			st.outcome(Suppressed, err)
			if st != nil {
				st.Suppressor = by
			}
			return err, false
		}
	}
	st.outcome(Matched, err)
	return err, true
}

// Err is the error of an action that ends the walk without a table.
func (a RuleAction) Err() Errno {
	switch a {
	case ActUnreachable:
		return ENETUNREACH
	case ActProhibit:
		return EACCES
	}
	return EINVAL
}

// suppresses tells whether a rule drops a success (fib4_rule_suppress,
// fib6_rule_suppress). group is -1 for a result without a device.
func suppresses(r *Rule, plen int, group int32) SuppressedBy {
	if r.SuppressPrefixLen.Set && plen <= int(r.SuppressPrefixLen.V) {
		return ByPrefixLength
	}
	if r.SuppressIfGroup.Set && r.SuppressIfGroup.V != -1 && group == r.SuppressIfGroup.V {
		return ByIfGroup
	}
	return NotSuppressed
}

// skip records rules that the walk does not visit.
func (t *LookupTrace) skip(rules []*rule, from, to int, v Verdict) {
	if t == nil {
		return
	}
	for i := from; i < to; i++ {
		t.step(rules[i], i).verdict(v)
	}
}

// verdict sets the verdict; it does nothing on a nil Step.
func (s *Step) verdict(v Verdict) {
	if s != nil {
		s.Verdict = v
	}
}

// outcome sets the verdict and the error. A miss that a throw route caused is
// Thrown.
func (s *Step) outcome(v Verdict, err Errno) {
	if s == nil {
		return
	}
	s.Verdict, s.Err = v, err
	if v != Missed {
		return
	}
	for i := range s.Routes {
		if s.Routes[i].Verdict == RouteThrow {
			s.Verdict = Thrown
		}
	}
}

// deriveL3 derives the VRF of a flow before the rules are walked, and drops an
// output device that is a VRF itself (l3mdev_update_flow).
func (db *Database) deriveL3(k *Key) {
	if k.OIF != 0 {
		d := db.devs[k.OIF]
		if d == nil {
			return
		}
		if k.L3MDev == 0 {
			k.L3MDev, k.L3FromOIF = d.vrf, true
		}
		if d.IsVRF() {
			k.OIF = 0
		}
		return
	}
	if k.IIF > Loopback && k.L3MDev == 0 {
		if d := db.devs[k.IIF]; d != nil {
			k.L3MDev = d.vrf
		}
	}
}

// vrfTable returns the table of a VRF device, 0 if there is no such.
func (db *Database) vrfTable(ifindex int) uint32 {
	if ifindex == 0 {
		return 0
	}
	if d := db.devs[ifindex]; d != nil && d.IsVRF() {
		return d.VRFTable
	}
	return 0
}

// isVRF reports whether an ifindex is a VRF device.
func (db *Database) isVRF(ifindex int) bool {
	d := db.devs[ifindex]
	return d != nil && d.IsVRF()
}

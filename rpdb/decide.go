package rpdb

// Lookup answers which way the flow goes. It does not allocate. A flow with
// unknown fields costs several lookups.
func (db *Database) Lookup(f *Flow) Decision {
	d := db.decide(f, nil)
	if f.Unknown != 0 {
		d.Depends = db.depends(f)
	}
	return d
}

// LookupOnLeg is Lookup where the choice among the legs of a multipath route, if it
// cannot be computed (Decision.Undetermined), falls on the given leg. For a leg that
// no flow takes, and where nothing is undetermined, it is Lookup.
func (db *Database) LookupOnLeg(f *Flow, leg int) Decision {
	other := *db
	other.onLeg = leg + 1
	return other.Lookup(f)
}

// Walk answers the same and tells why.
func (db *Database) Walk(f *Flow) *Walk {
	w := &Walk{Flow: *f}
	w.Decision = db.decide(f, w)
	if f.Unknown != 0 {
		w.Decision.Depends = db.depends(f)
	}
	db.noteMissing(f, w)
	db.noteSticky(f, w)
	return w
}

// noteSticky records that the answer rests on whether the rules were ever changed,
// where the state does not tell and it makes a difference.
func (db *Database) noteSticky(f *Flow, w *Walk) {
	fact, walks := db.facts.CustomRules4, db.custom4
	if f.Family() == IPv6 {
		fact, walks = db.facts.CustomRules6, db.custom6
	}
	if fact != Unknown || walks && !db.deleted6(f) {
		return
	}
	other := *db
	other.custom4, other.custom6 = !walks, !walks
	a, b := w.Decision, other.decide(f, nil)
	a.Table, b.Table = 0, 0
	if answerOf(&a) != answerOf(&b) {
		w.assume("whether an "+f.Family().version()+" rule was ever changed", map[bool]string{true: "yes", false: "no"}[walks])
	}
}

// decide runs the one walk that Lookup and Walk share; w is nil for Lookup.
func (db *Database) decide(f *Flow, w *Walk) Decision {
	switch {
	case f.Family() == IPv6:
		return db.decide6(f, w)
	case f.IIF != 0:
		return db.input4(f, w)
	}
	return db.output4(f, w)
}

// noteMissing records the parts that the state does not tell and that every
// decision rests on.
func (db *Database) noteMissing(f *Flow, w *Walk) {
	parts := []struct {
		part          Parts
		what, assumed string
	}{
		{PartRules4, "IPv4 rules", "the default ones"},
		{PartRoutes4, "IPv4 routes", "none"},
		{PartAddrs4, "IPv4 addresses", "none"},
	}
	if f.Family() == IPv6 {
		parts[0].part, parts[0].what = PartRules6, "IPv6 rules"
		parts[1].part, parts[1].what = PartRoutes6, "IPv6 routes"
		parts[2].part, parts[2].what = PartAddrs6, "IPv6 addresses"
	}
	for _, p := range parts {
		if db.state.Missing&p.part != 0 {
			w.assume(p.what, p.assumed)
		}
	}
}

// Legs lists the ways of the multipath route of a decision with their shares; nil
// if its route has a single way.
func (db *Database) Legs(f *Flow, d *Decision) []Leg {
	if d.Route == nil {
		return nil
	}
	if d.Route.Family == IPv6 {
		return db.legs6(f, d)
	}
	return db.legs4(f, d)
}

// legs4 lists the ways of an IPv4 multipath route.
func (db *Database) legs4(f *Flow, d *Decision) []Leg {
	in := db.infoOf(d.Route)
	if in == nil || len(in.paths()) < 2 {
		return nil
	}
	hops := in.paths()
	pick := db.picker4(in, max(d.Leg, 0), f.Src, f.IIF == 0)
	share := make([]float64, len(hops))
	if b := in.nhBuckets(); len(b) > 0 {
		for _, leg := range b {
			share[leg] += 1 / float64(len(b))
		}
	} else {
		share = shares(hops, pick.leg)
	}
	out := make([]Leg, len(hops))
	for i := range hops {
		h := &hops[i]
		out[i] = Leg{
			Index: i, Share: share[i], Src: h.saddr,
			Hop: NextHop{Dev: h.oif, Weight: h.weight, Realms: h.realms},
		}
		if h.usesGateway() {
			out[i].Hop.Gateway = h.gw
		}
		if in.prefsrc.IsValid() {
			out[i].Src = in.prefsrc
		} else if in.nh != nil {
			out[i].Src = db.selectAddr(h.dev, h.gw, in.scope, nil)
		}
		switch {
		case h.dead:
			out[i].Skipped = "dead"
		case h.ignored:
			out[i].Skipped = "linkdown"
		case (in.nh != nil || db.useNeigh) && db.neighInvalid(h):
			out[i].Skipped = "neighbour failed"
		}
	}
	return out
}

// infoOf finds the compiled form of an IPv4 route.
func (db *Database) infoOf(r *Route) *info4 {
	t := db.tables4.get(r.Table)
	if t == nil {
		return nil
	}
	for _, a := range t.get(r.Dst) {
		if a.route == r {
			return a.info
		}
	}
	return nil
}

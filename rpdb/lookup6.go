package rpdb

import "net/netip"

// What decides an IPv6 lookup but no dump shows, so that this model cannot know it:
//   - Of a set of siblings a dump tells the attributes of the first alone. Others may
//     differ in preference (which the choice depends on), metrics, type, protocol,
//     src and lifetime. Routes that stand between siblings are not dumped at all
//     (spec 10.3).
//   - The bounds of multipath date from the last change of the set: toggling
//     ignore_routes_with_linkdown alone does not move them (spec 2.5).
//   - Exceptions: path MTU and redirects (spec 2.6).
//   - After deletions, the prefix that the kernel compares at a node which has only
//     source routes left may be that of a longer one (fib6_find_prefix).
//   - A nexthop object caches an answer per CPU, and every route that uses the object
//     is answered with it, until any IPv6 route changes: RTM_GETROUTE then shows
//     table, metric, type and preference of another route (seen on 6.18).
//   - The order of devices in the kernel's list where it is not that of ifindex.

// database6 is the IPv6 half of a Database.
type database6 struct {
	tables     tableSet[table6]
	objects    map[uint32]*object // those that IPv6 routes use, by id
	labels     []label6
	hash       hashConf
	forwarding bool // net.ipv6.conf.all.forwarding
}

// build6 compiles the IPv6 half.
func (db *Database) build6(routes []*Route) {
	six := &db.six
	six.tables = buildTables6(routes, db.state.Gates6)
	six.objects = map[uint32]*object{}
	for _, r := range routes {
		if r.NHID != 0 && six.objects[r.NHID] == nil {
			six.objects[r.NHID] = db.objectOf(r)
		}
	}
	six.labels = buildLabels(db.state.Labels)
	six.hash = readHashConf(db.state.Sysctls, "net/ipv6")
	fwd, _ := db.state.Sysctls.Int(forwarding6)
	six.forwarding = fwd != 0
}

// deleted6 reports whether the IPv6 rules lack default ones but hold no other, so
// that they do not tell whether a rule was ever added.
func (db *Database) deleted6(f *Flow) bool {
	return f.Family() == IPv6 && len(db.rules6) < len(DefaultRules(IPv6)) && !customized(db.Rules(IPv6), IPv6, No)
}

const forwarding6 = "net/ipv6/conf/all/forwarding"

// noteForwarding6 records that a decision used the forwarding switch without
// knowing it.
func (db *Database) noteForwarding6(w *Walk) {
	if w == nil {
		return
	}
	if _, ok := db.state.Sysctls.Int(forwarding6); !ok {
		w.assume("sysctl "+forwarding6, "0")
	}
}

// found6 is the outcome of an IPv6 lookup (struct fib6_result).
type found6 struct {
	pick6
	hop   leg6 // the pick's nexthop
	table uint32
	rule  int // index of the rule, -1 none
	// undetermined tells that the leg is one of several that the flow may take.
	undetermined bool
}

// look6 is an IPv6 lookup as it goes from table to table (struct flowi6 and the
// flags of fib6_rule_lookup).
type look6 struct {
	db     *Database
	w      *Walk
	k      Key
	output bool
	strict strict6
	cause  *Flow  // see Flow.Cause
	packet bool   // see Flow.Hashed
	next   uint8  // see Flow.NextHeader
	hash   uint32 // of multipath, computed once (flowi6.mp_hash)
	hashed bool
	known  bool // the hash can be computed
	res    found6
}

// dev is the device that the lookup compares routes with.
func (l *look6) dev() int {
	if l.output {
		return l.k.OIF
	}
	return l.k.IIF
}

// rules looks the flow up through the rules (fib6_rule_lookup).
func (l *look6) rules(p Purpose) Errno {
	if f := l.db.finders[1]; f != nil && l.w == nil {
		if h, ok := f.Find(l.k); ok {
			return l.hit6(&h)
		}
	}
	return l.search(p)
}

// search is rules without a Finder's answer.
func (l *look6) search(p Purpose) Errno {
	l.w.begin(p, &l.k)
	var err Errno
	if !l.db.custom6 {
		err = l.fastPath()
	} else {
		l.db.deriveL3(&l.k)
		if t := l.w.current(); t != nil {
			t.Key = l.k
		}
		err, l.res.rule = l.db.walkRules(l.db.rules6, &l.k, l.w, func(r *rule, table uint32, st *Step) (Errno, int, int32) {
			return l.forRule(r, table, st)
		})
		if l.res.rule < 0 || l.db.rules6[l.res.rule].Action != ActTable { // of a suppressed result
			l.res.route = nil
		}
	}
	l.w.end(err)
	return err
}

// fastPath is the lookup while no rule was ever added: local, then main, whatever
// the rule list says.
func (l *look6) fastPath() Errno {
	t := l.w.current()
	if t != nil {
		t.FastPath = true
	}
	for _, id := range [2]uint32{TableLocal, TableMain} {
		st := t.step(nil, -1)
		if st != nil {
			st.Table = id
		}
		if err := l.inTable(id, st); err != EAGAIN {
			st.outcome(Matched, err)
			return err
		}
		st.outcome(Missed, EAGAIN)
	}
	l.res.route = nil
	return ENETUNREACH
}

// direct looks the flow up in one table, without rules.
func (l *look6) direct(p Purpose, table uint32) Errno {
	l.w.begin(p, &l.k)
	t := l.w.current()
	if t != nil {
		t.Direct = true
	}
	st := t.step(nil, -1)
	if st != nil {
		st.Table = table
	}
	err := l.inTable(table, st)
	if err == EAGAIN {
		st.outcome(Missed, err)
		if l.res.route == nil {
			err = ENETUNREACH
		}
	} else {
		st.outcome(Matched, err)
	}
	l.w.end(err)
	return err
}

// forRule is the lookup that a rule asks for (__fib6_rule_action).
func (l *look6) forRule(r *rule, table uint32, st *Step) (Errno, int, int32) {
	err := l.inTable(table, st)
	if l.res.route == nil {
		return EAGAIN, 0, -1
	}
	dev := l.res.hop.dev
	if dev != nil && dev.NoInet6 || !l.foundSource(r, dev, st) {
		return EAGAIN, 0, -1
	}
	if err != OK {
		return err, 0, -1
	}
	group := int32(-1)
	if dev != nil {
		group = int32(dev.Group)
	}
	return OK, l.res.plen(), group
}

// own is the route that the chosen leg is.
func (r *found6) own() *Route { return r.route.Sibling(r.leg) }

// plen is the length of the matched destination prefix.
func (r *found6) plen() int { return r.route.Dst.Bits() }

// foundSource is the second look at a rule that matched although the source was not
// chosen yet: the source for the result's device must fit the rule, and stays with
// the flow (fib6_rule_saddr).
func (l *look6) foundSource(r *rule, dev *device, st *Step) bool {
	if r.Flags&RuleFindSaddr == 0 || !r.From.IsValid() || r.From.Bits() == 0 || l.k.HasSrc {
		return true
	}
	a := l.db.selectSource6(dev, l.k.Dst, nil, nil)
	if st != nil && a.IsValid() {
		st.FoundSrc = a
	}
	if !a.IsValid() || !r.From.Contains(a) {
		return false
	}
	l.k.Src = a
	return true
}

// inTable looks the flow up in one table and picks the way among several
// (ip6_pol_route). It returns the error of the route's type, EAGAIN for throw and
// where nothing was found; then res.route is nil.
func (l *look6) inTable(id uint32, st *Step) Errno {
	l.res.route = nil
	t := l.db.six.tables.get(id)
	if t == nil {
		return EAGAIN
	}
	s := search6{
		db: l.db, w: l.w, oif: l.dev(), strict: l.strict,
		cur: cursor6{table: t, dst: l.k.Dst, src: l.k.Src},
	}
	if st != nil {
		st.TableExists = true
		s.notes = map[*Route]RouteStep{}
	}
	hit, ok := s.run()
	err := EAGAIN
	if ok {
		l.choosePath(&s, &hit)
		l.res.pick6, l.res.table = hit, id
		// A blackhole object is bound to lo.
		l.res.hop = leg6{dev: l.db.devs[Loopback], oif: Loopback}
		if hit.leg >= 0 {
			l.res.hop = l.db.leg6(hit.route, hit.obj, hit.leg)
		}
		err = rejects(&hit, l.res.hop.dev)
		s.note(hit.route, hit.leg, verdictOf(err))
	}
	if st != nil {
		s.tell(st, ok)
	}
	return err
}

func verdictOf(err Errno) RouteVerdict {
	switch err {
	case OK:
		return RouteChosen
	case EAGAIN:
		return RouteThrow
	}
	return RouteError
}

// rejects returns the error that a route answers with. The kernel keys it on a flag
// that error types have, and that it also gives to routes out of a loopback device
// (fib6_is_reject, ip6_rt_init_dst_reject).
func rejects(p *pick6, dev *device) Errno {
	r := p.route
	switch {
	case p.leg < 0:
		return EINVAL
	case r.Type >= Blackhole && r.Type <= Throw:
		return r.Type.Err()
	case loopReject(p, dev):
		return r.Type.Err()
	}
	return OK
}

// loopReject reports whether a route is no error type, but refuses packets because
// it leads out of a loopback device.
func loopReject(p *pick6, dev *device) bool {
	r := p.route
	return p.obj == nil && dev != nil && dev.IsLoopback() && r.Type != Local && !kernelAnycast(r) &&
		r.Dst != netip.PrefixFrom(netip.IPv6Loopback(), 128)
}

// kernelAnycast reports whether the kernel itself made an anycast route
// (RTF_ANYCAST): only it gives metric 0.
func kernelAnycast(r *Route) bool { return r.Type == Anycast && r.Priority == 0 }

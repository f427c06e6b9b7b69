package rpdb

import "net/netip"

// found4 is the outcome of an IPv4 table lookup (struct fib_result).
type found4 struct {
	alias *alias // the route that decided, also one whose type is an error; nil if none
	hop   *hop
	leg   int    // index of the nexthop, or of the group's member
	table uint32 // id of the table that was searched
	plen  int
	rule  int   // index of the rule, -1 none
	stale uint8 // tos of the last success, which a suppressor may have dropped
}

// lookupTable4 finds the route of one table for a key (fib_table_lookup). It
// returns EAGAIN if there is none, and the error of the route's type if it has
// one. exists is false if the table is not there.
func (db *Database) lookupTable4(id uint32, k *Key, res *found4, st *Step) (err Errno, exists bool) {
	l, ok := db.search(id)
	if !ok {
		return EAGAIN, false
	}
	if st != nil {
		st.TableExists = true
	}
	covered := 0
	for l.max >= 0 {
		first, second, plen := l.next(k.Dst)
		if plen < 0 {
			break
		}
		covered += len(first) + len(second)
		v, done := db.scanLeaf4(first, k, res, st)
		if !done {
			if v == scanAbandon {
				l.abandon(k.Dst, plen, second, st, &covered)
				continue
			}
			v, done = db.scanLeaf4(second, k, res, st)
			if v == scanAbandon && !done {
				l.abandon(k.Dst, plen, nil, st, &covered)
				continue
			}
		} else {
			st.rest(second, RouteLater)
		}
		if done {
			res.table, res.plen = id, plen
			if st != nil {
				l.finish(k.Dst, st, &covered)
			}
			return v.err(), true
		}
	}
	if st != nil {
		st.Uncovered = l.size() - covered
	}
	return EAGAIN, true
}

// scan is the outcome of one leaf: an error number when the search ends there.
type scan int

const (
	scanNext    scan = -1 // go on with shorter prefixes
	scanAbandon scan = -2 // skip all prefixes with this base address too
)

func (s scan) err() Errno { return Errno(s) }

// scanLeaf4 tries the aliases of one prefix in order (spec 4.2). done means that the
// search ends with scan's error number.
func (db *Database) scanLeaf4(as []alias, k *Key, res *found4, st *Step) (v scan, done bool) {
	for i := range as {
		a := &as[i]
		if a.tos != 0 && a.tos != k.TOS&0x1c {
			st.route(a.route, -1, RouteTOS)
			continue
		}
		if a.info.scope < k.Scope {
			st.route(a.route, -1, RouteScope)
			continue
		}
		if err := a.typ.Err(); err != OK {
			v := RouteError
			if err == EAGAIN {
				v = RouteThrow
			}
			res.choose(a, nil, -1)
			st.route(a.route, -1, v)
			st.rest(as[i+1:], RouteLater)
			return scan(err), true
		}
		if a.info.dead {
			st.route(a.route, -1, RouteDead)
			continue
		}
		if a.info.nh != nil {
			return db.scanObject4(as, i, k, res, st)
		}
		leg, why := pickHop(a.info.hops, k, 0)
		if leg < 0 {
			st.route(a.route, -1, why)
			continue
		}
		res.choose(a, &a.info.hops[leg], leg)
		st.route(a.route, leg, RouteChosen)
		st.rest(as[i+1:], RouteLater)
		return scan(OK), true
	}
	return scanNext, false
}

// scanObject4 tries an alias that uses a nexthop object. If no member passes, the
// kernel leaves the whole trie leaf: every alias of this base address (spec 4.2).
func (db *Database) scanObject4(as []alias, i int, k *Key, res *found4, st *Step) (scan, bool) {
	a := &as[i]
	if a.info.nh.blackhole {
		res.choose(a, nil, -1)
		st.route(a.route, -1, RouteError)
		st.rest(as[i+1:], RouteLater)
		return scan(EINVAL), true
	}
	leg, why := pickHop(a.info.nh.hops, k, 0)
	if leg < 0 {
		st.route(a.route, -1, why)
		st.rest(as[i+1:], RouteLeafAbandoned)
		return scanAbandon, false
	}
	res.choose(a, &a.info.nh.hops[leg], leg)
	st.route(a.route, leg, RouteChosen)
	st.rest(as[i+1:], RouteLater)
	return scan(OK), true
}

func (r *found4) choose(a *alias, h *hop, leg int) { r.alias, r.hop, r.leg = a, h, leg }

// pickHop returns the first nexthop from index from on that can be used for a key,
// or -1 and why the last one could not (fib_lookup_good_nhc).
func pickHop(hops []hop, k *Key, from int) (int, RouteVerdict) {
	why := RouteDead
	for i := from; i < len(hops); i++ {
		h := &hops[i]
		switch {
		case h.dead:
			why = RouteDead
		case h.ignored && !k.IgnoreLinkState:
			why = RouteLinkDown
		case k.OIF != 0 && k.OIF != h.oif:
			why = RouteWrongOIF
		default:
			return i, RouteChosen
		}
	}
	return -1, why
}

// abandon skips the remaining prefixes that share the base address of the leaf that
// was left: in the kernel's trie they are one node.
func (l *leaf) abandon(dst netip.Addr, plen int, second []alias, st *Step, covered *int) {
	base := netip.PrefixFrom(dst, plen).Masked().Addr()
	st.rest(second, RouteLeafAbandoned)
	for l.max >= 0 {
		at := *l
		first, second, p := l.next(dst)
		if p < 0 {
			return
		}
		if netip.PrefixFrom(dst, p).Masked().Addr() != base {
			*l = at
			return
		}
		*covered += len(first) + len(second)
		st.rest(first, RouteLeafAbandoned)
		st.rest(second, RouteLeafAbandoned)
	}
}

// finish records the shorter prefixes that were not tried.
func (l *leaf) finish(dst netip.Addr, st *Step, covered *int) {
	for l.max >= 0 {
		first, second, _ := l.next(dst)
		*covered += len(first) + len(second)
		st.rest(first, RouteShorter)
		st.rest(second, RouteShorter)
	}
	st.Uncovered = l.size() - *covered
}

// size is the number of routes of the tables under search.
func (l *leaf) size() int {
	n := 0
	for _, t := range l.tabs[:l.n] {
		n += t.size()
	}
	return n
}

// rest records aliases that were not looked at.
func (s *Step) rest(as []alias, v RouteVerdict) {
	if s == nil {
		return
	}
	for i := range as {
		s.route(as[i].route, -1, v)
	}
}

// lookup4 looks a key up through the rules (fib_lookup, __fib_lookup).
func (db *Database) lookup4(p Purpose, k *Key, w *Walk) (Errno, found4) {
	if f := db.finders[0]; f != nil && w == nil {
		if h, ok := f.Find(*k); ok {
			return db.hit4(&h)
		}
	}
	return db.search4(p, k, w)
}

// search4 is lookup4 without a Finder's answer.
func (db *Database) search4(p Purpose, k *Key, w *Walk) (Errno, found4) {
	res := found4{rule: -1}
	w.begin(p, k)
	var err Errno
	if !db.custom4 {
		err = db.fastPath4(k, &res, w)
	} else {
		db.deriveL3(k)
		if t := w.current(); t != nil {
			t.Key = *k
		}
		err, res.rule = db.walkRules(db.rules4, k, w, func(_ *rule, table uint32, st *Step) (Errno, int, int32) {
			prev := res
			res = found4{rule: -1, stale: prev.stale}
			err, _ := db.lookupTable4(table, k, &res, st)
			if err != OK {
				return err, 0, -1
			}
			res.stale = res.alias.tos
			return OK, res.plen, res.alias.info.group()
		})
		if res.rule < 0 || db.rules4[res.rule].Action != ActTable { // of a suppressed result
			res.alias, res.hop = nil, nil
		}
	}
	w.end(err)
	return err, res
}

// fastPath4 is the lookup while no rule was ever changed: main (with local merged
// into it), then default (fib_lookup in ip_fib.h).
func (db *Database) fastPath4(k *Key, res *found4, w *Walk) Errno {
	t := w.current()
	if t != nil {
		t.FastPath = true
	}
	for _, id := range [2]uint32{TableMain, TableDefault} {
		st := t.step(nil, -1)
		if st != nil {
			st.Table = id
		}
		err, _ := db.lookupTable4(id, k, res, st)
		if err == EAGAIN {
			st.outcome(Missed, err)
			continue
		}
		st.outcome(Matched, err)
		return err
	}
	res.alias, res.hop = nil, nil
	return ENETUNREACH
}

// direct4 asks one table without rules, as the kernel does to learn the type of an
// address (inet_addr_type, __ip_dev_find).
func (db *Database) direct4(p Purpose, table uint32, k *Key, w *Walk) (Errno, found4) {
	res := found4{rule: -1}
	w.begin(p, k)
	t := w.current()
	if t != nil {
		t.Direct = true
	}
	st := t.step(nil, -1)
	if st != nil {
		st.Table = table
	}
	err, _ := db.lookupTable4(table, k, &res, st)
	if err == OK {
		st.outcome(Matched, err)
	} else {
		st.outcome(Missed, err)
	}
	w.end(err)
	return err, res
}

// group is the device group that suppress_ifgroup looks at: that of the first
// nexthop, -1 without a device.
func (in *info4) group() int32 {
	hops := in.hops
	if in.nh != nil {
		hops = in.nh.hops
	}
	if len(hops) == 0 || hops[0].dev == nil {
		return -1
	}
	return int32(hops[0].dev.Group)
}

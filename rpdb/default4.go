package rpdb

// chooseDefault4 picks among several IPv4 default routes by the state of their
// gateways' neighbour entries (fib_select_default, spec 5.3). What the kernel
// remembers of its last choice (fa_default) is taken as fresh.
func (db *Database) chooseDefault4(k *Key, res *found4, w *Walk) {
	tab := db.tables4.get(res.table)
	if tab == nil || len(tab.defaults()) < 2 {
		return
	}
	s := defaults4{db: db, w: w, last: -1}
	lastTOS, lastPrio := uint8(0), res.alias.route.Priority
	as := tab.defaults()
	for i := range as {
		a := &as[i]
		r := a.route
		if r.TOS != 0 && r.TOS != k.TOS&0x1c {
			continue
		}
		if r.Priority > lastPrio && r.TOS == lastTOS {
			if lastTOS != 0 {
				continue
			}
			break
		}
		if a.info.dead {
			continue
		}
		lastTOS, lastPrio = r.TOS, r.Priority
		hops := a.info.paths()
		if a.info.scope != res.alias.info.scope || r.Type != Unicast || len(hops) == 0 || !hops[0].usesGateway() {
			continue
		}
		if s.cur == nil && a.info != res.alias.info {
			break
		}
		if s.cur != nil && s.alive(s.cur) {
			s.assign(res, s.cur)
			return
		}
		s.cur = a
		s.order++
	}
	if s.cur == nil || s.order < 2 {
		return
	}
	if s.alive(s.cur) {
		s.assign(res, s.cur)
	} else if s.lastResort != nil {
		s.assign(res, s.lastResort)
	}
}

// defaults4 is the state of one choice among default routes.
type defaults4 struct {
	db         *Database
	w          *Walk
	cur        *alias
	order      int // candidates seen so far, cur included
	lastResort *alias
	last       int
}

// alive reports whether a candidate's gateway looks usable (fib_detect_death).
func (s *defaults4) alive(a *alias) bool {
	h := &a.info.paths()[0]
	state, ok := s.db.neighs[neighKey{h.oif, h.gw}]
	if !ok || state == NUDReachable || state&NUDValid != 0 {
		if ok && state != NUDReachable {
			s.w.assume("which default route the kernel used last", "none")
		}
		return true
	}
	if s.last < 0 && state != NUDIncomplete {
		s.lastResort, s.last = a, s.order
	}
	return false
}

func (s *defaults4) assign(res *found4, a *alias) {
	res.choose(a, &a.info.paths()[0], 0)
}

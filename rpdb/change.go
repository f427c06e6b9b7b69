package rpdb

import (
	"bytes"
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
)

// The methods below return a Database with one change, as if it had been built from
// the changed state. What is equal they share, so a change of a route costs about as
// much as a few lookups, and one of a rule some nanoseconds for each rule. They
// return nil where the change may have consequences for other routes or rules, or
// where it does not tell what became of them; then the state must be read and built
// anew. The old Database remains as it was.

// Insertion tells where a new route stands among those of its prefix
// (NLM_F_REPLACE, NLM_F_APPEND).
type Insertion uint8

const (
	// Prepend puts it before those of its tos and metric.
	Prepend Insertion = iota
	// Append puts it behind them.
	Append
	// Replace puts it in the place of the first of them.
	Replace
)

// WithRoute adds a route as a kernel does (fib_table_insert, fib6_add). It is nil for
// routes of type local, for IPv6 ones with a source prefix, with legs of a multipath
// route or beside one of their metric, and if the way to a gateway changes.
func (db *Database) WithRoute(r *Route, where Insertion) *Database {
	if !r.Dst.IsValid() || FamilyOf(r.Dst.Addr()) != r.Family || db.sideEffects(r) {
		return nil
	}
	if r.Family == IPv6 {
		return db.withRoute6(r, where)
	}
	var node *node4
	if t := db.tables4.get(r.Table); t != nil {
		node = t.trie.get(r.Dst)
	}
	old := node.aliases()
	same := func(a alias) int {
		return cmp.Or(cmp.Compare(r.TOS, a.tos), cmp.Compare(a.priority, r.Priority))
	}
	first := slices.IndexFunc(old, func(a alias) bool { return same(a) >= 0 })
	if first < 0 {
		first = len(old)
	}
	behind := first
	for behind < len(old) && same(old[behind]) == 0 {
		behind++
	}
	if slices.ContainsFunc(old, func(a alias) bool { return a.same(r) }) {
		return nil // it is there already
	}
	out := *db
	in := out.infoFor(r, old)
	from, to := first, first
	switch {
	case where == Append:
		from, to = behind, behind
	case where == Replace && behind > first:
		to++
	}
	as := []alias{newAlias(r, in)}
	if from > 0 || to < len(old) {
		as = slices.Concat(old[:from], as, old[to:])
	}
	out.ownTable4(r.Table).put(r.Dst, node, as)
	return out.changed(r)
}

// sideEffects reports whether a route, added or removed, changes more than its table.
func (db *Database) sideEffects(r *Route) bool {
	if r.Family == IPv4 && r.Type == Local {
		return true
	}
	return slices.ContainsFunc(r.NextHops, func(h NextHop) bool { return h.Realms != 0 })
}

// changed settles a Database one of whose routes changed; it is nil if a gateway is
// reached otherwise now.
func (db *Database) changed(r *Route) *Database {
	db.later = &laterState{}
	db.usingGateways(r)
	if r.Family == IPv4 && !db.sameGateways(r.Dst) {
		return nil
	}
	return db
}

// infoFor compiles the nexthops of a route, or finds them among those of its prefix.
func (db *Database) infoFor(r *Route, beside []alias) *info4 {
	key, share := infoKeyOf(r)
	if share {
		for _, a := range beside {
			if !a.leads(r.NextHops) {
				continue
			}
			if other, ok := infoKeyOf(a.route); ok && other == key {
				return a.info
			}
		}
		if in := db.infos.get(&key); in != nil && db.reaches(in, r.Table) {
			return in
		}
	}
	in := db.newInfo4(r)
	by := map[gateway]Scope{}
	db.resolveHops(in.hops, in.scope, r.Table, by)
	db.noteByRules(by)
	for i := range in.hops {
		h := &in.hops[i]
		h.saddr = db.selectAddr(h.dev, h.gw, in.scope, nil)
	}
	if share {
		db.infos.put(&key, in)
	}
	return in
}

// reaches reports whether the gateways of an info are known here, as they are there.
func (db *Database) reaches(in *info4, table uint32) bool {
	for i := range in.hops {
		if h := &in.hops[i]; h.resolve {
			g := gateway{gw: h.gw, oif: h.oif, scope: in.scope, table: table}
			if known := db.gateways.get(g.prefix()); known == nil || known.result != h.scope {
				return false
			}
		}
	}
	return true
}

// ownTable4 returns a table to be changed, empty if it was not there.
func (db *Database) ownTable4(id uint32) *table4 {
	t := &table4{id: id}
	if old := db.tables4.get(id); old != nil {
		*t = *old
	} else {
		t.trie = newTrie[node4]()
	}
	db.tables4.put(id, t)
	return t
}

// put makes a table of an id part of a set that others may hold.
func (s *tableSet[T]) put(id uint32, t *T) {
	list := slices.Clone(s.list)
	if at, ok := s.places[id]; ok {
		list[at] = t
	} else {
		s.places = maps.Clone(s.places)
		if s.places == nil {
			s.places = map[uint32]int{}
		}
		s.places[id] = len(list)
		list = append(list, t)
	}
	s.list = list
}

// get returns the aliases of a prefix.
func (t *table4) get(p netip.Prefix) []alias {
	return t.trie.get(p).aliases()
}

// put sets the aliases of a prefix.
func (t *table4) put(p netip.Prefix, old *node4, as []alias) {
	if len(as) == 0 {
		t.trie = t.trie.without(p)
		t.places.release(old.place, len(t.built))
		return
	}
	n := &node4{}
	n.setAliases(as)
	if old != nil {
		n.place = t.places.keep(old.place, len(t.built))
	} else {
		n.place = t.places.take()
	}
	t.trie = t.trie.with(p, n)
}

// places hands out the places of prefixes that came after Build. It is a value: an
// older table has its own.
type places struct {
	next uint32
	free *freePlace
}

type freePlace struct {
	place uint32
	next  *freePlace
}

func (s *places) take() uint32 {
	if f := s.free; f != nil {
		s.free = f.next
		return f.place
	}
	s.next++
	return s.next - 1
}

// release makes a place free, unless it is one of the n of Build: these keep their
// routes.
func (s *places) release(place uint32, n int) {
	if int(place) >= n {
		s.free = &freePlace{place, s.free}
	}
}

// keep returns the place of a prefix whose routes change: that it had, unless it is one
// of Build.
func (s *places) keep(place uint32, n int) uint32 {
	if int(place) >= n {
		return place
	}
	return s.take()
}

// WithoutRoute removes a route as the notification of its removal tells it. It is nil
// if there is no route that is alike but for flags, and where WithRoute is.
func (db *Database) WithoutRoute(r *Route) *Database {
	if !r.Dst.IsValid() || db.sideEffects(r) {
		return nil
	}
	if r.Family == IPv6 {
		return db.withoutRoute6(r)
	}
	t := db.tables4.get(r.Table)
	if t == nil {
		return nil
	}
	node := t.trie.get(r.Dst)
	old := node.aliases()
	at := slices.IndexFunc(old, func(a alias) bool { return a.same(r) })
	if at < 0 {
		return nil
	}
	out := *db
	out.ownTable4(r.Table).put(r.Dst, node, slices.Concat(old[:at], old[at+1:]))
	return out.changed(r)
}

// sameRoute reports whether two routes of a table are alike but for flags and the
// time that they have left.
func sameRoute(a, b *Route) bool {
	if a.Dst != b.Dst || a.TOS != b.TOS || a.Priority != b.Priority || a.Type != b.Type || a.Scope != b.Scope ||
		a.Protocol != b.Protocol || a.PrefSrc != b.PrefSrc || a.NHID != b.NHID || a.Pref != b.Pref {
		return false
	}
	return slices.Equal(a.Metrics, b.Metrics) && slices.EqualFunc(a.NextHops, b.NextHops, func(x, y NextHop) bool {
		return x.Dev == y.Dev && x.Gateway == y.Gateway && max(x.Weight, 1) == max(y.Weight, 1) && sameEncap(x.Encap, y.Encap)
	})
}

func sameEncap(a, b *Encap) bool {
	return a == b || a != nil && b != nil && a.Type == b.Type && bytes.Equal(a.Data, b.Data)
}

func (db *Database) withRoute6(r *Route, where Insertion) *Database {
	if r.Src.IsValid() && r.Src.Bits() > 0 || len(r.NextHops) > 1 || r.Siblings != nil ||
		r.NHID != 0 && db.six.objects[r.NHID] == nil {
		return nil
	}
	out := *db
	t := out.ownTable6(r.Table)
	n := &node6{prefix: r.Dst}
	old := t.nodes.get(r.Dst)
	if old != nil {
		*n = *old
	}
	at, beside := slices.BinarySearchFunc(n.routes, r, func(a, b *Route) int { return cmp.Compare(a.Priority, b.Priority) })
	last := at + 1
	switch {
	case n.sub != nil:
		return nil
	case !beside:
		last = at
		t.size++
	case where != Replace || len(n.routes) != 1 || len(n.routes[0].NextHops) > 1:
		return nil
	}
	n.routes = slices.Concat(n.routes[:at], []*Route{r}, n.routes[last:])
	t.putNode(n, old)
	return out.changed(r)
}

func (db *Database) withoutRoute6(r *Route) *Database {
	t := db.six.tables.get(r.Table)
	if t == nil || r.Src.IsValid() && r.Src.Bits() > 0 || len(r.NextHops) > 1 {
		return nil
	}
	old := t.nodes.get(r.Dst)
	if old == nil || old.sub != nil {
		return nil
	}
	at := slices.IndexFunc(old.routes, func(o *Route) bool { return sameRoute(o, r) && o.Siblings == nil })
	if at < 0 {
		return nil
	}
	out := *db
	t = out.ownTable6(r.Table)
	n := *old
	n.routes = slices.Concat(n.routes[:at], n.routes[at+1:])
	t.size--
	t.putNode(&n, old)
	return out.changed(r)
}

func (db *Database) ownTable6(id uint32) *table6 {
	t := &table6{id: id}
	if old := db.six.tables.get(id); old != nil {
		*t = *old
	} else {
		t.nodes = newTrie[node6]()
	}
	db.six.tables.put(id, t)
	return t
}

// putNode sets a destination, or removes it if it has no routes.
func (t *table6) putNode(n *node6, old *node6) {
	if len(n.routes) == 0 {
		t.nodes = t.nodes.without(n.prefix)
		t.places.release(old.place, len(t.built))
		return
	}
	if old != nil {
		n.place = t.places.keep(old.place, len(t.built))
	} else {
		n.place = t.places.take()
	}
	n.way.route = n.only()
	t.nodes = t.nodes.with(n.prefix, n)
}

// laterState makes the state of a Database that was changed.
type laterState struct {
	once  sync.Once
	state *State
}

func (l *laterState) of(db *Database) *State {
	l.once.Do(func() {
		l.state = new(State)
		*l.state = db.state
		l.state.Facts.CustomRules4, l.state.Facts.CustomRules6 = db.facts.CustomRules4, db.facts.CustomRules6
		l.state.Rules, l.state.Routes = nil, nil
		for _, rules := range [2][]*rule{db.rules4, db.rules6} {
			for _, r := range rules {
				l.state.Rules = append(l.state.Rules, *r.Rule)
			}
		}
		for _, t := range db.tables4.list {
			l.state.Routes = append(l.state.Routes, t.sorted()...)
		}
		for _, t := range db.six.tables.list {
			l.state.Routes = append(l.state.Routes, t.sorted()...)
		}
	})
	return l.state
}

func (t *table4) sorted() (out []Route) {
	t.trie.all(func(n *node4) {
		for _, a := range n.aliases() {
			out = append(out, *a.route)
		}
	})
	slices.SortStableFunc(out, func(a, b Route) int { return compareAliases(&a, &b) })
	return out
}

func (t *table6) sorted() (out []Route) {
	add := func(n *node6) {
		for _, r := range n.routes {
			out = append(out, *r)
		}
	}
	t.nodes.all(func(n *node6) {
		add(n)
		if n.sub != nil {
			n.sub.all(add)
		}
	})
	slices.SortStableFunc(out, func(a, b Route) int {
		return cmp.Or(a.Dst.Addr().Compare(b.Dst.Addr()), cmp.Compare(a.Dst.Bits(), b.Dst.Bits()))
	})
	return out
}

// Change is a change of a state.
type Change struct {
	Kind  ChangeKind
	Route *Route
	Where Insertion // of AddRoute
	Rule  *Rule
	Neigh *Neigh
}

// ChangeKind tells what a Change does.
type ChangeKind uint8

// The kinds of changes.
const (
	OtherChange ChangeKind = iota // of which is not known what it does
	NoChange                      // of what decides nothing
	AddRoute
	RemoveRoute
	AddRule
	RemoveRule
	SetNeigh
	RemoveNeigh
)

// With returns a Database with a change, itself if that decides nothing, and nil
// where the methods for its kind do.
func (db *Database) With(c *Change) *Database {
	switch c.Kind {
	case NoChange:
		return db
	case SetNeigh, RemoveNeigh:
		return db.WithNeigh(c.Neigh, c.Kind == RemoveNeigh)
	case AddRoute:
		return db.WithRoute(c.Route, c.Where)
	case RemoveRoute:
		return db.WithoutRoute(c.Route)
	case AddRule:
		return db.WithRule(c.Rule)
	case RemoveRule:
		return db.WithoutRule(c.Rule)
	}
	return nil
}

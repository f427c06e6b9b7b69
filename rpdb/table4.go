package rpdb

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
)

// table4 is one IPv4 table: a trie from a prefix to its aliases.
type table4 struct {
	id     uint32
	built  []node4 // of Build, by place
	places places
	trie   *trie[node4]
}

// node4 is what a table has for a prefix: an alias, or several in the kernel's order.
type node4 struct {
	one   [1]alias
	more  *[]alias // nil: it is one
	place uint32   // of the prefix, see Entry
}

// aliases are those of a node, none of nil.
func (n *node4) aliases() []alias {
	if n == nil {
		return nil
	}
	if n.more != nil {
		return *n.more
	}
	return n.one[:]
}

// setAliases makes aliases those of the node, which has none.
func (n *node4) setAliases(as []alias) {
	n.one[0] = as[0]
	if len(as) > 1 {
		more := slices.Clone(as)
		n.more = &more
	}
}

// eachInfo calls visit with the infos that Build found and that are not done yet.
func (t *table4) eachInfo(done map[*info4]bool, visit func(*info4)) {
	for i := range t.built {
		n := &t.built[i]
		for _, a := range n.aliases() {
			if a.info != nil && !done[a.info] {
				done[a.info] = true
				visit(a.info)
			}
		}
	}
}

// defaults returns the aliases of 0.0.0.0/0 (of tb_num_default).
func (t *table4) defaults() []alias {
	return t.get(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
}

// size is the number of routes.
func (t *table4) size() (n int) {
	t.trie.all(func(at *node4) { n += len(at.aliases()) })
	return n
}

// alias is a route of an IPv4 table (struct fib_alias): the route, and what it
// shares with others that have the same nexthops.
type alias struct {
	route    *Route
	info     *info4
	priority uint32 // of the route, as are tos and typ
	tos      uint8
	typ      RouteType
}

func newAlias(r *Route, in *info4) alias { return alias{r, in, r.Priority, r.TOS, r.Type} }

// leads reports whether the alias may have some nexthops, without a look at its route,
// which no cache may have.
func (a *alias) leads(hops []NextHop) bool {
	own := a.info.hops
	return len(own) == len(hops) && (len(own) != 1 || own[0].gw == hops[0].Gateway && own[0].oif == hops[0].Dev)
}

// same reports whether a route is alike but for flags.
func (a *alias) same(r *Route) bool {
	return a.leads(r.NextHops) && a.tos == r.TOS && a.priority == r.Priority && a.typ == r.Type && sameRoute(a.route, r)
}

// info4 is the part of a route that the decision looks at after the prefix (struct
// fib_info). Routes that agree in it share one, as in the kernel.
type info4 struct {
	scope   Scope
	prefsrc netip.Addr
	dead    bool // all nexthops are dead
	hops    []hop
	nh      *object // nexthop object, nil for classic nexthops
}

// infoKey identifies routes that can share an info4.
type infoKey struct {
	table   uint32
	scope   Scope
	prefsrc netip.Addr
	local   bool
	nhid    uint32
	n       int
	first   hopKey
}

type hopKey struct {
	dev    int
	gw     netip.Addr
	weight uint32
	flags  uint32
	realms uint32
}

// buildTables4 sorts the IPv4 routes into tables. Order within a prefix is: tos
// descending, metric ascending, then as given (fib_find_alias, spec 4.1).
func (db *Database) buildTables4(routes []*Route) {
	byTable := map[uint32][]*Route{}
	for _, r := range routes {
		byTable[r.Table] = append(byTable[r.Table], r)
	}
	known := map[infoKey]*info4{}
	for _, id := range slices.Sorted(maps.Keys(byTable)) {
		rs := byTable[id]
		if !slices.IsSortedFunc(rs, compareAliases) {
			slices.SortStableFunc(rs, compareAliases)
		}
		t := &table4{id: id, built: make([]node4, len(rs)), trie: newTrie[node4]()}
		t.places.next = uint32(len(rs))
		for i := 0; i < len(rs); {
			n := &t.built[i]
			n.place = uint32(i)
			n.one[0] = newAlias(rs[i], db.info4(rs[i], known))
			j := i + 1
			for ; j < len(rs) && rs[j].Dst == rs[i].Dst; j++ {
				n.setAliases(append(n.aliases(), newAlias(rs[j], db.info4(rs[j], known))))
			}
			t.trie.set(rs[i].Dst, n)
			i = j
		}
		db.tables4.add(id, t)
	}
	db.infos = &infos{known: known}
}

// compareAliases orders routes as a table's trie does: base address, longest
// prefix first, then within the prefix.
func compareAliases(a, b *Route) int {
	return cmp.Or(
		a.Dst.Addr().Compare(b.Dst.Addr()),
		cmp.Compare(b.Dst.Bits(), a.Dst.Bits()),
		cmp.Compare(b.TOS, a.TOS),
		cmp.Compare(a.Priority, b.Priority),
	)
}

// info4 compiles the nexthops of a route, or finds them compiled.
func (db *Database) info4(r *Route, known map[infoKey]*info4) *info4 {
	key, share := infoKeyOf(r)
	if !share {
		return db.newInfo4(r)
	}
	in, ok := known[key]
	if !ok {
		in = db.newInfo4(r)
		known[key] = in
	}
	return in
}

// infos are those that routes can share, of Build and of changes.
type infos struct {
	mu    sync.Mutex
	known map[infoKey]*info4
}

// maxInfos bounds how many are known.
const maxInfos = 1 << 16

func (s *infos) get(key *infoKey) *info4 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[*key]
}

func (s *infos) put(key *infoKey, in *info4) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxInfos {
		s.known = map[infoKey]*info4{}
	}
	s.known[*key] = in
}

// infoKeyOf is the key of a route's info4, if other routes can share that.
func infoKeyOf(r *Route) (key infoKey, share bool) {
	if len(r.NextHops) > 1 {
		return key, false
	}
	key = infoKey{table: r.Table, scope: r.Scope, prefsrc: r.PrefSrc, local: r.Type == Local, nhid: r.NHID, n: len(r.NextHops)}
	if len(r.NextHops) == 1 && r.NextHops[0].Encap == nil {
		h := &r.NextHops[0]
		key.first = hopKey{h.Dev, h.Gateway, h.Weight, h.Flags, h.Realms}
	}
	return key, true
}

// newInfo4 compiles the nexthops of a route.
func (db *Database) newInfo4(r *Route) *info4 {
	in := &info4{scope: r.Scope, prefsrc: r.PrefSrc}
	if r.NHID != 0 {
		in.nh = db.objectOf(r)
	}
	in.hops = db.hops(r)
	in.dead = len(in.hops) > 0
	for i := range in.hops {
		in.dead = in.dead && in.hops[i].dead
	}
	if in.nh != nil {
		in.dead = false
	}
	setBounds(in.hops)
	return in
}

// leaf is a position in an LPM search with backtracking over one table, or over
// local and main while they are one trie (spec 3.5).
type leaf struct {
	tabs [2]*table4
	n    int
	max  int // the longest prefix length still to be looked at, -1 at the end
}

// next returns the aliases of the longest remaining prefix that covers dst, those
// of the first table first, and moves on.
func (l *leaf) next(dst netip.Addr) (first, second []alias, plen int) {
	if l.max < 0 {
		return nil, nil, -1
	}
	best := -1
	var got [2][]alias
	for i := 0; i < l.n; i++ {
		t := l.tabs[i]
		plen, s := t.trie.longest(dst, l.max)
		if s == nil || plen < best {
			continue
		}
		if plen > best {
			best, got = plen, [2][]alias{}
		}
		got[i] = s.aliases()
	}
	l.max = best - 1
	return got[0], got[1], best
}

// search prepares a search of a table. Until a rule was ever changed, local and
// main are one trie and either id finds both (fib_trie_unmerge).
func (db *Database) search(id uint32) (leaf, bool) {
	l := leaf{max: 32}
	if !db.custom4 && (id == TableLocal || id == TableMain) {
		for _, t := range [2]uint32{TableLocal, TableMain} {
			if tab := db.tables4.get(t); tab != nil {
				l.tabs[l.n] = tab
				l.n++
			}
		}
		return l, l.n > 0
	}
	if tab := db.tables4.get(id); tab != nil {
		l.tabs[0], l.n = tab, 1
	}
	return l, l.n > 0
}

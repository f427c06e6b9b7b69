package rpdb

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
)

// table4 is one IPv4 table: its aliases, in the kernel's order within a prefix, and a
// trie from a prefix to its span of them.
type table4 struct {
	id      uint32
	aliases []alias // of Build
	later   []alias // of changes; see appendShared
	used    *atomic.Int64
	trie    *trie[span]
}

// span is a range of aliases: of table4.aliases, or behind their number, of later.
type span struct{ from, to uint32 }

// of returns the aliases of a prefix.
func (t *table4) of(s span) []alias {
	if n := uint32(len(t.aliases)); s.from >= n {
		return t.later[s.from-n : s.to-n]
	}
	return t.aliases[s.from:s.to]
}

// defaults returns the aliases of 0.0.0.0/0 (of tb_num_default).
func (t *table4) defaults() []alias {
	if t.trie.zero == nil {
		return nil
	}
	return t.of(*t.trie.zero)
}

// size is the number of routes.
func (t *table4) size() (n int) {
	t.trie.all(func(s span) { n += int(s.to - s.from) })
	return n
}

// alias is a route of an IPv4 table (struct fib_alias): the route, and what it
// shares with others that have the same nexthops.
type alias struct {
	route *Route
	info  *info4
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
	infos := map[infoKey]*info4{}
	for _, id := range slices.Sorted(maps.Keys(byTable)) {
		rs := byTable[id]
		if !slices.IsSortedFunc(rs, compareAliases) {
			slices.SortStableFunc(rs, compareAliases)
		}
		t := &table4{id: id, aliases: make([]alias, len(rs)), trie: &trie[span]{}, used: new(atomic.Int64)}
		for i := 0; i < len(rs); {
			j := i
			for ; j < len(rs) && rs[j].Dst == rs[i].Dst; j++ {
				t.aliases[j] = alias{route: rs[j], info: db.info4(rs[j], infos)}
			}
			t.trie.set(rs[i].Dst, span{uint32(i), uint32(j)})
			i = j
		}
		db.tables4.add(id, t)
	}
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
func (db *Database) info4(r *Route, infos map[infoKey]*info4) *info4 {
	key, share := infoKeyOf(r)
	if !share {
		return db.newInfo4(r)
	}
	in, ok := infos[key]
	if !ok {
		in = db.newInfo4(r)
		infos[key] = in
	}
	return in
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
		plen, s, ok := t.trie.longest(dst, l.max)
		if !ok || plen < best {
			continue
		}
		if plen > best {
			best, got = plen, [2][]alias{}
		}
		got[i] = t.of(s)
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

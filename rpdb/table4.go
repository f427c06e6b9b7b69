package rpdb

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// table4 is one IPv4 table: its aliases in the kernel's order, and a trie from a
// prefix to its span of them.
type table4 struct {
	id       uint32
	aliases  []alias
	trie     *bart.Table[span]
	defaults int // aliases of 0.0.0.0/0 (tb_num_default)

	index  TableIndex // nil: the trie is searched
	places []place4   // what the index names
}

// span is a range of table4.aliases.
type span struct{ from, to uint32 }

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
	db.tables4 = make(map[uint32]*table4, len(byTable))
	for id, rs := range byTable {
		if !slices.IsSortedFunc(rs, compareAliases) {
			slices.SortStableFunc(rs, compareAliases)
		}
		t := &table4{id: id, aliases: make([]alias, len(rs)), trie: &bart.Table[span]{}}
		for i := 0; i < len(rs); {
			j := i
			for ; j < len(rs) && rs[j].Dst == rs[i].Dst; j++ {
				t.aliases[j] = alias{route: rs[j], info: db.info4(rs[j], infos)}
			}
			t.trie.Insert(rs[i].Dst, span{uint32(i), uint32(j)})
			if rs[i].Dst.Bits() == 0 {
				t.defaults = j - i
			}
			i = j
		}
		db.tables4[id] = t
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
	key := infoKey{table: r.Table, scope: r.Scope, prefsrc: r.PrefSrc, local: r.Type == Local, nhid: r.NHID, n: len(r.NextHops)}
	if len(r.NextHops) == 1 && r.NextHops[0].Encap == nil {
		h := &r.NextHops[0]
		key.first = hopKey{h.Dev, h.Gateway, h.Weight, h.Flags, h.Realms}
	}
	share := len(r.NextHops) < 2
	if share {
		if in, ok := infos[key]; ok {
			return in
		}
	}
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
	if share {
		infos[key] = in
	}
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
		plen, s, ok := t.longest(dst, l.max)
		if !ok || plen < best {
			continue
		}
		if plen > best {
			best, got = plen, [2][]alias{}
		}
		got[i] = t.aliases[s.from:s.to]
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
			if tab := db.tables4[t]; tab != nil {
				l.tabs[l.n] = tab
				l.n++
			}
		}
		return l, l.n > 0
	}
	if tab := db.tables4[id]; tab != nil {
		l.tabs[0], l.n = tab, 1
	}
	return l, l.n > 0
}

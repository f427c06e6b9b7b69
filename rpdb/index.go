package rpdb

import (
	"math"
	"net/netip"
	"slices"
)

// RuleIndex finds the rules of a family that a flow can match, so that a lookup need
// not go through all.
type RuleIndex interface {
	// Candidates returns, among others, every rule that matches the key. Rules are
	// named by their place in Database.Rules.
	Candidates(k Key) Candidates
}

// TableIndex finds the longest prefix of a table that covers an address, by the
// place that it had among the prefixes of the table (see Index). It must be safe
// for concurrent use.
type TableIndex interface {
	Lookup(addr netip.Addr) (place uint32, ok bool)
}

// Indexes makes the indexes of a Database. Either function may return nil where an
// index does not pay; rules are then walked one by one, and prefixes searched.
type Indexes struct {
	Rules func(f Family) RuleIndex
	Table func(f Family, table uint32, prefixes []netip.Prefix) TableIndex
}

// Index returns a Database that answers as this one does, and finds rules and
// routes by indexes where Lookup would search them. Walk still goes through every
// rule. The old one remains as it was, and shares its memory with the new one.
func (db *Database) Index(x Indexes) *Database {
	out := *db
	out.index4, out.index6 = x.Rules(IPv4), x.Rules(IPv6)
	out.low4 = make([]*table4, 256)
	out.tables4 = make(map[uint32]*table4, len(db.tables4))
	for id, t := range db.tables4 {
		out.tables4[id] = t.indexed(x)
		if id < uint32(len(out.low4)) {
			out.low4[id] = out.tables4[id]
		}
	}
	out.six.tables = make(map[uint32]*table6, len(db.six.tables))
	for id, t := range db.six.tables {
		out.six.tables[id] = t.indexed(id, x)
	}
	return &out
}

// place4 is what stands at a place of an index of an IPv4 table.
type place4 struct {
	span
	plen  uint8
	plain bool // every key without oif takes the one route, unless its scope is too wide
}

// plain reports whether some aliases are one that only its scope can exclude from
// an answer.
func plain(as []alias) bool {
	r, in := as[0].route, as[0].info
	return len(as) == 1 && r.TOS == 0 && r.Type.Err() == OK && !in.dead && in.nh == nil &&
		len(in.hops) > 0 && !in.hops[0].dead && !in.hops[0].ignored
}

// lookupPlain4 is lookupTable4 for what needs no search: a prefix with one plain
// route, and where no prefix covers. ok is false for all else.
func (db *Database) lookupPlain4(id uint32, k *Key, res *found4) (err Errno, ok bool) {
	if !db.custom4 || k.OIF != 0 {
		return OK, false
	}
	var t *table4
	if id < uint32(len(db.low4)) {
		t = db.low4[id]
	} else {
		t = db.tables4[id]
	}
	if t == nil || t.index == nil {
		return OK, false
	}
	i, found := t.index.Lookup(k.Dst)
	if !found {
		return EAGAIN, true
	}
	p := &t.places[i]
	a := &t.aliases[p.from]
	if !p.plain || a.info.scope < k.Scope {
		return OK, false
	}
	res.choose(a, &a.info.hops[0], 0)
	res.table, res.plen = id, int(p.plen)
	return OK, true
}

func (t *table4) indexed(x Indexes) *table4 {
	prefixes := make([]netip.Prefix, 0, t.trie.Size())
	places := make([]place4, 0, t.trie.Size())
	for i := 0; i < len(t.aliases); {
		dst := t.aliases[i].route.Dst
		s, _ := t.trie.Get(dst)
		prefixes = append(prefixes, dst)
		places = append(places, place4{s, uint8(dst.Bits()), plain(t.aliases[s.from:s.to])})
		i = int(s.to)
	}
	return &table4{
		id: t.id, aliases: t.aliases, trie: t.trie, defaults: t.defaults,
		index: x.Table(IPv4, t.id, prefixes), places: places,
	}
}

// longest finds the longest prefix of at most max bits that covers an address, and
// its aliases.
func (t *table4) longest(dst netip.Addr, limit int) (plen int, s span, ok bool) {
	if t.index == nil || limit < 32 {
		p, s, ok := t.trie.LookupPrefixLPM(netip.PrefixFrom(dst, limit))
		return p.Bits(), s, ok
	}
	i, ok := t.index.Lookup(dst)
	if !ok {
		return 0, span{}, false
	}
	p := &t.places[i]
	return int(p.plen), p.span, true
}

// place6 is what stands at a place of an index of an IPv6 table.
type place6 struct {
	node *node6
	plen int
}

func (t *table6) indexed(id uint32, x Indexes) *table6 {
	out := &table6{nodes: t.nodes, size: t.size}
	var prefixes []netip.Prefix
	for p, n := range t.nodes.AllSorted() {
		prefixes = append(prefixes, p)
		out.places = append(out.places, place6{n, p.Bits()})
	}
	out.index = x.Table(IPv6, id, prefixes)
	return out
}

// ruleIndex returns the index of a family's rules, nil if there is none.
func (db *Database) ruleIndex(f Family) RuleIndex {
	if f == IPv6 {
		return db.index6
	}
	return db.index4
}

// MaxCandidates is the number of lists that Candidates has room for.
const MaxCandidates = 16

// Candidates is the union of some ascending lists of rules. The zero value is empty.
type Candidates struct {
	lists [MaxCandidates][]int32
	n     int
}

// Add adds an ascending list, which must not change afterwards. It panics if there
// are more than MaxCandidates.
func (c *Candidates) Add(list []int32) {
	if len(list) > 0 {
		c.lists[c.n] = list
		c.n++
	}
}

// Next returns the first rule from a place on, -1 if there is none. The place must
// not be less than in the call before.
func (c *Candidates) Next(from int) int {
	first := int32(math.MaxInt32)
	for i := 0; i < c.n; {
		l := c.lists[i]
		if l[0] < int32(from) {
			if l = after(l[1:], int32(from)); len(l) == 0 {
				c.n--
				c.lists[i] = c.lists[c.n]
				continue
			}
			c.lists[i] = l
		}
		first = min(first, l[0])
		i++
	}
	if first == math.MaxInt32 {
		return -1
	}
	return int(first)
}

// after drops the numbers below from.
func after(l []int32, from int32) []int32 {
	for n := 0; n < len(l) && n < 4; n++ {
		if l[n] >= from {
			return l[n:]
		}
	}
	at, _ := slices.BinarySearch(l, from)
	return l[at:]
}

package rpdb

import (
	"math"
	"net/netip"
	"slices"
)

// Finder answers the lookups of one family that need no search, and finds the rules
// that the others can match. Package fib makes them. They must be safe for
// concurrent use.
type Finder interface {
	// Find makes a lookup through the rules. ok is false for a key that it leaves to
	// the Database.
	Find(k Key) (h Hit, ok bool)
	// Candidates returns, among others, every rule that matches the key and has an
	// effect.
	Candidates(k Key) Candidates
}

// Hit is what a Finder finds.
type Hit struct {
	Err   Errno
	Rule  int    // place of the deciding rule, -1 for none
	Table int    // place of the table in Database.Tables, -1: no route decided
	Place uint32 // of the route in the table, see Entry
	Way   *Way   // of Entry at that place
}

// WithFinders returns a Database that answers as this one does, and asks finders
// first. Walk still goes through every rule. The old one remains as it was, and
// shares its memory with the new one. A nil Finder finds nothing.
func (db *Database) WithFinders(four, six Finder) *Database {
	out := *db
	out.SetFinders(four, six)
	return &out
}

// SetFinders is WithFinders for a Database that nobody else has seen, such as one that
// With returned.
func (db *Database) SetFinders(four, six Finder) { db.finders = [2]Finder{four, six} }

// finder returns the finder of a family, nil if there is none.
func (db *Database) finder(f Family) Finder {
	if f == IPv6 {
		return db.finders[1]
	}
	return db.finders[0]
}

// tableSet holds the tables of a family. A table keeps its place for good.
type tableSet[T any] struct {
	places map[uint32]int // by id; never changed once it is read
	list   []*T
}

// get returns a table, nil if there is none with the id.
func (s *tableSet[T]) get(id uint32) *T {
	if i, ok := s.places[id]; ok {
		return s.list[i]
	}
	return nil
}

func (s *tableSet[T]) add(id uint32, t *T) {
	if s.places == nil {
		s.places = map[uint32]int{}
	}
	s.places[id] = len(s.list)
	s.list = append(s.list, t)
}

// Tables returns the place of every table of a family that has or had routes, by its
// id. It must not be changed.
func (db *Database) Tables(f Family) map[uint32]int {
	if f == IPv6 {
		return db.six.tables.places
	}
	return db.tables4.places
}

// EntryKind tells how far a prefix of a table decides by itself.
type EntryKind uint8

const (
	// EntryRoute: one route takes every key that has no oif, no scope and (IPv6) may
	// leave by any device, on its first leg.
	EntryRoute EntryKind = iota
	// EntryError: one route ends the lookup of every key without scope with the
	// error of its type.
	EntryError
	// EntryOther: only a lookup tells.
	EntryOther
	// EntryNone: the prefix is not there.
	EntryNone
)

// Entry is a prefix of a table.
type Entry struct {
	Prefix netip.Prefix
	Kind   EntryKind
	// Place is that of the prefix in the table. It stays while the routes of the prefix
	// change, unless they are those of Build. Once the prefix is gone, a place that is
	// not of Build gets to be that of another.
	Place uint32
	Route *Route
	// Way stands for the one route of the prefix, if it came after Build.
	Way *Way
}

// Way is a route as a Database looks at it.
type Way = alias

// Route returns the route itself.
func (w *Way) Route() *Route { return w.route }

// Entry returns what a table has for a prefix.
func (db *Database) Entry(f Family, table int, p netip.Prefix) Entry {
	if f == IPv6 {
		if n := db.six.tables.list[table].nodes.get(p); n != nil {
			return db.entry6(n)
		}
	} else if n := db.tables4.list[table].trie.get(p); n != nil {
		return db.tables4.list[table].entry(p, n)
	}
	return Entry{Prefix: p, Kind: EntryNone}
}

// EntryAround returns what a table has for the longest prefix around p that is not p
// itself.
func (db *Database) EntryAround(f Family, table int, p netip.Prefix) Entry {
	if f == IPv6 {
		if _, n := db.six.tables.list[table].nodes.longest(p.Addr(), p.Bits()-1); n != nil {
			return db.entry6(n)
		}
	} else if plen, n := db.tables4.list[table].trie.longest(p.Addr(), p.Bits()-1); n != nil {
		return db.tables4.list[table].entry(netip.PrefixFrom(p.Addr(), plen).Masked(), n)
	}
	return Entry{Prefix: p, Kind: EntryNone}
}

// OnlyDefault returns the default entry of a table, if it has no other.
func (db *Database) OnlyDefault(f Family, table int) (e Entry, ok bool) {
	if f == IPv6 {
		t := db.six.tables.list[table].nodes
		if t.size != 1 {
			return e, false
		}
		n := t.get(netip.PrefixFrom(f.Zero(), 0))
		if n == nil {
			return e, false
		}
		return db.entry6(n), true
	}
	t := db.tables4.list[table]
	if t.trie.size != 1 {
		return e, false
	}
	n := t.trie.get(netip.PrefixFrom(f.Zero(), 0))
	if n == nil {
		return e, false
	}
	return t.entry(n.one[0].route.Dst, n), true
}

// Prefixes is the number of prefixes of the table at a place of Tables.
func (db *Database) Prefixes(f Family, table int) int {
	if f == IPv6 {
		return db.six.tables.list[table].nodes.size
	}
	return db.tables4.list[table].trie.size
}

// Entries lists the prefixes of the table at a place of Tables, in any order.
func (db *Database) Entries(f Family, table int) []Entry {
	if f == IPv6 {
		return db.six.tables.list[table].entries(db)
	}
	return db.tables4.list[table].entries()
}

func (t *table4) entries() []Entry {
	out := make([]Entry, 0, t.trie.size)
	t.trie.all(func(n *node4) { out = append(out, t.entry(n.one[0].route.Dst, n)) })
	return out
}

func (t *table4) entry(p netip.Prefix, n *node4) Entry {
	a := &n.one[0]
	e := Entry{Prefix: p, Kind: EntryOther, Place: n.place, Route: a.route}
	if n.more == nil {
		e.Kind = a.kind()
	}
	if int(n.place) >= len(t.built) {
		e.Way = a
	}
	return e
}

// kind is what the only alias of a prefix does.
func (a *alias) kind() EntryKind {
	hops := a.info.paths()
	switch {
	case a.tos != 0 || a.info.dead || a.info.nh != nil && a.info.nh.blackhole:
	case a.typ.Err() == EAGAIN:
	case a.typ.Err() != OK:
		return EntryError
	case len(hops) > 0 && !hops[0].dead && !hops[0].ignored:
		return EntryRoute
	}
	return EntryOther
}

// hit4 is the result that a Finder found. The one route of a prefix has no tos.
func (db *Database) hit4(h *Hit) (Errno, found4) {
	res := found4{rule: h.Rule}
	if h.Table >= 0 {
		t := db.tables4.list[h.Table]
		a := h.Way
		if a == nil {
			a = &t.built[h.Place].one[0]
		}
		res.choose(a, nil, -1)
		if h.Err == OK {
			res.choose(a, &a.info.paths()[0], 0)
		}
		res.table, res.plen = t.id, a.route.Dst.Bits()
		if !db.custom4 && t.id == TableLocal {
			res.table = TableMain
		}
	}
	return h.Err, res
}

func (t *table6) entries(db *Database) []Entry {
	out := make([]Entry, 0, t.nodes.size)
	t.nodes.all(func(n *node6) { out = append(out, db.entry6(n)) })
	return out
}

func (db *Database) entry6(n *node6) Entry {
	e := Entry{Prefix: n.prefix, Kind: EntryOther, Place: n.place, Route: n.only()}
	if e.Route != nil {
		e.Kind = db.kind6(e.Route)
	}
	if n.way.route != nil {
		e.Way = &n.way
	}
	return e
}

// kind6 is what the only route of a prefix does.
func (db *Database) kind6(r *Route) EntryKind {
	if r.NHID != 0 || r.Siblings != nil || len(r.NextHops) != 1 || r.Expires.Set {
		return EntryOther
	}
	l := db.leg6(r, nil, 0)
	if l.flags&(NHDead|NHLinkDown) != 0 || l.dev == nil || l.dev.NoInet6 || l.gw.IsValid() && db.neighFailed(l.oif, l.gw) {
		return EntryOther
	}
	switch rejects(&pick6{route: r}, l.dev) {
	case OK:
		return EntryRoute
	case EAGAIN:
		return EntryOther
	}
	return EntryError
}

// hit6 makes a result that a Finder found its own.
func (l *look6) hit6(h *Hit) Errno {
	l.res.rule, l.res.route = h.Rule, nil
	if h.Table >= 0 {
		t := l.db.six.tables.list[h.Table]
		var r *Route
		if h.Way != nil {
			r = h.Way.route
		} else {
			r = t.built[h.Place]
		}
		l.res.pick6, l.res.table = pick6{route: r}, t.id
		l.res.hop = l.db.leg6(r, nil, 0)
	}
	return h.Err
}

// MaxCandidates is the number of lists that Candidates has room for.
const MaxCandidates = 16

// Candidates is the union of some ascending lists of rules, which are named by their
// place in Database.Rules. The zero value is empty.
type Candidates struct {
	lists [MaxCandidates][]int32
	n     int
	// Places has the places of the rules that the lists name, ascending in each list
	// but for -1, which stands for a rule that is gone; nil if they are the places.
	Places []int32
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
		l := c.from(c.lists[i], int32(from))
		if len(l) == 0 {
			c.n--
			c.lists[i] = c.lists[c.n]
			continue
		}
		c.lists[i] = l
		place := l[0]
		if c.Places != nil {
			place = c.Places[place]
		}
		first = min(first, place)
		i++
	}
	if first == math.MaxInt32 {
		return -1
	}
	return int(first)
}

// from drops the rules before a place.
func (c *Candidates) from(l []int32, from int32) []int32 {
	if c.Places != nil {
		for len(l) > 0 && c.Places[l[0]] < from {
			l = l[1:]
		}
		return l
	}
	for n := 0; n < len(l) && n < 4; n++ {
		if l[n] >= from {
			return l[n:]
		}
	}
	at, _ := slices.BinarySearch(l, from)
	return l[at:]
}

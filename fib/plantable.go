package fib

import (
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/rpdb"
)

// planTable is a routing table compiled for lookups: prefixes with ids that tell the
// kind of an entry and the place of its route. It changes while it is read: an id may
// be that of one version or of the next, and its route is there in either case.
type planTable struct {
	id     uint32
	at     int           // its place
	live   liveArrays    // current is never nil
	kept   bool          // live can be changed
	base   []rpdb.Route  // the routes at the first places, where they stand in one row
	refs   []*rpdb.Route // or else so
	later  atomic.Pointer[ways]
	spread map[netip.Prefix]bool // those that rules may stand under; nil: they are too many
}

// ways are the routes of changes, by their places behind the others.
type ways []atomic.Pointer[rpdb.Way]

func (t *planTable) lookup(a netip.Addr) (id uint32) {
	id, _ = t.live.current.Load().Lookup(a)
	return id
}

// An id of a table's LPM has the kind of the entry above the place of its route.
const (
	kindShift = 28
	placeMask = 1<<kindShift - 1
)

func idOf(e *rpdb.Entry) uint32 {
	if e.Kind == rpdb.EntryOther {
		return uint32(rpdb.EntryOther) << kindShift
	}
	return uint32(e.Kind)<<kindShift | e.Place
}

// route returns the route at a place.
func (t *planTable) route(place uint32) *rpdb.Route {
	if uint(place) < uint(len(t.base)) {
		return &t.base[place]
	}
	if uint(place) < uint(len(t.refs)) {
		return t.refs[place]
	}
	return t.way(place).Route()
}

// way returns the route at a place if it is one of a change, else nil.
func (t *planTable) way(place uint32) *rpdb.Way {
	i := int(place) - len(t.base) - len(t.refs) // one is empty
	if i < 0 {
		return nil
	}
	return (*t.later.Load())[i].Load()
}

// put sets what the table has for a prefix. There is one writer.
func (t *planTable) put(db *rpdb.Database, f rpdb.Family, e *rpdb.Entry) error {
	if e.Place > placeMask {
		return fmt.Errorf("table %d: more than %d routes", t.id, placeMask)
	}
	if e.Way != nil {
		t.learn(int(e.Place)-len(t.base)-len(t.refs), e.Way)
	}
	if !t.kept {
		t.kept = true
		return t.live.fill(idsOf(db.Entries(f, t.at)))
	}
	c := changeOf(e.Prefix)
	if e.Kind != rpdb.EntryNone {
		c.answer = answer{idOf(e) + 1, uint8(e.Prefix.Bits())}
	} else if around := db.EntryAround(f, t.at, e.Prefix); around.Kind != rpdb.EntryNone {
		c.answer = answer{idOf(&around) + 1, uint8(around.Prefix.Bits())}
	}
	n := db.Prefixes(f, t.at)
	if n > maxEntries {
		return fmt.Errorf("table %d: more than %d prefixes", t.id, maxEntries)
	}
	t.live.change(&c, f == rpdb.IPv4, n, func() []Entry { return idsOf(db.Entries(f, t.at)) })
	return nil
}

func idsOf(entries []rpdb.Entry) []Entry {
	ids := make([]Entry, len(entries))
	for i := range entries {
		ids[i] = Entry{entries[i].Prefix, idOf(&entries[i])}
	}
	return ids
}

// learn notes the i-th route of changes. A reader that still has an old list finds in
// it what was true before the change.
func (t *planTable) learn(i int, w *rpdb.Way) {
	var now ways
	if old := t.later.Load(); old != nil {
		now = *old
	}
	if i >= len(now) {
		more := make(ways, max(2*len(now), i+1, 8))
		for j := range now {
			more[j].Store(now[j].Load())
		}
		now = more
		t.later.Store(&now)
	}
	now[i].Store(w)
}

// maxSpread is the number of prefixes of a table that a rule may stand under.
const maxSpread = 1024

// newTable compiles a table. row are the routes of the state from the table's first
// on. keep tells that it will be changed; one that was not kept can be, at the cost of
// compiling it again.
func newTable(db *rpdb.Database, f rpdb.Family, id uint32, place int, row []rpdb.Route, keep bool) (*planTable, error) {
	entries := db.Entries(f, place)
	t := &planTable{id: id, at: place, kept: keep}
	routes := uint32(0)
	for i := range entries {
		e := &entries[i]
		if e.Place > placeMask {
			return nil, fmt.Errorf("table %d of %s: more than %d routes", id, f, placeMask)
		}
		if e.Way == nil && e.Kind != rpdb.EntryOther {
			routes = max(routes, e.Place+1)
		}
	}
	if inRow(entries, row) {
		t.base = row[:routes]
	} else {
		t.refs = make([]*rpdb.Route, routes)
		for i := range entries {
			if e := &entries[i]; e.Way == nil && e.Kind != rpdb.EntryOther {
				t.refs[e.Place] = e.Route
			}
		}
	}
	for i := range entries {
		if e := &entries[i]; e.Way != nil {
			t.learn(int(e.Place-routes), e.Way)
		}
	}
	if len(entries) <= maxSpread {
		t.spread = make(map[netip.Prefix]bool, len(entries))
		for i := range entries {
			t.spread[entries[i].Prefix] = true
		}
	}
	if keep {
		if err := t.live.fill(idsOf(entries)); err != nil {
			return nil, fmt.Errorf("table %d of %s: %w", id, f, err)
		}
		return t, nil
	}
	lpm, err := NewLPM(idsOf(entries))
	if err != nil {
		return nil, fmt.Errorf("table %d of %s: %w", id, f, err)
	}
	t.live.current.Store(lpm)
	return t, nil
}

// inRow reports whether each route stands at its place in a row.
func inRow(entries []rpdb.Entry, row []rpdb.Route) bool {
	for i := range entries {
		e := &entries[i]
		if e.Way == nil && e.Kind != rpdb.EntryOther && (int(e.Place) >= len(row) || &row[e.Place] != e.Route) {
			return false
		}
	}
	return true
}

// rows returns the routes of a state from the first of each table on.
func rows(st *rpdb.State, f rpdb.Family) map[uint32][]rpdb.Route {
	out := map[uint32][]rpdb.Route{}
	last, known := uint32(0), false
	for i := range st.Routes {
		r := &st.Routes[i]
		if r.Family != f || known && r.Table == last {
			continue
		}
		last, known = r.Table, true
		if _, ok := out[r.Table]; !ok {
			out[r.Table] = st.Routes[i:]
		}
	}
	return out
}

// tableCell is what the lookups of a table need to know if a default route is all that it
// has, so that many such tables stay in the cache.
type tableCell struct {
	id    atomic.Uint32 // of 0.0.0.0/0 or ::/0; varies: the table has to be asked
	table uint32        // its id
	route atomic.Pointer[rpdb.Route]
}

const varies = NoRoute

// set makes the cell that of a table as it is.
func (c *tableCell) set(db *rpdb.Database, f rpdb.Family, t *planTable) {
	id := varies
	if e, ok := db.OnlyDefault(f, t.at); ok && e.Kind != rpdb.EntryOther {
		c.route.Store(e.Route)
		id = idOf(&e)
	}
	c.id.Store(id)
}

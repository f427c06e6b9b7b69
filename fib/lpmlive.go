package fib

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/gaissmai/bart"
)

// LiveLPM is an [LPM] whose prefixes change while others look addresses up. Readers
// take no lock and never wait; writers wait for each other. What a reader is told of
// an address was true at some moment of its call, and once a change has returned,
// every call that begins sees it. Looking up costs what it costs in an LPM, and
// allocates nothing.
//
// A change costs about a microsecond, more for a prefix that covers many others, and
// a new compilation when the table outgrows its array. Beside the arrays of an LPM,
// which have a quarter as much room again, it takes some 30 bytes a prefix, which readers
// do not touch. Now and then the arrays are copied, a piece with every change.
//
// The zero LiveLPM is empty and ready for use.
type LiveLPM struct {
	current atomic.Pointer[LPM]

	writer    sync.Mutex
	book      bart.Table[uint32] // every prefix, also those that longer ones hide
	four, six liveTable
}

// NewLiveLPM makes a table of some entries, as [NewLPM] does.
func NewLiveLPM(entries []Entry) (*LiveLPM, error) {
	l := new(LiveLPM)
	if err := l.fill(entries); err != nil {
		return nil, err
	}
	return l, nil
}

// fill makes a table have some entries and no others. There is no other writer.
func (l *LiveLPM) fill(entries []Entry) error {
	n4, err := check(entries)
	if err != nil {
		return err
	}
	l.book = bart.Table[uint32]{}
	for _, e := range entries {
		l.book.Insert(e.Prefix.Masked(), e.ID)
	}
	l.four, l.six = compileBoth(entries, n4, true)
	l.publish()
	return nil
}

// Lookup is [LPM.Lookup].
func (l *LiveLPM) Lookup(addr netip.Addr) (id uint32, ok bool) {
	t := l.current.Load()
	if t == nil {
		return NoRoute, false
	}
	return t.Lookup(addr)
}

// LookupBatch is [LPM.LookupBatch]. Changes that are made meanwhile may show in some
// of the ids and not in others.
func (l *LiveLPM) LookupBatch(addrs []netip.Addr, ids []uint32) {
	t := l.current.Load()
	if t == nil {
		t = new(LPM)
	}
	t.LookupBatch(addrs, ids)
}

// Insert adds a prefix or gives it another id. It fails as [NewLPM] does for one
// entry, or for one too many.
func (l *LiveLPM) Insert(p netip.Prefix, id uint32) error {
	if err := (Entry{p, id}).check(); err != nil {
		return fmt.Errorf("fib: %w", err)
	}
	l.writer.Lock()
	defer l.writer.Unlock()
	p = p.Masked()
	if l.book.Size() >= maxEntries && !has(&l.book, p) {
		return fmt.Errorf("fib: a table has at most %d prefixes", maxEntries)
	}
	l.book.Insert(p, id)
	l.apply(p, id+1, p.Bits())
	return nil
}

func has(book *bart.Table[uint32], p netip.Prefix) bool {
	_, ok := book.Get(p)
	return ok
}

// Delete removes a prefix. It reports whether the table had it.
func (l *LiveLPM) Delete(p netip.Prefix) bool {
	l.writer.Lock()
	defer l.writer.Unlock()
	p = p.Masked()
	had := false
	l.book.Modify(p, func(_ uint32, ok bool) (_ uint32, remove bool) {
		had = ok
		return 0, true
	})
	if !had {
		return false
	}
	if around, id, ok := l.book.LookupPrefixLPM(p); ok {
		l.apply(p, id+1, around.Bits())
	} else {
		l.apply(p, 0, 0)
	}
	return true
}

// Get returns the id of a prefix itself.
func (l *LiveLPM) Get(p netip.Prefix) (id uint32, ok bool) {
	l.writer.Lock()
	defer l.writer.Unlock()
	return l.book.Get(p.Masked())
}

// Len returns the number of prefixes.
func (l *LiveLPM) Len() int {
	l.writer.Lock()
	defer l.writer.Unlock()
	return l.book.Size()
}

// Bytes is the memory that readers look into.
func (l *LiveLPM) Bytes() int {
	if t := l.current.Load(); t != nil {
		return t.Bytes()
	}
	return 0
}

// apply gives the addresses of a prefix the leaf of an owner, in the arrays that are
// read. The book has the change.
func (l *LiveLPM) apply(p netip.Prefix, leaf uint32, owner int) {
	is4 := p.Addr().Is4()
	t, n := &l.six, l.book.Size6()
	c := change{length: uint(p.Bits()), answer: answer{leaf, uint8(owner)}}
	if is4 {
		t, n = &l.four, l.book.Size4()
		c.addr.hi = uint64(key4(p.Addr())) << 32
	} else {
		c.addr = key6(p.Addr())
	}
	if !t.fits(&c) || directBits(n, t.skip) > t.bits || directBits(8*n, t.skip) < t.bits {
		*t = l.compile(is4, n)
		l.publish()
		return
	}
	if next := t.apply(&c); next != t {
		*t = *next
		l.publish()
	}
}

// compile makes the table of a family anew.
func (l *LiveLPM) compile(is4 bool, n int) liveTable {
	if n == 0 {
		return liveTable{}
	}
	all, sorted := l.book.AllSorted6(), sorted6
	if is4 {
		all, sorted = l.book.AllSorted4(), sorted4
	}
	entries := make([]Entry, 0, n)
	for p, id := range all {
		entries = append(entries, Entry{p, id})
	}
	return build(sorted(entries, n), is4, true)
}

func (l *LiveLPM) publish() { l.current.Store(&LPM{l.four.table, l.six.table}) }

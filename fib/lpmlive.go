package fib

import (
	"fmt"
	"net/netip"
	"sync"

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
	liveArrays
	writer sync.Mutex
	book   bart.Table[uint32] // every prefix, also those that longer ones hide
}

// NewLiveLPM makes a table of some entries, as [NewLPM] does.
func NewLiveLPM(entries []Entry) (*LiveLPM, error) {
	l := new(LiveLPM)
	if err := l.fill(entries); err != nil {
		return nil, err
	}
	for _, e := range entries {
		l.book.Insert(e.Prefix.Masked(), e.ID)
	}
	return l, nil
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

// apply gives the addresses of a prefix the leaf of an owner. The book has the change.
func (l *LiveLPM) apply(p netip.Prefix, leaf uint32, owner int) {
	c := changeOf(p)
	c.answer = answer{leaf, uint8(owner)}
	is4, n := p.Addr().Is4(), l.book.Size6()
	if is4 {
		n = l.book.Size4()
	}
	l.change(&c, is4, n, func() []Entry { return l.entries(is4, n) })
}

// entries lists the n entries of a family.
func (l *LiveLPM) entries(is4 bool, n int) []Entry {
	all := l.book.AllSorted6()
	if is4 {
		all = l.book.AllSorted4()
	}
	out := make([]Entry, 0, n)
	for p, id := range all {
		out = append(out, Entry{p, id})
	}
	return out
}

package fib

import (
	"net/netip"
	"sync/atomic"
)

// liveArrays are an LPM that changes while it is read. Its one writer tells it what the
// addresses of a prefix are to get, and keeps the prefixes.
type liveArrays struct {
	current   atomic.Pointer[LPM]
	four, six liveTable
}

// fill makes the arrays those of some entries.
func (l *liveArrays) fill(entries []Entry) error {
	n4, err := check(entries)
	if err != nil {
		return err
	}
	l.four, l.six = compileBoth(entries, n4, true)
	l.publish()
	return nil
}

// changeOf returns a change of the addresses of a prefix, without an answer.
func changeOf(p netip.Prefix) change {
	c := change{length: uint(p.Bits())}
	if p.Addr().Is4() {
		c.addr.hi = uint64(key4(p.Addr())) << 32
	} else {
		c.addr = key6(p.Addr())
	}
	return c
}

// change makes a change of a family that has n prefixes with it. all lists them.
func (l *liveArrays) change(c *change, is4 bool, n int, all func() []Entry) {
	t := &l.six
	if is4 {
		t = &l.four
	}
	if !t.fits(c) || directBits(n, t.skip) > t.bits || directBits(8*n, t.skip) < t.bits {
		*t = liveTable{}
		if n > 0 {
			sorted := sorted6
			if is4 {
				sorted = sorted4
			}
			*t = build(sorted(all(), n), is4, true)
		}
		l.publish()
		return
	}
	if next := t.apply(c); next != t {
		*t = *next
		l.publish()
	}
}

func (l *liveArrays) publish() { l.current.Store(&LPM{l.four.table, l.six.table}) }

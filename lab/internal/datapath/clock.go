package datapath

import (
	"sync"
	"time"
)

// Clock tells the time of a world.
type Clock interface{ Now() time.Time }

// Virtual is a clock that stands still while something happens in its world, and jumps
// to the next thing that waits for time when nothing does.
type Virtual struct {
	mu  sync.Mutex
	now time.Time
}

// NewVirtual returns a virtual clock that shows a time.
func NewVirtual(start time.Time) *Virtual { return &Virtual{now: start} }

// Now returns the time.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *Virtual) advance(to time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if to.After(v.now) {
		v.now = to
	}
}

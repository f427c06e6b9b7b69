package datapath

import (
	"sync"
	"time"
)

// Clock tells the time of a world.
type Clock interface{ Now() time.Time }

// Standing is a clock that can stand: then the engine moves it, to the next thing that
// waits for time, when nothing happens in the world.
type Standing interface {
	Clock
	Stands() bool
	Advance(to time.Time)
}

// Virtual is a Standing clock that always stands.
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

// Stands implements Standing.
func (v *Virtual) Stands() bool { return true }

// Advance implements Standing.
func (v *Virtual) Advance(to time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if to.After(v.now) {
		v.now = to
	}
}

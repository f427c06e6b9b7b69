package lab

import (
	"sync"
	"time"
)

// clock is the clock of a world: that of the machine, unless it is virtual ([Server.StandStill])
// or a saved world is made again: then it stands where it was set to.
type clock struct {
	born time.Time // what it showed when the world began

	mu    sync.Mutex
	at    time.Time // what it showed at since
	since time.Time // zero: it stands
}

func newClock() *clock {
	now := time.Now()
	return &clock{born: now, at: now, since: now}
}

// Now returns the time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return c.at
	}
	return c.at.Add(time.Since(c.since))
}

// elapse lets the clock stand at a time since the world began.
func (c *clock) elapse(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.since = c.born.Add(d), time.Time{}
}

// run lets it go on from where it stands.
func (c *clock) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now()
}

// stand lets it stand where it is.
func (c *clock) stand() { c.elapse(c.Now().Sub(c.born)) }

// Stands tells whether it stands; it implements datapath.Standing.
func (c *clock) Stands() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since.IsZero()
}

// Advance sets a clock that stands to a later time.
func (c *clock) Advance(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() && to.After(c.at) {
		c.at = to
	}
}

package conformance

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/netns"
)

// manualClock is a clock that stands until it is set.
type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// TestReplay plays half of a random program in one world, makes that world again from
// its journal, and plays the other half in both: all answers and notifications must be
// the same.
func TestReplay(t *testing.T) {
	const programs = 60
	for i := range reqAreas {
		for n := range uint64(programs) {
			p := drawProgram(&reqAreas[i], 77, n)
			if err := replays(p); err != nil {
				t.Errorf("area %s, program %d: %v", p.area, n, err)
			}
		}
	}
}

func replays(p *reqProgram) error {
	var journal []netns.Change
	born := time.Unix(1_700_000_000, 0)
	clock := &manualClock{now: born}
	a := newEmulated(netns.Config{Clock: clock.Now, Journal: func(c netns.Change) {
		c.Data = bytes.Clone(c.Data)
		journal = append(journal, c)
	}})
	defer func() { _ = a.Close() }()
	half := len(p.steps) / 2
	for i := range half {
		clock.set(clock.Now().Add(7 * time.Millisecond))
		if _, err := perform(a, &p.steps[i]); err != nil {
			return err
		}
	}
	again := &manualClock{now: born}
	w := netns.NewWorld(netns.Config{Clock: again.Now})
	b := &emulated{}
	for _, c := range journal {
		again.set(born.Add(c.At))
		made, err := w.Replay(c)
		if err != nil {
			return err
		}
		if made != nil {
			b.ns = made
		}
	}
	b.open()
	defer func() { _ = b.Close() }()
	for i := half; i < len(p.steps); i++ {
		s := &p.steps[i]
		clock.set(clock.Now().Add(7 * time.Millisecond))
		again.set(clock.Now())
		x, err := perform(a, s)
		if err != nil {
			return err
		}
		y, err := perform(b, s)
		if err != nil {
			return err
		}
		if x.err != y.err || diffLists(x.answers, y.answers) != "" || diffLists(x.notes, y.notes) != "" {
			return fmt.Errorf("step %d differs: %v", i, differences(s, &x, &y))
		}
	}
	return nil
}

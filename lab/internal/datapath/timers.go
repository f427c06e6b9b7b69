package datapath

import (
	"container/heap"
	"time"
)

// timer is a call that waits for its time.
type timer struct {
	at    time.Time
	order uint64 // of timers of one time
	f     func()
	place int  // in the heap, -1: not in it
	idle  bool // nobody waits for it: a clock that stands does not jump for its sake
}

// timers are a heap, the next one first.
type timers []*timer

func (t timers) Len() int { return len(t) }

func (t timers) Less(i, j int) bool {
	if t[i].at.Equal(t[j].at) {
		return t[i].order < t[j].order
	}
	return t[i].at.Before(t[j].at)
}

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

// Push and Pop are for package heap.
func (t *timers) Push(x any) {
	x.(*timer).place = len(*t)
	*t = append(*t, x.(*timer))
}

// Pop is for package heap.
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	x.place = -1
	return x
}

// after has the event loop call f when d has passed on the world's clock. It may be
// called from any goroutine; stop reports whether it prevented the call.
func (e *Engine) after(d time.Duration, f func()) (stop func() bool) {
	return e.schedule(&timer{at: e.clock.Now().Add(d), f: f, place: -1})
}

// afterIdly is after for what goes on for ever: a clock that stands goes past it when it
// jumps to something else, but does not jump for its sake.
func (e *Engine) afterIdly(d time.Duration, f func()) (stop func() bool) {
	return e.schedule(&timer{at: e.clock.Now().Add(d), f: f, place: -1, idle: true})
}

func (e *Engine) schedule(t *timer) (stop func() bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return func() bool { return false }
	}
	e.timed++
	t.order = e.timed
	heap.Push(&e.timers, t)
	if !t.idle {
		e.waited++
	}
	if t.place == 0 || !t.idle && e.waited == 1 { // the first that a clock that stands jumps for
		e.poke()
	}
	return func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		if t.place < 0 {
			return false
		}
		heap.Remove(&e.timers, t.place)
		e.forget(t)
		return true
	}
}

// AfterFunc calls f on a goroutine of its own when d has passed on the world's clock.
func (e *Engine) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return e.after(d, func() { e.start(f) })
}

// due takes the timers out whose time has come. The caller holds mu.
func (e *Engine) due(now time.Time) (calls []func()) {
	for len(e.timers) > 0 && !e.timers[0].at.After(now) {
		t := heap.Pop(&e.timers).(*timer)
		e.forget(t)
		calls = append(calls, t.f)
	}
	return calls
}

// forget notes that a timer left the heap. The caller holds mu.
func (e *Engine) forget(t *timer) {
	if !t.idle {
		e.waited--
	}
}

package datapath

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// How long the loop looks whether the goroutines of the process have come to rest: it
// gives up after patience, so that a program that never rests does not stop the clock.
const (
	restTime = 20 * time.Microsecond
	patience = 250 * time.Millisecond
)

// quiet waits until no goroutine of the process runs or could run, and reports whether
// that is so and nothing came for the loop. Then nothing happens in the world before
// time passes.
func (e *Engine) quiet() bool { return atRest(e.wake, patience) }

// Rest waits until no goroutine of the process but this one runs or could run, but no
// longer than a time of the machine.
func (e *Engine) Rest(limit time.Duration) { atRest(nil, limit) }

// atRest waits until all goroutines but this one wait, for a time of the machine at most;
// false if something came on a channel meanwhile.
func atRest(came chan struct{}, limit time.Duration) bool {
	sample := []metrics.Sample{
		{Name: "/sched/goroutines/runnable:goroutines"},
		{Name: "/sched/goroutines/running:goroutines"},
		{Name: "/sched/goroutines/not-in-go:goroutines"},
	}
	calm := 0
	for start := time.Now(); time.Since(start) < limit; {
		select {
		case <-came:
			return false
		default:
		}
		metrics.Read(sample)
		busy := uint64(0)
		for i, s := range sample {
			if s.Value.Kind() == metrics.KindUint64 && i < 2 {
				busy += s.Value.Uint64()
			}
		}
		if busy <= 1 { // this goroutine
			if calm++; calm == 3 {
				return true
			}
		} else {
			calm = 0
		}
		runtime.Gosched()
		time.Sleep(restTime)
	}
	return true
}

package stack

import (
	"sync"
	"time"
)

// deadline ends the waiting on a socket at a time of the world's clock. The lock of
// the socket guards it.
type deadline struct {
	expired bool
	stop    func() bool
	turn    int // counts the settings, so that an old timer does nothing
}

// set arms the deadline; the zero time is none. lock is the socket's, held by the
// caller; wake is called with it held when the time has come.
func (d *deadline) set(n Network, lock sync.Locker, t time.Time, wake func()) {
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
	d.turn++
	d.expired = false
	if t.IsZero() {
		return
	}
	left := t.Sub(n.Now())
	if left <= 0 {
		d.expired = true
		wake()
		return
	}
	turn := d.turn
	d.stop = n.AfterFunc(left, func() {
		lock.Lock()
		defer lock.Unlock()
		if d.turn == turn {
			d.expired = true
			wake()
		}
	})
}

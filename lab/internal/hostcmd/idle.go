package hostcmd

import (
	"net"
	"sync"
	"time"
)

// idleTimer ends a connection on which nothing has happened for a while (nc -w).
type idleTimer struct {
	n    *nc
	c    net.Conn
	mu   sync.Mutex
	last time.Time
	halt func() bool
}

func (n *nc) idleTimer(c net.Conn) *idleTimer {
	t := &idleTimer{n: n, c: c, last: n.env.Host.Now()}
	if n.timeout > 0 {
		t.set(n.timeout)
	}
	return t
}

func (t *idleTimer) set(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.halt = t.n.env.Host.AfterFunc(d, t.check)
}

func (t *idleTimer) check() {
	t.mu.Lock()
	left := t.n.timeout - t.n.env.Host.Now().Sub(t.last)
	t.mu.Unlock()
	if left > 0 {
		t.set(left)
		return
	}
	_ = t.c.Close()
}

// touch tells that something happened.
func (t *idleTimer) touch() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = t.n.env.Host.Now()
}

func (t *idleTimer) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.halt != nil {
		t.halt()
	}
}

package stack

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// clock is the world's clock as gVisor asks for it.
type clock struct{ t *tcpStack }

func (c clock) Now() time.Time { return c.t.s.net.Now() }

func (c clock) NowMonotonic() tcpip.MonotonicTime {
	return tcpip.MonotonicTime{}.Add(c.t.s.net.Now().Sub(c.t.start) + time.Hour)
}

func (c clock) AfterFunc(d time.Duration, f func()) tcpip.Timer {
	t := &timer{net: c.t.s.net, f: f}
	t.Reset(d)
	return t
}

// timer is one of gVisor's timers. Calls are serial, as the interface asks.
type timer struct {
	net  Network
	f    func()
	stop func() bool
}

func (t *timer) Stop() bool            { return t.stop() }
func (t *timer) Reset(d time.Duration) { t.stop = t.net.AfterFunc(d, t.f) }

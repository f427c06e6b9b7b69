package stack

import (
	"slices"
	"sync"
	"time"
)

// synTimer sends the SYN of a connection again when Linux would, which gVisor does
// not: tcp_syn_linear_timeouts times after a second each, then
// tcp_syn_retries times after 1, 2, 4, ... seconds (tcp_retransmit_timer).
type synTimer struct {
	s           *Stack
	linear, max int
	expired     func() // the last SYN was not answered either

	mu      sync.Mutex
	packet  []byte // the SYN as it was sent
	ip      ipHeader
	meta    Meta
	sent    time.Time // when packet was sent first
	count   int
	stopped bool
	acked   bool // the handshake was completed
	stop    func() bool
}

func newSYNTimer(s *Stack, expired func()) *synTimer {
	return &synTimer{
		s: s, expired: expired,
		linear: s.sysctlInt("net/ipv4/tcp_syn_linear_timeouts", 4),
		max:    min(s.sysctlInt("net/ipv4/tcp_syn_retries", 6), 6), // gVisor gives up then
	}
}

// first keeps the SYN and starts the timer; false if there was one before.
func (t *synTimer) first(p []byte, ip *ipHeader, m Meta) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.packet != nil || t.stopped {
		return false
	}
	t.packet, t.ip, t.meta, t.sent = slices.Clone(p), *ip, m, t.s.net.Now()
	t.stop = t.s.net.AfterFunc(time.Second, t.fire)
	return true
}

// window sets the window of the acknowledgment that completes the handshake to what
// the SYN announced, which gVisor does not know.
func (t *synTimer) window(seg []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.acked || t.packet == nil || flagsOf(seg)&(flagSYN|flagRST|flagACK) != flagACK {
		return
	}
	t.acked = true
	syn := t.packet[t.ip.size():]
	scale := 0
	if o := option(syn, optionScale); len(o) == 1 {
		scale = int(o[0])
	}
	w := (int(be.Uint16(syn[14:])) + 1<<scale - 1) >> scale
	if int(be.Uint16(seg[14:])) < w && w < int(be.Uint16(syn[14:])) {
		be.PutUint16(seg[14:], uint16(w))
	}
}

// wait is the time until the next retransmission, or until the connection fails.
func (t *synTimer) wait() time.Duration {
	return time.Second << max(0, t.count-t.linear)
}

func (t *synTimer) fire() {
	t.mu.Lock()
	if t.stopped {
		t.mu.Unlock()
		return
	}
	if t.count == t.linear+t.max {
		t.stopped = true
		t.mu.Unlock()
		t.expired()
		return
	}
	t.count++
	p := slices.Clone(t.packet)
	seg := p[t.ip.size():]
	if ts := option(seg, optionTimestamp); len(ts) == 8 { // the option tells when this one was sent
		be.PutUint32(ts, be.Uint32(ts)+uint32(t.s.net.Now().Sub(t.sent).Milliseconds()))
		checksumTCP(&t.ip, seg)
	}
	m := t.meta
	t.stop = t.s.net.AfterFunc(t.wait(), t.fire)
	t.mu.Unlock()
	t.s.output(p, m)
}

// end stops the timer: the connection is there, or given up.
func (t *synTimer) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.stop != nil {
		t.stop()
	}
}

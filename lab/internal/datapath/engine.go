package datapath

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
)

// maxInbox bounds what waits for the event loop from outside: beyond it, senders wait.
const maxInbox = 4096

// workPause is how long the loop lets pass between two looks at what time brings.
const workPause = 2 * time.Millisecond

// Config is how an engine is made. World and Clock must be set; the clock is that of
// the world.
type Config struct {
	World *netns.World
	Clock Clock
	Seed  uint64
	// Sockets, if not nil, makes the sockets of a host that has none, and what ends them;
	// it is called on the event loop.
	Sockets func(*Host) (t stack.Transport, end func())
	// Comment, if not nil, makes the text of a captured packet ([Frame.Comment]).
	Comment func(*Frame) string
	// CompileAfter is the number of lookups in one state after which a host compiles it
	// for more; 0 stands for one that pays, and a negative one for never. Decisions do not
	// hang on it.
	CompileAfter int
}

// Engine carries the packets of a world. Make it with [New], before the world is used.
type Engine struct {
	config Config
	world  *netns.World
	clock  Clock

	mu      sync.Mutex
	room    sync.Cond // there is room in the inbox again
	inbox   []job
	timers  timers
	timed   uint64
	waited  int // timers that somebody waits for
	closed  bool
	quit    chan struct{} // closed with it
	wake    chan struct{}
	running sync.WaitGroup // the loop, and calls of AfterFunc

	stale atomic.Bool // the world may have work earlier than workAt

	hostsMu sync.Mutex
	hosts   map[*netns.Namespace]*Host

	// The rest belongs to the event loop.
	links   map[uint64]*link // by the ID of their device
	vxlans  map[uint64]*link // of these, those of vxlan devices
	backlog []arrival        // what devices received and nobody has looked at yet
	serving bool             // the backlog is taken up later: softirqs are served (in_softirq)
	workAt  time.Time        // when the world has something to do next
	worked  time.Time        // when it did last
	pool    []*packet
	dice    uint64
}

// random draws a time below a limit; equal worlds draw equal ones.
func (e *Engine) random(limit time.Duration) time.Duration {
	e.dice += 0x9e3779b97f4a7c15 // splitmix64
	x := e.dice + e.config.Seed
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return time.Duration(x % uint64(max(limit, 1)))
}

// job is something for the event loop to do: a call, or a packet that a host sends. A
// call that asks for a neighbour has the host and whom it asks for.
type job struct {
	f    func()
	host *Host
	p    *packet
	asks waitKey
	left chan sending // is told what became of p, nil: nobody
}

// arrival is a packet that a device received, or the copy for its own host of one that it
// sends to many.
type arrival struct {
	l   *link
	p   *packet
	own bool
}

// New starts an engine for a world.
func New(c Config) *Engine {
	e := &Engine{
		config: c, world: c.World, clock: c.Clock, wake: make(chan struct{}, 1), quit: make(chan struct{}),
		hosts: map[*netns.Namespace]*Host{}, links: map[uint64]*link{}, vxlans: map[uint64]*link{},
	}
	e.room.L = &e.mu
	c.World.SetPackets(e)
	e.running.Add(1)
	go e.run()
	return e
}

// Close ends the event loop; packets under way are lost. It returns when the loop and
// the calls of AfterFunc have ended.
func (e *Engine) Close() {
	e.mu.Lock()
	if !e.closed {
		close(e.quit)
	}
	e.closed = true
	for _, t := range e.timers {
		t.place = -1
	}
	e.timers = nil
	e.poke()
	e.room.Broadcast()
	e.mu.Unlock()
	e.running.Wait()
	e.hostsMu.Lock()
	defer e.hostsMu.Unlock()
	for _, h := range e.hosts {
		h.close()
	}
}

// Now is the time of the world.
func (e *Engine) Now() time.Time { return e.clock.Now() }

// poke wakes the event loop.
func (e *Engine) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// start runs f on a goroutine that Close waits for.
func (e *Engine) start(f func()) {
	e.running.Add(1)
	go func() {
		defer e.running.Done()
		f()
	}()
}

// post gives the event loop something to do. It never waits, so that the loop itself
// and those who hold the locks of the world can call it.
func (e *Engine) post(j job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.inbox = append(e.inbox, j)
		e.poke()
	}
}

// later is what the kernel leaves to a work queue: f runs when what goes on is done, with
// the answers of sockets to it.
func (e *Engine) later(f func()) {
	e.post(job{f: func() { e.post(job{f: f}) }})
}

// send is post for packets from sockets, which wait while the loop has more to do than
// it should.
func (e *Engine) send(j job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.inbox) >= maxInbox && !e.closed {
		e.room.Wait()
	}
	if !e.closed {
		e.inbox = append(e.inbox, j)
		e.poke()
	}
}

// Do calls f on the event loop and waits for its end. f must not wait for anything.
func (e *Engine) Do(f func()) {
	done := make(chan struct{})
	e.post(job{f: func() { defer close(done); f() }})
	select {
	case <-done:
	case <-e.quit:
	}
}

// Settle waits until every packet under way has arrived somewhere, or waits for time to
// pass. It must not be called from the event loop.
func (e *Engine) Settle() {
	for idle := false; !idle; {
		e.Do(func() {
			e.drain()
			e.mu.Lock()
			defer e.mu.Unlock()
			idle = len(e.inbox) == 0 && len(e.backlog) == 0
		})
		e.mu.Lock()
		idle = idle || e.closed
		e.mu.Unlock()
	}
}

// Changed implements netns.Packets.
func (e *Engine) Changed() {
	if !e.stale.Swap(true) {
		e.poke()
	}
}

// run is the event loop.
func (e *Engine) run() {
	defer e.running.Done()
	var spare []job
	for {
		e.mu.Lock()
		jobs := e.inbox
		e.inbox = spare[:0]
		calls := e.due(e.clock.Now())
		closed := e.closed
		e.room.Broadcast()
		e.mu.Unlock()
		if closed {
			return
		}
		for i := range jobs {
			e.do(&jobs[i])
			jobs[i] = job{}
			e.drain()
		}
		spare = jobs
		for _, f := range calls {
			e.serving = true
			f()
			e.drain()
		}
		if len(jobs) == 0 && len(calls) == 0 {
			e.idle()
		}
	}
}

// do does a job. A packet of a socket is sent by its process: what a device has received of
// it is taken up before the process goes on with the next fragment (__local_bh_enable_ip).
// All else waits its turn.
func (e *Engine) do(j *job) {
	e.serving = j.f != nil
	switch {
	case j.f != nil:
		j.f()
	case j.p != nil:
		s := j.host.sent(j.p)
		if j.left != nil {
			j.left <- s
		}
	}
}

// askNow does at once what a call that was just posted asks of a neighbour.
func (e *Engine) askNow(h *Host, k waitKey) {
	const near = 8
	e.mu.Lock()
	var f func()
	for i := len(e.inbox) - 1; i >= max(0, len(e.inbox)-near) && f == nil; i-- {
		if j := &e.inbox[i]; j.host == h && j.asks == k {
			f = j.f
			e.inbox = slices.Delete(e.inbox, i, i+1)
		}
	}
	e.mu.Unlock()
	if f != nil {
		f()
	}
}

// drain takes up what devices received, until nothing is left (process_backlog).
func (e *Engine) drain() {
	e.serving = true
	defer func() { e.serving = false }()
	for i := 0; i < len(e.backlog); i++ {
		a := e.backlog[i]
		e.backlog[i] = arrival{}
		if a.own {
			a.l.receiveOwn(a.p)
		} else {
			a.l.receive(a.p)
		}
		if i == 1023 { // a storm: give the memory back that was used up
			e.backlog = append(e.backlog[:0], e.backlog[i+1:]...)
			i = -1
			if e.interrupted() {
				return
			}
		}
	}
	e.backlog = e.backlog[:0]
}

// interrupted reports whether something waits that must not wait for the end of a
// storm of packets.
func (e *Engine) interrupted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed || len(e.inbox) > 0 || len(e.timers) > 0 && !e.timers[0].at.After(e.clock.Now())
}

// idle waits until there is something to do, and does what time brings in the world
// itself.
func (e *Engine) idle() {
	if len(e.backlog) > 0 {
		e.drain()
		return
	}
	if e.stale.Swap(false) {
		e.soon()
	}
	if now := e.clock.Now(); !e.workAt.IsZero() && !now.Before(e.workAt) {
		e.workAt, e.worked = e.world.Work(), now
		return
	}
	next := e.next()
	if c, ok := e.clock.(Standing); ok && c.Stands() {
		e.idleStanding(c, next)
		return
	}
	if next.IsZero() {
		<-e.wake
		return
	}
	t := time.NewTimer(next.Sub(e.clock.Now()))
	defer t.Stop()
	select {
	case <-e.wake:
	case <-t.C:
	}
}

// soon has the loop look what time brings in the world: looking goes through all
// namespaces, so it is not done after each of many changes.
func (e *Engine) soon() {
	at := e.worked.Add(workPause)
	if c, ok := e.clock.(Standing); ok && c.Stands() {
		at = e.clock.Now()
	}
	if e.workAt.IsZero() || at.Before(e.workAt) {
		e.workAt = at
	}
}

// next is when time brings something next; zero: never.
func (e *Engine) next() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	next := e.workAt
	if len(e.timers) > 0 && (next.IsZero() || e.timers[0].at.Before(next)) {
		next = e.timers[0].at
	}
	return next
}

// awaited tells whether somebody waits for a time to come.
func (e *Engine) awaited() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.waited > 0
}

// idleStanding lets time jump once nothing runs that could still send something, if
// somebody waits for it: what the world does by itself with time happens on the way.
func (e *Engine) idleStanding(c Standing, next time.Time) {
	if next.IsZero() || !e.awaited() {
		<-e.wake
		return
	}
	if !e.quiet() {
		return
	}
	c.Advance(next)
}

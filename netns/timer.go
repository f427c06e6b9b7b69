package netns

import (
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// timer is work that a namespace does when a time has come (struct delayed_work,
// struct timer_list). The emulation looks at its timers when a request comes, and
// when [World.Work] is called.
type timer struct {
	due func(*Namespace) jiffies // 0: the timer is not set
	run func(*Namespace)
}

// The timers of every namespace. They refer to functions that look at timers
// themselves, which initializers of the variable could not.
var timers []timer

func init() {
	timers = []timer{
		{func(n *Namespace) jiffies { return n.verify4 }, (*Namespace).verifyAddrs4},
		{func(n *Namespace) jiffies { return n.addrs6.verify }, (*Namespace).verify6},
		{(*Namespace).dadTimer6, (*Namespace).resumeDue6},
		{func(n *Namespace) jiffies { return n.fib6.collect }, (*Namespace).collect6},
		{func(n *Namespace) jiffies { return n.nexthops.upkeep }, (*Namespace).upkeepBuckets},
		{(*Namespace).neighTimer, (*Namespace).ageNeighs},
		{func(n *Namespace) jiffies { return n.fdbDue }, (*Namespace).ageFDBs},
	}
}

// expire runs the timers that are due, as the kernel does without being asked.
func (n *Namespace) expire() {
	w := n.world
	w.rtnl.RLock()
	defer w.rtnl.RUnlock()
	n.mu.RLock()
	now, next := w.now(), n.nextTimer()
	n.mu.RUnlock()
	if next == 0 || now < next {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range timers {
		if due := t.due(n); due != 0 && now >= due {
			t.run(n)
		}
	}
	n.runDAD6()
}

// nextTimer returns when the next timer is due, 0 if none is set.
func (n *Namespace) nextTimer() jiffies {
	var next jiffies
	for _, t := range timers {
		if due := t.due(n); due != 0 && (next == 0 || due < next) {
			next = due
		}
	}
	return next
}

// Work does in all namespaces what time alone brings about: ends lifetimes that are
// over and tells those who joined the groups. It returns when there is work again,
// by the clock of the world; the zero time if none is known of.
//
// Requests see the state of their own time whether or not Work is called. It is for
// those who wait for notifications.
func (w *World) Work() time.Time {
	var next jiffies
	for _, n := range w.all() {
		n.expire()
		w.rtnl.RLock() // requests about links set timers under it alone
		n.mu.RLock()
		due := n.nextTimer()
		n.mu.RUnlock()
		w.rtnl.RUnlock()
		if due != 0 && (next == 0 || due < next) {
			next = due
		}
	}
	if next == 0 {
		return time.Time{}
	}
	return w.born.Add(time.Duration(next) * time.Second / hz)
}

// lifetimeFuzz lets events that are almost due happen together
// (ADDRCONF_TIMER_FUZZ_MINUS).
const lifetimeFuzz = hz / 50

// verifyAddrs4 ends lifetimes of IPv4 addresses that are over (check_lifetime). The
// kernel looks once a second, at a time of its own.
func (n *Namespace) verifyAddrs4() {
	now := n.world.now() + lifetimeFuzz
	n.verify4 = 0
	for _, d := range n.devices.list {
		if d.inet4 == nil {
			continue
		}
		for _, a := range slices.Clone(d.inet4.list) {
			at := slices.Index(d.inet4.list, a)
			if at >= 0 && a.flags&rpdb.IFAPermanent == 0 {
				n.verifyAddr4(d.inet4, at, now)
			}
		}
	}
}

// verifyAddr4 looks at one address that does not live forever.
func (n *Namespace) verifyAddr4(in *inDevice, at int, now jiffies) {
	a := in.list[at]
	updated := jiffies(a.updated) * hz / userHz
	age := uint32((now - updated) / hz)
	switch {
	case age >= a.valid:
		n.removeAddr4(in, at, nil)
		return
	case age < a.preferred:
		n.verifyAt4(updated + seconds(a.preferred))
	case a.flags&rpdb.IFADeprecated == 0:
		a.flags |= rpdb.IFADeprecated
		n.changes.Add(1)
		n.notifyAddr4(rtnl.RTMNewAddr, a, nil)
	}
	n.verifyAt4(updated + seconds(a.valid))
}

// verifyAt4 sets the timer of verifyAddrs4, unless it is due earlier.
func (n *Namespace) verifyAt4(t jiffies) {
	if n.verify4 == 0 || t < n.verify4 {
		n.verify4 = t
	}
}

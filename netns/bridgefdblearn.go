package netns

import (
	"github.com/rulewalk/rulewalk/rtnl"
)

// BridgeHop says where a bridge sends frames for a hardware address.
type BridgeHop struct {
	Port  int  // the index of the port; that of the bridge for its own addresses
	Local bool // the frames are for the host itself, whatever the port
}

// BridgeLearn tells the bridge of a port that a frame from a hardware address came in by
// the port, which is named by its index (br_fdb_update). The VLAN is 0 while bridges do
// not filter by it. Nothing is learned by devices that are no ports, or by ports that do
// not forward, nor beyond the limit of the bridge (fdb_max_learned).
//
// It may be called by many goroutines; refreshing what is known, the usual case, takes
// constant time and excludes nobody. Entries that nothing refreshes end after the
// bridge's ageing_time, when requests or [World.Work] come. What is learned is not told
// to [Config.Journal].
func (n *Namespace) BridgeLearn(port int, addr [6]byte, vlan uint16) {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	k := fdbKey{addr, vlan}
	n.mu.RLock()
	p := n.learningPort(port)
	known := p == nil || p.br.refresh(p, k)
	n.mu.RUnlock()
	if known {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.learningPort(port); p != nil {
		p.br.update(p, k, 0)
	}
}

// learningPort is the port of an index if there is one that learns
// (nbp_state_should_learn).
func (n *Namespace) learningPort(index int) *bridgePort {
	d := n.byIndex(index)
	if d == nil {
		return nil
	}
	if p := bridgePortOf(d); p != nil && p.state == portForwarding {
		return p
	}
	return nil
}

// BridgeLookup returns where a bridge, named by its index, sends frames for a hardware
// address; false where it knows no place and floods them (br_fdb_find_rcu). It may be
// called by many goroutines and takes constant time.
func (n *Namespace) BridgeLookup(bridgeIndex int, addr [6]byte, vlan uint16) (BridgeHop, bool) {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	d := n.byIndex(bridgeIndex)
	if d == nil {
		return BridgeHop{}, false
	}
	br, ok := d.own.(*bridge)
	if !ok {
		return BridgeHop{}, false
	}
	f := br.fdb.entries[fdbKey{addr, vlan}]
	if f == nil {
		return BridgeHop{}, false
	}
	f.used.Store(int64(n.world.now()))
	hop := BridgeHop{Port: bridgeIndex, Local: f.has(fdbLocal)}
	if f.port != nil {
		hop.Port = f.port.dev.Index
	}
	return hop, true
}

// refresh is the part of br_fdb_update that changes nothing but times; false if there
// is more to do.
func (br *bridge) refresh(p *bridgePort, k fdbKey) bool {
	f := br.fdb.entries[k]
	switch {
	case br.holdTime() == 0, f != nil && f.has(fdbLocal):
		return true
	case f == nil, f.port != p && !f.has(fdbSticky), f.has(fdbInactive):
		return false
	}
	f.updated.Store(int64(br.dev.ns.world.now()))
	return true
}

// update notes that something was heard of an address on a port (br_fdb_update).
func (br *bridge) update(p *bridgePort, k fdbKey, flags fdbFlags) {
	f := br.fdb.entries[k]
	switch {
	case br.holdTime() == 0: // who wants that, wants all frames flooded
		return
	case f == nil:
		if f = br.createFDB(p, k, flags); f != nil {
			br.notifyFDB(rtnl.RTMNewNeigh, f)
		}
		return
	case f.has(fdbLocal):
		return
	}
	modified := false
	if now := int64(br.dev.ns.world.now()); now != f.updated.Load() {
		f.updated.Store(now)
		modified = f.has(fdbInactive)
		f.flags &^= fdbInactive
	}
	if f.port != p && !f.has(fdbSticky) {
		f.port, modified = p, true
		f.flags &^= fdbExtLearned
	}
	if flags&fdbByUser != 0 {
		f.flags |= fdbByUser
		br.takeOver(f)
	}
	if modified {
		br.notifyFDB(rtnl.RTMNewNeigh, f)
	}
}

// ager is a forwarding database whose entries age.
type ager interface {
	ageTimer() *jiffies // when to look at them, 0: never
	// age looks at the entries at the time of the timer, and returns how long after it
	// to look again, 0 for never; idle if nothing ages until a request comes.
	age(at jiffies) (next jiffies, idle bool)
}

// ageAt sets the timer of ageFDBs, unless it is due earlier.
func (n *Namespace) ageAt(t jiffies) {
	if n.fdbDue == 0 || t < n.fdbDue {
		n.fdbDue = t
	}
}

// ageFDBs ends the entries that are too old, of the databases that are due.
func (n *Namespace) ageFDBs() {
	now := n.world.now()
	n.fdbDue = 0
	for _, d := range n.devices.list {
		a, ok := d.own.(ager)
		if !ok {
			continue
		}
		due := a.ageTimer()
		for *due != 0 && *due <= now {
			next, idle := a.age(*due)
			switch {
			case next == 0:
				*due = 0
			case idle:
				*due += next * ((now-*due)/next + 1)
			default:
				*due += next
			}
		}
		if *due != 0 {
			n.ageAt(*due)
		}
	}
}

func (br *bridge) ageTimer() *jiffies { return &br.gc }

// scheduleAge sets when a bridge looks for entries that are too old.
func (br *bridge) scheduleAge(after jiffies) {
	br.gc = br.dev.ns.world.now() + after
	br.dev.ns.ageAt(br.gc)
}

// minAgeDelay is how far apart a bridge's looks at its entries are at least.
const minAgeDelay = jiffies(3) // 10 ms

// age is br_fdb_cleanup.
func (br *bridge) age(at jiffies) (next jiffies, idle bool) {
	delay := br.holdTime()
	next, idle = delay, true
	for _, f := range br.fdb.all() {
		left := jiffies(f.updated.Load()) + delay - at
		stays := f.flags&(fdbStatic|fdbExtLearned) != 0
		switch {
		case stays && !f.has(fdbNotify):
		case left > 0:
			next, idle = min(next, left), false
		case !stays:
			br.deleteFDB(f)
		case !f.has(fdbInactive):
			f.flags |= fdbInactive
			br.notifyFDB(rtnl.RTMNewNeigh, f)
		}
	}
	return max(next, minAgeDelay), idle
}

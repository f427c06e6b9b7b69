package netns

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// startDAD6 begins the detection of duplicates soon after the request
// (addrconf_dad_start).
func (n *Namespace) startDAD6(a *addr6) {
	if a.state != stateDead {
		a.state = statePreDAD
		n.queueDAD6(a)
	}
}

// queueDAD6 gives an address to the kernel's worker (addrconf_mod_dad_work without
// delay).
func (n *Namespace) queueDAD6(a *addr6) {
	if !a.queued {
		a.queued = true
		n.addrs6.work = append(n.addrs6.work, a)
		n.world.mark6(n)
	}
}

// mark6 notes that a namespace has work for the kernel's worker.
func (w *World) mark6(n *Namespace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !n.addrs6.busy {
		n.addrs6.busy = true
		w.busy = append(w.busy, n)
	}
}

// settle6 does the work of all namespaces. The caller holds the world's lock.
func (w *World) settle6() {
	w.mu.Lock()
	busy := w.busy
	w.busy = nil
	for _, n := range busy {
		n.addrs6.busy = false
	}
	w.mu.Unlock()
	for _, n := range busy {
		n.runDAD6()
	}
}

func (n *Namespace) unqueueDAD6(a *addr6) {
	if a.queued {
		a.queued = false
		n.addrs6.work = slices.DeleteFunc(n.addrs6.work, func(x *addr6) bool { return x == a })
	}
}

// runDAD6 does what the kernel's worker does after a request (addrconf_dad_work).
// The detection itself takes no time.
func (n *Namespace) runDAD6() {
	for len(n.addrs6.work) > 0 {
		a := n.addrs6.work[0]
		n.addrs6.work = n.addrs6.work[1:]
		a.queued = false
		switch {
		case a.state == statePreDAD:
			a.state = stateDAD
			n.beginDAD6(a)
		case a.state == stateDAD && a.in.ready() && !a.in.dead:
			n.completeDAD6(a)
		}
	}
}

// beginDAD6 is addrconf_dad_begin.
func (n *Namespace) beginDAD6(a *addr6) {
	n.joinSolicited6(a.in, a.addr)
	switch {
	case !a.in.detects() || a.flags&rpdb.IFATentative == 0 || a.flags&rpdb.IFANoDAD != 0:
		n.completeDAD6(a)
	case !a.in.ready():
		a.flags |= rpdb.IFATentative
	default:
		if a.flags&rpdb.IFAOptimistic != 0 && a.route != nil {
			_ = n.insert6(a.route, byKernel())
			if a.in.usesOptimistic() {
				n.notifyNewAddr6(a)
			}
		}
		n.queueDAD6(a)
	}
}

// completeDAD6 makes an address valid (addrconf_dad_completed).
func (n *Namespace) completeDAD6(a *addr6) {
	a.flags &^= rpdb.IFATentative | rpdb.IFAOptimistic | rpdb.IFADADFailed
	n.changes.Add(1)
	n.notifyNewAddr6(a)
	n.askRouters6(a)
}

// resumeDAD6 goes on with addresses that waited for the link, or begins anew with all
// (addrconf_dad_run).
func (n *Namespace) resumeDAD6(in *inet6Dev, restart bool) {
	for _, a := range in.addrs {
		if restart {
			a.state = statePreDAD
		}
		if restart || a.flags&rpdb.IFATentative != 0 && a.state == stateDAD {
			n.queueDAD6(a)
		}
	}
}

// verify6 ends lifetimes that are over (addrconf_verify_rtnl).
func (n *Namespace) verify6() {
	now := n.world.now() + hz/50
	next := jiffies(0)
	soon := func(t jiffies) {
		if next == 0 || t < next {
			next = t
		}
	}
	for _, d := range n.devices.list {
		for _, a := range n.inet6(d).snapshot() {
			if a.preferred == rpdb.Forever && (a.flags&rpdb.IFAPermanent != 0 || a.valid == rpdb.Forever) {
				continue
			}
			age := uint32((now - a.updated) / hz)
			switch {
			case a.valid != rpdb.Forever && age >= a.valid:
				n.deleteAddr6(a)
				continue
			case a.preferred != rpdb.Forever && age >= a.preferred && a.flags&rpdb.IFADeprecated == 0:
				a.flags |= rpdb.IFADeprecated
				n.changes.Add(1)
				n.notifyAddr6(a)
			case a.preferred != rpdb.Forever && age < a.preferred:
				soon(a.updated + seconds(a.preferred))
			}
			if a.valid != rpdb.Forever {
				soon(a.updated + seconds(a.valid))
			}
		}
	}
	n.addrs6.verify = next
}

package netns

import (
	"cmp"
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// dad6 is where the detection of duplicates stands.
type dad6 struct {
	due    jiffies // when there is something to do, 0: nothing waits
	probes int32   // that are still to be sent (dad_probes)
	nonce  [6]byte // that marks our own probes (dad_nonce); zero: none does
	tries  byte    // how many generated addresses were duplicates before (stable_privacy_retry)
}

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
		n.unqueueDAD6(a)
		a.queued = true
		n.addrs6.work = append(n.addrs6.work, a)
		n.world.mark6(n)
	}
}

// queueDADLater6 is queueDAD6 with a delay.
func (n *Namespace) queueDADLater6(a *addr6, delay jiffies) {
	if delay <= 0 {
		n.queueDAD6(a)
		return
	}
	n.unqueueDAD6(a)
	a.dad.due = n.world.now() + delay
	n.addrs6.later = append(n.addrs6.later, a)
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

// unqueueDAD6 is addrconf_del_dad_work.
func (n *Namespace) unqueueDAD6(a *addr6) {
	is := func(x *addr6) bool { return x == a }
	if a.queued {
		a.queued = false
		n.addrs6.work = slices.DeleteFunc(n.addrs6.work, is)
	}
	if a.dad.due != 0 {
		a.dad.due = 0
		n.addrs6.later = slices.DeleteFunc(n.addrs6.later, is)
	}
}

// dadTimer6 is when the detection of duplicates goes on, 0 for never.
func (n *Namespace) dadTimer6() jiffies {
	next := jiffies(0)
	for _, a := range n.addrs6.later {
		if next == 0 || a.dad.due < next {
			next = a.dad.due
		}
	}
	return next
}

// resumeDue6 queues the addresses whose time has come, the earliest first.
func (n *Namespace) resumeDue6() {
	now := n.world.now()
	due := slices.DeleteFunc(slices.Clone(n.addrs6.later), func(a *addr6) bool { return a.dad.due > now })
	slices.SortStableFunc(due, func(a, b *addr6) int { return cmp.Compare(a.dad.due, b.dad.due) })
	for _, a := range due {
		n.queueDAD6(a)
	}
}

// runDAD6 does what the kernel's worker does after a request (addrconf_dad_work).
func (n *Namespace) runDAD6() {
	for len(n.addrs6.work) > 0 {
		a := n.addrs6.work[0]
		n.addrs6.work = n.addrs6.work[1:]
		a.queued = false
		switch a.state {
		case statePreDAD:
			a.state = stateDAD
			n.beginDAD6(a)
		case stateErrDAD:
			a.state = statePostDAD
			n.abortDAD6(a)
		case stateDAD:
			n.probeDAD6(a)
		}
	}
}

// probeDAD6 asks once more whether somebody has the address, or is content.
func (n *Namespace) probeDAD6(a *addr6) {
	if a.dad.probes == 0 {
		a.state = statePostDAD
	}
	switch {
	case !a.in.ready() || a.in.dead:
	case a.dad.probes == 0:
		n.completeDAD6(a)
	default:
		a.dad.probes--
		n.queueDADLater6(a, max(jiffies(a.in.dev.neigh6[neighRetrans]), hz/100))
		if p := n.world.packets; p != nil {
			p.Detect(n, a.in.dev.Index, a.addr, a.dad.nonce)
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
		n.stopDAD6(a, false)
	default:
		if a.flags&rpdb.IFAOptimistic != 0 && a.route != nil {
			_ = n.insert6(a.route, byKernel())
		}
		n.kickDAD6(a)
		if a.flags&rpdb.IFAOptimistic != 0 && a.in.usesOptimistic() {
			n.notifyNewAddr6(a)
		}
	}
}

// kickDAD6 has the probes begin some time later, so that not all hosts of a link do at
// once (addrconf_dad_kick).
func (n *Namespace) kickDAD6(a *addr6) {
	if !n.world.config.DAD {
		a.dad.probes = 0
		n.queueDAD6(a)
		return
	}
	c, delay := &a.in.dev.conf6, jiffies(0)
	x := n.chance6(a)
	if a.flags&rpdb.IFAOptimistic == 0 {
		delay = jiffies(x>>32) % max(jiffies(c[conf6SolicitDelay]), 1)
	}
	a.dad.nonce = [6]byte{}
	if c[conf6EnhancedDAD] != 0 || n.conf.all6[conf6EnhancedDAD] != 0 {
		b := binary.BigEndian.AppendUint64(nil, x*0x9e3779b97f4a7c15|1)
		copy(a.dad.nonce[:], b[2:])
	}
	a.dad.probes = c[conf6DADTransmits]
	n.queueDADLater6(a, delay)
}

// chance6 draws a number for an address: equal worlds draw equal ones.
func (n *Namespace) chance6(a *addr6) uint64 {
	b := binary.BigEndian.AppendUint64(a.addr.AsSlice(), n.world.config.Seed)
	b = binary.BigEndian.AppendUint64(b, n.id)
	b = binary.BigEndian.AppendUint64(b, uint64(a.in.dev.Index))
	b = binary.BigEndian.AppendUint64(b, uint64(n.world.now()))
	sum := sha1.Sum(b)
	return binary.BigEndian.Uint64(sum[:])
}

// completeDAD6 makes an address valid (addrconf_dad_completed).
func (n *Namespace) completeDAD6(a *addr6) {
	checked := a.flags&(rpdb.IFATentative|rpdb.IFAOptimistic) == rpdb.IFATentative
	a.flags &^= rpdb.IFATentative | rpdb.IFAOptimistic | rpdb.IFADADFailed
	n.changes.Add(1)
	n.notifyNewAddr6(a)
	d, p := a.in.dev, n.world.packets
	lonely := a.scope == scopeLink6 && n.lonely6(a)
	if lonely {
		n.tellGroupsAgain(d) // ipv6_mc_dad_complete
	}
	if p != nil && checked && (d.conf6[conf6NotifyNeighs] != 0 || n.conf.all6[conf6NotifyNeighs] != 0) {
		p.Announce(n, d.Index, a.addr)
	}
	if lonely {
		n.askRouters6(a)
	}
}

// stopDAD6 leaves an address as one that cannot be used, or takes it away
// (addrconf_dad_stop).
func (n *Namespace) stopDAD6(a *addr6, failed bool) {
	if failed {
		a.flags |= rpdb.IFADADFailed
	}
	n.changes.Add(1)
	if a.flags&rpdb.IFATemporary != 0 || a.flags&rpdb.IFAPermanent == 0 && failed {
		n.deleteAddr6(a)
		return
	}
	n.unqueueDAD6(a)
	a.flags |= rpdb.IFATentative
	if failed {
		a.flags &^= rpdb.IFAOptimistic
		n.notifyAddr6(a)
	}
}

// DuplicateAddress tells that somebody else on the link of a device has an IPv6 address that
// is still being checked, or checks it too (addrconf_dad_failure).
func (n *Namespace) DuplicateAddress(dev int, addr netip.Addr) {
	n.expire()
	w := n.world
	w.rtnl.RLock()
	defer w.rtnl.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.byIndex(dev)
	if d == nil || d.inet6 == nil {
		return
	}
	a := n.find6(addr, d)
	if a == nil || a.state != stateDAD {
		return
	}
	w.record(Change{Kind: ChangeDuplicate, Namespace: n.FD(), Data: binary.AppendUvarint(addr.AsSlice(), uint64(dev))})
	a.state = statePostDAD
	if a.flags&rpdb.IFAStablePrivacy != 0 {
		n.generateNext6(a)
	}
	a.state = stateErrDAD
	n.queueDAD6(a)
	n.runDAD6()
	w.changed()
}

// generateNext6 tries the next address that follows from the secret of the device.
func (n *Namespace) generateNext6(a *addr6) {
	tries := a.dad.tries + 1
	if int64(tries) > n.sysctlInt("ipv6/idgen_retries") {
		return
	}
	if most := a.in.dev.conf6[conf6MaxAddresses]; most != 0 && int32(len(a.in.addrs)) >= most {
		return
	}
	b := a.addr.As16()
	if !n.stableID6(&b, a.in.dev, tries) {
		return
	}
	next := &addr6{
		in: a.in, addr: netip.AddrFrom16(b), plen: a.plen, scope: a.scope, proto: a.proto, flags: a.flags &^ rpdb.IFATentative,
		valid: a.valid, preferred: a.preferred,
	}
	next.dad.tries = tries
	if n.insertAddr6(next) == nil {
		n.queueDADLater6(next, jiffies(n.sysctlInt("ipv6/idgen_delay")))
	}
}

// abortDAD6 ends the use of an address that somebody else has. If that is the link-local
// address of the hardware, the whole device has no IPv6 any more with accept_dad above 1.
func (n *Namespace) abortDAD6(a *addr6) {
	d := a.in.dev
	disable := false
	if (n.conf.all6[conf6AcceptDAD] > 1 || d.conf6[conf6AcceptDAD] > 1) && d.conf6[conf6Disable] == 0 && a.flags&rpdb.IFAStablePrivacy == 0 {
		b := [16]byte{0xfe, 0x80}
		disable = eui64(&b, d) && netip.AddrFrom16(b) == a.addr
	}
	if disable {
		d.conf6[conf6Disable] = 1
	}
	n.stopDAD6(a, true)
	if disable {
		n.down6(d, false)
	}
}

// resumeDAD6 goes on with addresses that waited for the link, or begins anew with all
// (addrconf_dad_run).
func (n *Namespace) resumeDAD6(in *inet6Dev, restart bool) {
	for _, a := range in.addrs {
		if restart {
			a.state = statePreDAD
		}
		if restart || a.flags&rpdb.IFATentative != 0 && a.state == stateDAD {
			n.kickDAD6(a)
		}
	}
}

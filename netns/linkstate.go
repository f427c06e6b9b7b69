package netns

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Flags that a user can change (__dev_change_flags): IFF_DEBUG, IFF_NOTRAILERS,
// IFF_NOARP, IFF_DYNAMIC, IFF_MULTICAST, IFF_PORTSEL, IFF_AUTOMEDIA.
const userFlags = 0x4 | 0x20 | rpdb.IFFNoARP | 0x8000 | rpdb.IFFMulticast | 0x2000 | 0x4000

// Flags that belong to the device (IFF_VOLATILE).
const volatileFlags = rpdb.IFFLoopback | rpdb.IFFPointopt | rpdb.IFFBroadcast | 0x40000 | rpdb.IFFMaster | rpdb.IFFSlave |
	rpdb.IFFRunning | rpdb.IFFLowerUp | iffDormant

// combine returns the flags that a request asks for (rtnl_dev_combine_flags).
func (d *device) combine(h linkHeader) uint32 {
	if h.change == 0 {
		return h.flags
	}
	now := d.flags&^(iffPromisc|iffAllMulti) | d.gflags&(iffPromisc|iffAllMulti)
	return h.flags&h.change | now&^h.change
}

// changeFlags sets the flags and brings the device up or down (__dev_change_flags).
func (d *device) changeFlags(flags uint32) error {
	old := d.flags
	d.flags = flags&userFlags | d.flags&(rpdb.IFFUp|volatileFlags|iffPromisc|iffAllMulti)
	var err error
	if (old^flags)&rpdb.IFFUp != 0 {
		if old&rpdb.IFFUp != 0 {
			d.close()
		} else {
			err = d.open()
		}
	}
	if (flags^d.gflags)&iffPromisc != 0 {
		d.gflags ^= iffPromisc
		d.addPromisc(flags&iffPromisc != 0)
	}
	if (flags^d.gflags)&iffAllMulti != 0 {
		d.gflags ^= iffAllMulti
		d.addAllMulti(flags&iffAllMulti != 0)
	}
	d.sync()
	return err
}

// setFlags is changeFlags with its notifications (dev_change_flags).
func (d *device) setFlags(flags uint32) error {
	old, oldG := d.flags, d.gflags
	if err := d.changeFlags(flags); err != nil {
		return err
	}
	d.notifyFlags(old, (old^d.flags)|(oldG^d.gflags), nil)
	return nil
}

// notifyFlags tells of changed flags (__dev_notify_flags).
func (d *device) notifyFlags(old, told uint32, r *request) {
	changes := old ^ d.flags
	if told != 0 {
		d.ns.notifyLink(r, rtnl.RTMNewLink, d, linkMessage{change: told})
	}
	if changes&rpdb.IFFUp != 0 {
		e := eventDown
		if d.Up() {
			e = eventUp
		}
		d.ns.deviceEvent(d, e)
	}
	if d.Up() && changes&^(rpdb.IFFUp|iffPromisc|iffAllMulti|volatileFlags) != 0 {
		d.flagsChanged = changes
		d.ns.deviceEvent(d, eventChange)
		d.flagsChanged = 0
	}
}

// addPromisc counts who wants all packets (__dev_set_promiscuity).
func (d *device) addPromisc(more bool) {
	old := d.flags
	d.promiscuity = count(d.promiscuity, more)
	d.flags &^= iffPromisc
	if d.promiscuity > 0 {
		d.flags |= iffPromisc
	}
	d.rxFlagsChanged(old)
}

// addAllMulti counts who wants all multicast (netif_set_allmulti).
func (d *device) addAllMulti(more bool) {
	old := d.flags
	d.allMulti = count(d.allMulti, more)
	d.flags &^= iffAllMulti
	if d.allMulti > 0 {
		d.flags |= iffAllMulti
	}
	d.rxFlagsChanged(old)
}

// rxFlagsChanged lets the driver follow (dev_change_rx_flags).
func (d *device) rxFlagsChanged(old uint32) {
	if changed := old ^ d.flags; changed != 0 && d.flags&rpdb.IFFUp != 0 && d.kind != nil && d.kind.rxFlags != nil {
		d.kind.rxFlags(d, changed)
	}
}

func count(n uint32, more bool) uint32 {
	if more {
		return n + 1
	}
	return n - 1
}

// open brings the device up (__dev_open).
func (d *device) open() error {
	if d.Type == arphrdEther && len(d.Address) == 6 && !isUnicast(d.Address) {
		return fail(rpdb.EADDRNOTAVAIL, "")
	}
	d.running = true
	if d.kind != nil && d.kind.open != nil {
		if err := d.kind.open(d); err != nil {
			d.running = false
			return err
		}
	}
	d.flags |= rpdb.IFFUp
	d.setRxMode()
	if d.Qdisc == "noop" {
		d.Qdisc = "noqueue"
		switch {
		case d.noQueue || d.TxQLen == 0:
		case d.queues[0] > 1:
			d.Qdisc = "mq"
		default:
			d.Qdisc = "pfifo_fast"
		}
	}
	d.sync()
	return nil
}

// close takes the device down (__dev_close).
func (d *device) close() {
	d.ns.deviceEvent(d, eventGoingDown)
	d.running = false
	d.stop()
}

func (d *device) stop() {
	if d.kind != nil && d.kind.stop != nil {
		d.kind.stop(d)
	}
	d.flags &^= rpdb.IFFUp
	d.sync()
}

// closeAll takes devices down and tells (dev_close_many).
func closeAll(list []*device) {
	var open []*device
	for _, d := range list {
		if d.flags&rpdb.IFFUp != 0 {
			open = append(open, d)
			d.ns.deviceEvent(d, eventGoingDown)
			d.running = false
		}
	}
	for _, d := range open {
		d.stop()
	}
	for _, d := range open {
		d.ns.notifyLink(nil, rtnl.RTMNewLink, d, linkMessage{change: rpdb.IFFUp | rpdb.IFFRunning})
		d.ns.deviceEvent(d, eventDown)
	}
}

// setCarrier turns the carrier on or off; what follows from it comes at the end of
// the request (netif_carrier_on, netif_carrier_off).
func (d *device) setCarrier(on bool) {
	if d.noCarrier == !on {
		return
	}
	d.noCarrier = !on
	if !d.registered {
		return
	}
	if on {
		d.carrierUps++
	} else {
		d.carrierDowns++
	}
	d.sync()
	d.watch()
}

// watch queues the device for linkwatch (linkwatch_fire_event).
func (d *device) watch() {
	w := d.ns.world
	if !slices.Contains(w.watched, d) {
		w.watched = append(w.watched, d)
	}
}

// unwatch forgets what linkwatch has to do for a device that goes
// (linkwatch_sync_dev).
func (d *device) unwatch() {
	w := d.ns.world
	if i := slices.Index(w.watched, d); i >= 0 {
		w.watched = slices.Delete(w.watched, i, i+1)
		d.applyOperstate()
	}
}

// runWatch does what the kernel's linkwatch does soon after a carrier changed
// (linkwatch_run_queue). Here soon is the end of the request.
func (w *World) runWatch() {
	for len(w.watched) > 0 {
		i := max(slices.IndexFunc(w.watched, (*device).urgent), 0)
		d := w.watched[i]
		w.watched = slices.Delete(w.watched, i, i+1)
		d.watchNow()
	}
}

// urgent reports whether linkwatch takes a device before others
// (linkwatch_urgent_event): it hangs on another one, or begins to send.
func (d *device) urgent() bool {
	return d.running && (d.iflink() != d.Index || d.hasCarrier() && (d.operstate == operDown || d.operstate == operLowerLayerDown))
}

// watchNow is linkwatch_do_dev.
func (d *device) watchNow() {
	d.applyOperstate()
	if d.flags&rpdb.IFFUp != 0 {
		d.stateChange()
	}
}

// stateChange tells that something about a device changed (netdev_state_change).
func (d *device) stateChange() {
	if d.flags&rpdb.IFFUp == 0 {
		return
	}
	d.ns.deviceEvent(d, eventChange)
	d.ns.notifyLink(nil, rtnl.RTMNewLink, d, linkMessage{})
}

// applyOperstate computes the operational state (rfc2863_policy).
func (d *device) applyOperstate() {
	s := d.defaultOperstate()
	if s == d.operstate {
		return
	}
	switch {
	case d.linkMode == 1 && s == operUp: // IF_LINK_MODE_DORMANT
		s = operDormant
	case d.linkMode == 2 && s == operUp: // IF_LINK_MODE_TESTING
		s = operTesting
	}
	d.operstate = s
	d.sync()
}

func (d *device) defaultOperstate() uint8 {
	if d.hasCarrier() {
		return operUp
	}
	i := d.iflink()
	if i == d.Index {
		return operDown
	}
	if below := d.ns.byIndex(i); below != nil && !below.hasCarrier() {
		return operLowerLayerDown
	}
	return operDown
}

// setOperstate sets the operational state that a user asks for (set_operstate).
func (d *device) setOperstate(s uint8) {
	now := d.operstate
	switch s {
	case operUp:
		if now == operDormant || now == operTesting || now == operUnknown {
			now = operUp
		}
	case operTesting:
		if now == operUp || now == operUnknown {
			now = operTesting
		}
	case operDormant:
		if now == operUp || now == operUnknown {
			now = operDormant
		}
	}
	if now != d.operstate {
		d.operstate = now
		d.sync()
		if d.registered {
			d.stateChange()
		}
	}
}

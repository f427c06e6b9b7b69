package netns

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// maxNestDev is how deep devices can be stacked (MAX_NEST_DEV).
const maxNestDev = 8

// above reports whether u is stacked on d, at any distance
// (__netdev_has_upper_dev).
func (d *device) above(u *device) bool {
	for _, x := range d.allUppers() {
		if x == u || x.above(u) {
			return true
		}
	}
	return false
}

// allUppers are the devices directly on top, the master among them.
func (d *device) allUppers() []*device {
	if d.master == nil {
		return d.uppers
	}
	return append(slices.Clone(d.uppers), d.master)
}

// allLowers are the devices directly below.
func (d *device) allLowers() []*device {
	if d.lower == nil {
		return d.ports
	}
	return append(slices.Clone(d.ports), d.lower)
}

// levels counts the devices in the longest chain in one direction, d included.
func (d *device) levels(next func(*device) []*device) int {
	n := 0
	for _, x := range next(d) {
		n = max(n, x.levels(next))
	}
	return n + 1
}

// mayStack checks whether u can be put on top of d (__netdev_upper_dev_link).
func (d *device) mayStack(u *device) error {
	switch {
	case d == u || u.above(d):
		return fail(rpdb.EBUSY, "")
	case d.levels((*device).allLowers)+u.levels((*device).allUppers) > maxNestDev+1:
		return fail(rpdb.EMLINK, "")
	}
	return nil
}

// linkUpper puts u on top of d, which is no port of it (netdev_upper_dev_link).
func (d *device) linkUpper(u *device) error {
	if err := d.mayStack(u); err != nil {
		return err
	}
	d.uppers = append(d.uppers, u)
	u.lower = d
	d.ns.deviceEvent(d, eventChangeUpper)
	return nil
}

// unlinkUpper undoes linkUpper (netdev_upper_dev_unlink). What lay below stays known
// in lower.
func (d *device) unlinkUpper(u *device) {
	i := slices.Index(d.uppers, u)
	if i < 0 {
		return
	}
	d.uppers = slices.Delete(slices.Clone(d.uppers), i, i+1)
	d.ns.deviceEvent(d, eventChangeUpper)
}

// linkMaster makes d a port of m (netdev_master_upper_dev_link).
func (d *device) linkMaster(m *device) error {
	if err := d.mayStack(m); err != nil {
		return err
	}
	if d.master != nil {
		if d.master == m {
			return fail(rpdb.EEXIST, "")
		}
		return fail(rpdb.EBUSY, "")
	}
	d.master = m
	m.ports = append(m.ports, d)
	d.sync()
	d.ns.deviceEvent(d, eventChangeUpper)
	return nil
}

// unlinkMaster undoes linkMaster.
func (d *device) unlinkMaster() {
	m := d.master
	d.master = nil
	m.ports = slices.DeleteFunc(slices.Clone(m.ports), func(x *device) bool { return x == d })
	d.sync()
	d.ns.deviceEvent(d, eventChangeUpper)
}

// transferCarrier gives a device the carrier of the one below
// (netif_stacked_transfer_operstate).
func (d *device) transferCarrier(from *device) { d.setCarrier(from.hasCarrier()) }

// stackEvent tells the devices above one of what happened to it. The kinds whose
// drivers register before IPv6 does hear of it earlier than the others.
func stackEvent(early bool) deviceHook {
	return func(_ *Namespace, d *device, e event) {
		if m := d.master; m != nil && m.kind.portEvent != nil && m.kind.early == early {
			m.kind.portEvent(d, e)
		}
		var told []*linkKind
		for _, u := range d.uppers {
			if k := u.kind; k.lowerEvent != nil && k.early == early && !slices.Contains(told, k) {
				told = append(told, k)
			}
		}
		for _, k := range told {
			k.lowerEvent(d, d.uppersOf(k), e)
		}
	}
}

// uppersOf are the devices of a kind on top of one.
func (d *device) uppersOf(k *linkKind) []*device {
	var out []*device
	for _, u := range d.uppers {
		if u.kind == k {
			out = append(out, u)
		}
	}
	return out
}

// setPromisc counts who wants all packets and tells of it (netif_set_promiscuity).
func (d *device) setPromisc(more bool) {
	old := d.flags
	d.addPromisc(more)
	d.sync()
	d.notifyFlags(old, iffPromisc, nil)
}

// wantUnicast has a device receive an address of a stacked one, or no longer
// (dev_uc_add, dev_uc_del).
func (d *device) wantUnicast(addr []byte, more bool) {
	if more {
		d.unicast.add(addr)
	} else {
		d.unicast.del(addr)
	}
	d.setRxMode()
}

// setRxMode has a device that is up receive what is wanted of it: one without a filter
// for addresses receives all while some are wanted, others ask the device below
// (__dev_set_rx_mode).
func (d *device) setRxMode() {
	if d.flags&rpdb.IFFUp == 0 || d.kind == nil {
		return
	}
	if d.kind.noFilter && d.ucPromisc != (len(d.unicast) > 0) {
		d.ucPromisc = len(d.unicast) > 0
		d.addPromisc(d.ucPromisc)
		d.sync()
	}
	if d.kind.syncAddrs {
		d.unicast.syncTo(&d.lower.unicast)
		d.lower.setRxMode()
		d.multicast.syncTo(&d.lower.multicast)
		d.lower.setRxMode()
	}
}

// unsyncAddrs lets the device below receive nothing more for this one (dev_uc_unsync,
// dev_mc_unsync).
func (d *device) unsyncAddrs() {
	d.unicast.unsyncFrom(&d.lower.unicast)
	d.lower.setRxMode()
	d.multicast.unsyncFrom(&d.lower.multicast)
	d.lower.setRxMode()
}

// setAllMulti counts who wants all multicast; only a change of the flag is told
// (netif_set_allmulti).
func (d *device) setAllMulti(more bool) {
	old := d.flags
	d.addAllMulti(more)
	d.sync()
	d.notifyFlags(old, 0, nil)
}

// cycle takes a device that is up down and up again (cycle_netdev).
func (d *device) cycle() {
	flags := d.flags&^(iffPromisc|iffAllMulti) | d.gflags&(iffPromisc|iffAllMulti)
	if !d.running || d.setFlags(flags&^rpdb.IFFUp) != nil {
		return
	}
	_ = d.setFlags(flags) // as the kernel, which only logs it
}

package netns

import (
	"cmp"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// flush4 removes the routes whose info died (fib_flush). Only of those that lost their
// preferred source somebody is told, in each table from the last destination to the
// first (fib_table_flush).
func (n *Namespace) flush4() {
	n.eachTable4(func(t *table4) bool {
		var gone []alias4
		t.removeAll(func(a *alias4) bool {
			if a.info.flags&rpdb.NHDead == 0 {
				return false
			}
			gone = append(gone, *a)
			return true
		})
		slices.SortStableFunc(gone, func(a, b alias4) int { return cmp.Compare(b.dst, a.dst) })
		for i := range gone {
			if gone[i].info.srcGone {
				n.notifyRoute4(rtnl.RTMDelRoute, 0, &gone[i], t.id, nil)
			}
			n.release(gone[i].info)
		}
		return true
	})
}

// syncDownAddr4 kills the infos whose preferred source is gone, in the table that
// addresses of the device go to (fib_sync_down_addr).
func (n *Namespace) syncDownAddr4(d *device, local uint32) bool {
	table := n.l3Table(d)
	if table == 0 {
		table = rpdb.TableMain
	}
	found := false
	for fi := range n.ip4.bySrc[local] {
		if fi.table == table {
			fi.flags |= rpdb.NHDead
			fi.srcGone, found = true, true
		}
	}
	return found
}

// syncDownDev4 marks the nexthops of a device that went down, lost its carrier or is
// gone, and reports whether an info died (fib_sync_down_dev). force includes local
// routes.
func (n *Namespace) syncDownDev4(d *device, e event, force bool) bool {
	mark := rpdb.NHDead | rpdb.NHLinkDown
	if e == eventChange {
		mark = rpdb.NHLinkDown
	}
	found := false
	for fi := range n.ip4.byDev[d] {
		down := 0
		for i := range fi.hops {
			h := &fi.hops[i]
			switch {
			case h.flags&rpdb.NHDead != 0:
				down++
			case h.dev == d && (force || h.scope != rpdb.ScopeNowhere):
				h.flags |= mark
				down++
			}
			if e == eventUnregister && h.dev == d {
				down = len(fi.hops)
				break
			}
		}
		if down == len(fi.hops) {
			fi.flags |= mark
			found = true
		}
	}
	return found
}

// syncUp4 revives the nexthops of a device that came up or got its carrier back
// (fib_sync_up).
func (n *Namespace) syncUp4(d *device, flags uint32) {
	if d.Flags&rpdb.IFFUp == 0 {
		return
	}
	if flags&rpdb.NHDead != 0 && running(d) {
		flags |= rpdb.NHLinkDown
	}
	for fi := range n.ip4.byDev[d] {
		alive := 0
		for i := range fi.hops {
			h := &fi.hops[i]
			switch {
			case h.flags&flags == 0:
				alive++
			case h.dev == d && d.inet4 != nil:
				alive++
				h.flags &^= flags
			}
		}
		if alive > 0 {
			fi.flags &^= flags
		}
	}
}

// running tells whether a device has carrier (IFF_RUNNING or IFF_LOWER_UP).
func running(d *device) bool { return d.Flags&(rpdb.IFFRunning|rpdb.IFFLowerUp) != 0 }

// disable4 takes a device out of use (fib_disable_ip).
func (n *Namespace) disable4(d *device, e event, force bool) {
	if n.syncDownDev4(d, e, force) {
		n.flush4()
	}
	n.flushNeighs(rpdb.IPv4, d, true)
}

// fib4 is the part of the IPv4 tables that cares about devices (fib_netdev_event).
func fib4(n *Namespace, d *device, e event) {
	if e == eventUnregister {
		n.disable4(d, e, true)
		return
	}
	in := d.inet4
	if in == nil {
		return
	}
	switch e {
	case eventUp:
		for _, a := range in.list {
			n.addAddrRoutes4(in, a)
		}
		n.syncUp4(d, rpdb.NHDead)
	case eventDown:
		n.disable4(d, e, false)
	case eventChange:
		if running(d) {
			n.syncUp4(d, rpdb.NHLinkDown)
		} else {
			n.syncDownDev4(d, e, false)
		}
	case eventChangeUpper:
		if v := n.vrfOf(d); v != in.vrf {
			in.vrf = v
			n.disable4(d, eventDown, true)
		}
	}
}

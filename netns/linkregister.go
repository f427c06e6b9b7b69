package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// register puts a new device into its namespace (register_netdevice).
func (d *device) register() error {
	n := d.ns
	name, err := n.validName(d.Name)
	if err != nil {
		return err
	}
	d.Name = name
	if d.kind != nil && d.kind.init != nil {
		if err := d.kind.init(d); err != nil {
			return err
		}
	}
	switch {
	case d.Index == 0:
		d.Index = n.freeIndex()
	case n.byIndex(d.Index) != nil:
		return fail(rpdb.EBUSY, "")
	}
	d.registered = true
	n.enlist(d)
	d.sync()
	n.deviceEvent(d, eventRegister)
	return nil
}

// configure sets the flags of a new device and tells of it (rtnl_configure_link). Of
// one that its driver has told of already it tells what changed.
func (d *device) configure(h linkHeader, r *request) error {
	old := d.flags
	if h.flags != 0 || h.change != 0 {
		if err := d.changeFlags(d.combine(h)); err != nil {
			return err
		}
	}
	told := old ^ d.flags
	if d.initializing {
		d.initializing, told = false, ^uint32(0)
	}
	d.notifyFlags(old, told, r)
	return nil
}

// delLink answers RTM_DELLINK (rtnl_dellink).
func delLink(r *request) error {
	if r.family() == familyBridge {
		return r.bridgeLink()
	}
	h, tb, err := parseLinkMessage(r, liberal)
	if err != nil {
		return err
	}
	if err := tb.uniqueNetns(true); err != nil {
		return err
	}
	n, err := r.targetNetns(tb)
	if err != nil {
		return err
	}
	var d *device
	byName := tb.has(nla.IFLAIfname) || tb.has(nla.IFLAAltIfname)
	if h.index > 0 {
		d = n.byIndex(h.index)
	} else if byName {
		d = n.find(tb)
	}
	switch {
	case d != nil:
		if d.kind == nil || d.kind.noDelete {
			return fail(rpdb.EOPNOTSUPP, "")
		}
		d.delete(r.echoed())
		return nil
	case h.index > 0 || byName:
		return fail(rpdb.ENODEV, "")
	case tb.has(nla.IFLAGroup):
		return n.deleteGroup(tb.u32(nla.IFLAGroup))
	}
	return fail(rpdb.EINVAL, "")
}

// deleteGroup deletes all devices of a group (rtnl_group_dellink).
func (n *Namespace) deleteGroup(g uint32) error {
	if g == 0 {
		return fail(rpdb.EPERM, "")
	}
	all := n.group(g)
	for _, d := range all {
		if d.kind == nil || d.kind.noDelete {
			return fail(rpdb.EOPNOTSUPP, "")
		}
	}
	if len(all) == 0 {
		return fail(rpdb.ENODEV, "")
	}
	var doomed []*device
	for _, d := range all {
		doomed = d.doom(doomed)
	}
	unregister(doomed, nil)
	return nil
}

// delete removes a device and what depends on it (rtnl_delete_link).
func (d *device) delete(r *request) { unregister(d.doom(nil), r) }

// doom adds the device and those that go with it to a list (rtnl_link_ops.dellink).
func (d *device) doom(list []*device) []*device {
	for _, x := range list {
		if x == d {
			return list
		}
	}
	list = append(list, d)
	if d.kind != nil && d.kind.dellink != nil {
		list = d.kind.dellink(d, list)
	}
	return list
}

// unregister takes devices out of their namespaces
// (unregister_netdevice_many_notify).
func unregister(list []*device, r *request) {
	closeAll(list)
	for _, d := range list {
		d.ns.unlist(d)
		d.leaving = true
	}
	for _, d := range list {
		d.gone(r)
	}
}

func (d *device) gone(r *request) {
	d.Qdisc = "noop"
	d.unwatch()
	n := d.ns
	n.deviceEvent(d, eventUnregister)
	body := d.encode(n, linkMessage{change: ^uint32(0)})
	if d.kind != nil && d.kind.uninit != nil {
		d.kind.uninit(d)
	}
	if !d.initializing {
		n.notify(r, GroupLink, rtnl.RTMDelLink, 0, body)
	}
	d.registered = false
}

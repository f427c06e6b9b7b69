package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// move takes the device to another namespace. The name is used when its own is taken
// there, the index 0 keeps its own where that is free
// (__dev_change_net_namespace).
func (d *device) move(to *Namespace, name string, index int) error {
	if d.immutable {
		return fail(rpdb.EINVAL, "The interface netns is immutable")
	}
	newName := d.Name
	if to.byName(d.Name) != nil {
		if name == "" {
			return fail(rpdb.EEXIST, "An interface with the same name exists in the target netns")
		}
		var err error
		if newName, err = to.validName(name); err != nil {
			return failf(refusal(err).Errno, "Unable to use '%s' for the new interface name in the target netns", name)
		}
	}
	for _, a := range d.AltNames {
		if to.byName(a) != nil {
			return failf(rpdb.EEXIST, "An interface with the altname %s exists in the target netns", a)
		}
	}
	switch {
	case index != 0 && to.byIndex(index) != nil:
		return failf(rpdb.EBUSY, "The ifindex %d is not available in the target netns", index)
	case index == 0:
		if index = d.Index; to.byIndex(index) != nil {
			index = to.freeIndex()
		}
	}
	d.leaveNetns(to, index)
	d.Index, d.Name = index, newName
	to.enlist(d)
	d.sync()
	if d.peer != nil {
		d.peer.sync()
	}
	to.deviceEvent(d, eventRegister)
	to.notifyLink(nil, rtnl.RTMNewLink, d, linkMessage{change: ^uint32(0)})
	return nil
}

func (d *device) leaveNetns(to *Namespace, index int) {
	n := d.ns
	closeAll([]*device{d})
	n.unlist(d)
	d.Qdisc = "noop"
	n.deviceEvent(d, eventUnregister)
	if d.master != nil && d.master.kind.release != nil {
		_ = d.master.kind.release(d.master, d) // releasing a port cannot fail
	}
	id := n.nsid(to)
	n.notifyLink(nil, rtnl.RTMDelLink, d, linkMessage{change: ^uint32(0), newNSID: &id, newIfindex: index})
}

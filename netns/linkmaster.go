package netns

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// setMaster enslaves the device to another one, or releases it with 0
// (do_set_master).
func (d *device) setMaster(index int) error {
	if m := d.master; m != nil {
		if m.Index == index {
			return nil
		}
		if m.kind == nil || m.kind.release == nil {
			return fail(rpdb.EOPNOTSUPP, "")
		}
		if err := m.kind.release(m, d); err != nil {
			return err
		}
	}
	if index == 0 {
		return nil
	}
	m := d.ns.byIndex(index)
	switch {
	case m == nil:
		return fail(rpdb.EINVAL, "")
	case m.kind == nil || m.kind.enslave == nil:
		return fail(rpdb.EOPNOTSUPP, "")
	}
	return m.kind.enslave(m, d)
}

// join makes d a port of m and tells (netdev_master_upper_dev_link).
func (d *device) join(m *device) {
	d.master = m
	m.ports = append(m.ports, d)
	d.sync()
	d.ns.deviceEvent(d, eventChangeUpper)
}

// leave undoes join (netdev_upper_dev_unlink).
func (d *device) leave() {
	m := d.master
	if m == nil {
		return
	}
	d.master = nil
	m.ports = slices.DeleteFunc(m.ports, func(x *device) bool { return x == d })
	d.sync()
	d.ns.deviceEvent(d, eventChangeUpper)
}

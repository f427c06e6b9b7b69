package netns

import (
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

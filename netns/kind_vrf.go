package netns

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

const vrfTableAttr = 1 // IFLA_VRF_TABLE, IFLA_VRF_PORT_TABLE

func init() {
	addKinds(&linkKind{
		name:     "vrf",
		early:    true,
		policy:   []policy{vrfTableAttr: {kind: attrU32}},
		validate: validateEtherLink,
		setup: func(d *device) {
			d.setupEther()
			d.noQueue, d.noVLAN, d.immutable = true, true, true
			d.minMTU, d.maxMTU, d.MTU = 1280, 65575, 65575
			d.sizes.tso = 65536
			d.randomAddress()
		},
		init: func(d *device) error {
			d.flags = rpdb.IFFMaster | rpdb.IFFNoARP
			d.operstate = operUp
			d.ns.newTable4(d.VRFTable)
			d.ns.fib6.newTable(d.VRFTable)
			return nil
		},
		newLink: newVRF,
		dellink: func(d *device, list []*device) []*device {
			for _, p := range slices.Clone(d.ports) {
				releaseVRF(p)
			}
			return list
		},
		setAddress: setEther,
		enslave:    enslaveVRF,
		release:    func(_, p *device) error { releaseVRF(p); return nil },
		portEvent: func(p *device, e event) {
			if e == eventUnregister {
				releaseVRF(p)
			}
		},
		fill:     func(d *device, m *message) { m.u32(vrfTableAttr, d.VRFTable) },
		fillPort: func(p *device, m *message) { m.u32(vrfTableAttr, p.master.VRFTable) },
	})
}

// newVRF is vrf_newlink.
func newVRF(l *linkRequest, d *device) error {
	if !l.data.has(vrfTableAttr) {
		return fail(rpdb.EINVAL, "VRF table id is missing")
	}
	d.VRFTable = l.data.u32(vrfTableAttr)
	if d.VRFTable == 0 {
		return failAttr(rpdb.EINVAL, "Invalid VRF table id", l.data[vrfTableAttr])
	}
	if d.ns.sysctlInt("vrf/strict_mode") != 0 && d.ns.usersOfVRFTable(d.VRFTable) > 0 {
		return fail(rpdb.EBUSY, "Table is used by another VRF")
	}
	return d.register()
}

// usersOfVRFTable counts the VRFs of a table (vrf_map).
func (n *Namespace) usersOfVRFTable(table uint32) int {
	users := 0
	for _, d := range n.devices.list {
		if d.IsVRF() && d.VRFTable == table {
			users++
		}
	}
	return users
}

// sharedVRFTables reports whether two VRFs have one table (vrf_map.shared_tables).
func (n *Namespace) sharedVRFTables() bool {
	return slices.ContainsFunc(n.devices.list, func(d *device) bool { return d.IsVRF() && n.usersOfVRFTable(d.VRFTable) > 1 })
}

// enslaveVRF is vrf_add_slave.
func enslaveVRF(m, p *device) error {
	switch {
	case p.IsVRF():
		return fail(rpdb.EINVAL, "Can not enslave an L3 master device to a VRF")
	case p.master != nil && p.master.IsVRF():
		return fail(rpdb.EINVAL, "")
	case p.IsLoopback():
		return fail(rpdb.EOPNOTSUPP, "Can not enslave loopback device to a VRF")
	}
	if err := p.linkMaster(m); err != nil {
		return err
	}
	p.cycle()
	return nil
}

// releaseVRF is vrf_del_slave.
func releaseVRF(p *device) {
	p.unlinkMaster()
	p.cycle()
}

package netns

import (
	"bytes"
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a VLAN (IFLA_VLAN_*).
const (
	vlanID         = 1
	vlanFlags      = 2
	vlanEgressQoS  = 3
	vlanIngressQoS = 4
	vlanProtocol   = 5
	vlanQoSMapping = 1
)

// Flags of a VLAN (VLAN_FLAG_*).
const (
	vlanReorder       = 1
	vlanLoose         = 4
	vlanBridgeBinding = 0x10
	vlanAllFlags      = 0x1f
)

// The protocols of tags (ETH_P_8021Q, ETH_P_8021AD).
const (
	proto8021Q  = 0x8100
	proto8021AD = 0x88a8
)

// vlan is what a VLAN device keeps (struct vlan_dev_priv).
type vlan struct {
	id, proto uint16
	flags     uint32
	ingress   [8]uint32
	egress    [16][]priorityMapping // by priority modulo 16, the newest first
	lowerAddr []byte                // of the device below when it was seen last
}

type priorityMapping struct{ from, to uint32 }

var (
	vlanPolicy = []policy{
		vlanID:         {kind: attrU16},
		vlanFlags:      {len: 8},
		vlanEgressQoS:  {kind: attrNested},
		vlanIngressQoS: {kind: attrNested},
		vlanProtocol:   {kind: attrU16},
	}
	vlanMapPolicy = []policy{vlanQoSMapping: {len: 8}}
)

func init() {
	addKinds(&linkKind{
		name:     "vlan",
		policy:   vlanPolicy,
		validate: validateVLAN,
		setup: func(d *device) {
			d.setupEther()
			d.noQueue = true
			d.minMTU, d.maxMTU = 0, 65535
			d.broadcast = make([]byte, 6)
			d.own = &vlan{}
		},
		newLink:    newVLAN,
		change:     func(l *linkRequest, d *device) error { return d.own.(*vlan).change(l.data) },
		dellink:    unstack,
		init:       initVLAN,
		open:       openVLAN,
		stop:       stopVLAN,
		rxFlags:    passRxFlags,
		setAddress: setEther,
		changeMTU: func(d *device, mtu uint32) error {
			if mtu > d.lower.MTU {
				return fail(rpdb.ERANGE, "")
			}
			return nil
		},
		iflink:     lowerIndex,
		lowerEvent: vlanEvent,
		fill:       func(d *device, m *message) { d.own.(*vlan).fill(m) },
	})
}

// lowerIndex is the ifindex of the device below.
func lowerIndex(d *device) int {
	if d.lower == nil {
		return 0
	}
	return d.lower.Index
}

// unstack takes the device off the one below before it goes.
func unstack(d *device, list []*device) []*device {
	d.lower.unlinkUpper(d)
	return list
}

// vlan_validate
func validateVLAN(tb, data attrs) error {
	if err := validEther(tb); err != nil {
		return fail(refusal(err).Errno, "8021q: Invalid link address")
	}
	if data == nil {
		return fail(rpdb.EINVAL, "8021q: VLAN properties not specified")
	}
	if data.has(vlanProtocol) {
		switch binary.BigEndian.Uint16(data[vlanProtocol]) {
		case proto8021Q, proto8021AD:
		default:
			return fail(rpdb.EPROTONOSUPPORT, "8021q: Invalid VLAN protocol")
		}
	}
	if data.has(vlanID) && data.u16(vlanID) >= 0xfff {
		return fail(rpdb.ERANGE, "8021q: Invalid VLAN id")
	}
	if data.has(vlanFlags) {
		flags, mask := readPair(data[vlanFlags])
		if flags&mask&^vlanAllFlags != 0 {
			return fail(rpdb.EINVAL, "8021q: Invalid VLAN flags")
		}
	}
	for _, c := range []struct {
		typ int
		msg string
	}{{vlanIngressQoS, "8021q: Invalid ingress QOS map"}, {vlanEgressQoS, "8021q: Invalid egress QOS map"}} {
		if data.has(c.typ) {
			if _, err := parseAttrs(data[c.typ], vlanMapPolicy, liberal, nil); err != nil {
				return fail(refusal(err).Errno, c.msg)
			}
		}
	}
	return nil
}

func readPair(b []byte) (a, c uint32) {
	return binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])
}

// newVLAN is vlan_newlink.
func newVLAN(l *linkRequest, d *device) error {
	v := d.own.(*vlan)
	switch {
	case !l.data.has(vlanID):
		return fail(rpdb.EINVAL, "8021q: VLAN id not specified")
	case !l.tb.has(nla.IFLALink):
		return fail(rpdb.EINVAL, "8021q: link not specified")
	}
	below := l.lowerNS().byIndex(int(int32(l.tb.u32(nla.IFLALink))))
	if below == nil {
		return fail(rpdb.ENODEV, "8021q: link does not exist")
	}
	*v = vlan{id: l.data.u16(vlanID), proto: proto8021Q, flags: vlanReorder}
	if l.data.has(vlanProtocol) {
		v.proto = binary.BigEndian.Uint16(l.data[vlanProtocol])
	}
	if below.noVLAN {
		return fail(rpdb.EOPNOTSUPP, "8021q: VLANs not supported on device")
	}
	for _, u := range below.uppersOf(d.kind) {
		if o := u.own.(*vlan); o.id == v.id && o.proto == v.proto {
			return fail(rpdb.EEXIST, "8021q: VLAN device already exists")
		}
	}
	if !l.tb.has(nla.IFLAMTU) {
		d.MTU = below.MTU
	} else if d.MTU > below.MTU {
		return fail(rpdb.EINVAL, "")
	}
	if err := v.change(l.data); err != nil {
		return err
	}
	d.lower = below
	if err := d.register(); err != nil {
		return err
	}
	if err := below.linkUpper(d); err != nil {
		d.delete(nil)
		return err
	}
	if v.flags&vlanBridgeBinding == 0 {
		d.transferCarrier(below)
	}
	d.watch()
	return nil
}

// change is vlan_changelink.
func (v *vlan) change(data attrs) error {
	if data.has(vlanFlags) {
		flags, mask := readPair(data[vlanFlags])
		if mask&^vlanAllFlags != 0 {
			return fail(rpdb.EINVAL, "")
		}
		v.flags = v.flags&^mask | flags&mask
	}
	if data.has(vlanIngressQoS) {
		eachMapping(data[vlanIngressQoS], func(m priorityMapping) { v.ingress[m.from&7] = m.to })
	}
	if data.has(vlanEgressQoS) {
		eachMapping(data[vlanEgressQoS], v.mapEgress)
	}
	return nil
}

func eachMapping(b []byte, do func(priorityMapping)) {
	for {
		a, rest, ok := nextAttr(b)
		if !ok {
			return
		}
		b = rest
		if a.typ == vlanQoSMapping && len(a.data) >= 8 {
			from, to := readPair(a.data)
			do(priorityMapping{from, to})
		}
	}
}

// mapEgress is vlan_dev_set_egress_priority.
func (v *vlan) mapEgress(m priorityMapping) {
	m.to &= 7
	list := &v.egress[m.from&15]
	for i := range *list {
		if (*list)[i].from == m.from {
			(*list)[i].to = m.to
			return
		}
	}
	*list = append([]priorityMapping{m}, *list...)
}

// initVLAN is vlan_dev_init.
func initVLAN(d *device) error {
	below := d.lower
	d.flags = below.flags &^ (rpdb.IFFUp | iffPromisc | iffAllMulti | rpdb.IFFMaster | rpdb.IFFSlave)
	d.noCarrier = below.noCarrier || d.own.(*vlan).flags&vlanBridgeBinding != 0
	d.sizes.tso, d.sizes.tsoSegs = below.sizes.tso, below.sizes.tsoSegs
	d.headroom = below.headroom
	if allZero(d.Address) {
		d.Address, d.addrStolen = bytes.Clone(below.Address), true
	}
	if allZero(d.broadcast) {
		d.broadcast = bytes.Clone(below.broadcast)
	}
	return nil
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// openVLAN is vlan_dev_open.
func openVLAN(d *device) error {
	v := d.own.(*vlan)
	if d.lower.flags&rpdb.IFFUp == 0 && v.flags&vlanLoose == 0 {
		return fail(rpdb.ENETDOWN, "")
	}
	if d.addrStolen {
		d.inheritAddress()
	}
	d.liftRxFlags(true)
	v.lowerAddr = bytes.Clone(d.lower.Address)
	if d.lower.hasCarrier() && v.flags&vlanBridgeBinding == 0 {
		d.setCarrier(true)
	}
	return nil
}

// stopVLAN is vlan_dev_stop.
func stopVLAN(d *device) {
	d.liftRxFlags(false)
	if d.own.(*vlan).flags&vlanBridgeBinding == 0 {
		d.setCarrier(false)
	}
}

// inheritAddress takes over the hardware address of the device below
// (vlan_dev_inherit_address).
func (d *device) inheritAddress() {
	if bytes.Equal(d.Address, d.lower.Address) {
		return
	}
	d.Address = bytes.Clone(d.lower.Address)
	d.ns.deviceEvent(d, eventChangeAddr)
}

// liftRxFlags passes the wish for all packets on to the device below, or takes it
// back.
func (d *device) liftRxFlags(more bool) {
	if d.flags&iffAllMulti != 0 {
		d.lower.setAllMulti(more)
	}
	if d.flags&iffPromisc != 0 {
		d.lower.setPromisc(more)
	}
}

// passRxFlags is ndo_change_rx_flags of stacked devices.
func passRxFlags(d *device, changed uint32) {
	if d.flags&rpdb.IFFUp == 0 {
		return
	}
	if changed&iffAllMulti != 0 {
		d.lower.setAllMulti(d.flags&iffAllMulti != 0)
	}
	if changed&iffPromisc != 0 {
		d.lower.setPromisc(d.flags&iffPromisc != 0)
	}
}

// vlanEvent follows what happens to the device below (vlan_device_event).
func vlanEvent(below *device, uppers []*device, e event) {
	switch e {
	case eventChange:
		for _, u := range uppers {
			u.transferVLAN()
		}
	case eventChangeAddr:
		for _, u := range uppers {
			if v := u.own.(*vlan); u.flags&rpdb.IFFUp != 0 && !bytes.Equal(v.lowerAddr, below.Address) {
				if u.addrStolen {
					u.inheritAddress()
				}
				v.lowerAddr = bytes.Clone(below.Address)
			}
		}
	case eventChangeMTU:
		shrinkMTU(below, uppers)
	case eventDown:
		vlansDown(uppers)
	case eventUp:
		for _, u := range uppers {
			if u.flags&rpdb.IFFUp != 0 {
				continue
			}
			if u.own.(*vlan).flags&vlanLoose == 0 {
				_ = u.setFlags(u.flags | rpdb.IFFUp) // as the kernel, which goes on
			}
			u.transferVLAN()
		}
	case eventUnregister:
		goneBelow(below, uppers)
	}
}

func vlansDown(uppers []*device) {
	var up, tight []*device
	for _, u := range uppers {
		if u.flags&rpdb.IFFUp == 0 {
			continue
		}
		up = append(up, u)
		if u.own.(*vlan).flags&vlanLoose == 0 {
			tight = append(tight, u)
		}
	}
	closeAll(tight)
	for _, u := range up {
		u.transferVLAN()
	}
}

func (d *device) transferVLAN() {
	if d.own.(*vlan).flags&vlanBridgeBinding == 0 {
		d.transferCarrier(d.lower)
	}
}

// shrinkMTU keeps the MTU of stacked devices within that of the one below.
func shrinkMTU(below *device, uppers []*device) {
	for _, u := range uppers {
		if u.MTU > below.MTU {
			_ = u.changeMTU(below.MTU) // as the kernel, which goes on
		}
	}
}

// goneBelow deletes stacked devices with the one below; they stay when it only moves
// to another namespace.
func goneBelow(below *device, uppers []*device) {
	if !below.leaving {
		return
	}
	var doomed []*device
	for _, u := range uppers {
		doomed = u.doom(doomed)
	}
	unregister(doomed, nil)
}

// fill is vlan_fill_info.
func (v *vlan) fill(m *message) {
	m.put(vlanProtocol, binary.BigEndian.AppendUint16(nil, v.proto))
	m.u16(vlanID, v.id)
	if v.flags != 0 {
		m.words(vlanFlags, []int32{int32(v.flags), -1})
	}
	var in, out []priorityMapping
	for from, to := range v.ingress {
		if to != 0 {
			in = append(in, priorityMapping{uint32(from), to})
		}
	}
	for _, list := range v.egress {
		for _, p := range list {
			if p.to != 0 {
				out = append(out, p)
			}
		}
	}
	putMappings(m, vlanIngressQoS, in)
	putMappings(m, vlanEgressQoS, out)
}

func putMappings(m *message, typ uint16, list []priorityMapping) {
	if len(list) == 0 {
		return
	}
	m.nest(typ, func() {
		for _, p := range list {
			m.words(vlanQoSMapping, []int32{int32(p.from), int32(p.to)})
		}
	})
}

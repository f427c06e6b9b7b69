package netns

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// vxlan is what a vxlan device keeps (struct vxlan_dev). Its packets are not emulated.
type vxlan struct {
	dev  *device
	home *Namespace // where its packets go out, which it keeps when it moves (vxlan->net)
	conf vxlanConfig
	// remoteIndex is the device below as it was set when that last changed.
	remoteIndex uint32
	socks       []*vxlanSock // that it hears by, while it is up
	fdb         vxlanTable
	gc          jiffies // when entries age; 0: they do not
}

// vxlanFlags are the settings of a vxlan device that are on or off (VXLAN_F_*).
type vxlanFlags uint32

const (
	vxlanLearn vxlanFlags = 1 << iota
	vxlanProxy
	vxlanRSC
	vxlanL2Miss
	vxlanL3Miss
	vxlanIPv6
	vxlanZeroCsumTx
	vxlanZeroCsum6Tx
	vxlanZeroCsum6Rx
	vxlanRemCsumTx
	vxlanRemCsumRx
	vxlanGBP
	vxlanNoPartial
	vxlanMetadata
	vxlanGPE
	vxlanLinkLocal
	vxlanTTLInherit
	vxlanVNIFilter
	vxlanLocalBypass
	vxlanMCRoute

	// Devices that differ in these have no socket, and no identifier, in common
	// (VXLAN_F_RCV_FLAGS).
	vxlanReceiveFlags = vxlanGBP | vxlanGPE | vxlanZeroCsum6Rx | vxlanRemCsumRx | vxlanNoPartial | vxlanMetadata | vxlanVNIFilter
	vxlanGPEFlags     = vxlanGPE | vxlanIPv6 | vxlanLinkLocal | vxlanZeroCsumTx | vxlanZeroCsum6Tx | vxlanZeroCsum6Rx |
		vxlanMetadata | vxlanVNIFilter | vxlanLocalBypass | vxlanMCRoute // VXLAN_F_ALLOWED_GPE
)

// vxlanConfig is struct vxlan_config. The addresses are of one family, and unspecified
// where there is none.
type vxlanConfig struct {
	flags         vxlanFlags
	remote, local netip.Addr
	vni           uint32
	link          uint32 // remote_ifindex
	port          uint16
	mtu           uint32
	tos, ttl, df  uint8
	label         uint32 // as it is sent
	labelPolicy   uint32
	ageing        uint32 // in seconds
	limit         uint32 // of entries (addrmax)
	ports         [4]byte
	reserved      vxlanHeader
}

func init() {
	addKinds(&linkKind{
		name:     "vxlan",
		policy:   vxlanPolicy,
		validate: validateVXLAN,
		setup: func(d *device) {
			d.setupEther()
			d.randomAddress()
			d.noQueue = true
			d.maxMTU, d.sizes.tso = 65535, 65536
			d.own = &vxlan{dev: d, fdb: newVXLANTable()}
		},
		newLink:    newVXLAN,
		change:     changeVXLAN,
		dellink:    deleteVXLAN,
		open:       func(d *device) error { return d.own.(*vxlan).open() },
		stop:       func(d *device) { d.own.(*vxlan).stop() },
		setAddress: setEther,
		changeMTU:  changeVXLANMTU,
		lowerEvent: func(below *device, uppers []*device, e event) {
			if e == eventUnregister {
				slices.Reverse(uppers)
				goneBelow(below, uppers)
			}
		},
		fdb:       vxlanFDB,
		fill:      fillVXLAN,
		linkNetns: func(d *device) *Namespace { return d.own.(*vxlan).home },
		protoDown: true,
		noFilter:  true,
	})
}

func (d *device) isVXLAN() bool {
	_, ok := d.own.(*vxlan)
	return ok
}

// hardHeader is the length of a device's own header (dev->hard_header_len).
func (d *device) hardHeader() uint16 {
	if d.Type == arphrdEther || d.Type == arphrdLoopback {
		return etherHeader
	}
	return 0
}

const etherHeader = 14

// vxlanHeadroom is how much a vxlan device puts before a packet (vxlan_headroom).
func vxlanHeadroom(f vxlanFlags) uint16 {
	n := uint16(20 + 8 + 8)
	if f&vxlanIPv6 != 0 {
		n += 20
	}
	if f&vxlanGPE == 0 {
		n += etherHeader
	}
	return n
}

// newVXLAN is vxlan_newlink.
func newVXLAN(l *linkRequest, d *device) error {
	v := d.own.(*vxlan)
	c, err := readVXLAN(l, nil)
	if err != nil {
		return err
	}
	home := l.lowerNS()
	lower, err := c.check(home, v)
	if err != nil {
		return err
	}
	if c.flags&vxlanGPE != 0 { // vxlan_raw_setup
		d.Type, d.Address, d.broadcast = arphrdNone, nil, nil
		d.flags = rpdb.IFFPointopt | rpdb.IFFNoARP | rpdb.IFFMulticast
	}
	if c.mtu != 0 {
		d.MTU = c.mtu
	}
	v.home = home
	v.apply(c, lower, c.mtu == 0)
	if err := d.register(); err != nil {
		return err
	}
	if lower != nil {
		if err := lower.linkUpper(d); err != nil {
			d.delete(nil)
			return err
		}
	}
	if err := d.configure(linkHeader{}, nil); err != nil {
		d.delete(nil)
		return err
	}
	if !c.remote.IsUnspecified() {
		if err := v.update(v.defaultEntry(&c)); err != nil {
			d.delete(nil)
			return err
		}
	}
	home.vxlans = slices.Insert(home.vxlans, 0, v)
	return nil
}

// defaultEntry is the entry of the far end that the settings name.
func (v *vxlan) defaultEntry(c *vxlanConfig) vxlanChange {
	return vxlanChange{
		state: rpdb.NUDReachable | rpdb.NUDPermanent, flags: ntfSelf, sourceVNI: c.vni,
		how:    vxlanExclusive | vxlanCreate,
		remote: vxlanRemote{c.remote, c.port, c.vni, c.link},
	}
}

// apply takes over settings (vxlan_config_apply).
func (v *vxlan) apply(c vxlanConfig, lower *device, sizeMTU bool) {
	d := v.dev
	room, maxMTU := uint16(etherHeader), uint32(65535)
	if lower != nil {
		v.remoteIndex = c.link
		d.sizes.tso, d.sizes.tsoSegs = lower.sizes.tso, lower.sizes.tsoSegs
		room = lower.hardHeader() + lower.headroom
		d.tailroom = lower.tailroom
		maxMTU = uint32(max(int64(lower.MTU)-int64(vxlanHeadroom(c.flags)), 68))
		if sizeMTU {
			d.MTU = maxMTU
		}
	}
	d.MTU = min(d.MTU, maxMTU)
	f := c.flags
	if f&vxlanMetadata != 0 {
		f |= vxlanIPv6
	}
	d.headroom = room + vxlanHeadroom(f)
	v.conf = c
}

// changeVXLAN is vxlan_changelink.
func changeVXLAN(l *linkRequest, d *device) error {
	v := d.own.(*vxlan)
	c, err := readVXLAN(l, &v.conf)
	if err != nil {
		return err
	}
	lower, err := c.check(v.home, v)
	if err != nil {
		return err
	}
	old := v.conf
	below := v.below()
	if lower == below {
		lower = nil
	}
	if lower != nil {
		if err := lower.linkUpper(d); err != nil {
			return err
		}
	}
	moved := c.remote != old.remote
	if moved {
		if err := v.moveDefault(&old, &c); err != nil {
			if lower != nil {
				lower.unlinkUpper(d)
				d.lower = below
			}
			return err
		}
	}
	rejoin := d.flags&rpdb.IFFUp != 0 && (moved || v.remoteIndex != c.link)
	if rejoin {
		v.listen(false)
	}
	if c.ageing != old.ageing {
		v.scheduleAge(0)
	}
	if lower != nil && below != nil {
		below.unlinkUpper(d)
	}
	v.apply(c, lower, false)
	if rejoin {
		v.listen(true)
	}
	return nil
}

// below is the device below, nil if there is none.
func (v *vxlan) below() *device {
	if d := v.dev.lower; d != nil && slices.Contains(d.uppers, v.dev) {
		return d
	}
	return nil
}

// moveDefault replaces the entry of the far end.
func (v *vxlan) moveDefault(old, c *vxlanConfig) error {
	if !c.remote.IsUnspecified() {
		x := v.defaultEntry(c)
		x.how, x.remote.port = vxlanAppend|vxlanCreate, old.port
		if err := v.update(x); err != nil {
			return err
		}
	}
	if !old.remote.IsUnspecified() {
		_ = v.remove(macAddr{}, old.vni, vxlanRemote{old.remote, old.port, old.vni, v.remoteIndex}) // it may be gone
	}
	return nil
}

// deleteVXLAN is vxlan_dellink.
func deleteVXLAN(d *device, list []*device) []*device {
	v := d.own.(*vxlan)
	v.flush(vxlanFlush{})
	if v.home != nil {
		v.home.vxlans = slices.DeleteFunc(slices.Clone(v.home.vxlans), func(x *vxlan) bool { return x == v })
	}
	if below := v.below(); below != nil {
		below.unlinkUpper(d)
	}
	return list
}

// changeVXLANMTU is vxlan_change_mtu.
func changeVXLANMTU(d *device, mtu uint32) error {
	v := d.own.(*vxlan)
	if lower := v.home.byIndex(int(v.remoteIndex)); lower != nil {
		if int64(mtu) > int64(lower.MTU)-int64(vxlanHeadroom(v.conf.flags)) {
			return fail(rpdb.EINVAL, "")
		}
	}
	return nil
}

// fillVXLAN is vxlan_fill_info.
func fillVXLAN(d *device, m *message) {
	v := d.own.(*vxlan)
	c := &v.conf
	on := func(typ uint16, f vxlanFlags) { m.flag(typ, c.flags&f != 0) }
	m.u32(vxlanAttrID, c.vni)
	putVXLANAddr(m, vxlanAttrGroup, vxlanAttrGroup6, c.remote)
	if v.remoteIndex != 0 {
		m.u32(vxlanAttrLink, v.remoteIndex)
	}
	putVXLANAddr(m, vxlanAttrLocal, vxlanAttrLocal6, c.local)
	m.u8(vxlanAttrTTL, c.ttl)
	on(vxlanAttrTTLInherit, vxlanTTLInherit)
	m.u8(vxlanAttrTOS, c.tos)
	m.u8(vxlanAttrDF, c.df)
	m.u32(vxlanAttrLabel, c.label)
	m.u32(vxlanAttrLabelPolicy, c.labelPolicy)
	on(vxlanAttrLearning, vxlanLearn)
	on(vxlanAttrProxy, vxlanProxy)
	on(vxlanAttrRSC, vxlanRSC)
	on(vxlanAttrL2Miss, vxlanL2Miss)
	on(vxlanAttrL3Miss, vxlanL3Miss)
	on(vxlanAttrMetadata, vxlanMetadata)
	m.u32(vxlanAttrAgeing, c.ageing)
	m.u32(vxlanAttrLimit, c.limit)
	m.put(vxlanAttrPort, binary.BigEndian.AppendUint16(nil, c.port))
	m.flag(vxlanAttrCsum, c.flags&vxlanZeroCsumTx == 0)
	on(vxlanAttrZeroCsum6Tx, vxlanZeroCsum6Tx)
	on(vxlanAttrZeroCsum6Rx, vxlanZeroCsum6Rx)
	on(vxlanAttrRemCsumTx, vxlanRemCsumTx)
	on(vxlanAttrRemCsumRx, vxlanRemCsumRx)
	on(vxlanAttrLocalBypass, vxlanLocalBypass)
	m.put(vxlanAttrPortRange, c.ports[:])
	for _, x := range []struct {
		typ uint16
		f   vxlanFlags
	}{{vxlanAttrGBP, vxlanGBP}, {vxlanAttrGPE, vxlanGPE}, {vxlanAttrNoPartial, vxlanNoPartial}} {
		if c.flags&x.f != 0 {
			m.put(x.typ, nil)
		}
	}
	m.put(vxlanAttrReserved, c.reserved[:])
}

func putVXLANAddr(m *message, typ4, typ6 uint16, a netip.Addr) {
	switch {
	case a.IsUnspecified():
	case a.Is4():
		m.put(typ4, a.AsSlice())
	default:
		m.put(typ6, a.AsSlice())
	}
}

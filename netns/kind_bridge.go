package netns

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// bridge is what a bridge keeps (struct net_bridge). The emulated kernel is built
// without VLAN filtering on bridges. Spanning trees do not run: no bridge hears from
// another one, so that each is its own root.
type bridge struct {
	dev       *device
	id        bridgeID
	ports     []*bridgePort // the newest first, as br->port_list
	portOf    map[*device]*bridgePort
	fdb       fdbTable
	gc        jiffies // when entries age; 0: they do not
	mtuByUser bool
	features  offloads // as netdev_update_features saw the ports last
	settings  bridgeSettings
}

// bridgeID is a priority and a hardware address.
type bridgeID [8]byte

// bridgePort is a port of a bridge (struct net_bridge_port).
type bridgePort struct {
	dev            *device
	br             *bridge
	no             uint16
	state          uint8
	root, designed bridgeID // designated_root, designated_bridge
}

// States of a port (BR_STATE_*).
const (
	portDisabled   = 0
	portForwarding = 3
)

func init() {
	addKinds(&linkKind{
		name:     "bridge",
		policy:   bridgePolicy,
		validate: validateBridge,
		setup: func(d *device) {
			d.setupEther()
			d.noQueue, d.immutable = true, true
			d.maxMTU = 65535
			d.sizes.tso = 65536
			d.randomAddress()
			d.own = &bridge{dev: d, id: bridgeID{0: 0x80}, settings: freshBridge, portOf: map[*device]*bridgePort{}, fdb: newFDBTable()}
		},
		newLink: newBridge,
		change: func(l *linkRequest, d *device) error {
			return d.own.(*bridge).change(l.data)
		},
		dellink:    deleteBridge,
		noFilter:   true,
		fdb:        bridgeFDB,
		open:       openBridge,
		stop:       stopBridge,
		setAddress: setBridgeAddress,
		changeMTU: func(d *device, _ uint32) error {
			d.own.(*bridge).mtuByUser = true
			return nil
		},
		enslave:    enslaveBridge,
		release:    func(m, p *device) error { m.own.(*bridge).drop(p); return nil },
		portEvent:  bridgePortEvent,
		portPolicy: bridgePortPolicy,
		fill:       func(d *device, m *message) { d.own.(*bridge).fill(m) },
		fillPort:   func(p *device, m *message) { bridgePortOf(p).fill(m) },
	})
}

// bridgePortOf is the port that a device is, nil if it is none.
func bridgePortOf(d *device) *bridgePort {
	if d.master == nil {
		return nil
	}
	br, ok := d.master.own.(*bridge)
	if !ok {
		return nil
	}
	return br.portOf[d]
}

// newBridge is br_dev_newlink.
func newBridge(l *linkRequest, d *device) error {
	br := d.own.(*bridge)
	if err := d.register(); err != nil {
		return err
	}
	br.addLocal(nil, d.Address)
	if l.tb.has(nla.IFLAAddress) {
		br.changeID(d.Address)
	}
	if err := br.change(l.data); err != nil {
		d.delete(nil)
		return err
	}
	return nil
}

// deleteBridge is br_dev_delete.
func deleteBridge(d *device, list []*device) []*device {
	br := d.own.(*bridge)
	for _, p := range slices.Clone(br.ports) {
		br.removePort(p)
	}
	br.forgetPort(nil, true)
	br.gc = 0
	return list
}

func openBridge(d *device) error {
	br := d.own.(*bridge)
	br.scheduleAge(hz / 10)
	for _, p := range br.ports {
		if p.dev.running && p.dev.operUp() {
			p.enable()
		}
	}
	d.snoopers(true)
	return nil
}

func stopBridge(d *device) {
	br := d.own.(*bridge)
	br.gc = 0
	for _, p := range br.ports {
		if p.state != portDisabled {
			p.disable()
		}
	}
	d.snoopers(false)
}

// allSnoopers are the groups that bridges which look into reports take part in.
var allSnoopers = struct {
	ipv4 uint32
	ipv6 netip.Addr
}{224<<24 | 0x6a, mustAddr("ff02::6a")}

// snoopers has a bridge join or leave them (br_multicast_join_snoopers,
// br_multicast_leave_snoopers).
func (d *device) snoopers(join bool) {
	join4, join6 := d.ns.joinGroup4, d.ns.joinGroup6
	if !join {
		join4, join6 = d.ns.leaveGroup4, d.ns.leaveGroup6
	}
	if d.inet4 != nil {
		join4(d.inet4, allSnoopers.ipv4)
	}
	if d.inet6 != nil {
		join6(d.inet6, allSnoopers.ipv6)
	}
}

// operUp is netif_oper_up.
func (d *device) operUp() bool { return d.operstate == operUp || d.operstate == operUnknown }

// setBridgeAddress is br_set_mac_address.
func setBridgeAddress(d *device, a []byte) error {
	if !isUnicast(a) {
		return fail(rpdb.EADDRNOTAVAIL, "")
	}
	d.own.(*bridge).changeID(a)
	return nil
}

// changeID gives the bridge a hardware address (br_stp_change_bridge_id).
func (br *bridge) changeID(addr []byte) {
	br.changeLocal(addr)
	old := br.id
	copy(br.id[2:], addr)
	br.dev.Address = bytes.Clone(addr)
	for _, p := range br.ports {
		if bytes.Equal(p.designed[2:], old[2:]) {
			copy(p.designed[2:], addr)
		}
		if bytes.Equal(p.root[2:], old[2:]) {
			copy(p.root[2:], addr)
		}
	}
	br.selectStates()
}

// recalculateID takes the smallest address of the ports, unless the user chose one,
// and reports a change (br_stp_recalculate_bridge_id).
func (br *bridge) recalculateID() bool {
	if br.dev.addrSet {
		return false
	}
	addr := make([]byte, 6)
	for i, p := range br.ports {
		if i == 0 || bytes.Compare(p.dev.Address, addr) < 0 {
			addr = p.dev.Address
		}
	}
	if bytes.Equal(addr, br.id[2:]) {
		return false
	}
	br.changeID(addr)
	return true
}

// selectStates lets ports forward, and gives the bridge a carrier while one does
// (br_port_state_selection).
func (br *bridge) selectStates() {
	live := false
	for _, p := range br.ports {
		live = live || p.state == portForwarding
	}
	br.dev.setCarrier(live)
}

// enable lets a port forward, and tells twice (br_make_forwarding,
// br_stp_enable_port).
func (p *bridgePort) enable() {
	p.designate()
	p.state = portForwarding
	p.notify(false)
	p.br.selectStates()
	p.notify(false)
}

// disable is br_stp_disable_port.
func (p *bridgePort) disable() {
	p.designate()
	p.state = portDisabled
	p.notify(false)
	p.br.forgetPort(p, false)
	p.br.selectStates()
}

// designate is br_become_designated_port.
func (p *bridgePort) designate() { p.root, p.designed = p.br.id, p.br.id }

// enslaveBridge is br_add_slave.
func enslaveBridge(m, d *device) error {
	br := m.own.(*bridge)
	switch {
	case d.IsLoopback() || d.Type != arphrdEther || len(d.Address) != 6 || !isUnicast(d.Address):
		return fail(rpdb.EINVAL, "")
	case d.kind != nil && d.kind.name == "bridge":
		return fail(rpdb.ELOOP, "Can not enslave a bridge to a bridge")
	case d.master != nil:
		return fail(rpdb.EBUSY, "")
	}
	p := &bridgePort{dev: d, br: br, no: br.freePort()}
	p.designate()
	d.setAllMulti(true)
	if d.hasRxHandler() {
		d.setAllMulti(false)
		return fail(rpdb.EBUSY, "")
	}
	// The port is known before anything is told of it.
	br.ports = append([]*bridgePort{p}, br.ports...)
	br.portOf[d] = p
	if err := d.linkMaster(m); err != nil {
		br.ports = br.ports[1:]
		delete(br.portOf, d)
		d.setAllMulti(false)
		return err
	}
	d.setPromisc(true)
	br.unsyncStatic(d)
	br.updateFeatures()
	br.addHeadroom(p)
	br.addLocal(p, d.Address)
	changed := br.recalculateID()
	if d.running && d.operUp() && m.flags&rpdb.IFFUp != 0 {
		p.enable()
	}
	p.notify(false)
	if changed {
		m.ns.deviceEvent(m, eventChangeAddr)
	}
	br.adjust()
	return nil
}

// freePort returns the lowest number that no port has (find_portno).
func (br *bridge) freePort() uint16 {
	for no := uint16(1); ; no++ {
		if !slices.ContainsFunc(br.ports, func(p *bridgePort) bool { return p.no == no }) {
			return no
		}
	}
}

// drop releases a port (br_del_if).
func (br *bridge) drop(d *device) {
	br.removePort(bridgePortOf(d))
	br.adjust()
	if br.recalculateID() {
		br.dev.ns.deviceEvent(br.dev, eventChangeAddr)
	}
	br.updateFeatures()
}

// removePort is del_nbp.
func (br *bridge) removePort(p *bridgePort) {
	p.dev.setAllMulti(false)
	p.dev.setPromisc(false)
	p.disable()
	p.notify(true)
	br.ports = slices.DeleteFunc(slices.Clone(br.ports), func(x *bridgePort) bool { return x == p })
	delete(br.portOf, p.dev)
	br.dropHeadroom(p)
	br.forgetPort(p, true)
	p.dev.unlinkMaster()
}

// adjust follows the ports' MTU and limits (br_mtu_auto_adjust, br_set_gso_limits).
func (br *bridge) adjust() {
	mtu, tso, segs := uint32(0), defaultSizes.tso, defaultSizes.tsoSegs
	for _, p := range br.ports {
		if mtu == 0 || p.dev.MTU < mtu {
			mtu = p.dev.MTU
		}
		tso, segs = min(tso, p.dev.sizes.tso), min(segs, p.dev.sizes.tsoSegs)
	}
	if mtu == 0 {
		mtu = 1500
	}
	if !br.mtuByUser {
		_ = br.dev.changeMTU(mtu) // as the kernel, which goes on
		br.mtuByUser = false
	}
	br.dev.sizes.tso, br.dev.sizes.tsoSegs = tso, segs
}

// updateFeatures tells that the bridge can do more, or less, with other ports
// (netdev_update_features, br_features_recompute).
func (br *bridge) updateFeatures() {
	has := offloads(0)
	for _, p := range br.ports {
		has |= p.dev.offloads()
	}
	if has != br.features {
		br.features = has
		br.dev.ns.deviceEvent(br.dev, eventFeatures)
	}
}

// offloads are what a device can do, as far as bridges tell of it (NETIF_F_*).
type offloads uint8

const (
	offloadBase    offloads = 1 << iota // what all can that may be ports
	offloadHighDMA                      // NETIF_F_HIGHDMA
	offloadRobust                       // NETIF_F_GSO_ROBUST
)

func (d *device) offloads() offloads {
	switch d.own.(type) {
	case *macvlan:
		return d.lower.offloads() | offloadRobust
	case *vxlan:
		return offloadBase
	}
	return offloadBase | offloadHighDMA
}

// bridgePortEvent follows what happens to a port (br_device_event).
func bridgePortEvent(d *device, e event) {
	p := bridgePortOf(d)
	if p == nil {
		return
	}
	br, told := p.br, false
	switch e {
	case eventChangeMTU:
		br.adjust()
	case eventChangeAddr:
		br.movePort(p)
		if br.recalculateID() {
			br.dev.ns.deviceEvent(br.dev, eventChangeAddr)
		}
	case eventChange:
		told = p.checkCarrier()
	case eventDown:
		if br.dev.flags&rpdb.IFFUp != 0 {
			p.disable()
			told = true
		}
	case eventUp:
		if br.dev.running && d.operUp() {
			p.enable()
			told = true
		}
	case eventUnregister:
		br.drop(d)
	}
	switch e {
	case eventChangeAddr, eventUp, eventChange, eventDown:
		if !told {
			p.notify(false)
		}
	}
}

// checkCarrier is br_port_carrier_check.
func (p *bridgePort) checkCarrier() (told bool) {
	if !p.br.dev.running {
		return false
	}
	ready := p.dev.running && p.dev.operUp()
	switch {
	case ready && p.state == portDisabled:
		p.enable()
	case !ready && p.state != portDisabled:
		p.disable()
	default:
		return false
	}
	return true
}

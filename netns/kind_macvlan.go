package netns

import (
	"bytes"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a macvlan (IFLA_MACVLAN_*).
const (
	macvlanMode      = 1
	macvlanFlags     = 2
	macvlanAddrMode  = 3
	macvlanAddr      = 4
	macvlanAddrs     = 5
	macvlanAddrCount = 6
	macvlanQueue     = 7
	macvlanQueueUsed = 8
	macvlanCutoff    = 9
)

// Modes (MACVLAN_MODE_*).
const (
	macvlanPrivate  = 1
	macvlanVEPA     = 2
	macvlanBridge   = 4
	macvlanPassthru = 8
	macvlanSource   = 16
)

const macvlanNoPromisc = 1 // MACVLAN_FLAG_NOPROMISC

// macvlan is what a macvlan device keeps (struct macvlan_dev).
type macvlan struct {
	mode    uint32
	flags   uint16
	sources [][]byte // hardware addresses, of mode source
	queue   uint32
	cutoff  int32
	// perm is what the address of the device below was, and is again afterwards, in
	// mode passthru; changing: the device above is setting it.
	perm     []byte
	changing bool
}

var macvlanPolicy = []policy{
	macvlanMode:      {kind: attrU32},
	macvlanFlags:     {kind: attrU16},
	macvlanAddrMode:  {kind: attrU32},
	macvlanAddr:      {kind: attrBinary, len: maxAddrLen},
	macvlanAddrs:     {kind: attrNested},
	macvlanAddrCount: {kind: attrU32},
	macvlanQueue:     {kind: attrU32},
	macvlanQueueUsed: {kind: attrReject},
	macvlanCutoff:    {kind: attrS32},
}

func init() {
	addKinds(&linkKind{
		name:     "macvlan",
		early:    true,
		policy:   macvlanPolicy,
		validate: validateMacvlan,
		setup: func(d *device) {
			d.setupEther()
			d.noQueue = true
			d.maxMTU = 65535
			d.own = &macvlan{mode: macvlanVEPA, queue: 1000, cutoff: 1}
		},
		newLink:    newMacvlan,
		change:     changeMacvlan,
		dellink:    unstack,
		init:       initMacvlan,
		uninit:     uninitMacvlan,
		open:       openMacvlan,
		stop:       stopMacvlan,
		rxFlags:    passRxFlags,
		setAddress: setMacvlanAddress,
		changeMTU: func(d *device, mtu uint32) error {
			if mtu > d.lower.MTU {
				return fail(rpdb.EINVAL, "")
			}
			return nil
		},
		iflink:     lowerIndex,
		lowerEvent: macvlanEvent,
		fill:       fillMacvlan,
		fdb:        macvlanFDB,
		syncAddrs:  true,
		protoDown:  true,
	})
}

// macvlan_validate
func validateMacvlan(tb, data attrs) error {
	if err := validEther(tb); err != nil || data == nil {
		return err
	}
	if data.has(macvlanFlags) && data.u16(macvlanFlags)&^3 != 0 {
		return fail(rpdb.EINVAL, "")
	}
	if data.has(macvlanMode) {
		switch data.u32(macvlanMode) {
		case macvlanPrivate, macvlanVEPA, macvlanBridge, macvlanPassthru, macvlanSource:
		default:
			return fail(rpdb.EINVAL, "")
		}
	}
	if data.has(macvlanAddrMode) && data.u32(macvlanAddrMode) > 3 {
		return fail(rpdb.EINVAL, "")
	}
	if data.has(macvlanAddr) {
		switch a := data[macvlanAddr]; {
		case len(a) != 6:
			return fail(rpdb.EINVAL, "")
		case !isUnicast(a):
			return fail(rpdb.EADDRNOTAVAIL, "")
		}
	}
	if data.has(macvlanAddrCount) {
		return fail(rpdb.EINVAL, "")
	}
	return nil
}

// lowerNS is the namespace that IFLA_LINK is looked up in.
func (l *linkRequest) lowerNS() *Namespace {
	if l.linkNS != nil {
		return l.linkNS
	}
	return l.ns
}

// newMacvlan is macvlan_common_newlink.
func newMacvlan(l *linkRequest, d *device) error {
	v := d.own.(*macvlan)
	if !l.tb.has(nla.IFLALink) {
		return fail(rpdb.EINVAL, "")
	}
	below := l.lowerNS().byIndex(int(int32(l.tb.u32(nla.IFLALink))))
	if below == nil {
		return fail(rpdb.ENODEV, "")
	}
	if below.kind == d.kind {
		below = below.lower
	}
	if !l.tb.has(nla.IFLAMTU) {
		d.MTU = below.MTU
	} else if d.MTU > below.MTU {
		return fail(rpdb.EINVAL, "")
	}
	d.minMTU, d.maxMTU = 68, below.maxMTU
	if !l.tb.has(nla.IFLAAddress) {
		d.randomAddress()
	}
	others := below.uppersOf(d.kind)
	switch {
	case below.Type != arphrdEther || below.flags&rpdb.IFFLoopback != 0:
		return fail(rpdb.EINVAL, "")
	case len(others) == 0 && below.hasRxHandler():
		return fail(rpdb.EBUSY, "")
	case len(others) > 0 && others[0].own.(*macvlan).mode == macvlanPassthru:
		return fail(rpdb.EINVAL, "")
	}
	if l.data.has(macvlanMode) {
		v.mode = l.data.u32(macvlanMode)
	}
	if l.data.has(macvlanFlags) {
		v.flags = l.data.u16(macvlanFlags)
	}
	if v.mode == macvlanPassthru {
		if len(others) > 0 {
			return fail(rpdb.EINVAL, "")
		}
		d.Address = bytes.Clone(below.Address)
	}
	v.perm = bytes.Clone(below.Address)
	if err := v.changeSources(l.data); err != nil {
		return err
	}
	v.changeQueue(l.data)
	d.lower = below
	if err := d.register(); err != nil {
		return err
	}
	if err := below.linkUpper(d); err != nil {
		d.delete(nil)
		return err
	}
	d.transferCarrier(below)
	d.watch()
	return nil
}

// hasRxHandler reports whether a bridge or a macvlan takes the device's packets
// already (netdev_is_rx_handler_busy).
func (d *device) hasRxHandler() bool {
	return d.master != nil && d.master.kind.name == "bridge" || len(d.uppersOf(linkKinds["macvlan"])) > 0
}

func (v *macvlan) changeQueue(data attrs) {
	if data.has(macvlanQueue) {
		v.queue = data.u32(macvlanQueue)
	}
	if data.has(macvlanCutoff) {
		v.cutoff = int32(data.u32(macvlanCutoff))
	}
}

// changeMacvlan is macvlan_changelink.
func changeMacvlan(l *linkRequest, d *device) error {
	v, data := d.own.(*macvlan), l.data
	mode := v.mode
	if data.has(macvlanMode) {
		mode = data.u32(macvlanMode)
		if (mode == macvlanPassthru) != (v.mode == macvlanPassthru) {
			return fail(rpdb.EINVAL, "")
		}
		if v.mode == macvlanSource && mode != v.mode {
			v.sources = nil
		}
	}
	if data.has(macvlanFlags) {
		flags := data.u16(macvlanFlags)
		if v.mode == macvlanPassthru && (flags^v.flags)&macvlanNoPromisc != 0 {
			d.lower.setPromisc(flags&macvlanNoPromisc == 0)
		}
		v.flags = flags
	}
	v.mode = mode
	if err := v.changeSources(data); err != nil {
		return err
	}
	v.changeQueue(data)
	return nil
}

// changeSources changes the list of hardware addresses of mode source
// (macvlan_changelink_sources).
func (v *macvlan) changeSources(data attrs) error {
	if !data.has(macvlanAddrMode) {
		return nil
	}
	if v.mode != macvlanSource {
		return fail(rpdb.EINVAL, "")
	}
	addr := attrs(data)[macvlanAddr]
	switch data.u32(macvlanAddrMode) {
	case 0: // MACVLAN_MACADDR_ADD
		if addr == nil {
			return fail(rpdb.EINVAL, "")
		}
		v.addSource(addr)
	case 1: // MACVLAN_MACADDR_DEL
		if addr == nil {
			return fail(rpdb.EINVAL, "")
		}
		v.delSource(addr)
	case 2: // MACVLAN_MACADDR_FLUSH
		v.sources = nil
	case 3: // MACVLAN_MACADDR_SET
		return v.setSources(addr, data[macvlanAddrs])
	}
	return nil
}

func (v *macvlan) setSources(addr, list []byte) error {
	v.sources = nil
	if addr != nil {
		v.addSource(addr)
	}
	for {
		a, rest, ok := nextAttr(list)
		if !ok {
			return nil
		}
		list = rest
		if a.typ != macvlanAddr || len(a.data) != 6 {
			continue
		}
		if !isUnicast(a.data) {
			return fail(rpdb.EADDRNOTAVAIL, "")
		}
		v.addSource(a.data)
	}
}

func (v *macvlan) addSource(a []byte) {
	v.delSource(a)
	v.sources = append([][]byte{bytes.Clone(a)}, v.sources...)
}

func (v *macvlan) delSource(a []byte) {
	var left [][]byte
	for _, s := range v.sources {
		if !bytes.Equal(s, a) {
			left = append(left, s)
		}
	}
	v.sources = left
}

// initMacvlan is macvlan_init.
func initMacvlan(d *device) error {
	d.noCarrier = d.lower.noCarrier
	d.sizes.tso, d.sizes.tsoSegs = d.lower.sizes.tso, d.lower.sizes.tsoSegs
	return nil
}

// addrBusy reports whether a hardware address is in use on the device below
// (macvlan_addr_busy).
func (d *device) addrBusy(a []byte) bool {
	if bytes.Equal(d.lower.Address, a) {
		return true
	}
	for _, u := range d.lower.uppersOf(d.kind) {
		if u.flags&rpdb.IFFUp != 0 && bytes.Equal(u.Address, a) {
			return true
		}
	}
	return false
}

// openMacvlan is macvlan_open.
func openMacvlan(d *device) error {
	v := d.own.(*macvlan)
	if v.mode == macvlanPassthru {
		if v.flags&macvlanNoPromisc == 0 {
			d.lower.setPromisc(true)
		}
		return nil
	}
	if d.addrBusy(d.Address) {
		return fail(rpdb.EADDRINUSE, "")
	}
	d.lower.wantUnicast(d.Address, true)
	d.liftRxFlags(true)
	return nil
}

// stopMacvlan is macvlan_stop.
func stopMacvlan(d *device) {
	v := d.own.(*macvlan)
	d.unsyncAddrs()
	if v.mode == macvlanPassthru {
		if v.flags&macvlanNoPromisc == 0 {
			d.lower.setPromisc(false)
		}
		return
	}
	d.liftRxFlags(false)
	d.lower.wantUnicast(d.Address, false)
}

// setMacvlanAddress is macvlan_set_mac_address.
func setMacvlanAddress(d *device, a []byte) error {
	switch {
	case !isUnicast(a):
		return fail(rpdb.EADDRNOTAVAIL, "")
	case d.own.(*macvlan).mode == macvlanPassthru:
		d.own.(*macvlan).changing = true
		return d.lower.setHardware(a)
	case d.addrBusy(a):
		return fail(rpdb.EADDRINUSE, "")
	}
	if d.Up() { // macvlan_sync_address
		d.lower.wantUnicast(a, true)
		d.lower.wantUnicast(d.Address, false)
	}
	d.Address = bytes.Clone(a)
	return nil
}

// uninitMacvlan gives the device below its address back (macvlan_port_destroy).
func uninitMacvlan(d *device) {
	if v := d.own.(*macvlan); v.mode == macvlanPassthru && !bytes.Equal(d.lower.Address, v.perm) {
		_ = d.lower.setHardware(v.perm) // as the kernel, which goes on
	}
}

// macvlanEvent follows what happens to the device below (macvlan_device_event).
func macvlanEvent(below *device, uppers []*device, e event) {
	switch e {
	case eventUp, eventDown, eventChange:
		for _, u := range uppers {
			u.transferCarrier(below)
		}
	case eventFeatures: // netif_inherit_tso_max
		for _, u := range uppers {
			u.sizes.tso, u.sizes.tsoSegs = below.sizes.tso, below.sizes.tsoSegs
		}
	case eventChangeMTU:
		shrinkMTU(below, uppers)
	case eventChangeAddr:
		syncMacvlanAddress(below, uppers[0])
	case eventUnregister:
		goneBelow(below, uppers)
	}
}

// syncMacvlanAddress gives a macvlan of mode passthru the new address of the device below,
// which is the one to give back unless the macvlan itself changed it. One that is up and has
// the address already counts as somebody else who has it (macvlan_sync_address).
func syncMacvlanAddress(below, d *device) {
	v := d.own.(*macvlan)
	if v.mode != macvlanPassthru || d.flags&rpdb.IFFUp != 0 && bytes.Equal(d.Address, below.Address) {
		return
	}
	d.Address = bytes.Clone(below.Address)
	if !v.changing {
		v.perm = bytes.Clone(below.Address)
	}
	v.changing = false
}

// fillMacvlan is macvlan_fill_info.
func fillMacvlan(d *device, m *message) {
	v := d.own.(*macvlan)
	m.u32(macvlanMode, v.mode)
	m.u16(macvlanFlags, v.flags)
	m.u32(macvlanAddrCount, uint32(len(v.sources)))
	if len(v.sources) > 0 {
		m.nest(macvlanAddrs, func() {
			for _, a := range v.sources {
				m.put(macvlanAddr, a)
			}
		})
	}
	used := uint32(0)
	for _, u := range d.lower.uppersOf(d.kind) {
		used = max(used, u.own.(*macvlan).queue)
	}
	m.u32(macvlanQueue, v.queue)
	m.u32(macvlanQueueUsed, used)
	if v.cutoff != 1 {
		m.u32(macvlanCutoff, uint32(v.cutoff))
	}
}

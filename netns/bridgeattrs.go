package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Attributes of a bridge (IFLA_BR_*).
const (
	brForwardDelay   = 1
	brHelloTime      = 2
	brMaxAge         = 3
	brAgeingTime     = 4
	brSTPState       = 5
	brPriority       = 6
	brVLANFiltering  = 7
	brVLANProtocol   = 8
	brGroupFwdMask   = 9
	brRootID         = 10
	brBridgeID       = 11
	brGroupAddr      = 20
	brFDBFlush       = 21
	brDefaultPVID    = 39
	brBoolOpts       = 46
	brFDBMaxLearned  = 49
	bridgeAttrs      = 50
	bridgePortAttrs  = 47
	groupFwdReserved = 7 // BR_GROUPFWD_RESTRICTED
)

// bridgeNumber is a setting of a bridge that is a plain number.
type bridgeNumber struct {
	typ  uint16
	size uint8 // of the attribute, in bytes
}

// bridgeNumbers are the settings of multicast, in the order of dumps.
var bridgeNumbers = [...]bridgeNumber{
	{22, 1},
	{23, 1},
	{24, 1},
	{25, 1},
	{42, 1},
	{26, 4},
	{27, 4},
	{28, 4},
	{29, 4},
	{43, 1},
	{44, 1},
	{30, 8},
	{31, 8},
	{32, 8},
	{33, 8},
	{34, 8},
	{35, 8},
	{36, 1},
	{37, 1},
	{38, 1},
}

// bridgeSettings are what a user sets; times are in hundredths of a second.
type bridgeSettings struct {
	forwardDelay, helloTime, maxAge, ageingTime uint32
	stp                                         uint32
	groupFwdMask                                uint16
	groupAddr                                   [6]byte
	boolOpts                                    uint32
	maxLearned                                  uint32
	numbers                                     [len(bridgeNumbers)]uint64
}

var freshBridge = bridgeSettings{
	forwardDelay: 1500, helloTime: 200, maxAge: 2000, ageingTime: 30000,
	groupAddr: [6]byte{0x01, 0x80, 0xc2},
	numbers:   [...]uint64{1, 1, 0, 0, 0, 16, 4096, 2, 2, 2, 1, 100, 26000, 25500, 12500, 1000, 3124, 0, 0, 0},
}

const boolOptsMask = 0x1f // BR_BOOLOPT_MAX options

var bridgePolicy = func() []policy {
	p := make([]policy, bridgeAttrs)
	for _, typ := range []int{brForwardDelay, brHelloTime, brMaxAge, brAgeingTime, brSTPState, brFDBMaxLearned} {
		p[typ] = policy{kind: attrU32}
	}
	for _, typ := range []int{brPriority, brVLANProtocol, brGroupFwdMask, brDefaultPVID} {
		p[typ] = policy{kind: attrU16}
	}
	p[brVLANFiltering] = policy{kind: attrU8}
	p[brGroupAddr] = policy{kind: attrBinary, len: 6}
	p[brBoolOpts] = policy{len: 8}
	for _, n := range bridgeNumbers {
		p[n.typ] = policy{kind: map[uint8]attrKind{1: attrU8, 4: attrU32, 8: attrU64}[n.size]}
	}
	return p
}()

// validateBridge is br_validate.
func validateBridge(tb, data attrs) error {
	if err := validEther(tb); err != nil {
		return err
	}
	if data.has(brVLANProtocol) {
		switch binary.BigEndian.Uint16(data[brVLANProtocol]) {
		case proto8021Q, proto8021AD:
		default:
			return fail(rpdb.EPROTONOSUPPORT, "")
		}
	}
	return nil
}

// change is br_changelink.
func (br *bridge) change(data attrs) error {
	s := &br.settings
	for _, c := range []struct {
		typ      int
		to       *uint32
		min, max uint32 // of what is accepted
	}{
		{brForwardDelay, &s.forwardDelay, 200 * min(s.stp, 1), 3000},
		{brHelloTime, &s.helloTime, 100, 1000},
		{brMaxAge, &s.maxAge, 600, 4000},
		{brAgeingTime, &s.ageingTime, 0, 1<<32 - 1},
		{brSTPState, &s.stp, 0, 1<<32 - 1},
		{brFDBMaxLearned, &s.maxLearned, 0, 1<<32 - 1},
	} {
		if !data.has(c.typ) {
			continue
		}
		v := data.u32(c.typ)
		free := c.typ == brForwardDelay && s.stp == 0
		if !free && (v < c.min || v > c.max) {
			return fail(rpdb.ERANGE, "")
		}
		*c.to = v
		if c.typ == brAgeingTime {
			br.scheduleAge(0)
		}
	}
	s.stp = min(s.stp, 1)
	if data.has(brPriority) {
		binary.BigEndian.PutUint16(br.id[:], data.u16(brPriority))
		for _, p := range br.ports {
			p.designate()
		}
	}
	if data.has(brVLANFiltering) || data.has(brDefaultPVID) || data.has(brVLANProtocol) {
		return fail(rpdb.EOPNOTSUPP, "")
	}
	return br.changeGroups(data)
}

// changeGroups is the part of br_changelink that is about multicast.
func (br *bridge) changeGroups(data attrs) error {
	s := &br.settings
	if data.has(brGroupFwdMask) {
		if data.u16(brGroupFwdMask)&groupFwdReserved != 0 {
			return fail(rpdb.EINVAL, "")
		}
		s.groupFwdMask = data.u16(brGroupFwdMask)
	}
	if data.has(brGroupAddr) {
		if len(data[brGroupAddr]) != 6 {
			return fail(rpdb.EINVAL, "")
		}
		copy(s.groupAddr[:], data[brGroupAddr])
	}
	if data.has(brFDBFlush) {
		br.flush(fdbFlush{mask: fdbStatic})
	}
	for i, n := range bridgeNumbers {
		switch typ := int(n.typ); {
		case !data.has(typ):
		case n.size == 1:
			s.numbers[i] = uint64(data.u8(typ))
		case n.size == 4:
			s.numbers[i] = uint64(data.u32(typ))
		default:
			s.numbers[i] = binary.NativeEndian.Uint64(data[typ])
		}
	}
	if data.has(brBoolOpts) {
		v, mask := readPair(data[brBoolOpts])
		s.boolOpts = s.boolOpts&^mask | v&mask&boolOptsMask
	}
	return nil
}

// fill is br_fill_info.
func (br *bridge) fill(m *message) {
	s := &br.settings
	for _, timer := range []uint16{16, 17, 18} { // IFLA_BR_HELLO_TIMER, TCN_TIMER, TOPOLOGY_CHANGE_TIMER
		m.u64(timer, 0)
	}
	left := jiffies(0)
	if br.gc != 0 {
		left = max(br.gc-br.dev.ns.world.now(), 0)
	}
	m.u64(19, uint64(left.clock())) // IFLA_BR_GC_TIMER
	for _, x := range []struct {
		typ  uint16
		time uint32
	}{{brForwardDelay, s.forwardDelay}, {brHelloTime, s.helloTime}, {brMaxAge, s.maxAge}, {brAgeingTime, s.ageingTime}} {
		m.u32(x.typ, uint32(clockJiffies(x.time).clock()))
	}
	m.u32(brSTPState, s.stp)
	m.u16(brPriority, binary.BigEndian.Uint16(br.id[:]))
	m.u8(brVLANFiltering, 0)
	m.u16(brGroupFwdMask, s.groupFwdMask)
	m.put(brBridgeID, br.id[:])
	m.put(brRootID, br.id[:])
	m.u16(12, 0) // IFLA_BR_ROOT_PORT
	m.u32(13, 0) // IFLA_BR_ROOT_PATH_COST
	m.u8(14, 0)  // IFLA_BR_TOPOLOGY_CHANGE
	m.u8(15, 0)  // IFLA_BR_TOPOLOGY_CHANGE_DETECTED
	m.put(brGroupAddr, s.groupAddr[:])
	m.words(brBoolOpts, []int32{int32(s.boolOpts), boolOptsMask})
	m.u32(48, br.fdb.learned) // IFLA_BR_FDB_N_LEARNED
	m.u32(brFDBMaxLearned, s.maxLearned)
	for i, n := range bridgeNumbers {
		switch n.size {
		case 1:
			m.u8(n.typ, uint8(s.numbers[i]))
		case 4:
			m.u32(n.typ, uint32(s.numbers[i]))
		default:
			m.u64(n.typ, s.numbers[i])
		}
	}
}

// bridgePortPolicy is what a port of a bridge can be told (br_port_policy).
var bridgePortPolicy = make([]policy, bridgePortAttrs)

const (
	portPriority = 32 // default priority of a port
	slowPortCost = 100
	fastPortCost = 2 // of 10 Gbit/s, what veth claims
)

// cost is what a path through the port costs (port_cost).
func (p *bridgePort) cost() uint32 {
	d := p.dev
	for d.lower != nil {
		d = d.lower
	}
	if d.kind != nil && d.kind.name == "veth" {
		return fastPortCost
	}
	return slowPortCost
}

// fill is br_port_fill_attrs.
func (p *bridgePort) fill(m *message) {
	id := uint16(portPriority)<<10 | p.no
	m.u8(1, p.state)
	m.u16(2, portPriority)
	m.u32(3, p.cost())
	for _, f := range []struct{ typ, v uint8 }{
		{4, 0}, {5, 0}, {6, 0}, {7, 0}, {28, 0}, {8, 1}, {9, 1}, {27, 1}, {30, 1}, {10, 0}, {12, 0},
	} {
		m.u8(uint16(f.typ), f.v)
	}
	m.put(13, p.root[:])
	m.put(14, p.designed[:])
	m.u16(15, id)
	m.u16(16, 0)
	m.u16(17, id)
	m.u16(18, p.no)
	m.u8(19, 0)
	m.u8(20, 0)
	m.u8(29, 0)
	m.u16(31, 0)
	for _, typ := range []uint16{32, 35, 36, 33, 39, 40, 43} {
		m.u8(typ, 0)
	}
	for _, timer := range []uint16{21, 22, 23} {
		m.u64(timer, 0)
	}
	m.u8(25, 1)
	m.u32(37, 512)
	m.u32(38, 0)
	m.u32(41, 0)
	m.u32(42, 0)
}

package netns

import "github.com/rulewalk/rulewalk/rtnl/nla"

// linkKind is what rtnetlink and the rest know of a kind of devices (struct
// rtnl_link_ops and struct net_device_ops). What is nil is not supported or needs
// nothing.
type linkKind struct {
	name     string
	policy   []policy // of IFLA_INFO_DATA
	validate func(tb, data attrs) error
	readPeer func(*linkRequest) error
	setup    func(*device)                     // before it is in any table
	newLink  func(*linkRequest, *device) error // nil: it is only registered
	change   func(*linkRequest, *device) error
	// dellink adds the devices that go with one to the list, itself excepted.
	dellink  func(d *device, list []*device) []*device
	noDelete bool // rtnetlink cannot delete it
	fill     func(*device, *message)

	portPolicy []policy // of IFLA_INFO_SLAVE_DATA
	changePort func(port *device, data attrs) error
	fillPort   func(port *device, m *message)

	init       func(*device) error // before it is in the tables (ndo_init)
	uninit     func(*device)
	open       func(*device) error
	stop       func(*device)
	iflink     func(*device) int
	linkNetns  func(*device) *Namespace // where iflink is (get_link_net)
	setAddress func(*device, []byte) error
	changeMTU  func(*device, uint32) error
	// receiveHeadroom takes over how much room a bridge wants before packets
	// (ndo_set_rx_headroom). Devices of such a kind do not ask a bridge for any.
	receiveHeadroom func(d *device, room uint16)
	enslave         func(master, port *device) error
	release         func(master, port *device) error
	rxFlags         func(d *device, changed uint32) // ndo_change_rx_flags
	// portEvent is told what happens to a port, lowerEvent what happens to a device
	// with devices of the kind on top; early: before IPv6 is told.
	portEvent   func(port *device, e event)
	lowerEvent  func(below *device, uppers []*device, e event)
	early       bool
	userCarrier bool // IFLA_CARRIER is accepted (ndo_change_carrier)
	protoDown   bool
	fdb         *fdbOps // nil: only lists of addresses
	syncAddrs   bool    // what it receives, the device below must receive (ndo_set_rx_mode)
	noFilter    bool    // it cannot filter addresses (no IFF_UNICAST_FLT)
	manyQueues  bool    // as many queues as processors
}

// queues returns how many queues for sending and receiving a new device gets
// (rtnl_create_link).
func (w *World) queues(k *linkKind, tb attrs) [2]uint32 {
	q := [2]uint32{1, 1}
	if k.manyQueues {
		n := uint32(min(max(w.config.CPUs, 1), 4096))
		q = [2]uint32{n, n}
	}
	if tb.has(nla.IFLANumTxQueues) {
		q[0] = tb.u32(nla.IFLANumTxQueues)
	}
	if tb.has(nla.IFLANumRxQueues) {
		q[1] = tb.u32(nla.IFLANumRxQueues)
	}
	return q
}

// linkKinds are the kinds by name. It is filled by init functions, since the
// functions of kinds refer to it.
var linkKinds = map[string]*linkKind{}

func addKinds(kinds ...*linkKind) {
	for _, k := range kinds {
		linkKinds[k.name] = k
	}
}

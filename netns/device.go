package netns

import (
	"cmp"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Hardware types (linux/if_arp.h).
const (
	arphrdEther    = 1
	arphrdTunnel   = 768
	arphrdTunnel6  = 769
	arphrdLoopback = 772
	arphrdSIT      = 776
	arphrdIPGRE    = 778
	arphrdIP6GRE   = 823
	arphrdNone     = 0xfffe
)

// Device flags that only links know (linux/if.h).
const (
	iffPointopoint = 0x10
	iffPromisc     = 0x100
	iffAllMulti    = 0x200
	iffDormant     = 0x20000
)

// device is a network device (struct net_device) with its place in the namespace.
//
// The embedded Link is what dumps show; sync keeps it so. What other parts of the
// namespace may rely on:
//   - Up() is the administrative state (IFF_UP), hasCarrier the carrier;
//   - MTU, Group, Name, Index, Kind, Type, Address;
//   - NoInet: no in_device (MTU below 68); NoInet6: no inet6_dev (MTU below 1280).
//     A device whose disable_ipv6 is set still has IPv6 state; see conf6;
//   - conf4 and conf6, its sysctls, while it has the state that they belong to;
//   - vrf, the VRF that it is or belongs to;
//   - Operstate as the kernel's linkwatch left it.
type device struct {
	rpdb.Link
	ns *Namespace
	id uint64 // see Device.ID

	counters Counters

	flags, gflags   uint32 // dev->flags, dev->gflags
	running         bool   // __LINK_STATE_START
	noCarrier       bool   // __LINK_STATE_NOCARRIER
	unplugged       bool   // see SetCable
	operstate       uint8  // dev->operstate; Link.Operstate is down while not running
	linkMode        uint8
	promiscuity     uint32
	allMulti        uint32
	unicast         hwAddrs // what it receives beside its own address (dev->uc)
	multicast       hwAddrs // and of groups (dev->mc)
	ucPromisc       bool    // it receives all for the sake of unicast
	carrierUps      uint32
	carrierDowns    uint32
	minMTU          uint32
	maxMTU          uint32
	queues          [2]uint32 // for sending, for receiving
	sizes           segmentSizes
	flagsChanged    uint32 // while eventChange is told: the flags that brought it about
	headroom        uint16
	wantedRoom      uint16 // of veth: what the bridge above wants
	tailroom        uint16
	immutable       bool // cannot leave its namespace (netns_immutable)
	noQueue         bool // IFF_NO_QUEUE: no queueing discipline by default
	noVLAN          bool // NETIF_F_VLAN_CHALLENGED
	addrSet         bool // NET_ADDR_SET: the user chose the hardware address
	addrStolen      bool // NET_ADDR_STOLEN: the hardware address is that of the device below
	registered      bool
	initializing    bool // RTNL_LINK_INITIALIZING: nobody was told of it yet
	leaving         bool // NETREG_UNREGISTERING: it is being deleted
	alias           string
	protoDown       bool
	protoDownReason uint32
	broadcast       []byte

	conf4          conf4
	conf4Set       conf4Set
	neigh4, neigh6 neighParms
	conf6          conf6
	in6            in6State
	inet4          *inDevice // addresses; nil: no IPv4 state
	inet6          *inet6Dev // addresses and groups; nil: no IPv6 state

	kind   *linkKind // nil: made by no rtnetlink request
	own    any       // what the kind keeps (netdev_priv)
	lower  *device   // the device below (vlan, macvlan)
	uppers []*device // what has this one below, oldest first
	peer   *device   // the other end of a veth pair, which may be in another namespace
	master *device
	ports  []*device // what is enslaved to it, oldest first
}

// segmentSizes are the limits of segmentation (IFLA_GSO_*, IFLA_GRO_*).
type segmentSizes struct {
	gsoSegs, gso, gro, gso4, gro4, tso, tsoSegs uint32
}

var defaultSizes = segmentSizes{gsoSegs: 65535, gso: 65536, gro: 65536, gso4: 65536, gro4: 65536, tso: 524280, tsoSegs: 65535}

// hasCarrier reports the carrier (netif_carrier_ok). A device that is up without it
// has its routes marked linkdown.
func (d *device) hasCarrier() bool { return !d.noCarrier }

// sync brings the embedded Link in line with the state (dev_get_flags).
func (d *device) sync() {
	f := d.flags&^(iffPromisc|iffAllMulti|rpdb.IFFRunning|rpdb.IFFLowerUp|iffDormant) | d.gflags&(iffPromisc|iffAllMulti)
	d.Operstate = operDown
	if d.running {
		d.Operstate = d.operstate
		if d.operstate == operUp || d.operstate == operUnknown {
			f |= rpdb.IFFRunning
		}
		if !d.noCarrier {
			f |= rpdb.IFFLowerUp
		}
	}
	d.Flags = f
	d.Peer = 0
	if i := d.iflink(); i != d.Index {
		d.Peer = i
	}
	d.Master = 0
	if d.master != nil {
		d.Master = d.master.Index
	}
	if d.ns != nil {
		d.ns.changes.Add(1)
	}
}

// iflink is the ifindex of the device below or at the other end, its own if there is
// none, 0 if it is gone (dev_get_iflink).
func (d *device) iflink() int {
	if d.kind != nil && d.kind.iflink != nil {
		return d.kind.iflink(d)
	}
	return d.Index
}

// devices are the devices of a namespace.
type devices struct {
	list  []*device // in the order of their ifindex, as dumps show them
	born  []*device // in the order in which they came (dev_base_head)
	index map[int]*device
	name  map[string]*device // by name and alternative name
	next  int                // where the search for a free ifindex begins
}

// byIndex returns a device, or nil (__dev_get_by_index).
func (n *Namespace) byIndex(i int) *device { return n.devices.index[i] }

// byName returns a device by its name or an alternative one, or nil
// (__dev_get_by_name).
func (n *Namespace) byName(name string) *device { return n.devices.name[name] }

// freeIndex hands out the next free ifindex (dev_index_reserve).
func (n *Namespace) freeIndex() int {
	for {
		n.devices.next++
		if n.devices.next <= 0 || n.devices.next > 1<<31-1 {
			n.devices.next = 1
		}
		if n.devices.index[n.devices.next] == nil {
			return n.devices.next
		}
	}
}

// enlist puts a device into the tables of its namespace (list_netdevice).
func (n *Namespace) enlist(d *device) {
	if n.devices.index == nil {
		n.devices.index, n.devices.name = map[int]*device{}, map[string]*device{}
	}
	d.ns = n
	if d.id == 0 {
		n.world.devices++
		d.id = n.world.devices
	}
	n.devices.index[d.Index] = d
	n.devices.name[d.Name] = d
	for _, a := range d.AltNames {
		n.devices.name[a] = d
	}
	at, _ := slices.BinarySearchFunc(n.devices.list, d.Index, func(x *device, i int) int { return cmp.Compare(x.Index, i) })
	n.devices.list = slices.Insert(n.devices.list, at, d)
	n.devices.born = append(n.devices.born, d)
}

// unlist takes a device out of the tables of its namespace (unlist_netdevice).
func (n *Namespace) unlist(d *device) {
	delete(n.devices.index, d.Index)
	delete(n.devices.name, d.Name)
	for _, a := range d.AltNames {
		delete(n.devices.name, a)
	}
	same := func(x *device) bool { return x == d }
	n.devices.list = slices.DeleteFunc(n.devices.list, same)
	n.devices.born = slices.DeleteFunc(n.devices.born, same)
	n.changes.Add(1)
}

// addLoopback gives a new namespace its lo (loopback_net_init).
func (n *Namespace) addLoopback() {
	d := &device{
		Link: rpdb.Link{
			Index: n.freeIndex(), Name: "lo", Type: arphrdLoopback,
			MTU: 65536, Address: make([]byte, 6), Qdisc: "noop", TxQLen: 1000,
		},
		flags: rpdb.IFFLoopback, noQueue: true, noVLAN: true, immutable: true, registered: true,
		broadcast: make([]byte, 6), queues: [2]uint32{1, 1}, sizes: defaultSizes,
	}
	n.enlist(d)
	d.sync()
	n.deviceEvent(d, eventRegister)
}

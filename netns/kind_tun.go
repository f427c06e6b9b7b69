package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// TunConfig describes a tun or tap device that nobody has open (TUNSETIFF,
// TUNSETPERSIST, as ip tuntap calls them).
type TunConfig struct {
	Name         string // with %d: the first number that is free; empty: tun%d or tap%d
	Tap          bool   // Ethernet frames, not IP packets
	PacketInfo   bool   // each with four bytes before it (no IFF_NO_PI)
	VNetHeader   bool   // IFF_VNET_HDR
	MultiQueue   bool   // IFF_MULTI_QUEUE
	Owner, Group rpdb.Opt[uint32]
}

// tun is what a device keeps (struct tun_struct).
type tun struct{ TunConfig }

const maxTapQueues = 256

// tunKind is the kind of the devices of /dev/net/tun, which rtnetlink does not make.
var tunKind = &linkKind{
	name: "tun",
	validate: func(attrs, attrs) error {
		return fail(rpdb.EOPNOTSUPP, "tun/tap creation via rtnetlink is not supported.")
	},
	setup:           func(*device) {},
	fill:            func(d *device, m *message) { d.own.(*tun).fill(m) },
	receiveHeadroom: func(*device, uint16) {}, // tun_set_headroom: no message shows it
	setAddress: func(d *device, a []byte) error {
		if !d.own.(*tun).Tap {
			return fail(rpdb.EOPNOTSUPP, "")
		}
		return setEther(d, a)
	},
}

func init() { addKinds(tunKind) }

// fill is tun_fill_info.
func (t *tun) fill(m *message) {
	kind := uint8(1)
	if t.Tap {
		kind = 2
	}
	m.u8(3, kind) // IFLA_TUN_TYPE
	if t.Owner.Set {
		m.u32(1, t.Owner.V) // IFLA_TUN_OWNER
	}
	if t.Group.Set {
		m.u32(2, t.Group.V) // IFLA_TUN_GROUP
	}
	m.flag(4, t.PacketInfo) // IFLA_TUN_PI
	m.flag(5, t.VNetHeader) // IFLA_TUN_VNET_HDR
	m.flag(6, true)         // IFLA_TUN_PERSIST
	m.flag(7, t.MultiQueue) // IFLA_TUN_MULTI_QUEUE
	if t.MultiQueue {
		m.u32(8, 0) // IFLA_TUN_NUM_QUEUES
		m.u32(9, 0) // IFLA_TUN_NUM_DISABLED_QUEUES
	}
}

// AddTun makes a persistent device without a carrier, as ip tuntap add does, and
// returns its name. A name that is taken is EBUSY.
func (n *Namespace) AddTun(c TunConfig) (name string, err error) {
	w := n.world
	w.rtnl.Lock()
	defer w.rtnl.Unlock()
	defer w.settle6()
	w.record(Change{Kind: ChangeTun, Namespace: n.FD(), Data: c.encode()})
	if n.byName(c.Name) != nil {
		return "", fail(rpdb.EBUSY, "")
	}
	d := n.newTun(c)
	if err := d.register(); err != nil {
		return "", err
	}
	n.notifyLink(nil, rtnl.RTMNewLink, d, linkMessage{change: ^uint32(0)})
	// Whoever made it opened it, and closed it.
	d.setCarrier(false)
	w.runWatch()
	return d.Name, nil
}

// newTun is tun_net_initialize for a device in no table yet.
func (n *Namespace) newTun(c TunConfig) *device {
	d := &device{kind: tunKind, ns: n, own: &tun{c}, sizes: defaultSizes, queues: [2]uint32{1, 1}}
	if c.MultiQueue {
		d.queues = [2]uint32{maxTapQueues, maxTapQueues}
	}
	d.Kind, d.Qdisc = tunKind.name, "noop"
	d.Name = c.Name
	if c.Tap {
		d.setupEther()
		d.randomAddress()
		d.maxMTU = 65535 - 14
	} else {
		d.Type, d.flags = arphrdNone, rpdb.IFFPointopt|rpdb.IFFNoARP|rpdb.IFFMulticast
		d.MTU, d.maxMTU, d.TxQLen = 1500, 65535, 500
	}
	if d.Name == "" {
		d.Name = map[bool]string{false: "tun%d", true: "tap%d"}[c.Tap]
	}
	d.minMTU, d.sizes.tso = 68, 65536
	return d
}

// DelTun removes a device as ip tuntap del does: one that is not there is made and
// removed at once, which nobody sees. A device of another mode is EINVAL.
func (n *Namespace) DelTun(c TunConfig) error {
	w := n.world
	w.rtnl.Lock()
	defer w.rtnl.Unlock()
	defer w.settle6()
	d := n.byName(c.Name)
	if d == nil {
		return nil
	}
	if t, ok := d.own.(*tun); !ok || t.Tap != c.Tap || t.MultiQueue != c.MultiQueue {
		return fail(rpdb.EINVAL, "")
	}
	w.record(Change{Kind: ChangeTunDel, Namespace: n.FD(), Data: c.encode()})
	d.delete(nil)
	w.runWatch()
	return nil
}

// encode writes a configuration for the journal: a byte of flags, owner, group, name.
func (c TunConfig) encode() []byte {
	var flags byte
	for i, on := range c.flags() {
		if *on {
			flags |= 1 << i
		}
	}
	b := binary.LittleEndian.AppendUint32([]byte{flags}, c.Owner.V)
	return append(binary.LittleEndian.AppendUint32(b, c.Group.V), c.Name...)
}

func (c *TunConfig) flags() [6]*bool {
	return [...]*bool{&c.Tap, &c.PacketInfo, &c.VNetHeader, &c.MultiQueue, &c.Owner.Set, &c.Group.Set}
}

// decodeTun is the inverse of encode; ok is false for less than an encoding.
func decodeTun(b []byte) (c TunConfig, ok bool) {
	if len(b) < 9 {
		return c, false
	}
	for i, on := range c.flags() {
		*on = b[0]>>i&1 != 0
	}
	c.Owner.V, c.Group.V = binary.LittleEndian.Uint32(b[1:]), binary.LittleEndian.Uint32(b[5:])
	c.Name = string(b[9:])
	return c, true
}

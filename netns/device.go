package netns

import (
	"cmp"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

const arphrdLoopback = 772 // ARPHRD_LOOPBACK

// device is a network device (struct net_device) with its place in the namespace.
type device struct {
	rpdb.Link
	ns *Namespace

	broadcast []byte
	peer      *device // the other end of a veth pair, which may be in another namespace
}

// devices are the devices of a namespace.
type devices struct {
	list  []*device // in the order of their ifindex, as dumps show them
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
		if n.devices.next <= 0 {
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
	n.devices.index[d.Index] = d
	n.devices.name[d.Name] = d
	for _, a := range d.AltNames {
		n.devices.name[a] = d
	}
	at, _ := slices.BinarySearchFunc(n.devices.list, d.Index, func(x *device, i int) int { return cmp.Compare(x.Index, i) })
	n.devices.list = slices.Insert(n.devices.list, at, d)
}

// addLoopback gives a new namespace its lo (loopback_net_init).
func (n *Namespace) addLoopback() {
	n.enlist(&device{
		Link: rpdb.Link{
			Index: n.freeIndex(), Name: "lo", Type: arphrdLoopback, Flags: rpdb.IFFLoopback,
			MTU: 65536, Address: make([]byte, 6), Qdisc: "noop", TxQLen: 1000, Operstate: 2,
		},
		broadcast: make([]byte, 6),
	})
}

package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// AddEthernet adds a network card, as a driver does: a device of no kind that
// rtnetlink could make, down, with its cable in. It returns the ifindex. A name that is
// taken is an error.
func (n *Namespace) AddEthernet(name string, address [6]byte) (index int, err error) {
	n.world.rtnl.Lock()
	defer n.world.rtnl.Unlock()
	if n.byName(name) != nil {
		return 0, fail(rpdb.EEXIST, "")
	}
	n.world.record(Change{Kind: ChangeEthernet, Namespace: n.FD(), Data: append(address[:], name...)})
	d := &device{
		Link: rpdb.Link{
			Index: n.freeIndex(), Name: name, Type: arphrdEther,
			MTU: 1500, Address: address[:], Qdisc: "noop", TxQLen: 1000,
		},
		flags: rpdb.IFFBroadcast | iffMulticast, operstate: operUp, registered: true,
		broadcast: []byte{255, 255, 255, 255, 255, 255}, queues: [2]uint32{1, 1}, sizes: defaultSizes,
		minMTU: 68, maxMTU: 65535,
	}
	n.enlist(d)
	d.sync()
	n.deviceEvent(d, eventRegister)
	return d.Index, nil
}

package netns

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/rulewalk/rulewalk/rpdb"
)

// AddEthernet adds a network card, as a driver does: a device of no kind that
// rtnetlink could make, down, with its cable in. It returns the ifindex. A name that is
// taken is an error.
func (n *Namespace) AddEthernet(name string, address [6]byte) (index int, err error) {
	return n.AddEthernetAt(0, name, address)
}

// AddEthernetAt is [Namespace.AddEthernet] with an ifindex, which must be free; 0 stands
// for the next one.
func (n *Namespace) AddEthernetAt(index int, name string, address [6]byte) (int, error) {
	n.world.rtnl.Lock()
	defer n.world.rtnl.Unlock()
	if n.byName(name) != nil || index < 0 || n.devices.index[index] != nil {
		return 0, fail(rpdb.EEXIST, "")
	}
	n.world.record(Change{Kind: ChangeEthernet, Namespace: n.FD(), Data: encodeEthernet(index, name, address)})
	if index == 0 {
		index = n.freeIndex()
	}
	d := &device{
		Link: rpdb.Link{
			Index: index, Name: name, Type: arphrdEther,
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

// encodeEthernet is the data of a change: the address, the name, and behind a zero the
// ifindex if it was asked for.
func encodeEthernet(index int, name string, address [6]byte) []byte {
	b := append(address[:], name...)
	if index != 0 {
		b = binary.AppendUvarint(append(b, 0), uint64(index))
	}
	return b
}

// decodeEthernet is the inverse of encodeEthernet.
func decodeEthernet(b []byte) (index int, name string, address [6]byte, ok bool) {
	if len(b) < 7 {
		return 0, "", address, false
	}
	rest, number, given := bytes.Cut(b[6:], []byte{0})
	if given {
		n, size := binary.Uvarint(number)
		if size <= 0 || n > math.MaxInt32 {
			return 0, "", address, false
		}
		index = int(n)
	}
	return index, string(rest), [6]byte(b), true
}

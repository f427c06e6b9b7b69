package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
)

// SetCable pulls the cable of a device out, or plugs it in again. It is what no request of
// rtnetlink does: a network card, or a veth device and the other end of its pair, lose their
// carrier, and all that Linux does then follows. Without its cable neither has a carrier
// however often it is taken down and up.
//
// A device that has no cable is refused with EOPNOTSUPP.
func (n *Namespace) SetCable(dev int, plugged bool) error {
	n.expire()
	w := n.world
	w.rtnl.Lock()
	defer w.changed()
	defer w.rtnl.Unlock()
	defer w.settle6()
	defer w.runWatch()
	d := n.byIndex(dev)
	switch {
	case d == nil:
		return fail(rpdb.ENODEV, "")
	case d.IsLoopback() || d.kind != nil && d.kind.name != "veth":
		return fail(rpdb.EOPNOTSUPP, "")
	}
	w.record(Change{Kind: ChangeCable, Namespace: n.FD(), Data: encodeCable(dev, plugged)})
	ends := []*device{d}
	if d.peer != nil {
		ends = append(ends, d.peer)
	}
	for _, x := range ends {
		x.unplugged = !plugged
		x.setCarrier(plugged && x.kind == nil || x.paired())
	}
	return nil
}

// paired reports whether a veth device has a carrier: both ends are up, and the cable is
// whole.
func (d *device) paired() bool {
	return d.peer != nil && !d.unplugged && d.flags&rpdb.IFFUp != 0 && d.peer.flags&rpdb.IFFUp != 0
}

// encodeCable is the data of a change: whether the cable is plugged in, and the ifindex.
func encodeCable(dev int, plugged bool) []byte {
	b := []byte{0}
	if plugged {
		b[0] = 1
	}
	return binary.AppendUvarint(b, uint64(dev))
}

// decodeCable is the inverse of encodeCable.
func decodeCable(b []byte) (dev int, plugged, ok bool) {
	if len(b) < 2 || b[0] > 1 {
		return 0, false, false
	}
	v, size := binary.Uvarint(b[1:])
	return int(v), b[0] == 1, size == len(b)-1 && v < 1<<31
}

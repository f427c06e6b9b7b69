package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const vethInfoPeer = 1 // VETH_INFO_PEER

func init() {
	addKinds(&linkKind{
		name:     "veth",
		policy:   []policy{vethInfoPeer: {len: linkHeaderLen}},
		validate: validateVeth,
		readPeer: readVethPeer,
		setup: func(d *device) {
			d.setupEther()
			d.noQueue = true
			d.maxMTU = 65535
		},
		newLink: newVeth,
		dellink: func(d *device, list []*device) []*device {
			p := d.peer
			d.peer = nil
			d.sync()
			if p == nil {
				return list
			}
			p.peer = nil
			p.sync()
			return append(list, p)
		},
		open:       openVeth,
		stop:       stopVeth,
		setAddress: setEther,
		receiveHeadroom: func(d *device, room uint16) {
			if d.peer != nil {
				d.wantedRoom = room
				d.headroom = max(room, d.peer.wantedRoom)
				d.peer.headroom = d.headroom
			}
		},
		manyQueues: true,
		noFilter:   true,
		iflink: func(d *device) int {
			if d.peer == nil {
				return 0
			}
			return d.peer.Index
		},
	})
}

// setupEther is ether_setup.
func (d *device) setupEther() {
	d.Type = arphrdEther
	d.flags = rpdb.IFFBroadcast | rpdb.IFFMulticast
	d.MTU, d.minMTU, d.maxMTU = 1500, 68, 1500
	d.TxQLen = 1000
	d.Address = make([]byte, 6)
	d.broadcast = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
}

// setEther is eth_mac_addr.
func setEther(d *device, a []byte) error {
	if !isUnicast(a) {
		return fail(rpdb.EADDRNOTAVAIL, "")
	}
	d.Address = fit(a, len(d.Address))
	return nil
}

func validateVeth(tb, _ attrs) error {
	if err := validEther(tb); err != nil {
		return err
	}
	if tb.has(nla.IFLAMTU) {
		if mtu := tb.u32(nla.IFLAMTU); mtu < 68 || mtu > 65535 {
			return fail(rpdb.EINVAL, "")
		}
	}
	return nil
}

// peerRequest is VETH_INFO_PEER.
type peerRequest struct {
	head linkHeader
	tb   attrs
	ns   *Namespace // nil: where the other end goes
}

// readVethPeer reads the wishes for the other end (rtnl_add_peer_net).
func readVethPeer(l *linkRequest) error {
	if !l.data.has(vethInfoPeer) {
		return nil
	}
	b := l.data[vethInfoPeer]
	p := &peerRequest{head: readLinkHeader(b)}
	if p.head.index < 0 {
		return failAttr(rpdb.EINVAL, "ifindex can't be negative", b)
	}
	var err error
	if p.tb, err = parseAttrs(b[linkHeaderLen:], linkPolicy, liberal, &l.ext); err != nil {
		return err
	}
	if err := p.tb.uniqueNetns(false); err != nil {
		return err
	}
	if err := validateVeth(p.tb, nil); err != nil {
		return err
	}
	if p.tb.has(nla.IFLANetNSPID) || p.tb.has(nla.IFLANetNSFD) || p.tb.has(nla.IFLATargetNetNSID) {
		if p.ns, err = l.netnsOf(p.tb); err != nil {
			return err
		}
	}
	l.peer = p
	return nil
}

// newVeth makes both ends of a pair, the other one first (veth_newlink).
func newVeth(l *linkRequest, d *device) error {
	tb, ns, name := l.tb, d.ns, "veth%d"
	var head linkHeader
	if l.peer != nil {
		tb, head = l.peer.tb, l.peer.head
		if l.peer.ns != nil {
			ns = l.peer.ns
		} else if l.linkNS != nil {
			ns = l.linkNS
		}
		if tb.has(nla.IFLAIfname) {
			name = truncate(tb.str(nla.IFLAIfname), ifNameSize-1)
		}
	}
	peer, err := ns.newDevice(l.kind, name, tb, &l.ext)
	if err != nil {
		return err
	}
	if l.peer != nil && d.Index != 0 {
		peer.Index = head.index
	}
	if l.peer == nil || !tb.has(nla.IFLAAddress) {
		peer.Address = ns.world.randomEther()
	}
	if err := peer.register(); err != nil {
		return err
	}
	peer.setCarrier(false)
	if err := peer.configure(head, nil); err != nil {
		peer.delete(nil)
		return err
	}
	if !l.tb.has(nla.IFLAAddress) {
		d.Address = ns.world.randomEther()
	}
	if !l.tb.has(nla.IFLAIfname) {
		d.Name = "veth%d"
	}
	if err := d.register(); err != nil {
		peer.delete(nil)
		return err
	}
	d.setCarrier(false)
	d.peer, peer.peer = peer, d
	d.sync()
	peer.sync()
	return nil
}

// openVeth is veth_open.
func openVeth(d *device) error {
	if d.peer == nil {
		return fail(rpdb.ENOTCONN, "")
	}
	if d.peer.flags&rpdb.IFFUp != 0 && !d.unplugged {
		d.setCarrier(true)
		d.peer.setCarrier(true)
	}
	return nil
}

// stopVeth is veth_close.
func stopVeth(d *device) {
	d.setCarrier(false)
	if d.peer != nil {
		d.peer.setCarrier(false)
	}
}

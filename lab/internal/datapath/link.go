package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Hardware types (ARPHRD_*).
const (
	arphrdEther    = 1
	arphrdLoopback = 772
)

// maxDepth is through how many devices a packet may go without being queued between
// (XMIT_RECURSION_LIMIT).
const maxDepth = 8

// link is a device as packets meet it. It follows its device from namespace to
// namespace.
type link struct {
	e    *Engine
	id   uint64
	host *Host         // nil: the device is gone
	dev  *netns.Device // as the host's view has it

	taps   []*Tap
	egress *impairment   // of the cable, on the way out; nil: none
	out    func([]byte)  // takes what a device without a driver of ours sends; nil: nobody
	own    any           // what a kind keeps
	mld    *groupReports // nil: nothing was reported
	igmp   *igmpState
	probes map[netip.Addr][]byte // the option with the nonce of the last probe for an address
}

func newLink(e *Engine, id uint64) *link { return &link{e: e, id: id} }

// ether reports whether frames have an Ethernet header.
func (l *link) ether() bool { return l.dev.Type == arphrdEther }

// sending tells what became of a packet that was given to a device (NET_XMIT_*).
type sending uint8

const (
	sentOn    sending = iota // or waits for its turn (NET_XMIT_SUCCESS)
	lost                     // the device dropped it (NET_XMIT_DROP)
	swallowed                // it was dropped, which is not told (NET_XMIT_CN)
)

// send gives a packet with its link header to the device (dev_queue_xmit).
func (l *link) send(p *packet) sending {
	if l.host == nil || !l.dev.Up() || !l.dev.Carrier && !l.dev.IsLoopback() {
		l.dev.Counters.TxDropped.Add(1)
		l.e.free(p)
		if l.host != nil && l.dev.Up() {
			return swallowed // noop_enqueue
		}
		return lost
	}
	if p.depth++; p.depth > maxDepth {
		l.e.free(p)
		return lost
	}
	process := !l.e.serving
	l.e.serving = true
	if !l.dev.IsLoopback() {
		l.tap(p, Out)
	}
	s := l.transmit(p)
	if process {
		l.e.drain()
	}
	return s
}

// transmit is the driver's ndo_start_xmit.
func (l *link) transmit(p *packet) sending {
	switch {
	case l.dev.IsLoopback():
		l.loopback(p)
	case l.dev.Kind == "veth":
		l.sent(p)
		if l.egress != nil {
			l.egress.pass(l, p)
			return sentOn
		}
		return l.cross(p)
	case l.dev.VLAN != nil:
		return l.sendVLAN(p)
	case l.dev.Macvlan != nil:
		return l.sendMacvlan(p)
	case l.dev.Kind == "bridge":
		l.sendBridge(p)
	case l.dev.IsVRF():
		l.sendVRF(p)
	case l.dev.VXLAN != nil:
		l.sendVXLAN(p)
	case l.dev.Tunnel != nil && l.dev.Kind != "wireguard":
		l.sendTunnel(p)
	default: // dummy, network cards, tun: what is plugged in takes it
		l.sent(p)
		if l.out != nil {
			l.out(p.data())
		}
		l.e.free(p)
	}
	return sentOn
}

// sent counts a packet that the driver took.
func (l *link) sent(p *packet) {
	l.dev.Counters.TxPackets.Add(1)
	l.dev.Counters.TxBytes.Add(uint64(len(p.data())))
}

// loopback gives a packet to the device itself (loopback_xmit). The packet keeps its
// decision, so that it is not routed again.
func (l *link) loopback(p *packet) {
	c := l.dev.Counters
	n := uint64(len(p.data()))
	c.TxPackets.Add(1)
	c.RxPackets.Add(1)
	c.TxBytes.Add(n)
	c.RxBytes.Add(n)
	p.kind, p.depth = toHost, 0
	l.e.queue(l, p)
}

// cross brings a frame to the other end of a veth pair (veth_xmit).
func (l *link) cross(p *packet) sending {
	if l.dev.Pair == nil {
		l.e.free(p)
		return lost
	}
	if l.e.links[l.dev.Pair.ID] == nil { // a host that was not looked at yet: no need to look at all
		l.e.Host(l.dev.PairIn).now()
	}
	return l.e.arrive(l.e.find(l.dev.Pair.ID), p)
}

// arrive has a device receive a frame that comes over its cable
// (dev_forward_skb, is_skb_forwardable).
func (e *Engine) arrive(l *link, p *packet) sending {
	if l == nil || !l.dev.Up() || len(p.data()) > int(l.dev.MTU)+etherLen+4 {
		e.free(p)
		return lost
	}
	l.dev.Counters.RxPackets.Add(1)
	l.dev.Counters.RxBytes.Add(uint64(len(p.data())))
	// What the sender knew of the packet is not on the wire.
	p.routed, p.local, p.fwd, p.mark, p.depth = false, false, false, 0, 0
	p.in, p.real = nil, nil
	e.queue(l, p)
	return sentOn
}

// queue has the event loop take up a packet that a device received (netif_rx).
func (e *Engine) queue(l *link, p *packet) { e.backlog = append(e.backlog, arrival{l: l, p: p}) }

// copyBack has a host take up its copy of a packet that it sends to many
// (dev_loopback_xmit). Captures do not show it.
func (l *link) copyBack(p *packet) {
	l.e.backlog = append(l.e.backlog, arrival{l, p, true})
	if !l.e.serving {
		l.e.drain()
	}
}

// receiveOwn takes up the copy of copyBack.
func (l *link) receiveOwn(p *packet) {
	h := l.host
	if h != nil {
		h.now()
	}
	switch {
	case h == nil || l.host != h:
		l.e.free(p)
	case p.data()[0]>>4 == 6:
		h.takeUp6(p)
	default:
		h.deliver4(p)
	}
}

// receive takes up a packet that was queued (__netif_receive_skb_core). It begins with
// its link header if the device has one.
func (l *link) receive(p *packet) {
	if l.host == nil {
		l.e.free(p)
		return
	}
	l.host.now()
	if l.host == nil {
		l.e.free(p)
		return
	}
	l.tap(p, In)
	if l.ether() && !l.open(p) {
		l.dev.Counters.RxErrors.Add(1)
		l.e.free(p)
		return
	}
	if !l.ether() && !p.routed {
		p.kind = toHost
		if p.proto == 0 {
			p.proto = protoOf(p.data())
		}
	}
	l.dispatch(p)
}

// protoOf is the protocol of a packet without a link header.
func protoOf(b []byte) uint16 {
	switch {
	case len(b) == 0:
		return 0
	case b[0]>>4 == 6:
		return protoIPv6
	}
	return protoIPv4
}

// open takes the Ethernet header off (eth_type_trans).
func (l *link) open(p *packet) bool {
	b := p.data()
	if len(b) < etherLen {
		return false
	}
	p.proto, p.kind = be16(b[12:]), l.kindOf(b)
	if p.kind == toMulticast {
		l.dev.Counters.Multicast.Add(1)
	}
	p.pull(etherLen)
	p.net = p.off
	return true
}

// dispatch gives a packet without its link header to what takes it: a VLAN device, the
// bridge or the macvlan devices above, or the protocol. The link header is still there,
// just before the packet.
func (l *link) dispatch(p *packet) {
	switch {
	case (p.proto == proto8021Q || p.proto == proto8021A) && l.receiveVLAN(p):
		return
	case l.isBridgePort():
		l.receivePort(p)
		return
	case len(l.dev.Macvlans) > 0:
		if p = l.receiveMacvlan(p); p == nil {
			return
		}
	}
	l.up(p)
}

// up gives a packet to its protocol.
func (l *link) up(p *packet) {
	p.in, p.real = l, l
	p.net = p.off
	switch p.proto {
	case protoIPv4:
		l.host.receive4(p)
	case protoIPv6:
		l.host.receive6(p)
	case protoARP:
		l.host.receiveARP(p)
		l.e.free(p)
	default:
		l.dev.Counters.RxNoHandler.Add(1)
		l.e.free(p)
	}
}

// address puts an Ethernet header before a packet (eth_header).
func (l *link) address(p *packet, to []byte, proto uint16) {
	h := p.push(etherLen)
	copy(h[:6], to)
	copy(h[6:12], l.dev.Address)
	put16(h[12:], proto)
	p.proto = proto
}

// master returns the device that l is enslaved to, nil if there is none.
func (l *link) master() *link {
	if l.dev.Master == 0 {
		return nil
	}
	return l.host.links[l.dev.Master]
}

// vrf returns the VRF that l belongs to, nil if there is none.
func (l *link) vrf() *link {
	if m := l.master(); m != nil && m.dev.IsVRF() {
		return m
	}
	return nil
}

func (l *link) isBridgePort() bool {
	m := l.master()
	return m != nil && m.dev.Kind == "bridge"
}

// noARP reports whether packets go out without asking for a hardware address.
func (l *link) noARP() bool { return l.dev.Flags&(rpdb.IFFNoARP|rpdb.IFFLoopback) != 0 }

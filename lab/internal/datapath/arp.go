package datapath

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

const (
	arpLen     = 28
	arpRequest = 1
	arpReply   = 2
)

// arpPacket is an ARP packet for IPv4 over Ethernet.
type arpPacket struct {
	op                 uint16
	senderHW, targetHW []byte
	sender, target     netip.Addr
	raw                []byte // of one that arrived
}

// parseARP reads what arp_rcv and arp_process accept.
func parseARP(b []byte) (a arpPacket, ok bool) {
	if len(b) < arpLen || be16(b) != arphrdEther && be16(b) != 6 || be16(b[2:]) != protoIPv4 || b[4] != 6 || b[5] != 4 {
		return a, false
	}
	a = arpPacket{
		raw: b,
		op:  be16(b[6:]), senderHW: b[8:14], targetHW: b[18:24],
		sender: addr4(b[14:]), target: addr4(b[24:]),
	}
	return a, a.op == arpRequest || a.op == arpReply
}

// sendARP is arp_send; to is the address of the frame.
func (l *link) sendARP(a arpPacket, to []byte) {
	p := l.e.fresh(arpLen)
	b := p.data()
	put16(b, arphrdEther)
	put16(b[2:], protoIPv4)
	b[4], b[5] = 6, 4
	put16(b[6:], a.op)
	copy(b[8:14], a.senderHW)
	copy(b[14:18], a.sender.AsSlice())
	clear(b[18:24])
	copy(b[18:24], a.targetHW)
	copy(b[24:28], a.target.AsSlice())
	l.address(p, to, protoARP)
	l.send(p)
}

// solicitARP asks who has an address: the one that was known last, or all
// (arp_solicit). waits is the packet that came last to wait for the answer, if any.
func (h *Host) solicitARP(l *link, target netip.Addr, lladdr []byte, waits *packet) {
	if l.dev.Flags&rpdb.IFFNoARP != 0 {
		return
	}
	db := h.now().Database
	sender := netip.Addr{}
	if waits != nil && waits.data()[0]>>4 == 4 {
		if src := src4(waits.data()); h.mayAnnounce(l, src, target) {
			sender = src
		}
	}
	if !sender.IsValid() {
		if sender = db.SourceOn(l.dev.Index, target, rpdb.ScopeLink); !sender.IsValid() {
			sender = netip.IPv4Unspecified()
		}
	}
	a := arpPacket{op: arpRequest, senderHW: l.dev.Address, sender: sender, target: target}
	to := l.dev.Broadcast
	if lladdr != nil {
		to, a.targetHW = lladdr, nil
	}
	l.sendARP(a, to)
}

// mayAnnounce tells whether a request may name the source of the packet that waits
// (arp_announce).
func (h *Host) mayAnnounce(l *link, src, target netip.Addr) bool {
	switch l.dev.Conf4.ARPAnnounce {
	case 0:
		return h.ownAddr4(src, l.dev.Index)
	case 1:
		if !h.ownAddr4(src, l.dev.Index) {
			return false
		}
		return h.sharesSubnet4(l, target, src)
	}
	return false
}

// receiveARP is arp_rcv with arp_process.
func (h *Host) receiveARP(p *packet) {
	l := p.in
	a, ok := parseARP(p.data())
	if !ok || p.kind == toOther || l.noARP() || l.dev.NoInet || a.target.IsMulticast() || a.target.IsLoopback() && !l.dev.Conf4.RouteLocalnet {
		return
	}
	if l.dev.Conf4.DropGratuitousARP && a.sender == a.target {
		return
	}
	if a.sender.IsUnspecified() { // a duplicate is looked for
		if a.op == arpRequest && h.ns.AddrType(a.target, l.dev.Index) == rpdb.Local && !h.ignoresARP(l, a) {
			l.sendARP(arpPacket{op: arpReply, senderHW: l.dev.Address, targetHW: a.senderHW, sender: a.target, target: a.sender}, a.senderHW)
		}
		return
	}
	if a.op == arpRequest && h.answerARP(l, a) {
		return
	}
	h.learnARP(l, p, a)
}

// answerARP answers a request for an address of this host, or of one that it answers
// for. It reports whether the request is done with.
func (h *Host) answerARP(l *link, a arpPacket) bool {
	// Policy 0 takes the packet for one of IP.
	h.quoted = rpdb.Flow{Src: addr4(a.raw[12:]), Dst: addr4(a.raw[16:])}
	f := rpdb.Flow{Dst: a.target, Src: a.sender, IIF: l.dev.Index, Hashed: rpdb.HashedFrame, Cause: &h.quoted}
	d := h.lookup(f)
	if d.Err != rpdb.OK {
		return false
	}
	reply := func() {
		l.sendARP(arpPacket{op: arpReply, senderHW: l.dev.Address, targetHW: a.senderHW, sender: a.target, target: a.sender}, a.senderHW)
	}
	known := func() bool {
		return h.heard(l, a.sender, netns.NeighNews{
			LLAddr: a.senderHW, State: rpdb.NUDStale, Create: true, Override: true,
		})
	}
	if d.Type == rpdb.Local {
		refuse := h.ignoresARP(l, a)
		if !refuse && l.dev.Conf4.ARPFilter { // arp_filter: the way back must be this device
			back := h.lookup(rpdb.Flow{Dst: a.sender, Src: a.target})
			refuse = back.Err != rpdb.OK || back.OIF != l.dev.Index
		}
		if !refuse && known() {
			reply()
		}
		return true
	}
	if !l.dev.Conf4.Forwarding || d.Type != rpdb.Unicast {
		return false
	}
	switch {
	case l.dev.Conf4.ProxyARP && d.OIF != l.dev.Index,
		l.dev.Conf4.ProxyARPPVLAN && d.OIF == l.dev.Index,
		d.OIF != l.dev.Index && h.ns.AnswersFor(l.dev.Index, a.target):
		if known() {
			reply()
		}
		return true
	}
	return false
}

// ignoresARP is arp_ignore.
func (h *Host) ignoresARP(l *link, a arpPacket) bool {
	mode := l.dev.Conf4.ARPIgnore
	if mode <= 0 {
		return false
	}
	if mode == 8 {
		return true
	}
	for _, x := range h.view.Database.State().Addrs {
		if x.Family != rpdb.IPv4 || x.Local != a.target {
			continue
		}
		onDevice := x.Index == l.dev.Index
		switch mode {
		case 1:
			if onDevice {
				return false
			}
		case 2:
			if onDevice && x.Subnet().Contains(a.sender) {
				return false
			}
		case 3:
			if x.Scope != rpdb.ScopeHost {
				return false
			}
		default:
			return false
		}
	}
	return mode <= 3
}

// learnARP takes over what a packet tells of its sender, the end of arp_process.
func (h *Host) learnARP(l *link, p *packet, a arpPacket) {
	gratuitous := a.sender == a.target
	onlink := h.ns.AddrType(a.sender, l.dev.Index) == rpdb.Unicast
	accept := l.dev.Conf4.ARPAccept
	create := accept != 0 && onlink && (gratuitous || a.op == arpReply)
	state := uint16(rpdb.NUDReachable)
	if a.op != arpReply || p.kind != toHost {
		state = rpdb.NUDStale
	}
	// The kernel takes over another address only when the known one has not been
	// confirmed for a while (locktime); HeardNeighbour is told to whether it does.
	h.heard(l, a.sender, netns.NeighNews{
		LLAddr: a.senderHW, State: state, Create: create, Override: h.ns.NeighUnlocked(l.dev.Index, a.sender) || gratuitous,
	})
}

package datapath

import (
	"bytes"

	"github.com/rulewalk/rulewalk/netns"
)

// sendMacvlan is macvlan_start_xmit: in mode bridge, devices on the same device below
// hear each other.
func (l *link) sendMacvlan(p *packet) sending {
	l.sent(p)
	below := l.e.find(l.dev.Lower)
	if below == nil {
		l.e.free(p)
		return lost
	}
	b := p.data()
	if l.dev.Macvlan.Mode == netns.MacvlanBridge && len(b) >= etherLen {
		if b[0]&1 != 0 {
			below.toMacvlans(p, l, true, func(m uint32) bool { return m == netns.MacvlanBridge })
		} else if to := below.macvlanOf(b[:6]); to != nil && to.dev.Macvlan.Mode == netns.MacvlanBridge {
			l.e.arrive(to, p)
			return sentOn
		}
	}
	return below.send(p)
}

// macvlanOf returns the macvlan device of a hardware address, nil if there is none
// (macvlan_hash_lookup).
func (l *link) macvlanOf(addr []byte) *link {
	for _, id := range l.dev.Macvlans {
		if up := l.e.find(id); up != nil && bytes.Equal(up.dev.Address, addr) {
			return up
		}
	}
	return nil
}

// toMacvlans gives copies of a frame to the macvlan devices whose mode takes them
// (macvlan_broadcast). Only what comes from one of them, local, must not be too long.
func (l *link) toMacvlans(p *packet, but *link, local bool, takes func(mode uint32) bool) {
	for _, id := range l.dev.Macvlans {
		if up := l.e.find(id); up != nil && up != but && up.dev.Up() && takes(up.dev.Macvlan.Mode) && up.hears(p.data()) {
			c := l.e.clone(p)
			c.depth, c.routed = 0, false
			if local {
				l.e.arrive(up, c)
				continue
			}
			up.dev.Counters.RxPackets.Add(1)
			up.dev.Counters.RxBytes.Add(uint64(len(c.data())))
			l.e.queue(up, c)
		}
	}
}

// hears reports whether a macvlan device takes a frame that is sent to many: to all, or to
// a group that it takes part in (macvlan's mc_filter, which is a hash: the kernel lets one
// in 256 of the others pass too).
func (l *link) hears(frame []byte) bool {
	const promisc, allMulti = 0x100, 0x200 // IFF_PROMISC, IFF_ALLMULTI
	return l.dev.Flags&(promisc|allMulti) != 0 || bytes.Equal(frame[:6], l.dev.Broadcast) || l.dev.Receives[[6]byte(frame)]
}

// receiveMacvlan is macvlan_handle_frame; the Ethernet header was taken off. It returns the
// frame that the device itself gets, nil for none.
func (l *link) receiveMacvlan(p *packet) *packet {
	p.off -= etherLen
	b := p.data()
	if b[0]&1 != 0 {
		if p = l.wholeForMacvlans(p); p == nil {
			return nil
		}
		b = p.data()
		from := l.macvlanOf(b[6:12])
		c := l.e.clone(p)
		l.e.later(func() { // macvlan_process_broadcast
			l.groupToMacvlans(c, from)
			l.e.free(c)
		})
		p.pull(etherLen)
		return p
	}
	up := l.macvlanOf(b[:6])
	if first := l.e.find(l.dev.Macvlans[0]); first != nil && first.dev.Macvlan.Mode == netns.MacvlanPassthru {
		up = first
	}
	l.macvlanSources(p)
	if up == nil || up.dev.Macvlan.Mode == netns.MacvlanSource {
		p.pull(etherLen)
		return p
	}
	if !up.dev.Up() {
		l.e.free(p)
		return nil
	}
	up.dev.Counters.RxPackets.Add(1)
	up.dev.Counters.RxBytes.Add(uint64(len(b)))
	up.receive(p)
	return nil
}

// wholeForMacvlans has IPv4 fragments of a frame to many wait until they are a packet, for
// the device below too, and returns nil meanwhile (ip_check_defrag).
func (l *link) wholeForMacvlans(p *packet) *packet {
	b := p.data()[etherLen:]
	if p.proto != protoIPv4 || len(b) < 20 || b[0]>>4 != 4 || ihl4(b) < 20 || len(b) < ihl4(b) || offset4(b) == 0 && !more4(b) {
		return p
	}
	n := int(be16(b[2:]))
	if n < ihl4(b) || n > len(b) {
		return p
	}
	p.trim(etherLen + n)
	head, kind := [etherLen]byte(p.data()), p.kind
	p.pull(etherLen)
	if p = l.host.reassemble4(p, byMacvlan); p == nil {
		return nil
	}
	copy(p.push(etherLen), head[:])
	p.net, p.kind, p.proto = p.off+etherLen, kind, protoIPv4
	return p
}

// groupToMacvlans gives copies of a frame that came from the cable to the macvlan devices
// that want it (macvlan_multicast_rx). from is the one whose address the sender has.
func (l *link) groupToMacvlans(p *packet, from *link) {
	l.toMacvlans(p, from, false, func(mode uint32) bool {
		switch {
		case from == nil:
			return mode != netns.MacvlanSource
		case from.dev.Macvlan.Mode == netns.MacvlanVEPA: // the switch sent it back
			return mode == netns.MacvlanVEPA || mode == netns.MacvlanBridge
		}
		return false
	})
}

// macvlanSources gives copies to devices of mode source that listen to the sender
// (macvlan_forward_source).
func (l *link) macvlanSources(p *packet) {
	sender := p.data()[6:12]
	for _, id := range l.dev.Macvlans {
		up := l.e.find(id)
		if up == nil || up.dev.Macvlan.Mode != netns.MacvlanSource {
			continue
		}
		for _, a := range up.dev.Macvlan.Sources {
			if bytes.Equal(a, sender) {
				l.e.arrive(up, l.e.clone(p))
			}
		}
	}
}

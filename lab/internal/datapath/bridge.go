package datapath

// linkLocalGroup reports whether frames to an address stay on their link: those of
// spanning tree and the like (is_link_local_ether_addr).
func linkLocalGroup(a []byte) bool {
	return a[0] == 1 && a[1] == 0x80 && a[2] == 0xc2 && a[3] == 0 && a[4] == 0 && a[5]&0xf0 == 0
}

// sendBridge sends a frame of the host into a bridge (br_dev_xmit).
func (l *link) sendBridge(p *packet) {
	l.sent(p)
	b := p.data()
	if len(b) < etherLen {
		l.e.free(p)
		return
	}
	if b[0]&1 == 0 {
		if hop, ok := l.host.ns.BridgeLookup(l.dev.Index, [6]byte(b), 0); ok {
			if to := l.host.links[hop.Port]; to != nil && to != l && !hop.Local {
				l.pass(p, to, nil)
				return
			}
		}
	}
	l.flood(p, nil)
}

// receivePort takes in a frame at a port of a bridge; the Ethernet header was taken off
// (br_handle_frame, br_handle_frame_finish).
func (l *link) receivePort(p *packet) {
	br := l.master()
	p.off -= etherLen
	b := p.data()
	src := [6]byte(b[6:12])
	switch {
	case !br.dev.Up(), src[0]&1 != 0, src == [6]byte{}:
		l.e.free(p)
		return
	case linkLocalGroup(b): // of spanning tree and the like: for the port itself
		p.pull(etherLen)
		l.up(p)
		return
	}
	l.host.ns.BridgeLearn(l.dev.Index, src, 0)
	if !br.forwards(l) {
		l.e.free(p)
		return
	}
	dst := [6]byte(b[:6])
	if dst[0]&1 != 0 {
		br.deliverUp(l.e.clone(p))
		br.flood(p, l)
		return
	}
	hop, ok := l.host.ns.BridgeLookup(br.dev.Index, dst, 0)
	switch {
	case ok && hop.Local:
		br.deliverUp(p)
	case ok:
		if to := l.host.links[hop.Port]; to != nil && to != l {
			br.pass(p, to, l)
			return
		}
		l.e.free(p)
	default:
		br.flood(p, l)
		return
	}
}

// deliverUp gives a frame to the host, as one that the bridge itself received
// (br_pass_frame_up).
func (l *link) deliverUp(p *packet) {
	l.dev.Counters.RxPackets.Add(1)
	l.dev.Counters.RxBytes.Add(uint64(len(p.data()) - etherLen))
	p.routed, p.depth = false, 0
	l.receive(p)
}

// forwards reports whether a port forwards.
func (l *link) forwards(port *link) bool {
	for _, x := range l.dev.Ports {
		if x.Index == port.dev.Index {
			return x.Forwarding
		}
	}
	return false
}

// pass sends a frame out by a port, unless that is where it came from
// (br_forward, should_deliver).
func (l *link) pass(p *packet, to, from *link) {
	if to == from || !l.forwards(to) || len(p.data()) > int(to.dev.MTU)+etherLen+tagLen {
		l.e.free(p)
		return
	}
	to.send(p)
}

// flood sends copies out by all ports but one (br_flood).
func (l *link) flood(p *packet, from *link) {
	for _, x := range l.dev.Ports {
		if to := l.host.links[x.Index]; to != nil && to != from && x.Forwarding {
			c := l.e.clone(p)
			l.pass(c, to, from)
		}
	}
	l.e.free(p)
}

package netns

// forwardHeadroom is how much room the device asks of those that forward to it
// (netdev_get_fwd_headroom).
func (d *device) forwardHeadroom() uint16 {
	if d.kind != nil && d.kind.receiveHeadroom != nil { // IFF_PHONY_HEADROOM
		return 0
	}
	return d.headroom
}

// setReceiveHeadroom tells the device how much room packets that it receives are to
// have (netdev_set_rx_headroom).
func (d *device) setReceiveHeadroom(room uint16) {
	if d.kind != nil && d.kind.receiveHeadroom != nil {
		d.kind.receiveHeadroom(d, room)
	}
}

// addHeadroom takes a new port into account (br_add_if).
func (br *bridge) addHeadroom(p *bridgePort) {
	if room := p.dev.forwardHeadroom(); br.dev.headroom < room {
		br.setHeadroom(room)
	} else {
		p.dev.setReceiveHeadroom(br.dev.headroom)
	}
}

// dropHeadroom forgets a port that has gone (del_nbp).
func (br *bridge) dropHeadroom(p *bridgePort) {
	if p.dev.forwardHeadroom() == br.dev.headroom {
		room := uint16(0)
		for _, x := range br.ports {
			room = max(room, x.dev.forwardHeadroom())
		}
		br.setHeadroom(room)
	}
	p.dev.setReceiveHeadroom(0)
}

// setHeadroom is update_headroom.
func (br *bridge) setHeadroom(room uint16) {
	for _, p := range br.ports {
		p.dev.setReceiveHeadroom(room)
	}
	br.dev.headroom = room
}

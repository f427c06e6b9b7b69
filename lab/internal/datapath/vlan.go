package datapath

const tagLen = 4

// sendVLAN gives a frame its tag and sends it by the device below
// (vlan_dev_hard_start_xmit).
func (l *link) sendVLAN(p *packet) sending {
	l.sent(p)
	below := l.e.find(l.dev.Lower)
	if below == nil {
		l.e.free(p)
		return lost
	}
	b := p.push(tagLen)
	copy(b[:12], p.data()[tagLen:tagLen+12])
	x := p.data()
	put16(x[12:], l.dev.VLAN.Proto)
	put16(x[14:], l.dev.VLAN.ID)
	return below.send(p)
}

// receiveVLAN gives a tagged frame, whose Ethernet header was taken off, to the VLAN
// device above (vlan_do_receive). It reports whether the frame is done with: one of a
// VLAN that nobody has goes on as one for somebody else, one without a VLAN as one
// without a tag.
func (l *link) receiveVLAN(p *packet) bool {
	b := p.data()
	if len(b) < tagLen {
		l.e.free(p)
		return true
	}
	id := be16(b) & 0xfff
	for _, v := range l.dev.VLANs {
		if v.ID != id || v.Proto != p.proto {
			continue
		}
		up := l.e.find(v.Device)
		if up == nil || !up.dev.Up() {
			l.e.free(p)
			return true
		}
		p.untag()
		up.dev.Counters.RxPackets.Add(1)
		up.dev.Counters.RxBytes.Add(uint64(len(p.data()) - etherLen))
		up.receive(p)
		return true
	}
	if id != 0 {
		if m := l.master(); m != nil && m.dev.Kind == "bridge" {
			return false // a bridge passes tags on
		}
		l.e.free(p)
		return true
	}
	p.untag()
	if !l.open(p) {
		l.e.free(p)
		return true
	}
	return false
}

// untag takes the tag out of a frame whose Ethernet header was taken off, and puts the
// header back.
func (p *packet) untag() {
	from := p.off - etherLen
	copy(p.buf[from+tagLen:from+tagLen+12], p.buf[from:from+12])
	p.off = from + tagLen
}

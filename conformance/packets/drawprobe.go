package packets

import "net/netip"

// probe draws a probe.
func (d *drawing) probe() Probe {
	h := d.IntN(len(d.t.Hosts))
	p := Probe{
		Host: d.name(h), Kind: pick(d.dice, UDP, UDP, UDP, Echo, Echo, Echo, Packet, SYN),
		SPort: 4000, DPort: pick[uint16](d.dice, openPort, 7, 7), PMTU: pick(d.dice, 1, 1, 1, 0, 2, 3),
		Size: pick(d.dice, 8, 8, 8, 56, 0, 1, 1200, 1252, 1300, 1400, 1472, 1473, 3000),
		TOS:  pick[uint8](d.dice, 0, 0, 0, 0, 0x10, 0x20, 0xb8, 3),
		Cast: d.chance(60), Direct: d.chance(3),
	}
	if d.chance(20) {
		p.TTL = pick[uint8](d.dice, 1, 2, 3, 4, 200)
	}
	if d.chance(20) {
		p.Mark = pick[uint32](d.dice, 1, 2, 3)
	}
	mine := d.mine(h)
	if len(mine) > 0 && d.chance(12) {
		p.Device = d.ports[pick(d.dice, mine...)].name
	}
	six := d.chance(45)
	if p.Kind == Packet {
		six = false
	}
	p.Dst = d.dest(h, six)
	if d.chance(15) && len(mine) > 0 {
		q := d.ports[pick(d.dice, mine...)]
		p.Src = q.addr4
		if six {
			p.Src = q.addr6
		}
	}
	switch p.Kind {
	case SYN:
		d.syn(&p, h)
	case Packet:
		d.packet(&p, h)
	}
	return p
}

// dest draws a destination: mostly an address of a host.
func (d *drawing) dest(h int, six bool) netip.Addr {
	q := d.ports[d.IntN(len(d.ports))]
	x := d.IntN(100)
	if six {
		b := q.addr6.As16()
		switch {
		case x < 70:
			return pick(d.dice, d.addrs6...)
		case x < 78:
			b[15] = 77 // nobody
		case x < 81:
			b[15] = 0 // the anycast address of routers
		case x < 84 && len(d.mine(h)) > 0:
			return netip.MustParseAddr("ff02::1").WithZone(d.ports[pick(d.dice, d.mine(h)...)].name)
		case x < 90:
			return netip.MustParseAddr(pick(d.dice, "2001:db8::1", "fd00:0:0:99::1", "::1", "ff0e::1", "fd00:0:0:1::9"))
		default:
			return q.addr6
		}
		return netip.AddrFrom16(b)
	}
	b := q.addr4.As4()
	switch {
	case x < 70:
		return pick(d.dice, d.addrs4...)
	case x < 76:
		b[3] = 3 // nobody, unless a second address
	case x < 84:
		b[3] |= byte(1<<(32-q.bits4) - 1)
		return netip.AddrFrom4(b) // broadcast
	case x < 88:
		b[3] = 0
	case x < 95:
		return netip.MustParseAddr(pick(d.dice, "198.18.0.1", "198.19.3.4", "10.0.99.1", "127.0.0.1", "255.255.255.255", "224.0.0.1", "239.1.1.1", "192.168.9.1", "10.0.2.9", "0.0.0.0", "240.0.0.1"))
	}
	return netip.AddrFrom4(b)
}

// source draws the source of a packet whose header the sender writes.
func (d *drawing) source(h int, six bool) netip.Addr {
	if mine := d.mine(h); len(mine) > 0 && d.chance(75) {
		q := d.ports[pick(d.dice, mine...)]
		if six {
			return q.addr6
		}
		return q.addr4
	}
	if six {
		return pick(d.dice, d.addrs6...)
	}
	return pick(d.dice, append(d.addrs4[:len(d.addrs4):len(d.addrs4)], netip.MustParseAddr("198.18.0.9"), netip.MustParseAddr("127.0.0.1"))...)
}

// syn makes a TCP segment. The socket is bound to its source.
func (d *drawing) syn(p *Probe, h int) {
	if mine := d.mine(h); !p.Src.IsValid() && len(mine) > 0 {
		q := d.ports[pick(d.dice, mine...)]
		p.Src = q.addr4
		if p.Dst.Is6() {
			p.Src = q.addr6
		}
	}
	b := make([]byte, 20)
	be.PutUint16(b, p.SPort)
	be.PutUint16(b[2:], p.DPort)
	be.PutUint32(b[4:], 1000)
	b[12], b[13] = 5<<4, pick[byte](d.dice, 2, 2, 2, 0x10, 1)
	be.PutUint16(b[14:], 1024)
	if p.Src.IsValid() {
		be.PutUint16(b[16:], ^fold(sum(pseudo(p.Src, p.Dst, protoTCP, len(b)), b)))
	}
	p.Data, p.Size = b, len(b)
}

// packet makes a whole IPv4 packet: a piece of a datagram, or one with the source of
// another.
func (d *drawing) packet(p *Probe, h int) {
	src := d.source(h, false)
	n := pick(d.dice, 0, 8, 16, 600, 1240)
	b := make([]byte, ip4Len+8+n)
	b[0], b[1], b[8] = 0x45, p.TOS, max(p.TTL, pick[byte](d.dice, 64, 64, 64, 1, 2))
	be.PutUint16(b[2:], uint16(len(b)))
	be.PutUint16(b[4:], ownID)
	be.PutUint16(b[6:], pick[uint16](d.dice, 0, 0, 0x4000, 0x2000, 0x2001, 3, 0x4000))
	copy(b[12:], src.AsSlice())
	copy(b[16:], p.Dst.AsSlice())
	u := b[ip4Len:]
	copy(u[8:], payload(n))
	switch d.IntN(3) {
	case 0:
		b[9], u[0] = protoICMP, 8
		be.PutUint16(u[4:], 4000)
		be.PutUint16(u[2:], ^fold(sum(0, u)))
	case 1:
		b[9] = protoUDP
		be.PutUint16(u, p.SPort)
		be.PutUint16(u[2:], p.DPort)
		be.PutUint16(u[4:], uint16(len(u)))
		be.PutUint16(u[6:], ^fold(sum(pseudo(src, p.Dst, protoUDP, len(u)), u)))
	default:
		b[9] = pick[byte](d.dice, 99, 47, 132)
	}
	p.Data, p.Size, p.TTL, p.TOS = b, len(b), 0, 0
	p.Src = netip.Addr{}
}

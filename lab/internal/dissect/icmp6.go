package dissect

import "fmt"

const (
	icmp6Unreachable  = 1
	icmp6TooBig       = 2
	icmp6Exceeded     = 3
	icmp6Parameter    = 4
	icmp6Echo         = 128
	icmp6EchoReply    = 129
	icmp6Query        = 130
	icmp6Report       = 131
	icmp6Done         = 132
	icmp6RouterAsk    = 133
	icmp6Router       = 134
	icmp6NeighborAsk  = 135
	icmp6Neighbor     = 136
	icmp6Redirect     = 137
	icmp6InverseAsk   = 141
	icmp6Inverse      = 142
	icmp6Report2      = 143
	icmp6HomeAsk      = 144
	icmp6Home         = 145
	icmp6MobileAsk    = 146
	icmp6MobileAdvert = 147

	icmp6Len = 8
)

var icmp6Types = names{
	icmp6Unreachable: "destination unreachable", icmp6TooBig: "packet too big", icmp6Exceeded: "time exceeded in-transit",
	icmp6Parameter: "parameter problem", icmp6Echo: "echo request", icmp6EchoReply: "echo reply",
	icmp6Query: "multicast listener query", icmp6Report: "multicast listener report", icmp6Done: "multicast listener done",
	icmp6RouterAsk: "router solicitation", icmp6Router: "router advertisement", icmp6NeighborAsk: "neighbor solicitation",
	icmp6Neighbor: "neighbor advertisement", icmp6Redirect: "redirect", 138: "router renumbering", 139: "who-are-you request",
	140: "who-are-you reply", icmp6InverseAsk: "inverse neighbor solicitation", icmp6Inverse: "inverse neighbor advertisement",
	icmp6Report2: "multicast listener report v2", icmp6HomeAsk: "ha discovery request", icmp6Home: "ha discovery reply",
	icmp6MobileAsk: "mobile router solicitation", icmp6MobileAdvert: "mobile router advertisement", 155: "RPL",
	200: "mtrace response", 201: "mtrace message",
}

var unreachable6 = names{
	0: "unreachable route", 1: " unreachable prohibited", 2: "beyond scope", 3: "unreachable address", 4: "unreachable port",
}

// lengthFirst are the messages that, under -v, tell their length before what they say.
var lengthFirst = map[uint8]bool{
	icmp6RouterAsk: true, icmp6Router: true, icmp6NeighborAsk: true, icmp6Neighbor: true, icmp6Redirect: true, icmp6Home: true, icmp6MobileAdvert: true,
}

// icmp6 writes an ICMPv6 message (RFC 4443), or one of the protocols in it.
func (d *dissector) icmp6(ip *ipPacket, b []byte, length int) {
	d.proto = "icmp6"
	if length == 0 {
		d.s("ICMP6, length 0")
		d.bad()
		return
	}
	verbose := d.options.Verbose > 0
	if verbose && !ip.fragmented && length <= len(b) {
		have := u16(b, 2)
		if sum := ip.checksum(protoICMPv6, b, length); sum != 0 {
			d.f("[bad icmp6 cksum 0x%04x -> 0x%04x!] ", have, shouldBe(have, sum))
		} else {
			d.s("[icmp6 sum ok] ")
		}
	}
	kind := u8(b, 0)
	d.s("ICMP6, " + icmp6Types.of(uint32(kind), func() string { return fmt.Sprintf("unknown icmp6 type (%d)", kind) }))
	if verbose && lengthFirst[kind] {
		d.f(", length %d", length)
	}
	if d.icmp6Body(kind, u8(b, 1), b, length) && !verbose {
		d.f(", length %d", length)
	}
}

// icmp6Body writes what a message says, and whether its length is to follow.
func (d *dissector) icmp6Body(kind, code uint8, b []byte, length int) bool {
	switch kind {
	case icmp6Unreachable:
		return d.unreachable6(code, b, length)
	case icmp6TooBig:
		d.f(", mtu %d", u32(b, 4))
	case icmp6Exceeded:
		switch code {
		case 0:
			d.s(" for " + d.addr6(b, icmp6Len+24))
		case 1:
			d.s(" (reassembly)")
		default:
			d.f(", unknown code (%d)", code)
		}
	case icmp6Parameter:
		return d.parameter6(code, b)
	case icmp6Echo, icmp6EchoReply:
		d.f(", id %d, seq %d", u16(b, 4), u16(b, 6))
	case icmp6Query, icmp6Report, icmp6Done, icmp6Report2:
		d.listener(kind, b, length)
	case icmp6RouterAsk, icmp6Router, icmp6NeighborAsk, icmp6Neighbor, icmp6Redirect, icmp6MobileAdvert:
		return d.discovery(kind, b, length)
	case icmp6InverseAsk, icmp6Inverse:
	case icmp6MobileAsk, icmp6HomeAsk:
		d.f(", id 0x%04x", u16(b, 4))
	case icmp6Home:
		if d.options.Verbose > 0 {
			d.f(", id 0x%04x", u16(b, 4))
			for at := icmp6Len; at < length; at += 16 {
				d.s(", " + d.addr6(b, at))
			}
		}
	default:
		d.f(", length %d", length)
		if d.options.Verbose <= 1 {
			d.unknown(b, "\n\t", length)
		}
		return false
	}
	return true
}

func (d *dissector) unreachable6(code uint8, b []byte, length int) bool {
	const src, dst = icmp6Len + 8, icmp6Len + 24
	d.s(", " + unreachable6.of(uint32(code), func() string { return fmt.Sprintf("unknown unreach code (%d)", code) }))
	switch code {
	case 0, 1, 3:
		d.s(" " + d.addr6(b, dst))
	case 2:
		d.f(" %s, source address %s", d.addr6(b, dst), d.addr6(b, src))
	case 4:
		proto, h, ok := upper(after(b, icmp6Len))
		if !ok {
			d.trunc()
			return false
		}
		port, to := u16(h, 2), d.addr6(b, dst)
		if proto == protoTCP {
			d.f(", %s tcp port %s", to, d.tcpPort(port))
		} else {
			d.f(", %s udp port %s", to, d.udpPort(port))
		}
	default:
		if d.options.Verbose <= 1 {
			d.unknown(b, "\n\t", length)
			return false
		}
	}
	return true
}

// upper finds the TCP or UDP header of a quoted packet, with its ports.
func upper(b []byte) (proto uint8, h []byte, ok bool) {
	if len(b) < 7 {
		return 0, nil, false
	}
	next, h := b[6], after(b, ip6Len)
	for len(h) >= 2 {
		switch next {
		case protoTCP, protoUDP:
			return next, h, len(h) >= 4
		case protoHopByHop, protoDestOpts, protoRouting:
			next, h = h[0], after(h, (int(h[1])+1)*8)
		case protoFragment:
			if len(h) < 4 || u16(h, 2)&fragOffset6 != 0 {
				return 0, nil, false
			}
			next, h = h[0], after(h, fragmentLen)
		case protoAH:
			next, h = h[0], after(h, (int(h[1])+2)*4)
		default:
			return next, nil, false
		}
	}
	return 0, nil, false
}

func (d *dissector) parameter6(code uint8, b []byte) bool {
	if len(b) < icmp6Len+ip6Len {
		d.trunc()
		return false
	}
	words := names{0: "erroneous", 1: "next header", 2: "option", 3: "incomplete header chain"}
	if w, ok := words[uint32(code)]; ok {
		d.f(", %s - octet %d", w, u32(b, 4))
	} else {
		d.f(", code-#%d", code)
	}
	return true
}

// listener writes a message about IPv6 groups (RFC 2710, 3810).
func (d *dissector) listener(kind uint8, b []byte, length int) {
	const message, query2 = 24, 28
	switch {
	case kind == icmp6Report2:
		n := int(u16(b, 6))
		d.f(", %d group record(s)", n)
		d.groups(b, length, n, "v2-report", 16, d.addr6)
	case kind == icmp6Query && length >= query2:
		d.s(" v2")
		d.listenerQuery2(b, length)
	case kind == icmp6Query && length != message:
		d.f(" unknown-version (len %d) ", length)
	case len(b) >= message:
		d.f("max resp delay: %d addr: %s", u16(b, 4), d.addr6(b, 8))
	}
}

func (d *dissector) listenerQuery2(b []byte, length int) {
	verbose := d.options.Verbose > 0
	wait := floating(uint32(u16(b, 4)), 12, 3)
	if verbose {
		d.f(" [max resp delay=%d]", wait)
	}
	d.s(" [gaddr " + d.addr6(b, 8))
	if verbose {
		flags := u8(b, 24)
		if flags&8 != 0 {
			d.s(" sflag")
		}
		if flags&7 != 0 {
			d.f(" robustness=%d", flags&7)
		}
		d.f(" qqi=%d", floating(uint32(u8(b, 25)), 4, 3))
	}
	n := int(u16(b, 26))
	switch {
	case n == 0:
	case length < 28+16*n:
		d.s(" [invalid number of sources]")
	case d.options.Verbose > 1:
		d.s(" {")
		for i := range n {
			d.s(" " + d.addr6(b, 28+16*i))
		}
		d.s(" }")
	default:
		d.f(", %d source(s)", n)
	}
	d.s("]")
}

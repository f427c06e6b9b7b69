package dissect

import "fmt"

const (
	icmpEchoReply    = 0
	icmpUnreachable  = 3
	icmpQuench       = 4
	icmpRedirect     = 5
	icmpEcho         = 8
	icmpRouterAdvert = 9
	icmpExceeded     = 11
	icmpParameter    = 12
	icmpStamp        = 13
	icmpStampReply   = 14
	icmpMaskReply    = 18

	icmpLen   = 8
	quoteDst  = icmpLen + 16 // the destination of the quoted packet
	quoteFull = 128          // how much is quoted before an extension (RFC 4884)
)

var icmpTypes = names{
	10: "router solicitation", icmpQuench: "source quench", 15: "information request", 16: "information reply", 17: "address mask request",
}

// unreachable are the words for the codes of a destination that cannot be reached,
// for its address.
var unreachable = map[uint8]string{
	0: "net %s unreachable", 1: "host %s unreachable", 5: "%s unreachable - source route failed",
	6: "net %s unreachable - unknown", 7: "host %s unreachable - unknown", 8: "%s unreachable - source host isolated",
	9: "net %s unreachable - admin prohibited", 10: "host %s unreachable - admin prohibited",
	11: "net %s unreachable - tos prohibited", 12: "host %s unreachable - tos prohibited",
	13: "host %s unreachable - admin prohibited filter", 14: "host %s unreachable - host precedence violation",
	15: "host %s unreachable - precedence cutoff",
}

// icmp writes an ICMP message (RFC 792).
func (d *dissector) icmp(b []byte, length int, fragmented bool) {
	d.proto = "icmp"
	kind, code := u8(b, 0), u8(b, 1)
	text, whole := d.icmpText(b, kind, code)
	if !whole {
		d.trunc()
		return
	}
	d.f("ICMP %s, length %d", text, length)
	verbose := d.options.Verbose > 0
	if verbose && !fragmented && length <= len(b) {
		if sum := checksum(b[:length]); sum != 0 {
			have := u16(b, 2)
			d.f(" (wrong icmp cksum %x (->%x)!)", have, shouldBe(have, sum))
		}
	}
	quotes := kind == icmpUnreachable || kind == icmpQuench || kind == icmpRedirect || kind == icmpExceeded || kind == icmpParameter
	if verbose && quotes {
		d.s("\n\t")
		quote := after(b, icmpLen)
		n := int(u16(quote, 2))
		quote = upTo(quote, n)
		need(quote, 4)
		d.ip4(quote, n)
		d.proto = "icmp"
	}
	if verbose && length > icmpLen+quoteFull && (kind == icmpUnreachable || kind == icmpExceeded || kind == icmpParameter) {
		d.icmpExtension(b, length)
	}
}

// icmpText says what a message means, and whether it was captured.
func (d *dissector) icmpText(b []byte, kind, code uint8) (string, bool) {
	switch kind {
	case icmpUnreachable:
		return d.unreachable(b, code)
	case icmpRouterAdvert:
		return d.icmpAdvert(b)
	case icmpExceeded:
		return exceeded(code), len(b) >= quoteDst+4
	case icmpStampReply:
		if len(b) < 20 {
			return "", false
		}
		return fmt.Sprintf("time stamp reply id %d seq %d: org %s, recv %s, xmit %s", u16(b, 4), u16(b, 6),
			midnight(u32(b, 8)), midnight(u32(b, 12)), midnight(u32(b, 16))), true
	}
	return d.icmpSimple(b, kind, code), true
}

// icmpSimple says what the messages mean whose fields are at fixed places.
func (d *dissector) icmpSimple(b []byte, kind, code uint8) string {
	switch kind {
	case icmpEcho:
		return fmt.Sprintf("echo request, id %d, seq %d", u16(b, 4), u16(b, 6))
	case icmpEchoReply:
		return fmt.Sprintf("echo reply, id %d, seq %d", u16(b, 4), u16(b, 6))
	case icmpRedirect:
		dst, gateway := d.addr4(b, quoteDst), d.addr4(b, 4)
		if int(code) < len(redirects) {
			return fmt.Sprintf(redirects[code], dst, gateway)
		}
		return fmt.Sprintf("redirect-#%d %s to %s", code, dst, gateway)
	case icmpParameter:
		if code != 0 {
			return fmt.Sprintf("parameter problem - code %d", code)
		}
		return fmt.Sprintf("parameter problem - octet %d", u8(b, 4))
	case icmpMaskReply:
		return fmt.Sprintf("address mask is 0x%08x", u32(b, 8))
	case icmpStamp:
		return fmt.Sprintf("time stamp query id %d seq %d", u16(b, 4), u16(b, 6))
	}
	return icmpTypes.of(uint32(kind), func() string { return fmt.Sprintf("type-#%d", kind) })
}

var redirects = []string{"redirect %s to net %s", "redirect %s to host %s", "redirect-tos %s to net %s", "redirect-tos %s to host %s"}

func exceeded(code uint8) string {
	switch code {
	case 0:
		return "time exceeded in-transit"
	case 1:
		return "ip reassembly time exceeded"
	}
	return fmt.Sprintf("time exceeded-#%d", code)
}

// unreachable says what could not be reached.
func (d *dissector) unreachable(b []byte, code uint8) (string, bool) {
	switch code {
	case 2:
		return fmt.Sprintf("%s protocol %d unreachable", d.addr4(b, quoteDst), u8(b, icmpLen+9)), true
	case 3:
		if len(b) < icmpLen+10 {
			return "", false
		}
		proto := b[icmpLen+9]
		port := u16(b, icmpLen+int(b[icmpLen]&0xf)*4+2)
		switch proto {
		case protoTCP:
			return fmt.Sprintf("%s tcp port %s unreachable", d.addr4(b, quoteDst), d.tcpPort(port)), true
		case protoUDP:
			return fmt.Sprintf("%s udp port %s unreachable", d.addr4(b, quoteDst), d.udpPort(port)), true
		}
		return fmt.Sprintf("%s protocol %d port %d unreachable", d.addr4(b, quoteDst), proto, port), true
	case 4:
		mtu := u16(b, 6)
		s := d.addr4(b, quoteDst) + " unreachable - need to frag"
		if mtu != 0 {
			s += fmt.Sprintf(" (mtu %d)", mtu)
		}
		return s, true
	}
	if format, ok := unreachable[code]; ok {
		return fmt.Sprintf(format, d.addr4(b, quoteDst)), true
	}
	return fmt.Sprintf("%s unreachable - #%d", d.addr4(b, quoteDst), code), true
}

// icmpAdvert says what a router advertises (RFC 1256).
func (d *dissector) icmpAdvert(b []byte) (string, bool) {
	if len(b) < icmpLen {
		return "", false
	}
	s := "router advertisement lifetime "
	n, size, life := int(b[4]), b[5], u16(b, 6)
	switch {
	case life < 60:
		s += fmt.Sprint(life)
	case life < 3600:
		s += fmt.Sprintf("%d:%02d", life/60, life%60)
	default:
		s += fmt.Sprintf("%d:%02d:%02d", life/3600, life%3600/60, life%60)
	}
	s += fmt.Sprintf(" %d:", n)
	if size != 2 {
		return s + fmt.Sprintf(" [size %d]", size), true
	}
	if len(b) < icmpLen+8*n {
		return "", false
	}
	for i := range n {
		s += fmt.Sprintf(" {%s %d}", d.addr4(b, 8+8*i), u32(b, 12+8*i))
	}
	return s, true
}

// midnight is the time of day, of milliseconds since midnight.
func midnight(ms uint32) string {
	s := ms / 1000
	return fmt.Sprintf("%02d:%02d:%02d.%03d", s/3600, s/60%60, s%60, ms%1000)
}

// icmpExtension writes what follows the quoted packet (RFC 4884), such as the labels
// of MPLS (RFC 4950).
func (d *dissector) icmpExtension(b []byte, length int) {
	const header = 4
	start := icmpLen + quoteFull
	if len(b) <= start+header {
		d.trunc()
		return
	}
	n := length - start
	x := b[start:]
	if b[5] == 0 && n <= len(x) && checksum(x[:n]) != 0 {
		return
	}
	version := x[0] >> 4
	d.f("\n\tICMP Multi-Part extension v%d", version)
	if version != 2 {
		d.s(" packet not supported")
		return
	}
	if n <= len(x) {
		wrong := ""
		if checksum(x[:n]) != 0 {
			wrong = "in"
		}
		d.f(", checksum 0x%04x (%scorrect), length %d", u16(x, 2), wrong, n)
	}
	x, n = x[header:], n-header
	for n > header {
		if len(x) < header {
			d.trunc()
			return
		}
		size, class, kind := int(u16(x, 0)), x[2], x[3]
		d.f("\n\t  %s Object (%d), Class-Type: %d, length %d",
			names{1: "MPLS Stack Entry", 2: "Interface Identification"}.of(uint32(class), func() string { return "unknown" }), class, kind, size)
		x, n = x[header:], n-header
		if class == 0 || size < header {
			return
		}
		size -= header
		if class == 1 && kind == 1 {
			label := u32(x, 0)
			d.f("\n\t    label %d, tc %d", label>>12, label>>9&7)
			if label&0x100 != 0 {
				d.s(", [S]")
			}
			d.f(", ttl %d", label&0xff)
		} else {
			d.unknown(x, "\n\t    ", size)
		}
		if n < size {
			return
		}
		x, n = after(x, size), n-size
	}
}

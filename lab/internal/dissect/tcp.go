package dissect

import (
	"bytes"
	"net/netip"
)

const (
	tcpLen = 20
	flagF  = 0x01
	flagS  = 0x02
	flagR  = 0x04
	flagA  = 0x10
	flagU  = 0x20
)

var tcpFlags = []bit{
	{flagF, "F"}, {flagS, "S"}, {flagR, "R"}, {0x08, "P"}, {flagA, "."}, {flagU, "U"}, {0x40, "E"}, {0x80, "W"},
}

// connection is the key of a connection, the same for both of its directions.
type connection struct {
	low, high         netip.Addr
	lowPort, highPort uint16
}

// startSeq are the sequence numbers that a connection's are shown relative to: of
// the side of the lower port, and of the other.
type startSeq struct{ low, high uint32 }

// segment is a TCP segment with its numbers as they are shown.
type segment struct {
	sport, dport uint16
	seq, ack     uint32
	sackStart    uint32 // what selective acknowledgements are relative to
	flags        uint8
	header       int
	whole        bool // its payload was captured
}

// tcp writes a TCP segment.
func (d *dissector) tcp(ip *ipPacket, b []byte, length int) {
	d.proto = "tcp"
	if len(b) < 4 {
		src, dst := d.addrs(ip)
		d.f("%s > %s:", src, dst)
		d.trunc()
		return
	}
	s := segment{sport: u16(b, 0), dport: u16(b, 2)}
	d.ports(ip, protoTCP, d.tcpPort(s.sport), d.tcpPort(s.dport))
	if len(b) < tcpLen {
		d.trunc()
		return
	}
	s.header = int(b[12]>>4) * 4
	if s.header < tcpLen {
		d.f(" tcp %d [bad hdr length %d - too short, < %d]", uint32(length-s.header), s.header, tcpLen)
		return
	}
	if d.options.Quiet {
		d.f("tcp %d", uint32(length-s.header))
		d.longHeader(s.header, length)
		return
	}
	s.seq, s.ack, s.flags = u32(b, 4), u32(b, 8), b[13]
	d.f("Flags [%s]", bits(tcpFlags, uint32(s.flags), "", "none"))
	if !d.options.AbsoluteSeq && s.flags&flagA != 0 {
		d.relative(ip, &s)
	}
	if d.longHeader(s.header, length) {
		return
	}
	if d.options.Verbose > 0 && !d.options.NoChecksums && !ip.fragmented && length <= len(b) {
		have := u16(b, 16)
		d.f(", cksum 0x%04x", have)
		if sum := ip.checksum(protoTCP, b, length); sum != 0 {
			d.f(" (incorrect -> 0x%04x)", shouldBe(have, sum))
		} else {
			d.s(" (correct)")
		}
	}
	n := length - s.header
	s.whole = length <= len(b)
	if d.options.Verbose > 1 || n > 0 || s.flags&(flagS|flagF|flagR) != 0 {
		d.f(", seq %d", s.seq)
		if n > 0 {
			d.f(":%d", s.seq+uint32(n))
		}
	}
	if s.flags&flagA != 0 {
		d.f(", ack %d", s.ack)
	}
	d.f(", win %d", u16(b, 14))
	if s.flags&flagU != 0 {
		d.f(", urg %d", u16(b, 18))
	}
	if s.header > tcpLen && !d.tcpOptions(&s, b[tcpLen:], s.header-tcpLen) {
		return
	}
	d.f(", length %d", n)
	if n > 0 {
		d.tcpPayload(&s, b, n)
	}
}

// ports writes source and destination. Under extension headers the addresses were
// written before.
func (d *dissector) ports(ip *ipPacket, proto uint8, sport, dport string) {
	if ip.protocol() != proto {
		d.f("%s > %s: ", sport, dport)
		return
	}
	src, dst := d.addrs(ip)
	d.f("%s.%s > %s.%s: ", src, sport, dst, dport)
}

func (d *dissector) longHeader(header, length int) bool {
	if header > length {
		d.f(" [bad hdr length %d - too long, > %d]", header, length)
		return true
	}
	return false
}

// relative makes the numbers of a segment relative to the first ones of its
// connection. The first segment that is seen, and one with SYN, keep theirs.
func (d *dissector) relative(ip *ipPacket, s *segment) {
	at, n := 12, 4
	if ip.version == 6 {
		at, n = 8, 16
	}
	src, dst := bytesAt(ip.header, at, n), bytesAt(ip.header, at+n, n)
	from, _ := netip.AddrFromSlice(src)
	to, _ := netip.AddrFromSlice(dst)
	reverse := s.sport > s.dport || s.sport == s.dport && bytes.Compare(src, dst) > 0
	key := connection{from, to, s.sport, s.dport}
	if reverse {
		key = connection{to, from, s.dport, s.sport}
	}
	start, known := d.connections[key]
	if !known || s.flags&flagS != 0 {
		start = &startSeq{s.seq, s.ack - 1}
		if reverse {
			start = &startSeq{s.ack - 1, s.seq}
		}
		d.connections[key] = start
	} else if reverse {
		s.seq, s.ack = s.seq-start.high, s.ack-start.low
	} else {
		s.seq, s.ack = s.seq-start.low, s.ack-start.high
	}
	s.sackStart = start.high
	if reverse {
		s.sackStart = start.low
	}
}

// tcpPayload writes what a segment carries, where the port tells the protocol.
func (d *dissector) tcpPayload(s *segment, b []byte, n int) {
	if len(b) < s.header {
		d.f(" [remaining caplen(%d) < header length(%d)]", len(b), s.header)
		panic(truncated{})
	}
	b = b[s.header:]
	if s.flags&flagR != 0 && d.options.Verbose > 0 {
		d.resetReason(b, n)
		return
	}
	either := func(ports ...uint16) bool { return anyOf(s.sport, s.dport, ports) }
	switch {
	case either(25):
		d.s(": ")
		d.text("smtp", b, n, nil, false)
	case either(43):
		d.s(": ")
		d.text("whois", b, n, nil, false)
	case either(22):
		d.ssh(b, n)
	case either(21):
		d.s(": ")
		d.text("ftp", b, n, nil, false)
	case either(80, 8080):
		d.s(": ")
		d.text("http", b, n, httpMethods, true)
	case either(53):
		d.dns(b, n, true, false)
	}
}

// anyOf says whether one of two ports is in the list.
func anyOf(a, b uint16, ports []uint16) bool {
	for _, p := range ports {
		if a == p || b == p {
			return true
		}
	}
	return false
}

// resetReason writes the text that a reset may carry (RFC 1122 section 4.2.2.12).
func (d *dissector) resetReason(b []byte, n int) {
	const most = 30
	if n <= len(b) {
		d.s(" [RST")
	} else {
		d.s(" [!RST")
	}
	if n > most {
		n = most
		d.s("+")
	}
	d.s(" ")
	for _, c := range upTo(b, n) {
		d.char(c)
	}
	d.s("]")
}

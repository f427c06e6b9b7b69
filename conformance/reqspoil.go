package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
)

// spoiler makes messages invalid, or at least unusual: what iproute2 would never send.
type spoiler struct{ dice }

// parts is a message taken apart.
type parts struct {
	typ    netlink.HeaderType
	flags  netlink.HeaderFlags
	head   []byte // family header
	attrs  []rawAttr
	tail   []byte // after the last attribute
	length int    // nlmsg_len, if not the true one
}

func takeApart(m []byte) parts {
	p := parts{
		typ:   netlink.HeaderType(binary.NativeEndian.Uint16(m[4:])),
		flags: netlink.HeaderFlags(binary.NativeEndian.Uint16(m[6:])),
	}
	body := bytes.Clone(m[nlHeader:])
	h := min(reqHeaderLen(p.typ), len(body))
	p.head = body[:h]
	p.attrs, p.tail = splitAttrs(body[h:])
	return p
}

func (p *parts) message(seq uint32) []byte {
	body := append(append(bytes.Clone(p.head), joinAttrs(p.attrs)...), p.tail...)
	b := make([]byte, nlHeader, nlHeader+len(body))
	b = append(b, body...)
	n := len(b)
	if p.length != 0 {
		n = p.length
	}
	binary.NativeEndian.PutUint32(b, uint32(n))
	binary.NativeEndian.PutUint16(b[4:], uint16(p.typ))
	binary.NativeEndian.PutUint16(b[6:], uint16(p.flags))
	binary.NativeEndian.PutUint32(b[8:], seq)
	return b
}

// spoil changes a message in one or two ways and says how.
func (s spoiler) spoil(m []byte, seq uint32) ([]byte, string) {
	p := takeApart(m)
	how := s.once(&p)
	if s.chance(20) {
		how += ", " + s.once(&p)
	}
	if !harmless(&p) {
		return m, ""
	}
	return p.message(seq), how
}

// harmless reports whether a message leaves other namespaces, and the machine, alone.
func harmless(p *parts) bool {
	if p.typ >= 36 && p.typ < 72 || p.typ >= 76 && p.typ < 80 || p.typ >= 84 && p.typ < 104 || p.typ >= 108 && p.typ < 116 && p.typ&^1 != 108 {
		return false // traffic control, stats, namespace ids, tunnels, ...: not ours
	}
	if p.typ < 16 || p.typ > 19 {
		return true
	}
	return !slices.ContainsFunc(p.attrs, func(a rawAttr) bool {
		switch a.kind() {
		case 19, 28, 37, 46: // IFLA_NET_NS_PID, IFLA_NET_NS_FD, IFLA_LINK_NETNSID, IFLA_TARGET_NETNSID
			return true
		case 31, 32: // IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES
			return len(a.data) >= 4 && binary.NativeEndian.Uint32(a.data) > 16
		case 13: // IFLA_TXQLEN
			return len(a.data) >= 4 && binary.NativeEndian.Uint32(a.data) > 1<<16
		}
		return false
	})
}

func (s spoiler) once(p *parts) string {
	for {
		x := s.IntN(15)
		if len(p.attrs) == 0 && x >= 7 {
			continue
		}
		if x >= 7 {
			return s.attribute(p, x)
		}
		return s.header(p, x)
	}
}

func (s spoiler) header(p *parts, x int) string {
	switch x {
	case 0:
		f := netlink.HeaderFlags(s.IntN(16)) << 8
		p.flags = p.flags&^0xf00 | f
		if s.chance(20) {
			p.flags |= pick(s.dice, netlink.Echo, netlink.DumpFiltered, 0x2000, 2)
		}
		if s.chance(10) {
			p.flags &^= pick(s.dice, netlink.Acknowledge, netlink.Request)
		}
		return fmt.Sprintf("with flags 0x%x", uint16(p.flags))
	case 1:
		if len(p.head) == 0 {
			return "as it is"
		}
		at := s.IntN(len(p.head))
		p.head[at] = pick[byte](s.dice, 0, 1, 2, 3, 8, 24, 32, 33, 64, 128, 129, 253, 254, 255, byte(s.IntN(256)))
		return fmt.Sprintf("with byte %d of the header %d", at, p.head[at])
	case 2:
		if len(p.head) == 0 {
			return "as it is"
		}
		p.head[0] = pick[byte](s.dice, 0, 2, 10, 7, 28, 128, 129, 255, 5, 1)
		return fmt.Sprintf("of family %d", p.head[0])
	case 3:
		m := p.message(0)
		p.length = nlHeader + s.IntN(len(m)-nlHeader+1)
		if s.chance(20) {
			p.length = pick(s.dice, 0, 1, 15, 16, 17, len(m)+1, len(m)+4, len(m)-1)
		}
		return fmt.Sprintf("with length %d of %d", p.length, len(m))
	case 4:
		p.tail = append(p.tail, make([]byte, 1+s.IntN(7))...)
		for i := range p.tail {
			p.tail[i] = byte(s.IntN(3))
		}
		return fmt.Sprintf("with %d bytes behind", len(p.tail))
	case 5:
		switch s.IntN(4) {
		case 0:
			p.typ ^= netlink.HeaderType(1 + s.IntN(3))
		case 1:
			p.typ = netlink.HeaderType(s.IntN(20))
		case 2:
			p.typ = netlink.HeaderType(120 + s.IntN(20))
		default:
			p.typ = netlink.HeaderType(s.IntN(32) * 4)
		}
		return fmt.Sprintf("of type %d", p.typ)
	}
	return s.insert(p)
}

// insert adds an attribute that has no business there.
func (s spoiler) insert(p *parts) string {
	a := rawAttr{typ: uint16(s.IntN(40)), data: s.bytes(pick(s.dice, 0, 1, 2, 4, 4, 4, 8, 16, 3, 5))}
	switch s.IntN(5) {
	case 0:
		a.typ = uint16(40 + s.IntN(60))
	case 1:
		a.typ = uint16(s.IntN(1 << 14))
	}
	if s.chance(15) {
		a.typ |= pick[uint16](s.dice, 0x8000, 0x4000)
	}
	p.attrs = slices.Insert(p.attrs, s.IntN(len(p.attrs)+1), a)
	return fmt.Sprintf("with attribute %d of %d bytes", a.typ, len(a.data))
}

func (s spoiler) attribute(p *parts, x int) string {
	i := s.IntN(len(p.attrs))
	a := &p.attrs[i]
	was := a.typ
	switch x {
	case 7, 8:
		p.attrs = slices.Delete(p.attrs, i, i+1)
		return fmt.Sprintf("without attribute %d", was)
	case 9:
		n := s.IntN(len(a.data) + 1)
		a.data = bytes.Clone(a.data[:n])
		return fmt.Sprintf("with attribute %d cut to %d bytes", was, n)
	case 10:
		a.data = append(bytes.Clone(a.data), s.bytes(1+s.IntN(8))...)
		return fmt.Sprintf("with attribute %d of %d bytes", was, len(a.data))
	case 11:
		a.typ ^= pick[uint16](s.dice, 0x8000, 0x4000)
		return fmt.Sprintf("with attribute %d as %d", was, a.typ)
	case 12:
		p.attrs = append(p.attrs, rawAttr{was, s.bytes(len(a.data))})
		return fmt.Sprintf("with attribute %d twice", was)
	case 13:
		a.typ = uint16(s.IntN(34))
		return fmt.Sprintf("with attribute %d as %d", was, a.typ)
	}
	a.data = bytes.Clone(a.data)
	if len(a.data) > 0 {
		at := s.IntN(len(a.data))
		a.data[at] = pick[byte](s.dice, 0, 1, 2, 255, 254, 128, byte(s.IntN(256)))
		return fmt.Sprintf("with byte %d of attribute %d changed", at, was)
	}
	return "as it is"
}

// bytes draws a payload, mostly one that looks like a small number.
func (s spoiler) bytes(n int) []byte {
	b := make([]byte, n)
	if n > 0 {
		b[0] = pick[byte](s.dice, 0, 1, 1, 2, 3, 5, 10, 24, 32, 254, 255)
	}
	if s.chance(20) {
		for i := range b {
			b[i] = byte(s.IntN(256))
		}
	}
	return b
}

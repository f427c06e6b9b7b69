package datapath

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Protocols of frames (ETH_P_*).
const (
	protoIPv4  = 0x0800
	protoARP   = 0x0806
	proto8021Q = 0x8100
	protoIPv6  = 0x86dd
	proto8021A = 0x88a8
)

// Upper-layer protocols (IPPROTO_*) beside those of rpdb.
const (
	protoIGMP     = 2
	protoIPIP     = 4
	protoIPv6in   = 41
	protoRouting  = 43
	protoFragment = 44
	protoDCCP     = 33
	protoGRE      = 47
	protoESP      = 50
	protoAuth     = 51
	protoNone     = 59
	protoDestOpts = 60
	protoHopByHop = 0
	protoSCTP     = 132
	protoUDPLite  = 136
)

// frameKind tells whom a frame was sent to (skb->pkt_type).
type frameKind uint8

const (
	toHost frameKind = iota
	toBroadcast
	toMulticast
	toOther
)

const (
	headroom  = 96 // for the headers of links and tunnels
	etherLen  = 14
	smallSize = 2048
)

// packet is a packet on its way (struct sk_buff). Its bytes are buf[off:]; layers take
// their header off the front or put it there.
type packet struct {
	buf   []byte
	off   int
	net   int    // where the network header begins in buf
	proto uint16 // of what begins at net
	kind  frameKind
	in    *link // the device that it arrived on; after l3mdev the VRF's
	real  *link // the device that it arrived on, whatever its VRF
	mark  uint32

	// Of a packet that this host sends or forwards.
	d      rpdb.Decision
	routed bool // d tells where it goes (skb_dst)
	local  bool // this host made it
	meta   stack.Meta
	fwd    bool // it is being forwarded (IPSKB_FORWARDED)
	quiet  bool // a group's packet of which this host gets no copy (IPV6_MULTICAST_LOOP)
	depth  uint8
	six    chain6
	opt4   options4
}

// data are the bytes from the present layer on.
func (p *packet) data() []byte { return p.buf[p.off:] }

// ip are the bytes from the network header on.
func (p *packet) ip() []byte { return p.buf[p.net:] }

// push makes room for a header of n bytes and returns it.
func (p *packet) push(n int) []byte {
	if p.off < n {
		b := make([]byte, headroom+len(p.buf)-p.off)
		copy(b[headroom:], p.buf[p.off:])
		p.net += headroom - p.off
		p.buf, p.off = b, headroom
	}
	p.off -= n
	return p.buf[p.off : p.off+n]
}

// pull takes n bytes off the front.
func (p *packet) pull(n int) { p.off += n }

// trim cuts what lies behind the first n bytes.
func (p *packet) trim(n int) { p.buf = p.buf[:p.off+n] }

// fresh returns a packet of n bytes of unknown content.
func (e *Engine) fresh(n int) *packet {
	p := e.blank()
	if cap(p.buf) < headroom+n {
		p.buf = make([]byte, headroom+max(n, smallSize-headroom))
	}
	p.buf, p.off, p.net = p.buf[:headroom+n], headroom, headroom
	return p
}

// blank returns a packet without bytes.
func (e *Engine) blank() *packet {
	if n := len(e.pool); n > 0 {
		p := e.pool[n-1]
		e.pool = e.pool[:n-1]
		buf := p.buf
		*p = packet{buf: buf}
		return p
	}
	return new(packet)
}

// free gives a packet back. Its bytes must not be used by anybody any more.
func (e *Engine) free(p *packet) {
	if cap(p.buf) > 4*smallSize || len(e.pool) >= 1024 {
		return
	}
	e.pool = append(e.pool, p)
}

// clone copies a packet.
func (e *Engine) clone(p *packet) *packet {
	c := e.fresh(len(p.buf) - p.off)
	buf, off := c.buf, c.off
	copy(buf[off:], p.buf[p.off:])
	*c = *p
	c.buf, c.off, c.net = buf, off, p.net-p.off+off
	return c
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

func put16(b []byte, v uint16) { binary.BigEndian.PutUint16(b, v) }
func put32(b []byte, v uint32) { binary.BigEndian.PutUint32(b, v) }

// Fields of an IPv4 header.
func ihl4(b []byte) int           { return int(b[0]&15) * 4 }
func src4(b []byte) netip.Addr    { return addr4(b[12:]) }
func dst4(b []byte) netip.Addr    { return addr4(b[16:]) }
func offset4(b []byte) int        { return int(be16(b[6:])&0x1fff) * 8 }
func more4(b []byte) bool         { return b[6]&0x20 != 0 }
func dontFragment4(b []byte) bool { return b[6]&0x40 != 0 }

// Fields of an IPv6 header.
func src6(b []byte) netip.Addr   { return netip.AddrFrom16([16]byte(b[8:24])) }
func dst6(b []byte) netip.Addr   { return netip.AddrFrom16([16]byte(b[24:40])) }
func tclass6(b []byte) uint8     { return b[0]<<4 | b[1]>>4 }
func flowLabel6(b []byte) uint32 { return be32(b) & 0xfffff }

// addr4 reads an IPv4 address.
func addr4(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }

// addr16 reads an IPv6 address.
func addr16(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)) }

const ip6Len = 40

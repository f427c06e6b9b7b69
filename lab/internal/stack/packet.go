package stack

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Sizes of headers, in bytes.
const (
	ipv4Header = 20
	ipv6Header = 40
	tcpHeader  = 20
	udpHeader  = 8
	icmpHeader = 8
)

var be = binary.BigEndian

// ipHeader is what a socket decides of the IP header of a packet.
type ipHeader struct {
	src, dst netip.Addr
	proto    uint8
	tos, ttl uint8
	df       bool   // IPv4
	id       uint16 // IPv4
	label    uint32 // IPv6: flow label
}

// size is the length of the header.
func (h *ipHeader) size() int {
	if h.dst.Is4() {
		return ipv4Header
	}
	return ipv6Header
}

// put writes the header to the beginning of the packet; the datapath computes the
// checksum of IPv4.
func (h *ipHeader) put(packet []byte) {
	if h.dst.Is4() {
		packet[0], packet[1] = 0x45, h.tos
		be.PutUint16(packet[2:], uint16(len(packet)))
		be.PutUint16(packet[4:], h.id)
		if h.df {
			packet[6] = 0x40
		}
		packet[8], packet[9] = h.ttl, h.proto
		src, dst := h.src.As4(), h.dst.As4()
		copy(packet[12:], src[:])
		copy(packet[16:], dst[:])
		return
	}
	be.PutUint32(packet, 6<<28|uint32(h.tos)<<20|h.label&0xfffff)
	be.PutUint16(packet[4:], uint16(len(packet)-ipv6Header))
	packet[6], packet[7] = h.proto, h.ttl
	src, dst := h.src.As16(), h.dst.As16()
	copy(packet[8:], src[:])
	copy(packet[24:], dst[:])
}

// sum is the Internet checksum of the upper-layer data under the pseudo-header, as
// it is written to the packet; the checksum field of data is 0.
func (h *ipHeader) sum(data []byte) uint16 {
	return ^checksum.Checksum(data, pseudo(h.src, h.dst, h.proto, len(data)))
}

// pseudo is the sum of the pseudo-header (RFC 9293 3.1, RFC 8200 8.1).
func pseudo(src, dst netip.Addr, proto uint8, length int) uint16 {
	var b [40]byte
	be.PutUint32(b[32:], uint32(length))
	b[39] = proto
	if src.Is4() {
		s, d := src.As4(), dst.As4()
		copy(b[0:], s[:])
		copy(b[4:], d[:])
	} else {
		s, d := src.As16(), dst.As16()
		copy(b[0:], s[:])
		copy(b[16:], d[:])
	}
	return checksum.Checksum(b[:], 0)
}

// arrived is a packet with its addresses and upper-layer header read.
type arrived struct {
	packet   []byte
	src, dst netip.Addr
	tos, ttl uint8
	upper    []byte // from the upper-layer header on
}

// parse reads what sockets need of a packet that the datapath accepted; false for
// what is too short or does not begin with an IP header.
func parse(packet []byte, proto uint8, upper int) (a arrived, ok bool) {
	a.packet = packet
	if len(packet) < ipv4Header {
		return a, false
	}
	header := ipv4Header
	switch packet[0] >> 4 {
	case 4:
		a.src = netip.AddrFrom4([4]byte(packet[12:16]))
		a.dst = netip.AddrFrom4([4]byte(packet[16:20]))
		a.tos, a.ttl = packet[1], packet[8]
		packet = packet[:min(len(packet), int(be.Uint16(packet[2:])))]
	case 6:
		if header = ipv6Header; len(packet) < header {
			return a, false
		}
		a.src = netip.AddrFrom16([16]byte(packet[8:24]))
		a.dst = netip.AddrFrom16([16]byte(packet[24:40]))
		a.tos, a.ttl = uint8(be.Uint32(packet)>>20), packet[7]
		packet = packet[:min(len(packet), ipv6Header+int(be.Uint16(packet[4:])))]
	default:
		return a, false
	}
	if upper < header || len(packet)-upper < minimum(proto) {
		return a, false
	}
	a.upper = packet[upper:]
	return a, true
}

// minimum is the shortest header of a protocol.
func minimum(proto uint8) int {
	switch proto {
	case rpdb.ProtoTCP:
		return tcpHeader
	case rpdb.ProtoUDP:
		return udpHeader
	case rpdb.ProtoICMP, rpdb.ProtoICMPv6:
		return icmpHeader
	}
	return 0
}

// valid tells whether the upper-layer checksum under the pseudo-header is right.
func (a *arrived) valid(proto uint8, data []byte) bool {
	return checksum.Checksum(data, pseudo(a.src, a.dst, proto, len(data))) == 0xffff
}

// mix is a hash of an address pair and ports, for identifications, flow labels and
// the choice among sockets that share a port (murmur's finaliser over FNV).
func mix(seed uint64, src, dst netip.AddrPort) uint64 {
	h := seed ^ 14695981039346656037
	s, d := src.Addr().As16(), dst.Addr().As16()
	for _, v := range [...]uint64{
		be.Uint64(s[:]), be.Uint64(s[8:]), be.Uint64(d[:]), be.Uint64(d[8:]),
		uint64(src.Port())<<16 | uint64(dst.Port()),
	} {
		h = (h ^ v) * 1099511628211
		h ^= h >> 29
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// nextID is the next IPv4 identification for packets between two addresses
// (ip_idents: counters shared by hash).
func (s *Stack) nextID(src, dst netip.AddrPort) uint16 {
	h := mix(s.seed, src, dst)
	return uint16(h>>16) + uint16(s.ids[h%uint64(len(s.ids))].Add(1))
}

// label is the flow label that a flow gets by itself, 0 where net.ipv6.auto_flowlabels
// leaves them to those who ask (ip6_make_flowlabel).
func (s *Stack) label(src, dst netip.AddrPort) uint32 {
	if m := s.sysctlInt("net/ipv6/auto_flowlabels", 1); m == 0 || m == 2 {
		return 0
	}
	return uint32(mix(s.seed, src, dst)) & 0xfffff
}

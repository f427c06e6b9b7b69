package datapath

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/netns"
)

// Attributes of tunnels: IFLA_IPTUN_* of ipip, sit and ip6tnl, IFLA_GRE_* of gre and
// gretap.
const (
	iptunLink, iptunLocal, iptunRemote, iptunTTL, iptunTOS = 1, 2, 3, 4, 5
	iptunLimit, iptunFlowInfo, iptunFlags, iptunProto      = 6, 7, 8, 9
	greLink, greIFlags, greOFlags, greIKey, greOKey        = 1, 2, 3, 4, 5
	greLocal, greRemote, greTTL, greTOS                    = 6, 7, 8, 9
	tunPMTUDisc, tunFwmark                                 = 10, 20
	ip6tnlIgnoreLimit, ip6tnlUseTClass, ip6tnlUseLabel     = 1, 2, 4
	protoTEB                                               = 0x6558 // Ethernet in GRE
)

// tunnel is how a tunnel device wraps packets.
type tunnel struct {
	of            *netns.Device // what it was read from
	proto         uint8         // of the outer header
	ether         bool          // it carries Ethernet frames
	local, remote netip.Addr    // unspecified: any
	ttl, tos      uint8         // 0: of the inner packet; tos 1: too
	link          int
	mark          uint32
	df            bool

	in, out     greFlags
	inKey, oKey uint32
	seq         uint32

	limit   uint8 // of wraps around a packet in IPv6; the option is left out if noLimit
	noLimit bool
	inner   uint8 // ip6tnl: the protocol that it carries, 0: both
}

// greFlags are the flags of a GRE header (TUNNEL_*).
type greFlags uint16

const (
	greChecksum greFlags = 0x8000
	greKey      greFlags = 0x2000
	greSeq      greFlags = 0x1000
)

// length is that of a GRE header with the flags.
func (f greFlags) length() int {
	n := 4
	for _, x := range [...]greFlags{greChecksum, greKey, greSeq} {
		if f&x != 0 {
			n += 4
		}
	}
	return n
}

// tunnel returns how the device wraps packets, nil if it is no tunnel of ours.
func (l *link) tunnel() *tunnel {
	if t, ok := l.own.(*tunnel); ok && t.of == l.dev {
		return t
	}
	t := readTunnel(l.dev)
	if old, ok := l.own.(*tunnel); ok && t != nil {
		t.seq = old.seq
	}
	if t != nil {
		l.own = t
	}
	return t
}

func readTunnel(d *netns.Device) *tunnel {
	if d.Tunnel == nil {
		return nil
	}
	a := d.Tunnel.Attrs
	t := &tunnel{of: d, df: u8(a[tunPMTUDisc]) != 0, mark: u32(a[tunFwmark])}
	switch d.Kind {
	case "gre", "gretap":
		t.proto, t.ether = protoGRE, d.Kind == "gretap"
		t.local, t.remote, t.ttl, t.tos, t.link = address(a[greLocal]), address(a[greRemote]), u8(a[greTTL]), u8(a[greTOS]), int(u32(a[greLink]))
		t.in, t.out = greFlags(u16be(a[greIFlags])), greFlags(u16be(a[greOFlags]))
		t.inKey, t.oKey = u32be(a[greIKey]), u32be(a[greOKey])
		return t
	case "ipip":
		t.proto = protoIPIP
	case "sit":
		t.proto = protoIPv6in
	case "ip6tnl":
		flags := u32(a[iptunFlags])
		t.inner, t.limit, t.noLimit = u8(a[iptunProto]), u8(a[iptunLimit]), flags&ip6tnlIgnoreLimit != 0
		t.df = true
	default:
		return nil
	}
	t.local, t.remote, t.ttl, t.link = address(a[iptunLocal]), address(a[iptunRemote]), u8(a[iptunTTL]), int(u32(a[iptunLink]))
	if d.Kind != "ip6tnl" {
		t.tos = u8(a[iptunTOS])
	}
	return t
}

func u8(b []byte) uint8 {
	if len(b) < 1 {
		return 0
	}
	return b[0]
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

func u16be(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return be16(b)
}

func u32be(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return be32(b)
}

func address(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

// overhead is how much a tunnel adds to a packet.
func (t *tunnel) overhead() int {
	n := 20
	if t.remote.Is6() {
		n = ip6Len
		if !t.noLimit {
			n += 8
		}
	}
	if t.proto == protoGRE {
		n += t.out.length()
	}
	return n
}

// set reports whether an end of a tunnel is fixed.
func set(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() }

// fits scores how well a tunnel suits what arrives between two addresses, 0: not at all
// (ip_tunnel_lookup, ip6_tnl_lookup): both ends fixed first, then the far one.
func (t *tunnel) fits(src, dst netip.Addr) int {
	score := 1
	if set(t.remote) {
		if t.remote != src {
			return 0
		}
		score += 2
	}
	if set(t.local) {
		if t.local != dst {
			return 0
		}
		score++
	}
	return score
}

// tunnelFor returns the device that unwraps a packet, nil if there is none.
func (h *Host) tunnelFor(src, dst netip.Addr, takes func(*link, *tunnel) bool) (best *link) {
	most := 0
	for _, d := range h.view.Devices {
		if d.Tunnel == nil || !d.Up() {
			continue
		}
		l := h.links[d.Index]
		t := l.tunnel()
		if t == nil || t.local.IsValid() && t.local.Is4() != src.Is4() || !takes(l, t) {
			continue
		}
		if n := t.fits(src, dst); n > most {
			best, most = l, n
		}
	}
	return best
}

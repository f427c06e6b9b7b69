package packets

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ownID is the identification of whole packets, which nobody else draws.
const ownID = 0x7777

// right stands for a checksum that is right, or left to the device to fill in.
const right = 0xaaaa

// comparableFrames returns the frames of one place in a form in which equal hosts are equal:
//   - identifications that hosts draw are numbered in the order in which they appear, 0
//     and those that a sender chose stay;
//   - checksums that are right are one value, wrong ones stay; so is the sum of the
//     pseudo-header that the kernel leaves to the device to complete (CHECKSUM_PARTIAL);
//   - so is the checksum of a datagram that is quoted in part on lo, which nobody can check and
//     which the kernel has not completed there;
//   - IPv6 flow labels that a host made up are one value.
//
// Reports of multicast groups are left out: they come at random times.
func comparableFrames(frames []Frame) (out [][]byte) {
	ids := &names{}
	for i := range frames {
		f := slices.Clone(frames[i].Data)
		ids.loop = strings.HasSuffix(frames[i].Device, "/lo")
		if isReport(f) {
			continue
		}
		if len(f) > etherLen {
			at := etherLen
			typ := be.Uint16(f[12:])
			if typ == typeVLAN && len(f) > etherLen+4 {
				typ, at = be.Uint16(f[16:]), etherLen+4
			}
			if typ == typeIPv4 || typ == typeIPv6 {
				ids.mask(f[at:])
			}
		}
		out = append(out, f)
	}
	return out
}

// isReport reports whether a frame is a report of multicast groups (IGMP, MLD).
func isReport(f []byte) bool {
	if len(f) < etherLen {
		return false
	}
	p, ok := parseIP(f[etherLen:])
	switch {
	case !ok:
		return false
	case be.Uint16(f[12:]) == typeIPv4:
		return p.proto == protoIGMP
	case be.Uint16(f[12:]) == typeIPv6 && p.proto == protoICMPv6 && len(p.upper) > 0:
		t := p.upper[0]
		return t == 131 || t == 132 || t == 143
	}
	return false
}

// ident is an identification. Those of other packets between two hosts are drawn apart, and
// are equal by chance only.
type ident struct {
	src, dst netip.Addr
	proto    uint8
	id       uint32
}

// names numbers identifications.
type names struct {
	of   map[ident]uint32
	loop bool // the frame is one of lo
}

func (n *names) name(p *ipPacket, id uint32) uint32 {
	if id == 0 || id == ownID {
		return id
	}
	k := ident{p.src, p.dst, p.proto, id}
	if n.of == nil {
		n.of = map[ident]uint32{}
	}
	if _, ok := n.of[k]; !ok {
		n.of[k] = 0xf000 + uint32(len(n.of))
	}
	return n.of[k]
}

// mask masks an IP packet, and the one that it quotes.
func (n *names) mask(b []byte) {
	p, ok := parseIP(b)
	if !ok {
		return
	}
	if b[0]>>4 == 4 {
		if fold(sum(0, b[:p.upperAt])) == 0xffff {
			be.PutUint16(b[10:], right)
		}
		be.PutUint16(b[4:], uint16(n.name(&p, uint32(be.Uint16(b[4:])))))
	} else {
		if label := be.Uint32(b) & 0xfffff; label != 0 {
			be.PutUint32(b, be.Uint32(b)|0xfffff)
		}
		if p.fragAt != 0 {
			be.PutUint32(b[p.fragAt+4:], n.name(&p, be.Uint32(b[p.fragAt+4:])))
		}
	}
	if p.fragOffset != 0 {
		return
	}
	u := p.upper
	switch p.proto {
	case protoICMP:
		if p.whole && fold(sum(0, u)) == 0xffff && len(u) >= 4 {
			be.PutUint16(u[2:], right)
		}
		if len(u) > 8 && isError4(u[0]) {
			n.mask(u[8:])
		}
	case protoICMPv6:
		maskUpper(&p, n.loop, 2)
		if len(u) > 8 && u[0] < 128 {
			n.mask(u[8:])
		}
		if quoted := redirected(u); quoted != nil {
			n.mask(quoted)
		}
	case protoUDP:
		maskUpper(&p, n.loop, 6)
	case protoTCP:
		maskUpper(&p, n.loop, 16)
	}
}

// redirected is the packet that a redirect of IPv6 quotes, nil if there is none.
func redirected(u []byte) []byte {
	const redirect, option = 137, 4
	if len(u) < 40 || u[0] != redirect {
		return nil
	}
	for o := u[40:]; len(o) > 8 && o[1] != 0; o = o[min(len(o), int(o[1])*8):] {
		if o[0] == option {
			return o[8:min(len(o), int(o[1])*8)]
		}
	}
	return nil
}

// maskUpper masks the checksum of an upper layer at an offset.
func maskUpper(p *ipPacket, loop bool, at int) {
	u := p.upper
	if len(u) < at+2 {
		return
	}
	n := p.total - p.upperAt
	partial := be.Uint16(u[at:]) == fold(pseudo(p.src, p.dst, p.proto, n))
	if partial || loop && !p.whole && len(u) > at || p.whole && fold(sum(pseudo(p.src, p.dst, p.proto, n), u)) == 0xffff {
		be.PutUint16(u[at:], right)
	}
}

// kindOf names the first difference between two lists of frames, "" if there is none.
func kindOf(place string, kernel, lab [][]byte) string {
	for i := range max(len(kernel), len(lab)) {
		switch {
		case i >= len(lab):
			return place + ": the kernel's " + class(kernel[i]) + " is missing"
		case i >= len(kernel):
			return place + ": the lab has " + class(lab[i]) + " in addition"
		case !slices.Equal(kernel[i], lab[i]):
			k, l := class(kernel[i]), class(lab[i])
			if k != l {
				return place + ": " + k + " in the kernel, " + l + " in the lab"
			}
			return place + ": " + k + " differs at byte " + strconv.Itoa(firstDiff(kernel[i], lab[i]))
		}
	}
	return ""
}

func firstDiff(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

package datapath

import "github.com/rulewalk/rulewalk/rpdb"

// Types of IPv6 options, and what the two highest bits of an unknown one ask for.
const (
	optPad1        = 0
	optPadN        = 1
	optRouterAlert = 5
	optCALIPSO     = 7
	optIOAM        = 49
	optJumbo       = 194

	optSkip     = 0
	optDrop     = 1
	optTell     = 2
	optTellHost = 3
)

const maxPadding = 7

// Types of routing headers.
const (
	routingRPL  = 3
	routingSeg6 = 4
)

// extension6 reports whether a header may stand before the upper-layer header
// (ipv6_ext_hdr).
func extension6(proto uint8) bool {
	switch proto {
	case protoHopByHop, protoRouting, protoFragment, protoAuth, protoNone, protoDestOpts:
		return true
	}
	return false
}

// skip6 finds the upper-layer header (ipv6_skip_exthdr): its protocol, and where it
// begins, -1 if that is beyond the packet. In a piece behind the first that is the
// fragment header, of which piece is the offset with its flags, -1 if there is none.
func skip6(b []byte) (proto uint8, at, piece int) {
	proto, at, piece = b[nextHeader6], ip6Len, -1
	for extension6(proto) {
		if proto == protoNone || at+4 > len(b) {
			return proto, -1, piece
		}
		n := (int(b[at+1]) + 1) * 8
		switch proto {
		case protoFragment:
			piece = int(be16(b[at+2:]))
			if piece&^7 != 0 {
				return proto, at, piece
			}
			n = fragmentLen
		case protoAuth:
			n = (int(b[at+1]) + 2) * 4
		}
		proto = b[at]
		at += n
	}
	return proto, at, piece
}

// header6 is the extension header that a packet is at, nil if it is cut.
func header6(p *packet) []byte {
	b := p.data()[p.six.at:]
	if len(b) < 8 || len(b) < (int(b[1])+1)*8 {
		return nil
	}
	return b[:(int(b[1])+1)*8]
}

// passHeader6 goes on behind an extension header of n bytes.
func passHeader6(p *packet, n int) {
	p.six.next = p.six.at
	p.six.at += n
}

// hopByHop looks at the options that are for every node on the way, and reports whether
// the packet may go on (ipv6_parse_hopopts).
func (h *Host) hopByHop(p *packet) bool {
	x := header6(p)
	if x == nil || len(x) > h.most("ipv6/max_hbh_length") || !h.options6(p, x, "ipv6/max_hbh_opts_number") {
		return false
	}
	passHeader6(p, len(x))
	return true
}

// destinationOptions looks at the options that are for this host (ipv6_destopt_rcv).
func (h *Host) destinationOptions(p *packet) *packet {
	x := header6(p)
	if x == nil || len(x) > h.most("ipv6/max_dst_opts_length") || !h.options6(p, x, "ipv6/max_dst_opts_number") {
		h.e.free(p)
		return nil
	}
	passHeader6(p, len(x))
	return p
}

// most is a bound that a setting gives.
func (h *Host) most(setting string) int { return int(h.view.Setting(setting)) }

// options6 goes through the options of a header, and reports whether the packet may go on
// (ip6_parse_tlv). A negative limit refuses every unknown option.
func (h *Host) options6(p *packet, x []byte, setting string) bool {
	limit, known, padding := h.most(setting), 0, 0
	unknownRefused := limit < 0
	if unknownRefused {
		limit = -limit
	}
	hop := p.six.at == ip6Len && p.six.next == nextHeader6 && p.data()[nextHeader6] == protoHopByHop
	for at := 2; at < len(x); {
		if x[at] == optPad1 {
			if padding++; padding > maxPadding {
				return false
			}
			at++
			continue
		}
		if at+2 > len(x) {
			return false
		}
		n := int(x[at+1]) + 2
		if at+n > len(x) {
			return false
		}
		opt := x[at : at+n]
		if opt[0] == optPadN {
			if padding += n; padding > maxPadding || !zero(opt[2:]) {
				return false
			}
			at += n
			continue
		}
		if known++; known > limit {
			return false
		}
		padding = 0
		if !h.option6(p, opt, p.six.at+at, hop, unknownRefused) {
			return false
		}
		at += n
	}
	return true
}

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// option6 does what one option asks for.
func (h *Host) option6(p *packet, opt []byte, at int, hop, unknownRefused bool) bool {
	switch {
	case hop && opt[0] == optRouterAlert:
		p.six.alert = len(opt) == 4
		return p.six.alert
	case hop && opt[0] == optJumbo:
		return h.jumbo(p, opt, at)
	case hop && opt[0] == optCALIPSO: // no domain of interpretation is known
		return false
	case hop && opt[0] == optIOAM: // measurements are ignored (ioam6_enabled)
		return at&3 == 0
	case unknownRefused:
		return false
	}
	switch opt[0] >> 6 {
	case optSkip:
		return true
	case optTellHost:
		if dst6(p.data()).IsMulticast() {
			return false
		}
		fallthrough
	case optTell:
		h.error6(p, icmp6Parameter, parameterOption, uint32(at))
	}
	return false
}

// jumbo is ipv6_hop_jumbo. No link carries such a packet, so that none is right.
func (h *Host) jumbo(p *packet, opt []byte, at int) bool {
	if len(opt) != 6 || at&3 != 2 {
		return false
	}
	switch n := int(be32(opt[2:])); {
	case n <= maxIP:
		h.error6(p, icmp6Parameter, parameterField, uint32(at+2))
		return false
	case be16(p.data()[4:]) != 0:
		h.error6(p, icmp6Parameter, parameterField, uint32(at))
		return false
	default:
		return n <= len(p.data())-ip6Len
	}
}

// routingHeader is ipv6_rthdr_rcv of a kernel without mobile IPv6: routes that the sender
// chose are not followed. Segment routing is off by default; its segments are dropped.
func (h *Host) routingHeader(p *packet) *packet {
	x, b := header6(p), p.data()
	if x == nil || dst6(b).IsMulticast() || p.kind != toHost {
		h.e.free(p)
		return nil
	}
	typ, left := x[2], x[3]
	switch {
	case typ == routingSeg6, typ == routingRPL:
	case left == 0:
		passHeader6(p, len(x))
		return p
	default:
		h.error6(p, icmp6Parameter, parameterField, uint32(p.six.at+2))
	}
	h.e.free(p)
	return nil
}

// isNeighbourDiscovery reports whether a packet is one of neighbour discovery
// (ipv6_ndisc_frame).
func isNeighbourDiscovery(b []byte, c chain6) bool {
	if b[c.next] != rpdb.ProtoICMPv6 || c.at >= len(b) {
		return false
	}
	return b[c.at] >= routerSolicitation && b[c.at] <= icmp6Redirect
}

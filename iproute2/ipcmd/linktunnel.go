package ipcmd

import (
	"encoding/binary"
	"strings"
)

// tunnelAttrs are the numbers of the parameters that kinds of tunnels share
// (IFLA_IPTUN_*, IFLA_GRE_*); 0: the kind has none.
type tunnelAttrs struct {
	link, local, remote, ttl, tos, pmtudisc, fwmark uint16
	encapType, encapFlags, encapSport, encapDport   uint16
	metadata                                        uint16
}

var (
	iptunAttrs = tunnelAttrs{1, 2, 3, 4, 5, 10, 20, 15, 16, 17, 18, 19}
	greAttrs   = tunnelAttrs{1, 6, 7, 8, 9, 10, 20, 14, 15, 16, 17, 18}
)

// tunnelParms are the parameters of a tunnel as the words give them.
type tunnelParms struct {
	local, remote          []byte
	link                   uint32
	ttl, tos               uint8
	pmtudisc               bool
	fwmark                 uint32
	encapType, encapFlags  uint16
	encapSport, encapDport uint16
	metadata               bool
}

const (
	encapFOU, encapGUE                           = 1, 2
	encapChecksum, encapChecksum6, encapRemCsum  = 1, 2, 4
	ip6tnlIgnoreLimit, ip6tnlUseTC, ip6tnlUseFL  = 0x1, 0x2, 0x4
	ip6tnlDSCPCopy, ip6tnlFwmark, ip6tnlAllowLoc = 0x10, 0x20, 0x40
)

// common reads the word at the cursor if it is one that all tunnels know. family is that
// of the ends.
func (p *tunnelParms) common(c *call, family uint8) (known bool) {
	return p.outer(c, family) || p.encap(c)
}

// outer reads a word about the packets that leave the tunnel.
func (p *tunnelParms) outer(c *call, family uint8) (known bool) {
	switch w := c.word(); {
	case w == "remote":
		p.remote = c.tunnelEnd(family)
	case w == "local":
		p.local = c.tunnelEnd(family)
	case matches(w, "dev"):
		i := c.device(c.value())
		if i == 0 {
			c.nodev(c.word())
			panic(exit(255))
		}
		p.link = uint32(i)
	case w == "ttl", w == "hoplimit", w == "hlim":
		p.ttl = 0
		if v := c.value(); v != "inherit" {
			n, ok := parseU8(v, 0)
			if !ok {
				c.invarg("invalid TTL\n", v)
			}
			p.ttl = n
		}
	case w == "tos", w == "tclass", w == "tc", matches(w, "dsfield"):
		p.tos = 1
		if v := c.value(); v != "inherit" {
			n, ok := c.Names.DSFieldID(v)
			if !ok {
				c.invarg("bad TOS value", v)
			}
			p.tos = n
		}
	case w == "nopmtudisc":
		p.pmtudisc = false
	case w == "pmtudisc":
		p.pmtudisc = true
	case w == "fwmark":
		p.fwmark = 0
		if v := c.value(); v != "inherit" {
			n, ok := parseUnsigned(v, 0)
			if !ok {
				c.invarg("invalid fwmark\n", v)
			}
			p.fwmark = n
		}
	case w == "external":
		p.metadata = true
	default:
		return false
	}
	return true
}

// encap reads a word about the UDP header before the tunnel's (fou, gue).
func (p *tunnelParms) encap(c *call) (known bool) {
	switch c.word() {
	case "noencap":
		p.encapType = 0
	case "encap":
		switch v := c.value(); v {
		case "fou":
			p.encapType = encapFOU
		case "gue":
			p.encapType = encapGUE
		case "none":
			p.encapType = 0
		default:
			c.invarg("Invalid encap type.", v)
		}
	case "encap-sport":
		p.encapSport = 0
		if v := c.value(); v != "auto" {
			n, ok := parseU16(v, 0)
			if !ok {
				c.invarg("Invalid source port.", v)
			}
			p.encapSport = n
		}
	case "encap-dport":
		n, ok := parseU16(c.value(), 0)
		if !ok {
			c.invarg("Invalid destination port.", c.word())
		}
		p.encapDport = n
	case "encap-csum":
		p.encapFlags |= encapChecksum
	case "noencap-csum":
		p.encapFlags &^= encapChecksum
	case "encap-udp6-csum":
		p.encapFlags |= encapChecksum6
	case "noencap-udp6-csum":
		p.encapFlags &^= encapChecksum6
	case "encap-remcsum":
		p.encapFlags |= encapRemCsum
	case "noencap-remcsum":
		p.encapFlags &^= encapRemCsum
	default:
		return false
	}
	return true
}

// tunnelEnd reads an end of a tunnel.
func (c *call) tunnelEnd(family uint8) []byte {
	p, ok := parseAddr(c.value(), family)
	if !ok {
		what := "inet"
		if family == afInet6 {
			what = "inet6"
		}
		c.errorf("Error: %s address is expected rather than \"%s\".\n", what, c.word())
		panic(exit(1))
	}
	if p.data == nil {
		return make([]byte, familyBits(family)/8)
	}
	return p.data
}

// put writes the parameters that all tunnels have.
func (p *tunnelParms) put(r *request, a *tunnelAttrs) {
	if p.local != nil {
		r.attr(a.local, p.local)
	}
	if p.remote != nil {
		r.attr(a.remote, p.remote)
	}
	r.u32(a.link, p.link)
	r.u8(a.ttl, p.ttl)
	if a.tos != 0 {
		r.u8(a.tos, p.tos)
	}
	if a.pmtudisc != 0 {
		r.u8(a.pmtudisc, boolByte(p.pmtudisc))
	}
	r.u32(a.fwmark, p.fwmark)
	r.u16(a.encapType, p.encapType)
	r.u16(a.encapFlags, p.encapFlags)
	r.be16(a.encapSport, p.encapSport)
	r.be16(a.encapDport, p.encapDport)
}

func boolByte(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func iptunUsage(kind string) string {
	mode := ""
	switch kind {
	case "sit":
		mode = "\n          [ mode { ip6ip | ipip | mplsip | any } ]\n          [ isatap ]"
	case "ipip":
		mode = "\n          [ mode { ipip | mplsip | any } ]"
	}
	return kind + ` [ remote ADDR ] [ local ADDR ]
          [ ttl TTL ] [ tos TOS ] [ [no]pmtudisc ]
          [ dev PHYS_DEV ] [ external ] [ fwmark MARK ]
          [ noencap ] [ encap { fou | gue | none } ]
          [ encap-sport PORT ] [ encap-dport PORT ]
          [ [no]encap-csum ] [ [no]encap-csum6 ] [ [no]encap-remcsum ]` + mode + `

ADDR := { IP_ADDRESS | any }
TOS  := { NUMBER | inherit }
TTL  := { 1..255 | inherit }
MARK := { 0x0..0xffffffff }`
}

// iptunModes are the protocols that a tunnel carries, by the words for them.
var iptunModes = map[string]map[string]uint8{
	"ipip": {"ipip": 4, "ip4ip4": 4, "ipv4/ipv4": 4, "ip/ip": 4, "mplsip": 137, "mpls/ipv4": 137, "any": 0, "any/ipv4": 0},
	"sit":  {"ip6ip": 41, "ipv6/ipv4": 41, "ipip": 4, "ip4ip4": 4, "ipv4/ipv4": 4, "mplsip": 137, "mpls/ipv4": 137, "any": 0, "any/ipv4": 0},
}

// iptunOptions reads the options of an ipip or sit device (iptunnel_parse_opt).
func iptunOptions(c *call, r *request, kind string) int {
	const attrFlags, attrProto, isatap = 8, 9, 1
	p := tunnelParms{pmtudisc: true}
	proto, flags := uint8(4), uint16(0)
	if kind == "sit" {
		proto = 41
	}
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case p.common(c, afInet):
		case w == "mode":
			m, ok := iptunModes[kind][c.value()]
			if !ok {
				c.invarg("Cannot guess tunnel mode.", c.word())
			}
			proto = m
		case kind == "sit" && w == "isatap":
			flags |= isatap
		case w == "help":
			return c.kindUsage(iptunUsage(kind))
		default:
			return c.unknownOption(kind, "option", iptunUsage(kind))
		}
	}
	r.u8(attrProto, proto)
	if p.metadata {
		r.attr(iptunAttrs.metadata, nil)
		return 0
	}
	p.put(r, &iptunAttrs)
	if kind == "sit" {
		r.be16(attrFlags, flags)
	}
	return 0
}

const ip6tnlUsage = `ip6tnl [ remote ADDR ] [ local ADDR ]
          [ dev PHYS_DEV ]
          [ encaplimit ELIM ] [ hoplimit HLIM ]
          [ tclass TCLASS ] [ flowlabel FLOWLABEL ]
          [ dscp inherit ] [ [no]allow-localremote ]
          [ fwmark MARK ] [ external ]
          [ noencap ] [ encap { fou | gue | none } ]
          [ mode { ip6ip6 | ipip6 | any } ]

ADDR      := IPV6_ADDRESS
ELIM      := { none | 0..255 }(default=4)
HLIM      := 0..255 (default=64)
TCLASS    := { 0x0..0xff | inherit }
FLOWLABEL := { 0x0..0xfffff | inherit }`

// ip6tnlOptions reads the options of an ip6tnl device (ip6tunnel_parse_opt).
func ip6tnlOptions(c *call, r *request, kind string) int {
	const (
		attrLimit, attrFlowInfo, attrFlags, attrProto = 6, 7, 8, 9
		noFlowTOS                                     = 0
	)
	p := tunnelParms{ttl: 64}
	limit, proto := uint8(4), uint8(41)
	var flags, flowInfo uint32
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case w == "mode":
			switch m := c.value(); m {
			case "ipv6/ipv6", "ip6ip6":
				proto = 41
			case "ip/ipv6", "ipv4/ipv6", "ipip6", "ip4ip6":
				proto = 4
			case "any", "any/ipv6":
				proto = 0
			default:
				c.invarg("Cannot guess tunnel mode.", m)
			}
		case w == "encaplimit":
			flags &^= ip6tnlIgnoreLimit
			if v := c.value(); v == "none" {
				flags |= ip6tnlIgnoreLimit
			} else {
				n, ok := parseU8(v, 0)
				if !ok {
					c.invarg("invalid ELIM", v)
				}
				limit = n
			}
		case w == "tos", w == "tclass", w == "tc", matches(w, "dsfield"):
			flowInfo &^= 0xff << 20
			if v := c.value(); v == "inherit" {
				flags |= ip6tnlUseTC
			} else {
				n, ok := c.Names.DSFieldID(v)
				if !ok {
					c.invarg("invalid TClass", v)
				}
				flags &^= ip6tnlUseTC
				flowInfo |= uint32(n) << 20
			}
		case w == "flowlabel", w == "fl":
			flowInfo &^= 0xfffff
			if v := c.value(); v == "inherit" {
				flags |= ip6tnlUseFL
			} else {
				n, ok := parseUnsigned(v, 0)
				if !ok || n > 0xfffff {
					c.invarg("invalid Flowlabel", v)
				}
				flags &^= ip6tnlUseFL
				flowInfo |= n
			}
		case w == "dscp":
			if v := c.value(); v != "inherit" {
				c.invarg("not inherit", v)
			}
			flags |= ip6tnlDSCPCopy
		case w == "allow-localremote":
			flags |= ip6tnlAllowLoc
		case w == "noallow-localremote":
			flags &^= ip6tnlAllowLoc
		case w == "nopmtudisc", w == "pmtudisc":
			return c.unknownOption(kind, "option", ip6tnlUsage)
		case p.common(c, afInet6):
			if w == "fwmark" {
				flags &^= ip6tnlFwmark
				if c.word() == "inherit" {
					flags |= ip6tnlFwmark
				}
			}
		case w == "help":
			return c.kindUsage(ip6tnlUsage)
		default:
			return c.unknownOption(kind, "option", ip6tnlUsage)
		}
	}
	r.u8(attrProto, proto)
	if p.metadata {
		r.attr(iptunAttrs.metadata, nil)
		return 0
	}
	attrs := iptunAttrs
	attrs.tos, attrs.pmtudisc = noFlowTOS, 0
	p.put(r, &attrs)
	r.u8(attrLimit, limit)
	r.be32(attrFlowInfo, flowInfo)
	r.u32(attrFlags, flags)
	return 0
}

func greUsage(kind string) string {
	return kind + ` [ remote ADDR ]
          [ local ADDR ]
          [ [no][i|o]seq ]
          [ [i|o]key KEY | no[i|o]key ]
          [ [no][i|o]csum ]
          [ ttl TTL ] [ tos TOS ] [ [no]pmtudisc ] [ [no]ignore-df ]
          [ dev PHYS_DEV ] [ fwmark MARK ] [ external ]
          [ noencap ] [ encap { fou | gue | none } ]
          [ encap-sport PORT ] [ encap-dport PORT ]
          [ [no]encap-csum ] [ [no]encap-csum6 ] [ [no]encap-remcsum ]

ADDR := { IP_ADDRESS | any }
TOS  := { NUMBER | inherit }
TTL  := { 1..255 | inherit }
KEY  := { DOTTED_QUAD | NUMBER }
MARK := { 0x0..0xffffffff }`
}

// Flags of GRE (GRE_KEY, GRE_SEQ, GRE_CSUM).
const greKey, greSeq, greCsum = 0x2000, 0x1000, 0x8000

// greOptions reads the options of a gre or gretap device (gre_parse_opt).
func greOptions(c *call, r *request, kind string) int {
	const attrIFlags, attrOFlags, attrIKey, attrOKey, attrIgnoreDF = 2, 3, 4, 5, 19
	p := tunnelParms{pmtudisc: true}
	var iflags, oflags uint16
	var ikey, okey uint32
	var ignoreDF uint8
	set := func(word, name string, bit uint16) bool {
		off := strings.HasPrefix(word, "no")
		switch strings.TrimPrefix(word, "no") {
		case name:
			iflags, oflags = flip(iflags, bit, !off), flip(oflags, bit, !off)
		case "i" + name:
			iflags = flip(iflags, bit, !off)
		case "o" + name:
			oflags = flip(oflags, bit, !off)
		default:
			return false
		}
		return true
	}
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case w == "key":
			iflags, oflags = iflags|greKey, oflags|greKey
			ikey = c.tunnelKey("key")
			okey = ikey
		case w == "ikey":
			iflags |= greKey
			ikey = c.tunnelKey("ikey")
		case w == "okey":
			oflags |= greKey
			okey = c.tunnelKey("okey")
		case w == "nokey", w == "noikey", w == "nookey":
			set(w, "key", greKey)
		case set(w, "seq", greSeq), set(w, "csum", greCsum):
		case w == "ignore-df":
			ignoreDF = 1
		case w == "noignore-df":
			ignoreDF = 0
		case p.common(c, afInet):
		case w == "help":
			return c.kindUsage(greUsage(kind))
		default:
			return c.unknownOption(kind, "option", greUsage(kind))
		}
	}
	if p.metadata {
		r.attr(greAttrs.metadata, nil)
		return 0
	}
	r.be32(attrIKey, ikey)
	r.be32(attrOKey, okey)
	r.be16(attrIFlags, iflags)
	r.be16(attrOFlags, oflags)
	r.u8(attrIgnoreDF, ignoreDF)
	p.put(r, &greAttrs)
	return 0
}

func flip(flags, bit uint16, on bool) uint16 {
	if on {
		return flags | bit
	}
	return flags &^ bit
}

// tunnelKey reads a key as a number or as an address (tnl_parse_key).
func (c *call) tunnelKey(name string) uint32 {
	v := c.value()
	if strings.Contains(v, ".") {
		if p, ok := parseAddr(v, afInet); ok && len(p.data) == 4 {
			return binary.BigEndian.Uint32(p.data)
		}
	}
	n, ok := parseUnsigned(v, 0)
	if !ok {
		c.errorf("invalid value for \"%s\": \"%s\"; it should be an unsigned integer\n", name, v)
		panic(exit(255))
	}
	return n
}

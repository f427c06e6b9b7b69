package ipcmd

import "encoding/binary"

const vxlanUsage = `vxlan id VNI
                [ { group | remote } IP_ADDRESS ]
                [ local ADDR ]
                [ ttl TTL ]
                [ tos TOS ]
                [ df DF ]
                [ flowlabel LABEL ]
                [ dev PHYS_DEV ]
                [ dstport PORT ]
                [ srcport MIN MAX ]
                [ [no]learning ]
                [ [no]proxy ]
                [ [no]rsc ]
                [ [no]l2miss ]
                [ [no]l3miss ]
                [ ageing SECONDS ]
                [ maxaddress NUMBER ]
                [ [no]udpcsum ]
                [ [no]udp6zerocsumtx ]
                [ [no]udp6zerocsumrx ]
                [ [no]remcsumtx ] [ [no]remcsumrx ]
                [ [no]localbypass ]
                [ [no]external ] [ gbp ] [ gpe ]
                [ [no]vnifilter ]

Where:	VNI	:= 0-16777215
	ADDR	:= { IP_ADDRESS | any }
	TOS	:= { NUMBER | inherit }
	TTL	:= { 1..255 | auto | inherit }
	DF	:= { unset | set | inherit }
	LABEL	:= 0-1048575`

// Attributes of vxlan devices (IFLA_VXLAN_*).
const (
	vxlanID, vxlanGroup, vxlanLink, vxlanLocal, vxlanTTL, vxlanTOS = 1, 2, 3, 4, 5, 6
	vxlanAgeing, vxlanLimit, vxlanPortRange, vxlanPort             = 8, 9, 10, 15
	vxlanGroup6, vxlanLocal6, vxlanGBP, vxlanLabel, vxlanGPE       = 16, 17, 23, 26, 27
	vxlanTTLInherit, vxlanDF                                       = 28, 29
)

// vxlanSwitches are the words for what is on or off, and their attributes.
var vxlanSwitches = map[string]uint16{
	"learning": 7, "proxy": 11, "rsc": 12, "l2miss": 13, "l3miss": 14, "udpcsum": 18, "udp6zerocsumtx": 19, "udp6zerocsumrx": 20,
	"remcsumtx": 21, "remcsumrx": 22, "external": 25, "vnifilter": 30, "localbypass": 31,
}

// vxlanOptions reads the options of a vxlan device (vxlan_parse_opt).
func vxlanOptions(c *call, r *request, kind string) int {
	given, external := false, false
	for ; c.more(); c.advance() {
		w := c.word()
		if attr, on, ok := vxlanSwitch(w); ok {
			r.u8(attr, boolByte(on))
			external = external || on && w == "external"
			continue
		}
		switch {
		case matches(w, "id"), matches(w, "vni"):
			v, ok := parseUnsigned(c.value(), 0)
			if !ok || v >= 1<<24 {
				c.invarg("invalid id", c.word())
			}
			r.u32(vxlanID, v)
			given = true
		case w == "group", w == "remote":
			c.vxlanEnd(r, vxlanGroup, vxlanGroup6)
		case w == "local":
			c.vxlanEnd(r, vxlanLocal, vxlanLocal6)
		case matches(w, "dev"):
			i := c.device(c.value())
			if i == 0 {
				c.nodev(c.word())
				panic(exit(255))
			}
			r.u32(vxlanLink, uint32(i))
		case w == "ttl", w == "hoplimit":
			switch v := c.value(); v {
			case "inherit":
				r.attr(vxlanTTLInherit, nil)
			case "auto":
				r.u8(vxlanTTL, 0)
			default:
				n, ok := parseU8(v, 0)
				if !ok {
					c.invarg("invalid TTL", v)
				}
				r.u8(vxlanTTL, n)
			}
		case w == "tos", matches(w, "dsfield"):
			n := uint8(1)
			if v := c.value(); v != "inherit" {
				var ok bool
				if n, ok = c.Names.DSFieldID(v); !ok {
					c.invarg("bad TOS value", v)
				}
			}
			r.u8(vxlanTOS, n)
		case w == "df":
			df, ok := map[string]uint8{"unset": 0, "set": 1, "inherit": 2}[c.value()]
			if !ok {
				c.invarg("DF must be 'unset', 'set' or 'inherit'", c.word())
			}
			r.u8(vxlanDF, df)
		case w == "label", w == "flowlabel":
			v, ok := parseUnsigned(c.value(), 0)
			if !ok || v > 0xfffff {
				c.invarg("invalid flowlabel", c.word())
			}
			r.be32(vxlanLabel, v)
		case w == "ageing":
			n := uint32(0)
			if v := c.value(); v != "none" {
				var ok bool
				if n, ok = parseUnsigned(v, 0); !ok {
					c.invarg("ageing timer", v)
				}
			}
			r.u32(vxlanAgeing, n)
		case w == "maxaddress":
			n := uint32(0)
			if v := c.value(); v != "unlimited" {
				var ok bool
				if n, ok = parseUnsigned(v, 0); !ok {
					c.invarg("max addresses", v)
				}
			}
			r.u32(vxlanLimit, n)
		case w == "port", w == "srcport":
			lo, ok1 := parseU16(c.value(), 0)
			if !ok1 {
				c.invarg("min port", c.word())
			}
			hi, ok2 := parseU16(c.value(), 0)
			if !ok2 {
				c.invarg("max port", c.word())
			}
			r.attr(vxlanPortRange, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, lo), hi))
		case w == "dstport":
			n, ok := parseU16(c.value(), 0)
			if !ok {
				c.invarg("dst port", c.word())
			}
			r.be16(vxlanPort, n)
		case w == "gbp":
			r.attr(vxlanGBP, nil)
		case w == "gpe":
			r.attr(vxlanGPE, nil)
		case matches(w, "help"):
			return c.kindUsage(vxlanUsage)
		default:
			return c.unknownOption(kind, "command", vxlanUsage)
		}
	}
	switch {
	case external && given:
		c.errorf("vxlan: both 'external' and vni cannot be specified\n")
		return 1
	case !external && !given:
		c.errorf("vxlan: missing virtual network identifier\n")
		return 1
	}
	return 0
}

// vxlanSwitch reads a word that turns something on, or with no before it off.
func vxlanSwitch(w string) (attr uint16, on, ok bool) {
	if attr, ok = vxlanSwitches[w]; ok {
		return attr, true, true
	}
	if len(w) > 2 && w[:2] == "no" {
		attr, ok = vxlanSwitches[w[2:]]
	}
	return attr, false, ok
}

// vxlanEnd reads an address of either family.
func (c *call) vxlanEnd(r *request, four, six uint16) {
	p, ok := parseAddr(c.value(), afUnspec)
	switch {
	case !ok:
		c.invarg("invalid address", c.word())
	case p.data == nil: // any
	case p.family == afInet6:
		r.attr(six, p.data)
	default:
		r.attr(four, p.data)
	}
}

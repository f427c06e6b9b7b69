package ipcmd

import (
	"encoding/binary"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
)

// linkKinds are the kinds whose options ip link knows, with what reads them (struct
// link_util's parse_opt); nil reads nothing and minds nothing. Options of a kind that
// is not here are refused.
var linkKinds map[string]func(c *call, r *request, kind string) int

func init() {
	linkKinds = map[string]func(*call, *request, string) int{
		"bridge":       bridgeOptions,
		"bridge_slave": portOptions,
		"dummy":        nil,
		"gre":          greOptions,
		"gretap":       greOptions,
		"ifb":          nil,
		"ip6tnl":       ip6tnlOptions,
		"ipip":         iptunOptions,
		"macvlan":      macvlanOptions,
		"sit":          iptunOptions,
		"veth":         vethOptions,
		"vlan":         vlanOptions,
		"vrf":          vrfOptions,
		"vxlan":        vxlanOptions,
	}
}

// kindUsage prints how a kind is used and returns the status for that.
func (c *call) kindUsage(text string) int {
	c.errorf("Usage: ... %s\n", text)
	return 1
}

// unknownOption says that a kind has no such option.
func (c *call) unknownOption(kind, what, usage string) int {
	c.errorf("%s: unknown %s \"%s\"?\n", kind, what, c.word())
	return c.kindUsage(usage)
}

// vethOptions reads the other end of the pair (veth_parse_opt).
func vethOptions(c *call, r *request, kind string) int {
	const vethInfoPeer = 1
	if c.word() != "peer" {
		c.printf("Usage: ip link <options> type %s [peer <options>]\n"+
			"To get <options> type 'ip link add help'\n", kind)
		return 1
	}
	c.advance()
	status := 0
	r.nest(vethInfoPeer, func() {
		peer := newLinkChange(c, r)
		r.body = append(r.body, make([]byte, linkHeaderLen)...)
		status = peer.words()
		if status == 0 && peer.kind != "" {
			c.duparg("type", c.word())
		}
	})
	if status == 0 && c.more() {
		return 1
	}
	return status
}

func vrfOptions(c *call, r *request, _ string) int {
	const vrfTable = 1
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case matches(w, "table"):
			v, ok := c.Names.TableID(c.value())
			if !ok {
				c.invarg("invalid table ID\n", c.word())
			}
			r.u32(vrfTable, v)
		case matches(w, "help"):
			return c.kindUsage("vrf table TABLEID")
		default:
			return c.unknownOption("vrf", "option", "vrf table TABLEID")
		}
	}
	return 0
}

const vlanUsage = `vlan id VLANID [ protocol VLANPROTO ] [ reorder_hdr { on | off } ]
                [ gvrp { on | off } ] [ mvrp { on | off } ]
                [ loose_binding { on | off } ] [ bridge_binding { on | off } ]
                [ ingress-qos-map QOS-MAP ] [ egress-qos-map QOS-MAP ]

VLANID := 0-4095
VLANPROTO: [ 802.1Q | 802.1ad ]
QOS-MAP := [ QOS-MAP ] QOS-MAPPING
QOS-MAPPING := FROM:TO`

// vlanFlags are the switches of a VLAN device (VLAN_FLAG_*).
var vlanFlags = []struct {
	word string
	bit  uint32
}{{"reorder_hdr", 1}, {"gvrp", 2}, {"mvrp", 8}, {"loose_binding", 4}, {"bridge_binding", 16}}

func vlanOptions(c *call, r *request, _ string) int {
	const (
		vlanID       = 1
		vlanFlagsTyp = 2
		vlanEgress   = 3
		vlanIngress  = 4
		vlanProtocol = 5
	)
	var flags, mask uint32
words:
	for c.more() {
		w := c.word()
		switch {
		case matches(w, "protocol"):
			v, ok := iproute2.EtherProto(c.value())
			if !ok {
				c.invarg("protocol is invalid", c.word())
			}
			r.be16(vlanProtocol, v)
		case matches(w, "id"):
			v, ok := parseU16(c.value(), 0)
			if !ok {
				c.invarg("id is invalid", c.word())
			}
			r.u16(vlanID, v)
		case matches(w, "ingress-qos-map"):
			c.qosMap(r, vlanIngress, "invalid ingress-qos-map")
			continue
		case matches(w, "egress-qos-map"):
			c.qosMap(r, vlanEgress, "invalid egress-qos-map")
			continue
		case matches(w, "help"):
			return c.kindUsage(vlanUsage)
		default:
			for _, f := range vlanFlags {
				if !matches(w, f.word) {
					continue
				}
				on := c.value()
				if on != "on" && on != "off" {
					c.errorf("Error: argument of \"%s\" must be \"on\" or \"off\", not \"%s\"\n", f.word, on)
					return 1
				}
				mask |= f.bit
				if flags &^= f.bit; on == "on" {
					flags |= f.bit
				}
				c.advance()
				continue words
			}
			return c.unknownOption("vlan", "command", vlanUsage)
		}
		c.advance()
	}
	if mask != 0 {
		r.attr(vlanFlagsTyp, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, flags), mask))
	}
	return 0
}

// qosMap reads pairs FROM:TO.
func (c *call) qosMap(r *request, typ uint16, msg string) {
	const vlanQoSMapping = 1
	c.value()
	r.nest(typ, func() {
		for ; c.more(); c.advance() {
			from, to, ok := strings.Cut(c.word(), ":")
			if !ok {
				return
			}
			a, ok1 := parseUnsigned(from, 0)
			b, ok2 := parseUnsigned(to, 0)
			if !ok1 || !ok2 {
				c.invarg(msg, from)
			}
			r.attr(vlanQoSMapping, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, a), b))
		}
	})
}

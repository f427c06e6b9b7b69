package ipcmd

import (
	"encoding/binary"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
)

// bridgeOption is an option of a bridge with a number.
type bridgeOption struct {
	word string
	attr uint16
	size int // of the number in bytes; 0: it is read otherwise
}

// bridgeOptionList are the options of a bridge (IFLA_BR_*) in the order of the tests.
var bridgeOptionList = []bridgeOption{
	{"forward_delay", 1, 4},
	{"hello_time", 2, 4},
	{"max_age", 3, 4},
	{"ageing_time", 4, 4},
	{"stp_state", 5, 4},
	{"priority", 6, 2},
	{"vlan_filtering", 7, 1},
	{"vlan_protocol", 8, 0},
	{"group_fwd_mask", 9, 2},
	{"group_address", 20, 0},
	{"fdb_flush", 21, 0},
	{"vlan_default_pvid", 39, 2},
	{"vlan_stats_enabled", 41, 1},
	{"vlan_stats_per_port", 45, 1},
	{"mcast_router", 22, 1},
	{"mcast_snooping", 23, 1},
	{"mcast_query_use_ifaddr", 24, 1},
	{"mcast_querier", 25, 1},
	{"mcast_hash_elasticity", 26, 4},
	{"mcast_hash_max", 27, 4},
	{"mcast_last_member_count", 28, 4},
	{"mcast_startup_query_count", 29, 4},
	{"mcast_last_member_interval", 30, 8},
	{"mcast_membership_interval", 31, 8},
	{"mcast_querier_interval", 32, 8},
	{"mcast_query_interval", 33, 8},
	{"mcast_query_response_interval", 34, 8},
	{"mcast_startup_query_interval", 35, 8},
	{"mcast_stats_enabled", 42, 1},
	{"mcast_igmp_version", 43, 1},
	{"mcast_mld_version", 44, 1},
	{"nf_call_iptables", 36, 1},
	{"nf_call_ip6tables", 37, 1},
	{"nf_call_arptables", 38, 1},
}

// bridgeBools are the options that are bits of IFLA_BR_MULTI_BOOLOPT.
var bridgeBools = []struct {
	word string
	bit  uint32
}{{"no_linklocal_learn", 1}, {"mcast_vlan_snooping", 2}}

func bridgeUsage() string {
	var b strings.Builder
	b.WriteString("bridge")
	for _, o := range bridgeOptionList {
		b.WriteString(" [ " + o.word)
		if o.word != "fdb_flush" {
			b.WriteString(" " + strings.ToUpper(o.word))
		}
		b.WriteString(" ]\n                 ")
	}
	return strings.TrimRight(b.String(), " \n")
}

// bridgeOptions reads the options of a bridge (bridge_parse_opt).
func bridgeOptions(c *call, r *request, _ string) int {
	const multiBoolOpt = 46
	var value, mask uint32
	for ; c.more(); c.advance() {
		w := c.word()
		if c.bridgeBool(w, &value, &mask) {
			continue
		}
		o, ok := findBridgeOption(w)
		switch {
		case ok && o.word == "fdb_flush":
			r.attr(o.attr, nil)
		case ok && o.word == "group_address":
			b, ok := c.hardware(c.value())
			if !ok {
				return 1
			}
			r.attr(o.attr, b)
		case ok && o.word == "vlan_protocol":
			v, ok := iproute2.EtherProto(c.value())
			if !ok {
				c.invarg("invalid vlan_protocol", c.word())
			}
			r.be16(o.attr, v)
		case ok:
			r.attr(o.attr, c.sized(o.size, "invalid "+o.word))
		case matches(w, "help"):
			return c.kindUsage(bridgeUsage())
		default:
			return c.unknownOption("bridge", "command", bridgeUsage())
		}
	}
	if mask != 0 {
		r.attr(multiBoolOpt, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, value), mask))
	}
	return 0
}

func findBridgeOption(w string) (bridgeOption, bool) {
	for _, o := range bridgeOptionList {
		if matches(w, o.word) {
			return o, true
		}
	}
	return bridgeOption{}, false
}

func (c *call) bridgeBool(w string, value, mask *uint32) bool {
	for _, b := range bridgeBools {
		if w != b.word {
			continue
		}
		v, ok := parseU8(c.value(), 0)
		if !ok {
			c.invarg("invalid "+b.word, c.word())
		}
		*mask |= b.bit
		if *value &^= b.bit; v != 0 {
			*value |= b.bit
		}
		return true
	}
	return false
}

// sized reads a number of some bytes in the byte order of the host.
func (c *call) sized(size int, msg string) []byte {
	w := c.value()
	v, ok := strtoul(w, 0)
	if !ok || size < 8 && v>>(8*size) != 0 {
		c.invarg(msg, w)
	}
	b := binary.NativeEndian.AppendUint64(nil, v)
	switch size {
	case 1:
		return []byte{byte(v)}
	case 2:
		return binary.NativeEndian.AppendUint16(nil, uint16(v))
	case 4:
		return binary.NativeEndian.AppendUint32(nil, uint32(v))
	}
	return b
}

// portOption is an option of a bridge's port.
type portOption struct {
	word string
	attr uint16
	size int    // 0: on or off
	msg  string // what is said of a wrong number
}

// portOptionList are the options of a bridge's port (IFLA_BRPORT_*) in the order of
// the tests.
var portOptionList = []portOption{
	{"state", 1, 1, "state is invalid"},
	{"priority", 2, 2, "priority is invalid"},
	{"cost", 3, 4, "cost is invalid"},
	{"hairpin", 4, 0, ""},
	{"guard", 5, 0, ""},
	{"root_block", 6, 0, ""},
	{"fastleave", 7, 0, ""},
	{"learning", 8, 0, ""},
	{"flood", 9, 0, ""},
	{"mcast_flood", 27, 0, ""},
	{"bcast_flood", 30, 0, ""},
	{"mcast_to_unicast", 28, 0, ""},
	{"proxy_arp", 10, 0, ""},
	{"proxy_arp_wifi", 12, 0, ""},
	{"mcast_router", 25, 1, "invalid mcast_router"},
	{"mcast_fast_leave", 7, 0, ""},
	{"neigh_suppress", 32, 0, ""},
	{"group_fwd_mask", 31, 2, "invalid group_fwd_mask"},
	{"vlan_tunnel", 29, 0, ""},
	{"isolated", 33, 0, ""},
	{"locked", 39, 0, ""},
}

func portUsage() string {
	var b strings.Builder
	b.WriteString("bridge_slave [ fdb_flush ]")
	for _, o := range portOptionList {
		value := "{on | off}"
		if o.size > 0 {
			value = strings.ToUpper(o.word)
		}
		b.WriteString("\n                        [ " + o.word + " " + value + " ]")
	}
	b.WriteString("\n                        [ backup_port DEVICE ] [ nobackup_port ]")
	return b.String()
}

// portOptions reads the options of a bridge's port (bridge_slave_parse_opt).
func portOptions(c *call, r *request, _ string) int {
	const (
		portFlush  = 24
		portBackup = 34
	)
	for ; c.more(); c.advance() {
		w := c.word()
		o, ok := findPortOption(w)
		switch {
		case matches(w, "fdb_flush"):
			r.attr(portFlush, nil)
		case ok && o.size > 0:
			r.attr(o.attr, c.sized(o.size, o.msg))
		case ok:
			on, ok := c.parseOnOff(o.word)
			if !ok {
				return 1
			}
			r.u8(o.attr, on)
		case matches(w, "backup_port"):
			r.u32(portBackup, uint32(c.masterArg(c.value())))
		case matches(w, "nobackup_port"):
			r.u32(portBackup, 0)
		case matches(w, "help"):
			return c.kindUsage(portUsage())
		default:
			return c.unknownOption("bridge_slave", "option", portUsage())
		}
	}
	return 0
}

func findPortOption(w string) (portOption, bool) {
	for _, o := range portOptionList {
		if matches(w, o.word) {
			return o, true
		}
	}
	return portOption{}, false
}

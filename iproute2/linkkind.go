package iproute2

import (
	"fmt"
	"strconv"
	"strings"
)

// Attributes of IFLA_LINKINFO (IFLA_INFO_*).
const (
	infoKind      = 1
	infoData      = 2
	infoSlaveKind = 4
	infoSlaveData = 5
)

// kindPrinters print the attributes of a kind (struct link_util's print_opt). Kinds
// that are not here have nothing to print.
var kindPrinters = map[string]func(*Record, Attrs){
	"bridge":       printBridge,
	"bridge_slave": printBridgePort,
	"gre":          printGRE,
	"gretap":       printGRE,
	"ip6tnl":       printIP6Tunnel,
	"ipip":         printIPTunnel,
	"macvlan":      printMACVLAN,
	"macvtap":      printMACVLAN,
	"sit":          printIPTunnel,
	"tun":          printTun,
	"vlan":         printVLAN,
	"vrf":          fields([]kindField{{vrfTable, "table", "table %d ", asUint}}),
	"vrf_slave":    fields([]kindField{{vrfTable, "table", "table %d ", asUint}}),
	"vxlan":        printVXLAN,
}

const vrfTable = 1 // IFLA_VRF_TABLE and IFLA_VRF_PORT_TABLE

// printLinkInfo prints the kind of a device and of its place under a master
// (print_linktype).
func printLinkInfo(r *Record, as Attrs) {
	r.Begin("linkinfo")
	defer r.End()
	if as.Has(infoKind) {
		kind := as.Str(infoKind)
		r.Newline()
		r.Add("info_kind", "    %s ", kind)
		printKind(r, "info_data", kind, as, infoData)
	}
	if as.Has(infoSlaveKind) {
		kind := as.Str(infoSlaveKind)
		r.Newline()
		r.Add("info_slave_kind", "    %s_slave ", kind)
		printKind(r, "info_slave_data", kind+"_slave", as, infoSlaveData)
	}
}

func printKind(r *Record, key, kind string, as Attrs, typ uint16) {
	f, ok := kindPrinters[kind]
	if !ok {
		return
	}
	r.Begin(key)
	if as.Has(typ) {
		f(r, as.Nest(typ))
	}
	r.End()
}

// kindField is one attribute of a kind.
type kindField struct {
	attr        uint16
	key, format string
	as          fieldForm
}

// fieldForm is how an attribute is printed.
type fieldForm uint8

const (
	asUint  fieldForm = iota
	asOnOff           // format is the word before
	asTimer           // hundredths of a second
	asHex             // %#x
	asBE16            // a number in network order
	asMAC
	asBridgeID
	asDevice
	asProto // an Ethernet protocol
	asOn    // a word if it is not zero
)

// fields returns a printer of those attributes that are present, in order.
func fields(fs []kindField) func(*Record, Attrs) {
	return func(r *Record, as Attrs) {
		for _, f := range fs {
			if as.Has(f.attr) {
				printField(r, as, f)
			}
		}
	}
}

func printField(r *Record, as Attrs, f kindField) {
	v := as.Uint(f.attr)
	switch f.as {
	case asUint:
		r.Add(f.key, f.format, v)
	case asOnOff:
		r.OnOff(f.key, f.format, v != 0)
	case asTimer:
		r.timer(f.key, v)
	case asHex:
		r.Hex(f.key, f.format, v)
	case asBE16:
		r.Add(f.key, f.format, as.BE16(f.attr))
	case asMAC:
		r.Add(f.key, f.format, FormatLLAddr(as[f.attr]))
	case asBridgeID:
		r.Add(f.key, f.format, formatBridgeID(as[f.attr]))
	case asDevice:
		r.Add(f.key, f.format, r.o.dev(int(int32(uint32(v)))))
	case asProto:
		r.Add(f.key, f.format, etherProto(as.BE16(f.attr)))
	case asOn:
		if v != 0 {
			r.Flag(f.key, f.format)
		}
	}
}

// timer prints a time of USER_HZ (100 a second).
func (r *Record) timer(key string, v uint64) {
	if r.json {
		r.Add(key, "", jsonNumber(fmt.Sprintf("%d.%.2d", v/100, v%100)))
		return
	}
	r.Raw(fmt.Sprintf("%s %4d.%.2d ", key, v/100, v%100))
}

// formatBridgeID prints a bridge's priority and address, as ether_ntoa does without
// leading zeros (br_dump_bridge_id).
func formatBridgeID(b []byte) string {
	if len(b) < 8 {
		return ""
	}
	s := fmt.Sprintf("%02x%02x.", b[0], b[1])
	for i, x := range b[2:8] {
		if i > 0 {
			s += ":"
		}
		s += strconv.FormatUint(uint64(x), 16)
	}
	return s
}

// etherProtos are the Ethernet protocols that can stand in a device's attributes.
var etherProtos = map[uint16]string{0x8100: "802.1Q", 0x88a8: "802.1ad", 0x0800: "ip", 0x86dd: "ipv6"}

// etherProto returns the name of an Ethernet protocol (ll_proto_n2a).
func etherProto(p uint16) string {
	if s, ok := etherProtos[p]; ok {
		return s
	}
	return "[" + strconv.Itoa(int(p)) + "]"
}

// EtherProto returns the Ethernet protocol of a name in any case, or of a number
// (ll_proto_a2n).
func EtherProto(s string) (uint16, bool) {
	for p, name := range etherProtos {
		if strings.EqualFold(s, name) {
			return p, true
		}
	}
	v, ok := parseUint(s, 0, 0xffff)
	return uint16(v), ok
}

package iproute2

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// Attributes of a macvlan device (IFLA_MACVLAN_*).
const (
	macvlanMode       = 1
	macvlanFlags      = 2
	macvlanAddrs      = 5
	macvlanAddrCount  = 6
	macvlanQueueLen   = 7
	macvlanQueueUsed  = 8
	macvlanCutoff     = 9
	macvlanSource     = 16
	macvlanNoPromisc  = 1
	macvlanAddrInList = 4
)

// macvlanModes are the modes of a macvlan device (MACVLAN_MODE_*).
var macvlanModes = map[uint64]string{1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}

func printMACVLAN(r *Record, as Attrs) {
	if !as.Has(macvlanMode) {
		return
	}
	mode := as.Uint(macvlanMode)
	word, ok := macvlanModes[mode]
	if !ok {
		word = "unknown"
	}
	r.Add("mode", "mode %s ", word)
	if as.Uint(macvlanFlags)&macvlanNoPromisc != 0 {
		r.Flag("nopromisc", "nopromisc ")
	}
	fields([]kindField{
		{macvlanQueueLen, "bcqueuelen", "bcqueuelen %d ", asUint},
		{macvlanQueueUsed, "usedbcqueuelen", "usedbcqueuelen %d ", asUint},
	})(r, as)
	if as.Has(macvlanCutoff) && r.o.version().AtLeast(6, 4) {
		r.Add("bccutoff", "bccutoff %d ", as.Int(macvlanCutoff))
	}
	if mode != macvlanSource {
		return
	}
	if as.Has(macvlanAddrCount) {
		r.Add("macaddr_count", "remotes (%d) ", as.Uint(macvlanAddrCount))
	}
	if !as.Has(macvlanAddrs) {
		return
	}
	var addrs []string
	for typ, data := range eachAttr(as[macvlanAddrs]) {
		if typ == macvlanAddrInList {
			addrs = append(addrs, FormatLLAddr(data))
			r.Raw(FormatLLAddr(data) + " ")
		}
	}
	if r.json {
		r.top().obj.add("macaddr_data", addrs)
	}
}

// Attributes of a VLAN device (IFLA_VLAN_*).
const (
	vlanID       = 1
	vlanFlags    = 2
	vlanEgress   = 3
	vlanIngress  = 4
	vlanProtocol = 5
)

// vlanFlagWords are the flags of a VLAN device (VLAN_FLAG_*).
var vlanFlagWords = []struct {
	bit  uint32
	name string
}{{1, "REORDER_HDR"}, {2, "GVRP"}, {8, "MVRP"}, {4, "LOOSE_BINDING"}, {16, "BRIDGE_BINDING"}}

func printVLAN(r *Record, as Attrs) {
	if !as.Has(vlanID) {
		return
	}
	proto := "802.1q"
	if as.Has(vlanProtocol) {
		proto = etherProto(as.BE16(vlanProtocol))
	}
	r.Add("protocol", "protocol %s ", proto)
	r.Add("id", "id %d ", as.Uint(vlanID))
	if b := as[vlanFlags]; len(b) >= 4 {
		printVLANFlags(r, binary.NativeEndian.Uint32(b))
	}
	printQoSMap(r, as, vlanIngress, "ingress_qos", "ingress-qos-map")
	printQoSMap(r, as, vlanEgress, "egress_qos", "egress-qos-map")
}

func printVLANFlags(r *Record, flags uint32) {
	words := []string{}
	for _, f := range vlanFlagWords {
		if flags&f.bit != 0 {
			words = append(words, f.name)
			flags &^= f.bit
		}
	}
	if flags != 0 {
		words = append(words, fmt.Sprintf("%x", flags))
	}
	if r.json {
		r.top().obj.add("flags", words)
	}
	r.Raw("<" + strings.Join(words, ",") + "> ")
}

func printQoSMap(r *Record, as Attrs, typ uint16, key, word string) {
	if !as.Has(typ) {
		return
	}
	r.Newline()
	r.Raw("      " + word + " { ")
	for _, b := range eachAttr(as[typ]) {
		if len(b) < 8 {
			continue
		}
		from, to := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])
		if r.json {
			r.Element()
			r.Add("from", "", from)
			r.Add("to", "", to)
			r.End()
		}
		r.Raw(fmt.Sprintf("%d:%d ", from, to))
	}
	r.Elements(key)
	r.Raw("} ")
}

// Attributes of a tun device (IFLA_TUN_*).
const (
	tunOwner     = 1
	tunGroup     = 2
	tunType      = 3
	tunPI        = 4
	tunVNetHdr   = 5
	tunPersist   = 6
	tunMulti     = 7
	tunNumQueues = 8
	tunDisabled  = 9
)

// IsTap reports whether a tun device carries frames, from its IFLA_INFO_DATA.
func IsTap(as Attrs) bool { return as.Uint(tunType) == 2 }

// PrintTuntap prints a tun device as ip tuntap lists it, from its IFLA_INFO_DATA
// (print_tuntap, print_flags).
func PrintTuntap(r *Record, name string, as Attrs) {
	r.Add("ifname", "%s:", name)
	var flags []string
	for _, f := range []struct {
		word string
		on   bool
	}{
		{"tun", as.Uint(tunType) == 1},
		{"tap", IsTap(as)},
		{"pi", as.Uint(tunPI) != 0},
		{"vnet_hdr", as.Uint(tunVNetHdr) != 0},
		{"persist", as.Uint(tunPersist) != 0},
	} {
		if f.on {
			r.Raw(" " + f.word)
			flags = append(flags, f.word)
		}
	}
	r.Add("flags", "", flags)
	if as.Has(tunOwner) {
		r.Add("user", " user %d", as.Uint(tunOwner))
	}
	if as.Has(tunGroup) {
		r.Add("group", " group %d", as.Uint(tunGroup))
	}
	r.Raw("\n")
}

func printTun(r *Record, as Attrs) {
	if as.Has(tunType) {
		switch t := as.Uint(tunType); t {
		case 1:
			r.Add("type", "type %s ", "tun")
		case 2:
			r.Add("type", "type %s ", "tap")
		default:
			r.Add("type", "type %s ", fmt.Sprintf("UNKNOWN:%d", t))
		}
	}
	fields([]kindField{{tunPI, "pi", "pi", asOnOff}, {tunVNetHdr, "vnet_hdr", "vnet_hdr", asOnOff}})(r, as)
	if as.Has(tunMulti) {
		printTunQueues(r, as)
	}
	fields([]kindField{
		{tunPersist, "persist", "persist", asOnOff},
		{tunOwner, "user", "user %d ", asUint},
		{tunGroup, "group", "group %d ", asUint},
	})(r, as)
}

func printTunQueues(r *Record, as Attrs) {
	multi := as.Uint(tunMulti) != 0
	if r.json {
		r.Add("multi_queue", "", multi)
	}
	if !multi {
		return
	}
	r.Raw("multi_queue ")
	r.Add("numqueues", "numqueues %d ", as.Uint(tunNumQueues))
	r.Add("numdisabled", "numdisabled %d ", as.Uint(tunDisabled))
}

// Attributes of a VXLAN device (IFLA_VXLAN_*).
const (
	vxlanID          = 1
	vxlanGroup       = 2
	vxlanLink        = 3
	vxlanLocal       = 4
	vxlanTTL         = 5
	vxlanTOS         = 6
	vxlanLearning    = 7
	vxlanAgeing      = 8
	vxlanLimit       = 9
	vxlanPortRange   = 10
	vxlanProxy       = 11
	vxlanRSC         = 12
	vxlanL2Miss      = 13
	vxlanL3Miss      = 14
	vxlanPort        = 15
	vxlanGroup6      = 16
	vxlanLocal6      = 17
	vxlanUDPCsum     = 18
	vxlanCsum6Tx     = 19
	vxlanCsum6Rx     = 20
	vxlanRemCsumTx   = 21
	vxlanRemCsumRx   = 22
	vxlanGBP         = 23
	vxlanRemNoPart   = 24
	vxlanCollect     = 25
	vxlanLabel       = 26
	vxlanGPE         = 27
	vxlanTTLInherit  = 28
	vxlanDF          = 29
	vxlanVNIFilter   = 30
	vxlanLocalBypass = 31
)

func printVXLAN(r *Record, as Attrs) {
	if as.Uint(vxlanCollect) != 0 {
		r.Flag("external", "external ")
	}
	if as.Uint(vxlanVNIFilter) != 0 {
		r.Flag("vnifilter", "vnifilter ")
	}
	if !as.Has(vxlanID) {
		return
	}
	r.Add("id", "id %d ", as.Uint(vxlanID))
	printVXLANEnds(r, as)
	fields([]kindField{{vxlanPort, "port", "dstport %d ", asBE16}})(r, as)
	if as.Has(vxlanLearning) {
		learning := as.Uint(vxlanLearning) != 0
		r.Add("learning", "", learning)
		if !learning {
			r.Raw("nolearning ")
		}
	}
	fields([]kindField{
		{vxlanProxy, "proxy", "proxy ", asOn},
		{vxlanRSC, "rsc", "rsc ", asOn},
		{vxlanL2Miss, "l2miss", "l2miss ", asOn},
		{vxlanL3Miss, "l3miss", "l3miss ", asOn},
	})(r, as)
	printTOS(r, as.Uint(vxlanTOS))
	printVXLANTTL(r, as)
	if label := as.BE32(vxlanLabel); label != 0 {
		r.Hex("label", "flowlabel %s ", uint64(label))
	}
	switch age := as.Uint(vxlanAgeing); {
	case !as.Has(vxlanAgeing):
	case age == 0:
		r.Add("ageing", "ageing none ", uint64(0))
	default:
		r.Add("ageing", "ageing %d ", age)
	}
	if limit := as.Uint(vxlanLimit); limit != 0 {
		r.Add("limit", "maxaddr %d ", limit)
	}
	printYesNo(r, as, vxlanUDPCsum, "udp_csum", "udpcsum ")
	printYesNo(r, as, vxlanCsum6Tx, "udp_zero_csum6_tx", "udp6zerocsumtx ")
	printYesNo(r, as, vxlanCsum6Rx, "udp_zero_csum6_rx", "udp6zerocsumrx ")
	fields([]kindField{
		{vxlanRemCsumTx, "remcsum_tx", "remcsumtx ", asOn}, {vxlanRemCsumRx, "remcsum_rx", "remcsumrx ", asOn},
	})(r, as)
	if r.o.version().AtLeast(6, 5) {
		printYesNo(r, as, vxlanLocalBypass, "localbypass", "localbypass ")
	}
	if as.Has(vxlanGBP) {
		r.Flag("gbp", "gbp ")
	}
	if as.Has(vxlanGPE) {
		r.Flag("gpe", "gpe ")
	}
}

// printVXLANEnds prints the addresses, the device below and the source ports.
func printVXLANEnds(r *Record, as Attrs) {
	for _, e := range []struct {
		attr   uint16
		suffix string
	}{{vxlanGroup, ""}, {vxlanGroup6, "6"}} {
		a := as.Addr(e.attr)
		switch {
		case !a.IsValid() || a.IsUnspecified():
		case a.IsMulticast():
			r.Add("group"+e.suffix, "group %s ", formatAddr(a))
		default:
			r.Add("remote"+e.suffix, "remote %s ", formatAddr(a))
		}
	}
	if a := as.Addr(vxlanLocal); a.IsValid() && !a.IsUnspecified() {
		r.Add("local", "local %s ", formatAddr(a))
	}
	if a := as.Addr(vxlanLocal6); a.IsValid() && !a.IsUnspecified() {
		r.Add("local6", "local %s ", formatAddr(a))
	}
	if link := as.Int(vxlanLink); link != 0 {
		r.Add("link", "dev %s ", r.o.dev(link))
	}
	if b := as[vxlanPortRange]; len(b) >= 4 {
		low, high := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		r.Begin("port_range")
		r.Add("low", "srcport %d ", low)
		r.Add("high", "%d ", high)
		r.End()
	}
}

// printVXLANTTL prints the TTL and the don't-fragment bit of the outer header.
func printVXLANTTL(r *Record, as Attrs) {
	if as.Uint(vxlanTTLInherit) != 0 {
		r.Raw("ttl inherit ")
	} else if as.Has(vxlanTTL) {
		ttl := as.Uint(vxlanTTL)
		if r.json || ttl != 0 {
			r.Add("ttl", "ttl %d ", ttl)
		} else {
			r.Raw("ttl auto ")
		}
	}
	if !as.Has(vxlanDF) {
		return
	}
	switch as.Uint(vxlanDF) {
	case 0:
		r.Add("df", "", "unset")
	case 1:
		r.Add("df", "df %s ", "set")
	case 2:
		r.Add("df", "df %s ", "inherit")
	}
}

// printTOS prints the TOS of an outer header; 1 is that of the packet inside.
func printTOS(r *Record, tos uint64) {
	switch {
	case tos == 0:
	case r.json || tos != 1:
		r.Hex("tos", "tos %s ", tos)
	default:
		r.Raw("tos inherit ")
	}
}

// printYesNo prints a word, with no before it if it is off.
func printYesNo(r *Record, as Attrs, typ uint16, key, word string) {
	if !as.Has(typ) {
		return
	}
	on := as.Uint(typ) != 0
	if !on && !r.json {
		word = "no" + word
	}
	r.Add(key, word, on)
}

// printEndpoint prints an end of a tunnel (tnl_print_endpoint).
func printEndpoint(r *Record, key string, a netip.Addr) {
	s := "any"
	if a.IsValid() && !a.IsUnspecified() {
		s = formatAddr(a)
	}
	r.Add(key, key+" %s ", s)
}

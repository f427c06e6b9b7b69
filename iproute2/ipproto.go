package iproute2

import "strconv"

// ipProtos are the protocol names that iproute2 finds in a usual /etc/protocols;
// iproute2 prints the first name of a number.
var ipProtos = map[uint8]string{
	0: "ip", 1: "icmp", 2: "igmp", 3: "ggp", 4: "ipencap", 5: "st", 6: "tcp",
	8: "egp", 9: "igp", 12: "pup", 17: "udp", 20: "hmp", 22: "xns-idp", 27: "rdp",
	29: "iso-tp4", 33: "dccp", 36: "xtp", 37: "ddp", 38: "idpr-cmtp", 41: "ipv6",
	43: "ipv6-route", 44: "ipv6-frag", 45: "idrp", 46: "rsvp", 47: "gre",
	50: "esp", 51: "ah", 57: "skip", 58: "ipv6-icmp", 59: "ipv6-nonxt",
	60: "ipv6-opts", 73: "rspf", 81: "vmtp", 88: "eigrp", 89: "ospf", 93: "ax.25",
	94: "ipip", 97: "etherip", 98: "encap", 103: "pim", 108: "ipcomp", 112: "vrrp",
	115: "l2tp", 124: "isis", 132: "sctp", 133: "fc", 135: "mobility-header",
	136: "udplite", 137: "mpls-in-ip", 138: "manet", 139: "hip", 140: "shim6",
	141: "wesp", 142: "rohc", 143: "ethernet",
}

var ipProtoIDs = func() map[string]uint8 {
	m := map[string]uint8{"icmp6": 58, "icmpv6": 58, "hopopt": 0, "ipv4": 4}
	for id, name := range ipProtos {
		m[name] = id
	}
	return m
}()

// IPProto returns the name of an IP protocol number as ip rule prints it; a
// number without a name is ipproto-N.
func (n *Names) IPProto(p uint8) string {
	if s, ok := ipProtos[p]; ok && !n.Numeric {
		return s
	}
	return "ipproto-" + strconv.Itoa(int(p))
}

// IPProtoID returns the number of an IP protocol given by name, by number, or as
// ipproto-N.
func (n *Names) IPProtoID(s string) (uint8, bool) {
	if id, ok := ipProtoIDs[s]; ok {
		return id, true
	}
	const prefix = "ipproto-"
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		s = s[len(prefix):]
	}
	id, ok := parseUint(s, 0, 255)
	return uint8(id), ok
}

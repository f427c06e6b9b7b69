package dissect

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

func (d *dissector) tcpPort(port uint16) string { return d.port(port, "tcp") }

func (d *dissector) udpPort(port uint16) string { return d.port(port, "udp") }

func (d *dissector) port(port uint16, proto string) string {
	if s, ok := d.options.Names.Service(port, proto); ok {
		return s
	}
	return strconv.Itoa(int(port))
}

// addr4 is the IPv4 address at a place.
func (d *dissector) addr4(b []byte, at int) string {
	return d.host(netip.AddrFrom4([4]byte(bytesAt(b, at, 4))))
}

// addr6 is the IPv6 address at a place.
func (d *dissector) addr6(b []byte, at int) string {
	return d.host(netip.AddrFrom16([16]byte(bytesAt(b, at, 16))))
}

func (d *dissector) host(a netip.Addr) string {
	if s, ok := d.options.Names.HostName(a); ok {
		return s
	}
	return addrText(a)
}

// addrText writes an IPv4-compatible address with dots (::192.0.2.1), as libc does
// and netip does not.
func addrText(a netip.Addr) string {
	if b := a.As16(); a.Is6() && !a.Is4In6() && [12]byte(b[:12]) == ([12]byte{}) && b[12]|b[13] != 0 {
		return "::" + netip.AddrFrom4([4]byte(b[12:])).String()
	}
	return a.String()
}

// mac is the hardware address at a place, with its maker unless names are off.
func (d *dissector) mac(b []byte, at int) string {
	a := bytesAt(b, at, 6)
	if d.options.Names == nil {
		return hexBytes(a, ":")
	}
	if [6]byte(a) == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} {
		return "Broadcast"
	}
	return fmt.Sprintf("%s (oui %s)", hexBytes(a, ":"), ouiNames.of(u24(a, 0), func() string { return "Unknown" }))
}

// linkAddr is the hardware address of n bytes at a place.
func (d *dissector) linkAddr(b []byte, at, n int) string {
	switch n {
	case 0:
		return "<empty>"
	case 6:
		return d.mac(b, at)
	}
	return hexBytes(bytesAt(b, at, n), ":")
}

func hexBytes(b []byte, sep string) string {
	var s strings.Builder
	for i, c := range b {
		if i > 0 {
			s.WriteString(sep)
		}
		fmt.Fprintf(&s, "%02x", c)
	}
	return s.String()
}

var ouiNames = names{
	0x000000: "Ethernet", 0x00000c: "Cisco", 0x00005e: "IANA", 0x000081: "Nortel Networks SONMP",
	0x0000f8: "Cisco bridged", 0x0080c2: "Ethernet bridged", 0x00a03e: "ATM Forum",
	0x00e02f: "DOCSIS Spanning Tree", 0x080007: "Appletalk", 0x009069: "Juniper",
	0x080009: "Hewlett-Packard", 0x00120f: "IEEE 802.3 Private", 0x0012bb: "ANSI/TIA", 0x001b21: "DCBX",
	0x002320: "Nicira Networks", 0x5c16c7: "Big Switch Networks", 0xb0d2f5: "Vello Systems",
	0x002481: "HP", 0x0004ea: "HP-Labs", 0x748771: "Infoblox Inc", 0xa42305: "Open Networking Lab",
	0x00049f: "Freescale", 0x0015ad: "Netronome", 0x001018: "Broadcom", 0x00e004: "PMC-Sierra",
	0xd0f0db: "Ericsson",
}

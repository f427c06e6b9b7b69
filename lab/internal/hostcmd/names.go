package hostcmd

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Resolve is the address of a host's name: emulated hosts know localhost, addresses as
// numbers, and the hosts of their world. family is 4, 6 or 0 for either.
func (h *Host) Resolve(name string, family int) (netip.Addr, error) {
	a, err := netip.ParseAddr(name)
	switch {
	case err == nil:
	case name == "localhost" && family == 6:
		a = netip.IPv6Loopback()
	case name == "localhost":
		a = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		if a, err = parseInetAton(name); err == nil {
			break
		}
		if a, err = h.byName(name, family); err != nil {
			return a, err
		}
	}
	if family == 4 && !a.Is4() || family == 6 && a.Is4() {
		return a, fmt.Errorf("%s: Address family for hostname not supported", name)
	}
	return a, nil
}

// byName is the address of a host of the world.
func (h *Host) byName(name string, family int) (netip.Addr, error) {
	var all []netip.Addr
	if h.Addresses != nil {
		all = h.Addresses(name)
	}
	for _, a := range all {
		if family == 0 || (family == 4) == a.Is4() {
			return a, nil
		}
	}
	if len(all) > 0 {
		return netip.Addr{}, fmt.Errorf("%s: Address family for hostname not supported", name)
	}
	return netip.Addr{}, fmt.Errorf("%s: Name or service not known", name)
}

// parseInetAton reads the short forms of IPv4 addresses: 127.1, 10.2 (inet_aton).
func parseInetAton(s string) (netip.Addr, error) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, strconv.ErrSyntax
	}
	v := uint64(0)
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 0, 32)
		last := i == len(parts)-1
		switch {
		case err != nil:
			return netip.Addr{}, err
		case last && n >= 1<<(8*(4-i)), !last && n > 255:
			return netip.Addr{}, strconv.ErrRange
		case last:
			v |= n
		default:
			v |= n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), nil
}

// hostName is the name of an address where it has one.
func hostName(a netip.Addr) string {
	if a == netip.IPv6Loopback() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		return "localhost"
	}
	return a.String()
}

// services are the names of ports that everybody knows (/etc/services).
var services = map[string]uint16{
	"discard": 9, "daytime": 13, "chargen": 19, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "tftp": 69, "http": 80,
	"ntp": 123, "snmp": 161, "bgp": 179, "https": 443, "syslog": 514,
}

// serviceName is the name of a port, or empty.
func serviceName(port uint16) string {
	for name, p := range services {
		if p == port {
			return name
		}
	}
	return ""
}

// parsePort reads a port's number or name.
func parsePort(s string) (uint16, error) {
	if p, ok := services[s]; ok {
		return p, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err
}

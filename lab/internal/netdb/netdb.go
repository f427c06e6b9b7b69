// Package netdb knows the names of a host's files: services, hosts and protocols.
package netdb

import (
	"bufio"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Names are the names of a host. A nil Names has none. It does not change once made, so
// goroutines may share it.
type Names struct {
	services map[service]string // by port
	ports    map[service]uint16 // by name
	hosts    map[netip.Addr]string
	addrs    map[string][]netip.Addr
}

// service is a port of a protocol, or a name of one; the other field is empty.
type service struct {
	proto, name string
	port        uint16
}

// New reads a services and a hosts file in the form of services(5) and hosts(5); either
// may be nil. Lines that it cannot read are left out, as libc does. Of several
// entries the first counts.
func New(services, hosts io.Reader) *Names {
	n := &Names{
		services: map[service]string{}, ports: map[service]uint16{},
		hosts: map[netip.Addr]string{}, addrs: map[string][]netip.Addr{},
	}
	eachLine(services, n.addService)
	eachLine(hosts, n.addHost)
	return n
}

func eachLine(r io.Reader, add func(fields []string)) {
	if r == nil {
		return
	}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if f := strings.Fields(line); len(f) >= 2 {
			add(f)
		}
	}
}

func (n *Names) addService(f []string) {
	port, proto, _ := strings.Cut(f[1], "/")
	v, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return
	}
	if key := (service{proto: proto, port: uint16(v)}); n.services[key] == "" {
		n.services[key] = f[0]
	}
	for _, name := range append(f[:1:1], f[2:]...) {
		key := service{proto: proto, name: name}
		if _, ok := n.ports[key]; !ok {
			n.ports[key] = uint16(v)
		}
	}
}

func (n *Names) addHost(f []string) {
	a, err := netip.ParseAddr(f[0])
	if err != nil {
		return
	}
	if n.hosts[a] == "" {
		n.hosts[a] = f[1]
	}
	for _, name := range f[1:] {
		if !slices.Contains(n.addrs[name], a) {
			n.addrs[name] = append(n.addrs[name], a)
		}
	}
}

// Service returns the name of a port; protocol is tcp, udp or sctp.
func (n *Names) Service(port uint16, protocol string) (string, bool) {
	if n == nil {
		return "", false
	}
	s, ok := n.services[service{proto: protocol, port: port}]
	return s, ok
}

// Port returns the port of a service's name or alias.
func (n *Names) Port(name, protocol string) (uint16, bool) {
	if n == nil {
		return 0, false
	}
	p, ok := n.ports[service{proto: protocol, name: name}]
	return p, ok
}

// HostName returns the name of an address.
func (n *Names) HostName(a netip.Addr) (string, bool) {
	if n == nil {
		return "", false
	}
	s, ok := n.hosts[a]
	return s, ok
}

// Host returns the addresses of a name or alias in the order of the file.
func (n *Names) Host(name string) []netip.Addr {
	if n == nil {
		return nil
	}
	return n.addrs[name]
}

// ProtocolName returns the name of an IP protocol, "" if it has none.
func (n *Names) ProtocolName(p uint8) string {
	if n == nil {
		return ""
	}
	return protocolNames[p]
}

// aliases are names that /etc/protocols has and IANA spells differently, or that two
// protocols could have.
var aliases = map[string]uint8{"ip": 0, "hopopt": 0, "l2tp": 115, "isis": 124, "fc": 133}

// Protocol returns the number of an IP protocol's name. The names are always known.
func (n *Names) Protocol(name string) (uint8, bool) {
	if p, ok := aliases[name]; ok {
		return p, true
	}
	i := slices.Index(protocolNames[:], name)
	return uint8(max(i, 0)), name != "" && i >= 0
}

package filter

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

// nobody is the resolver of a host that knows no names.
type nobody struct{}

func (nobody) Host(string) []netip.Addr           { return nil }
func (nobody) Port(string, string) (uint16, bool) { return 0, false }
func (nobody) Protocol(string) (uint8, bool)      { return 0, false }

func (c *compiler) names() Resolver {
	if c.options.Names == nil {
		return nobody{}
	}
	return c.options.Names
}

// named compiles a name (gen_scode).
func (c *compiler) named(n idNode) (test, error) {
	text := n.id.text
	switch {
	case n.undefined:
		return test{}, errQualifiers
	case n.address == "net":
		return test{}, fmt.Errorf("unknown network '%s'", text)
	case n.address == "port":
		return c.namedPort(n)
	case n.address == "portrange":
		return c.namedRange(n)
	case n.address == "proto":
		return c.namedProtocol(n)
	case n.address == "protochain":
		return test{}, unsupported(n.address)
	case n.address == "gateway":
		return test{}, errors.New("'gateway' not supported in this configuration")
	case n.proto == "link" && c.options.LinkType == capture.Ethernet:
		return test{}, fmt.Errorf("unknown ether host '%s'", text)
	case n.proto == "link":
		return test{}, errors.New("only ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel supports link-level host name")
	case n.proto == "decnet":
		return test{}, unsupported("decnet host")
	}
	return c.namedHost(n)
}

// namedHost tests for all addresses of a host.
func (c *compiler) namedHost(n idNode) (test, error) {
	addrs := c.names().Host(n.id.text)
	if len(addrs) == 0 {
		return test{}, fmt.Errorf("unknown host '%s'", n.id.text)
	}
	var tests []test
	for _, a := range addrs {
		var at test
		var err error
		h := n
		if a.Is4() {
			if n.proto == "ip6" {
				continue
			}
			if c.noKind && h.proto == "" {
				h.proto = "ip"
			}
			b := a.As4()
			at, err = c.host4(h, uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3]), ^uint32(0))
		} else {
			if n.proto == "ip" {
				continue
			}
			at, err = c.host6(h, netip.PrefixFrom(a, 128))
		}
		if err != nil {
			return test{}, err
		}
		tests = append(tests, at)
	}
	if len(tests) == 0 {
		return test{}, fmt.Errorf("unknown host '%s' for specified address family", n.id.text)
	}
	return either(tests...), nil
}

// service finds a service's port and the protocol that it is of; none if it is of both
// TCP and UDP.
func (c *compiler) service(text string) (port uint32, proto string, ok bool) {
	if v, err := strconv.ParseUint(text, 10, 16); err == nil {
		return uint32(v), "", true
	}
	tcp, isTCP := c.names().Port(text, "tcp")
	udp, isUDP := c.names().Port(text, "udp")
	switch {
	case isTCP && isUDP && tcp == udp:
		return uint32(tcp), "", true
	case isTCP:
		return uint32(tcp), "tcp", true
	case isUDP:
		return uint32(udp), "udp", true
	}
	return 0, "", false
}

// agree joins the protocol that an expression names and the one that a service is of.
func agree(asked, is, what, text string) (string, error) {
	if asked != "" && is != "" && asked != is {
		return "", fmt.Errorf("%s '%s' is %s", what, text, is)
	}
	if asked != "" {
		return asked, nil
	}
	return is, nil
}

// errIllegal is a protocol that has no ports.
func (n *idNode) errIllegal() error {
	switch n.proto {
	case "", "tcp", "udp", "sctp":
		return nil
	}
	return fmt.Errorf("illegal qualifier of '%s'", n.address)
}

func (c *compiler) namedPort(n idNode) (test, error) {
	if err := n.errIllegal(); err != nil {
		return test{}, err
	}
	port, is, ok := c.service(n.id.text)
	if !ok {
		return test{}, fmt.Errorf("unknown port '%s'", n.id.text)
	}
	proto, err := agree(n.proto, is, "port", n.id.text)
	if err != nil {
		return test{}, err
	}
	return c.ports(n, port, port, proto)
}

var rangeForm = regexp.MustCompile(`^(\d+)-(\d+)`)

func (c *compiler) namedRange(n idNode) (test, error) {
	if err := n.errIllegal(); err != nil {
		return test{}, err
	}
	if m := rangeForm.FindStringSubmatch(n.id.text); m != nil {
		low, errLow := strconv.ParseUint(m[1], 10, 31)
		high, errHigh := strconv.ParseUint(m[2], 10, 31)
		if errLow != nil || errHigh != nil {
			return test{}, fmt.Errorf("unknown port in range '%s'", n.id.text)
		}
		return c.ports(n, uint32(low), uint32(high), n.proto)
	}
	first, last, ok := strings.Cut(n.id.text, "-")
	low, isLow, okLow := c.service(first)
	high, isHigh, okHigh := c.service(last)
	if !ok || !okLow || !okHigh {
		return test{}, fmt.Errorf("unknown port in range '%s'", n.id.text)
	}
	if isLow != isHigh {
		isHigh = ""
	}
	proto, err := agree(n.proto, isHigh, "port in range", n.id.text)
	if err != nil {
		return test{}, err
	}
	return c.ports(n, low, high, proto)
}

// ports tests for ports between two, of one protocol or of all that have them.
func (c *compiler) ports(n idNode, low, high uint32, proto string) (test, error) {
	if err := n.errIllegal(); err != nil {
		return test{}, err
	}
	for _, p := range []uint32{low, high} {
		if p > 65535 {
			return test{}, fmt.Errorf("illegal port number %d > 65535", p)
		}
	}
	if low > high {
		low, high = high, low
	}
	where := "ports"
	if n.address == "portrange" {
		where = "port ranges"
	}
	in := func(v uint32) bool { return low <= v && v <= high }
	payload := c.payload
	v4, err := n.either(where, func(offset uint32) test {
		return when(func(m *machine) bool {
			header := m.load(0, payload, 1) & 0xf * 4
			return !m.rejected && in(m.load(header, payload+offset, 2))
		})
	})
	if err != nil {
		return test{}, err
	}
	v6, err := n.either(where, func(offset uint32) test {
		return when(func(m *machine) bool { return in(m.load(0, payload+40+offset, 2)) })
	})
	if err != nil {
		return test{}, err
	}
	carriers := []uint32{6, 17, 132}
	if proto != "" {
		carriers = []uint32{ipProtocols[proto].number}
	}
	var over4, over6 []test
	for _, p := range carriers {
		over4 = append(over4, all(equal(payload+9, 1, p), c.firstFragment(), v4))
		over6 = append(over6, and(equal(payload+6, 1, p), v6))
	}
	return or(and(c.linkType(etherIPv6), either(over6...)), and(c.linkType(etherIPv4), either(over4...))), nil
}

// either tests the source, the destination or both, which are at offsets 0 and 2 of
// the header.
func (n *idNode) either(where string, side func(offset uint32) test) (test, error) {
	switch n.direction {
	case "src":
		return side(0), nil
	case "dst":
		return side(2), nil
	case "and":
		return and(side(0), side(2)), nil
	case "", "or":
		return or(side(0), side(2)), nil
	}
	return test{}, wireless(n.direction, where)
}

// namedProtocol tests for a protocol by its name.
func (c *compiler) namedProtocol(n idNode) (test, error) {
	text := n.id.text
	switch n.proto {
	case "", "ip", "ip6":
		if p, ok := c.names().Protocol(text); ok {
			return c.byNumber(n, uint32(p))
		}
		return test{}, fmt.Errorf("unknown ip proto '%s'", text)
	case "link":
		if text == "loopback" {
			return c.linkType(0x9000), nil
		}
		if t, ok := etherTypes[text]; ok {
			return c.byNumber(n, t)
		}
		return test{}, fmt.Errorf("unknown ether proto '%s'", text)
	}
	return test{}, fmt.Errorf("unknown protocol: %s", text)
}

// encapsulateNothing are protocols that carry no others.
var encapsulateNothing = map[string]string{
	"arp": "arp does not encapsulate another protocol", "rarp": "rarp does not encapsulate another protocol",
	"atalk": "AppleTalk encapsulation is not specifiable", "decnet": "DECNET encapsulation is not specifiable",
	"lat": "LAT does not encapsulate another protocol", "sca": "SCA does not encapsulate another protocol",
	"moprc": "MOPRC does not encapsulate another protocol", "mopdl": "MOPDL does not encapsulate another protocol",
	"clnp": "'clnp proto' is not supported",
}

// byNumber tests for a protocol by its number (gen_proto).
func (c *compiler) byNumber(n idNode, v uint32) (test, error) {
	if n.direction != "" {
		return test{}, errors.New("direction applied to 'proto'")
	}
	switch n.proto {
	case "", "ip", "ip6":
		return c.transport(v, n.proto), nil
	case "link":
		return c.linkType(v), nil
	case "iso", "isis":
		return test{}, unsupported(n.proto + " proto")
	}
	if text, ok := encapsulateNothing[n.proto]; ok {
		return test{}, errors.New(text)
	}
	return test{}, fmt.Errorf("'%s proto' is bogus", n.proto)
}

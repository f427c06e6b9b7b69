package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

// errQualifiers is a value that takes qualifiers over from a term that has none.
var errQualifiers = errors.New("syntax error in filter expression")

// errMask is a mask where a host is meant.
//
//lint:ignore ST1005 libpcap's words
var errMask = errors.New("Mask syntax for networks only")

// id compiles a value with its qualifiers.
func (c *compiler) id(n idNode) (test, error) {
	switch n.id.kind {
	case name:
		return c.named(n)
	case number:
		return c.numbered(n)
	case ip4:
		return c.address4(n)
	case ip6:
		return c.address6(n)
	}
	return c.etherHost(n)
}

// numbered compiles a number: a port, a protocol, or an address (gen_ncode).
func (c *compiler) numbered(n idNode) (test, error) {
	v := n.id.value
	switch {
	case n.undefined:
		return test{}, errQualifiers
	case n.address == "port" || n.address == "portrange":
		return c.ports(n, v, v, n.proto)
	case n.address == "proto":
		return c.byNumber(n, v)
	case n.address == "gateway":
		return test{}, errors.New("'gateway' requires a name")
	case n.address == "protochain":
		return test{}, unsupported(n.address)
	case n.proto == "link":
		return test{}, errors.New("illegal link layer address")
	}
	mask := ^uint32(0)
	if n.address == "net" {
		for v != 0 && v&0xff000000 == 0 {
			v, mask = v<<8, mask<<8
		}
	}
	return c.host4(n, v, mask)
}

// shortAddress reads an IPv4 address of one to four parts, and returns how many bits
// they are.
func shortAddress(s string) (addr uint32, bits int, err error) {
	for _, part := range strings.Split(s, ".") {
		v := uint32(0)
		for _, d := range []byte(part) {
			if v > 25 {
				return 0, 0, fmt.Errorf("invalid IPv4 address '%s'", s)
			}
			v = v*10 + uint32(d) - '0'
		}
		if v > 255 {
			return 0, 0, fmt.Errorf("invalid IPv4 address '%s'", s)
		}
		addr, bits = addr<<8|v, bits+8
	}
	return addr << (32 - bits), bits, nil
}

// address4 compiles an IPv4 address or network (gen_ncode, gen_mcode).
func (c *compiler) address4(n idNode) (test, error) {
	masked := n.bits >= 0 || n.mask.kind == ip4
	switch n.address {
	case "port", "portrange", "proto", "protochain":
		if !masked {
			return test{}, fmt.Errorf("'%s' modifier applied to ip host", n.address)
		}
	}
	addr, bits, err := shortAddress(n.id.text)
	if err != nil {
		return test{}, err
	}
	mask := ^uint32(0) << (32 - bits)
	if !masked {
		switch {
		case n.undefined:
			return test{}, errQualifiers
		case n.address == "gateway":
			return test{}, errors.New("'gateway' requires a name")
		case n.proto == "link":
			return test{}, errors.New("illegal link layer address")
		}
		return c.host4(n, addr, mask)
	}
	written := fmt.Sprintf("%s/%d", n.id.text, n.bits)
	if n.mask.kind == ip4 {
		written = n.id.text + " mask " + n.mask.text
		if mask, _, err = shortAddress(n.mask.text); err != nil {
			return test{}, err
		}
	} else {
		if n.bits > 32 {
			return test{}, errors.New("mask length must be <= 32")
		}
		mask = ^uint32(0) << (32 - n.bits)
	}
	if addr&^mask != 0 {
		return test{}, fmt.Errorf("non-network bits set in \"%s\"", written)
	}
	if n.address != "net" {
		return test{}, errMask
	}
	return c.host4(n, addr, mask)
}

// what is the word for a value in an error.
func (n *idNode) what() string {
	if n.address == "net" {
		return "net"
	}
	return "host"
}

// unfiltered are protocols whose hosts cannot be told apart.
var unfiltered = map[string]string{
	"atalk": "AppleTalk", "lat": "LAT", "sca": "SCA", "moprc": "MOPRC", "mopdl": "MOPDL", "aarp": "AARP", "iso": "ISO", "ipx": "IPX",
}

// host4 tests for an IPv4 host or network (gen_host).
func (c *compiler) host4(n idNode, addr, mask uint32) (test, error) {
	switch n.proto {
	case "":
		var tests []test
		for _, proto := range []string{"ip", "arp", "rarp"} {
			n.proto = proto
			t, err := c.host4(n, addr, mask)
			if err != nil {
				return test{}, err
			}
			tests = append(tests, t)
		}
		return either(tests...), nil
	case "ip":
		return c.ends(n, etherIPv4, 12, 16, func(at uint32) test { return masked(at, 4, mask, addr) })
	case "arp", "rarp":
		return c.ends(n, etherTypes[n.proto], 14, 24, func(at uint32) test { return masked(at, 4, mask, addr) })
	case "link":
		return test{}, fmt.Errorf("link-layer modifier applied to %s", n.what())
	case "ip6":
		return test{}, errors.New("'ip6' modifier applied to ip host")
	case "decnet":
		return test{}, unsupported("decnet host")
	}
	if title, ok := unfiltered[n.proto]; ok {
		return test{}, fmt.Errorf("%s host filtering not implemented", title)
	}
	return test{}, fmt.Errorf("'%s' modifier applied to %s", n.proto, n.what())
}

// ends tests the source, the destination or both of a protocol of the link, where they
// are at the two offsets of its header.
func (c *compiler) ends(n idNode, proto, src, dst uint32, is func(at uint32) test) (test, error) {
	side := func(offset uint32) test { return and(c.linkType(proto), is(c.payload+offset)) }
	switch n.direction {
	case "src":
		return side(src), nil
	case "dst":
		return side(dst), nil
	case "and":
		return and(side(src), side(dst)), nil
	case "", "or":
		return or(side(src), side(dst)), nil
	}
	return test{}, wireless(n.direction, "addresses other than 802.11 MAC addresses")
}

// wireless is the error for a direction that only 802.11 has.
func wireless(direction, where string) error {
	if strings.HasPrefix(direction, "addr") {
		return fmt.Errorf("'%s' and 'address%s' are not valid qualifiers for %s", direction, direction[4:], where)
	}
	return fmt.Errorf("'%s' is not a valid qualifier for %s", direction, where)
}

// address6 compiles an IPv6 address or network (gen_mcode6).
func (c *compiler) address6(n idNode) (test, error) {
	a, err := netip.ParseAddr(n.id.text)
	if err != nil {
		return test{}, fmt.Errorf("invalid ip6 address %s", n.id.text)
	}
	bits := n.bits
	if bits < 0 {
		bits = 128
	}
	if bits > 128 {
		return test{}, errors.New("mask length must be <= 128")
	}
	p := netip.PrefixFrom(a, bits)
	if p.Masked() != p {
		return test{}, fmt.Errorf("non-network bits set in \"%s/%d\"", n.id.text, bits)
	}
	switch {
	case n.undefined:
		return test{}, errors.New("invalid qualifier against IPv6 address")
	case n.address == "" || n.address == "host":
		if bits != 128 {
			return test{}, errMask
		}
	case n.address != "net":
		return test{}, errors.New("invalid qualifier against IPv6 address")
	}
	return c.host6(n, p)
}

// host6 tests for an IPv6 host or network (gen_host6).
func (c *compiler) host6(n idNode, p netip.Prefix) (test, error) {
	switch n.proto {
	case "", "ip6":
		a := p.Addr().As16()
		return c.ends(n, etherIPv6, 8, 24, func(at uint32) test {
			var tests []test
			for i := range uint32(4) {
				mask := ^uint32(0)
				if left := p.Bits() - int(i)*32; left < 32 {
					mask <<= 32 - max(left, 0)
				}
				tests = append(tests, masked(at+4*i, 4, mask, binary.BigEndian.Uint32(a[4*i:])))
			}
			return all(tests...)
		})
	case "link":
		return test{}, fmt.Errorf("link-layer modifier applied to ip6 %s", n.what())
	case "atalk":
		return test{}, fmt.Errorf("AppleTalk modifier applied to ip6 %s", n.what())
	}
	return test{}, fmt.Errorf("'%s' modifier applied to ip6 %s", n.proto, n.what())
}

// etherHost compiles a hardware address (gen_ecode).
func (c *compiler) etherHost(n idNode) (test, error) {
	if n.proto != "link" || n.undefined || n.address != "" && n.address != "host" {
		return test{}, errors.New("ethernet address used in non-ether expression")
	}
	if c.options.LinkType != capture.Ethernet {
		return test{}, errors.New("ethernet addresses supported only on ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel")
	}
	mac := etherBytes(n.id.text)
	side := func(at uint32) test {
		return and(equal(at+2, 4, binary.BigEndian.Uint32(mac[2:])), equal(at, 2, uint32(binary.BigEndian.Uint16(mac[:]))))
	}
	switch n.direction {
	case "src":
		return side(6), nil
	case "dst":
		return side(0), nil
	case "and":
		return and(side(6), side(0)), nil
	case "", "or":
		return or(side(6), side(0)), nil
	}
	if strings.HasPrefix(n.direction, "addr") {
		return test{}, fmt.Errorf("'%s' and 'address%s' are only supported on 802.11 with 802.11 headers", n.direction, n.direction[4:])
	}
	return test{}, fmt.Errorf("'%s' is only supported on 802.11 with 802.11 headers", n.direction)
}

// etherBytes reads a hardware address as the scanner lets it be written.
func etherBytes(s string) (mac [6]byte) {
	parts := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(":-.", r) })
	var digits string
	for _, p := range parts {
		if len(p) == 1 {
			p = "0" + p
		}
		digits += p
	}
	for i := range mac {
		_, _ = fmt.Sscanf(digits[2*i:2*i+2], "%02x", &mac[i])
	}
	return mac
}

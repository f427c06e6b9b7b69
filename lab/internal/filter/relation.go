package filter

import (
	"errors"
	"fmt"
	"slices"
)

// value is a compiled number.
type value func(*machine) uint32

// check refuses operands that are wrong for every packet. Like libpcap it looks at the
// first number of an operand alone, so that ip[0] counts as zero.
func (b binaryArith) check() error {
	k, constant := firstNumber(b.b)
	switch {
	case !constant:
	case b.op == "/" && k == 0:
		return errors.New("division by zero")
	case b.op == "%" && k == 0:
		return errors.New("modulus by zero")
	case (b.op == "<<" || b.op == ">>") && k > 31:
		return errors.New("shift by more than 31 bits")
	}
	return nil
}

func firstNumber(a arith) (uint32, bool) {
	switch a := a.(type) {
	case constArith:
		return a.value, true
	case negArith:
		return firstNumber(a.a)
	case binaryArith:
		return firstNumber(a.a)
	case loadArith:
		return firstNumber(a.at)
	}
	return 0, false
}

// relation compiles a comparison. The packet must be of all protocols whose bytes are
// compared.
func (c *compiler) relation(n relationNode) (test, error) {
	a, isA, err := c.arith(n.a)
	if err != nil {
		return test{}, err
	}
	b, isB, err := c.arith(n.b)
	if err != nil {
		return test{}, err
	}
	compare := func(m *machine) bool {
		x := a(m)
		if m.rejected {
			return false
		}
		y := b(m)
		switch n.op {
		case ">":
			return x > y
		case ">=":
			return x >= y
		case "<":
			return x < y
		case "<=":
			return x <= y
		case "!=":
			return x != y
		}
		return x == y
	}
	return all(append(slices.Concat(isA, isB), when(compare))...), nil
}

// arith compiles a number, and what a packet must be to have it.
func (c *compiler) arith(a arith) (value, []test, error) {
	switch a := a.(type) {
	case constArith:
		return func(*machine) uint32 { return a.value }, nil, nil
	case lenArith:
		return func(m *machine) uint32 { return m.length }, nil, nil
	case negArith:
		v, is, err := c.arith(a.a)
		if err != nil {
			return nil, nil, err
		}
		return func(m *machine) uint32 { return -v(m) }, is, nil
	case binaryArith:
		return c.binary(a)
	case loadArith:
		return c.load(a)
	}
	return nil, nil, errSyntax
}

// binary compiles an operation. What the packet must be for its second operand is not
// tested: libpcap forgets it.
func (c *compiler) binary(n binaryArith) (value, []test, error) {
	a, is, err := c.arith(n.a)
	if err != nil {
		return nil, nil, err
	}
	b, _, err := c.arith(n.b)
	if err != nil {
		return nil, nil, err
	}
	return func(m *machine) uint32 {
		x := a(m)
		if m.rejected {
			return 0
		}
		y := b(m)
		return m.operate(n.op, x, y)
	}, is, nil
}

func (m *machine) operate(op string, x, y uint32) uint32 {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "&":
		return x & y
	case "|":
		return x | y
	case "^":
		return x ^ y
	case "<<":
		return x << y
	case ">>":
		return x >> y
	}
	if y == 0 {
		m.rejected = true
		return 0
	}
	if op == "%" {
		return x % y
	}
	return x / y
}

// load compiles the reading of bytes at an offset from where a protocol begins.
func (c *compiler) load(n loadArith) (value, []test, error) {
	at, is, err := c.arith(n.at)
	if err != nil {
		return nil, nil, err
	}
	if n.size != 1 && n.size != 2 && n.size != 4 {
		return nil, nil, fmt.Errorf("data size must be 1, 2, or 4")
	}
	read := func(base uint32) value {
		return func(m *machine) uint32 {
			x := at(m)
			if m.rejected {
				return 0
			}
			return m.load(x, base, n.size)
		}
	}
	switch n.proto {
	case "link":
		return read(0), is, nil
	case "ip", "arp", "rarp", "atalk", "decnet", "sca", "lat", "moprc", "mopdl", "ip6":
		return read(c.payload), append(is, c.linkType(etherTypes[n.proto])), nil
	case "tcp", "udp", "sctp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp":
		p := ipProtocols[n.proto]
		is = append(is, c.linkType(etherIPv4), c.transport(p.number, p.over), c.firstFragment())
		payload, size := c.payload, n.size
		return func(m *machine) uint32 {
			header := m.load(0, payload, 1) & 0xf * 4
			if m.rejected {
				return 0
			}
			x := at(m)
			if m.rejected {
				return 0
			}
			return m.load(x+header, payload, size)
		}, is, nil
	case "icmp6":
		is = append(is, c.linkType(etherIPv6), equal(c.payload+6, 1, 58))
		return read(c.payload + 40), is, nil
	case "radio":
		return nil, nil, fmt.Errorf("radio information not present in capture")
	}
	return nil, nil, fmt.Errorf("unsupported index operation")
}

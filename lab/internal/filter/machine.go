package filter

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

// test is a compiled condition. One that is constant has the same answer for every
// packet.
type test struct {
	match            func(*machine) bool
	constant, always bool
}

// when makes a test of a function.
func when(match func(*machine) bool) test { return test{match: match} }

// machine is a packet under test.
type machine struct {
	data     []byte
	length   uint32 // on the wire
	packet   *capture.Packet
	rejected bool // a test read past the captured bytes, or divided by zero
}

// load reads size bytes at x+k. Reading past the end rejects the packet.
func (m *machine) load(x, k, size uint32) uint32 {
	n := uint64(len(m.data))
	at := uint64(x) + uint64(k)
	if uint64(k) > n || at+uint64(size) > n {
		m.rejected = true
		return 0
	}
	switch b := m.data[at:]; size {
	case 1:
		return uint32(b[0])
	case 2:
		return uint32(binary.BigEndian.Uint16(b))
	default:
		return binary.BigEndian.Uint32(b)
	}
}

// and joins tests. It is constant where the optimizer would see it, though the parts are
// tested in order still.
func and(a, b test) test {
	t := when(func(m *machine) bool { return a.match(m) && !m.rejected && b.match(m) })
	never := a.constant && !a.always || b.constant && !b.always
	t.constant = never || a.constant && b.constant
	t.always = t.constant && !never
	return t
}

func or(a, b test) test {
	t := when(func(m *machine) bool { return a.match(m) || !m.rejected && b.match(m) })
	t.always = a.constant && a.always || b.constant && b.always
	t.constant = t.always || a.constant && b.constant
	return t
}

func not(a test) test {
	if a.constant {
		return always(!a.always)
	}
	return when(func(m *machine) bool { return !a.match(m) })
}

func always(v bool) test {
	return test{func(*machine) bool { return v }, true, v}
}

// all joins tests by and.
func all(tests ...test) test {
	t := tests[0]
	for _, n := range tests[1:] {
		t = and(t, n)
	}
	return t
}

// either joins tests by or.
func either(tests ...test) test {
	t := tests[0]
	for _, n := range tests[1:] {
		t = or(t, n)
	}
	return t
}

// equal compares size bytes at a fixed place with a value.
func equal(at, size, value uint32) test {
	return when(func(m *machine) bool { return m.load(0, at, size) == value })
}

// masked compares the bits of a mask of size bytes with a value.
func masked(at, size, mask, value uint32) test {
	return when(func(m *machine) bool { return m.load(0, at, size)&mask == value })
}

// above says whether size bytes are more than a value.
func above(at, size, value uint32) test {
	return when(func(m *machine) bool { return m.load(0, at, size) > value })
}

package rtnl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

const (
	attrHeaderLen = 4
	attrTypeMask  = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
)

// reader walks the attributes of a message. It has a sticky error: once it is set,
// next returns false and the other methods zero values. The bytes it hands out are
// parts of the message.
type reader struct {
	rest []byte
	typ  uint16
	data []byte
	err  error
}

// next goes to the next attribute.
func (r *reader) next() bool {
	if r.err != nil || len(r.rest) == 0 {
		return false
	}
	if len(r.rest) < attrHeaderLen {
		r.err = fmt.Errorf("%d bytes after the last attribute", len(r.rest))
		return false
	}
	n := int(binary.NativeEndian.Uint16(r.rest))
	r.typ = binary.NativeEndian.Uint16(r.rest[2:]) & attrTypeMask
	if n < attrHeaderLen || n > len(r.rest) {
		r.err = fmt.Errorf("attribute %d claims %d of the %d bytes left", r.typ, n, len(r.rest))
		return false
	}
	r.data = r.rest[attrHeaderLen:n]
	r.rest = r.rest[min(align4(n), len(r.rest)):]
	return true
}

func align4(n int) int { return (n + 3) &^ 3 }

// want checks the length of the current attribute.
func (r *reader) want(n int) bool {
	if r.err == nil && len(r.data) != n {
		r.err = fmt.Errorf("attribute %d has %d bytes, want %d", r.typ, len(r.data), n)
	}
	return r.err == nil
}

// fail records an error of the current attribute.
func (r *reader) fail(err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("attribute %d: %w", r.typ, err)
	}
}

func (r *reader) u8() uint8 {
	if !r.want(1) {
		return 0
	}
	return r.data[0]
}

func (r *reader) u16() uint16 {
	if !r.want(2) {
		return 0
	}
	return binary.NativeEndian.Uint16(r.data)
}

func (r *reader) u32() uint32 {
	if !r.want(4) {
		return 0
	}
	return binary.NativeEndian.Uint32(r.data)
}

func (r *reader) u64() uint64 {
	if !r.want(8) {
		return 0
	}
	return binary.NativeEndian.Uint64(r.data)
}

func (r *reader) be16() uint16 {
	if !r.want(2) {
		return 0
	}
	return binary.BigEndian.Uint16(r.data)
}

func (r *reader) be32() uint32 {
	if !r.want(4) {
		return 0
	}
	return binary.BigEndian.Uint32(r.data)
}

func (r *reader) be64() uint64 {
	if !r.want(8) {
		return 0
	}
	return binary.BigEndian.Uint64(r.data)
}

// str returns a string up to its first NUL.
func (r *reader) str() string {
	b, _, _ := bytes.Cut(r.data, []byte{0})
	return string(b)
}

// index returns an ifindex.
func (r *reader) index() int { return int(int32(r.u32())) }

// addr returns an address of the family.
func (r *reader) addr(f rpdb.Family) netip.Addr {
	if !r.want(f.Bits() / 8) {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(r.data)
	return a
}

// prefix returns the address with its first bits bits kept.
func (r *reader) prefix(f rpdb.Family, bits uint8) netip.Prefix {
	a := r.addr(f)
	if r.err == nil && int(bits) > f.Bits() {
		r.err = fmt.Errorf("prefix length %d of an %s address", bits, f)
	}
	if r.err != nil {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, int(bits))
}

// extra returns the current attribute as one that the model does not know.
func (r *reader) extra() rpdb.Attr {
	return rpdb.Attr{Type: r.typ, Data: bytes.Clone(r.data)}
}

// nested returns a reader of the attributes inside the current one.
func (r *reader) nested() reader { return reader{rest: r.data} }

// header splits a fixed header from the attributes that follow it.
func header(m netlink.Message, what string, n int) ([]byte, reader, error) {
	if len(m.Data) < n {
		return nil, reader{}, fmt.Errorf("%s: %d bytes are too short for its header", what, len(m.Data))
	}
	return m.Data[:n], reader{rest: m.Data[align4(n):]}, nil
}

// family checks that the family is one that has addresses.
func family(b byte, what string) (rpdb.Family, error) {
	if f := rpdb.Family(b); f == rpdb.IPv4 || f == rpdb.IPv6 {
		return f, nil
	}
	return 0, fmt.Errorf("%s: address family %d is not modelled", what, b)
}

// done reports the sticky error of a reader in the name of a kind of message.
func done(r *reader, what string) error {
	if r.err != nil {
		return fmt.Errorf("%s: %w", what, r.err)
	}
	return nil
}

// encoder adds the shapes of rtnetlink to netlink.AttributeEncoder.
type encoder struct {
	*netlink.AttributeEncoder
}

func newEncoder() encoder { return encoder{netlink.NewAttributeEncoder()} }

func (e encoder) addr(typ uint16, a netip.Addr) { e.Bytes(typ, a.AsSlice()) }

func (e encoder) be16(typ uint16, v uint16) {
	e.Bytes(typ, binary.BigEndian.AppendUint16(nil, v))
}

func (e encoder) be32(typ uint16, v uint32) {
	e.Bytes(typ, binary.BigEndian.AppendUint32(nil, v))
}

func (e encoder) be64(typ uint16, v uint64) {
	e.Bytes(typ, binary.BigEndian.AppendUint64(nil, v))
}

// u32s writes words of 32 bits, which many small structs consist of.
func (e encoder) u32s(typ uint16, vs ...uint32) {
	var b []byte
	for _, v := range vs {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	e.Bytes(typ, b)
}

// nest writes attributes inside one, without the nested flag, as rtnetlink's older
// attributes have it.
func (e encoder) nest(typ uint16, fill func(encoder)) {
	e.Do(typ, func() ([]byte, error) {
		in := newEncoder()
		fill(in)
		return in.Encode()
	})
}

// nested writes attributes inside one that carries the nested flag.
func (e encoder) nested(typ uint16, fill func(encoder)) { e.nest(typ|netlink.Nested, fill) }

func (e encoder) extra(as []rpdb.Attr) {
	for _, a := range as {
		e.Bytes(a.Type, a.Data)
	}
}

// body puts a fixed header before the attributes.
func (e encoder) body(what string, head []byte) ([]byte, error) {
	b, err := e.Encode()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return slices.Concat(head, make([]byte, align4(len(head))-len(head)), b), nil
}

package netns

import (
	"bytes"
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
)

// attrKind is the type that a policy gives an attribute (NLA_*).
type attrKind uint8

const (
	attrUnspec attrKind = iota // with len: at least so long
	attrU8
	attrU16
	attrU32
	attrU64
	attrS32
	attrBE32
	attrFlag
	attrString    // len: longest text without its NUL
	attrNulString // with a NUL
	attrBinary    // len: longest
	attrNested
	attrReject
)

// fixedLen is the exact length of the kinds that have one; longer ones are tolerated
// where the policy is liberal (nla_attr_len, nla_attr_minlen).
var fixedLen = map[attrKind]int{attrU8: 1, attrU16: 2, attrU32: 4, attrU64: 8, attrS32: 4, attrBE32: 4}

// policy is what the kernel accepts as one attribute (struct nla_policy). The zero
// policy of a type that a message may have says nothing about its length.
type policy struct {
	kind   attrKind
	len    int
	least  int      // of attrBinary with len: the shortest
	exact  int      // of attrBinary: the only length, 0 any
	nested []policy // of attrNested; nil: not looked into
	min    uint64   // with max: the range of an integer
	max    uint64   // 0: no range
	mask   uint64   // the bits that an integer may have, 0: all
	reject string
	// strictStart is set in the first policy of a list: attributes from this type
	// on are checked strictly (strict_start_type).
	strictStart uint16
}

// validation is how strictly attributes are checked (enum netlink_validation).
type validation uint8

const (
	liberal       validation = 0
	checkTrailing validation = 1 << iota >> 1
	checkMaxType
	checkUnspec
	checkStrict
	checkNested

	// deprecatedStrict is what dump filters and the newer of the older requests use,
	// strict what new ones do.
	deprecatedStrict = checkTrailing | checkMaxType
	strict           = checkTrailing | checkMaxType | checkUnspec | checkStrict | checkNested
)

const (
	attrHeader   = 4
	nestedFlag   = 0x8000
	attrTypeMask = 0x3fff
)

// attrs are the attributes of a message by type; the last of a type counts. A type
// that is not there is nil, one without payload is empty.
type attrs [][]byte

func (a attrs) has(typ int) bool { return typ < len(a) && a[typ] != nil }

func (a attrs) u8(typ int) uint8   { return a[typ][0] }
func (a attrs) u16(typ int) uint16 { return binary.NativeEndian.Uint16(a[typ]) }
func (a attrs) u32(typ int) uint32 { return binary.NativeEndian.Uint32(a[typ]) }

// str returns a text up to its first NUL (nla_strscpy).
func (a attrs) str(typ int) string {
	s, _, _ := bytes.Cut(a[typ], []byte{0})
	return string(s)
}

// attr is one attribute of a list.
type attr struct {
	typ  uint16 // without flags
	raw  uint16 // with flags
	data []byte
}

// nextAttr cuts the first attribute off (nla_ok, nla_next).
func nextAttr(b []byte) (a attr, rest []byte, ok bool) {
	if len(b) < attrHeader {
		return attr{}, b, false
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < attrHeader || n > len(b) {
		return attr{}, b, false
	}
	a.raw = binary.NativeEndian.Uint16(b[2:])
	a.typ = a.raw & attrTypeMask
	a.data = b[attrHeader:n] // its capacity tells its place: see outcome
	return a, b[min((n+3)&^3, len(b)):], true
}

// parseAttrs checks a list of attributes and sorts it by type
// (__nla_validate_parse). What is odd without being wrong goes to ext, which is nil
// where the kernel does not want to know.
func parseAttrs(b []byte, policies []policy, how validation, ext *extack) (attrs, error) {
	out := make(attrs, len(policies))
	for {
		a, rest, ok := nextAttr(b)
		if !ok {
			break
		}
		b = rest
		if a.typ == 0 || int(a.typ) >= len(policies) {
			if how&checkMaxType != 0 {
				return nil, failAttr(rpdb.EINVAL, "Unknown attribute type", a.data)
			}
			continue
		}
		if err := validateAttr(a, policies, how, ext); err != nil {
			return nil, err
		}
		out[a.typ] = a.data
	}
	if len(b) > 0 {
		const text = "bytes leftover after parsing attributes"
		if how&checkTrailing != 0 {
			return nil, fail(rpdb.EINVAL, text)
		}
		ext.warn(text)
	}
	return out, nil
}

// validateAttr checks one attribute against its policy (validate_nla).
func validateAttr(a attr, policies []policy, how validation, ext *extack) error {
	p := &policies[a.typ]
	if s := policies[0].strictStart; s != 0 && a.typ >= s {
		how |= strict
	}
	fixed, isInt := fixedLen[p.kind]
	if isInt && len(a.data) != fixed && how&checkStrict != 0 {
		return failPolicy(rpdb.EINVAL, "invalid attribute length", a, p)
	}
	if how&checkNested != 0 {
		switch isNest := p.kind == attrNested; {
		case isNest && a.raw&nestedFlag == 0:
			return failPolicy(rpdb.EINVAL, "NLA_F_NESTED is missing", a, p)
		case !isNest && p.kind != attrUnspec && a.raw&nestedFlag != 0:
			return failPolicy(rpdb.EINVAL, "NLA_F_NESTED not expected", a, p)
		}
	}
	bad := func() error { return failPolicy(rpdb.ERANGE, "Attribute failed policy validation", a, p) }
	switch p.kind {
	case attrReject:
		if p.reject == "" {
			return failPolicy(rpdb.EINVAL, "Attribute failed policy validation", a, p)
		}
		return failAttr(rpdb.EINVAL, p.reject, a.data)
	case attrFlag:
		if len(a.data) > 0 {
			return bad()
		}
	case attrString:
		n := len(a.data)
		if n < 1 {
			return bad()
		}
		if p.len > 0 && a.data[n-1] == 0 {
			n--
		}
		if p.len > 0 && n > p.len {
			return bad()
		}
	case attrNulString:
		if bytes.IndexByte(a.data, 0) < 0 {
			return failPolicy(rpdb.EINVAL, "Attribute failed policy validation", a, p)
		}
	case attrBinary:
		if p.exact > 0 && len(a.data) != p.exact || p.least > 0 && (len(a.data) < p.least || len(a.data) > p.len) {
			return failPolicy(rpdb.ERANGE, "binary attribute size out of range", a, p)
		}
		if p.len > 0 && len(a.data) > p.len {
			return bad()
		}
	case attrNested:
		return validateNested(a, p, how, ext)
	case attrUnspec:
		if how&checkUnspec != 0 {
			return failAttr(rpdb.EINVAL, "Unsupported attribute", a.data)
		}
		if len(a.data) < p.len {
			return bad()
		}
	default:
		if len(a.data) < fixed {
			return bad()
		}
		return validateRange(a, p)
	}
	return nil
}

func validateNested(a attr, p *policy, how validation, ext *extack) error {
	switch {
	case len(a.data) == 0:
		return nil
	case len(a.data) < attrHeader:
		return failPolicy(rpdb.ERANGE, "Attribute failed policy validation", a, p)
	case p.nested == nil:
		return nil
	}
	_, err := parseAttrs(a.data, p.nested, how, ext)
	return err
}

// validateRange checks an integer (nla_validate_int_range, nla_validate_mask).
func validateRange(a attr, p *policy) error {
	if p.max == 0 && p.mask == 0 {
		return nil
	}
	var v uint64
	switch p.kind {
	case attrU8:
		v = uint64(a.data[0])
	case attrU16:
		v = uint64(binary.NativeEndian.Uint16(a.data))
	case attrU32, attrS32:
		v = uint64(binary.NativeEndian.Uint32(a.data))
	case attrU64:
		v = binary.NativeEndian.Uint64(a.data)
	}
	if p.mask != 0 {
		if v&^p.mask != 0 {
			return failAttr(rpdb.EINVAL, "reserved bit set", a.data)
		}
		return nil
	}
	if v < p.min || v > p.max {
		return failPolicy(rpdb.ERANGE, "integer out of range", a, p)
	}
	return nil
}

package netns

import (
	"encoding/binary"
	"math"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// extack is what a request tells beside its outcome (struct netlink_ext_ack). Its
// methods take nil for nobody who listens.
type extack struct{ text string }

// warn keeps a text, which an error with a text of its own replaces (NL_SET_ERR_MSG
// without an error).
func (x *extack) warn(text string) {
	if x != nil {
		x.text = text
	}
}

// attrError is an error that points at an attribute of the request.
type attrError struct {
	refusal *rtnl.Error
	attr    []byte  // its payload, a part of request.data
	policy  *policy // what it offended; nil: something else
	missing uint16  // the type of an attribute that is not there, 0: none
}

func (e *attrError) Error() string { return e.refusal.Error() }

// failAttr is fail with the attribute to blame (NL_SET_ERR_MSG_ATTR).
func failAttr(errno rpdb.Errno, msg string, attr []byte) error {
	return &attrError{refusal: fail(errno, msg), attr: attr}
}

// failPolicy is failAttr with the policy that was offended (NL_SET_ERR_MSG_ATTR_POL).
func failPolicy(errno rpdb.Errno, msg string, a attr, p *policy) error {
	return &attrError{refusal: fail(errno, msg), attr: a.data, policy: p}
}

// failMissing is fail for want of an attribute (NL_SET_ERR_ATTR_MISS).
func failMissing(errno rpdb.Errno, typ uint16) error {
	return &attrError{refusal: fail(errno, ""), missing: typ}
}

// reworded returns an error with another text, which blames the same attribute
// (NL_SET_ERR_MSG after a function that refused).
func reworded(err error, msg string) error {
	text := fail(refusal(err).Errno, msg)
	if e, ok := err.(*attrError); ok { //nolint:errorlint // never wrapped
		again := *e
		again.refusal = text
		return &again
	}
	return text
}

// Attributes of an outcome (enum nlmsgerr_attrs), and of a policy
// (enum netlink_policy_type_attr).
const (
	nlmsgerrMsg    = 1
	nlmsgerrOffset = 2
	nlmsgerrPolicy = 4
	nlmsgerrMiss   = 5

	policyType = 1
	policyMinS = 2
	policyMaxS = 3
	policyMinU = 4
	policyMaxU = 5
	policyMinL = 6
	policyMaxL = 7
	policyMask = 12
)

// outcomeAttrs is the extended part of an outcome, if the socket asked for it
// (netlink_ack_tlv_fill).
func (r *request) outcomeAttrs(err error) []byte {
	if !r.sock.opts.ExtendedAck {
		return nil
	}
	w := &message{}
	text := refusal(err).Msg
	if text == "" {
		text = r.ext.text
	}
	if text != "" {
		w.str(nlmsgerrMsg, text)
	}
	e, ok := err.(*attrError) //nolint:errorlint // never wrapped
	if !ok {
		return w.b
	}
	if e.missing != 0 {
		w.u32(nlmsgerrMiss, uint32(e.missing))
		return w.b
	}
	// The payload reaches to the end of the buffer that the message is in, so that
	// what lies before it is the difference of the capacities.
	w.u32(nlmsgerrOffset, uint32(headerLen+cap(r.data)-cap(e.attr)-attrHeader))
	if e.policy != nil {
		e.policy.put(w)
	}
	return w.b
}

// policyTypes are the numbers that tell of kinds (enum netlink_attribute_type).
var policyTypes = map[attrKind]uint32{
	attrFlag: 1, attrU8: 2, attrU16: 3, attrU32: 4, attrU64: 5, attrS32: 8, attrBinary: 10, attrString: 11, attrNulString: 12, attrNested: 13,
}

// put describes a policy (__netlink_policy_dump_write_attr); there is nothing to say
// of attributes of no kind.
func (p *policy) put(w *message) {
	typ, ok := policyTypes[p.kind]
	if !ok {
		return
	}
	w.nest(nlmsgerrPolicy|nestedFlag, func() {
		switch p.kind {
		case attrU8, attrU16, attrU32, attrU64:
			if p.mask != 0 {
				w.put(policyMask, binary.NativeEndian.AppendUint64(nil, p.mask))
				break
			}
			lo, hi := p.min, p.max
			if hi == 0 {
				hi = math.MaxUint64 >> (64 - 8*fixedLen[p.kind])
			}
			w.put(policyMinU, binary.NativeEndian.AppendUint64(nil, lo))
			w.put(policyMaxU, binary.NativeEndian.AppendUint64(nil, hi))
		case attrS32:
			lo, hi := int64(math.MinInt32), int64(math.MaxInt32)
			if p.max != 0 {
				lo, hi = int64(p.min), int64(p.max)
			}
			w.put(policyMinS, binary.NativeEndian.AppendUint64(nil, uint64(lo)))
			w.put(policyMaxS, binary.NativeEndian.AppendUint64(nil, uint64(hi)))
		case attrString, attrBinary:
			if p.exact > 0 {
				w.u32(policyMinL, uint32(p.exact))
				w.u32(policyMaxL, uint32(p.exact))
			}
			if p.least > 0 {
				w.u32(policyMinL, uint32(p.least))
			}
			if p.len > 0 {
				w.u32(policyMaxL, uint32(p.len))
			}
		}
		w.u32(policyType, typ)
	})
}

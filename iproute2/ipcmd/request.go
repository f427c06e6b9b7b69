package ipcmd

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
)

// request is a message under construction: a header of its type's own, then
// attributes in the order in which iproute2 adds them.
type request struct {
	typ   netlink.HeaderType
	flags netlink.HeaderFlags
	body  []byte
}

func (r *request) attr(typ uint16, data []byte) {
	n := 4 + len(data)
	r.body = binary.NativeEndian.AppendUint16(r.body, uint16(n))
	r.body = binary.NativeEndian.AppendUint16(r.body, typ)
	r.body = append(r.body, data...)
	for len(r.body)%4 != 0 {
		r.body = append(r.body, 0)
	}
}

func (r *request) u8(typ uint16, v uint8) { r.attr(typ, []byte{v}) }

func (r *request) u16(typ uint16, v uint16) {
	r.attr(typ, binary.NativeEndian.AppendUint16(nil, v))
}

func (r *request) u32(typ uint16, v uint32) {
	r.attr(typ, binary.NativeEndian.AppendUint32(nil, v))
}

func (r *request) be16(typ uint16, v uint16) { r.attr(typ, binary.BigEndian.AppendUint16(nil, v)) }
func (r *request) be32(typ uint16, v uint32) { r.attr(typ, binary.BigEndian.AppendUint32(nil, v)) }

func (r *request) be64(typ uint16, v uint64) { r.attr(typ, binary.BigEndian.AppendUint64(nil, v)) }

// str adds a string with its zero byte.
func (r *request) str(typ uint16, s string) { r.attr(typ, append([]byte(s), 0)) }

// nest adds an attribute that holds those that f adds. typ has the nested flag if
// iproute2 sends it there.
func (r *request) nest(typ uint16, f func()) {
	start := len(r.body)
	r.attr(typ, nil)
	f()
	binary.NativeEndian.PutUint16(r.body[start:], uint16(len(r.body)-start))
}

// nested marks the type of a nested attribute (NLA_F_NESTED).
const nested = 0x8000

func (r *request) message() netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: r.typ, Flags: netlink.Request | r.flags},
		Data:   r.body,
	}
}

package netns

import "encoding/binary"

// message is a message under construction: its header, then attributes.
type message struct{ b []byte }

// put adds an attribute (nla_put).
func (m *message) put(typ uint16, data []byte) {
	m.b = appendAttr(m.b, typ, data)
}

func (m *message) u8(typ uint16, v uint8) { m.put(typ, []byte{v}) }

func (m *message) u16(typ, v uint16) { m.put(typ, binary.NativeEndian.AppendUint16(nil, v)) }

func (m *message) u32(typ uint16, v uint32) { m.put(typ, binary.NativeEndian.AppendUint32(nil, v)) }

func (m *message) u64(typ uint16, v uint64) { m.put(typ, binary.NativeEndian.AppendUint64(nil, v)) }

func (m *message) flag(typ uint16, v bool) {
	if v {
		m.u8(typ, 1)
		return
	}
	m.u8(typ, 0)
}

// str adds a text with its NUL (nla_put_string).
func (m *message) str(typ uint16, s string) { m.put(typ, append([]byte(s), 0)) }

// words adds a list of 32-bit numbers.
func (m *message) words(typ uint16, vs []int32) {
	b := make([]byte, 0, 4*len(vs))
	for _, v := range vs {
		b = binary.NativeEndian.AppendUint32(b, uint32(v))
	}
	m.put(typ, b)
}

// nest adds an attribute of attributes (nla_nest_start_noflag).
func (m *message) nest(typ uint16, fill func()) {
	at := len(m.b)
	m.b = binary.NativeEndian.AppendUint16(m.b, 0)
	m.b = binary.NativeEndian.AppendUint16(m.b, typ)
	fill()
	m.b = closeNest(m.b, at)
}

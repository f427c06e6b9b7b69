package netns

import (
	"encoding/binary"
)

// appendAttr appends an attribute with its padding (nla_put).
func appendAttr(b []byte, typ uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrHeader+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	return append(b, make([]byte, -len(data)&3)...)
}

// closeNest writes the length of the attribute that begins at from and that holds all
// that was appended since (nla_nest_end).
func closeNest(b []byte, from int) []byte {
	binary.NativeEndian.PutUint16(b[from:], uint16(len(b)-from))
	return b
}

func appendU8(b []byte, typ uint16, v uint8) []byte {
	return appendAttr(b, typ, []byte{v})
}

func appendU32(b []byte, typ uint16, v uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, attrHeader+4)
	b = binary.NativeEndian.AppendUint16(b, typ)
	return binary.NativeEndian.AppendUint32(b, v)
}

// appendBE32 appends a number in network order, such as an IPv4 address
// (nla_put_in_addr).
func appendBE32(b []byte, typ uint16, v uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, attrHeader+4)
	b = binary.NativeEndian.AppendUint16(b, typ)
	return binary.BigEndian.AppendUint32(b, v)
}

// appendString appends a text with its NUL (nla_put_string).
func appendString(b []byte, typ uint16, s string) []byte {
	return appendAttr(b, typ, append([]byte(s), 0))
}

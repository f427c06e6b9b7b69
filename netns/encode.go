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

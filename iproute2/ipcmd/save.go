package ipcmd

import (
	"encoding/binary"
	"io"
)

// maxDump bounds the dump that a restore reads.
const maxDump = 1 << 30

// readDump reads a saved dump from the standard input, and returns its messages.
func (c *call) readDump(magic uint32) (messages []byte, ok bool) {
	b, err := io.ReadAll(io.LimitReader(c.In, maxDump))
	if err != nil {
		c.errorf("Can't read the dump: %s\n", strerror(err))
		return nil, false
	}
	n, got := 0, uint32(0)
	if len(b) >= 4 {
		n, got = 1, binary.NativeEndian.Uint32(b)
	}
	if n != 1 || got != magic {
		c.errorf("Magic mismatch (%d elems, %x magic)\n", n, got)
		return nil, false
	}
	return b[4:], true
}

package snapshot

import (
	"fmt"
	"io"
)

// xzGuard passes an xz stream on and looks at every block header in it: the
// decompressor would allocate whatever dictionary a header asks for, up to four
// gigabytes. It follows the framing of the container and of LZMA2 only; whether
// the rest is right is the decompressor's business (The .xz File Format 1.2.0).
type xzGuard struct {
	r    io.Reader
	skip int64  // bytes to let pass before the next decision
	want int    // bytes to collect for it
	got  []byte // collected
	then func(*xzGuard, []byte) error

	check    int   // bytes of the check after a block
	payload  int64 // bytes of the block after its header
	finished bool  // in the index, after which only one stream is read
}

func (g *xzGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if e := g.look(p[:n]); e != nil {
		return 0, e
	}
	return n, err
}

// look follows the bytes that pass.
func (g *xzGuard) look(b []byte) error {
	if g.then == nil {
		g.next(0, 12, (*xzGuard).streamHeader)
	}
	for len(b) > 0 && !g.finished {
		if g.skip > 0 {
			n := min(g.skip, int64(len(b)))
			g.skip -= n
			b = b[n:]
			continue
		}
		n := min(g.want-len(g.got), len(b))
		g.got = append(g.got, b[:n]...)
		b = b[n:]
		if len(g.got) < g.want {
			return nil
		}
		got := g.got
		g.got = g.got[len(g.got):]
		if err := g.then(g, got); err != nil {
			return err
		}
	}
	return nil
}

// next lets skip bytes pass and calls f with the want bytes after them.
func (g *xzGuard) next(skip int64, want int, f func(*xzGuard, []byte) error) {
	g.skip, g.want, g.then = skip, want, f
	g.got = make([]byte, 0, want)
}

func (g *xzGuard) streamHeader(b []byte) error {
	g.check = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[b[7]&15]
	g.next(0, 1, (*xzGuard).blockSize)
	return nil
}

func (g *xzGuard) blockSize(b []byte) error {
	if b[0] == 0 { // the index
		g.finished = true
		return nil
	}
	g.next(0, (int(b[0])+1)*4-1, (*xzGuard).blockHeader)
	return nil
}

// blockHeader finds the LZMA2 filter, the only one that the decompressor takes.
func (g *xzGuard) blockHeader(b []byte) error {
	flags, rest := b[0], b[1:]
	for _, has := range []byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&has != 0 {
			_, rest = varint(rest)
		}
	}
	id, rest := varint(rest)
	size, rest := varint(rest)
	if flags&3 != 0 || id != 0x21 || size != 1 || len(rest) == 0 {
		return fmt.Errorf("a filter other than LZMA2, which is not supported")
	}
	bits := rest[0]
	if dict := int64(2|bits&1) << (bits/2 + 11); bits > 40 || dict > maxWindow {
		return fmt.Errorf("a dictionary larger than %d bytes", maxWindow)
	}
	g.payload = 0
	g.next(0, 1, (*xzGuard).chunk)
	return nil
}

// varint reads a multibyte integer; what is cut off reads as zero.
func varint(b []byte) (v uint64, rest []byte) {
	for i := 0; i < len(b) && i < 9; i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, b[i+1:]
		}
	}
	return 0, nil
}

// chunk reads the first byte of an LZMA2 chunk.
func (g *xzGuard) chunk(b []byte) error {
	switch c := b[0]; {
	case c == 0: // the end of the block: padding to four bytes, and the check
		g.payload++
		g.next((4-g.payload%4)%4+int64(g.check), 1, (*xzGuard).blockSize)
	case c < 0x80: // not compressed: two bytes of size
		g.next(0, 2, func(g *xzGuard, b []byte) error {
			g.data(3, int64(b[0])<<8+int64(b[1])+1)
			return nil
		})
	default: // compressed: two sizes, and a byte of properties if they change
		more := int64(1)
		if c >= 0xc0 {
			more = 2
		}
		g.next(0, 4, func(g *xzGuard, b []byte) error {
			g.data(5, int64(b[2])<<8+int64(b[3])+more)
			return nil
		})
	}
	return nil
}

// data lets the n bytes of a chunk after its head pass.
func (g *xzGuard) data(head, n int64) {
	g.payload += head + n
	g.next(n, 1, (*xzGuard).chunk)
}

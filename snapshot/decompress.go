package snapshot

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

const (
	// maxLayers is how many compressions may be wrapped around each other.
	maxLayers = 3
	// maxWindow is the largest history that a compressed file may ask its reader to
	// keep; xz -9 and zstd --ultra -22 stay within it.
	maxWindow = 128 << 20
)

// stream is an open file whose compression was taken off, and what it holds.
type stream struct {
	name   string
	format Format
	r      *bufio.Reader
	close  func() error
}

// newStream takes the compression off r and recognises what is in it. What comes
// out of a compression counts against the limits as it is read: the reader of
// the stream does that.
func newStream(name string, r io.Reader, closer func() error) (*stream, error) {
	s := &stream{name: name, r: bufio.NewReaderSize(r, recogniseLen), close: closer}
	for layer := 0; ; layer++ {
		head, err := s.r.Peek(recogniseLen)
		if err != nil && err != io.EOF {
			return s, fileError(name, err)
		}
		s.format = recognise(head)
		open, ok := decompressors[s.format]
		if !ok {
			return s, nil
		}
		if layer == maxLayers {
			return s, fmt.Errorf("%s: compressed more than %d times", name, maxLayers)
		}
		inner, err := open(s.r)
		if err != nil {
			return s, fmt.Errorf("%s: %s: %w", name, s.format, unexpected(err))
		}
		s.closing(inner)
		s.r = bufio.NewReaderSize(&damage{inner, s.format}, recogniseLen)
	}
}

func (s *stream) closing(c io.Closer) {
	outer := s.close
	s.close = func() error {
		err := c.Close()
		if outer != nil {
			return outer()
		}
		return err
	}
}

// Close releases the file and the decompressors.
func (s *stream) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

var decompressors = map[Format]func(*bufio.Reader) (io.ReadCloser, error){
	formatGzip: func(r *bufio.Reader) (io.ReadCloser, error) {
		return gzip.NewReader(r)
	},
	formatBzip2: func(r *bufio.Reader) (io.ReadCloser, error) {
		return io.NopCloser(bzip2.NewReader(r)), nil
	},
	formatXz: func(r *bufio.Reader) (io.ReadCloser, error) {
		x, err := xz.ReaderConfig{SingleStream: true}.NewReader(&xzGuard{r: r})
		if err != nil {
			return nil, err
		}
		return io.NopCloser(x), nil
	},
	formatZstd: func(r *bufio.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	},
}

// damage names the compression in the errors of its decompressor.
type damage struct {
	r      io.Reader
	format Format
}

func (d *damage) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", d.format, err)
	}
	return n, err
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fileError names the file in an error that does not already do so.
func fileError(name string, err error) error {
	if _, ok := err.(*LimitError); ok || err == nil {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

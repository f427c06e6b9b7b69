package snapshot

import (
	"io"
	"os"
)

// Options say how files are read. The zero value is ready to use.
type Options struct {
	// Namespace chooses the network namespace in sources that hold several
	// (sosreport, supportconfig); empty: the host's own. A suffix #ns=NAME of a path
	// does the same for that path.
	Namespace string

	// MaxBytes limits the bytes that are parsed, counted after decompression, over
	// all files of one Open; 0 is DefaultMaxBytes. Memory is a small multiple of what
	// is really there.
	MaxBytes int64

	// MaxScan limits the bytes that are only passed over on the way to others, such
	// as the logs in a sosreport tarball, counted after decompression; 0 is
	// DefaultMaxScan. They cost time, no memory.
	MaxScan int64

	// Stdin is what the path "-" reads; nil is os.Stdin.
	Stdin io.Reader
}

// The limits that hold where Options set none.
const (
	DefaultMaxBytes int64 = 1 << 30
	DefaultMaxScan  int64 = 32 << 30
)

func (o *Options) withDefaults() Options {
	r := *o
	if r.MaxBytes == 0 {
		r.MaxBytes = DefaultMaxBytes
	}
	if r.MaxScan == 0 {
		r.MaxScan = DefaultMaxScan
	}
	if r.Stdin == nil {
		r.Stdin = os.Stdin
	}
	return r
}

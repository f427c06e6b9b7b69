package snapshot

import (
	"fmt"
	"io"
)

// LimitError says that a source is larger than the Options allow.
type LimitError struct {
	File  string
	Limit int64
	What  string // the field of Options
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than %d bytes after decompression (limit %s)", e.File, e.Limit, e.What)
}

// budget is what may still be read. All sources of one Open share it.
type budget struct {
	opts          Options
	bytes, passed int64 // used of MaxBytes and MaxScan
}

// parsed returns r with its bytes counted against MaxBytes.
func (b *budget) parsed(r io.Reader, file string) io.Reader {
	return &countedReader{r, &b.bytes, LimitError{file, b.opts.MaxBytes, "MaxBytes"}}
}

// scanned returns r with its bytes counted against MaxScan.
func (b *budget) scanned(r io.Reader, file string) io.Reader {
	return &countedReader{r, &b.passed, LimitError{file, b.opts.MaxScan, "MaxScan"}}
}

// countedReader adds what it reads to *used and fails once that is over the limit.
type countedReader struct {
	r     io.Reader
	used  *int64
	limit LimitError
}

func (c *countedReader) Read(p []byte) (int, error) {
	left := c.limit.Limit - *c.used
	if left < 0 {
		e := c.limit
		return 0, &e
	}
	if int64(len(p)) > left+1 {
		p = p[:left+1]
	}
	n, err := c.r.Read(p)
	*c.used += int64(n)
	if *c.used > c.limit.Limit {
		e := c.limit
		return 0, &e
	}
	return n, err
}

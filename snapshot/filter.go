package snapshot

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
)

// filter cuts a document into stretches of text and of JSON, which may follow each
// other in any order. As an io.Reader it yields the present stretch of text. Lines
// of sysctl and uname are handed out on the way and leave blank lines behind, so
// that line numbers stay true. Nothing is held but a line.
type filter struct {
	r    *bufio.Reader
	line int // lines read

	onSysctl  func(path, value string)
	onUname   func(release, host string)
	onCommand func(command string)

	command string // of the last line that shows one
	mid     bool   // in the middle of a line
	rest    []byte // to be handed out
	lineEnd [1]byte
}

func newFilter(r io.Reader) *filter {
	return &filter{r: bufio.NewReaderSize(r, recogniseLen), lineEnd: [1]byte{'\n'}}
}

func (f *filter) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// fill reads a line, or the part of a long one that the buffer holds.
func (f *filter) fill() error {
	if !f.mid && f.atJSON() {
		return io.EOF
	}
	chunk, err := f.r.ReadSlice('\n')
	if len(chunk) == 0 || err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return unlessNil(err)
	}
	whole := !f.mid && err != bufio.ErrBufferFull
	if f.mid = chunk[len(chunk)-1] != '\n'; !f.mid {
		f.line++
	}
	f.rest = chunk
	if whole && f.take(bytes.TrimRight(chunk, "\r\n")) {
		f.rest, f.mid = f.lineEnd[:], false
	}
	return nil
}

func unlessNil(err error) error {
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// atJSON reports whether a stretch of JSON begins here, at the start of a line.
func (f *filter) atJSON() bool {
	head, _ := f.r.Peek(64)
	return jsonStart(head)
}

// atEnd reports whether nothing is left.
func (f *filter) atEnd() bool {
	_, err := f.r.Peek(1)
	return err == io.EOF
}

// jsonStart tells a line that begins a JSON document of ip: an array or object,
// not the [ of a shell prompt.
func jsonStart(b []byte) bool {
	b = bytes.TrimLeft(b, " \t")
	if len(b) == 0 {
		return false
	}
	rest := bytes.TrimLeft(b[1:], " \t\r")
	switch b[0] {
	case '[':
		return len(rest) == 0 || bytes.IndexByte([]byte("{]\n"), rest[0]) >= 0
	case '{':
		return len(rest) == 0 || bytes.IndexByte([]byte("}\"\n"), rest[0]) >= 0
	}
	return false
}

// jsonReader yields JSON values up to something that starts no other.
type jsonReader struct {
	f        *filter
	depth    int
	str, esc bool
	done     bool
}

func (j *jsonReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for !j.done {
		if _, err := j.f.r.Peek(1); err != nil {
			return 0, err
		}
		head, _ := j.f.r.Peek(min(j.f.r.Buffered(), len(p)))
		n := j.scan(head)
		copy(p, head[:n])
		_, _ = j.f.r.Discard(n)
		if n > 0 {
			return n, nil
		}
	}
	return 0, io.EOF
}

// scan returns how many bytes of b belong to the documents.
func (j *jsonReader) scan(b []byte) int {
	for i, c := range b {
		switch {
		case j.esc:
			j.esc = false
		case j.str:
			j.esc = c == '\\'
			j.str = c != '"'
		case c == '"' && j.depth > 0:
			j.str = true
		case c == '[' || c == '{':
			j.depth++
		case c == ']' || c == '}':
			j.depth--
		case j.depth <= 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n':
			j.done = true
			return i
		}
		if c == '\n' {
			j.f.line++
		}
	}
	return len(b)
}

// commandLine matches a line that shows an ip command behind a prompt or a
// comment sign.
var commandLine = regexp.MustCompile(`[$#%>+][ \t]*(?:sudo[ \t]+)?((?:/[^ \t]*/)?ip[ \t][^|;&>]*)`)

// take looks at a whole line. It returns true for one that is not output of ip and
// has been dealt with.
func (f *filter) take(line []byte) bool {
	s := bytes.TrimLeft(line, " \t")
	if len(s) == 0 {
		return false
	}
	switch c := s[0]; {
	case c == 'L' || c >= '1' && c <= '9' && len(s) <= 80 && !bytes.ContainsAny(s, " /"):
		if release, host, ok := unameLine(string(s)); ok {
			f.onUname(release, host)
			return true
		}
	case c >= 'a' && c <= 'z':
		if path, value, ok := sysctlLine(s); ok {
			if wantedSysctl(path) {
				f.onSysctl(path, value)
			}
			return true
		}
	}
	if bytes.Contains(s, []byte("ip ")) {
		if m := commandLine.FindSubmatch(s); m != nil {
			f.command = string(bytes.TrimSpace(m[1]))
			f.onCommand(f.command)
		}
	}
	return false
}

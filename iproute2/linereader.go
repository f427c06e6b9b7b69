package iproute2

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// lineReader hands out the lines of a text without line ends, and without the
// escape sequences that colour it.
type lineReader struct {
	r   *bufio.Reader
	cut bool // the last line had no newline
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, MaxLine+2)}
}

// next returns the next line, io.EOF after the last.
func (l *lineReader) next() (string, error) {
	b, err := l.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", ErrLineSize
	case err != nil && err != io.EOF:
		return "", err
	case len(b) == 0:
		return "", io.EOF
	}
	l.cut = b[len(b)-1] != '\n'
	b = bytes.TrimRight(b, "\r\n")
	if bytes.IndexByte(b, 0) >= 0 {
		return "", ErrBinary
	}
	s := string(b)
	if strings.IndexByte(s, '\x1b') >= 0 {
		s = stripEscapes(s)
	}
	return s, nil
}

// isJSON tells whether the text begins as a document of ip -j: an array of objects
// or an empty one.
func (l *lineReader) isJSON() bool {
	b, _ := l.r.Peek(256) // less at the end of the text
	b = bytes.TrimLeft(b, " \t\r\n\ufeff")
	if len(b) == 0 || b[0] != '[' {
		return len(b) > 1 && b[0] == '{' && bytes.IndexByte(b, '"') > 0
	}
	b = bytes.TrimLeft(b[1:], " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == ']')
}

// stripEscapes removes ANSI control sequences (ESC [ ... letter) and other escapes.
func stripEscapes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\x1b' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i >= len(s) || s[i] != '[' {
			continue
		}
		for i++; i < len(s) && (s[i] < '@' || s[i] > '~'); i++ {
		}
	}
	return b.String()
}

// appendFields appends the words of a line, which blanks and tabs separate.
func appendFields(dst []string, s string) []string {
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		j := i
		for j < len(s) && s[j] != ' ' && s[j] != '\t' {
			j++
		}
		dst = append(dst, s[i:j])
		i = j
	}
	return dst
}

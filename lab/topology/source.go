package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pos is a place in a file. Lines and columns count from 1, columns in bytes; a line of 0
// is the file as a whole.
type Pos struct{ Line, Column int }

// span is a range of lines, from the first until before the last. They count from 1.
type span struct{ from, to int }

// source is the text that positions point into.
type source struct {
	name  string
	lines []string
}

func newSource(name string, data []byte) *source {
	return &source{name: name, lines: strings.Split(string(data), "\n")}
}

// Error is something wrong in a file, with its place.
type Error struct {
	File string
	Pos  Pos
	Text string // what is wrong
	Help string // what to do; may be empty

	excerpt string
	width   int // of what is marked
}

// Error returns file:line:column: text and, on lines of their own, the line with what is
// wrong marked, and the help.
func (e *Error) Error() string {
	if e.Pos.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text) + e.help("  ")
	}
	n := strconv.Itoa(e.Pos.Line)
	gutter := strings.Repeat(" ", len(n))
	before := e.excerpt[:min(e.Pos.Column-1, len(e.excerpt))]
	indent := strings.Map(func(r rune) rune { // tabs stay, so that the mark stands right
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
	return fmt.Sprintf("%s:%d:%d: %s\n %s |\n %s | %s\n %s | %s%s%s", e.File, e.Pos.Line, e.Pos.Column, e.Text,
		gutter, n, e.excerpt, gutter, indent, strings.Repeat("^", max(e.width, 1)), e.help(" "+gutter+" "))
}

func (e *Error) help(indent string) string {
	if e.Help == "" {
		return ""
	}
	return "\n" + indent + "= " + e.Help
}

// at makes an error at a place. width is the number of bytes that are marked; 0: until
// the end of the line.
func (s *source) at(p Pos, width int, text, help string) *Error {
	e := &Error{File: s.name, Pos: p, Text: text, Help: help, width: width}
	if p.Line < 1 || p.Line > len(s.lines) {
		e.Pos = Pos{}
		return e
	}
	e.excerpt = strings.TrimRight(s.lines[p.Line-1], " \r")
	e.Pos.Column = max(1, min(p.Column, len(e.excerpt)+1))
	if rest := len(e.excerpt) - e.Pos.Column + 1; width == 0 || width > rest {
		e.width = rest
	}
	return e
}

// Errorf returns an error at a place of the file that the topology was read from. The
// whole rest of the line is marked.
func (t *Topology) Errorf(p Pos, format string, args ...any) *Error {
	return t.src.at(p, 0, fmt.Sprintf(format, args...), "")
}

// Errors are the errors of a file, in its order.
type Errors []*Error

// maxErrors bounds the errors that are told.
const maxErrors = 10

// Error returns the errors, one after the other.
func (es Errors) Error() string {
	var b strings.Builder
	for i, e := range es {
		if i == maxErrors {
			fmt.Fprintf(&b, "\n%d more", len(es)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

// Unwrap makes errors.As find the first one.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

func (es Errors) sorted() error {
	if len(es) == 0 {
		return nil
	}
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return es
}

// textPos says where the text of a scalar stands in the file.
type textPos struct {
	pos    Pos  // of its first character
	indent int  // bytes before its other lines
	folded bool // its lines are not those of the file
}

func (t textPos) at(line, column int) Pos {
	switch {
	case t.folded:
		return t.pos
	case line == 1:
		return Pos{t.pos.Line, t.pos.Column + column - 1}
	}
	return Pos{t.pos.Line + line - 1, t.indent + column}
}

// nearest returns the word of a list that another is probably meant to be, or none.
func nearest(word string, list []string) string {
	if len(word) > 64 {
		return ""
	}
	best, limit := "", len(word)/3+2
	for _, w := range list {
		if d := distance(word, w); d < limit {
			best, limit = w, d
		}
	}
	return best
}

// distance is the number of letters to change, put in or take out (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// didYouMean is a help, empty if no word of the list is near.
func didYouMean(word string, list []string) string {
	if w := nearest(word, list); w != "" {
		return fmt.Sprintf("did you mean %s?", w)
	}
	return ""
}

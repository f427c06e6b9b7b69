package iproute2

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Problem is something in a text that was not understood, or that makes what was
// read incomplete.
type Problem struct {
	Line int    // from 1; 0: the text as a whole
	Text string // the line, shortened
	Why  string
}

// String returns the problem in one line.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Why
	}
	return fmt.Sprintf("line %d: %s: %q", p.Line, p.Why, p.Text)
}

// TextState is what a text, or several, told of a namespace. The order of the
// routes is that of the text, which is the kernel's.
type TextState struct {
	Rules    []rpdb.Rule
	Routes   []rpdb.Route
	NextHops []rpdb.NextHopObject
	Links    []rpdb.Link
	Addrs    []rpdb.Addr
	Neighs   []rpdb.Neigh

	// Seen are the kinds of state that the text showed at least one entry of, or
	// whose complete listing a command is known to have printed. An empty list leaves
	// no trace in text, so that a kind that is not here may be missing or empty.
	Seen rpdb.Parts

	// Tables are the names of tables that no rt_tables file told the number of. Each
	// was given one that no table has.
	Tables map[string]uint32

	// Problems are the lines that were not understood, in order, and after them what
	// the text leaves open. Beyond MaxProblems they are only counted.
	Problems []Problem
}

// Limits of what is read.
const (
	MaxLine     = 1 << 20 // bytes of one line
	MaxProblems = 1000
	// MaxEntries bounds the rules, routes, addresses and so on together.
	MaxEntries = 16 << 20
	maxNames   = 1 << 16 // tables without a number
)

// inventedTable is the first number of tables that are known by name only.
const inventedTable = 0xfff00000

// Errors that end reading.
var (
	ErrBinary   = errors.New("not text: it holds a zero byte")
	ErrLineSize = fmt.Errorf("a line is longer than %d bytes", MaxLine)
	ErrTooMany  = fmt.Errorf("more than %d entries", MaxEntries)
)

// ReadText reads a text that holds the output of ip commands, in any order and
// concatenation: rules, routes, addresses, links, nexthops and neighbours of both
// families, from any version, with any of -d, -s, -o, -br, -4, -6, -N, -c. Lines
// that show a command (a shell prompt before ip) say what follows. It returns an
// error only where reading cannot go on; a line that is not understood is a
// Problem.
func ReadText(text []byte, c *ReadOptions) (*TextState, error) {
	r := NewTextReader()
	if err := r.Read(bytes.NewReader(text), c); err != nil {
		return nil, err
	}
	return r.State(), nil
}

// TextReader reads several texts about one namespace into one state. It is not
// safe for concurrent use.
type TextReader struct {
	st    TextState
	devs  devices
	block block
	c     *ReadOptions
	n     *Names

	line    int
	current string   // the line being read, for problems
	words   []string // scratch

	route     []string // words of the route that is not complete yet
	routeLine int
	routeText string
	isReply   bool

	link *rpdb.Link // the device whose block this is
	addr *rpdb.Addr // the address whose lifetimes may follow

	firstRoute       int               // of the block, an index
	ambiguous        []int             // routes of the block whose family is open
	spaced, unspaced int               // route lines with and without a blank at the end
	lastSpaced       bool              // of the last one
	told             rpdb.Parts        // by commands that listed all there is
	tables           map[string]uint32 // see TextState.Tables
	vrfRoutes        map[int]string    // routes of the table of a VRF: index to its name
	ruleLists        []ruleList
	ruleCount        int
	routeRuns        []int // where each run of route lines starts
	sawPref          bool
	hops             map[uint32]int  // nexthop objects by id: indexes
	buckets          bool            // any was shown
	unknownKeys      map[string]bool // of JSON, reported
	dropped          int             // problems that were only counted
}

// NewTextReader returns an empty reader.
func NewTextReader() *TextReader {
	return &TextReader{devs: newDevices(), vrfRoutes: map[int]string{}, hops: map[uint32]int{}, tables: map[string]uint32{}}
}

// Read adds a text, or a document of ip -j (see ReadJSON), which it tells apart by
// its beginning. Line numbers of its problems start at 1.
func (t *TextReader) Read(r io.Reader, c *ReadOptions) error {
	t.c, t.n, t.line = c, c.names(), 0
	t.startBlock(hint{})
	if c != nil && c.Command != "" {
		t.startBlock(t.parseHint(commandWords(c.Command)))
	}
	lines := newLineReader(r)
	if lines.isJSON() {
		return t.readJSON(lines.r)
	}
	err := t.readLines(lines)
	t.endBlock()
	return err
}

func (t *TextReader) readLines(lines *lineReader) error {
	for {
		line, err := lines.next()
		if err == io.EOF {
			t.checkEnd(lines.cut)
			return nil
		}
		t.line++
		if err != nil {
			return fmt.Errorf("line %d: %w", t.line, err)
		}
		t.readLine(line)
		if t.entries() > MaxEntries {
			return ErrTooMany
		}
	}
}

// checkEnd notes a text that ends inside a route: without the newline, and without
// the blank that all routes before it end with.
func (t *TextReader) checkEnd(cut bool) {
	if cut && len(t.route) > 0 && t.spaced > 0 && t.unspaced == 1 && !t.lastSpaced {
		t.problem("the text ends in the middle of a line, it seems")
	}
}

func (t *TextReader) entries() int {
	s := &t.st
	return t.ruleCount + len(s.Routes) + len(s.NextHops) + len(t.devs.list) + len(s.Addrs) + len(s.Neighs)
}

// problem notes that the current line was not understood.
func (t *TextReader) problem(why string) { t.problemAt(t.line, t.current, why) }

func (t *TextReader) problemAt(line int, text, why string) {
	if len(t.st.Problems) >= MaxProblems {
		t.dropped++
		return
	}
	const long = 160
	if len(text) > long {
		text = text[:long] + "..."
	}
	t.st.Problems = append(t.st.Problems, Problem{Line: line, Text: text, Why: why})
}

// TakeProblems returns the problems noted since it was last called, and forgets
// them: after each Read, those of that text.
func (t *TextReader) TakeProblems() []Problem {
	ps := t.st.Problems
	t.st.Problems = nil
	if t.dropped > 0 {
		ps = append(ps, Problem{Why: fmt.Sprintf("and %d more problems", t.dropped)})
		t.dropped = 0
	}
	return ps
}

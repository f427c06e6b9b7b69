package snapshot

import "fmt"

// WarningKind says what a warning is about.
type WarningKind uint8

// The kinds of warnings.
const (
	NotUnderstood WarningKind = iota // a line or entry that could not be read; it is not in the state
	NotTold                          // the source does not tell it; defaults are assumed
	Assumed                          // it was derived or invented
	Repeated                         // two sources tell the same thing
	Skipped                          // a file or part was passed over
	Damaged                          // the source says of itself that it is incomplete
)

var warningNames = [...]string{
	"not-understood", "not-told", "assumed", "repeated", "skipped", "damaged",
}

// String returns a short word for the kind.
func (k WarningKind) String() string { return warningNames[k] }

// Warning is something that the reader of a state must know about its source.
type Warning struct {
	Kind WarningKind
	File string // empty: the sources as a whole
	Line int    // 1 is the first; 0: the file as a whole
	Text string
}

// String returns file:line: text, as compilers do.
func (w Warning) String() string {
	switch {
	case w.File == "":
		return w.Text
	case w.Line == 0:
		return fmt.Sprintf("%s: %s", w.File, w.Text)
	}
	return fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Text)
}

// maxWarnings bounds the warnings of one kind about one file, so that a file that
// is no ip output at all does not drown the others.
const maxWarnings = 100

// warnings collects warnings, and counts those over the bound.
type warnings struct {
	list  []Warning
	count map[warningKey]int
	order []warningKey // of first appearance over the bound
}

type warningKey struct {
	file string
	kind WarningKind
}

func (ws *warnings) add(w Warning) {
	if ws.count == nil {
		ws.count = map[warningKey]int{}
	}
	k := warningKey{w.File, w.Kind}
	ws.count[k]++
	switch n := ws.count[k]; {
	case n <= maxWarnings:
		ws.list = append(ws.list, w)
	case n == maxWarnings+1:
		ws.order = append(ws.order, k)
	}
}

func (ws *warnings) addf(kind WarningKind, file string, line int, format string, args ...any) {
	ws.add(Warning{Kind: kind, File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// all returns the warnings, with one more for each bound that was passed.
func (ws *warnings) all() []Warning {
	out := ws.list
	for _, k := range ws.order {
		out = append(out, Warning{
			Kind: k.kind, File: k.file,
			Text: fmt.Sprintf("%d more warnings of this kind (%s)", ws.count[k]-maxWarnings, k.kind),
		})
	}
	return out
}

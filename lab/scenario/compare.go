package scenario

import (
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/lab/topology"
)

// comparison is what a command was to print beside what it printed.
type comparison struct {
	ops []op
	bad bool
}

// op is a line of a comparison.
type op struct {
	kind opKind
	want string // as the transcript has it
	got  string
}

type opKind byte

const (
	same    opKind = ' '
	skipped opKind = '.' // one that a line of ... stands for
	missing opKind = '-'
	extra   opKind = '+'
)

// maxCells bounds the work of a comparison; beyond it all lines count as different.
const maxCells = 16 << 20

// compare finds the least difference between the lines of a transcript and those of an
// output. What names stand for is learnt from lines that match.
func compare(want, got []string, names topology.Names) (*comparison, error) {
	patterns := make([]*topology.Pattern, len(want))
	for i, w := range want {
		var err error
		if patterns[i], err = topology.ParsePattern(w); err != nil {
			return nil, err
		}
	}
	c := &comparison{}
	for _, o := range align(patterns, want, got, names) {
		if o.kind == same {
			o = learn(o, names)
		}
		c.bad = c.bad || o.kind == missing || o.kind == extra
		c.ops = append(c.ops, o)
		if o.kind == missing && o.got != "" { // a name that stands for something else
			c.ops = append(c.ops, op{kind: extra, got: o.got})
		}
	}
	return c, nil
}

// learn notes what the names of a line stand for; a line that contradicts what they stood
// for before is missing.
func learn(o op, names topology.Names) op {
	p, _ := topology.ParsePattern(o.want)
	learnt, ok := p.Match(o.got, names)
	if !ok {
		o.kind = missing
	}
	for k, v := range learnt {
		names[k] = v
	}
	return o
}

// align pairs patterns with lines so that the fewest are left over.
func align(patterns []*topology.Pattern, want, got []string, names topology.Names) []op {
	n, m := len(want), len(got)
	if (n+1)*(m+1) > maxCells {
		return leftover(want, got)
	}
	cost := make([]int32, (n+1)*(m+1))
	at := func(i, j int) *int32 { return &cost[i*(m+1)+j] }
	fits := func(i, j int) bool {
		_, ok := patterns[i].Match(got[j], names)
		return ok
	}
	for i := n; i >= 0; i-- {
		for j := m; j >= 0; j-- {
			best := int32(0)
			switch {
			case i == n:
				best = int32(m - j)
			case patterns[i].Any():
				best = *at(i+1, j)
				if j < m {
					best = min(best, *at(i, j+1))
				}
			case j == m:
				best = *at(i+1, j) + 1
			case fits(i, j):
				best = *at(i+1, j+1)
			default:
				best = 1 + min(*at(i+1, j), *at(i, j+1))
			}
			*at(i, j) = best
		}
	}
	var ops []op
	for i, j := 0, 0; i < n || j < m; {
		switch {
		case i < n && patterns[i].Any() && *at(i, j) == *at(i+1, j):
			ops = append(ops, op{kind: skipped, want: want[i]})
			i++
		case i < n && patterns[i].Any():
			ops = append(ops, op{kind: skipped, got: got[j]})
			j++
		case i < n && j < m && fits(i, j):
			ops = append(ops, op{kind: same, want: want[i], got: got[j]})
			i, j = i+1, j+1
		case i < n && (j == m || *at(i, j) == *at(i+1, j)+1):
			ops = append(ops, op{kind: missing, want: want[i]})
			i++
		default:
			ops = append(ops, op{kind: extra, got: got[j]})
			j++
		}
	}
	return ops
}

// leftover is a comparison of lines of which none is the same.
func leftover(want, got []string) []op {
	var ops []op
	for _, w := range want {
		ops = append(ops, op{kind: missing, want: w})
	}
	for _, g := range got {
		ops = append(ops, op{kind: extra, got: g})
	}
	return ops
}

// lines returns what the transcript should say: its own lines where they hold, and the
// output where they do not.
func (c *comparison) lines(t *topology.Topology) []string {
	var out []string
	for _, o := range c.ops {
		switch o.kind {
		case same:
			out = append(out, o.want)
		case skipped:
			if o.want != "" {
				out = append(out, o.want)
			}
		case extra:
			out = append(out, t.Literal(o.got))
		}
	}
	return out
}

// diffContext is how many lines that are the same stand around those that are not.
const diffContext = 3

// diff is the comparison as a unified diff, without the lines that name files.
func (c *comparison) diff() string {
	var b strings.Builder
	wantLine, gotLine := 1, 1
	for i := 0; i < len(c.ops); {
		from, to := hunk(c.ops, i)
		for ; i < from; i++ {
			wantLine, gotLine = advance(c.ops[i], wantLine, gotLine)
		}
		if from == to {
			break
		}
		w, g := wantLine, gotLine
		var body strings.Builder
		for ; i < to; i++ {
			wantLine, gotLine = advance(c.ops[i], wantLine, gotLine)
			body.WriteString(c.ops[i].String())
		}
		fmt.Fprintf(&b, "@@ -%s +%s @@\n%s", lineRange(w, wantLine-w), lineRange(g, gotLine-g), body.String())
	}
	return b.String()
}

// String is a line of a diff. What is the same is shown as it was printed.
func (o op) String() string {
	switch o.kind {
	case same:
		return " " + o.got + "\n"
	case skipped:
		if o.want == "" {
			return " " + o.got + "\n"
		}
		return " " + o.want + "\n"
	case missing:
		return "-" + o.want + "\n"
	}
	return "+" + o.got + "\n"
}

// hunk returns the range of the next lines of a diff that belong together, empty if no
// more are different.
func hunk(ops []op, from int) (begin, end int) {
	last, first := -1, -1
	for i := from; i < len(ops); i++ {
		if k := ops[i].kind; k != missing && k != extra {
			if last >= 0 && i-last > 2*diffContext {
				break
			}
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
	}
	if first < 0 {
		return len(ops), len(ops)
	}
	return max(from, first-diffContext), min(len(ops), last+diffContext+1)
}

// advance counts a line in both texts.
func advance(o op, want, got int) (int, int) {
	if o.kind == same || o.kind == missing || o.kind == skipped && o.want != "" {
		want++
	}
	if o.kind == same || o.kind == extra || o.kind == skipped && o.want == "" {
		got++
	}
	return want, got
}

// lineRange is a range of lines as a unified diff writes it.
func lineRange(from, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("%d,0", from-1)
	case 1:
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d,%d", from, n)
}

package topology

import (
	"fmt"
	"regexp"
	"strings"
)

// Output is what a command printed, and the status it ended with.
type Output struct {
	Lines  []string // as a transcript has them: see [Literal]
	Status int
}

// Rewrite returns the file with other outputs in its transcript: by the index of a step in
// Run. All else stays as it is, byte for byte.
func (t *Topology) Rewrite(outputs map[int]Output) []byte {
	indent := ""
	if len(t.Run) > 0 {
		line := t.src.lines[t.Run[0].Pos.Line-1]
		indent = line[:len(line)-len(strings.TrimLeft(line, " "))]
	}
	var b strings.Builder
	next := 1 // the line to write
	copyTo := func(line int) {
		for ; next < line; next++ {
			b.WriteString(t.src.lines[next-1])
			if next < len(t.src.lines) {
				b.WriteByte('\n')
			}
		}
	}
	for i, s := range t.Run {
		o, ok := outputs[i]
		if !ok {
			continue
		}
		copyTo(s.lines.from)
		for _, l := range o.Lines {
			if l != "" {
				l = indent + l
			}
			b.WriteString(l + "\n")
		}
		if o.Status != 0 {
			fmt.Fprintf(&b, "%s[exit %d]\n", indent, o.Status)
		}
		next = s.lines.to
	}
	copyTo(len(t.src.lines) + 1)
	return []byte(b.String())
}

// Literal writes a line of output as a transcript has it, so that it stands for itself
// alone.
func (t *Topology) Literal(line string) string {
	line = strings.TrimRight(line, " \t\r")
	if p, err := ParsePattern(line); err != nil || p.any || p.re != nil {
		line = special.Replace(line)
	}
	host, _, prompt := promptOf(line)
	switch {
	case prompt && (host == Lab || t.HostNamed(host) != nil):
		return host + `{/\$/}` + strings.TrimPrefix(line, host+"$")
	case line == "#" || strings.HasPrefix(line, "# "), statusLine().MatchString(line):
		return "{/" + regexp.QuoteMeta(line[:1]) + "/}" + line[1:]
	}
	return line
}

// special writes what would stand for other text in a pattern as that text itself.
var special = strings.NewReplacer(anyText, `{/\.\.\./}`, "{", `{/\{/}`)

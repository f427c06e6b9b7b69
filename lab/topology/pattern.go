package topology

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Pattern is a line that a command is to print, as a transcript has it. It stands for
// itself, but for what hangs on chance or time:
//
//   - a line of ... stands for any number of lines, also none;
//   - ... within a line stands for any text;
//   - {KIND} stands for text of a kind: number, port, seq, time, mac, hex, word;
//   - {KIND:NAME} too, and all of a name in a transcript stand for the same text;
//   - {/REGEXP/} stands for what a regular expression (RE2) matches.
//
// Blanks at the end of a line count for nothing.
type Pattern struct {
	text   string
	any    bool
	re     *regexp.Regexp // nil: the text itself
	groups []string       // the names of its groups, empty for those of the user
}

// kinds are what {KIND} stands for.
var kinds = map[string]string{
	"number": `[0-9]+(?:\.[0-9]+)?`,
	"port":   `[0-9]{1,5}`,
	"seq":    `[0-9]{1,10}`,
	"time":   `(?:[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,9}|[0-9]+(?:\.[0-9]+)?)`,
	"mac":    `[0-9a-f]{2}(?::[0-9a-f]{2}){5}`,
	"hex":    `(?:0x)?[0-9a-f]+`,
	"word":   `[^\s]+`,
}

const anyText = "..."

// ParsePattern reads a line.
func ParsePattern(line string) (*Pattern, error) {
	p := &Pattern{text: line, any: line == anyText}
	if p.any || !strings.Contains(line, anyText) && !strings.Contains(line, "{") {
		return p, nil
	}
	var re strings.Builder
	re.WriteString("^")
	for rest := line; rest != ""; {
		rest = p.piece(&re, rest)
	}
	re.WriteString("$")
	var err error
	if p.re, err = regexp.Compile(re.String()); err != nil {
		return nil, fmt.Errorf("a pattern that cannot be read: %v", err)
	}
	return p, nil
}

// piece writes what the first piece of a line stands for and returns the rest.
func (p *Pattern) piece(re *strings.Builder, s string) string {
	if rest, ok := strings.CutPrefix(s, anyText); ok {
		re.WriteString(".*?")
		return rest
	}
	if rest, ok := strings.CutPrefix(s, "{/"); ok {
		if expr, after, ok := strings.Cut(rest, "/}"); ok {
			re.WriteString("(?:" + expr + ")")
			return after
		}
	}
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		if word, after, ok := strings.Cut(rest, "}"); ok {
			kind, name, _ := strings.Cut(word, ":")
			if expr := kinds[kind]; expr != "" {
				p.group(re, expr, word, name)
				return after
			}
		}
	}
	end := len(s)
	for _, mark := range []string{anyText, "{"} {
		if i := strings.Index(s[1:], mark); i >= 0 {
			end = min(end, i+1)
		}
	}
	re.WriteString(regexp.QuoteMeta(s[:end]))
	return s[end:]
}

// group writes a named or nameless piece.
func (p *Pattern) group(re *strings.Builder, expr, word, name string) {
	if name == "" {
		re.WriteString("(?:" + expr + ")")
		return
	}
	fmt.Fprintf(re, "(?P<n%d>%s)", len(p.groups), expr)
	p.groups = append(p.groups, word)
}

// Any tells whether the pattern stands for any number of lines.
func (p *Pattern) Any() bool { return p.any }

// Names are what the names of a transcript stand for, as far as its output has shown it.
type Names map[string]string

// Match tells whether a line is one that the pattern stands for. What names have come to
// mean is in names, and what they come to mean by this line is returned.
func (p *Pattern) Match(line string, names Names) (Names, bool) {
	line = strings.TrimRight(line, " \t\r")
	if p.re == nil {
		return nil, line == p.text
	}
	m := p.re.FindStringSubmatch(line)
	if m == nil {
		return nil, false
	}
	var learnt Names
	for i, word := range p.groups {
		got := m[slices.Index(p.re.SubexpNames(), fmt.Sprintf("n%d", i))]
		want, known := names[word]
		if !known {
			want, known = learnt[word]
		}
		if known && want != got {
			return nil, false
		}
		if learnt == nil {
			learnt = Names{}
		}
		learnt[word] = got
	}
	return learnt, true
}

package topology

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader reads the nodes of a YAML document and collects what is wrong in it.
type reader struct {
	src    *source
	first  int // lines of the file before the document
	errors Errors
	later  []func() // checks that need all of the file
}

func (r *reader) pos(n *yaml.Node) Pos { return Pos{n.Line + r.first, n.Column} }

// fail notes an error at a node.
func (r *reader) fail(n *yaml.Node, help, format string, args ...any) {
	width := 0
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && !strings.Contains(n.Value, "\n") {
		width = max(1, len(n.Value))
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			width += 2
		}
	}
	r.errors = append(r.errors, r.src.at(r.pos(n), width, fmt.Sprintf(format, args...), help))
}

// resolve follows an alias to its node.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// isNull tells whether nothing stands where a value could.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kindName is what people call the kind of a node.
func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if isNull(n) {
		return "nothing"
	}
	return "a single value"
}

// entry is a key of a mapping with its value.
type entry struct {
	key   *yaml.Node
	value *yaml.Node
}

// entries returns what a mapping holds; ok is false if the node is none.
func (r *reader) entries(n *yaml.Node, what string) (list []entry, ok bool) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "", "%s is a mapping of keys to values, not %s", what, kindName(n))
		return nil, false
	}
	seen := map[string]Pos{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := entry{resolve(n.Content[i]), resolve(n.Content[i+1])}
		if e.key.Kind != yaml.ScalarNode {
			r.fail(e.key, "", "a key is a word, not %s", kindName(e.key))
			continue
		}
		if p, twice := seen[e.key.Value]; twice {
			r.fail(e.key, "", "%s is there twice, first in line %d", e.key.Value, p.Line)
			continue
		}
		seen[e.key.Value] = r.pos(e.key)
		list = append(list, e)
	}
	return list, true
}

// fields are the keys of a mapping and what reads their values.
type fields map[string]func(*yaml.Node)

func (f fields) names() []string {
	var names []string
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// object reads a mapping with fixed keys.
func (r *reader) object(n *yaml.Node, what string, f fields) {
	list, _ := r.entries(n, what)
	for _, e := range list {
		if read := f[e.key.Value]; read != nil {
			read(e.value)
			continue
		}
		help := didYouMean(e.key.Value, f.names())
		if help == "" {
			help = "its keys are " + strings.Join(f.names(), ", ")
		}
		r.fail(e.key, help, "%s has no key %s", what, e.key.Value)
	}
}

// list reads each element of a list.
func (r *reader) list(n *yaml.Node, what string, read func(*yaml.Node)) {
	n = resolve(n)
	switch {
	case isNull(n):
	case n.Kind != yaml.SequenceNode:
		r.fail(n, "", "%s is a list, not %s", what, kindName(n))
	default:
		for _, e := range n.Content {
			read(resolve(e))
		}
	}
}

// scalar returns the text of a single value.
func (r *reader) scalar(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "", "%s is a single value, not %s", what, kindName(n))
		return "", false
	}
	if isNull(n) {
		return "", true
	}
	return n.Value, true
}

// text reads a single value into a string.
func (r *reader) text(to *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) { *to, _ = r.scalar(n, what) }
}

// parsed reads a single value with a function whose error says what is expected.
func parsed[T any](r *reader, to *T, what string, parse func(string) (T, error)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s, ok := r.scalar(n, what)
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			r.fail(n, "", "%s: %v", what, err)
			return
		}
		*to = v
	}
}

// textPos returns where the text of a scalar stands.
func (r *reader) textPos(n *yaml.Node) textPos {
	p := r.pos(n)
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		line := p.Line // the one with the mark |
		indent := 0
		for i := line; i < len(r.src.lines); i++ {
			if l := r.src.lines[i]; strings.TrimSpace(l) != "" {
				indent = len(l) - len(strings.TrimLeft(l, " "))
				break
			}
		}
		return textPos{pos: Pos{line + 1, indent + 1}, indent: indent}
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return textPos{pos: Pos{p.Line, p.Column + 1}, folded: strings.Contains(n.Value, "\n")}
	}
	return textPos{pos: p, folded: n.Style&yaml.FoldedStyle != 0 || strings.Contains(n.Value, "\n")}
}

// script reads a text with its place.
func (r *reader) script(to *Script, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.SequenceNode {
			r.fail(n, "put | behind the colon, and the lines below it without dashes", "%s is a text of commands, not a list", what)
			return
		}
		if s, ok := r.scalar(n, what); ok {
			*to = Script{Text: s, at: r.textPos(n)}
		}
	}
}

package topology

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
	"golang.org/x/tools/txtar"
)

// The files of an archive that are the topology; all others are there for the commands.
const (
	fileTopology = "topology.yaml"
	fileRun      = "run"
)

// maxFile bounds a file, in bytes.
const maxFile = 4 << 20

// Read reads a topology: a YAML document, or a txtar archive with the document as its
// file topology.yaml, the transcript as its file run, and prose before them. name is what
// errors call the file. The error is an [Errors].
func Read(name string, data []byte) (*Topology, error) {
	src := newSource(name, data)
	if len(data) > maxFile {
		return nil, Errors{src.at(Pos{}, 0, fmt.Sprintf("larger than %d MiB", maxFile>>20), "")}
	}
	t := &Topology{src: src}
	r := &reader{src: src}
	if isArchive(data) {
		t.readArchive(r, data)
	} else {
		t.readYAML(r, data, 0)
	}
	t.check(r)
	return t, r.errors.sorted()
}

// IsTopology tells by its content whether a file is a topology, and not, say, a saved
// world: it is an archive, or text that begins as a YAML mapping does.
func IsTopology(data []byte) bool {
	if isArchive(data) {
		return true
	}
	for line := range strings.SplitSeq(string(data[:min(len(data), 64<<10)]), "\n") {
		line = strings.TrimRight(line, " \r")
		if line == "" || line[0] == '#' || line == "---" {
			continue
		}
		key, _, ok := strings.Cut(line, ":")
		return ok && topologyKeys[strings.TrimSpace(key)]
	}
	return false
}

// isArchive tells whether data is a txtar archive with a topology.
func isArchive(data []byte) bool {
	mark := []byte("-- " + fileTopology + " --\n")
	return bytes.HasPrefix(data, mark) || bytes.Contains(data, append([]byte("\n"), mark...))
}

// readArchive reads a txtar archive.
func (t *Topology) readArchive(r *reader, data []byte) {
	a := txtar.Parse(data)
	t.Title, t.About = prose(string(a.Comment))
	line := bytes.Count(a.Comment, []byte("\n"))
	for _, f := range a.Files {
		line++ // its mark
		n := bytes.Count(f.Data, []byte("\n"))
		switch f.Name {
		case fileTopology:
			t.readYAML(r, f.Data, line)
		case fileRun:
			t.run = span{line + 1, line + n + 1}
		default:
			t.Files = append(t.Files, File{f.Name, f.Data})
		}
		line += n
	}
}

// prose splits the text before an archive into its title, the first line, and the rest.
func prose(s string) (title, about string) {
	title, about, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(strings.TrimLeft(title, "# ")), strings.TrimSpace(about)
}

// readYAML reads the document, which begins after some lines of the file.
func (t *Topology) readYAML(r *reader, data []byte, before int) {
	r.first = before
	empty := r.src.at(Pos{}, 0, "no topology: it is empty", "a topology has at least hosts:")
	if isBlank(data) {
		r.errors = append(r.errors, empty)
		return
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		r.errors = append(r.errors, r.syntax(err))
		return
	}
	n := &doc
	for (n.Kind == yaml.DocumentNode || n.Kind == yaml.StreamNode) && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n.Kind == 0 || isNull(n) {
		r.errors = append(r.errors, empty)
		return
	}
	t.decode(r, n)
}

// isBlank tells whether a document has remarks alone.
func isBlank(data []byte) bool {
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// syntax makes an error of one of the YAML parser.
func (r *reader) syntax(err error) *Error {
	var one *yaml.LoadError
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		one = many.Errors[0]
	}
	if one == nil && !errors.As(err, &one) {
		return r.src.at(Pos{}, 0, strings.TrimPrefix(err.Error(), "yaml: "), "")
	}
	help := ""
	if m := one.ContextMark; one.ContextMsg != "" && m.Line > 0 {
		help = fmt.Sprintf("%s (line %d)", one.ContextMsg, m.Line+r.first)
	}
	return r.src.at(Pos{max(1, one.Mark.Line) + r.first, one.Mark.Column + 1}, 1, "not YAML: "+one.Message, help)
}

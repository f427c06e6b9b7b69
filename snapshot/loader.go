package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// loader gathers the pieces of one Open.
type loader struct {
	opts   Options
	budget budget
	warn   warnings
	pieces []piece
	snap   Snapshot

	textPiece *textPiece      // nil: no text so far
	names     *iproute2.Names // of the name files given; nil: none

	stdin bool            // "-" was read
	seen  map[string]bool // namespaces found
}

// piece is what one file told, with device indexes of its own.
type piece struct {
	file   string
	format Format
	state  rpdb.State
	told   rpdb.Parts
	// indexOnly: the device indexes are real and the names invented (ifN), as in
	// netlink dumps without links.
	indexOnly bool
}

// document is one file, or part of a file, that holds state of one host.
type document struct {
	name    string // as messages show it
	format  Format
	command string // the ip command that wrote it, if the place tells
	line    int    // lines of the file before it
	names   *iproute2.Names
	foreign bool // of the host, while one of its namespaces was chosen
}

func newLoader(o Options) *loader {
	l := &loader{opts: o, seen: map[string]bool{}}
	l.budget.opts = o
	return l
}

// path reads one argument of Open.
func (l *loader) path(arg string) error {
	if text, ok := examples[arg]; ok {
		err := l.document(strings.NewReader(text), document{name: arg, format: FormatText})
		l.pieces[l.textPiece.at].state.Facts = exampleFacts
		return l.source(arg, FormatBuiltIn, err)
	}
	path, ns := arg, l.opts.Namespace
	if i := strings.LastIndex(arg, "#ns="); i >= 0 {
		if _, err := os.Lstat(arg); err != nil {
			path, ns = arg[:i], arg[i+len("#ns="):]
		}
	}
	if path == "-" {
		if l.stdin {
			return errors.New("standard input (-) can be read only once")
		}
		l.stdin = true
		return l.file("standard input", ns, l.opts.Stdin, nil)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if fi, err := f.Stat(); err == nil && fi.IsDir() {
		_ = f.Close()
		return l.source(path, FormatDirectory, l.directory(path, ns))
	}
	return l.file(path, ns, f, f.Close)
}

// file reads an open file of any format.
func (l *loader) file(name, ns string, r io.Reader, closer func() error) error {
	s, err := newStream(name, r, closer)
	defer func() { _ = s.Close() }()
	if err != nil {
		return err
	}
	body := l.budget.parsed(s.r, name)
	switch s.format {
	case FormatTar:
		return l.source(name, FormatTar, l.tarball(s, ns))
	case FormatSupportconfig:
		l.oneNamespace(name, ns)
		return l.source(name, s.format, l.supportconfig(body, document{name: name}))
	case FormatEmpty:
		return fmt.Errorf("%s: holds nothing", name)
	case formatZip:
		return fmt.Errorf("%s: a zip archive: unpack it and give the directory", name)
	case formatUTF16:
		return fmt.Errorf("%s: UTF-16 text: save it as UTF-8", name)
	case formatBinary, FormatUnknown:
		return fmt.Errorf("%s: not recognised (%s): not an archive of rulewalk, output of ip, sysctl or uname, "+
			"a sosreport, a supportconfig, or a file of ip route, rule or addr save", name, s.format)
	}
	l.oneNamespace(name, ns)
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	err = l.document(body, document{name: name, format: s.format, command: commandOfFile(base)})
	return l.source(name, s.format, err)
}

// oneNamespace warns where a namespace was chosen in a source that does not say of
// which it is.
func (l *loader) oneNamespace(name, ns string) {
	if ns != "" {
		l.warn.addf(Assumed, name, 0, "it tells of one namespace only, which is taken to be %q", ns)
		l.snap.Namespace = ns
	}
}

// source notes a file that was read.
func (l *loader) source(name string, f Format, err error) error {
	if err == nil {
		l.snap.Sources = append(l.snap.Sources, Source{Name: name, Format: f})
	}
	return err
}

// document reads one document into a piece.
func (l *loader) document(r io.Reader, d document) error {
	switch d.format {
	case FormatArchive:
		return fileError(d.name, l.archive(r, d))
	case FormatSave:
		return fileError(d.name, l.save(r, d))
	}
	return fileError(d.name, l.text(r, d))
}

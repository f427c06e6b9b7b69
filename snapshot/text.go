package snapshot

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// textPiece is what all texts of one Open tell together: one reader takes them
// all, so that a device named in one text is the one described in another.
type textPiece struct {
	reader *iproute2.TextReader
	at     int      // index in loader.pieces
	files  []string // read into it
}

// text reads a document of ip, sysctl and uname output.
func (l *loader) text(r io.Reader, d document) error {
	switch d.command {
	case "hostname":
		return l.hostname(r)
	case "cat /proc/version", "sysctl -a":
		d.command = ""
	}
	t := l.texts(d.name)
	file := &l.pieces[t.at]
	f := newFilter(r)
	f.command = d.command
	f.onCommand = func(c string) { file.told |= toldBy(c) }
	f.onSysctl = func(path, value string) { l.sysctl(file, path, value, d.name, d.line+f.line) }
	f.onUname = func(release, host string) { l.uname(file, release, host) }
	if d.command != "" {
		f.onCommand(d.command)
	}
	o := &iproute2.ReadOptions{Names: cmp.Or(d.names, l.names), Command: d.command}
	for {
		if err := l.stretch(t, f, d, o); err != nil {
			return err
		}
		if f.atEnd() {
			return nil
		}
		o.Command = f.command
	}
}

// stretch reads a stretch of text, or the JSON documents that begin here.
func (l *loader) stretch(t *textPiece, f *filter, d document, o *iproute2.ReadOptions) error {
	before := d.line + f.line
	isJSON := f.atJSON()
	var err error
	if isJSON {
		j := &jsonReader{f: f}
		if err = t.reader.ReadJSON(j, o); err == nil {
			_, err = io.Copy(io.Discard, j)
		}
		f.command = ""
	} else {
		err = t.reader.Read(f, o)
	}
	for _, p := range t.reader.TakeProblems() {
		w := Warning{Kind: NotUnderstood, File: d.name, Text: problemText(p)}
		switch {
		case p.Line == 0:
		case isJSON:
			w.Line = before + 1
			w.Text = fmt.Sprintf("entry %d: %s", p.Line, w.Text)
		default:
			w.Line = before + p.Line
		}
		l.warn.add(w)
	}
	if err != nil && before > 0 {
		return fmt.Errorf("after line %d: %w", before, err)
	}
	return err
}

func problemText(p iproute2.Problem) string {
	if p.Text == "" {
		return p.Why
	}
	return fmt.Sprintf("%s: %q", p.Why, p.Text)
}

// texts returns the reader of all texts, and notes one more file for it.
func (l *loader) texts(file string) *textPiece {
	if l.textPiece == nil {
		l.textPiece = &textPiece{reader: iproute2.NewTextReader(), at: len(l.pieces)}
		l.pieces = append(l.pieces, piece{file: file, format: FormatText})
	}
	t := l.textPiece
	if n := len(t.files); n == 0 || t.files[n-1] != file {
		t.files = append(t.files, file)
	}
	return t
}

// endTexts turns what the texts told into their piece.
func (l *loader) endTexts() {
	t := l.textPiece
	if t == nil {
		return
	}
	s := t.reader.State()
	p := &l.pieces[t.at]
	file := ""
	if len(t.files) == 1 {
		file = t.files[0]
	}
	for _, pr := range s.Problems {
		if strings.Contains(pr.Why, "of table local was shown") {
			continue // another source may tell it; see ownRoutes
		}
		l.warn.add(Warning{Kind: NotTold, File: file, Text: problemText(pr)})
	}
	p.state.Rules, p.state.Routes, p.state.NextHops = s.Rules, s.Routes, s.NextHops
	p.state.Links, p.state.Addrs, p.state.Neighs = s.Links, s.Addrs, s.Neighs
	p.told |= s.Seen
	l.tableNames(s.Tables)
	p.file = strings.Join(t.files, ", ")
}

// tableNames notes the tables that the texts name and no file gave a number, so
// that they print by name.
func (l *loader) tableNames(tables map[string]uint32) {
	if len(tables) == 0 {
		return
	}
	names := iproute2.DefaultNames()
	if l.snap.Names != nil {
		names = l.snap.Names.Clone()
	}
	for name, id := range tables {
		names.SetTable(id, name)
	}
	l.snap.Names = names
}

// sysctl notes one sysctl; the first that tells it wins.
func (l *loader) sysctl(p *piece, path, value, file string, line int) {
	switch path {
	case "kernel/osrelease":
		l.uname(p, value, "")
		return
	case "kernel/hostname":
		l.uname(p, "", value)
		return
	}
	if old, ok := p.state.Sysctls[path]; ok {
		if old != value {
			l.warn.addf(Repeated, file, line, "%s was %s before; that stays", path, old)
		}
		return
	}
	if p.state.Sysctls == nil {
		p.state.Sysctls = rpdb.Sysctls{}
	}
	p.state.Sysctls[path] = value
	p.told |= rpdb.PartSysctls
}

// uname notes the kernel's release and the host's name; the first wins.
func (l *loader) uname(p *piece, release, host string) {
	if p.state.Kernel.Release == "" {
		p.state.Kernel.Release = release
	}
	if l.snap.Host == "" {
		l.snap.Host = host
	}
}

func (l *loader) hostname(r io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(r, 256))
	if name := strings.TrimSpace(string(b)); l.snap.Host == "" && !strings.ContainsAny(name, " \t\n") {
		l.snap.Host = name
	}
	return err
}

// toldBy returns the kinds of state that the output of a command lists completely,
// so that an empty output says that there are none.
func toldBy(command string) rpdb.Parts {
	w := strings.Fields(command)
	if len(w) == 0 || !isIP(w[0]) {
		return 0
	}
	f4, f6 := true, true
	i := 1
	for ; i < len(w) && strings.HasPrefix(w[i], "-"); i++ {
		switch w[i] {
		case "-4":
			f6 = false
		case "-6":
			f4 = false
		case "-f", "-family", "-n", "-netns", "-rc", "-rcvbuf", "-l", "-loops":
			return 0
		}
	}
	if i == len(w) {
		return 0
	}
	object, rest := objectOf(w[i]), w[i+1:]
	if len(rest) > 0 && (strings.HasPrefix("show", rest[0]) || strings.HasPrefix("list", rest[0]) || rest[0] == "lst") {
		rest = rest[1:]
	}
	all := len(rest) == 2 && strings.HasPrefix("table", rest[0]) && rest[1] == "all"
	var p rpdb.Parts
	add := func(p4, p6 rpdb.Parts) {
		if f4 {
			p |= p4
		}
		if f6 {
			p |= p6
		}
	}
	switch {
	case object == "route" && all:
		add(rpdb.PartRoutes4, rpdb.PartRoutes6)
	case len(rest) > 0:
	case object == "rule":
		f6 = f6 && !f4 // without -6 only IPv4 is listed
		add(rpdb.PartRules4, rpdb.PartRules6)
	case object == "address":
		add(rpdb.PartAddrs4, rpdb.PartAddrs6)
	case object == "nexthop" && f4 && f6:
		p = rpdb.PartNextHops
	case strings.HasPrefix(object, "neigh") && f4 && f6:
		p = rpdb.PartNeighs
	}
	return p
}

func isIP(word string) bool { return word == "ip" || strings.HasSuffix(word, "/ip") }

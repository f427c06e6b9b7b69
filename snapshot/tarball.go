package snapshot

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// tarball reads a tarball in one pass. Only files of a report that have a role,
// or, where there is no report, files that are recognised, are kept in memory.
// Nothing is written anywhere, so the names in it cannot do harm; those that
// climb out of the tree are passed over.
func (l *loader) tarball(s *stream, ns string) error {
	t := tarScan{l: l, name: s.name, reports: map[string][]member{}}
	if err := t.scan(tar.NewReader(l.budget.scanned(s.r, s.name))); err != nil {
		return err
	}
	switch tops := t.tops(); len(tops) {
	case 0:
		for _, w := range t.skipped.all() {
			l.warn.add(w)
		}
		return l.loose(s.name, ns, t.loose)
	case 1:
		return l.report(path.Join(s.name, tops[0]), ns, t.reports[tops[0]])
	default:
		return fmt.Errorf("%s: holds several reports (%s): unpack it and give one of them", s.name, strings.Join(tops, ", "))
	}
}

// tarScan is what one pass over a tarball found.
type tarScan struct {
	l       *loader
	name    string
	reports map[string][]member // by top directory
	loose   []member            // no report's, as long as there is no report
	skipped warnings            // about those
	kept    int
}

func (t *tarScan) scan(tr *tar.Reader) error {
	last := "its start"
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return t.failed("after "+last, err)
		}
		last = h.Name
		p, ok := cleanName(h.Name)
		if !ok {
			t.l.warn.addf(Skipped, t.name, 0, "%q leads out of the tarball, not read", h.Name)
			continue
		}
		if err := t.entry(h, p, tr); err != nil {
			return t.failed("in "+h.Name, err)
		}
	}
}

func (t *tarScan) failed(where string, err error) error {
	var limit *LimitError
	if errors.As(err, &limit) {
		return limit
	}
	return fmt.Errorf("%s: %s: %w", t.name, where, err)
}

// entry keeps one file if it may be of use.
func (t *tarScan) entry(h *tar.Header, p string, tr io.Reader) error {
	top, rel, r, ok := anchor(p)
	if h.Typeflag != tar.TypeReg {
		if ok && h.Typeflag != tar.TypeDir {
			t.l.warn.addf(Skipped, path.Join(t.name, p), 0, "a link or special file in the tarball, not followed")
		}
		return nil
	}
	if !ok {
		return t.looseEntry(p, tr)
	}
	t.dropLoose(r)
	m, err := t.keep(rel, tr)
	m.role = r
	t.reports[top] = append(t.reports[top], m)
	return err
}

// keep reads a file into memory, within MaxBytes over all files.
func (t *tarScan) keep(p string, r io.Reader) (member, error) {
	if t.kept++; t.kept > maxMembers {
		return member{}, fmt.Errorf("more than %d files to read", maxMembers)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(t.l.budget.parsed(r, path.Join(t.name, p))); err != nil {
		return member{}, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return member{path: p, open: open}, nil
}

// looseEntry keeps a file of a tarball that is no report so far, if it is
// recognised.
func (t *tarScan) looseEntry(p string, r io.Reader) error {
	if len(t.reports) > 0 {
		return nil
	}
	head := make([]byte, recogniseLen)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	head = head[:n]
	switch recognise(head) {
	case FormatArchive, FormatText, FormatSave, FormatSupportconfig:
	case FormatEmpty:
		return nil
	default:
		t.skipped.addf(Skipped, path.Join(t.name, p), 0, "not recognised, not read")
		return nil
	}
	m, err := t.keep(p, io.MultiReader(bytes.NewReader(head), r))
	t.loose = append(t.loose, m)
	return err
}

// dropLoose forgets the loose files once the tarball turns out to be a report.
func (t *tarScan) dropLoose(r role) {
	if r.names != "" || r.command == "cat /proc/version" {
		return
	}
	t.loose, t.skipped = nil, warnings{}
}

// tops returns the top directories of the reports: those with more than name
// files.
func (t *tarScan) tops() []string {
	var tops []string
	for top, ms := range t.reports {
		if slices.ContainsFunc(ms, func(m member) bool { return m.role.network || m.role.command != "" && m.path != "proc/version" }) {
			tops = append(tops, top)
		}
	}
	slices.Sort(tops)
	return tops
}

// anchor finds the place of a path in a report: its top directory, the path below
// that and the role there.
func anchor(p string) (top, rel string, r role, ok bool) {
	for i := 0; i >= 0 && i < len(p); {
		if r, ok = reportRole(p[i:]); ok {
			return strings.TrimSuffix(p[:i], "/"), p[i:], r, true
		}
		next := strings.IndexByte(p[i:], '/')
		if next < 0 {
			break
		}
		i += next + 1
	}
	return "", "", role{}, false
}

// cleanName returns the path of a tarball's entry without ./ and doubled slashes;
// false for one that climbs.
func cleanName(name string) (string, bool) {
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", false
	}
	p := strings.TrimPrefix(path.Clean("/"+name), "/")
	return p, p != ""
}

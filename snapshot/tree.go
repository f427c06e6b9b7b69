package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// member is a file in a tree or tarball that may hold state.
type member struct {
	path string // below the top of the report, or as named in a loose collection
	role role
	open func() (io.ReadCloser, error)
}

// maxMembers bounds the files of a tree or tarball that are taken.
const maxMembers = 10000

// directory reads a directory: a sosreport, a supportconfig, one level above one,
// or a collection of files that are recognised one by one. Links that lead out of
// it are not followed.
func (l *loader) directory(name, ns string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	fsys := root.FS()
	top, err := findReport(name, fsys)
	if err != nil {
		return err
	}
	if top == "" {
		return l.looseDirectory(name, ns, fsys)
	}
	sub, err := fs.Sub(fsys, top)
	if err != nil {
		return err
	}
	members, err := l.walkReport(path.Join(name, top), sub)
	if err != nil {
		return err
	}
	return l.report(path.Join(name, top), ns, members)
}

// findReport returns the directory that is the top of a report: the given one or
// the only one below it that is one; "" if there is none.
func findReport(name string, fsys fs.FS) (string, error) {
	if isReport(fsys, ".") {
		return ".", nil
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return "", fileError(name, err)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() && isReport(fsys, e.Name()) {
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s: holds several reports (%s): give one of them", name, strings.Join(found, ", "))
}

func isReport(fsys fs.FS, dir string) bool {
	if fi, err := fs.Stat(fsys, path.Join(dir, "sos_commands")); err == nil && fi.IsDir() {
		return true
	}
	fi, err := fs.Stat(fsys, path.Join(dir, "network.txt"))
	if err != nil || !fi.Mode().IsRegular() {
		return false
	}
	fi, err = fs.Stat(fsys, path.Join(dir, "basic-environment.txt"))
	return err == nil && fi.Mode().IsRegular()
}

// reportPlaces are the directories of a report in which files are looked for.
var reportPlaces = []string{
	"sos_commands/networking", "sos_commands/kernel", "sos_commands/host",
	"etc/iproute2", "usr/share/iproute2", "proc/version",
}

// walkReport lists the files of a report that have a role.
func (l *loader) walkReport(name string, fsys fs.FS) ([]member, error) {
	var ms []member
	add := func(p string) error {
		r, ok := reportRole(p)
		if !ok {
			return nil
		}
		if fi, err := fs.Stat(fsys, p); err != nil || !fi.Mode().IsRegular() {
			l.warn.addf(Skipped, path.Join(name, p), 0, "not a regular file of the report, not read")
			return nil
		}
		if len(ms) == maxMembers {
			return fmt.Errorf("%s: more than %d files of network state", name, maxMembers)
		}
		ms = append(ms, member{p, r, func() (io.ReadCloser, error) { return fsys.Open(p) }})
		return nil
	}
	for _, place := range reportPlaces {
		err := fs.WalkDir(fsys, place, func(p string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return fileError(name, err)
			case d.IsDir():
				return nil
			}
			return add(p)
		})
		if err != nil {
			return nil, err
		}
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fileError(name, err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			if err := add(e.Name()); err != nil {
				return nil, err
			}
		}
	}
	return ms, nil
}

// looseDirectory reads the files of a directory that is no report, each for
// itself. Files that are not recognised are named in warnings.
func (l *loader) looseDirectory(name, ns string, fsys fs.FS) error {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return fileError(name, err)
	}
	var ms []member
	for _, e := range entries {
		p := e.Name()
		if fi, err := fs.Stat(fsys, p); err != nil || !fi.Mode().IsRegular() {
			l.warn.addf(Skipped, path.Join(name, p), 0, "not a regular file, not read")
			continue
		}
		if len(ms) == maxMembers {
			return fmt.Errorf("%s: more than %d files", name, maxMembers)
		}
		ms = append(ms, member{path: p, open: func() (io.ReadCloser, error) { return fsys.Open(p) }})
	}
	return l.loose(name, ns, ms)
}

// loose reads files that nothing is known of.
func (l *loader) loose(name, ns string, ms []member) error {
	before := len(l.pieces)
	for _, m := range ms {
		file := path.Join(name, m.path)
		f, err := m.open()
		if err != nil {
			return fileError(file, err)
		}
		s, err := newStream(file, f, f.Close)
		if err == nil {
			switch s.format {
			case FormatArchive, FormatText, FormatSave:
				err = l.document(l.budget.parsed(s.r, file), document{
					name: file, format: s.format, command: commandOfFile(path.Base(m.path)),
				})
			case FormatSupportconfig:
				err = l.supportconfig(l.budget.parsed(s.r, file), document{name: file})
			case FormatEmpty:
			default:
				l.warn.addf(Skipped, file, 0, "not recognised (%s), not read", s.format)
			}
		}
		_ = s.Close()
		if err != nil {
			return err
		}
	}
	if len(l.pieces) == before {
		return fmt.Errorf("%s: no file in it was recognised", name)
	}
	l.oneNamespace(name, ns)
	return nil
}

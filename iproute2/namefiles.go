package iproute2

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
)

// The directories of the name files.
const (
	etcDir    = "/etc/iproute2"
	vendorDir = "/usr/share/iproute2"
)

// maxNameFile bounds the size of one name file.
const maxNameFile = 1 << 20

// SystemNames returns the names that ip would use on this host: those built in,
// and those of /etc/iproute2 and /usr/share/iproute2. Files that do not exist are
// no error; what could be read is returned together with an error about the rest.
func SystemNames() (*Names, error) {
	return LoadNames(os.DirFS(etcDir), os.DirFS(vendorDir))
}

// LoadNames returns the built-in names and those of the name files of an etc and
// a vendor directory, read in iproute2's order (since 6.5): FILE of etc, or else of
// vendor; then FILE.d/*.conf of vendor, where etc has no file of that name; then
// FILE.d/*.conf of etc. Either directory may be nil. A later entry wins.
func LoadNames(etc, vendor fs.FS) (*Names, error) {
	n := DefaultNames()
	var errs []error
	for _, f := range []struct {
		name string
		t    *nameTable
	}{
		{"rt_tables", &n.tables},
		{"rt_protos", &n.protos},
		{"rt_addrprotos", &n.addrProtos},
		{"rt_scopes", &n.scopes},
		{"rt_realms", &n.realms},
		{"rt_dsfield", &n.dsfields},
		{"group", &n.groups},
	} {
		errs = append(errs, loadNameFile(f.t, f.name, etc, vendor))
	}
	return n, errors.Join(errs...)
}

func loadNameFile(t *nameTable, name string, etc, vendor fs.FS) error {
	var errs []error
	read := func(dir fs.FS, file string) bool {
		if dir == nil {
			return false
		}
		b, err := fs.ReadFile(dir, file)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			return false
		}
		errs = append(errs, t.read(file, b))
		return true
	}
	if !read(etc, name) {
		read(vendor, name)
	}
	own := confFiles(etc, name+".d")
	for _, base := range confFiles(vendor, name+".d") {
		if i := sort.SearchStrings(own, base); i == len(own) || own[i] != base {
			read(vendor, path.Join(name+".d", base))
		}
	}
	for _, base := range own {
		read(etc, path.Join(name+".d", base))
	}
	return errors.Join(errs...)
}

// confFiles returns the sorted base names of the *.conf files of a directory.
func confFiles(dir fs.FS, sub string) []string {
	if dir == nil {
		return nil
	}
	matches, err := fs.Glob(dir, sub+"/*.conf")
	if err != nil {
		return nil
	}
	for i, m := range matches {
		matches[i] = path.Base(m)
	}
	sort.Strings(matches)
	return matches
}

// ReadTables adds the lines of an rt_tables file to the names. As iproute2 does,
// it stops at the first line that is not "ID NAME", with an error that quotes it.
func (n *Names) ReadTables(file string, data []byte) error { return n.tables.read(file, data) }

func (t *nameTable) read(file string, data []byte) error {
	if len(data) > maxNameFile {
		return fmt.Errorf("%s: longer than %d bytes", file, maxNameFile)
	}
	sc := bufio.NewScanner(bytes.NewReader(data))
	for line := 1; sc.Scan(); line++ {
		text, _, _ := strings.Cut(sc.Text(), "#")
		f := strings.Fields(text)
		if len(f) == 0 {
			continue
		}
		id, ok := parseNameID(f[0])
		if !ok || len(f) != 2 {
			return fmt.Errorf("%s:%d: not \"ID NAME\": %q", file, line, sc.Text())
		}
		t.set(id, f[1])
	}
	return sc.Err()
}

// parseNameID reads the number of a name file: hex with 0x, else decimal.
func parseNameID(s string) (uint32, bool) {
	if strings.HasPrefix(s, "0x") {
		return parseUint(s, 16, 1<<32-1)
	}
	return parseUint(s, 10, 1<<32-1)
}

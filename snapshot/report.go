package snapshot

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
)

// report reads the members of a sosreport or supportconfig for one namespace.
func (l *loader) report(name, ns string, ms []member) error {
	names, err := l.reportNames(name, ms)
	if err != nil {
		return err
	}
	if err := l.namespaces(name, ns, ms); err != nil {
		return err
	}
	ms = chosen(ms, ns)
	if len(ms) == 0 {
		return fmt.Errorf("%s: a report without rules or routes: no sos_commands/networking/ip_* and no network.txt", name)
	}
	for _, m := range ms {
		if err := l.member(path.Join(name, m.path), m, ns, names); err != nil {
			return err
		}
	}
	return nil
}

// member reads a file of a report for a namespace.
func (l *loader) member(file string, m member, ns string, names *iproute2.Names) error {
	f, err := m.open()
	if err != nil {
		return fileError(file, err)
	}
	s, err := newStream(file, f, f.Close)
	defer func() { _ = s.Close() }()
	if err != nil {
		return err
	}
	d := document{name: file, format: FormatText, command: m.role.command, names: names, foreign: m.role.ns != ns}
	switch {
	case s.format == FormatEmpty:
		// An empty answer is an answer too: text tells what the command would list.
	case (m.role.network || m.role.support) && s.format == FormatSupportconfig:
		return l.supportconfig(l.budget.parsed(s.r, file), d)
	case m.role.support:
		return nil
	case s.format == FormatText, s.format == FormatUnknown && !m.role.network:
	default:
		l.warn.addf(Skipped, file, 0, "not output of %s (%s), not read", m.role.command, s.format)
		return nil
	}
	return l.document(l.budget.parsed(s.r, file), d)
}

// chosen returns the members of the namespace in the order in which they are
// read, the most telling first, without those that only repeat others. What is
// said of the host as a whole belongs to every namespace.
func chosen(ms []member, ns string) []member {
	var out []member
	network, details := false, false
	for _, m := range ms {
		r := m.role
		host := r.support || strings.HasPrefix(r.command, "uname") || r.command == "hostname" || r.command == "cat /proc/version"
		if r.names != "" || r.ns != ns && !host {
			continue
		}
		network = network || !host && !strings.HasPrefix(r.command, "sysctl")
		details = details || isAddress(r.command, "-d")
		out = append(out, m)
	}
	if !network {
		return nil
	}
	if details { // ip -d address tells all that ip -o addr does, and the devices
		out = slices.DeleteFunc(out, func(m member) bool { return isAddress(m.role.command, "-o") })
	}
	slices.SortStableFunc(out, func(a, b member) int {
		return cmp.Or(cmp.Compare(rank(a.role.command), rank(b.role.command)), cmp.Compare(a.path, b.path))
	})
	return out
}

func isAddress(command, option string) bool {
	f := strings.Fields(command)
	return len(f) > 2 && f[0] == "ip" && f[1] == option && objectOf(f[2]) == "address"
}

// rank orders the commands of a report: devices first, so that others find them,
// and IPv4 before IPv6.
func rank(command string) int {
	for i, word := range []string{" link", " addr", " rule", " route show table all", " route", " nexthop", " neigh"} {
		if strings.Contains(command, word) {
			if strings.Contains(command, " -6 ") {
				return 2*i + 1
			}
			return 2 * i
		}
	}
	return 100
}

// namespaces records the namespaces that the members tell of, and fails if the
// chosen one is not among them.
func (l *loader) namespaces(name, ns string, ms []member) error {
	var all []string
	for _, m := range ms {
		if m.role.ns != "" && m.role.names == "" {
			all = append(all, m.role.ns)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if ns != "" && !slices.Contains(all, ns) {
		if len(all) == 0 {
			return fmt.Errorf("%s: namespace %q: the report tells of no namespace but the host's own", name, ns)
		}
		return fmt.Errorf("%s: namespace %q is not in the report, which has %s", name, ns, strings.Join(all, ", "))
	}
	l.snap.Namespace = cmp.Or(ns, l.snap.Namespace)
	for _, n := range all {
		if n != ns && !slices.Contains(l.snap.Namespaces, n) {
			l.snap.Namespaces = append(l.snap.Namespaces, n)
		}
	}
	return nil
}

// reportNames reads the name files of a report; nil if it has none.
func (l *loader) reportNames(name string, ms []member) (*iproute2.Names, error) {
	etc, vendor := memFS{}, memFS{}
	for _, m := range ms {
		if m.role.names == "" {
			continue
		}
		file := path.Join(name, m.path)
		f, err := m.open()
		if err != nil {
			return nil, fileError(file, err)
		}
		data, err := io.ReadAll(l.budget.parsed(f, file))
		_ = f.Close()
		if err != nil {
			return nil, fileError(file, err)
		}
		if m.role.vendor {
			vendor[m.role.names] = data
		} else {
			etc[m.role.names] = data
		}
	}
	return l.loadNames(path.Join(name, "etc/iproute2"), etc, vendor), nil
}

// loadNames reads name files; nil if there are none, so that others hold.
func (l *loader) loadNames(file string, etc, vendor memFS) *iproute2.Names {
	if len(etc)+len(vendor) == 0 {
		return nil
	}
	names, err := iproute2.LoadNames(etc, vendor)
	if err != nil {
		l.warn.addf(NotUnderstood, file, 0, "%v", err)
	}
	if l.snap.Names == nil {
		l.snap.Names = names
	}
	return names
}

// nameFiles reads the name files (rt_tables and its like) among the paths, which
// are known by their names and have to be read before what uses them, and returns
// the other paths.
func (l *loader) nameFiles(paths []string) ([]string, error) {
	etc := memFS{}
	var rest, files []string
	for _, p := range paths {
		base := filepath.Base(p)
		fi, err := os.Stat(p)
		if !isNameFile(base) || err != nil || !fi.Mode().IsRegular() {
			rest = append(rest, p)
			continue
		}
		f, err := os.Open(p)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(l.budget.parsed(f, p))
		_ = f.Close()
		if err != nil {
			return nil, fileError(p, err)
		}
		etc[base] = data
		files = append(files, p)
	}
	l.names = l.loadNames(strings.Join(files, ", "), etc, nil)
	return rest, nil
}

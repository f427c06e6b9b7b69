package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// sysctlTool is the sysctl command of procps over a namespace.
type sysctlTool struct {
	*job

	out *bufio.Writer

	values, names, quiet, ignore, all, write, files bool
	status                                          int
}

const sysctlUsage = `Usage:
 sysctl [options] [variable[=value] ...]

Options:
  -a, --all            display all variables
  -e, --ignore         ignore unknown variables errors
  -N, --names          print variable names without values
  -n, --values         print only values of the given variable(s)
  -p, --load[=<file>]  read values from file
  -q, --quiet          do not echo variable set
  -w, --write          enable writing a value to variable
  -h, --help           display this help and exit
`

// sysctl is the sysctl command.
func (j *job) sysctl(context.Context) int {
	out := bufio.NewWriter(j.Out)
	defer func() { _ = out.Flush() }()
	t := &sysctlTool{job: j, out: out}
	words, ok := t.options(j.Args[1:])
	switch {
	case !ok:
		return 1
	case t.files:
		if len(words) == 0 {
			words = []string{"/etc/sysctl.conf"}
		}
		for _, f := range words {
			t.load(f)
		}
	case t.all:
		t.below("")
	case len(words) == 0:
		fmt.Fprint(t.Err, "sysctl: no variables specified\nTry `sysctl --help' for more information.\n")
		return 1
	}
	if !t.files {
		for _, w := range words {
			t.word(w)
		}
	}
	return t.status
}

// options reads the options and returns the other words.
func (t *sysctlTool) options(args []string) (words []string, ok bool) {
	long := map[string]byte{
		"--all": 'a', "--values": 'n', "--names": 'N', "--quiet": 'q', "--ignore": 'e', "--write": 'w', "--load": 'p',
		"--help": 'h',
	}
	for i, a := range args {
		switch {
		case a == "--":
			return append(words, args[i+1:]...), true
		case long[a] != 0:
			if !t.option(long[a]) {
				return nil, false
			}
		case strings.HasPrefix(a, "--load="):
			t.files = true
			words = append(words, strings.TrimPrefix(a, "--load="))
		case len(a) > 1 && a[0] == '-':
			for j := 1; j < len(a); j++ {
				if !t.option(a[j]) {
					return nil, false
				}
			}
		default:
			words = append(words, a)
		}
	}
	return words, true
}

// option sets one option; false ends the command.
func (t *sysctlTool) option(c byte) bool {
	switch c {
	case 'a', 'A', 'X':
		t.all = true
	case 'n':
		t.values = true
	case 'N':
		t.names = true
	case 'q':
		t.quiet = true
	case 'e':
		t.ignore = true
	case 'w':
		t.write = true
	case 'p', 'f':
		t.files = true
	case 'h':
		fmt.Fprint(t.out, sysctlUsage)
		t.status = 0
		return false
	default:
		fmt.Fprintf(t.Err, "sysctl: invalid option -- '%c'\n%s", c, sysctlUsage)
		return false
	}
	return true
}

// word reads or writes one variable.
func (t *sysctlTool) word(w string) {
	name, value, set := strings.Cut(w, "=")
	switch {
	case set:
		t.set(strings.TrimSpace(name), strings.TrimSpace(value))
	case t.write:
		t.complain("%q must be of the form name=value", w)
	default:
		t.below(slashed(name))
	}
}

// slashed makes a path of a name: whichever of dot and slash comes first separates,
// and the other one is the first in disguise.
func slashed(name string) string {
	i := strings.IndexAny(name, "./")
	if i < 0 || name[i] == '/' {
		return strings.TrimPrefix(name, "/proc/sys/")
	}
	return swap(name)
}

// dotted is how a path is shown.
func dotted(path string) string { return swap(path) }

func swap(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, s)
}

// below shows a variable, or all of a folder.
func (t *sysctlTool) below(path string) {
	found := false
	for _, p := range t.space.ns.Sysctls() {
		if !isBelow(p, path) {
			continue
		}
		found = true
		v, err := t.space.ns.Sysctl(p)
		switch {
		case err == nil:
			t.show(p, v)
		case !t.all && p == path:
			t.refuse(p, err)
		}
	}
	if !found && !t.ignore {
		t.complain("cannot stat /proc/sys/%s: No such file or directory", path)
	}
}

// isBelow tells whether a path is another one or lies below it.
func isBelow(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (dir == "" || rest == "" || rest[0] == '/')
}

func (t *sysctlTool) show(path, value string) {
	switch {
	case t.names:
		fmt.Fprintln(t.out, dotted(path))
	case t.values:
		fmt.Fprintln(t.out, value)
	default:
		fmt.Fprintf(t.out, "%s = %s\n", dotted(path), value)
	}
}

func (t *sysctlTool) set(name, value string) {
	path := slashed(name)
	err := t.space.ns.SetSysctl(path, value)
	switch {
	case err == nil:
		if !t.quiet {
			t.show(path, value)
		}
	case errors.Is(err, rpdb.ENOENT):
		if !t.ignore {
			t.complain("cannot stat /proc/sys/%s: No such file or directory", path)
		}
	default:
		t.refuse(path, plain(err))
	}
}

func (t *sysctlTool) refuse(path string, err error) {
	if errors.Is(err, rpdb.EACCES) || errors.Is(err, rpdb.EPERM) {
		t.complain("permission denied on key %q", dotted(path))
		return
	}
	text := err.Error()
	var errno rpdb.Errno
	if errors.As(err, &errno) {
		text = errno.Error()
	}
	t.complain("setting key %q: %s", dotted(path), text)
}

func (t *sysctlTool) complain(format string, args ...any) {
	_ = t.out.Flush()
	fmt.Fprintf(t.Err, "sysctl: "+format+"\n", args...)
	t.status = 1
}

// reason is an error as C tells it, without the path that it is about.
func reason(err error) string {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// load sets what a file says, line by line (sysctl.conf(5)).
func (t *sysctlTool) load(file string) {
	var in io.Reader = t.In
	if file != "-" {
		f, err := t.caller.open(file)
		if err != nil {
			t.complain("cannot open %q: %s", file, reason(err))
			return
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			t.complain("%s(%d): invalid syntax, continuing...", file, n)
			continue
		}
		was := t.ignore
		name, mild := strings.CutPrefix(strings.TrimSpace(name), "-")
		t.ignore = was || mild
		t.set(name, strings.TrimSpace(value))
		t.ignore = was
	}
}

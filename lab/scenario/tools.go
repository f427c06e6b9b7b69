package scenario

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The tools are those that a transcript needs to pick lines out of an output. They know
// the options that are written for that; anything else is refused, not ignored.

// sleep waits by the clock of the world: sleep NUMBER[smhd]...
func sleep(ctx context.Context, p *Process, args []string) int {
	if len(args) == 0 {
		return p.fail(1, "sleep: missing operand")
	}
	var total time.Duration
	for _, a := range args {
		d, err := time.ParseDuration(a)
		if n, ferr := strconv.ParseFloat(strings.TrimSuffix(a, "d"), 64); err != nil && ferr == nil {
			d, err = time.Duration(n*float64(time.Second)), nil
			if strings.HasSuffix(a, "d") {
				d *= 24 * 60 * 60
			}
		}
		if err != nil || d < 0 {
			return p.fail(1, "sleep: invalid time interval '%s'", a)
		}
		total += d
	}
	if p.World.Server.Sleep(ctx, total) != nil {
		return 130
	}
	return 0
}

// flags are the options of a tool that were given.
type flags map[rune]bool

// options splits words into options of one letter and the rest. Those of takes have a
// value, which goes to values. Any other is refused.
func (p *Process) options(tool, letters, takes string, args []string) (on flags, values map[rune]string, rest []string, ok bool) {
	on, values = flags{}, map[rune]string{}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return on, values, append(rest, args[i+1:]...), true
		}
		if len(a) < 2 || a[0] != '-' {
			rest = append(rest, a)
			continue
		}
		for j, c := range a[1:] {
			switch {
			case strings.ContainsRune(takes, c):
				value := a[j+2:]
				if value == "" && i+1 < len(args) {
					i++
					value = args[i]
				}
				values[c] = value
			case strings.ContainsRune(letters, c):
				on[c] = true
				continue
			default:
				p.fail(2, "%s: invalid option -- '%c' (here it has %s)", tool, c, optionList(letters+takes))
				return nil, nil, nil, false
			}
			break
		}
	}
	return on, values, rest, true
}

func optionList(letters string) string {
	if letters == "" {
		return "none"
	}
	return "-" + strings.Join(strings.Split(letters, ""), " -")
}

// inputs calls a function with each file, or with standard input where none is given or
// for "-". It returns 1 if one could not be read, else 0.
func (p *Process) inputs(tool string, files []string, do func(name string, r io.Reader)) int {
	if len(files) == 0 {
		files = []string{"-"}
	}
	status := 0
	for _, name := range files {
		if name == "-" {
			do(name, p.In)
			continue
		}
		f, err := p.open(name)
		if err != nil {
			var path *fs.PathError
			if errors.As(err, &path) {
				err = path.Err
			}
			status = p.fail(1, "%s: %s: %v", tool, name, err)
			continue
		}
		do(name, f)
		_ = f.Close()
	}
	return status
}

// lines calls a function with each line of an input.
func lines(r io.Reader, do func(string)) {
	in := bufio.NewReader(r)
	for {
		s, err := in.ReadString('\n')
		if s != "" {
			do(strings.TrimSuffix(s, "\n"))
		}
		if err != nil {
			return
		}
	}
}

func cat(_ context.Context, p *Process, args []string) int {
	_, _, files, ok := p.options("cat", "", "", args)
	if !ok {
		return 1
	}
	return p.inputs("cat", files, func(_ string, r io.Reader) { _, _ = io.Copy(p.Out, r) })
}

// grep prints the lines that match: -i -v -c -o -q -n -w -x, -E or -F, -e PATTERN.
func grep(_ context.Context, p *Process, args []string) int {
	on, values, rest, ok := p.options("grep", "ivcoqnwxEF", "e", args)
	if !ok {
		return 2
	}
	pattern, given := values['e']
	if !given {
		if len(rest) == 0 {
			return p.fail(2, "grep: no pattern")
		}
		pattern, rest = rest[0], rest[1:]
	}
	re, err := grepRegexp(pattern, on)
	if err != nil {
		return p.fail(2, "grep: %v", err)
	}
	found := false
	status := p.inputs("grep", rest, func(name string, r io.Reader) {
		n, hits := 0, 0
		lines(r, func(l string) {
			n++
			if re.MatchString(l) == on['v'] {
				return
			}
			hits++
			if on['q'] || on['c'] {
				return
			}
			text := []string{l}
			if on['o'] && !on['v'] {
				text = re.FindAllString(l, -1)
			}
			for _, t := range text {
				if on['n'] {
					t = fmt.Sprintf("%d:%s", n, t)
				}
				if len(rest) > 1 {
					t = name + ":" + t
				}
				fmt.Fprintln(p.Out, t)
			}
		})
		found = found || hits > 0
		if on['c'] {
			fmt.Fprintln(p.Out, hits)
		}
	})
	switch {
	case found && on['q']:
		return 0
	case status != 0:
		return 2
	case !found:
		return 1
	}
	return 0
}

// grepRegexp makes a regular expression of a basic, an extended or a fixed one.
func grepRegexp(pattern string, on flags) (*regexp.Regexp, error) {
	switch {
	case on['F']:
		pattern = regexp.QuoteMeta(pattern)
	case !on['E']:
		pattern = basicRegexp(pattern)
	}
	if on['w'] {
		pattern = `\b(?:` + pattern + `)\b`
	}
	if on['x'] {
		pattern = `^(?:` + pattern + `)$`
	}
	if on['i'] {
		pattern = "(?i)" + pattern
	}
	return regexp.Compile(pattern)
}

// basicRegexp writes a basic regular expression (POSIX, with the extensions of GNU) as an
// extended one: in it the special characters + ? | ( ) { } are those with a backslash.
func basicRegexp(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && strings.IndexByte("+?|(){}", s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		case c == '\\' && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i++
		case strings.IndexByte("+?|(){}", c) >= 0:
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// headOrTail prints the first or the last lines: -n N or -N, 10 without it.
func headOrTail(p *Process, tool string, args []string) int {
	for i, a := range args {
		if n, err := strconv.Atoi(a); err == nil && n < 0 { // -3
			args = slices.Replace(slices.Clone(args), i, i+1, "-n", a[1:])
			break
		}
	}
	_, values, files, ok := p.options(tool, "", "n", args)
	if !ok {
		return 1
	}
	n := 10
	if v, given := values['n']; given {
		var err error
		if n, err = strconv.Atoi(v); err != nil || n < 0 {
			return p.fail(1, "%s: invalid number of lines: '%s'", tool, v)
		}
	}
	return p.inputs(tool, files, func(_ string, r io.Reader) {
		var kept []string
		lines(r, func(l string) {
			switch {
			case tool == "head" && len(kept) == n:
				return
			case len(kept) == n && n > 0:
				kept = append(kept[1:], l)
			case n > 0:
				kept = append(kept, l)
			}
		})
		for _, l := range kept {
			fmt.Fprintln(p.Out, l)
		}
	})
}

// sortLines sorts by bytes: -r backwards, -n by the number that begins the line, -u each
// line once.
func sortLines(_ context.Context, p *Process, args []string) int {
	on, _, files, ok := p.options("sort", "rnu", "", args)
	if !ok {
		return 2
	}
	var all []string
	status := p.inputs("sort", files, func(_ string, r io.Reader) {
		lines(r, func(l string) { all = append(all, l) })
	})
	slices.SortStableFunc(all, func(a, b string) int {
		c := strings.Compare(a, b)
		if x, y := leadingNumber(a), leadingNumber(b); on['n'] && x != y {
			c = 1
			if x < y {
				c = -1
			}
		}
		if on['r'] {
			return -c
		}
		return c
	})
	if on['u'] {
		all = slices.Compact(all)
	}
	for _, l := range all {
		fmt.Fprintln(p.Out, l)
	}
	return status * 2
}

func leadingNumber(s string) float64 {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(c rune) bool { return (c < '0' || c > '9') && c != '.' && c != '-' })
	if end < 0 {
		end = len(s)
	}
	n, _ := strconv.ParseFloat(s[:end], 64)
	return n
}

// count is wc -l: the number of lines, or with -c of bytes.
func count(_ context.Context, p *Process, args []string) int {
	on, _, files, ok := p.options("wc", "lc", "", args)
	if !ok || on['l'] == on['c'] || len(files) > 1 {
		return p.fail(1, "wc: here it is wc -l or wc -c, of one input")
	}
	return p.inputs("wc", files, func(_ string, r io.Reader) {
		b, _ := io.ReadAll(r)
		n := strings.Count(string(b), "\n")
		if on['c'] {
			n = len(b)
		}
		fmt.Fprintln(p.Out, n)
	})
}

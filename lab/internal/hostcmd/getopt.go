package hostcmd

import (
	"fmt"
	"strings"
)

// option is one option of a command line: its letter, or its long name, and its value.
type option struct {
	name  string
	value string
}

// parseOptions reads options as getopt(3) does: short is a list of letters, each with a
// colon behind it if it takes a value; long names the options with two dashes, with "="
// behind those that take a value. Words that are no options may stand between them.
func parseOptions(args []string, short string, long ...string) (opts []option, words []string, err error) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return opts, append(words, args[i+1:]...), nil
		case strings.HasPrefix(a, "--"):
			name, value, given := strings.Cut(a[2:], "=")
			wants, ok := longOption(name, long)
			switch {
			case !ok:
				return nil, nil, fmt.Errorf("unrecognized option '%s'", a)
			case wants && !given:
				if i++; i == len(args) {
					return nil, nil, fmt.Errorf("option '%s' requires an argument", a)
				}
				value = args[i]
			case !wants && given:
				return nil, nil, fmt.Errorf("option '--%s' doesn't allow an argument", name)
			}
			opts = append(opts, option{name, value})
		case len(a) > 1 && a[0] == '-':
			for j := 1; j < len(a); j++ {
				at := strings.IndexByte(short, a[j])
				if at < 0 || a[j] == ':' {
					return nil, nil, fmt.Errorf("invalid option -- '%c'", a[j])
				}
				o := option{name: a[j : j+1]}
				if at+1 < len(short) && short[at+1] == ':' {
					if o.value = a[j+1:]; o.value == "" {
						if i++; i == len(args) {
							return nil, nil, fmt.Errorf("option requires an argument -- '%c'", a[j])
						}
						o.value = args[i]
					}
					opts = append(opts, o)
					break
				}
				opts = append(opts, o)
			}
		default:
			words = append(words, a)
		}
	}
	return opts, words, nil
}

func longOption(name string, long []string) (wants, ok bool) {
	for _, l := range long {
		if n, w := strings.CutSuffix(l, "="); n == name {
			return w, true
		}
	}
	return false, false
}

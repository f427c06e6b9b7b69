package tcpdump

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/dissect"
)

const maxSnap = 262144

// options are the command line.
type options struct {
	text          dissect.Options
	numeric       bool // -n
	verbose       int
	iface         string
	list          bool // -D
	linkTypes     bool // -L
	count         int  // -c; 0 for no end
	countOnly     bool // --count
	write, read   string
	print         bool // --print: also with -w
	snap          int
	direction     string // -Q
	filterFile    string
	help, version bool
	expression    []string
}

// option is one that the command knows: what it takes and does.
type option struct {
	short byte
	long  string
	arg   bool
	set   func(o *options, arg string) error
}

func flagOption(short byte, long string, set func(o *options)) option {
	return option{short, long, false, func(o *options, _ string) error { set(o); return nil }}
}

// ignored are options that change nothing here: packets are shown and written at once,
// interfaces are always promiscuous and nothing is compiled.
func ignored(short byte, long string) option { return flagOption(short, long, func(*options) {}) }

var known = []option{
	flagOption('n', "", func(o *options) { o.numeric = true }),
	flagOption('v', "", func(o *options) { o.verbose++ }),
	flagOption('e', "", func(o *options) { o.text.LinkHeader = true }),
	flagOption('q', "", func(o *options) { o.text.Quiet = true }),
	flagOption('x', "", func(o *options) { o.text.Hex = more(o.text.Hex) }),
	flagOption('X', "", func(o *options) { o.text.HexASCII = more(o.text.HexASCII) }),
	flagOption('A', "", func(o *options) { o.text.ASCII = more(o.text.ASCII) }),
	flagOption('t', "", func(o *options) { o.text.Stamp++ }),
	flagOption('S', "absolute-tcp-sequence-numbers", func(o *options) { o.text.AbsoluteSeq = true }),
	flagOption('K', "dont-verify-checksums", func(o *options) { o.text.NoChecksums = true }),
	flagOption('#', "number", func(o *options) { o.text.Number = true }),
	flagOption('D', "list-interfaces", func(o *options) { o.list = true }),
	flagOption('L', "list-data-link-types", func(o *options) { o.linkTypes = true }),
	flagOption('h', "help", func(o *options) { o.help = true }),
	flagOption(0, "version", func(o *options) { o.version = true }),
	flagOption(0, "count", func(o *options) { o.countOnly = true }),
	flagOption(0, "print", func(o *options) { o.print = true }),
	flagOption(0, "nano", func(o *options) { o.text.Nanoseconds = true }),
	flagOption(0, "micro", func(o *options) { o.text.Nanoseconds = false }),
	ignored('l', ""), ignored('U', "packet-buffered"), ignored('p', "no-promiscuous-mode"), ignored('O', "no-optimize"),
	ignored('f', ""), ignored('N', ""), ignored(0, "immediate-mode"),
	{'i', "interface", true, func(o *options, a string) error { o.iface = a; return nil }},
	{'w', "", true, func(o *options, a string) error { o.write = a; return nil }},
	{'r', "", true, func(o *options, a string) error { o.read = a; return nil }},
	{'F', "", true, func(o *options, a string) error { o.filterFile = a; return nil }},
	{'Z', "relinquish-privileges", true, func(*options, string) error { return nil }},
	{'B', "buffer-size", true, positive("packet buffer size")},
	{'c', "", true, setCount},
	{'s', "snapshot-length", true, setSnap},
	{'Q', "direction", true, setDirection},
	{0, "time-stamp-precision", true, setPrecision},
}

// elsewhere are tcpdump's options that this command does not have.
const elsewhere = "bdCEGHIjJMTuVWyz"

func more(d dissect.Dump) dissect.Dump { return min(d+1, dissect.DumpAll) }

func positive(what string) func(*options, string) error {
	return func(_ *options, arg string) error {
		if n, err := strconv.Atoi(arg); err != nil || n <= 0 {
			return fmt.Errorf("invalid %s %s", what, arg)
		}
		return nil
	}
}

func setCount(o *options, arg string) error {
	n, err := strconv.Atoi(arg)
	if err != nil || n <= 0 {
		return fmt.Errorf("invalid packet count %s", arg)
	}
	o.count = n
	return nil
}

func setSnap(o *options, arg string) error {
	n, err := strconv.ParseInt(arg, 0, 64)
	if err != nil || n < 0 || n > maxSnap {
		return fmt.Errorf("invalid snaplen %s (must be >= 0 and <= %d)", arg, maxSnap)
	}
	if n == 0 {
		n = maxSnap
	}
	o.snap = int(n)
	return nil
}

func setDirection(o *options, arg string) error {
	switch d := strings.ToLower(arg); d {
	case "in", "out", "inout":
		o.direction = d
		return nil
	}
	return fmt.Errorf("unknown capture direction `%s'", arg)
}

func setPrecision(o *options, arg string) error {
	switch arg {
	case "nano":
		o.text.Nanoseconds = true
	case "micro":
		o.text.Nanoseconds = false
	default:
		return errors.New("unsupported time stamp precision")
	}
	return nil
}

// usageError is a wrong command line, after which the usage is shown.
type usageError string

func (e usageError) Error() string { return string(e) }

// parse reads a command line as getopt does: options may follow words of the
// expression, until "--".
func parse(args []string) (*options, error) {
	o := &options{snap: maxSnap}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		var err error
		switch {
		case arg == "--":
			o.expression = append(o.expression, args...)
			args = nil
		case strings.HasPrefix(arg, "--"):
			args, err = o.long(arg[2:], args)
		case len(arg) > 1 && arg[0] == '-':
			args, err = o.shorts(arg[1:], args)
		default:
			o.expression = append(o.expression, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	if o.text.Stamp > dissect.SinceFirst {
		return nil, fmt.Errorf("only -t, -tt, -ttt, -tttt and -ttttt are supported")
	}
	o.text.Verbose = o.verbose
	return o, nil
}

// shorts reads a word of short options and returns the arguments that are left.
func (o *options) shorts(word string, rest []string) ([]string, error) {
	for word != "" {
		c := word[0]
		word = word[1:]
		opt := find(func(k *option) bool { return k.short == c })
		if opt == nil {
			if strings.IndexByte(elsewhere, c) >= 0 {
				return nil, fmt.Errorf("option -%c is not supported here", c)
			}
			return nil, usageError(fmt.Sprintf("invalid option -- '%c'", c))
		}
		value := word
		if opt.arg {
			if word = ""; value == "" {
				if len(rest) == 0 {
					return nil, usageError(fmt.Sprintf("option requires an argument -- '%c'", c))
				}
				value, rest = rest[0], rest[1:]
			}
		}
		if err := opt.set(o, value); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// long reads a long option, which may be shortened as long as it is clear.
func (o *options) long(word string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(word, "=")
	opt := find(func(k *option) bool { return k.long == name && name != "" })
	if opt == nil {
		var fits []*option
		for i := range known {
			if name != "" && strings.HasPrefix(known[i].long, name) {
				fits = append(fits, &known[i])
			}
		}
		switch len(fits) {
		case 0:
			return nil, usageError(fmt.Sprintf("unrecognized option '--%s'", name))
		case 1:
			opt = fits[0]
		default:
			return nil, usageError(fmt.Sprintf("option '--%s' is ambiguous", name))
		}
	}
	switch {
	case !opt.arg && given:
		return nil, usageError(fmt.Sprintf("option '--%s' doesn't allow an argument", opt.long))
	case opt.arg && !given && len(rest) == 0:
		return nil, usageError(fmt.Sprintf("option '--%s' requires an argument", opt.long))
	case opt.arg && !given:
		value, rest = rest[0], rest[1:]
	}
	return rest, opt.set(o, value)
}

func find(is func(*option) bool) *option {
	for i := range known {
		if is(&known[i]) {
			return &known[i]
		}
	}
	return nil
}

// wants says whether -Q lets a packet through.
func (o *options) wants(d capture.Direction) bool {
	switch o.direction {
	case "in":
		return d != capture.Out
	case "out":
		return d == capture.Out
	}
	return true
}

package ipcmd

import (
	"strings"
)

// Address families (AF_*).
const (
	afUnspec = 0
	afInet   = 2
	afBridge = 7
	afInet6  = 10
	afPacket = 17
	afMPLS   = 28
)

// options are those before the object.
type options struct {
	family uint8

	stats, details int // counted
	timestamp      int // 2: short

	resolve, oneline, brief, json, pretty, numeric bool
	force, all, echo, human, iec                   bool

	color string // never, auto or always
	batch string // file; empty: none
	loops int    // rounds of a flush
}

// matches is iproute2's test of a keyword: the word is a prefix of it, not empty.
func matches(word, keyword string) bool {
	return word != "" && strings.HasPrefix(keyword, word)
}

// options reads the options and returns the words after them.
func (s *session) options(args []string) []string {
	for len(args) > 0 {
		opt := args[0]
		if opt == "--" {
			return args[1:]
		}
		if !strings.HasPrefix(opt, "-") {
			break
		}
		if strings.HasPrefix(opt, "--") {
			opt = opt[1:]
		}
		if !s.flag(opt) {
			args = s.optionValue(opt, args)
		}
		args = args[1:]
	}
	return args
}

// flag carries out an option that has no value.
func (s *session) flag(opt string) bool {
	o := &s.opt
	switch {
	case matches(opt, "-loops"), matches(opt, "-family"):
		return false
	case opt == "-4":
		o.family = afInet
	case opt == "-6":
		o.family = afInet6
	case opt == "-0":
		o.family = afPacket
	case opt == "-M":
		o.family = afMPLS
	case opt == "-B":
		o.family = afBridge
	case matches(opt, "-human"), matches(opt, "-human-readable"):
		o.human = true
	case matches(opt, "-iec"):
		o.iec = true
	case matches(opt, "-stats"), matches(opt, "-statistics"):
		o.stats++
	case matches(opt, "-details"):
		o.details++
	case matches(opt, "-resolve"):
		o.resolve = true
	case matches(opt, "-oneline"):
		o.oneline = true
	case matches(opt, "-timestamp"):
		o.timestamp = max(o.timestamp, 1)
	case matches(opt, "-tshort"):
		o.timestamp = 2
	case matches(opt, "-Version"):
		s.version()
	case matches(opt, "-force"):
		o.force = true
	case matches(opt, "-batch"):
		return false
	default:
		return s.laterFlag(opt)
	}
	return true
}

// laterFlag goes on in the order of the tests.
func (s *session) laterFlag(opt string) bool {
	o := &s.opt
	switch {
	case matches(opt, "-brief"):
		o.brief = true
	case matches(opt, "-json"):
		o.json = true
	case matches(opt, "-pretty"):
		o.pretty = true
	case matches(opt, "-rcvbuf"):
		return false
	case s.colorOption(opt):
	case matches(opt, "-help"):
		s.usage(usageIP)
	case matches(opt, "-netns"):
		return false
	case matches(opt, "-Numeric"):
		o.numeric = true
	case matches(opt, "-all"):
		o.all = true
	case opt == "-echo":
		o.echo = true
	default:
		s.errorf("Option \"%s\" is unknown, try \"ip -help\".\n", opt)
		panic(exit(255))
	}
	return true
}

// optionValue carries out an option with a value, and returns the words from the
// value on.
func (s *session) optionValue(opt string, args []string) []string {
	value := func(what string) string {
		if args = args[1:]; len(args) == 0 {
			if s.Version < Version7 {
				s.usage(usageIP)
			}
			s.errorf("Error: argument \"%s\" is required\n", what)
			panic(exit(255))
		}
		return args[0]
	}
	switch {
	case matches(opt, "-loops"):
		s.opt.loops = atoi(value("loop count"))
	case matches(opt, "-family"):
		s.familyOption(value("family type"))
	case matches(opt, "-batch"):
		s.opt.batch = value("batch file")
	case matches(opt, "-rcvbuf"):
		v := value("rcvbuf size")
		if _, ok := parseUnsigned(v, 0); !ok {
			s.errorf("Invalid rcvbuf size '%s'\n", v)
			panic(exit(255))
		}
	case matches(opt, "-netns"):
		if args = args[1:]; len(args) == 0 {
			s.incomplete()
		}
		if !s.enter(args[0]) {
			panic(exit(255))
		}
	}
	return args
}

var families = map[string]uint8{
	"inet": afInet, "inet6": afInet6, "link": afPacket, "mpls": afMPLS, "bridge": afBridge,
}

func (s *session) familyOption(name string) {
	if name == "help" {
		s.usage(usageIP)
	}
	f, ok := families[name]
	if !ok {
		s.invarg("invalid protocol family", name)
	}
	s.opt.family = f
}

// familyName is what messages call a family (family_name_verbose).
func familyName(f uint8) string {
	for name, v := range families {
		if v == f {
			return name
		}
	}
	if f == afUnspec {
		return "any valid"
	}
	return "???"
}

// colorOption reads -color[=WHEN] (matches_color).
func (s *session) colorOption(opt string) bool {
	word, when, given := strings.Cut(opt, "=")
	if !matches(word, "-color") {
		return false
	}
	if !given {
		when = "always"
	}
	switch when {
	case "always", "auto", "never":
		s.opt.color = when
		return true
	}
	return false
}

func (s *session) version() {
	text := "ip utility, iproute2-7.1.0\n"
	if s.Version < Version7 {
		text = "ip utility, iproute2-6.1.0, libbpf 1.1.2\n"
	}
	s.print(text)
	panic(exit(0))
}

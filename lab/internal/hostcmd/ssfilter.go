package hostcmd

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// ssStates are the words of filters for states, and how ss shows them.
var ssStates = map[string][]string{
	"established": {"ESTAB"}, "syn-sent": {"SYN-SENT"}, "syn-recv": {"SYN-RECV"}, "fin-wait-1": {"FIN-WAIT-1"},
	"fin-wait-2": {"FIN-WAIT-2"}, "time-wait": {"TIME-WAIT"}, "unconnected": {"UNCONN"}, "closed": {"UNCONN"},
	"close-wait": {"CLOSE-WAIT"}, "last-ack": {"LAST-ACK"}, "listening": {"LISTEN"}, "closing": {"CLOSING"},
	"bucket": {"SYN-RECV", "TIME-WAIT"},
}

func init() {
	all := []string{"ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"}
	without := func(states ...string) (out []string) {
		for _, s := range all {
			if !strings.Contains(" "+strings.Join(states, " ")+" ", " "+s+" ") {
				out = append(out, s)
			}
		}
		return out
	}
	ssStates["all"] = all
	ssStates["connected"] = without("UNCONN", "LISTEN")
	ssStates["synchronized"] = without("UNCONN", "LISTEN", "SYN-SENT")
	ssStates["big"] = without("SYN-RECV", "TIME-WAIT")
	ssStates["present"] = without("UNCONN", "LISTEN", "SYN-RECV", "TIME-WAIT") // without -a and -l
}

// readFilter reads the words behind the options: states, and an expression.
func (s *ss) readFilter(words []string) error {
	s.states = map[string]bool{}
	set := func(name string, on bool) bool {
		for _, x := range ssStates[strings.ToLower(name)] {
			s.states[x] = on
			if !on {
				delete(s.states, x)
			}
		}
		return ssStates[strings.ToLower(name)] != nil
	}
	switch {
	case s.all:
		set("all", true)
	case s.listening:
		set("listening", true)
		set("closed", true)
	default:
		set("present", true)
	}
	fresh := true
	for len(words) >= 2 && (words[0] == "state" || words[0] == "exclude") {
		if words[0] == "state" && fresh {
			s.states = map[string]bool{}
		}
		fresh = false
		if !set(words[1], words[0] == "state") {
			return badOption{255, "wrong state name: " + words[1]}
		}
		words = words[2:]
	}
	p := &ssParser{ss: s}
	for _, w := range words {
		for _, sign := range []string{"(", ")", "!"} {
			if !strings.Contains(w, "!=") {
				w = strings.ReplaceAll(w, sign, " "+sign+" ")
			}
		}
		p.words = append(p.words, strings.Fields(w)...)
	}
	if len(p.words) == 0 {
		return nil
	}
	f, err := p.either()
	if err == nil && len(p.words) > 0 {
		err = errSSFilter
	}
	s.filter = f
	return err
}

// ssParser reads filter expressions.
type ssParser struct {
	ss    *ss
	words []string
}

type ssFilter func(*stack.Socket) bool

func (p *ssParser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *ssParser) at(words ...string) bool {
	for _, w := range words {
		if len(p.words) > 0 && p.words[0] == w {
			return true
		}
	}
	return false
}

func (p *ssParser) either() (ssFilter, error) {
	f, err := p.both()
	for err == nil && p.at("or", "|", "||") {
		p.next()
		a := f
		var b ssFilter
		b, err = p.both()
		f = func(x *stack.Socket) bool { return a(x) || b(x) }
	}
	return f, err
}

// both reads what is joined by and, which may be left out.
func (p *ssParser) both() (ssFilter, error) {
	f, err := p.one()
	for err == nil && len(p.words) > 0 && !p.at("or", "|", "||", ")") {
		if p.at("and", "&", "&&") {
			p.next()
		}
		a := f
		var b ssFilter
		b, err = p.one()
		f = func(x *stack.Socket) bool { return a(x) && b(x) }
	}
	return f, err
}

const errSSFilter = verbatim("ss: bison bellows (while parsing filter): \"syntax error!\" Sorry.\nUsage: see ss -h")

func (p *ssParser) one() (ssFilter, error) {
	switch w := p.next(); w {
	case "not", "!":
		f, err := p.one()
		return func(x *stack.Socket) bool { return !f(x) }, err
	case "(":
		f, err := p.either()
		if err == nil && p.next() != ")" {
			err = errSSFilter
		}
		return f, err
	case "src":
		return p.address(func(x *stack.Socket) netip.AddrPort { return x.Local })
	case "dst":
		return p.address(func(x *stack.Socket) netip.AddrPort { return x.Remote })
	case "sport":
		return p.port(func(x *stack.Socket) uint16 { return x.Local.Port() })
	case "dport":
		return p.port(func(x *stack.Socket) uint16 { return x.Remote.Port() })
	case "dev":
		return p.device()
	}
	return nil, errSSFilter
}

func (p *ssParser) device() (ssFilter, error) {
	if p.at("=", "==", "eq") {
		p.next()
	}
	l, ok := p.ss.host.Link(0, p.next())
	if !ok {
		return nil, errSSFilter
	}
	return func(x *stack.Socket) bool { return x.Device == l.Index }, nil
}

// address reads an address, a prefix, a port behind either, or a port alone.
func (p *ssParser) address(of func(*stack.Socket) netip.AddrPort) (ssFilter, error) {
	if p.at("=", "==", "eq") {
		p.next()
	}
	word := p.next()
	host, port := word, ""
	if _, err := netip.ParseAddr(word); err != nil {
		if i := strings.LastIndexByte(word, ':'); i >= 0 && !strings.HasSuffix(word, "]") {
			if _, err := netip.ParsePrefix(word); err != nil {
				host, port = word[:i], word[i+1:]
			}
		}
	}
	host = strings.NewReplacer("[", "", "]", "").Replace(host)
	var n uint16
	var err error
	if port != "" && port != "*" {
		if n, err = parsePort(port); err != nil {
			return nil, badPort(port)
		}
	}
	prefix, err := netip.ParsePrefix(host)
	if a, aerr := netip.ParseAddr(host); aerr == nil {
		prefix, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil && host != "" && host != "*" {
		return nil, verbatim(fmt.Sprintf("Error: an inet prefix is expected rather than %q.\nCannot parse dst/src address.", host))
	}
	return func(x *stack.Socket) bool {
		a := of(x)
		return (n == 0 || a.Port() == n) && (!prefix.IsValid() || a.IsValid() && prefix.Contains(a.Addr().WithZone("")))
	}, nil
}

func badPort(word string) error {
	return verbatim(fmt.Sprintf("Error: %q does not look like a port.\nCannot parse dst/src address.", word))
}

// port reads a comparison with a port.
func (p *ssParser) port(of func(*stack.Socket) uint16) (ssFilter, error) {
	compare := map[string]func(a, b uint16) bool{
		"=": func(a, b uint16) bool { return a == b }, "!=": func(a, b uint16) bool { return a != b },
		">": func(a, b uint16) bool { return a > b }, "<": func(a, b uint16) bool { return a < b },
		">=": func(a, b uint16) bool { return a >= b }, "<=": func(a, b uint16) bool { return a <= b },
	}
	for word, sign := range map[string]string{
		"==": "=", "eq": "=", "ne": "!=", "neq": "!=", "gt": ">", "lt": "<", "ge": ">=", "geq": ">=", "le": "<=", "leq": "<=",
	} {
		compare[word] = compare[sign]
	}
	is := compare["="]
	if len(p.words) > 0 && compare[p.words[0]] != nil {
		is = compare[p.next()]
	}
	word := p.next()
	n, err := parsePort(strings.TrimPrefix(word, ":"))
	if err != nil {
		return nil, badPort(word)
	}
	return func(x *stack.Socket) bool { return is(of(x), n) }, nil
}

package hostcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(ssCommand, "ss") }

const ssUsage = `Usage: ss [ OPTIONS ]
       ss [ OPTIONS ] [ FILTER ]
   -h, --help          this message
   -V, --version       output version information
   -n, --numeric       don't resolve service names
   -a, --all           display all sockets
   -l, --listening     display listening sockets
   -e, --extended      show detailed socket information
   -p, --processes     show process using socket
   -s, --summary       show socket usage summary
   -N, --net           switch to the specified network namespace name

   -4, --ipv4          display only IP version 4 sockets
   -6, --ipv6          display only IP version 6 sockets
   -t, --tcp           display only TCP sockets
   -u, --udp           display only UDP sockets
   -w, --raw           display only RAW sockets

   -H, --no-header     Suppress header line
   -O, --oneline       socket's data printed on a single line

       FILTER := [ state STATE-FILTER ] [ EXPRESSION ]
       STATE-FILTER := {all|connected|synchronized|bucket|big|TCP-STATES}
         TCP-STATES := {established|syn-sent|syn-recv|fin-wait-{1,2}|time-wait|closed|close-wait|last-ack|listening|closing}
       EXPRESSION := {src|dst} HOST[/LEN][:PORT], {sport|dport} OP PORT, with and, or, not and parentheses
`

// ss is one call of ss, with the options and words of iproute2's.
type ss struct {
	env                                               *Env
	host                                              *Host
	numeric, all, listening, extended, owners, silent bool
	family                                            int
	kinds                                             map[string]bool // raw, udp, tcp; empty: all
	states                                            map[string]bool
	filter                                            func(*stack.Socket) bool
}

// ssCommand lists the sockets of a host.
func ssCommand(_ context.Context, env *Env, args []string) int {
	s := &ss{env: env, host: env.Host, kinds: map[string]bool{}}
	summary, words, err := s.parse(args)
	var wrong badOption
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(env.Stdout, ssUsage)
		return 0
	case errors.Is(err, errVersion):
		fmt.Fprintln(env.Stdout, "ss utility of Rulewalk, iproute2-6.1.0")
		return 0
	case errors.As(err, &wrong):
		return env.Failf(wrong.status, "%s", wrong.text)
	case err != nil:
		env.Failf(0, "%v", err)
		fmt.Fprint(env.Stderr, ssUsage)
		return 255
	}
	if err := s.readFilter(words); err != nil {
		if errors.As(err, &wrong) {
			return env.Failf(wrong.status, "%s", wrong.text)
		}
		fmt.Fprintln(env.Stderr, err)
		return 1
	}
	if summary {
		s.summary(env.Stdout)
		return 0
	}
	s.list(env.Stdout)
	return 0
}

func (s *ss) parse(args []string) (summary bool, words []string, err error) {
	opts, words, err := parseOptions(args, "46aehHilmnoOpstTuVwxrN:f:A:",
		"help", "version", "numeric", "all", "listening", "extended", "processes", "summary", "net=", "ipv4", "ipv6", "tcp", "udp",
		"raw", "no-header", "oneline", "info", "memory", "options", "resolve", "unix", "family=")
	for _, o := range opts {
		switch o.name {
		case "h", "help":
			return false, nil, errHelp
		case "V", "version":
			return false, nil, errVersion
		case "n", "numeric":
			s.numeric = true
		case "a", "all":
			s.all = true
		case "l", "listening":
			s.listening = true
		case "e", "extended":
			s.extended = true
		case "p", "processes":
			s.owners = true
		case "s", "summary":
			summary = true
		case "H", "no-header":
			s.silent = true
		case "4", "ipv4":
			s.family = 4
		case "6", "ipv6":
			s.family = 6
		case "f", "family":
			switch o.value {
			case "inet":
				s.family = 4
			case "inet6":
				s.family = 6
			}
		case "t", "tcp":
			s.kinds["tcp"] = true
		case "u", "udp":
			s.kinds["udp"] = true
		case "w", "raw":
			s.kinds["raw"] = true
		case "x", "unix":
			s.kinds["unix"] = true // none of which the lab has
		case "A":
			for kind := range strings.SplitSeq(o.value, ",") {
				s.kinds[kind] = true
			}
		case "N", "net":
			if s.host, err = s.env.NetNS(o.value); err != nil {
				return false, nil, badOption{1, fmt.Sprintf("Cannot open network namespace %q: %s", o.value, reason(err))}
			}
		}
	}
	return summary, words, err
}

// kindOf is the Netid of a socket; empty for those that ss does not list.
func kindOf(x *stack.Socket) string {
	switch {
	case x.Raw:
		return "raw"
	case x.Proto == rpdb.ProtoUDP:
		return "udp"
	case x.Proto == rpdb.ProtoTCP:
		return "tcp"
	}
	return ""
}

// wanted tells whether the options and the filter let a socket through.
func (s *ss) wanted(x *stack.Socket) bool {
	kind := kindOf(x)
	if kind == "" || len(s.kinds) > 0 && !s.kinds[kind] && !s.kinds["all"] && !s.kinds["inet"] {
		return false
	}
	if s.family != 0 && (s.family == 4) != x.Local.Addr().Is4() {
		return false
	}
	return s.states[x.State] && (s.filter == nil || s.filter(x))
}

// list writes the sockets as a table.
func (s *ss) list(w io.Writer) {
	var all []stack.Socket
	for _, x := range s.host.Stack.Sockets() {
		if s.wanted(&x) {
			all = append(all, x)
		}
	}
	order := []string{"raw", "udp", "tcp"}
	slices.SortStableFunc(all, func(a, b stack.Socket) int {
		rank := func(x *stack.Socket) int {
			n := 2 * slices.Index(order, kindOf(x))
			if x.Local.Addr().Is6() {
				n++
			}
			return n
		}
		return rank(&a) - rank(&b)
	})
	t := newSSTable(len(s.kinds) != 1, s.manyStates())
	if !s.silent {
		t.add("Netid", "State", "Recv-Q", "Send-Q", "Local Address:", "Port", "Peer Address:", "Port", "Process")
	}
	for i := range all {
		x := &all[i]
		local, lport := s.endpoint(x, x.Local, true)
		peer, pport := s.endpoint(x, x.Remote, false)
		t.add(kindOf(x), x.State, fmt.Sprintf("%-6d", x.RecvQ), fmt.Sprintf("%-6d", x.SendQ), local, lport, peer, pport, s.more(x))
	}
	t.write(w)
}

// manyStates tells whether sockets of more than one state can be listed.
func (s *ss) manyStates() bool {
	n := 0
	for state := range s.states {
		switch {
		case len(s.kinds) == 0 || s.kinds["tcp"], state == "ESTAB", state == "UNCONN":
			n++
		}
	}
	return n > 1
}

// endpoint is an address with the colon behind it, and the port.
func (s *ss) endpoint(x *stack.Socket, a netip.AddrPort, local bool) (addr, port string) {
	unspecified := !a.IsValid() || a.Addr().IsUnspecified()
	switch {
	case unspecified && x.Both:
		addr = "*"
	case unspecified && x.Local.Addr().Is4():
		addr = "0.0.0.0"
	case unspecified:
		addr = "[::]"
	case a.Addr().Is4():
		addr = a.Addr().String()
	case a.Addr().Is4In6():
		addr = "[" + a.Addr().String() + "]"
	default:
		addr = "[" + a.Addr().WithZone("").String() + "]"
	}
	if l, ok := s.host.Link(x.Device, ""); ok && local && x.Device != 0 {
		addr += "%" + l.Name
	}
	port = "*"
	if a.IsValid() && a.Port() != 0 {
		port = strconv.Itoa(int(a.Port()))
		if name := serviceName(a.Port()); name != "" && !s.numeric && !x.Raw {
			port = name
		}
	}
	return addr + ":", port
}

// more is the last column.
func (s *ss) more(x *stack.Socket) string {
	var b strings.Builder
	if s.owners && x.PID != 0 { // else the program has no process: ss tells no more of it than of others' programs
		fmt.Fprintf(&b, " users:((%q,pid=%d,fd=3))", x.Command, x.PID)
	}
	if s.extended {
		if x.UID != 0 {
			fmt.Fprintf(&b, " uid:%d", x.UID)
		}
		if x.Local.Addr().Is6() && x.Remote.Port() == 0 {
			only := 1
			if x.Both {
				only = 0
			}
			fmt.Fprintf(&b, " v6only:%d", only)
		}
		b.WriteString(" <->")
	}
	return b.String()
}

// summary counts sockets.
func (s *ss) summary(w io.Writer) {
	n := map[string]int{}
	for _, x := range s.host.Stack.Sockets() {
		kind := kindOf(&x)
		if kind == "" {
			continue
		}
		family := "6"
		if x.Local.Addr().Is4() {
			family = "4"
		}
		if kind == "tcp" {
			n[x.State]++
			n["alltcp"]++
			if x.State == "TIME-WAIT" {
				continue
			}
		}
		n["all"]++
		for _, k := range []string{kind, "inet"} {
			n[k]++
			n[k+family]++
		}
	}
	fmt.Fprintf(w, "Total: %d\nTCP:   %d (estab %d, closed %d, orphaned 0, timewait %d)\n\nTransport Total     IP        IPv6\n",
		n["all"], n["alltcp"], n["ESTAB"], n["TIME-WAIT"], n["TIME-WAIT"])
	for _, kind := range []string{"raw", "udp", "tcp", "inet", "frag"} {
		fmt.Fprintf(w, "%s\t  %-9d %-9d %-9d\n", strings.ToUpper(kind), n[kind], n[kind+"4"], n[kind+"6"])
	}
	fmt.Fprintln(w)
}

// ssTable is a table with the columns of ss, each as wide as its widest cell.
type ssTable struct {
	shown [9]bool
	rows  [][9]string
}

// ssColumns say which columns are aligned to the right, and what stands before them.
var ssColumns = [9]struct {
	right  bool
	before string
}{{}, {before: " "}, {before: " "}, {before: " "}, {true, " "}, {}, {true, " "}, {}, {}}

func newSSTable(kinds, states bool) *ssTable {
	return &ssTable{shown: [9]bool{kinds, states, true, true, true, true, true, true, true}}
}

func (t *ssTable) add(cells ...string) { t.rows = append(t.rows, [9]string(cells)) }

func (t *ssTable) write(w io.Writer) {
	var widths [9]int
	for _, r := range t.rows {
		for i, c := range r {
			widths[i] = max(widths[i], len(c))
		}
	}
	for _, r := range t.rows {
		line := ""
		for i, c := range r {
			if !t.shown[i] {
				continue
			}
			if line != "" {
				line += ssColumns[i].before
			}
			width := widths[i]
			if !ssColumns[i].right {
				width = -width
			}
			line += fmt.Sprintf("%*s", width, c)
		}
		fmt.Fprintln(w, line)
	}
}

package iproute2

import (
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// block is a run of lines of one kind from one command.
type block struct {
	hint   hint
	kind   lineKind
	lines  int  // that were output
	failed bool // ip gave an error
	list   ruleList
}

// ruleList is one listing of the rules of a family, with its first line.
type ruleList struct {
	family rpdb.Family
	rules  []rpdb.Rule
	line   int
	text   string
}

// lineKind is what a line tells of.
type lineKind uint8

const (
	kindNone lineKind = iota
	kindRule
	kindRoute
	kindLink
	kindAddr
	kindNextHop
	kindBucket
	kindNeigh
	kindBrief
	kindVRF
)

// hint is what a command tells of its output.
type hint struct {
	kind   lineKind
	get    bool // one answer, not a list
	family rpdb.Family

	all   bool   // the routes of all tables
	some  bool   // a selector chose among the entries
	table uint32 // of routes that name none; 0: main
	vrf   string // the table is that of this VRF
	dev   string // fields that a selector hides
	proto rpdb.Opt[uint8]
	scope rpdb.Opt[rpdb.Scope]
}

// parts returns what a command lists completely, so that an empty output tells
// that there is none.
func (h *hint) parts() rpdb.Parts {
	if h.some || h.get {
		return 0
	}
	both := func(p4, p6 rpdb.Parts) rpdb.Parts {
		switch h.family {
		case rpdb.IPv4:
			return p4
		case rpdb.IPv6:
			return p6
		}
		return p4 | p6
	}
	switch h.kind {
	case kindRule:
		return both(rpdb.PartRules4, rpdb.PartRules6)
	case kindRoute:
		if h.all {
			return both(rpdb.PartRoutes4, rpdb.PartRoutes6)
		}
	case kindAddr:
		return both(rpdb.PartAddrs4, rpdb.PartAddrs6)
	case kindLink:
		return rpdb.PartLinks
	case kindNextHop:
		return rpdb.PartNextHops
	case kindBucket:
		return rpdb.PartBuckets
	case kindNeigh:
		return rpdb.PartNeighs
	}
	return 0
}

func (t *TextReader) startBlock(h hint) {
	t.endBlock()
	t.block = block{hint: h}
	t.link, t.addr = nil, nil
}

// endBlock settles what only the whole block tells.
func (t *TextReader) endBlock() {
	t.flushRoute()
	t.endRules()
	t.endRoutes()
	if !t.block.failed {
		t.told |= t.block.hint.parts()
	}
	t.block.kind = kindNone
}

// tableID returns the number of a table. A name that nobody knows is given a
// number of its own, which stands for it throughout.
func (t *TextReader) tableID(s string) (uint32, bool) {
	if id, ok := t.n.TableID(s); ok {
		return id, true
	}
	if id, ok := t.tables[s]; ok {
		return id, true
	}
	if s == "" || len(t.tables) >= maxNames || s[0] >= '0' && s[0] <= '9' {
		return 0, false
	}
	id := inventedTable + uint32(len(t.tables))
	t.tables[s] = id
	return id, true
}

// enter notes that a line of a kind begins a record; a change of kind ends the run
// of the kind before.
func (t *TextReader) enter(k lineKind) {
	t.flushRoute()
	t.addr = nil
	if k != kindLink && k != kindAddr {
		t.link = nil
	}
	if t.block.kind != k {
		t.endRules()
		t.endRoutes()
		t.block.kind = k
		if k == kindRoute {
			t.routeRuns = append(t.routeRuns, len(t.st.Routes))
		}
	}
	t.block.lines++
}

// commandWords returns the words of a command after ip, from a bare command or a
// line that shows one behind a prompt; nil if there is none, or several.
func commandWords(line string) []string {
	if strings.ContainsAny(line, ";|&<>`") {
		line, _, _ = strings.Cut(line, "|")
		if strings.ContainsAny(line, ";&<>`") {
			return nil
		}
	}
	w := strings.Fields(line)
	for i, s := range w {
		if s == "ip" || strings.HasSuffix(s, "/ip") {
			rest := w[i+1:]
			if len(rest) > 2 && rest[0] == "netns" && rest[1] == "exec" {
				return commandWords(strings.Join(rest[3:], " "))
			}
			return rest
		}
	}
	return nil
}

// isEcho tells whether a line shows a command: ip behind a prompt.
func isEcho(line string) bool {
	s := strings.TrimSpace(line)
	i := strings.Index(s, "ip ")
	if i < 0 && !strings.HasSuffix(s, "ip") {
		return false
	}
	if strings.HasPrefix(s, "ip ") || strings.HasPrefix(s, "/sbin/ip ") || strings.HasPrefix(s, "sudo ip ") {
		return true
	}
	before := strings.TrimRight(s[:max(i, 0)], " ")
	for _, tool := range []string{"sudo", "/sbin/", "/usr/sbin/", "/bin/", "/usr/bin/"} {
		before = strings.TrimRight(strings.TrimSuffix(before, tool), " ")
	}
	if j := strings.LastIndex(before, "ip netns exec"); j >= 0 {
		before = strings.TrimRight(before[:j], " ")
	}
	if before == "" {
		return false
	}
	return strings.ContainsRune("$#>%+", rune(before[len(before)-1]))
}

// objects of ip in the order in which it matches prefixes, as far as they list
// what is read here or would be mistaken for it.
var objects = []struct {
	name string
	kind lineKind
}{
	{"address", kindAddr},
	{"addrlabel", kindNone},
	{"maddress", kindNone},
	{"route", kindRoute},
	{"rule", kindRule},
	{"neighbor", kindNeigh},
	{"neighbour", kindNeigh},
	{"ntable", kindNone},
	{"link", kindLink},
	{"tunnel", kindNone},
	{"monitor", kindNone},
	{"xfrm", kindNone},
	{"mroute", kindNone},
	{"mrule", kindNone},
	{"netns", kindNone},
	{"netconf", kindNone},
	{"vrf", kindVRF},
	{"nexthop", kindNextHop},
}

// parseHint reads the words of a command after ip.
func (t *TextReader) parseHint(w []string) hint {
	var h hint
	for len(w) > 0 && strings.HasPrefix(w[0], "-") {
		opt := w[0]
		w = w[1:]
		switch {
		case opt == "-4":
			h.family = rpdb.IPv4
		case opt == "-6":
			h.family = rpdb.IPv6
		case len(w) > 0 && (opt == "-f" || opt == "-family"):
			h.family = map[string]rpdb.Family{"inet": rpdb.IPv4, "inet6": rpdb.IPv6}[w[0]]
			w = w[1:]
		case len(w) > 0 && (opt == "-n" || opt == "-netns" || opt == "-rc" || opt == "-rcvbuf" || opt == "-l"):
			w = w[1:]
		}
	}
	if len(w) == 0 {
		return h
	}
	for _, o := range objects {
		if matches(w[0], o.name) {
			h.kind = o.kind
			break
		}
	}
	if h.kind == kindRule && h.family == rpdb.Unspec {
		h.family = rpdb.IPv4 // ip rule lists one family
	}
	if len(w) > 1 && h.kind != kindNone {
		t.hintVerb(&h, w[1], w[2:])
	}
	if h.kind == kindRoute && h.family == rpdb.Unspec && (h.table != 0 || h.vrf != "") {
		h.family = rpdb.IPv4 // one table is listed of one family
	}
	return h
}

func (t *TextReader) hintVerb(h *hint, verb string, w []string) {
	switch {
	case verb == "get":
		h.get = true
		return
	case h.kind == kindNextHop && matches(verb, "bucket"):
		h.kind = kindBucket
		return
	case matches(verb, "show") || matches(verb, "list") || verb == "lst":
	default:
		w = append([]string{verb}, w...)
	}
	switch h.kind {
	case kindRoute:
		t.hintRoutes(h, w)
	case kindNeigh:
		h.some = len(w) > 0
		for i := 0; i+1 < len(w); i++ {
			if w[i] == "dev" {
				h.dev = w[i+1]
			}
		}
	default:
		h.some = len(w) > 0
	}
}

// hintRoutes reads the selectors of ip route show.
func (t *TextReader) hintRoutes(h *hint, w []string) {
	for i := 0; i < len(w); i++ {
		v := ""
		if i+1 < len(w) {
			v = w[i+1]
		}
		switch key := w[i]; {
		case matches(key, "table"):
			if h.all = v == "all" || v == "0" || v == "unspec"; !h.all && v != "" {
				h.table, _ = t.tableID(v)
			}
			i++
			continue
		case matches(key, "vrf"):
			h.vrf = v
		case key == "dev" || key == "oif":
			h.dev = v
		case matches(key, "protocol"):
			if p, ok := t.n.ProtoID(v); ok {
				h.proto = rpdb.Some(p)
			}
		case matches(key, "scope"):
			if s, ok := t.n.ScopeID(v); ok {
				h.scope = rpdb.Some(s)
			}
		}
		h.some = true
		i++
	}
}

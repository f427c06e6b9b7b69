package iproute2

import (
	"errors"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// readLine reads one line, or the several that ip -o joins with backslashes.
func (t *TextReader) readLine(line string) {
	t.current = line
	if strings.IndexByte(line, '\\') < 0 {
		t.readPart(line)
		return
	}
	for {
		head, rest, more := cutOneLine(line)
		t.readPart(head)
		if !more {
			return
		}
		line = rest
	}
}

// cutOneLine cuts at the first backslash that joins two lines of a record: one
// before a tab or blanks, or at the end.
func cutOneLine(s string) (head, rest string, more bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && (i+1 == len(s) || s[i+1] == '\t' || strings.HasPrefix(s[i+1:], "   ")) {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// noise are lines of ip that tell of the listing, not of an entry, with what they
// mean for it; an empty meaning is no problem.
var noise = []struct{ start, why string }{
	{"Dump was interrupted", "ip says that the state changed while it was listed: the list may be inconsistent"},
	{"Message truncated", "ip says that entries were lost"},
	{"Dump terminated", "ip stopped listing"},
	{"RTNETLINK answers:", "an error of ip"},
	{"Error:", "an error of ip"},
	{"Device \"", "an error of ip"},
	{"Cannot ", "an error of ip"},
	{"No VRF has been configured", ""},
	{"EOF on netlink", "ip stopped listing"},
	{"Deleted ", "a notification of ip monitor, not an entry"},
}

func (t *TextReader) readPart(line string) {
	t.words = appendFields(t.words[:0], line)
	w := t.words
	if len(w) == 0 {
		t.blank()
		return
	}
	for _, n := range noise {
		if strings.HasPrefix(line, n.start) {
			if n.why != "" {
				t.block.failed = true
				t.problem(n.why)
			}
			return
		}
	}
	switch {
	case strings.HasPrefix(line, "[{") || strings.HasPrefix(line, "[]"):
		t.jsonLine(line)
	case t.continuation(line, w):
	case t.head(w):
	case isEcho(line):
		t.startBlock(t.parseHint(commandWords(line)))
	case t.linkDetail(line, w):
	case w[0] == "Name" && len(w) == 2 && w[1] == "Table":
		t.enter(kindVRF)
	case t.block.kind == kindVRF && t.vrfRow(w):
	case isPrompt(line):
		t.startBlock(hint{})
	default:
		t.problem("not a line that ip prints")
	}
}

// blank ends a block that had output.
func (t *TextReader) blank() {
	if t.block.lines > 0 {
		t.startBlock(hint{})
	}
}

// isPrompt tells whether a line is a prompt without a command, or shows a command
// other than ip.
func isPrompt(line string) bool {
	s := strings.TrimSpace(line)
	return strings.HasPrefix(s, "$ ") || strings.HasPrefix(s, "# ") || s == "$" || s == "#" ||
		strings.HasSuffix(s, "$") && strings.IndexByte(s, '@') >= 0 ||
		strings.HasSuffix(s, "#") && strings.IndexByte(s, '@') >= 0
}

// head reads a line that begins a record.
func (t *TextReader) head(w []string) bool {
	switch {
	case isNumbered(w[0]):
		return t.numbered(w)
	case w[0] == "id" && len(w) > 1:
		if _, ok := parseUint(w[1], 10, 1<<32-1); ok {
			t.nextHopLine(w)
			return true
		}
		return false
	case t.block.hint.kind != kindRoute && isNeigh(w):
		t.neighLine(w)
		return true
	case len(w) > 1 && operState(w[1]) >= 0 && w[0] != "default":
		t.briefLine(w)
		return true
	case isRoute(w):
		t.startRoute(w)
		return true
	}
	return false
}

// isNumbered tells whether a word is N: as rules and links begin.
func isNumbered(s string) bool {
	if len(s) < 2 || s[len(s)-1] != ':' {
		return false
	}
	_, ok := parseUint(s[:len(s)-1], 10, 1<<32-1)
	return ok && strings.Count(s, ":") == 1
}

// numbered reads a line that begins with N: a rule or a link.
func (t *TextReader) numbered(w []string) bool {
	if len(w) < 2 {
		return false
	}
	if isRule(w) {
		t.ruleLine(w)
		return true
	}
	return t.linkLine(w)
}

// isRule tells a rule from a device of the name "from" or "not".
func isRule(w []string) bool {
	if w[1] != "from" && w[1] != "not" || len(w) < 3 {
		return false
	}
	return w[2] != "inet" && w[2] != "inet6" && w[2][0] != '<'
}

// isRoute tells whether words can begin a route: a type or a destination.
func isRoute(w []string) bool {
	s := w[0]
	if _, ok := parseRouteType(s, ""); ok && len(w) > 1 {
		s = w[1]
	} else if _, ok := parseUint(s, 10, 255); ok && len(w) > 1 {
		s = w[1] // a type of ip -N
	}
	if s == "default" {
		return true
	}
	if !strings.ContainsAny(s, ".:/") {
		return false
	}
	_, _, ok := parsePrefix(s, rpdb.Unspec)
	return ok
}

func (t *TextReader) ruleLine(w []string) {
	t.enter(kindRule)
	p := newLineParser(w, t.c)
	p.table = t.tableID
	r, err := p.rule()
	if err != nil {
		t.problem("a rule that cannot be read, and is left out: " + err.Error())
		return
	}
	if len(p.bad) > 0 {
		t.problem("a rule with words that are not known, kept without them: " + strings.Join(p.bad, " "))
	}
	l := &t.block.list
	if n := len(l.rules); n > 0 && r.Pref < l.rules[n-1].Pref {
		t.endRules()
	}
	if len(l.rules) == 0 {
		l.line, l.text = t.line, t.current
	}
	r.Family = p.family
	l.rules = append(l.rules, r)
	t.ruleCount++
}

// startRoute keeps the first line of a route until its nexthops are there.
func (t *TextReader) startRoute(w []string) {
	t.enter(kindRoute)
	t.countSpaces()
	t.route = append(t.route[:0], w...)
	t.routeLine, t.routeText = t.line, t.current
	t.isReply = t.block.hint.get
}

// countSpaces notes whether the line ends with a blank, as those of routes do
// unless they end with the preference of an IPv6 route.
func (t *TextReader) countSpaces() {
	w := t.words
	if len(w) > 1 && w[len(w)-2] == "pref" {
		return
	}
	t.lastSpaced = strings.HasSuffix(t.current, " ")
	if t.lastSpaced {
		t.spaced++
	} else {
		t.unspaced++
	}
}

// flushRoute reads the route whose lines are complete.
func (t *TextReader) flushRoute() {
	if len(t.route) == 0 {
		return
	}
	w := t.route
	t.route = t.route[:0]
	if t.isReply {
		t.problemAt(t.routeLine, t.routeText, "left out: "+ErrReply.Error())
		return
	}
	p := newLineParser(w, t.c)
	p.dev, p.table = t.devs.index, t.tableID
	r, err := p.route()
	switch {
	case errors.Is(err, ErrReply):
		t.problemAt(t.routeLine, t.routeText, "left out: "+err.Error())
		return
	case err != nil:
		t.problemAt(t.routeLine, t.routeText, "a route that cannot be read, and is left out: "+err.Error())
		return
	case len(p.bad) > 0:
		t.problemAt(t.routeLine, t.routeText, "a route with words that are not known, kept without them: "+strings.Join(p.bad, " "))
	}
	if p.sawPref {
		t.sawPref = true
	}
	t.addRoute(&r)
}

// addRoute adds what the command hides and stores the route.
func (t *TextReader) addRoute(r *rpdb.Route) {
	if r.Table == rpdb.TableUnspec {
		t.problemAt(t.routeLine, t.routeText, "the kernel's mark for \"no route\", not a table entry: left out")
		return
	}
	h := &t.block.hint
	if r.Table == t.c.table() {
		if h.table != 0 {
			r.Table = h.table
		} else if h.vrf != "" {
			t.vrfRoutes[len(t.st.Routes)] = h.vrf
		}
	}
	if h.dev != "" && len(r.NextHops) <= 1 {
		if len(r.NextHops) == 0 {
			r.NextHops = []rpdb.NextHop{{Weight: 1}}
		}
		if r.NextHops[0].Dev == 0 {
			r.NextHops[0].Dev, _ = t.devs.index(h.dev)
		}
	}
	if h.proto.Set {
		r.Protocol = h.proto.V
	}
	if h.scope.Set {
		r.Scope = h.scope.V
	}
	if r.Family != rpdb.Unspec {
		finishRoute(r, r.Family)
	} else {
		t.ambiguous = append(t.ambiguous, len(t.st.Routes))
	}
	if n := len(t.st.Routes); n == cap(t.st.Routes) {
		t.st.Routes = slices.Grow(t.st.Routes, n+64) // doubled: tables are large
	}
	t.st.Routes = append(t.st.Routes, *r)
}

// continuation reads a line that goes on with the record before it.
func (t *TextReader) continuation(line string, w []string) bool {
	indented := line[0] == ' ' || line[0] == '\t'
	switch {
	case w[0] == "nexthop" || w[0] == "nh_info" && indented:
		if len(t.route) == 0 {
			t.problem("a nexthop without a route before it")
			return true
		}
		t.route = append(t.route, w...)
	case w[0] == "cache" && indented:
		t.isReply = true
		if len(t.route) == 0 {
			t.problem("the second line of an answer of ip route get without the first")
		}
	case !indented:
		return false
	case w[0] == "inet" || w[0] == "inet6":
		t.addrLine(w)
	case w[0] == "valid_lft":
		t.lifetimes(w)
	case strings.HasPrefix(w[0], "link/") && t.link != nil:
		t.linkAddress(w)
	default:
		return false
	}
	return true
}

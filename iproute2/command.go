package iproute2

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Command is a command of ip that changes rules, routes or addresses, with
// iproute2's defaults filled in (the kernel's own are not).
type Command struct {
	Object string // rule, route or address
	Verb   string // add, append, prepend, replace, change, test or delete
	Family rpdb.Family

	// One of these is set, by Object. Of a delete, what was not given is the
	// wildcard that ip sends: zero, or for a route's scope nowhere.
	Rule  *rpdb.Rule
	Route *rpdb.Route
	Addr  *rpdb.Addr

	// Pref tells that a rule's preference was given; without it the kernel chooses.
	Pref bool
}

// ErrNotChange is the error of ParseCommand for a command that is none of those
// that it reads.
var ErrNotChange = errors.New("not a command that changes rules, routes or addresses")

// ParseCommandLine reads a command line such as "ip -6 rule add from 2001:db8::/32
// table 100", in which no word is quoted.
func ParseCommandLine(line string, n *Names, links LinkNames) (*Command, error) {
	w := strings.Fields(line)
	if len(w) > 0 && w[0] == "ip" {
		w = w[1:]
	}
	return ParseCommand(w, n, links)
}

// ParseCommand reads the words of a command after ip: options (-4, -6, -f), an
// object and what to do with it. Words may be shortened where iproute2 lets them
// be. An *ArgError names the word that is wrong.
func ParseCommand(words []string, n *Names, links LinkNames) (*Command, error) {
	if n == nil {
		n = builtinNames
	}
	a := &args{w: words, names: n, links: links}
	c := &Command{Family: a.familyOption()}
	if a.err != nil {
		return nil, a.err
	}
	object, verb := a.next(), a.next()
	for _, o := range objects {
		if matches(object, o.name) {
			c.Object = o.name
			break
		}
	}
	verbs, ok := commandVerbs[c.Object]
	if !ok {
		return nil, ErrNotChange
	}
	if c.Verb = keyOf(verb, verbs); c.Verb == "" {
		return nil, fmt.Errorf("%w: %s %s", ErrNotChange, c.Object, verb)
	}
	switch c.Object {
	case "rule":
		a.ruleCommand(c)
	case "route":
		a.routeCommand(c)
	case "address":
		a.addrCommand(c)
	}
	if a.err != nil {
		return nil, a.err
	}
	return c, nil
}

// familyOption reads the options before the object.
func (a *args) familyOption() (f rpdb.Family) {
	for strings.HasPrefix(a.peek(), "-") {
		switch opt := a.next(); opt {
		case "-4":
			f = rpdb.IPv4
		case "-6":
			f = rpdb.IPv6
		case "-f", "-family":
			f = name(a, opt, "inet or inet6", func(s string) (rpdb.Family, bool) {
				f, ok := map[string]rpdb.Family{"inet": rpdb.IPv4, "inet6": rpdb.IPv6}[s]
				return f, ok
			})
		default:
			a.fail("", opt, "not an option that is known here")
		}
	}
	return f
}

// keyword is a word of a grammar. Unless exact, a prefix of it will do.
type keyword struct {
	word  string
	exact bool
	key   string // what it means, if not itself
}

// keyOf finds what a word means: the first keyword that it matches.
func keyOf(word string, list []keyword) string {
	for _, k := range list {
		if word == k.word || !k.exact && matches(word, k.word) {
			if k.key != "" {
				return k.key
			}
			return k.word
		}
	}
	return ""
}

var commandVerbs = map[string][]keyword{
	"rule": {{word: "add"}, {word: "delete"}},
	"route": {
		{word: "add"},
		{word: "change"},
		{word: "chg", exact: true, key: "change"},
		{word: "replace"},
		{word: "prepend"},
		{word: "append"},
		{word: "test"},
		{word: "delete"},
	},
	"address": {
		{word: "add"},
		{word: "change"},
		{word: "chg", exact: true, key: "change"},
		{word: "replace"},
		{word: "delete"},
	},
}

package ipcmd

// call is one command: an object and the words after it, with a cursor. The cursor
// moves as iproute2's argv does: value goes on to the next word and leaves the
// cursor there, so that a loop reads
//
//	for ; c.more(); c.advance() {
//		switch w := c.word(); { case w == "dev": dev = c.value() ...
type call struct {
	*session
	args   []string // from the cursor on
	family uint8    // preferred_family: -4, -6, -f
}

func (c *call) more() bool { return len(c.args) > 0 }

// word returns the word under the cursor, "" past the end.
func (c *call) word() string {
	if len(c.args) == 0 {
		return ""
	}
	return c.args[0]
}

func (c *call) advance() {
	if len(c.args) > 0 {
		c.args = c.args[1:]
	}
}

// peek returns the word after the cursor, and whether there is one (NEXT_ARG_OK).
func (c *call) peek() (string, bool) {
	if len(c.args) < 2 {
		return "", false
	}
	return c.args[1], true
}

// value moves to the next word and returns it (NEXT_ARG); without one the tool ends.
func (c *call) value() string {
	c.advance()
	if len(c.args) == 0 {
		c.incomplete()
	}
	return c.args[0]
}

// is tells whether a word is a prefix of one of the keywords.
func is(word string, keywords ...string) bool {
	for _, k := range keywords {
		if matches(word, k) {
			return true
		}
	}
	return false
}

// object is an object of ip. Without run it is one that is not modelled.
type object struct {
	name string
	run  func(c *call) int
}

// objects in the order in which a word is compared with them (ip.c: cmds).
func objects() []object {
	return []object{
		{"address", (*call).address},
		{"addrlabel", (*call).addrLabel},
		{"maddress", (*call).maddr},
		{"route", (*call).route},
		{"rule", (*call).rule},
		{"neighbor", (*call).neigh},
		{"neighbour", (*call).neigh},
		{"ntable", nil},
		{"ntbl", nil},
		{"link", (*call).link},
		{"l2tp", nil},
		{"fou", nil},
		{"ila", nil},
		{"macsec", nil},
		{"tunnel", nil},
		{"tunl", nil},
		{"tuntap", (*call).tuntap},
		{"tap", (*call).tuntap},
		{"token", nil},
		{"tcpmetrics", nil},
		{"tcp_metrics", nil},
		{"monitor", (*call).monitor},
		{"xfrm", nil},
		{"mroute", nil},
		{"mrule", nil},
		{"netns", (*call).netnsObject},
		{"netconf", nil},
		{"vrf", (*call).vrf},
		{"sr", nil},
		{"nexthop", (*call).nexthop},
		{"mptcp", nil},
		{"ioam", nil},
		{"help", (*call).help},
		{"stats", nil},
	}
}

// command carries out a command of an object (do_cmd).
func (s *session) command(name string, args []string) int {
	for _, o := range objects() {
		if !matches(name, o.name) {
			continue
		}
		if o.run == nil {
			break
		}
		return o.run(&call{session: s, args: args, family: s.opt.family})
	}
	s.errorf("Object \"%s\" is unknown, try \"ip help\".\n", name)
	return 1
}

func (c *call) help() int {
	c.usage(usageIP)
	return 0
}

// verb is a command of an object.
type verb struct {
	name  string
	exact bool
	run   func(c *call) int
}

// choose runs the command that the word under the cursor names; without a word the
// one given.
func (c *call) choose(object string, none func(*call) int, verbs []verb) int {
	if !c.more() {
		return none(c)
	}
	w := c.word()
	for _, v := range verbs {
		if v.exact && w == v.name || !v.exact && matches(w, v.name) {
			c.advance()
			return v.run(c)
		}
	}
	c.unknownCommand(w, object)
	return 255
}

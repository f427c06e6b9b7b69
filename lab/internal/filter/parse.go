package filter

// protocols are the keywords that name a protocol.
var protocols = wordSet("link ip arp rarp sctp tcp udp icmp igmp igrp pim vrrp carp atalk aarp decnet lat sca mopdl moprc ip6 icmp6 ah esp " +
	"iso esis isis l1 l2 iih lsp snp psnp csnp clnp stp ipx netbeui radio")

// parser goes through tokens by libpcap's grammar: and and or bind alike, from left to
// right, and a value without qualifiers takes those of the term before it.
type parser struct {
	tokens []token
	at     int
	close  []int // for each (, the place of its )
	depth  int
	read   []node // the values and conditions so far
}

// maxDepth bounds the nesting, so that no expression exhausts the stack.
const maxDepth = 1000

// parse reads an expression; nil if it is empty. It returns what it read before an
// error, for that may be wrong by itself.
func parse(s string) (n node, read []node, err error) {
	tokens, err := lex(s)
	if err != nil {
		return nil, nil, err
	}
	p := parser{tokens: tokens}
	p.match()
	if p.peek().kind == end {
		return nil, nil, nil
	}
	n, _, err = p.expression(qualifiers{undefined: true})
	if err == nil && p.peek().kind != end {
		err = errSyntax
	}
	return n, p.read, err
}

// match pairs the parentheses. One that is not closed is by the end.
func (p *parser) match() {
	p.close = make([]int, len(p.tokens))
	var open []int
	for i, t := range p.tokens {
		switch {
		case t.is("("):
			open = append(open, i)
		case t.is(")"):
			if len(open) > 0 {
				p.close[open[len(open)-1]] = i
				open = open[:len(open)-1]
			}
		}
	}
	for _, i := range open {
		p.close[i] = len(p.tokens) - 1
	}
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) ahead(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *parser) take() token {
	t := p.peek()
	if t.kind != end {
		p.at++
	}
	return t
}

// accept takes the next token if it is one of the words.
func (p *parser) accept(words ...string) (string, bool) {
	if t := p.peek(); t.is(words...) {
		p.at++
		return t.text, true
	}
	return "", false
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return errSyntax
	}
	return nil
}

// expression reads terms joined by and and or. before are the qualifiers in force where
// it begins. It returns those in force behind it.
func (p *parser) expression(before qualifiers) (node, qualifiers, error) {
	if err := p.enter(); err != nil {
		return nil, before, err
	}
	defer func() { p.depth-- }()
	n, q, err := p.term(before, false)
	for err == nil {
		op, ok := p.accept("and", "or")
		if !ok {
			break
		}
		var b node
		if b, q, err = p.term(q, true); err == nil {
			n = join(op, n, b)
		}
	}
	return n, q, err
}

func join(op string, a, b node) node {
	if op == "and" {
		return andNode{a, b}
	}
	return orNode{a, b}
}

// term reads one condition, or, where values may stand alone, one value.
func (p *parser) term(before qualifiers, values bool) (node, qualifiers, error) {
	if err := p.enter(); err != nil {
		return nil, before, err
	}
	defer func() { p.depth-- }()
	t := p.peek()
	none := qualifiers{undefined: true}
	switch {
	case t.is("!"):
		p.take()
		n, q, err := p.term(before, values)
		return notNode{n}, q, err
	case t.is("(") && values && !p.onlyValues() && p.strayValue(before):
		return nil, none, errSyntax
	case p.atArith():
		n, err := p.relation()
		return n, none, err
	case t.is("(") && values && p.onlyValues():
		n, err := p.value(before)
		return n, before, err
	case t.is("("):
		p.take()
		n, _, err := p.expression(before)
		if err == nil && !p.take().is(")") {
			err = errSyntax
		}
		return n, before, err
	case t.kind == keyword:
		return p.qualified()
	case values:
		n, err := p.value(before)
		return n, before, err
	}
	return nil, none, errSyntax
}

// arithmetic operators and comparisons, which cannot follow a condition.
var arithOperators = []string{"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "=", "!=", "<", ">", "<=", ">="}

// atArith says whether a comparison of numbers begins here.
func (p *parser) atArith() bool {
	t := p.peek()
	switch {
	case t.kind == number:
		return p.ahead(1).is(arithOperators...)
	case t.is("-", "len"):
		return true
	case t.is("("):
		return p.tokens[min(p.close[p.at]+1, len(p.tokens)-1)].is(arithOperators...)
	}
	return t.kind == keyword && protocols[t.text] && p.ahead(1).is("[")
}

// onlyValues says whether the parentheses here hold only values joined by and, or and
// not.
func (p *parser) onlyValues() bool {
	for i := p.at; i < p.close[p.at]; i++ {
		switch t := p.tokens[i]; {
		case t.kind == keyword && !t.is("and", "or", "mask"):
			return false
		case t.kind == operator && !t.is("(", ")", "!", "/"):
			return false
		}
	}
	return true
}

// strayValue says whether the parentheses here, which hold more than values, begin with
// one. It reads the value, which libpcap looks at before it sees what is wrong.
func (p *parser) strayValue(q qualifiers) bool {
	at := p.at + 1
	for p.tokens[at].is("!") {
		if at++; p.tokens[at].is("(") {
			at++
		}
	}
	switch p.tokens[at].kind {
	case name, ether, ip4, ip6:
		p.at = at
		_, _ = p.value(q)
		return true
	}
	return false
}

// value reads a value: a name, an address, a number, or several in parentheses.
func (p *parser) value(q qualifiers) (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	id := idNode{qualifiers: q, bits: -1}
	switch id.id = p.take(); {
	case id.id.is("!"):
		n, err := p.value(q)
		return notNode{n}, err
	case id.id.is("("):
		return p.values(q)
	case id.id.kind == number, id.id.kind == name, id.id.kind == ether:
		return p.done(id)
	case id.id.kind == ip4, id.id.kind == ip6:
		if _, ok := p.accept("/"); ok {
			t := p.take()
			if t.kind != number {
				return nil, errSyntax
			}
			id.bits = int(min(t.value, 1<<30))
			return p.done(id)
		}
		if id.id.kind == ip4 {
			if _, ok := p.accept("mask"); ok {
				if id.mask = p.take(); id.mask.kind != ip4 {
					return nil, errSyntax
				}
			}
		}
		return p.done(id)
	}
	return nil, errSyntax
}

// done notes what was read.
func (p *parser) done(n node) (node, error) {
	p.read = append(p.read, n)
	return n, nil
}

// values reads what is left of values in parentheses. The first of several cannot have
// parentheses of its own.
func (p *parser) values(q qualifiers) (node, error) {
	nested := p.peek().is("(")
	n, err := p.value(q)
	if _, single := n.(idNode); err == nil && nested && (!single || n.(idNode).id.kind != number) {
		err = errSyntax
	}
	for err == nil {
		op, ok := p.accept("and", "or")
		if !ok {
			break
		}
		var b node
		if b, err = p.value(q); err == nil {
			n = join(op, n, b)
		}
	}
	if err == nil && !p.take().is(")") {
		err = errSyntax
	}
	return n, err
}

// qualified reads a term that begins with a keyword.
func (p *parser) qualified() (node, qualifiers, error) {
	none := qualifiers{undefined: true}
	var q qualifiers
	if protocols[p.peek().text] {
		q.proto = p.take().text
	}
	if word, ok := p.accept("broadcast", "multicast"); ok {
		n, err := p.done(wordNode{word: word, proto: q.proto})
		return n, none, err
	}
	var directed, addressed bool
	q.direction, directed = p.direction()
	if directed {
		q.address, addressed = p.accept("host", "net", "port", "portrange")
	} else {
		q.address, addressed = p.accept("host", "net", "port", "portrange", "proto", "protochain", "gateway")
	}
	if directed || addressed {
		n, err := p.value(q)
		return n, q, err
	}
	if q.proto != "" {
		if t := p.peek(); t.kind != end && !t.is("and", "or", ")") {
			return nil, none, errSyntax
		}
		n, err := p.done(protoNode{q.proto})
		return n, none, err
	}
	n, err := p.word()
	return n, none, err
}

// direction reads src, dst, or both of them.
func (p *parser) direction() (string, bool) {
	a, ok := p.accept("src", "dst", "addr1", "addr2", "addr3", "addr4", "ra", "ta")
	if !ok {
		return "", false
	}
	both := p.peek().is("and", "or") && (a == "src" && p.ahead(1).is("dst") || a == "dst" && p.ahead(1).is("src"))
	if !both {
		return a, true
	}
	a = p.take().text
	p.take()
	return a, true
}

// word reads a condition with a word of its own.
func (p *parser) word() (node, error) {
	w := wordNode{word: p.take().text}
	needs := false
	switch w.word {
	case "less", "greater", "ifindex":
		needs = true
	case "vlan":
		if v, ok := p.number(); ok {
			w.value, w.hasValue = v, true
		}
		return p.done(w)
	case "byte":
		return p.byteTest()
	case "inbound", "outbound":
		return p.done(w)
	case "ifname":
		if p.take().kind != name {
			return nil, errSyntax
		}
		return p.done(w)
	case "and", "or", "mask":
		return nil, errSyntax
	default:
		return nil, unsupported(w.word)
	}
	if needs {
		t := p.take()
		if t.kind != number {
			return nil, errSyntax
		}
		w.value, w.hasValue = t.value, true
	}
	return p.done(w)
}

// number reads a number, which may be in parentheses.
func (p *parser) number() (uint32, bool) {
	start, open := p.at, 0
	for p.peek().is("(") {
		p.take()
		open++
	}
	t := p.take()
	ok := t.kind == number
	for ; ok && open > 0; open-- {
		ok = p.take().is(")")
	}
	if !ok {
		p.at = start
	}
	return t.value, ok
}

func (p *parser) byteTest() (node, error) {
	at, op, operand := p.take(), p.take(), p.take()
	if at.kind != number || operand.kind != number || !op.is("=", "<", ">", "&", "|") {
		return nil, errSyntax
	}
	if op.is("&", "|") {
		return nil, unsupported("byte with " + op.text)
	}
	return wordNode{word: "byte", value: at.value, op: op.text, operand: operand.value}, nil
}

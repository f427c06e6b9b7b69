package filter

// relation reads a comparison of two numbers.
func (p *parser) relation() (node, error) {
	a, err := p.arith()
	if err != nil {
		return nil, err
	}
	op := p.take()
	if !op.is(">", ">=", "=", "<=", "<", "!=") {
		return nil, errSyntax
	}
	b, err := p.arith()
	return relationNode{op.text, a, b}, err
}

// precedences of the operators; % and ^ have none in the grammar, by which they bind to
// everything that follows.
var precedences = map[string]int{"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 0, "^": 0, "neg": 6}

// arith reads a computed number. Like the grammar's tables it puts operators on a stack
// and takes those that bind at least as well as the next one off it.
func (p *parser) arith() (arith, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	var operands []arith
	var ops []string
	reduce := func() error {
		op := ops[len(ops)-1]
		ops = ops[:len(ops)-1]
		last := len(operands) - 1
		if op == "neg" {
			operands[last] = negArith{operands[last]}
			return nil
		}
		n := binaryArith{op, operands[last-1], operands[last]}
		operands = append(operands[:last-1], n)
		return n.check()
	}
	for {
		for p.peek().is("-") {
			p.take()
			ops = append(ops, "neg")
		}
		operand, err := p.operand()
		if err != nil {
			return nil, err
		}
		operands = append(operands, operand)
		t := p.peek()
		prec, isOp := precedences[t.text]
		isOp = isOp && t.kind == operator
		for len(ops) > 0 {
			above := precedences[ops[len(ops)-1]]
			if isOp && (prec == 0 || above == 0 || above < prec) {
				break
			}
			if err := reduce(); err != nil {
				return nil, err
			}
		}
		if !isOp {
			return operands[0], nil
		}
		ops = append(ops, p.take().text)
	}
}

// operand reads a number, the packet's length, bytes of it, or a number in parentheses.
func (p *parser) operand() (arith, error) {
	switch t := p.take(); {
	case t.kind == number:
		return constArith{t.value}, nil
	case t.is("len"):
		return lenArith{}, nil
	case t.is("("):
		a, err := p.arith()
		if err == nil && !p.take().is(")") {
			err = errSyntax
		}
		return a, err
	case t.kind == keyword && protocols[t.text]:
		return p.load(t.text)
	}
	return nil, errSyntax
}

// load reads the brackets behind a protocol.
func (p *parser) load(proto string) (arith, error) {
	l := loadArith{proto: proto, size: 1}
	if !p.take().is("[") {
		return nil, errSyntax
	}
	var err error
	if l.at, err = p.arith(); err != nil {
		return nil, err
	}
	if _, ok := p.accept(":"); ok {
		t := p.take()
		if t.kind != number {
			return nil, errSyntax
		}
		l.size = t.value
	}
	if !p.take().is("]") {
		return nil, errSyntax
	}
	return l, nil
}

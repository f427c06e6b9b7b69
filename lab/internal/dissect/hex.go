package dissect

// dump writes the bytes of a packet in the forms that the options ask for.
func (d *dissector) dump(all []byte) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(truncated); !ok {
				panic(r)
			}
		}
	}()
	o := &d.options
	of := func(what Dump) []byte {
		if what == DumpAll {
			return all
		}
		return after(all, d.linkLength)
	}
	switch {
	case o.HexASCII != NoDump:
		d.hexASCII("\n\t", of(o.HexASCII), len(of(o.HexASCII)))
	case o.Hex != NoDump:
		d.hex("\n\t", of(o.Hex), len(of(o.Hex)))
	case o.ASCII != NoDump:
		if b := of(o.ASCII); len(b) > 0 {
			d.ascii(b)
		}
	}
}

// opaque writes a payload that is not understood.
func (d *dissector) opaque(b []byte) { d.hexASCII("\n\t", b, len(b)) }

// other writes a payload whose protocol is unknown, unless it is to be short or is
// dumped in hexadecimal anyway.
func (d *dissector) other(b []byte) {
	if o := &d.options; !o.Quiet && o.Hex == NoDump && o.HexASCII == NoDump {
		d.opaque(b)
	}
}

const perLine = 16

// hexASCII writes the first n bytes of b, 16 a line, in hexadecimal and as
// characters. If fewer were captured, those; then the packet ends as truncated.
func (d *dissector) hexASCII(indent string, b []byte, n int) {
	short := n > len(b)
	b = upTo(b, n)
	for at := 0; at < len(b); at += perLine {
		line := upTo(b[at:], perLine)
		d.f("%s0x%04x: ", indent, at)
		start := len(d.out)
		d.hexWords(line)
		for len(d.out)-start < 40 {
			d.out = append(d.out, ' ')
		}
		d.s("  ")
		for _, c := range line {
			d.out = append(d.out, graphic(c))
		}
	}
	if short {
		panic(truncated{})
	}
}

// hex writes the first n bytes of b, 16 a line, in hexadecimal.
func (d *dissector) hex(indent string, b []byte, n int) {
	short := n > len(b)
	b = upTo(b, n)
	for at := 0; at < len(b); at += perLine {
		d.f("%s0x%04x: ", indent, at)
		d.hexWords(upTo(b[at:], perLine))
	}
	if short {
		panic(truncated{})
	}
}

func (d *dissector) hexWords(line []byte) {
	for i, c := range line {
		if i%2 == 0 {
			d.s(" ")
		}
		d.f("%02x", c)
	}
}

// graphic is c if it is a visible character, else a dot.
func graphic(c byte) byte {
	if c > ' ' && c < 0x7f {
		return c
	}
	return '.'
}

// ascii writes bytes as text after a newline; carriage returns vanish before
// a newline and at the end.
func (d *dissector) ascii(b []byte) {
	d.s("\n")
	for i, c := range b {
		switch {
		case c == '\r':
			if rest := b[i+1:]; len(rest) > 1 && rest[0] != '\n' {
				d.s(".")
			}
		case c == '\t' || c == ' ' || c == '\n':
			d.out = append(d.out, c)
		default:
			d.out = append(d.out, graphic(c))
		}
	}
}

// unknown writes the first n bytes of b in hexadecimal, as many as were captured
// (print_unknown_data).
func (d *dissector) unknown(b []byte, indent string, n int) {
	b = upTo(b, n)
	d.hex(indent, b, len(b))
}

// char writes a character of the packet, made visible as vis does.
func (d *dissector) char(c byte) {
	if c >= 0x80 {
		c &= 0x7f
		d.s("M-")
	}
	if c < ' ' || c == 0x7f {
		c ^= 0x40
		d.s("^")
	}
	d.out = append(d.out, c)
}

package dissect

// skipName goes past a name.
func (m *message) skipName(at int) int {
	for at >= 0 && at < len(m.b) {
		n := int(m.b[at])
		at++
		switch {
		case n == 0:
			return at
		case n >= 0xc0:
			return at + 1
		case n == bitLabel:
			if at >= len(m.b) {
				return -1
			}
			n = 1 + (bitCount(m.b[at])+7)/8
		case n > 0x3f:
			return -1
		}
		at += n
	}
	return -1
}

// bitLabel is the type of a label that is a string of bits (RFC 2673).
const bitLabel = 0x41

func bitCount(c uint8) int {
	if c == 0 {
		return 256
	}
	return int(c)
}

// bits writes a label of bits and returns the place behind it.
func (m *message) bits(at int) int {
	d := m.d
	if at >= len(m.b) {
		return -1
	}
	n := bitCount(m.b[at])
	d.s(`\[x`)
	at++
	left := n
	for ; left > 7; left -= 8 {
		d.f("%02x", u8(m.b, at))
		at++
	}
	if left > 0 {
		c := u8(m.b, at)
		at++
		if left > 4 {
			d.f("%02x", c&(0xff<<(8-left)))
		} else {
			d.f("%1x", c>>4&0xf&(0xf<<(4-left)))
		}
	}
	d.f("/%d]", n)
	return at
}

// name writes a name, following the pointers of its compression, which must point
// backwards.
func (m *message) name(at int) int {
	d := m.d
	const longest = 255
	limit, behind, chars := at, -1, 0
	for first := true; ; first = false {
		if at >= len(m.b) {
			return -1
		}
		n := int(m.b[at])
		at++
		switch {
		case n == 0:
			if first {
				d.s(".")
			}
			if chars > longest {
				d.s("<DOMAIN NAME TOO LONG>")
			}
			if behind < 0 {
				behind = at
			}
			return behind
		case n == bitLabel:
			if at = m.bits(at); at < 0 {
				return -1
			}
			d.s(".")
			continue
		case n > 0x7f && n < 0xc0:
			d.s("<BAD LABEL TYPE>")
			return -1
		case n > 0x3f && n < 0x80:
			d.f("<ELT %d>", n&0x3f)
			return -1
		case at >= len(m.b):
			switch {
			case behind >= 0:
				return behind
			case n >= 0xc0 && first:
				return -1
			}
			return at + n
		case n >= 0xc0:
			if behind < 0 {
				behind = at + 1
			}
			to := n&0x3f<<8 | int(m.b[at])
			if to >= limit {
				d.s("<BAD PTR>")
				return -1
			}
			limit, at = to, to
			continue
		}
		if room := longest - chars; room > 0 && !m.characters(at, uint32(min(n, room))) {
			return -1
		}
		if chars += n; chars <= longest {
			d.s(".")
		}
		chars++
		at += n
	}
}

// characters writes n characters, and says whether they were captured.
func (m *message) characters(at int, n uint32) bool {
	text := after(m.b, at)
	whole := int64(n) <= int64(len(text))
	if whole {
		text = text[:n]
	}
	for _, c := range text {
		m.d.char(c)
	}
	return whole
}

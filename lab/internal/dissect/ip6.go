package dissect

const (
	ip6Len      = 40
	fragmentLen = 8
	fragOffset6 = 0xfff8
)

// ip6 writes an IPv6 packet and its extension headers.
func (d *dissector) ip6(b []byte, length int) {
	d.proto = "ip6"
	if len(b) < ip6Len {
		d.trunc()
		return
	}
	if length < ip6Len {
		d.f("truncated-ip6 %d", length)
		return
	}
	if !d.options.LinkHeader {
		d.s("IP6 ")
	}
	if v := b[0] >> 4; v != 6 {
		d.f("version error: %d != 6", v)
		return
	}
	payload := int(u16(b, 4))
	rest := length + ip6Len // of a jumbogram, until its option tells
	if payload != 0 {
		rest = payload + ip6Len
		if length < rest {
			d.f("truncated-ip6 - %d bytes missing!", rest-length)
		}
	}
	if d.options.Verbose > 0 {
		d.ip6Header(b, payload)
	}
	w := ip6Walk{d: d, whole: b, b: upTo(b, rest), length: length, payload: payload, rest: rest, next: b[6], first: true}
	w.run()
}

func (d *dissector) ip6Header(b []byte, payload int) {
	d.s("(")
	flow := u32(b, 0)
	if class := flow >> 20 & 0xff; class != 0 {
		d.f("class 0x%02x, ", class)
	}
	if label := flow & 0xfffff; label != 0 {
		d.f("flowlabel 0x%05x, ", label)
	}
	d.f("hlim %d, next-header %s (%d) payload length: %d) ", b[7], ipProtocol(b[6]), b[6], payload)
}

// ip6Walk goes through the headers of an IPv6 packet.
type ip6Walk struct {
	d          *dissector
	whole      []byte // all captured bytes from the header on
	b          []byte // those of the packet
	at         int    // where the present header begins
	length     int    // of the layer below
	payload    int    // the length field, or a jumbogram's
	rest       int    // what is left of the packet from the present header on
	next       uint8  // the protocol of the present header
	first      bool   // the present header follows the IPv6 header
	options    bool   // there was a hop-by-hop header
	jumbo      bool   // with a valid jumbo option
	extended   bool
	fragmented bool
}

func (w *ip6Walk) run() {
	d := w.d
	for advance := ip6Len; advance > 0; {
		if w.at >= len(w.b) {
			return
		}
		if w.rest < advance {
			d.trunc()
			return
		}
		w.at += advance
		w.rest -= advance
		if w.first && !hasPorts(w.next) {
			d.f("%s > %s: ", d.addr6(w.whole, 8), d.addr6(w.whole, 24))
		}
		h := after(w.b, w.at)
		switch w.next {
		case protoHopByHop:
			advance = w.hopByHop(h)
		case protoDestOpts:
			advance = d.optionHeader(h, "dstopt", "DSTOPT ", d.options.Verbose > 0, nil)
		case protoFragment:
			advance = w.fragment(h)
		case protoRouting:
			if len(h) == 0 {
				d.trunc()
				return
			}
			advance = d.routing(h)
		default:
			w.transport(h)
			return
		}
		if advance < 0 {
			return
		}
		w.extended, w.first = true, false
		w.next = u8(h, 0)
		d.proto = "ip6"
	}
}

// transport hands the payload on.
func (w *ip6Walk) transport(h []byte) {
	d := w.d
	switch {
	case w.jumbo:
		total := w.payload + ip6Len
		if total < w.at {
			d.trunc()
			return
		}
		if w.length < total {
			d.f("truncated-ip6 - %d bytes missing!", total-w.length)
		}
		w.rest = total - w.at
		h = upTo(after(w.whole, w.at), w.rest)
	case w.payload == 0 && w.extended:
		d.trunc()
		return
	case w.payload == 0:
		w.rest, h = 0, nil
	}
	d.transport(w.next, ipPacket{header: w.b, version: 6, fragmented: w.fragmented}, h, w.rest)
}

func (w *ip6Walk) hopByHop(h []byte) int {
	d := w.d
	switch {
	case w.options:
		d.s("[The Hop-by-Hop Options header was already found]")
		d.bad()
		return -1
	case !w.first:
		d.s("[The Hop-by-Hop Options header don't follow the IPv6 header]")
		d.bad()
		return -1
	}
	n := d.optionHeader(h, "hbhopt", "HBH ", true, w)
	if w.payload == 0 && !w.jumbo {
		d.s("[No valid Jumbo Payload Hop-by-Hop option found]")
		d.bad()
		return -1
	}
	w.options = true
	return n
}

// fragment writes a fragment header. Later fragments end the packet.
func (w *ip6Walk) fragment(h []byte) int {
	d := w.d
	d.proto = "frag6"
	size := ip6Len + int(u16(w.whole, 4)) - w.at - fragmentLen
	off := u16(h, 2) & fragOffset6
	if d.options.Verbose > 0 {
		d.f("frag (0x%08x:%d|%d)", u32(h, 4), off, uint64(size))
	} else {
		d.f("frag (%d|%d)", off, uint64(size))
	}
	if off != 0 {
		return -1
	}
	d.s(" ")
	if len(h) <= fragmentLen {
		return -1
	}
	w.fragmented = true
	return fragmentLen
}

const (
	opt6Pad1  = 0x00
	opt6PadN  = 0x01
	opt6Alert = 0x05
	opt6Jumbo = 0xc2
	opt6Home  = 0xc9
)

// optionHeader writes a header of options and returns its length, -1 if it is not
// whole. A hop-by-hop header comes with its walk, which learns of a jumbogram.
func (d *dissector) optionHeader(h []byte, proto, title string, show bool, w *ip6Walk) int {
	d.proto = proto
	n := (int(u8(h, 1)) + 1) * 8
	if n > len(h) {
		d.trunc()
		return -1
	}
	d.s(title)
	if show && !d.options6(h[2:n], w) {
		d.trunc()
		return -1
	}
	return n
}

// options6 writes options, and says whether they fit.
func (d *dissector) options6(o []byte, w *ip6Walk) bool {
	verbose := d.options.Verbose > 0
	say := func(format string, args ...any) {
		if verbose {
			d.f(format, args...)
		}
	}
	jumboSeen := false
	for len(o) > 0 {
		kind, size := o[0], 1
		if kind != opt6Pad1 {
			if len(o) < 2 {
				return false
			}
			size = int(o[1]) + 2
		}
		if size > len(o) {
			return false
		}
		switch kind {
		case opt6Pad1:
			say("(pad1)")
		case opt6PadN:
			say("(padn)")
		case opt6Alert:
			if !d.optionLength("rtalert", o, 4) {
				return false
			}
			say("(rtalert: 0x%04x) ", u16(o, 2))
		case opt6Jumbo:
			if !d.optionLength("jumbo", o, 6) {
				return false
			}
			say("%s", w.jumbogram(u32(o, 2), &jumboSeen))
		case opt6Home:
			const home = 18
			if len(o) < home {
				d.s("(homeaddr: trunc)")
				return false
			}
			if size < home {
				d.f("(homeaddr: invalid len %d)", o[1])
				return false
			}
			if verbose && !d.homeAddress(o[:size]) {
				return false
			}
		default:
			say("(opt_type 0x%02x: len=%d)", kind, o[1])
		}
		o = o[size:]
	}
	say(" ")
	return true
}

// optionLength checks an option whose length is fixed.
func (d *dissector) optionLength(name string, o []byte, size int) bool {
	if len(o) < size {
		d.f("(%s: trunc)", name)
		return false
	}
	if int(o[1]) != size-2 {
		d.f("(%s: invalid len %d)", name, o[1])
		return false
	}
	return true
}

// homeAddress writes a mobile host's home and the options inside.
func (d *dissector) homeAddress(o []byte) bool {
	d.f("(homeaddr: %s", d.addr6(o, 2))
	for o = o[18:]; len(o) > 0; {
		size := 1
		if o[0] == opt6Pad1 {
			d.s(", pad1")
		} else {
			if len(o) < 2 || int(o[1])+2 > len(o) {
				return false
			}
			size = int(o[1]) + 2
			if o[0] == opt6PadN {
				d.s(", padn")
			} else {
				d.f(", sopt_type 0x%02x: len=%d", o[0], o[1])
			}
		}
		o = o[size:]
	}
	d.s(")")
	return true
}

// routing writes a routing header and returns its length, -1 if its type is unknown.
func (d *dissector) routing(h []byte) int {
	d.proto = "rt6"
	const type0, mobile, segments = 0, 2, 4
	d.s("RT6")
	n := int(u8(h, 1))
	d.f(" (len=%d", n)
	kind := u8(h, 2)
	d.f(", type=%d", kind)
	if kind == type0 {
		d.s(" [Deprecated]")
	}
	d.f(", segleft=%d", u8(h, 3))
	switch kind {
	case type0, mobile:
		if rsv := u32(h, 4); rsv != 0 || d.options.Verbose > 0 {
			d.f(", rsv=0x%x", rsv)
		}
	case segments:
		d.f(", last-entry=%d", u8(h, 4))
		if flags := u8(h, 5); flags != 0 || d.options.Verbose > 0 {
			d.f(", flags=0x%x", flags)
		}
		d.f(", tag=%x", u16(h, 6))
	default:
		d.s(" (unknown type)")
		d.bad()
		return -1
	}
	if n%2 == 1 {
		d.f(" (invalid length %d)", n)
		d.bad()
		return -1
	}
	for i := range n / 2 {
		d.f(", [%d]%s", i, d.addr6(h, 8+16*i))
	}
	d.s(") ")
	return (n + 1) * 8
}

// jumbogram takes the length of a jumbo option, and returns what to say of it.
func (w *ip6Walk) jumbogram(n uint32, seen *bool) string {
	say := func(what string) string { return "(jumbo: " + utoa(n) + what + ") " }
	again := *seen
	*seen = true
	switch {
	case again:
		return say(" - already seen")
	case w == nil:
		return say(" - not a hop-by-hop option")
	case w.payload != 0:
		return say(" - payload len != 0")
	case n < 1<<16:
		return say(" - < 65536")
	}
	w.jumbo, w.payload = true, int(n)
	return say("")
}

// finalDestination6 is where an IPv6 packet goes in the end: the last address of a
// routing header, which checksums cover.
func finalDestination6(b []byte) []byte {
	dst, at, next := bytesAt(b, 24, 16), ip6Len, b[6]
	for at < len(b) {
		h := b[at:]
		switch next {
		case protoHopByHop, protoDestOpts, 62, 135:
			at += (int(u8(h, 1)) + 1) * 8
		case protoFragment:
			at += fragmentLen
		case protoRouting:
			if len(h) < 4 || h[1]%2 == 1 {
				return dst
			}
			switch n := int(h[1]) / 2; h[2] {
			case 0, 2:
				for i := range n {
					if len(h) < 8+16*(i+1) {
						return dst
					}
					dst = h[8+16*i : 8+16*(i+1)]
				}
			case 4:
				if len(h) >= 24 {
					return h[8:24]
				}
			}
			return dst
		default:
			return dst
		}
		next = u8(h, 0)
	}
	return dst
}

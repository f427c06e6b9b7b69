package dissect

const (
	optMSS        = 2
	optWindow     = 3
	optSACKOK     = 4
	optSACK       = 5
	optStamps     = 8
	optMD5        = 19
	optSCPS       = 20
	optUTO        = 28
	optAO         = 29
	optMPTCP      = 30
	optFastOpen   = 34
	optExperiment = 254
)

var tcpOptionNames = names{
	0: "eol", 1: "nop", optMSS: "mss", optWindow: "wscale", optSACKOK: "sackOK", optSACK: "sack", 6: "echo",
	7: "echoreply", optStamps: "TS", 11: "cc", 12: "ccnew", 13: "", optMD5: "md5", optSCPS: "scps", optUTO: "uto",
	optAO: "tcp-ao", optMPTCP: "mptcp", optFastOpen: "tfo", optExperiment: "exp",
}

// tcpOptions writes n bytes of options, and says whether the segment goes on. Options
// that do not fit are said to be bad, or truncated if they were not captured.
func (d *dissector) tcpOptions(s *segment, b []byte, n int) bool {
	d.s(", options [")
	o := tcpOption{d: d, s: s, b: b, left: n}
	for first := true; o.left > 0; first = false {
		if !first {
			d.s(",")
		}
		switch o.write() {
		case optionBad:
			d.s("[bad opt]")
			if !first {
				d.s("]")
			}
			return false
		case optionCut:
			d.trunc()
			if !first {
				d.s(">")
			}
			return false
		case optionLast:
			o.left = 0
		}
	}
	d.s("]")
	return true
}

// tcpOption goes through options: b holds what follows the octets that were taken
// of the present one, and left is how much the header has left.
type tcpOption struct {
	d     *dissector
	s     *segment
	whole []byte // of the present option, from its kind on
	b     []byte
	left  int
}

type optionEnd int

const (
	optionFine optionEnd = iota
	optionLast           // the end of options
	optionBad            // does not fit its header
	optionCut            // was not captured
)

// fits says whether n bytes of data are there.
func (o *tcpOption) fits(n int) optionEnd {
	switch {
	case n > o.left:
		return optionBad
	case n > len(o.b):
		return optionCut
	}
	return optionFine
}

// write writes one option.
func (o *tcpOption) write() optionEnd {
	d := o.d
	o.whole = o.b
	kind, size := u8(o.b, 0), 1
	o.b = o.b[1:]
	taken := 1
	if kind > 1 {
		size = int(u8(o.b, 0))
		o.b = o.b[1:]
		taken = 2
		if size < 2 || size > o.left {
			return optionBad
		}
	}
	o.left -= taken
	d.s(tcpOptionNames.of(uint32(kind), func() string { return "unknown-" + utoa(uint32(kind)) }))
	n, end := o.data(kind, size-taken)
	if end != optionFine {
		return end
	}
	o.b = after(o.b, n)
	o.left -= n
	if n+taken != size {
		d.f("[len %d]", size)
	}
	if kind == 0 {
		return optionLast
	}
	return optionFine
}

// data writes the data of an option that says it has n bytes, and returns how many
// its kind has.
func (o *tcpOption) data(kind uint8, n int) (int, optionEnd) {
	d := o.d
	fixed := map[uint8]int{optMSS: 2, optWindow: 1, 6: 4, 7: 4, optStamps: 8, 11: 4, 12: 4, 13: 4, optMD5: 16, optSCPS: 2, optUTO: 2}
	if size, ok := fixed[kind]; ok {
		n = size
		if end := o.fits(n); end != optionFine {
			return n, end
		}
	}
	switch kind {
	case 0, 1, optSACKOK:
		return 0, optionFine
	case optMSS:
		d.f(" %d", u16(o.b, 0))
	case optWindow:
		d.f(" %d", u8(o.b, 0))
	case 6, 7, 11, 12, 13:
		d.f(" %d", u32(o.b, 0))
	case optStamps:
		d.f(" val %d ecr %d", u32(o.b, 0), u32(o.b, 4))
	case optSACK:
		return n, o.sack(n)
	case optMD5:
		why := "shared secret not supplied with -M"
		if !o.s.whole {
			why = "snaplen too short"
		}
		d.s(" " + why + ", can't check - " + hexBytes(o.b[:n], ""))
	case optSCPS:
		d.f(" cap %02x id %d", u8(o.b, 0), u8(o.b, 1))
	case optUTO:
		v := u16(o.b, 0)
		seconds := int(v >> 1)
		if v&1 != 0 {
			seconds *= 60
		}
		d.f(" 0x%x %d", v, seconds)
	case optAO:
		return n, o.authentication(n)
	case optMPTCP:
		if end := o.fits(n); end != optionFine {
			return n, end
		}
		return n, o.multipath(o.whole[:n+2])
	case optFastOpen:
		if end := o.fits(n); end != optionFine {
			return n, end
		}
		d.s(" ")
		d.fastOpen(o.b[:n], false)
	case optExperiment:
		return n, o.experiment(n)
	default:
		return n, o.unknown(n)
	}
	return n, optionFine
}

func (o *tcpOption) sack(n int) optionEnd {
	if n%8 != 0 {
		o.d.s(" invalid sack")
		return optionFine
	}
	o.d.f(" %d ", n/8)
	for at := 0; at < n; at += 8 {
		if end := o.fits(at + 8); end != optionFine {
			return end
		}
		o.d.f("{%d:%d}", u32(o.b, at)-o.s.sackStart, u32(o.b, at+4)-o.s.sackStart)
	}
	return optionFine
}

// authentication writes TCP-AO (RFC 5925 section 2.2).
func (o *tcpOption) authentication(n int) optionEnd {
	d := o.d
	if n < 2 {
		d.bad()
		return optionFine
	}
	if end := o.fits(1); end != optionFine {
		return end
	}
	d.f(" keyid %d", o.b[0])
	if end := o.fits(2); end != optionFine {
		return end
	}
	d.f(" rnextkeyid %d", o.b[1])
	if n == 2 {
		return optionFine
	}
	d.s(" mac 0x")
	return o.hex(2, n)
}

func (o *tcpOption) hex(from, n int) optionEnd {
	for at := from; at < n; at++ {
		if end := o.fits(at + 1); end != optionFine {
			return end
		}
		o.d.f("%02x", o.b[at])
	}
	return optionFine
}

func (o *tcpOption) unknown(n int) optionEnd {
	if n > 0 {
		o.d.s(" 0x")
	}
	return o.hex(0, n)
}

// experiment writes an experimental option by its magic number (RFC 6994).
func (o *tcpOption) experiment(n int) optionEnd {
	if end := o.fits(n); end != optionFine {
		return end
	}
	if n < 2 {
		return optionBad
	}
	const fastOpen = 0xf989
	magic := u16(o.b, 0)
	o.d.s("-")
	if magic == fastOpen {
		o.d.fastOpen(o.b[2:n], true)
	} else {
		o.d.f("%04x", magic)
	}
	return optionFine
}

// fastOpen writes a cookie of TCP Fast Open (RFC 7413).
func (d *dissector) fastOpen(cookie []byte, experimental bool) {
	if experimental {
		d.s("tfo")
	}
	switch n := len(cookie); {
	case n == 0:
		d.s(" cookiereq")
	case n%2 != 0 || n < 4 || n > 16:
		d.bad()
	default:
		d.s(" cookie " + hexBytes(cookie, ""))
	}
}

package dissect

import "fmt"

var groupRecords = names{1: "is_in", 2: "is_ex", 3: "to_in", 4: "to_ex", 5: "allow", 6: "block"}

// igmp writes a message about IPv4 groups (RFC 1112, 2236, 3376).
func (d *dissector) igmp(b []byte, length int) {
	d.proto = "igmp"
	if d.options.Quiet {
		d.s("igmp")
		return
	}
	group := func(at int) string { return d.addr4(b, at) }
	oddLength := func() {
		if length != 8 {
			d.f(" [len %d]", length)
		}
	}
	switch kind := u8(b, 0); kind {
	case 0x11:
		d.s("igmp query")
		if length >= 12 {
			d.igmp3Query(b, length)
			break
		}
		switch wait := u8(b, 1); wait {
		case 0:
			d.s(" v1")
		case 100:
			d.s(" v2")
		default:
			d.f(" v2 [max resp time %d]", wait)
		}
		if u32(b, 4) != 0 {
			d.s(" [gaddr " + group(4) + "]")
		}
		oddLength()
	case 0x12:
		d.s("igmp v1 report " + group(4))
		oddLength()
	case 0x16:
		d.s("igmp v2 report " + group(4))
	case 0x17:
		d.s("igmp leave " + group(4))
	case 0x22:
		d.s("igmp v3 report")
		d.igmp3Report(b, length)
	default:
		d.f("igmp-%d", kind)
	}
	if d.options.Verbose > 0 && length >= 4 && length <= len(b) {
		if checksum(b[:length]) != 0 {
			d.f(" bad igmp cksum %x!", u16(b, 2))
		}
	}
}

func (d *dissector) igmp3Query(b []byte, length int) {
	d.s(" v3")
	if length&3 != 0 {
		d.f(" [invalid len %d]", length)
		return
	}
	code := u8(b, 1)
	if code != 100 {
		if wait := floating(uint32(code), 4, 3); wait < 600 {
			d.f(" [max resp time %.1fs]", float64(wait)*0.1)
		} else {
			d.s(" [max resp time " + period(wait/10) + "]")
		}
	}
	if u32(b, 4) == 0 {
		return
	}
	d.s(" [gaddr " + d.addr4(b, 4))
	n := int(u16(b, 10))
	switch {
	case n == 0:
	case length < 12+4*n:
		d.s(" [invalid number of sources]")
	case d.options.Verbose > 1:
		d.s(" {")
		for i := range n {
			d.s(" " + d.addr4(b, 12+4*i))
		}
		d.s(" }")
	default:
		d.f(", %d source(s)", n)
	}
	d.s("]")
}

// floating reads a time that is a number with an exponent of 3 bits and a mantissa
// below it, if its highest bit is set.
func floating(code uint32, mantissa, bias int) uint32 {
	one := uint32(1) << mantissa
	if code < one<<3 {
		return code
	}
	return (code&(one-1) | one) << (code>>mantissa&7 + uint32(bias))
}

// period is a time in the largest units that it has.
func period(seconds uint32) string {
	if seconds == 0 {
		return "0s"
	}
	s := ""
	for _, u := range []struct {
		name string
		size uint32
	}{{"y", 31536000}, {"w", 604800}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}} {
		if n := seconds / u.size; n > 0 {
			s += fmt.Sprint(n) + u.name
			seconds %= u.size
		}
	}
	return s
}

func (d *dissector) igmp3Report(b []byte, length int) {
	if length < 16 || length&3 != 0 {
		d.f(" [invalid len %d]", length)
		return
	}
	n := int(u16(b, 6))
	d.f(", %d group record(s)", n)
	d.groups(b, length, n, "v3-report", 4, d.addr4)
}

// groups writes the records of a report, whose addresses have size bytes, under -v.
func (d *dissector) groups(b []byte, length, n int, unknown string, size int, addr func([]byte, int) string) {
	if d.options.Verbose == 0 {
		return
	}
	at := 8
	for range n {
		if length < at+4+size {
			d.s(" [invalid number of groups]")
			return
		}
		d.s(" [gaddr " + addr(b, at+4))
		kind := u8(b, at)
		d.s(" " + groupRecords.of(uint32(kind), func() string { return fmt.Sprintf(" [%s-#%d]", unknown, kind) }))
		sources := int(u16(b, at+2))
		at += 4 + size
		if length < at+size*sources {
			d.f(" [invalid number of sources %d]", sources)
			return
		}
		if d.options.Verbose == 1 {
			d.f(", %d source(s)", sources)
		} else {
			d.s(" {")
			for i := range sources {
				d.s(" " + addr(b, at+size*i))
			}
			d.s(" }")
		}
		at += size * sources
		d.s("]")
	}
}

package dissect

import "fmt"

const (
	dnsA     = 1
	dnsNS    = 2
	dnsCNAME = 5
	dnsSOA   = 6
	dnsPTR   = 12
	dnsMX    = 15
	dnsTXT   = 16
	dnsAAAA  = 28
	dnsSRV   = 33
	dnsDNAME = 39
	dnsOPT   = 41
	dnsURI   = 256
)

var dnsTypes = names{
	dnsA: "A", dnsNS: "NS", 3: "MD", 4: "MF", dnsCNAME: "CNAME", dnsSOA: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL",
	11: "WKS", dnsPTR: "PTR", 13: "HINFO", 14: "MINFO", dnsMX: "MX", dnsTXT: "TXT", 17: "RP", 18: "AFSDB", 19: "X25", 20: "ISDN",
	21: "RT", 22: "NSAP", 23: "NSAP_PTR", 24: "SIG", 25: "KEY", 26: "PX", 27: "GPOS", dnsAAAA: "AAAA", 29: "LOC", 30: "NXT",
	31: "EID", 32: "NIMLOC", dnsSRV: "SRV", 34: "ATMA", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", dnsDNAME: "DNAME",
	40: "SINK", dnsOPT: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY",
	99: "SPF", 100: "UINFO", 101: "UID", 102: "GID", 103: "UNSPEC", 104: "UNSPECA", 249: "TKEY", 250: "TSIG", 251: "IXFR",
	252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "ANY", dnsURI: "URI",
}

var (
	dnsClasses  = names{1: "IN", 3: "CHAOS", 4: "HS", 255: "ANY"}
	dnsOpcodes  = []string{"", " inv_q", " stat", " op3", " notify", " update", " op6", " op7", " op8", " updateA", " updateD", " updateDA", " updateM", " updateMA", " zoneInit", " zoneRef"}
	dnsStatuses = []string{
		"", " FormErr", " ServFail", " NXDomain", " NotImp", " Refused", " YXDomain", " YXRRSet", " NXRRSet", " NotAuth", " NotZone",
		" Resp11", " Resp12", " Resp13", " Resp14", " NoChange", " BadVers", "Resp17", " Resp18", " Resp19", " Resp20", "Resp21", " Resp22", " BadCookie",
	}
)

// message goes through a DNS message (RFC 1035). Its methods take a place in it and
// return the one behind what they read, or -1 where the message is cut or wrong.
type message struct {
	d    *dissector
	b    []byte
	mdns bool // multicast DNS: RFC 6762
}

// dns writes a DNS message of n bytes.
func (d *dissector) dns(b []byte, n int, tcp, mdns bool) {
	d.proto = "domain"
	if tcp {
		if n < 2 {
			d.f(" [DNS over TCP: length %d < 2]", n)
			d.bad()
			return
		}
		n -= 2
		if said := u16(b, 0); int(said) != n {
			d.f(" [prefix length(%d) != length(%d)]", said, n)
			d.bad()
			return
		}
		b = b[2:]
		d.s(" ")
	}
	const header = 12
	if n < header {
		d.f("domain [length %d < %d]", n, header)
		d.bad()
		return
	}
	if len(b) < header {
		d.trunc()
		return
	}
	m := message{d: d, b: b, mdns: mdns}
	ok := false
	if flags := u16(b, 2); flags&0x8000 != 0 {
		ok = m.response(flags)
	} else {
		ok = m.query(flags)
	}
	if !ok {
		d.trunc()
		return
	}
	d.f(" (%d)", n)
}

// count is the number of entries in a section: questions, answers, authorities,
// additional ones.
func (m *message) count(section int) int { return int(u16(m.b, 4+2*section)) }

func flag(set uint16, text string) string {
	if set != 0 {
		return text
	}
	return ""
}

func (m *message) response(flags uint16) bool {
	d := m.d
	status := m.status(flags)
	text := fmt.Sprintf(" Resp%d", status&0xfff)
	if status < len(dnsStatuses) {
		text = dnsStatuses[status]
	}
	d.f("%d%s%s%s%s%s%s", u16(m.b, 0), dnsOpcodes[flags>>11&0xf], text, flag(flags&0x0400, "*"), flag(^flags&0x80, "-"),
		flag(flags&0x0200, "|"), flag(flags&0x0020, "$"))
	questions := m.count(0)
	if questions != 1 {
		d.f(" [%dq]", questions)
	}
	at := 12
	for i := range questions {
		if i > 0 {
			d.s(",")
		}
		if d.options.Verbose > 1 {
			d.s(" q:")
			at = m.question(at)
		} else if at = m.skipName(at); at >= 0 {
			at += 4
		}
		if at < 0 {
			return false
		}
	}
	d.f(" %d/%d/%d", m.count(1), m.count(2), m.count(3))
	if at = m.records("", at, m.count(1), true); at < 0 {
		return false
	}
	return d.options.Verbose < 2 || m.rest(at)
}

// rest writes the sections of authorities and additional records.
func (m *message) rest(at int) bool {
	if at = m.records(" ns:", at, m.count(2), false); at < 0 {
		return false
	}
	return m.records(" ar:", at, m.count(3), false) >= 0
}

// records writes n records, the first even where nothing is left if it must be there.
func (m *message) records(title string, at, n int, must bool) int {
	for i := range n {
		if at >= len(m.b) && (i > 0 || !must) {
			return -1
		}
		if i > 0 {
			title = ","
		}
		m.d.s(title)
		if at = m.record(at); at < 0 {
			return -1
		}
	}
	return at
}

func (m *message) query(flags uint16) bool {
	d := m.d
	d.f("%d%s%s%s", u16(m.b, 0), dnsOpcodes[flags>>11&0xf], flag(flags&0x0100, "+"), flag(flags&0x0010, "%"))
	if flags&0x6cf != 0 {
		d.f(" [b2&3=0x%x]", flags)
	}
	questions, answers := m.count(0), m.count(1)
	some := func(unless, n int, unit string) {
		if n != unless {
			d.f(" [%d%s]", n, unit)
		}
	}
	if inverse := flags>>11&0xf == 1; inverse {
		some(0, questions, "q")
		some(1, answers, "a")
	} else {
		some(0, answers, "a")
		some(1, questions, "q")
	}
	some(0, m.count(2), "n")
	some(0, m.count(3), "au")
	at := 12
	for i := range questions {
		if i > 0 && at >= len(m.b) {
			return false
		}
		if at = m.question(at); at < 0 {
			return false
		}
	}
	if d.options.Verbose < 2 {
		return true
	}
	at = m.records("", at, answers, true)
	return at >= 0 && m.rest(at)
}

// status is the response code, with the upper bits that an EDNS record holds
// (RFC 6891).
func (m *message) status(flags uint16) int {
	code, at := int(flags&0xf), 12
	for range m.count(0) {
		if at = m.skipName(at); at < 0 || at+4 >= len(m.b) {
			return code
		}
		at += 4
	}
	additional := m.count(1) + m.count(2)
	for i := range additional + m.count(3) {
		if at = m.skipName(at); at < 0 || at+10 > len(m.b) {
			if i >= additional && at >= 0 && at+5 <= len(m.b) && u16(m.b, at) == dnsOPT {
				return code | int(m.b[at+4])<<4
			}
			return code
		}
		if i >= additional && u16(m.b, at) == dnsOPT {
			return code | int(m.b[at+4])<<4
		}
		if at += 10 + int(u16(m.b, at+8)); at >= len(m.b) {
			return code
		}
	}
	return code
}

func (m *message) question(at int) int {
	d := m.d
	name := at
	if at = m.skipName(at); at < 0 || at+4 > len(m.b) {
		return -1
	}
	kind, class := u16(m.b, at), u16(m.b, at+2)
	d.s(" " + dnsType(kind))
	unicast := class&0x8000 != 0
	if m.mdns {
		class &^= 0x8000
	}
	if class != 1 {
		d.s(" " + dnsClass(class))
	}
	if m.mdns && unicast {
		d.s(" (QU)")
	} else if m.mdns {
		d.s(" (QM)")
	}
	d.s("? ")
	if at = m.name(name); at < 0 {
		return -1
	}
	return at + 4
}

func dnsType(t uint16) string {
	return dnsTypes.of(uint32(t), func() string { return fmt.Sprintf("Type%d", t) })
}

func dnsClass(c uint16) string {
	return dnsClasses.of(uint32(c), func() string { return fmt.Sprintf("(Class %d)", c) })
}

// record writes a resource record.
func (m *message) record(at int) int {
	d := m.d
	if d.options.Verbose > 0 {
		d.s(" ")
		if at = m.name(at); at < 0 {
			return -1
		}
	} else {
		at = m.skipName(at)
	}
	if at < 0 || at+10 > len(m.b) {
		return len(m.b)
	}
	kind, class := u16(m.b, at), u16(m.b, at+2)
	flush := m.mdns && class&0x8000 != 0
	if m.mdns {
		class &^= 0x8000
	}
	if class != 1 && kind != dnsOPT {
		d.s(" " + dnsClass(class))
	}
	if flush {
		d.s(" (Cache flush)")
	}
	if kind != dnsOPT && d.options.Verbose > 2 {
		d.s(" [" + period(u32(m.b, at+4)) + "]")
	}
	ednsFlags := u16(m.b, at+6)
	n := int(u16(m.b, at+8))
	at += 10
	d.s(" " + dnsType(kind))
	if at+n > len(m.b) {
		return -1
	}
	if !m.data(kind, class, ednsFlags, at, n) {
		return -1
	}
	return at + n
}

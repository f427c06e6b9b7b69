package dissect

import (
	"fmt"
	"net/netip"
)

const (
	ednsDAU       = 5
	ednsDHU       = 6
	ednsN3U       = 7
	ednsSubnet    = 8
	ednsExpire    = 9
	ednsCookie    = 10
	ednsKeepalive = 11
	ednsPadding   = 12
	ednsKeyTag    = 14
)

var ednsNames = names{
	1: "LLQ", 2: "UL", 3: "NSID", ednsDAU: "DAU", ednsDHU: "DHU", ednsN3U: "N3U", ednsSubnet: "ECS", ednsExpire: "EXPIRE",
	ednsCookie: "COOKIE", ednsKeepalive: "KEEPALIVE", ednsPadding: "PADDING", 13: "CHAIN", ednsKeyTag: "KEY-TAG",
	16: "CLIENT-TAG", 17: "SERVER-TAG",
}

var (
	signatureAlgorithms = names{
		0: "DELETE", 1: "RSAMD5", 2: "DH", 3: "DS", 5: "RSASHA1", 6: "DSA-NSEC3-SHA1", 7: "RSASHA1-NSEC3-SHA1", 8: "RSASHA256",
		10: "RSASHA512", 12: "ECC-GOST", 13: "ECDSAP256SHA256", 14: "ECDSAP384SHA384", 15: "ED25519", 16: "ED448",
		252: "INDIRECT", 253: "PRIVATEDNS", 254: "PRIVATEOID",
	}
	digestAlgorithms = names{1: "SHA-1", 2: "SHA-256", 3: "GOST_R_34.11-94", 4: "SHA-384"}
	hashAlgorithms   = names{1: "SHA-1"}
)

// ednsOptions writes n bytes of options of EDNS (RFC 6891).
func (m *message) ednsOptions(at, n int) bool {
	if n == 0 {
		return true
	}
	m.d.s(" [")
	for end := at + n; at < end; {
		if at = m.ednsOption(at); at < 0 {
			return false
		}
		if at < end {
			m.d.s(",")
		}
	}
	m.d.s("]")
	return true
}

func (m *message) ednsOption(at int) int {
	d := m.d
	if at+2 > len(m.b) {
		return -1
	}
	kind := u16(m.b, at)
	d.s(ednsNames.of(uint32(kind), func() string { return fmt.Sprintf("Opt%d", kind) }))
	if at+4 > len(m.b) {
		return -1
	}
	n := int(u16(m.b, at+2))
	at += 4
	if at+n > len(m.b) {
		return -1
	}
	if n > 0 {
		d.s(" ")
		d.ednsData(kind, m.b[at:at+n])
	}
	return at + n
}

func (d *dissector) ednsData(kind uint16, o []byte) {
	algorithms := map[uint16]names{ednsDAU: signatureAlgorithms, ednsDHU: digestAlgorithms, ednsN3U: hashAlgorithms}
	n := len(o)
	switch kind {
	case ednsSubnet:
		d.subnet(o)
	case ednsCookie:
		switch {
		case n < 8 || n > 8 && n < 16 || n > 40:
			d.bad()
		case n == 8:
			d.s(hexBytes(o, ""))
		default:
			d.s(hexBytes(o[:8], "") + " " + hexBytes(o[8:], ""))
		}
	case ednsKeepalive:
		if n != 2 {
			d.bad()
		} else {
			d.f("%0.1f sec", float64(u16(o, 0))/10)
		}
	case ednsExpire:
		if n != 4 {
			d.bad()
		} else {
			d.f("%d sec", u32(o, 0))
		}
	case ednsPadding:
		d.f("(%d)", n)
	case ednsKeyTag:
		if n%2 != 0 {
			d.bad()
			return
		}
		for i := 0; i < n; i += 2 {
			d.s(flag(uint16(i), " "))
			d.f("%d", u16(o, i))
		}
	case ednsDAU, ednsDHU, ednsN3U:
		for i, c := range o {
			d.s(flag(uint16(i), " "))
			d.s(algorithms[kind].of(uint32(c), func() string { return fmt.Sprintf("Alg_%d", c) }))
		}
	default:
		d.s(hexBytes(o, ""))
	}
}

// subnet writes the client's network (RFC 7871).
func (d *dissector) subnet(o []byte) {
	if len(o) < 4 {
		d.bad()
		return
	}
	family, source, scope, addr := u16(o, 0), int(o[2]), int(o[3]), o[4:]
	size := map[uint16]int{1: 4, 2: 16}[family]
	if len(addr) > size || source > size*8 || scope > size*8 || (source+7)/8 != len(addr) || size == 0 {
		d.bad()
		return
	}
	padded := make([]byte, size)
	copy(padded, addr)
	a, _ := netip.AddrFromSlice(padded)
	d.f("%s/%d/%d", addrText(a), source, scope)
}

package dissect

import "net/netip"

// data writes the n bytes of data of a record, and says whether they were whole.
func (m *message) data(kind, class, ednsFlags uint16, at, n int) bool {
	d := m.d
	has := func(n int) bool { return at+n <= len(m.b) }
	switch kind {
	case dnsA:
		if !has(4) {
			return false
		}
		d.s(" " + netip.AddrFrom4([4]byte(m.b[at:])).String())
	case dnsAAAA:
		if !has(16) {
			return false
		}
		d.s(" " + addrText(netip.AddrFrom16([16]byte(m.b[at:]))))
	case dnsNS, dnsCNAME, dnsPTR, dnsDNAME:
		d.s(" ")
		return m.name(at) >= 0
	case dnsSOA:
		return d.options.Verbose == 0 || m.authority(at)
	case dnsMX:
		d.s(" ")
		if !has(2) || m.name(at+2) < 0 {
			return false
		}
		d.f(" %d", u16(m.b, at))
	case dnsSRV:
		d.s(" ")
		if !has(6) || m.name(at+6) < 0 {
			return false
		}
		d.f(":%d %d %d", u16(m.b, at+4), u16(m.b, at), u16(m.b, at+2))
	case dnsTXT:
		for end := at + n; at < end; {
			if at >= len(m.b) {
				return false
			}
			size := int(m.b[at])
			d.s(` "`)
			if !m.characters(at+1, uint32(size)) {
				return false
			}
			d.s(`"`)
			at += 1 + size
		}
	case dnsURI:
		// Data of less than four bytes has text of 2^32 less as many, as tcpdump reads it.
		d.f(" %d %d ", u16(m.b, at), u16(m.b, at+2))
		return m.characters(at+4, uint32(n-4))
	case dnsOPT:
		d.f(" UDPsize=%d", class)
		d.s(flag(ednsFlags&0x8000, " DO"))
		return m.ednsOptions(at, n)
	}
	return true
}

// authority writes the data of an SOA record.
func (m *message) authority(at int) bool {
	for range 2 {
		m.d.s(" ")
		if at = m.name(at); at < 0 {
			return false
		}
	}
	if at+20 > len(m.b) {
		return false
	}
	for i := range 5 {
		m.d.f(" %d", u32(m.b, at+4*i))
	}
	return true
}

package dissect

import "encoding/binary"

func u64(b []byte, at int) uint64 { return binary.BigEndian.Uint64(bytesAt(b, at, 8)) }

// multipath writes an option of Multipath TCP (RFC 8684), o from its kind on.
func (o *tcpOption) multipath(opt []byte) optionEnd {
	d := o.d
	d.proto = "mptcp"
	if len(opt) < 3 {
		return optionBad
	}
	kinds := []struct {
		name  string
		write func(*dissector, []byte, uint8) bool
	}{
		{"capable", (*dissector).mpCapable},
		{"join", (*dissector).mpJoin},
		{"dss", (*dissector).mpSequence},
		{"add-addr", (*dissector).mpAddAddr},
		{"rem-addr", (*dissector).mpRemoveAddr},
		{"prio", (*dissector).mpPriority},
		{"fail", func(d *dissector, b []byte, _ uint8) bool { return d.mpNumber(b, " seq %d") }},
		{"fast-close", func(d *dissector, b []byte, _ uint8) bool { return d.mpNumber(b, " key 0x%x") }},
		{"unknown", func(*dissector, []byte, uint8) bool { return true }},
	}
	k := kinds[min(int(opt[2]>>4), len(kinds)-1)]
	d.f(" %d %s", len(opt), k.name)
	if !k.write(d, opt, o.s.flags) {
		return optionBad
	}
	return optionFine
}

func (d *dissector) mpCapable(b []byte, flags uint8) bool {
	n := len(b)
	if !((n == 12 || n == 4) && flags&flagS != 0) && !((n == 20 || n == 22) && flags&(flagS|flagA) == flagA) {
		return false
	}
	version := b[2] & 0xf
	if version > 1 {
		d.f(" Unknown Version (%d)", version)
		return true
	}
	d.f(" v%d", version)
	if b[3]&0x80 != 0 {
		d.s(" csum")
	}
	if n >= 12 {
		d.f(" {0x%x", u64(b, 4))
		if n >= 20 {
			d.f(",0x%x", u64(b, 12))
		}
		d.s("}")
	}
	return true
}

func (d *dissector) mpJoin(b []byte, flags uint8) bool {
	n := len(b)
	if !(n == 12 && flags&flagS != 0) && !(n == 16 && flags&(flagS|flagA) == flagS|flagA) && !(n == 24 && flags&flagA != 0) {
		return false
	}
	if n != 24 {
		if b[2]&1 != 0 {
			d.s(" backup")
		}
		d.f(" id %d", b[3])
	}
	switch n {
	case 12:
		d.f(" token 0x%x nonce 0x%x", u32(b, 4), u32(b, 8))
	case 16:
		d.f(" hmac 0x%x nonce 0x%x", u64(b, 4), u32(b, 12))
	case 24:
		d.s(" hmac 0x" + hexBytes(b[4:], ""))
	}
	return true
}

// mpSequence writes acknowledgements and numbers of the whole connection.
func (d *dissector) mpSequence(b []byte, flags uint8) bool {
	const fin, longSeq, seq, longAck, ack = 0x10, 0x08, 0x04, 0x02, 0x01
	if len(b) < 4 || flags&flagS != 0 {
		return false
	}
	has := b[3]
	if has&fin != 0 {
		d.s(" fin")
	}
	b = b[4:]
	number := func(long bool) bool {
		n := 4
		if long {
			n = 8
		}
		if len(b) < n {
			return false
		}
		if long {
			d.f("%d", u64(b, 0))
		} else {
			d.f("%d", u32(b, 0))
		}
		b = b[n:]
		return true
	}
	if has&ack != 0 {
		d.s(" ack ")
		if !number(has&longAck != 0) {
			return false
		}
	}
	if has&seq != 0 {
		d.s(" seq ")
		if !number(has&longSeq != 0) || len(b) < 4 {
			return false
		}
		d.f(" subseq %d", u32(b, 0))
		if b = b[4:]; len(b) < 2 {
			return false
		}
		d.f(" len %d", u16(b, 0))
		if b = b[2:]; len(b) >= 2 {
			d.f(" csum 0x%x", u16(b, 0))
			b = b[2:]
		}
	}
	return len(b) == 0
}

func (d *dissector) mpAddAddr(b []byte, _ uint8) bool {
	at := 0 // behind the address
	switch len(b) {
	case 8, 10, 16, 18:
		at = 8
	case 20, 22, 28, 30:
		at = 20
	default:
		return false
	}
	d.s(" " + mpVersion(b[2]&0xf))
	d.f(" id %d", b[3])
	if at == 8 {
		d.s(" " + d.addr4(b, 4))
	} else {
		d.s(" " + d.addr6(b, 4))
	}
	if extra := len(b) - at; extra == 2 || extra == 10 {
		d.f(":%d", u16(b, at))
		at += 2
	}
	if len(b)-at == 8 {
		d.f(" hmac 0x%x", u64(b, at))
	}
	return true
}

// mpVersion names the version of an address option, or whether it is an echo.
func mpVersion(v uint8) string {
	switch v {
	case 6:
		return "v0-ip6"
	case 4:
		return "v0-ip4"
	case 1:
		return "v1-echo"
	case 0:
		return "v1"
	}
	return "[bad version/echo]"
}

func (d *dissector) mpRemoveAddr(b []byte, _ uint8) bool {
	if len(b) < 4 {
		return false
	}
	d.s(" id")
	for _, id := range b[3:] {
		d.f(" %d", id)
	}
	return true
}

func (d *dissector) mpPriority(b []byte, _ uint8) bool {
	if len(b) != 3 && len(b) != 4 {
		return false
	}
	if b[2]&1 != 0 {
		d.s(" backup")
	} else {
		d.s(" non-backup")
	}
	if len(b) == 4 {
		d.f(" id %d", b[3])
	}
	return true
}

func (d *dissector) mpNumber(b []byte, format string) bool {
	if len(b) != 12 {
		return false
	}
	d.f(format, u64(b, 4))
	return true
}

package datapath

// Options of neighbour discovery (ND_OPT_*).
const (
	ndSourceLLAddr = 1
	ndTargetLLAddr = 2
	ndRedirected   = 4
	ndNonce        = 14
)

// ndOptions are the options of a message: the first one of each type that counts, with its
// header.
type ndOptions struct {
	source, target, redirected, nonce []byte
}

// parseNDOptions reads options (ndisc_parse_options).
func parseNDOptions(b []byte) (o ndOptions, ok bool) {
	for len(b) > 0 {
		if len(b) < 2 || b[1] == 0 || int(b[1])*8 > len(b) {
			return o, false
		}
		x := b[:int(b[1])*8]
		b = b[len(x):]
		first := func(place *[]byte) {
			if *place == nil {
				*place = x
			}
		}
		switch x[0] {
		case ndSourceLLAddr:
			first(&o.source)
		case ndTargetLLAddr:
			first(&o.target)
		case ndRedirected:
			first(&o.redirected)
		case ndNonce:
			first(&o.nonce)
		}
	}
	return o, true
}

// lladdrOf is the hardware address in an option of a device (ndisc_opt_addr_data); nil,
// true without option.
func (l *link) lladdrOf(opt []byte) (lladdr []byte, ok bool) {
	if opt == nil {
		return nil, true
	}
	n := len(l.dev.Address)
	if n == 0 || (n+2+7)/8*8 != len(opt) {
		return nil, false
	}
	return opt[2 : 2+n], true
}

// addrOption makes an option with a hardware address.
func addrOption(typ uint8, lladdr []byte) []byte {
	n := (len(lladdr) + 2 + 7) / 8
	b := make([]byte, 8*n)
	b[0], b[1] = typ, uint8(n)
	copy(b[2:], lladdr)
	return b
}

package ipcmd

const macvlanUsage = `macvlan mode MODE [flag MODE_FLAG] MODE_OPTS [bcqueuelen BC_QUEUE_LEN]
               [bclim BCLIM]

MODE: private | vepa | bridge | passthru | source
MODE_FLAG: null | nopromisc
MODE_OPTS: for mode "source":
	macaddr { { add | del } <macaddr> | set [ <macaddr> [ <macaddr>  ... ] ] | flush }
BC_QUEUE_LEN: Length of the rx queue for broadcast/multicast: [0-4294967295]
BCLIM: Threshold for broadcast queueing: 32-bit integer`

// macvlanModes are the modes by their words (MACVLAN_MODE_*).
var macvlanModes = map[string]uint32{"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}

// macvlanMACModes are what can be done with the addresses of mode source
// (MACVLAN_MACADDR_*).
var macvlanMACModes = map[string]uint32{"add": 0, "del": 1, "flush": 2, "set": 3}

// macvlanOptions reads the options of a macvlan device (macvlan_parse_opt).
func macvlanOptions(c *call, r *request, kind string) int {
	const (
		attrMode, attrFlags, attrMACMode, attrMAC, attrMACs = 1, 2, 3, 4, 5
		attrQueue, attrLimit                                = 7, 9
		passthru, noPromisc                                 = 8, 1
	)
	var mode uint32
	var flags uint16
	hasFlags := false
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case matches(w, "mode"):
			m, ok := macvlanModes[c.value()]
			if !ok {
				c.errorf("Error: argument of \"mode\" must be \"private\", \"vepa\", \"bridge\", \"passthru\" or \"source\", not \"%s\"\n", c.word())
				return 1
			}
			mode = m
		case matches(w, "flag"):
			switch f := c.value(); f {
			case "nopromisc":
				flags |= noPromisc
			case "null":
				flags &^= noPromisc
			default:
				c.errorf("Error: argument of \"flag\" must be \"nopromisc\" or \"null\", not \"%s\"\n", f)
				return 1
			}
			hasFlags = true
		case matches(w, "macaddr"):
			m, ok := macvlanMACModes[c.value()]
			if !ok {
				c.errorf("Error: argument of \"macaddr\" must be \"add\", \"del\", \"flush\" or \"set\", not \"%s\"\n", c.word())
				return 1
			}
			r.u32(attrMACMode, m)
			switch c.word() {
			case "add", "del":
				r.attr(attrMAC, c.etherAddr(c.value()))
			case "set":
				r.nest(attrMACs, func() {
					for {
						next, ok := c.peek()
						if !ok {
							return
						}
						r.attr(attrMAC, c.etherAddr(next))
						c.advance()
					}
				})
			}
		case matches(w, "nopromisc"):
			flags, hasFlags = flags|noPromisc, true
		case matches(w, "bcqueuelen"):
			r.u32(attrQueue, c.u32("bcqueuelen"))
		case matches(w, "bclim"):
			v, ok := parseInteger(c.value(), 0)
			if !ok {
				c.errorf("Error: argument of \"bclim\" must be integer [-2147483648-2147483647], not \"%s\"\n", c.word())
				return 1
			}
			r.u32(attrLimit, uint32(v))
		case matches(w, "help"):
			return c.kindUsage(macvlanUsage)
		default:
			return c.unknownOption(kind, "option", macvlanUsage)
		}
	}
	if mode != 0 {
		r.u32(attrMode, mode)
	}
	if hasFlags {
		if flags&noPromisc != 0 && mode != passthru {
			c.errorf("%s: nopromisc flag only valid in passthru mode\n", kind)
			return c.kindUsage(macvlanUsage)
		}
		r.u16(attrFlags, flags)
	}
	return 0
}

// etherAddr reads a hardware address of six bytes.
func (c *call) etherAddr(s string) []byte {
	b, ok := c.hardware(s)
	if !ok {
		panic(exit(255))
	}
	if len(b) != 6 {
		c.errorf("\"%s\" is invalid lladdr.\n", s)
		panic(exit(255))
	}
	return b
}

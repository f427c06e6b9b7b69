package ipcmd

import (
	"encoding/binary"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
)

// Kinds of encapsulation (LWTUNNEL_ENCAP_*).
const (
	encapMPLS = 1
	encapIP   = 2
	encapIP6  = 4
)

// encap reads an encapsulation after its keyword, up to the first word that is none of
// its own, and leaves the cursor before that (lwt_parse_encap). typ is the attribute
// of its parameters, kind that of its number.
func (c *call) encap(to *request, typ, kind uint16) {
	k, ok := iproute2.EncapType(c.value())
	if !ok {
		c.invarg("\"encap type\" value is invalid\n", c.word())
	}
	if _, more := c.peek(); !more {
		c.incomplete()
	}
	if len(c.args) <= 2 {
		c.errorf("Error: unexpected end of line after \"encap\"\n")
		panic(exit(255))
	}
	to.nest(typ|nested, func() {
		switch k {
		case encapMPLS:
			c.mplsEncap(to)
		case encapIP:
			c.tunnelEncap(to, afInet, "ttl", "tos")
		case encapIP6:
			c.tunnelEncap(to, afInet6, "hoplimit", "tc")
		default:
			c.errorf("Error: unsupported encap type\n")
			panic(exit(255))
		}
	})
	to.u16(kind, k)
}

// mplsEncap reads LABEL[/LABEL...] [ttl TTL] (parse_encap_mpls).
func (c *call) mplsEncap(to *request) {
	stack, ok := labelStack(c.value())
	if !ok {
		c.errorf("Error: mpls address is expected rather than \"%s\".\n", c.word())
		panic(exit(1))
	}
	to.attr(1, stack)
	if w, _ := c.peek(); w == "ttl" {
		c.advance()
		v, ok := parseU8(c.value(), 0)
		if !ok {
			c.invarg("\"ttl\" value is invalid\n", c.word())
		}
		to.u8(2, v)
	}
}

// labelStack reads the labels of an MPLS stack (mpls_pton).
func labelStack(s string) (stack []byte, ok bool) {
	labels := strings.Split(s, "/")
	for i, l := range labels {
		v, ok := parseUnsigned(l, 0)
		if !ok || v >= 1<<20 {
			return nil, false
		}
		e := v << 12
		if i == len(labels)-1 {
			e |= 1 << 8 // the bottom of the stack
		}
		stack = binary.BigEndian.AppendUint32(stack, e)
	}
	return stack, true
}

// tunnelEncap reads the words of the kinds ip and ip6 (parse_encap_ip,
// parse_encap_ip6).
func (c *call) tunnelEncap(to *request, family uint8, ttl, tos string) {
	given := map[string]bool{}
	once := func(w string) {
		if c.value(); given[w] {
			c.duparg2(w, c.word())
		}
		given[w] = true
	}
	flags := uint16(0)
	for {
		w, _ := c.peek()
		if !tunnelWord(w, ttl, tos) {
			break
		}
		c.advance()
		switch w {
		case "id":
			once(w)
			v, ok := strtoul(c.word(), 0)
			if !ok {
				c.invarg("\"id\" value is invalid\n", c.word())
			}
			to.be64(1, v)
		case "dst":
			once(w)
			to.attr(2, c.getAddr(c.word(), family).data)
		case "src":
			once(w)
			to.attr(3, c.getAddr(c.word(), family).data)
		case ttl:
			once(w)
			v, ok := parseU8(c.word(), 0)
			if !ok {
				c.invarg("\""+ttl+"\" value is invalid\n", c.word())
			}
			to.u8(4, v)
		case tos:
			once(w)
			v, ok := c.Names.DSFieldID(c.word())
			if !ok {
				c.invarg("\""+tos+"\" value is invalid\n", c.word())
			}
			to.u8(5, v)
		default:
			if flags&tunnelFlags[w] != 0 {
				c.duparg2(w, w)
			}
			flags |= tunnelFlags[w]
		}
	}
	if flags != 0 {
		to.be16(6, flags)
	}
}

// tunnelFlags are the flags of a tunnel's packets (TUNNEL_KEY and others).
var tunnelFlags = map[string]uint16{"key": 4, "csum": 1, "seq": 8}

func tunnelWord(w, ttl, tos string) bool {
	switch w {
	case "id", "dst", "src", "key", "csum", "seq", ttl, tos:
		return true
	}
	return false
}

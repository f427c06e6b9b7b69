package iproute2

import "github.com/rulewalk/rulewalk/rpdb"

// encapNames are the lightweight tunnels by number (LWTUNNEL_ENCAP_*).
var encapNames = [...]string{
	1: "mpls", 2: "ip", 3: "ila", 4: "ip6", 5: "seg6", 6: "bpf", 7: "seg6local",
	8: "rpl", 9: "ioam6", 10: "xfrm",
}

// appendEncap prints the kind of an encapsulation; its parameters take no part in
// a decision and are not printed.
func appendEncap(b []byte, e *rpdb.Encap) []byte {
	if e == nil {
		return b
	}
	return append(append(append(b, " encap "...), encapName(e.Type)...), ' ')
}

func encapName(t uint16) string {
	if int(t) < len(encapNames) && encapNames[t] != "" {
		return encapNames[t]
	}
	return utoa(uint32(t))
}

func encapType(s string) (uint16, bool) {
	for t, name := range encapNames {
		if name == s && name != "" {
			return uint16(t), true
		}
	}
	v, ok := parseUint(s, 10, 0xffff)
	return uint16(v), ok
}

// encapEnd are the words that follow an encapsulation in the text of a route or
// nexthop. No tunnel has a parameter of that name, except tos.
var encapEnd = map[string]bool{
	"via": true, "dev": true, "proto": true, "metric": true, "pref": true,
	"realm": true, "realms": true, "weight": true, "scope": true,
}

// encap reads an encapsulation after its keyword, and passes its parameters up to
// the first word of the route.
func (p *lineParser) encap() *rpdb.Encap {
	s := p.value("encap")
	t, ok := encapType(s)
	p.need(ok, "encap", s)
	for p.i < len(p.w) && !encapEnd[p.peek()] {
		p.i++
	}
	return &rpdb.Encap{Type: t}
}

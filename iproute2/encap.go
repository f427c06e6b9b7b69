package iproute2

import (
	"encoding/binary"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// encapNames are the lightweight tunnels by number (LWTUNNEL_ENCAP_*).
var encapNames = [...]string{
	1: "mpls", 2: "ip", 3: "ila", 4: "ip6", 5: "seg6", 6: "bpf", 7: "seg6local",
	8: "rpl", 9: "ioam6", 10: "xfrm",
}

// appendEncap prints an encapsulation as text.
func appendEncap(b []byte, e *rpdb.Encap, o *Options) []byte {
	if e == nil {
		return b
	}
	r := NewRecord(o, false)
	printLWT(r, e)
	return append(b, r.text...)
}

// jsonEncap adds an encapsulation to the object of a nexthop: in iproute2 6.1 its
// members are those of the nexthop itself.
func jsonEncap(j *Object, e *rpdb.Encap, o *Options) {
	if e == nil {
		return
	}
	r := NewRecord(o, true)
	printLWT(r, e)
	if o.version().AtLeast(6, 2) {
		j.add("encap", r.Object())
		return
	}
	*j = append(*j, r.Object()...)
}

// printLWT prints an encapsulation (lwt_print_encap); of kinds other than mpls, ip
// and ip6 the name alone.
func printLWT(r *Record, e *rpdb.Encap) {
	key := "encap_type"
	if !r.Options().version().AtLeast(6, 2) {
		key = "encap"
	}
	r.Add(key, " encap %s ", encapName(e.Type))
	as := ParseAttrs(e.Data)
	switch e.Type {
	case encapMPLS:
		if as.Has(mplsTunnelDst) {
			r.Add("dst", " %s ", labelStack(as[mplsTunnelDst]))
		}
		if as.Has(mplsTunnelTTL) {
			r.Add("ttl", "ttl %d ", uint32(as.Uint(mplsTunnelTTL)))
		}
	case encapIP:
		printTunnelEncap(r, as, ColorInet, "ttl", "tos")
	case encapIP6:
		printTunnelEncap(r, as, ColorInet6, "hoplimit", "tc")
	}
}

const (
	encapMPLS = 1
	encapIP   = 2
	encapIP6  = 4

	mplsTunnelDst = 1
	mplsTunnelTTL = 2

	tunnelEncapID    = 1 // LWTUNNEL_IP_ID, LWTUNNEL_IP6_ID
	tunnelEncapDst   = 2
	tunnelEncapSrc   = 3
	tunnelEncapTTL   = 4
	tunnelEncapTOS   = 5
	tunnelEncapFlags = 6
)

// printTunnelEncap prints what the kinds ip and ip6 have (print_encap_ip,
// print_encap_ip6).
func printTunnelEncap(r *Record, as Attrs, c Color, ttl, tos string) {
	if b := as[tunnelEncapID]; len(b) >= 8 {
		r.Add("id", "id %d ", binary.BigEndian.Uint64(b))
	}
	if a := as.Addr(tunnelEncapSrc); a.IsValid() {
		r.Paint(c, "src", "src %s ", formatAddr(a))
	}
	if a := as.Addr(tunnelEncapDst); a.IsValid() {
		r.Paint(c, "dst", "dst %s ", formatAddr(a))
	}
	if as.Has(tunnelEncapTTL) {
		r.Add(ttl, ttl+" %d ", uint32(as.Uint(tunnelEncapTTL)))
	}
	if as.Has(tunnelEncapTOS) {
		r.Add(tos, tos+" %d ", uint32(as.Uint(tunnelEncapTOS)))
	}
	for _, f := range []struct {
		bit  uint16
		name string
	}{{4, "key"}, {1, "csum"}, {8, "seq"}} {
		if as.BE16(tunnelEncapFlags)&f.bit != 0 {
			r.Flag(f.name, f.name+" ")
		}
	}
}

// labelStack prints the labels of an MPLS stack, up to its bottom (mpls_ntop).
func labelStack(b []byte) string {
	var labels []string
	for ; len(b) >= 4; b = b[4:] {
		e := binary.BigEndian.Uint32(b)
		labels = append(labels, utoa(e>>12))
		if e&(1<<8) != 0 {
			break
		}
	}
	return strings.Join(labels, "/")
}

func encapName(t uint16) string {
	if int(t) < len(encapNames) && encapNames[t] != "" {
		return encapNames[t]
	}
	return utoa(uint32(t))
}

func encapType(s string) (uint16, bool) {
	if t, ok := EncapType(s); ok {
		return t, true
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

// EncapType returns the number of a kind of encapsulation by its name.
func EncapType(name string) (uint16, bool) {
	for t, n := range encapNames {
		if n == name && n != "" {
			return uint16(t), true
		}
	}
	return 0, false
}

package iproute2

import (
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

var neighStates = []struct {
	bit  uint16
	name string
}{
	{rpdb.NUDIncomplete, "INCOMPLETE"},
	{rpdb.NUDReachable, "REACHABLE"},
	{rpdb.NUDStale, "STALE"},
	{rpdb.NUDDelay, "DELAY"},
	{rpdb.NUDProbe, "PROBE"},
	{rpdb.NUDFailed, "FAILED"},
	{rpdb.NUDNoARP, "NOARP"},
	{rpdb.NUDPermanent, "PERMANENT"},
}

// Neighbour flags that ip prints (NTF_*).
const (
	ntfProxy     = 0x08
	ntfExtLearn  = 0x10
	ntfOffloaded = 0x20
	ntfRouter    = 0x80
)

var neighFlags = []struct {
	bit  uint8
	name string
}{
	{ntfRouter, "router"}, {ntfProxy, "proxy"}, {ntfExtLearn, "extern_learn"}, {ntfOffloaded, "offload"},
}

func neighState(s string) (uint16, bool) {
	for _, n := range neighStates {
		if n.name == s {
			return n.bit, true
		}
	}
	return rpdb.NUDNone, s == "NONE"
}

// isNeigh tells a neighbour from a route: it begins with a bare address and has a
// state, a hardware address or the word proxy.
func isNeigh(w []string) bool {
	if strings.IndexByte(w[0], '/') >= 0 || !strings.ContainsAny(w[0], ".:") {
		return false
	}
	if _, ok := parseAddr(w[0], rpdb.Unspec); !ok {
		return false
	}
	for _, s := range w[1:] {
		if _, ok := neighState(s); ok || s == "lladdr" || s == "proxy" {
			return true
		}
	}
	return false
}

func (t *TextReader) neighLine(w []string) {
	t.enter(kindNeigh)
	p := newLineParser(w, t.c)
	p.dev = t.devs.index
	n, err := p.neigh()
	if err != nil {
		t.problem("a neighbour that cannot be read, and is left out: " + err.Error())
		return
	}
	if len(p.bad) > 0 {
		t.problem("a neighbour with words that are not known, kept without them: " + strings.Join(p.bad, " "))
	}
	if n.Index == 0 && t.block.hint.dev != "" {
		n.Index, _ = t.devs.index(t.block.hint.dev)
	}
	if n.Index == 0 {
		t.problem("a neighbour without a device, left out")
		return
	}
	t.st.Neighs = append(t.st.Neighs, n)
}

// neigh reads the words of a neighbour entry.
func (p *lineParser) neigh() (rpdb.Neigh, error) {
	var n rpdb.Neigh
	s := p.next()
	a, ok := parseAddr(s, rpdb.Unspec)
	p.need(ok, "neighbour", s)
	n.IP, n.Family = a, rpdb.FamilyOf(a)
	for p.more() {
		p.neighWord(&n, p.next())
	}
	return n, p.err
}

func (p *lineParser) neighWord(n *rpdb.Neigh, key string) {
	switch key {
	case "dev":
		s := p.value(key)
		i, ok := p.dev(s)
		p.need(ok, key, s)
		n.Index = i
	case "lladdr":
		s := p.value(key)
		mac, ok := parseLLAddr(s)
		if !ok {
			_, ok = parseAddr(s, rpdb.Unspec) // of a tunnel: an address
		}
		p.need(ok, key, s)
		n.LLAddr = mac
	case "ref", "probes":
		p.value(key)
	case "used":
		p.value(key)
		if strings.HasSuffix(p.w[p.i-1], "probes") {
			p.value("probes")
		}
	case "proto":
		n.Extra = append(n.Extra, rpdb.Attr{Type: nla.NDAProtocol, Data: []byte{p.proto(key)}})
	case "managed", "extern_valid":
	default:
		for _, f := range neighFlags {
			if f.name == key {
				n.Flags |= f.bit
				return
			}
		}
		state, ok := neighState(key)
		if !ok {
			p.bad = append(p.bad, key)
		}
		n.State |= state
	}
}

package iproute2

import (
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// addrFlags are the flags of an address in the order in which ip prints them.
// Permanent is shown by the absence of dynamic.
var addrFlags = []struct {
	bit  uint32
	name string
}{
	{rpdb.IFASecondary, "secondary"},
	{rpdb.IFANoDAD, "nodad"},
	{rpdb.IFAOptimistic, "optimistic"},
	{rpdb.IFADADFailed, "dadfailed"},
	{rpdb.IFAHomeAddress, "home"},
	{rpdb.IFADeprecated, "deprecated"},
	{rpdb.IFATentative, "tentative"},
	{rpdb.IFAPermanent, "dynamic"},
	{rpdb.IFAManageTempAddr, "mngtmpaddr"},
	{rpdb.IFANoPrefixRoute, "noprefixroute"},
	{rpdb.IFAMCAutoJoin, "autojoin"},
	{rpdb.IFAStablePrivacy, "stable-privacy"},
}

func addrFlag(s string) (uint32, bool) {
	if s == "temporary" {
		return rpdb.IFATemporary, true
	}
	for _, f := range addrFlags {
		if f.name == s {
			return f.bit, true
		}
	}
	return 0, false
}

// addrLine reads an address of the current device, from the word inet or inet6.
func (t *TextReader) addrLine(w []string) {
	t.addr = nil
	if t.link == nil {
		t.problem("an address without a device before it")
		return
	}
	p := newLineParser(w, t.c)
	a, err := p.address()
	if err != nil {
		t.problem("an address that cannot be read, and is left out: " + err.Error())
		return
	}
	if len(p.bad) > 0 {
		t.problem("an address with words that are not known, kept without them: " + strings.Join(p.bad, " "))
	}
	a.Index = t.link.Index
	t.block.lines++
	t.st.Addrs = append(t.st.Addrs, a)
	t.addr = &t.st.Addrs[len(t.st.Addrs)-1]
}

// address reads the words of an address from inet or inet6.
func (p *lineParser) address() (rpdb.Addr, error) {
	a := rpdb.Addr{Family: rpdb.IPv4, Flags: rpdb.IFAPermanent, Valid: rpdb.Forever, Preferred: rpdb.Forever}
	if p.next() == "inet6" {
		a.Family = rpdb.IPv6
	}
	local, _ := p.addrPrefix(a.Family, "address")
	a.Local, a.PrefixLen = local.Addr(), uint8(max(local.Bits(), 0))
	if p.accept("peer") {
		peer, _ := p.addrPrefix(a.Family, "peer")
		a.Peer, a.PrefixLen = peer.Addr(), uint8(max(peer.Bits(), 0))
	}
	for p.more() {
		p.addrWord(&a, p.next())
	}
	return a, p.err
}

func (p *lineParser) addrPrefix(f rpdb.Family, key string) (netip.Prefix, bool) {
	s := p.value(key)
	pre, word, ok := parsePrefix(s, f)
	p.need(ok && !word, key, s)
	return pre, ok
}

func (p *lineParser) addrWord(a *rpdb.Addr, key string) {
	switch key {
	case "metric":
		a.Metric = p.uint(key)
	case "brd", "broadcast":
		a.Broadcast = p.address1(key, a.Family)
	case "any":
		a.Anycast = p.address1(key, a.Family)
	case "mcast":
		p.value(key)
	case "scope":
		s := p.value(key)
		v, ok := p.n.ScopeID(s)
		p.need(ok, key, s)
		a.Scope = v
	case "proto":
		s := p.value(key)
		v, ok := p.n.AddrProtoID(s)
		p.need(ok, key, s)
		a.Protocol = v
	case "flags":
		s := p.value(key)
		v, ok := parseUint(s, 16, 1<<32-1)
		p.need(ok, key, s)
		a.Flags |= v
	case "dynamic":
		a.Flags &^= rpdb.IFAPermanent
	default:
		bit, ok := addrFlag(key)
		switch {
		case ok:
			a.Flags |= bit
		case p.i == len(p.w) && a.Family == rpdb.IPv4:
			a.Label = key
		default:
			p.bad = append(p.bad, key)
		}
	}
}

func (p *lineParser) address1(key string, f rpdb.Family) netip.Addr {
	s := p.value(key)
	v, ok := parseAddr(s, f)
	p.need(ok, key, s)
	return v
}

// lifetimes reads the second line of an address.
func (t *TextReader) lifetimes(w []string) {
	if t.addr == nil {
		t.problem("lifetimes without an address before them")
		return
	}
	for len(w) >= 2 {
		v, ok := parseLifetime(w[1])
		switch {
		case !ok:
			t.problem("a lifetime that cannot be read: " + w[1])
		case w[0] == "valid_lft":
			t.addr.Valid = v
		case w[0] == "preferred_lft":
			t.addr.Preferred = v
		default:
			t.problem("a word that is not known: " + w[0])
		}
		w = w[2:]
	}
	if len(w) > 0 {
		t.problem("a lifetime that is cut off")
	}
}

func parseLifetime(s string) (uint32, bool) {
	if s == "forever" {
		return rpdb.Forever, true
	}
	return parseUint(strings.TrimSuffix(s, "sec"), 10, 1<<32-1)
}

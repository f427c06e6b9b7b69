package iproute2

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

var addrKeywords = []keyword{
	{word: "peer", exact: true},
	{word: "remote", exact: true, key: "peer"},
	{word: "broadcast"},
	{word: "brd", exact: true, key: "broadcast"},
	{word: "anycast", exact: true},
	{word: "scope", exact: true},
	{word: "dev", exact: true},
	{word: "label", exact: true},
	{word: "metric"},
	{word: "priority", key: "metric"},
	{word: "preference", key: "metric"},
	{word: "valid_lft"},
	{word: "preferred_lft"},
	{word: "proto", exact: true},
	{word: "local", exact: true},
}

// addrArgs reads the arguments of ip address add and the like (ipaddr_modify).
type addrArgs struct {
	*args
	c        *Command
	a        *rpdb.Addr
	hasScope bool
	hasPeer  bool
}

func (a *args) addrCommand(c *Command) {
	ad := &rpdb.Addr{Flags: rpdb.IFAPermanent, Valid: rpdb.Forever, Preferred: rpdb.Forever}
	p := addrArgs{args: a, c: c, a: ad}
	for a.more() {
		p.word(a.next())
	}
	if !ad.Local.IsValid() {
		a.fail("", "", "an address is needed")
	}
	if ad.Index == 0 {
		a.fail("", "", "a device is needed: dev NAME")
	}
	p.finish()
	c.Addr = ad
}

func (p *addrArgs) word(w string) {
	ad := p.a
	switch key := keyOf(w, addrKeywords); key {
	case "":
		if bit, ok := addrFlag(w); ok {
			ad.Flags |= bit
			return
		}
		p.local(w)
	case "local":
		p.local(p.value(key, "an address"))
	case "peer":
		pre, _ := p.prefix(key, p.c.Family)
		ad.Peer, ad.PrefixLen = pre.Addr(), uint8(max(pre.Bits(), 0))
		p.hasPeer = true
	case "broadcast":
		p.broadcast()
	case "anycast":
		ad.Anycast = p.addr(key, p.c.Family)
	case "scope":
		ad.Scope = name(p.args, key, "a scope", p.names.ScopeID)
		p.hasScope = true
	case "dev":
		ad.Index = p.device(key)
	case "label":
		ad.Label = p.value(key, "a label")
	case "metric":
		ad.Metric = p.number(key, "a metric", 1<<32-1)
	case "valid_lft":
		ad.Valid = name(p.args, key, "seconds or forever", parseLifetime)
	case "preferred_lft":
		ad.Preferred = name(p.args, key, "seconds or forever", parseLifetime)
	case "proto":
		ad.Protocol = name(p.args, key, "an address protocol", p.names.AddrProtoID)
	}
}

func (p *addrArgs) local(w string) {
	if p.err != nil {
		return
	}
	pre, word, ok := parsePrefix(w, p.c.Family)
	switch {
	case !ok || word:
		p.fail("", w, "neither a keyword of an address nor an "+familyWord(p.c.Family)+"address")
		return
	case p.a.Local.IsValid():
		p.fail("", w, "a second address")
		return
	}
	if p.c.Family == rpdb.Unspec {
		p.c.Family = rpdb.FamilyOf(pre.Addr())
	}
	p.a.Local = pre.Addr()
	if !p.hasPeer {
		p.a.PrefixLen = uint8(pre.Bits())
	}
}

// broadcast reads an address, + for the highest of the subnet or - for the lowest.
func (p *addrArgs) broadcast() {
	switch p.peek() {
	case "+", "-":
		p.a.Broadcast = netip.Addr{}
		if p.next() == "+" {
			p.a.Broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255}) // settled by finish
		} else {
			p.a.Broadcast = netip.IPv4Unspecified()
		}
	default:
		p.a.Broadcast = p.addr("broadcast", p.c.Family)
	}
}

// finish settles what depends on several words.
func (p *addrArgs) finish() {
	ad := p.a
	if p.c.Family == rpdb.Unspec {
		p.c.Family = rpdb.IPv4
	}
	ad.Family = p.c.Family
	if p.err != nil {
		return
	}
	if ad.Peer == ad.Local {
		ad.Peer = netip.Addr{}
	}
	if !p.hasScope || ad.Family == rpdb.IPv6 {
		ad.Scope = addrScope(ad)
	}
	if b := ad.Broadcast; b.IsUnspecified() || b == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		ad.Broadcast = subnetBroadcast(ad, b.IsUnspecified())
	}
}

// addrScope is the scope of an address that is given none: ip's default for IPv4,
// and for IPv6 what the kernel computes whatever is given (ipv6_addr_scope).
func addrScope(a *rpdb.Addr) rpdb.Scope {
	l := a.Local
	siteLocal := l.Is6() && l.As16()[0] == 0xfe && l.As16()[1]&0xc0 == 0xc0
	switch {
	case l.IsLoopback():
		return rpdb.ScopeHost
	case l.Is6() && l.IsLinkLocalUnicast():
		return rpdb.ScopeLink
	case siteLocal:
		return rpdb.ScopeSite
	}
	return rpdb.ScopeGlobal
}

// subnetBroadcast is the highest or the lowest address of a subnet, none of one
// with a length over 30.
func subnetBroadcast(a *rpdb.Addr, lowest bool) netip.Addr {
	if a.PrefixLen > 30 || !a.Address().Is4() {
		return netip.Addr{}
	}
	b := a.Address().As4()
	v := binary.BigEndian.Uint32(b[:])
	mask := uint32(1)<<(32-a.PrefixLen) - 1
	if lowest {
		v &^= mask
	} else {
		v |= mask
	}
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}

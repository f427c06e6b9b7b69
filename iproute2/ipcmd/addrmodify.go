package ipcmd

import (
	"encoding/binary"
	"math"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// address is ip address (do_ipaddr).
func (c *call) address() int {
	modify := func(typ netlink.HeaderType, flags netlink.HeaderFlags) func(*call) int {
		return func(c *call) int { return c.modifyAddr(typ, flags) }
	}
	show := func(c *call) int { return c.showLinks(false) }
	return c.choose("address", show, []verb{
		{"add", false, modify(rtnl.RTMNewAddr, netlink.Create|netlink.Excl)},
		{"change", false, modify(rtnl.RTMNewAddr, netlink.Replace)},
		{"chg", true, modify(rtnl.RTMNewAddr, netlink.Replace)},
		{"replace", false, modify(rtnl.RTMNewAddr, netlink.Create|netlink.Replace)},
		{"delete", false, modify(rtnl.RTMDelAddr, 0)},
		{"list", false, show},
		{"show", false, show},
		{"lst", false, show},
		{"flush", false, (*call).flushAddrs},
		{"save", false, (*call).saveAddrs},
		{"showdump", false, (*call).showAddrDump},
		{"restore", false, (*call).restoreAddrs},
		{"help", false, func(c *call) int { c.usage(usageAddress); return 0 }},
	})
}

// addrChange is an address to add, change or delete.
type addrChange struct {
	*call
	r                    *request
	family               uint8
	local, peer          *prefix
	localWord            string
	brd                  string // + or -, or set
	anycast              bool
	scope                uint8
	scoped               bool
	dev                  string
	valid, preferred     uint32
	validSet, preferdSet bool
	flags                uint32
}

// modifyAddr adds, changes or deletes an address (ipaddr_modify).
func (c *call) modifyAddr(typ netlink.HeaderType, flags netlink.HeaderFlags) int {
	a := &addrChange{
		call: c, family: c.family, valid: math.MaxUint32, preferred: math.MaxUint32,
		r: &request{typ: typ, flags: flags, body: make([]byte, addrHeaderLen)},
	}
	for ; c.more(); c.advance() {
		a.word()
	}
	if a.flags <= 0xff {
		a.r.body[2] = byte(a.flags)
	} else {
		a.r.u32(nla.IFAFlags, a.flags)
	}
	return a.send()
}

func (a *addrChange) word() {
	switch w := a.call.word(); {
	case w == "peer", w == "remote":
		a.peerArg(a.value())
	case matches(w, "broadcast"), w == "brd":
		a.broadcastArg(a.value())
	case w == "anycast":
		v := a.value()
		if a.anycast {
			a.duparg("anycast", v)
		}
		a.addrArg(v, nla.IFAAnycast)
		a.anycast = true
	case w == "scope":
		v, ok := a.Names.ScopeID(a.value())
		if !ok {
			a.invarg("invalid scope value.", a.call.word())
		}
		a.scope, a.scoped = uint8(v), true
	case w == "dev":
		a.dev = a.value()
	case w == "label":
		a.r.str(nla.IFALabel, a.value())
	case is(w, "metric", "priority", "preference"):
		v, ok := parseUnsigned(a.value(), 0)
		if !ok {
			a.invarg("\"metric\" value is invalid\n", a.call.word())
		}
		a.r.u32(nla.IFAPriority, v)
	case matches(w, "valid_lft"):
		a.lifetime("valid_lft", &a.valid, &a.validSet)
	case matches(w, "preferred_lft"):
		a.lifetime("preferred_lft", &a.preferred, &a.preferdSet)
	case a.flagArg(w):
	case w == "proto" && a.Version >= Version7:
		v, ok := a.Names.AddrProtoID(a.value())
		if !ok {
			a.invarg("\"proto\" value is invalid\n", a.call.word())
		}
		a.r.u8(nla.IFAProto, v)
	default:
		a.localArg(w)
	}
}

func (a *addrChange) lifetime(key string, v *uint32, set *bool) {
	if *set {
		a.duparg(key, a.call.word())
	}
	w := a.value()
	*set = true
	if w == "forever" {
		*v = math.MaxUint32
		return
	}
	n, ok := parseUnsigned(w, 0)
	if !ok {
		a.invarg(key+" value", w)
	}
	*v = n
}

// flagArg reads the word for a flag.
func (a *addrChange) flagArg(w string) bool {
	for _, d := range addrFlags {
		switch {
		case d.word != w:
			continue
		case d.readOnly:
			a.errorf("Warning: %s option is not mutable from userspace\n", w)
		case d.v6Only && a.family != afInet6:
			a.errorf("Warning: %s option can be set only for IPv6 addresses\n", w)
		default:
			a.flags |= d.bit
		}
		return true
	}
	return false
}

func (a *addrChange) peerArg(w string) {
	if a.peer != nil {
		a.duparg("peer", w)
	}
	p := a.getPrefix(w, a.family)
	a.takeFamily(p.family)
	a.peer = &p
	a.r.attr(nla.IFAAddress, p.data)
	a.r.body[1] = byte(p.bits)
}

func (a *addrChange) takeFamily(f uint8) {
	if a.family == afUnspec {
		a.family = f
	}
}

func (a *addrChange) broadcastArg(w string) {
	if a.brd != "" {
		a.duparg("broadcast", w)
	}
	if a.brd = w; w != "+" && w != "-" {
		a.addrArg(w, nla.IFABroadcast)
	}
}

func (a *addrChange) addrArg(w string, typ uint16) {
	p := a.getAddr(w, a.family)
	a.takeFamily(p.family)
	a.r.attr(typ, p.data)
}

func (a *addrChange) localArg(w string) {
	if w == "local" {
		w = a.value()
	}
	if matches(w, "help") {
		a.usage(usageAddress)
	}
	if a.local != nil {
		a.duparg2("local", w)
	}
	a.localWord = w
	p := a.getPrefix(w, a.family)
	a.takeFamily(p.family)
	a.local = &p
	a.r.attr(nla.IFALocal, p.data)
}

// send completes the request and sends it.
func (a *addrChange) send() int {
	if a.dev == "" {
		a.errorf("Not enough information: \"dev\" argument is required.\n")
		return 1
	}
	del := a.r.typ == rtnl.RTMDelAddr
	a.peerIsLocal(del)
	if a.r.body[1] == 0 && a.local != nil {
		a.r.body[1] = byte(a.local.bits)
	}
	if (a.brd == "+" || a.brd == "-") && !del && !a.autoBroadcast() {
		return 1
	}
	if !a.scoped && !del {
		a.scope = 0
		if a.local != nil && a.local.family == afInet && len(a.local.data) > 0 && a.local.data[0] == 127 {
			a.scope = uint8(rpdb.ScopeHost)
		}
	}
	index := a.device(a.dev)
	if index == 0 {
		return a.nodev(a.dev)
	}
	if !a.cacheInfo() {
		return 1
	}
	if a.flags&rpdb.IFAMCAutoJoin != 0 && (a.local == nil || !a.local.addr().IsMulticast()) {
		a.errorf("autojoin needs multicast address\n")
		return 1
	}
	a.r.body[0], a.r.body[3] = a.family, a.scope
	binary.NativeEndian.PutUint32(a.r.body[4:], uint32(index))
	return a.exec(a.r, func(m netlink.Message) {
		r := iproute2.NewRecord(a.printOptions(), false)
		iproute2.PrintAddr(r, m, a.opt.oneline)
		a.print(r.Text())
	})
}

// peerIsLocal makes the address its own peer, except in an IPv4 deletion without a
// length, which means every length.
func (a *addrChange) peerIsLocal(del bool) {
	if a.peer != nil || a.local == nil || len(a.local.data) == 0 {
		return
	}
	if del && a.local.family == afInet && !a.local.given {
		a.errorf("Warning: Executing wildcard deletion to stay compatible with old scripts.\n"+
			"         Explicitly specify the prefix length (%s/%d) to avoid this warning.\n"+
			"         This special behaviour is likely to disappear in further releases,\n"+
			"         fix your scripts!\n", a.localWord, len(a.local.data)*8)
		return
	}
	a.peer = a.local
	a.r.attr(nla.IFAAddress, a.local.data)
}

// autoBroadcast sets the broadcast address that + (all ones) and - (all zeros) mean.
func (a *addrChange) autoBroadcast() bool {
	if a.family != afInet {
		a.errorf("Broadcast can be set only for IPv4 addresses\n")
		return false
	}
	if a.peer == nil || len(a.peer.data) != 4 || a.peer.bits > 30 {
		return true
	}
	v, host := binary.BigEndian.Uint32(a.peer.data), uint32(math.MaxUint32)>>a.peer.bits
	if a.brd == "+" {
		v |= host
	} else {
		v &^= host
	}
	a.r.be32(nla.IFABroadcast, v)
	return true
}

func (a *addrChange) cacheInfo() bool {
	if !a.validSet && !a.preferdSet {
		return true
	}
	if a.valid == 0 {
		a.errorf("valid_lft is zero\n")
		return false
	}
	if a.valid < a.preferred {
		a.errorf("preferred_lft is greater than valid_lft\n")
		return false
	}
	b := make([]byte, 16) // struct ifa_cacheinfo
	binary.NativeEndian.PutUint32(b, a.preferred)
	binary.NativeEndian.PutUint32(b[4:], a.valid)
	a.r.attr(nla.IFACacheInfo, b)
	return true
}

package ipcmd

import (
	"encoding/binary"
	"path"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a device that requests and filters use (IFLA_*).
const (
	infoKind      = 1 // IFLA_INFO_*
	infoData      = 2
	infoSlaveKind = 4
	infoSlaveData = 5

	linkHeaderLen = 16 // struct ifinfomsg
	addrHeaderLen = 8  // struct ifaddrmsg

	iffUp = 0x1
)

// linkFilter are the selectors of ip link show and ip address show (struct
// link_filter).
type linkFilter struct {
	link   bool  // ip link
	family uint8 // 0: all; afPacket: of ip link
	dev    string
	index  int

	up, down        bool
	scope           uint8
	scoped          bool
	flags, flagMask uint32
	label           string
	group           int // -1: any
	master          int // -1: none
	kind, slave     string
	proto           int // -1: any
	to              prefix
}

// addrFlags are the words for the flags of an address; those that user space cannot
// change, and those of IPv6 alone (ifa_flag_data).
var addrFlags = []struct {
	word             string
	bit              uint32
	readOnly, v6Only bool
}{
	{"secondary", rpdb.IFASecondary, true, false},
	{"temporary", rpdb.IFATemporary, true, false},
	{"nodad", rpdb.IFANoDAD, false, true},
	{"optimistic", rpdb.IFAOptimistic, false, true},
	{"dadfailed", rpdb.IFADADFailed, true, true},
	{"home", rpdb.IFAHomeAddress, false, true},
	{"deprecated", rpdb.IFADeprecated, true, true},
	{"tentative", rpdb.IFATentative, true, true},
	{"permanent", rpdb.IFAPermanent, true, true},
	{"mngtmpaddr", rpdb.IFAManageTempAddr, false, true},
	{"noprefixroute", rpdb.IFANoPrefixRoute, false, false},
	{"autojoin", rpdb.IFAMCAutoJoin, false, false},
	{"stable-privacy", rpdb.IFAStablePrivacy, true, true},
}

// flagWord reads a word for a flag; - before it turns it around (get_filter).
func (f *linkFilter) flagWord(w string) bool {
	switch w {
	case "dynamic":
		f.flags &^= rpdb.IFAPermanent
		f.flagMask |= rpdb.IFAPermanent
		return true
	case "primary":
		f.flags &^= rpdb.IFASecondary
		f.flagMask |= rpdb.IFASecondary
		return true
	}
	name, not := strings.CutPrefix(w, "-")
	for _, d := range addrFlags {
		if d.word != name {
			continue
		}
		if not {
			f.flags &^= d.bit
		} else {
			f.flags |= d.bit
		}
		f.flagMask |= d.bit
		return true
	}
	return false
}

// linkFilter reads the selectors (ipaddr_list_flush_or_save).
func (c *call) linkFilter(link bool) *linkFilter {
	f := &linkFilter{link: link, family: c.family, group: -1, proto: -1}
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case w == "to":
			f.to = c.getPrefix(c.value(), f.family)
			if f.family == afUnspec {
				f.family = f.to.family
			}
		case w == "scope":
			f.scope, f.scoped = c.scopeFilter(c.value())
		case w == "up":
			f.up = true
		case w == "down" && c.Version >= Version7:
			f.down = true
		case f.flagWord(w):
		case w == "label":
			f.label = c.value()
		case w == "group":
			f.group = int(c.groupArg(c.value()))
		case w == "master":
			f.master = c.masterArg(c.value())
		case w == "vrf":
			f.master = c.vrfArg(c.value())
		case w == "nomaster":
			f.master = -1
		case w == "type":
			f.kind = c.value()
			if kind, ok := strings.CutSuffix(f.kind, "_slave"); ok {
				f.kind, f.slave = "", kind
			}
		case w == "novf" && c.Version >= Version7:
		case w == "proto" && c.Version >= Version7:
			v, ok := c.Names.AddrProtoID(c.value())
			if !ok {
				c.invarg("\"proto\" value is invalid\n", c.word())
			}
			f.proto = int(v)
		default:
			if w == "dev" {
				w = c.value()
			} else if matches(w, "help") {
				c.linkUsage(link)
			}
			if f.dev != "" {
				c.duparg2("dev", w)
			}
			f.dev = w
		}
	}
	return f
}

func (c *call) linkUsage(link bool) {
	if link {
		c.usage(usageLink)
	}
	c.usage(usageAddress)
}

func (c *call) scopeFilter(w string) (uint8, bool) {
	if w == "all" {
		return 0, false
	}
	v, ok := c.Names.ScopeID(w)
	if !ok {
		c.invarg("invalid \"scope\"\n", w)
	}
	return uint8(v), true
}

func (c *call) groupArg(w string) uint32 {
	v, ok := c.Names.GroupID(w)
	if !ok {
		c.invarg("Invalid \"group\" value\n", w)
	}
	return v
}

func (c *call) masterArg(w string) int {
	i := c.device(w)
	if i == 0 {
		c.invarg("Device does not exist\n", w)
	}
	return i
}

func (c *call) vrfArg(w string) int {
	i := c.device(w)
	if i == 0 || c.vrfTable(w) == 0 {
		c.invarg("Not a valid VRF name\n", w)
	}
	return i
}

// resolve turns the name of the device into its index, or says that there is none.
func (f *linkFilter) resolve(c *call) bool {
	if f.dev == "" {
		return true
	}
	if f.index = c.device(f.dev); f.index <= 0 {
		c.errorf("Device \"%s\" does not exist.\n", f.dev)
		return false
	}
	return true
}

// showLinks lists devices, and with ip address the addresses below them.
func (c *call) showLinks(link bool) int {
	f := c.linkFilter(link)
	if !f.resolve(c) {
		return 1
	}
	l := linkList{call: c, f: f}
	if link && f.dev != "" && f.group == -1 {
		return l.showOne()
	}
	if !l.links() {
		return l.done()
	}
	if f.family != afPacket {
		l.addrs()
		l.dropLinks()
	}
	for i := range l.linkMsgs {
		l.show(l.linkMsgs[i])
	}
	return l.done()
}

// linkList is a listing of devices.
type linkList struct {
	*call
	f        *linkFilter
	linkMsgs []netlink.Message
	addrMsgs []netlink.Message
	objects  []iproute2.Object
}

func (l *linkList) done() int {
	if l.opt.json {
		l.list(l.objects)
	}
	return 0
}

// showOne asks for one device and prints it (iplink_get).
func (l *linkList) showOne() int {
	r := request{typ: rtnl.RTMGetLink, body: make([]byte, linkHeaderLen)}
	r.body[0] = l.family
	if len(l.f.dev) < 16 {
		r.str(nla.IFLAIfname, l.f.dev)
	} else {
		r.str(nla.IFLAAltIfname, l.f.dev)
	}
	l.extMask(&r)
	answers, err := l.ask(&r)
	if err != nil {
		l.refused(err)
		l.errorf("Cannot send link get request: %s\n", errnoText(err))
		_ = l.done()
		return 1
	}
	for _, m := range answers {
		l.links2cache(m)
		l.show(m)
	}
	return l.done()
}

func (l *linkList) links2cache(m netlink.Message) { l.session.links.add(m) }

func (l *linkList) extMask(r *request) {
	mask := uint32(extMaskVF)
	if l.opt.stats == 0 {
		mask |= extMaskSkipStats
	}
	r.u32(nla.IFLAExtMask, mask)
}

// links asks for the devices; false if they were refused.
func (l *linkList) links() bool {
	if l.f.index != 0 {
		r := request{typ: rtnl.RTMGetLink, body: make([]byte, linkHeaderLen)}
		r.body[0] = l.f.family
		binary.NativeEndian.PutUint32(r.body[4:], uint32(l.f.index))
		l.extMask(&r)
		answers, err := l.ask(&r)
		if err != nil {
			l.refused(err)
			l.errorf("Cannot send link request: %s\n", errnoText(err))
			return false
		}
		for _, m := range answers {
			l.storeLink(m)
		}
		return true
	}
	return l.dump(l.linkDump(), nil, l.storeLink) == 0
}

// linkDump is the request for the list of devices (rtnl_linkdump_req_filter_fn): of
// one family without selectors.
func (l *linkList) linkDump() *request {
	r := &request{typ: rtnl.RTMGetLink, body: make([]byte, linkHeaderLen)}
	r.body[0] = l.f.family
	if l.f.link {
		r.body[0] = afPacket
	} else {
		r.body[0] = l.family
	}
	if r.body[0] != afUnspec && r.body[0] != afPacket {
		return r
	}
	l.extMask(r)
	if l.f.master != 0 {
		r.u32(nla.IFLAMaster, uint32(int32(l.f.master)))
	}
	if l.f.kind != "" {
		r.nest(nla.IFLALinkInfo, func() { r.attr(infoKind, []byte(l.f.kind)) })
	}
	return r
}

func (l *linkList) storeLink(m netlink.Message) {
	m.Data = slices.Clone(m.Data)
	l.links2cache(m)
	l.linkMsgs = append(l.linkMsgs, m)
}

// addrs asks for the addresses (ip_addr_list).
func (l *linkList) addrs() {
	l.dump(addrDump(l.f.family, l.f.index), nil, func(m netlink.Message) {
		m.Data = slices.Clone(m.Data)
		l.addrMsgs = append(l.addrMsgs, m)
	})
}

func addrDump(family uint8, index int) *request {
	r := &request{typ: rtnl.RTMGetAddr, body: make([]byte, addrHeaderLen)}
	r.body[0] = family
	binary.NativeEndian.PutUint32(r.body[4:], uint32(index))
	return r
}

// dropLinks drops the devices that no selected address is on (ipaddr_filter); those
// without any stay if every family is wanted.
func (l *linkList) dropLinks() {
	l.linkMsgs = slices.DeleteFunc(l.linkMsgs, func(link netlink.Message) bool {
		index, none := messageIndex(link), true
		for _, a := range l.addrMsgs {
			if messageIndex(a) != index {
				continue
			}
			none = false
			if l.f.matchesAddr(l.call, a) {
				return false
			}
		}
		return !none || l.f.family != afUnspec && l.f.family != afPacket
	})
}

// messageIndex is the device of a message about a device, address or neighbour.
func messageIndex(m netlink.Message) int {
	if len(m.Data) < addrHeaderLen {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(m.Data[4:])))
}

// matchesAddr applies the selectors of addresses.
func (f *linkFilter) matchesAddr(c *call, m netlink.Message) bool {
	if len(m.Data) < addrHeaderLen {
		return false
	}
	as := iproute2.ParseAttrs(m.Data[addrHeaderLen:])
	flags := uint32(m.Data[2])
	if as.Has(nla.IFAFlags) {
		flags = uint32(as.Uint(nla.IFAFlags))
	}
	local := as[nla.IFALocal]
	if local == nil {
		local = as[nla.IFAAddress]
	}
	switch {
	case f.family != afUnspec && f.family != afPacket && f.family != m.Data[0],
		f.index != 0 && f.index != messageIndex(m),
		f.scoped && f.scope != m.Data[3],
		(f.flags^flags)&f.flagMask != 0,
		f.proto >= 0 && as.Has(nla.IFAProto) && f.proto != int(as.Uint(nla.IFAProto)),
		f.to.family != afUnspec && local != nil && (f.to.family != m.Data[0] || !f.to.contains(local, f.to.bits)):
		return false
	}
	if f.label == "" {
		return true
	}
	label, _ := c.links.LinkName(messageIndex(m))
	if as.Has(nla.IFALabel) {
		label = as.Str(nla.IFALabel)
	}
	return fnmatch(f.label, label)
}

// fnmatch is C's without flags, as far as labels need it.
func fnmatch(pattern, s string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x01"), strings.ReplaceAll(s, "/", "\x01"))
	return ok && err == nil
}

// matchesLink applies the selectors of devices. nameOnly tells that only the name
// differs from the wanted label: then the addresses are still printed.
func (f *linkFilter) matchesLink(m netlink.Message) (ok, nameOnly bool) {
	as := iproute2.ParseAttrs(m.Data[linkHeaderLen:])
	up := binary.NativeEndian.Uint32(m.Data[8:])&iffUp != 0
	switch {
	case f.index != 0 && f.index != messageIndex(m), f.up && !up, f.down && up:
		return false, false
	case f.label != "" && !fnmatch(f.label, as.Str(nla.IFLAIfname)):
		return false, true
	case as.Has(nla.IFLAGroup) && f.group != -1 && as.Int(nla.IFLAGroup) != f.group,
		f.master > 0 && as.Int(nla.IFLAMaster) != f.master,
		f.master < 0 && as.Int(nla.IFLAMaster) != 0,
		f.kind != "" && as.Nest(nla.IFLALinkInfo).Str(infoKind) != f.kind,
		f.slave != "" && as.Nest(nla.IFLALinkInfo).Str(infoSlaveKind) != f.slave:
		return false, false
	}
	return true, false
}

func (f *linkFilter) view(s *session) iproute2.LinkView {
	v := iproute2.LinkView{Link: f.link, QLen: true, TxQLen: s.queueLength}
	if f.family != afUnspec && f.family != afPacket {
		v.Family = rpdb.Family(f.family)
	}
	return v
}

// queueLength returns the length of a device's queue where a message lacks it
// (SIOCGIFTXQLEN).
func (s *session) queueLength(name string) (int, bool) {
	k := s.links.ask(name, 0)
	if k == nil {
		return 0, false
	}
	return int(k.TxQLen), true
}

// show prints one device.
func (l *linkList) show(m netlink.Message) {
	if len(m.Data) < linkHeaderLen {
		return
	}
	r := l.record()
	noLink := l.opt.oneline && l.f.family != afPacket
	ok, nameOnly := l.f.matchesLink(m)
	switch {
	case l.opt.brief && (ok || nameOnly):
		if ok {
			iproute2.PrintLinkBrief(r, m, l.f.view(l.session))
		}
		if l.f.family != afPacket {
			l.showAddrs(r, m)
			r.Raw("\n")
		}
	case l.opt.brief:
	case ok || noLink || nameOnly:
		printed := ok && !noLink
		if printed {
			iproute2.PrintLink(r, m, l.f.view(l.session))
		}
		if l.f.family != afPacket {
			l.showAddrs(r, m)
		}
		if printed && !l.f.link && l.opt.stats > 0 {
			iproute2.PrintLinkStats(r, m)
		}
	}
	l.emit(r, &l.objects)
}

// showAddrs prints the selected addresses of a device (print_selected_addrinfo).
func (l *linkList) showAddrs(r *iproute2.Record, link netlink.Message) {
	for _, a := range l.addrMsgs {
		if messageIndex(a) != messageIndex(link) || l.f.family != afUnspec && a.Data[0] != l.f.family {
			continue
		}
		up := binary.NativeEndian.Uint32(link.Data[8:])&iffUp != 0
		if l.f.up && !up || l.f.down && up {
			continue
		}
		r.Element()
		if l.f.matchesAddr(l.call, a) {
			iproute2.PrintAddr(r, a, l.opt.oneline)
		}
		r.End()
	}
	r.Elements("addr_info")
}

// record returns an empty record of this run.
func (s *session) record() *iproute2.Record {
	return iproute2.NewRecord(s.printOptions(), s.opt.json)
}

// emit prints a record, or adds it to the list to print as JSON.
func (s *session) emit(r *iproute2.Record, list *[]iproute2.Object) {
	if s.opt.json {
		*list = append(*list, r.Object())
		return
	}
	s.print(r.Text())
}

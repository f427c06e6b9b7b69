package iproute2

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Attributes of a device that the printer reads beside those of linktext.go (IFLA_*,
// linux/if_link.h).
const (
	iflaAddress        = 1
	iflaIfname         = 3
	iflaMTU            = 4
	iflaLink           = 5
	iflaQdisc          = 6
	iflaStats          = 7
	iflaMaster         = 10
	iflaTxQLen         = 13
	iflaOperstate      = 16
	iflaLinkMode       = 17
	iflaLinkInfo       = 18
	iflaIfAlias        = 20
	iflaStats64        = 23
	iflaAFSpec         = 26
	iflaGroup          = 27
	iflaPromiscuity    = 30
	iflaNumTxQueues    = 31
	iflaNumRxQueues    = 32
	iflaPhysPortID     = 34
	iflaCarrierChanges = 35
	iflaPhysSwitchID   = 36
	iflaPhysPortName   = 38
	iflaProtoDown      = 39
	iflaGSOMaxSegs     = 40
	iflaGSOMaxSize     = 41
	iflaEvent          = 44
	iflaNewNetNSID     = 45
	iflaNewIfindex     = 49
	iflaMinMTU         = 50
	iflaMaxMTU         = 51
	iflaPropList       = 52
	iflaAltIfname      = 53
	iflaPermAddress    = 54
	iflaParentDevName  = 56
	iflaParentDevBus   = 57
	iflaGROMaxSize     = 58
	iflaTSOMaxSize     = 59
	iflaTSOMaxSegs     = 60
	iflaAllMulti       = 61
	iflaGSOIPv4MaxSize = 63
	iflaGROIPv4MaxSize = 64
	iflaNetNSImmutable = 67

	inet6AddrGenMode = 8 // IFLA_INET6_ADDR_GEN_MODE
)

// LinkView says which parts of a device's record a command prints.
type LinkView struct {
	Link   bool        // ip link: mode, addresses of IPv6, counters
	QLen   bool        // the length of the queue; ip monitor leaves it out
	Family rpdb.Family // ip -4 and -6 leave out the hardware address; 0: all

	// TxQLen gives the length of the queue where the message does not tell it, as
	// SIOCGIFTXQLEN does; nil: unknown lengths are not printed.
	TxQLen func(name string) (int, bool)
}

// LinkDetails is a LinkNames that knows more than names: the flags and types of other
// devices, which M-DOWN and the form of hardware addresses depend on.
type LinkDetails interface {
	LinkNames
	// Link returns a device, nil if there is none. Only its flags and type count.
	Link(index int) *rpdb.Link
}

// PrintLink prints an RTM_NEWLINK or RTM_DELLINK message as ip link and ip address do
// (print_linkinfo), with the last newline. In an AF_INET6 message only some attributes
// are present, and only those are printed.
func PrintLink(r *Record, m netlink.Message, v LinkView) {
	if len(m.Data) < linkHeaderLen {
		return
	}
	h, as := m.Data[:linkHeaderLen], ParseAttrs(m.Data[linkHeaderLen:])
	p := linkPrinter{Record: r, v: v, as: as, typ: binary.NativeEndian.Uint16(h[2:]), flags: binary.NativeEndian.Uint32(h[8:])}
	if m.Header.Type == rtnl.RTMDelLink {
		r.Flag("deleted", "Deleted ")
	}
	r.Add("ifindex", "%d: ", int(int32(binary.NativeEndian.Uint32(h[4:]))))
	p.firstLine()
	if v.Family == 0 || r.o.details() {
		p.address()
	}
	p.otherNamespace()
	if as.Uint(iflaProtoDown) != 0 {
		r.Flag("proto_down", " protodown on ")
	}
	if r.o.details() {
		p.details()
	}
	if as.Has(iflaIfAlias) && (v.Link || r.o.details()) {
		r.Newline()
		r.Add("ifalias", "    alias %s", as.Str(iflaIfAlias))
	}
	if v.Link && r.o.stats() > 0 {
		r.Newline()
		p.stats()
	}
	p.altNames()
	r.Raw("\n")
}

// PrintLinkBrief prints the start of a device's line of ip -br (print_linkinfo_brief);
// of ip -br link it is the whole line.
func PrintLinkBrief(r *Record, m netlink.Message, v LinkView) {
	if len(m.Data) < linkHeaderLen {
		return
	}
	h, as := m.Data[:linkHeaderLen], ParseAttrs(m.Data[linkHeaderLen:])
	p := linkPrinter{Record: r, v: v, as: as, flags: binary.NativeEndian.Uint32(h[8:])}
	if m.Header.Type == rtnl.RTMDelLink {
		r.Flag("deleted", "Deleted ")
	}
	down := p.name("%-16s ")
	if as.Has(iflaOperstate) {
		p.operstate("", "%-14s ")
	}
	if !v.Link {
		return
	}
	if as.Has(iflaAddress) {
		r.Paint(ColorMAC, "address", "%s ", formatHardware(as[iflaAddress], binary.NativeEndian.Uint16(h[2:])))
	}
	p.flagWords(down)
	r.Raw("\n")
}

const linkHeaderLen = 16 // struct ifinfomsg

// PrintLinkStats prints the counters below the addresses of ip -s address.
func PrintLinkStats(r *Record, m netlink.Message) {
	p := linkPrinter{Record: r, as: ParseAttrs(m.Data[linkHeaderLen:])}
	p.stats()
	r.Newline()
}

type linkPrinter struct {
	*Record
	v     LinkView
	as    Attrs
	typ   uint16
	flags uint32
}

func (p *linkPrinter) firstLine() {
	as := p.as
	p.flagWords(p.name("%s: "))
	if as.Has(iflaMTU) {
		p.Add("mtu", "mtu %d ", uint32(as.Uint(iflaMTU)))
	}
	if as.Has(iflaQdisc) {
		p.Add("qdisc", "qdisc %s ", as.Str(iflaQdisc))
	}
	if as.Has(iflaMaster) {
		p.Add("master", "master %s ", p.o.dev(as.Int(iflaMaster)))
	}
	if as.Has(iflaOperstate) {
		p.operstate("state ", "%s ")
	}
	if p.v.Link && as.Has(iflaLinkMode) {
		p.linkMode(as.Uint(iflaLinkMode))
	}
	if as.Has(iflaGroup) {
		p.Add("group", "group %s ", p.o.names().Group(uint32(as.Uint(iflaGroup))))
	}
	if p.v.QLen {
		p.queueLength()
	}
	if as.Has(iflaEvent) {
		p.event(as.Uint(iflaEvent))
	}
}

// name prints the device's name and that of the one below it or of its pair, and
// reports whether that one is down (print_name_and_link).
func (p *linkPrinter) name(format string) (peerDown bool) {
	name, link := p.as.Str(iflaIfname), ""
	index := p.as.Int(iflaLink)
	switch {
	case !p.as.Has(iflaLink):
	case index == 0 && p.json:
		p.Null("link", "")
	case index == 0:
		link = "NONE"
	case p.as.Has(iflaLinkNetNSID) && p.json:
		p.Add("link_index", "", index)
	case p.as.Has(iflaLinkNetNSID):
		link = "if" + strconv.Itoa(index)
	default:
		peerDown = p.isDown(index)
		if link = p.o.dev(index); p.json {
			p.Add("link", "", link)
			link = ""
		}
	}
	if link != "" {
		name += "@" + link
	}
	p.Paint(ColorIfname, "ifname", format, name)
	return peerDown
}

func (p *linkPrinter) isDown(index int) bool {
	if p.o == nil {
		return false
	}
	t, ok := p.o.Links.(LinkDetails)
	if !ok {
		return false
	}
	l := t.Link(index)
	return l != nil && !l.Up()
}

// flagWords prints the words between the angle brackets (print_link_flags).
func (p *linkPrinter) flagWords(peerDown bool) {
	words := flagWordsOf(p.flags)
	if peerDown {
		words = append(words, "M-DOWN")
	}
	if p.json {
		p.top().obj.add("flags", words)
		return
	}
	p.text = append(p.text, '<')
	for i, w := range words {
		if i > 0 {
			p.text = append(p.text, ',')
		} else if peerDown && len(words) == 1 {
			p.text = append(p.text, ',')
		}
		p.text = append(p.text, w...)
	}
	p.text = append(p.text, "> "...)
}

func (p *linkPrinter) operstate(before, format string) {
	s := p.as.Uint(iflaOperstate)
	if s >= uint64(len(operStates)) {
		if p.json {
			p.Add("operstate_index", "", s)
		} else {
			p.Raw("state " + hexC(s))
		}
		return
	}
	color := ColorNone
	switch operStates[s] {
	case "UP":
		color = ColorUp
	case "DOWN":
		color = ColorDown
	}
	p.Raw(before)
	p.Paint(color, "operstate", format, operStates[s])
}

func (p *linkPrinter) linkMode(mode uint64) {
	switch mode {
	case 0:
		p.Add("linkmode", "mode %s ", "DEFAULT")
	case 1:
		p.Add("linkmode", "mode %s ", "DORMANT")
	default:
		p.Add("linkmode_index", "mode %d ", mode)
	}
}

func (p *linkPrinter) queueLength() {
	n := p.as.Int(iflaTxQLen)
	if !p.as.Has(iflaTxQLen) && p.v.TxQLen != nil {
		n, _ = p.v.TxQLen(p.as.Str(iflaIfname))
	}
	if n != 0 {
		p.Add("txqlen", "qlen %d", n)
	}
}

// linkEvents are the words for IFLA_EVENT.
var linkEvents = [...]string{
	"NONE", "REBOOT", "FEATURE CHANGE", "BONDING FAILOVER", "NOTIFY PEERS", "RESEND IGMP", "BONDING OPTION",
}

func (p *linkPrinter) event(e uint64) {
	switch {
	case e >= uint64(len(linkEvents)):
		p.Add("event", "event %d ", e)
	case e != 0:
		p.Add("event", "event %s ", linkEvents[e])
	}
}

// address prints the line of the hardware address.
func (p *linkPrinter) address() {
	p.Newline()
	p.Add("link_type", "    link/%s ", p.o.names().linkType(p.typ))
	own := p.as[iflaAddress]
	if p.as.Has(iflaAddress) {
		p.Paint(ColorMAC, "address", "%s", formatHardware(own, p.typ))
	}
	if p.as.Has(iflaBroadcast) {
		if p.flags&rpdb.IFFPointopt != 0 {
			p.Raw(" peer ")
			p.Add("link_pointtopoint", "", true)
		} else {
			p.Raw(" brd ")
		}
		p.Paint(ColorMAC, "broadcast", "%s", formatHardware(p.as[iflaBroadcast], p.typ))
	}
	if perm := p.as[iflaPermAddress]; p.as.Has(iflaPermAddress) && string(perm) != string(own) {
		p.Raw(" permaddr ")
		p.Paint(ColorMAC, "permaddr", "%s", formatHardware(perm, p.typ))
	}
}

// otherNamespace tells in which namespace the other end or the device itself is.
func (p *linkPrinter) otherNamespace() {
	if p.as.Has(iflaLinkNetNSID) {
		id := p.as.Int(iflaLinkNetNSID)
		switch name := p.nsName(id); {
		case p.json:
			p.Add("link_netnsid", "", id)
		case id < 0:
			p.Raw(" link-netnsid unknown")
		case name != "":
			p.Raw(" link-netns " + name)
		default:
			p.Raw(" link-netnsid " + strconv.Itoa(id))
		}
	}
	if p.as.Has(iflaNewNetNSID) {
		id := p.as.Int(iflaNewNetNSID)
		if name := p.nsName(id); name != "" {
			p.Raw(" new-netns " + name)
		} else {
			p.Raw(" new-netnsid " + strconv.Itoa(id))
		}
	}
	if p.as.Has(iflaNewIfindex) {
		p.Raw(" new-ifindex " + strconv.Itoa(p.as.Int(iflaNewIfindex)))
	}
}

func (p *linkPrinter) nsName(id int) string {
	if id < 0 || p.o == nil || p.o.NSName == nil {
		return ""
	}
	return p.o.NSName(id)
}

// details prints what ip -d adds.
func (p *linkPrinter) details() {
	as, version := p.as, p.o.version()
	allmulti := "allmulti %d "
	if !version.AtLeast(6, 4) {
		allmulti = " allmulti %d "
	}
	p.number(iflaPromiscuity, "promiscuity", " promiscuity %d ")
	p.number(iflaAllMulti, "allmulti", allmulti)
	p.number(iflaMinMTU, "min_mtu", "minmtu %d ")
	p.number(iflaMaxMTU, "max_mtu", "maxmtu %d ")
	if version.AtLeast(6, 17) && as.Uint(iflaNetNSImmutable) != 0 {
		p.Flag("netns-immutable", "netns-immutable ")
	}
	if as.Has(iflaLinkInfo) {
		printLinkInfo(p.Record, as.Nest(iflaLinkInfo))
	}
	if p.v.Link {
		p.addrGenMode()
	}
	p.number(iflaNumTxQueues, "num_tx_queues", "numtxqueues %d ")
	p.number(iflaNumRxQueues, "num_rx_queues", "numrxqueues %d ")
	p.number(iflaGSOMaxSize, "gso_max_size", "gso_max_size %d ")
	p.number(iflaGSOMaxSegs, "gso_max_segs", "gso_max_segs %d ")
	p.number(iflaTSOMaxSize, "tso_max_size", "tso_max_size %d ")
	p.number(iflaTSOMaxSegs, "tso_max_segs", "tso_max_segs %d ")
	p.number(iflaGROMaxSize, "gro_max_size", "gro_max_size %d ")
	if version.AtLeast(6, 3) {
		p.number(iflaGSOIPv4MaxSize, "gso_ipv4_max_size", "gso_ipv4_max_size %d ")
		p.number(iflaGROIPv4MaxSize, "gro_ipv4_max_size", "gro_ipv4_max_size %d ")
	}
	p.str(iflaPhysPortName, "phys_port_name", "portname %s ")
	p.hexString(iflaPhysPortID, "phys_port_id", "portid %s ")
	p.hexString(iflaPhysSwitchID, "phys_switch_id", "switchid %s ")
	p.str(iflaParentDevBus, "parentbus", "parentbus %s ")
	p.str(iflaParentDevName, "parentdev", "parentdev %s ")
}

func (p *linkPrinter) number(typ uint16, key, format string) {
	if p.as.Has(typ) {
		p.Add(key, format, uint32(p.as.Uint(typ)))
	}
}

func (p *linkPrinter) str(typ uint16, key, format string) {
	if p.as.Has(typ) {
		p.Add(key, format, p.as.Str(typ))
	}
}

func (p *linkPrinter) hexString(typ uint16, key, format string) {
	if p.as.Has(typ) {
		p.Add(key, format, hex.EncodeToString(p.as[typ]))
	}
}

// addrGenModes are the words for IFLA_INET6_ADDR_GEN_MODE.
var addrGenModes = [...]string{"eui64", "none", "stable_secret", "random"}

func (p *linkPrinter) addrGenMode() {
	in6 := p.as.Nest(iflaAFSpec).Nest(uint16(rpdb.IPv6))
	if !in6.Has(inet6AddrGenMode) {
		return
	}
	mode := in6.Uint(inet6AddrGenMode)
	word := "0x" + pad2(uint8(mode))
	if mode < uint64(len(addrGenModes)) {
		word = addrGenModes[mode]
	}
	p.Add("inet6_addr_gen_mode", "addrgenmode %s ", word)
}

func (p *linkPrinter) altNames() {
	if !p.as.Has(iflaPropList) {
		return
	}
	names := []string{}
	for typ, data := range eachAttr(p.as[iflaPropList]) {
		if typ != iflaAltIfname {
			continue
		}
		name := Attrs{0: data}.Str(0)
		names = append(names, name)
		p.Newline()
		p.Raw("    altname " + name)
	}
	if p.json {
		p.top().obj.add("altnames", names)
	}
}

// formatHardware prints a hardware address of a device of a type: of a tunnel, it is
// an IP address (ll_addr_n2a).
func formatHardware(b []byte, typ uint16) string {
	switch {
	case len(b) == 4 && (typ == linkTypes["ipip"] || typ == linkTypes["sit"] || typ == linkTypes["gre"]):
		return Attrs{0: b}.Addr(0).String()
	case len(b) == 16 && (typ == linkTypes["tunnel6"] || typ == linkTypes["gre6"]):
		return formatAddr(Attrs{0: b}.Addr(0))
	}
	return FormatLLAddr(b)
}

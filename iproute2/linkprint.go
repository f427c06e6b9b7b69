package iproute2

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const inet6AddrGenMode = 8 // IFLA_INET6_ADDR_GEN_MODE

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
	if as.Uint(nla.IFLAProtoDown) != 0 {
		r.Flag("proto_down", " protodown on ")
	}
	if r.o.details() {
		p.details()
	}
	if as.Has(nla.IFLAIfAlias) && (v.Link || r.o.details()) {
		r.Newline()
		r.Add("ifalias", "    alias %s", as.Str(nla.IFLAIfAlias))
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
	if as.Has(nla.IFLAOperstate) {
		p.operstate("", "%-14s ")
	}
	if !v.Link {
		return
	}
	if as.Has(nla.IFLAAddress) {
		r.Paint(ColorMAC, "address", "%s ", formatHardware(as[nla.IFLAAddress], binary.NativeEndian.Uint16(h[2:])))
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
	if as.Has(nla.IFLAMTU) {
		p.Add("mtu", "mtu %d ", uint32(as.Uint(nla.IFLAMTU)))
	}
	if as.Has(nla.IFLAQdisc) {
		p.Add("qdisc", "qdisc %s ", as.Str(nla.IFLAQdisc))
	}
	if as.Has(nla.IFLAMaster) {
		p.Add("master", "master %s ", p.o.dev(as.Int(nla.IFLAMaster)))
	}
	if as.Has(nla.IFLAOperstate) {
		p.operstate("state ", "%s ")
	}
	if p.v.Link && as.Has(nla.IFLALinkMode) {
		p.linkMode(as.Uint(nla.IFLALinkMode))
	}
	if as.Has(nla.IFLAGroup) {
		p.Add("group", "group %s ", p.o.names().Group(uint32(as.Uint(nla.IFLAGroup))))
	}
	if p.v.QLen {
		p.queueLength()
	}
	if as.Has(nla.IFLAEvent) {
		p.event(as.Uint(nla.IFLAEvent))
	}
}

// name prints the device's name and that of the one below it or of its pair, and
// reports whether that one is down (print_name_and_link).
func (p *linkPrinter) name(format string) (peerDown bool) {
	name, link := p.as.Str(nla.IFLAIfname), ""
	index := p.as.Int(nla.IFLALink)
	switch {
	case !p.as.Has(nla.IFLALink):
	case index == 0 && p.json:
		p.Null("link", "")
	case index == 0:
		link = "NONE"
	case p.as.Has(nla.IFLALinkNetNSID) && p.json:
		p.Add("link_index", "", index)
	case p.as.Has(nla.IFLALinkNetNSID):
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
	s := p.as.Uint(nla.IFLAOperstate)
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
	n := p.as.Int(nla.IFLATxQLen)
	if !p.as.Has(nla.IFLATxQLen) && p.v.TxQLen != nil {
		n, _ = p.v.TxQLen(p.as.Str(nla.IFLAIfname))
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
	own := p.as[nla.IFLAAddress]
	if p.as.Has(nla.IFLAAddress) {
		p.Paint(ColorMAC, "address", "%s", formatHardware(own, p.typ))
	}
	if p.as.Has(nla.IFLABroadcast) {
		if p.flags&rpdb.IFFPointopt != 0 {
			p.Raw(" peer ")
			p.Add("link_pointtopoint", "", true)
		} else {
			p.Raw(" brd ")
		}
		p.Paint(ColorMAC, "broadcast", "%s", formatHardware(p.as[nla.IFLABroadcast], p.typ))
	}
	if perm := p.as[nla.IFLAPermAddress]; p.as.Has(nla.IFLAPermAddress) && string(perm) != string(own) {
		p.Raw(" permaddr ")
		p.Paint(ColorMAC, "permaddr", "%s", formatHardware(perm, p.typ))
	}
}

// otherNamespace tells in which namespace the other end or the device itself is.
func (p *linkPrinter) otherNamespace() {
	if p.as.Has(nla.IFLALinkNetNSID) {
		id := p.as.Int(nla.IFLALinkNetNSID)
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
	if p.as.Has(nla.IFLANewNetNSID) {
		id := p.as.Int(nla.IFLANewNetNSID)
		if name := p.nsName(id); name != "" {
			p.Raw(" new-netns " + name)
		} else {
			p.Raw(" new-netnsid " + strconv.Itoa(id))
		}
	}
	if p.as.Has(nla.IFLANewIfindex) {
		p.Raw(" new-ifindex " + strconv.Itoa(p.as.Int(nla.IFLANewIfindex)))
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
	p.number(nla.IFLAPromiscuity, "promiscuity", " promiscuity %d ")
	p.number(nla.IFLAAllMulti, "allmulti", allmulti)
	p.number(nla.IFLAMinMTU, "min_mtu", "minmtu %d ")
	p.number(nla.IFLAMaxMTU, "max_mtu", "maxmtu %d ")
	if version.AtLeast(6, 17) && as.Uint(nla.IFLANetNSImmutable) != 0 {
		p.Flag("netns-immutable", "netns-immutable ")
	}
	if as.Has(nla.IFLALinkInfo) {
		printLinkInfo(p.Record, as.Nest(nla.IFLALinkInfo))
	}
	if p.v.Link {
		p.addrGenMode()
	}
	p.number(nla.IFLANumTxQueues, "num_tx_queues", "numtxqueues %d ")
	p.number(nla.IFLANumRxQueues, "num_rx_queues", "numrxqueues %d ")
	p.number(nla.IFLAGSOMaxSize, "gso_max_size", "gso_max_size %d ")
	p.number(nla.IFLAGSOMaxSegs, "gso_max_segs", "gso_max_segs %d ")
	p.number(nla.IFLATSOMaxSize, "tso_max_size", "tso_max_size %d ")
	p.number(nla.IFLATSOMaxSegs, "tso_max_segs", "tso_max_segs %d ")
	p.number(nla.IFLAGROMaxSize, "gro_max_size", "gro_max_size %d ")
	if version.AtLeast(6, 3) {
		p.number(nla.IFLAGSOIPv4MaxSize, "gso_ipv4_max_size", "gso_ipv4_max_size %d ")
		p.number(nla.IFLAGROIPv4MaxSize, "gro_ipv4_max_size", "gro_ipv4_max_size %d ")
	}
	p.str(nla.IFLAPhysPortName, "phys_port_name", "portname %s ")
	p.hexString(nla.IFLAPhysPortID, "phys_port_id", "portid %s ")
	p.hexString(nla.IFLAPhysSwitchID, "phys_switch_id", "switchid %s ")
	p.str(nla.IFLAParentDevBus, "parentbus", "parentbus %s ")
	p.str(nla.IFLAParentDevName, "parentdev", "parentdev %s ")
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
	in6 := p.as.Nest(nla.IFLAAFSpec).Nest(uint16(rpdb.IPv6))
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
	if !p.as.Has(nla.IFLAPropList) {
		return
	}
	names := []string{}
	for typ, data := range eachAttr(p.as[nla.IFLAPropList]) {
		if typ != nla.IFLAAltIfname {
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

package conformance

import (
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a link request (IFLA_*).
const (
	rtmNewLinkProp netlink.HeaderType = 108
	rtmDelLinkProp netlink.HeaderType = 109
)

// asked lets a request want its acknowledgement.
func asked(m netlink.Message) netlink.Message {
	m.Header.Flags |= netlink.Request | netlink.Acknowledge
	return m
}

// links draws devices: made, changed, renamed, joined, deleted.
func (g *reqGen) links() {
	g.quiet()
	if g.chance(50) {
		g.pair(2, "v0", 3, "v1")
	}
	if g.chance(50) {
		g.newLink("bridge", "br0", 0)
	}
	for i := range reqLength / 2 {
		g.link()
		if i%5 == 4 {
			g.dump(dumpLinks)
		}
	}
	g.dump(dumpLinks, dumpAllAddrs, dumpRoutes4, dumpRoutes6, dumpNetConf4, dumpNetConf6)
}

var linkNames = []string{"v0", "v1", "v2", "br0", "br1", "m0", "lo", "x", "0123456789abcde", "bad/name", "v%d", ".."}

func (g *reqGen) linkName() string { return pick(g.dice, linkNames...) }

func (g *reqGen) linkIndex() int { return pick(g.dice, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 99) }

// link adds one request about a device.
func (g *reqGen) link() {
	switch x := g.IntN(100); {
	case x < 10:
		i := pick(g.dice, 0, 0, 0, 10, 20)
		a, b := g.linkName(), g.linkName()
		if i == 0 {
			g.vethByName(a, b)
		} else {
			g.pair(i, a, i+1, b)
		}
	case x < 20:
		g.newLink(pick(g.dice, "bridge", "bridge", "macvlan", "ifb", "vxlan", "nokind"), g.linkName(), pick(g.dice, 0, 0, 0, 30))
	case x < 44:
		g.upDown()
	case x < 50:
		name := g.linkName()
		g.setLink(fmt.Sprintf("name %s", name), attr(nla.IFLAIfname, text0(name)))
	case x < 56:
		v := pick[uint32](g.dice, 0, 60, 68, 1000, 1279, 1280, 1500, 9000, 65535, 65536, 100000, 0xffffffff)
		g.setLink(fmt.Sprintf("mtu %d", v), attr(nla.IFLAMTU, u32(v)))
	case x < 60:
		v := pick[uint32](g.dice, 0, 1, 7, 0x7fffffff, 0xffffffff)
		g.setLink(fmt.Sprintf("group %d", v), attr(nla.IFLAGroup, u32(v)))
	case x < 70:
		v := pick[uint32](g.dice, 0, 0, 1, 2, 3, 4, 5, 6, 99)
		g.setLink(fmt.Sprintf("master %d", v), attr(nla.IFLAMaster, u32(v)))
	case x < 74:
		a := pick(g.dice, hardware(0x77), hardware(0x78), make([]byte, 6), []byte{1, 2, 3, 4, 5, 6}, []byte{2, 0, 0})
		g.setLink("address "+colons(a), attr(nla.IFLAAddress, a))
	case x < 77:
		g.setLink("alias some text", attr(nla.IFLAIfAlias, []byte(pick(g.dice, "some text", "", strings.Repeat("x", 260)))))
	case x < 79:
		g.setLink("txqueuelen", attr(nla.IFLATxQLen, u32(pick[uint32](g.dice, 0, 100, 1000))))
	case x < 86:
		g.altname()
	case x < 92:
		g.delLink()
	case x < 95:
		g.oddDump(dumpLinks)
	case x < 98:
		i := g.linkIndex()
		if g.chance(50) {
			g.get(fmt.Sprintf("ip link show dev with index %d", i), rtnl.RTMGetLink, linkHeader(i, 0, 0))
		} else {
			n := g.linkName()
			g.get("ip link show dev "+n, rtnl.RTMGetLink, linkHeader(0, 0, 0), attr(pick[uint16](g.dice, nla.IFLAIfname, nla.IFLAAltIfname), text0(n)))
		}
	default:
		g.hollow(rtnl.RTMNewLink, 16, rpdb.Unspec)
	}
}

func linkHeader(index int, flags, change uint32) []byte {
	b := append(make([]byte, 4), u32(uint32(index))...)
	return append(append(b, u32(flags)...), u32(change)...)
}

func (g *reqGen) upDown() {
	i := g.linkIndex()
	flags, text := rpdb.IFFUp, "up"
	if g.chance(40) {
		flags, text = 0, "down"
	}
	m := netlink.Message{Header: netlink.Header{Type: pick(g.dice, rtnl.RTMNewLink, rtnl.RTMNewLink, 19)}, Data: linkHeader(i, flags, rpdb.IFFUp)}
	if g.chance(10) {
		m.Data = linkHeader(i, flags|rpdb.IFFNoARP, rpdb.IFFUp|rpdb.IFFNoARP)
		text += " arp off"
	}
	g.raw(fmt.Sprintf("ip link set index %d %s", i, text), asked(m))
}

// setLink changes a device, named by its index or its name.
func (g *reqGen) setLink(text string, a []byte) {
	typ := pick(g.dice, rtnl.RTMNewLink, rtnl.RTMNewLink, 19)
	i := g.linkIndex()
	by, body := fmt.Sprintf("index %d", i), linkHeader(i, 0, 0)
	if g.chance(25) && !strings.HasPrefix(text, "name") {
		n := g.linkName()
		by, body = n, append(linkHeader(0, 0, 0), attr(pick[uint16](g.dice, nla.IFLAIfname, nla.IFLAIfname, nla.IFLAAltIfname), text0(n))...)
	}
	g.raw(fmt.Sprintf("ip link set %s %s", by, text), asked(netlink.Message{
		Header: netlink.Header{Type: typ}, Data: append(body, a...),
	}))
}

func (g *reqGen) newLink(kind, name string, index int) {
	body := linkHeader(index, 0, 0)
	text := "ip link add " + name
	if g.chance(90) {
		body = append(body, attr(nla.IFLAIfname, text0(name))...)
	} else {
		text = "ip link add (without a name)"
	}
	if index != 0 {
		text += fmt.Sprintf(" index %d", index)
	}
	a := hardware(0x40 + int(g.seq))
	body = append(body, attr(nla.IFLAAddress, a)...)
	text += " address " + colons(a)
	if kind == "macvlan" {
		i := g.linkIndex()
		body = append(body, attr(nla.IFLALink, u32(uint32(i)))...)
		text += fmt.Sprintf(" link %d", i)
	}
	info := attr(1, text0(kind))
	if kind == "vxlan" {
		id := pick[uint32](g.dice, 5, 6, 7, 1<<24)
		info = append(info, attr(2|nested, attr(1, u32(id)))...)
		text += fmt.Sprintf(" id %d", id)
	}
	body = append(body, attr(nla.IFLALinkInfo|nested, info)...)
	m := netlink.Message{Header: netlink.Header{Type: rtnl.RTMNewLink, Flags: netlink.Create | netlink.Excl}, Data: body}
	if g.chance(10) {
		m.Header.Flags = pick(g.dice, 0, netlink.Create, netlink.Replace, netlink.Excl)
		text += fmt.Sprintf(" with flags 0x%x", uint16(m.Header.Flags))
	}
	g.raw(text+" type "+kind, asked(m))
}

func (g *reqGen) vethByName(a, b string) {
	m, err := rtnl.NewVeth(rpdb.Link{Name: a, Address: hardware(0x100 + int(g.seq))}, rpdb.Link{Name: b, Address: hardware(0x200 + int(g.seq))})
	if err == nil {
		g.raw(fmt.Sprintf("ip link add %s type veth peer name %s (with set addresses)", a, b), m)
	}
}

func (g *reqGen) altname() {
	typ, verb := rtmNewLinkProp, "add"
	if g.chance(35) {
		typ, verb = rtmDelLinkProp, "del"
	}
	i, n := g.linkIndex(), pick(g.dice, "alt0", "alt1", "v0", "a-rather-long-alternative-name", "bad/alt")
	m := netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Create | netlink.Excl | netlink.Append},
		Data:   append(linkHeader(i, 0, 0), attr(nla.IFLAPropList|nested, attr(nla.IFLAAltIfname, text0(n)))...),
	}
	g.raw(fmt.Sprintf("ip link property %s index %d altname %s", verb, i, n), asked(m))
}

func (g *reqGen) delLink() {
	i := g.linkIndex()
	text, body := fmt.Sprintf("ip link del index %d", i), linkHeader(i, 0, 0)
	switch g.IntN(4) {
	case 0:
		n := g.linkName()
		text, body = "ip link del "+n, append(linkHeader(0, 0, 0), attr(nla.IFLAIfname, text0(n))...)
	case 1:
		if g.chance(30) {
			text, body = "ip link del group 7", append(linkHeader(0, 0, 0), attr(nla.IFLAGroup, u32(7))...)
		}
	}
	g.raw(text, asked(netlink.Message{Header: netlink.Header{Type: rtnl.RTMDelLink}, Data: body}))
}

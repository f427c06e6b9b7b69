package conformance

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// The devices of programs about forwarding databases, by index.
const (
	fdbPort0, fdbPort0Peer = 2, 3 // a veth pair, as all pairs here
	fdbPort1, fdbPort1Peer = 4, 5
	fdbBridge0             = 6
	fdbBridge1             = 7
	fdbMacvlan             = 8 // in mode bridge, on a veth device
	fdbPassthru            = 9
	fdbVXLAN0              = 10
	fdbVXLAN1              = 11
)

const familyBridge rpdb.Family = 7

// Attributes of an entry of a forwarding database (NDA_*).
const (
	ntfUse        = 0x01
	ntfSelf       = 0x02
	ntfMaster     = 0x04
	ntfExtLearned = 0x10
	ntfOffloaded  = 0x20
	ntfSticky     = 0x40
	ntfRouter     = 0x80

	flagBulk = netlink.HeaderFlags(0x200)
)

// fdbs draws entries of forwarding databases: of bridges, their ports, macvlan and vxlan
// devices, and of devices that only have lists of addresses, while links come and go.
func (g *reqGen) fdbs() {
	g.fdbPrelude()
	for i := range reqLength {
		switch x := g.IntN(100); {
		case x < 42:
			g.fdbEntry(rtnl.RTMNewNeigh)
		case x < 54:
			g.fdbEntry(rtnl.RTMDelNeigh)
		case x < 62:
			g.fdbFlush()
		case x < 70:
			g.fdbGet()
		case x < 76:
			g.fdbDump()
		case x < 78:
			g.hollow(rtnl.RTMNewNeigh, 12, familyBridge)
		case x < 96:
			g.fdbLink()
		default:
			g.fdbNextHop()
		}
		if i%8 == 7 {
			g.dump(dumpFDB)
		}
	}
	g.dump(dumpFDB, dumpLinks)
}

// fdbPrelude makes the devices.
func (g *reqGen) fdbPrelude() {
	g.quiet()
	g.pair(fdbPort0, "v0", fdbPort0Peer, "v1")
	g.pair(fdbPort1, "v2", fdbPort1Peer, "v3")
	was := g.spoilt
	g.spoilt = -1
	for _, i := range []int{fdbBridge0, fdbBridge1, fdbMacvlan, fdbPassthru, fdbVXLAN0, fdbVXLAN1} {
		g.fdbDevice(i)
	}
	g.fdbNextHops()
	for _, port := range []int{fdbPort0, fdbPort1, fdbVXLAN1} {
		if g.chance(80) {
			g.fdbMaster(port, pick(g.dice, fdbBridge0, fdbBridge0, fdbBridge1))
		}
	}
	for i := fdbPort0; i <= fdbVXLAN1; i++ {
		if g.chance(80) {
			g.sound(LinkOp{Index: i, Up: true})
		}
	}
	g.spoilt = was
}

// fdbDevice makes one of the devices.
func (g *reqGen) fdbDevice(i int) {
	var kind string
	var info, body []byte
	text := ""
	switch i {
	case fdbBridge0, fdbBridge1:
		kind = "bridge"
		if g.chance(30) {
			info = attr(49, u32(1)) // IFLA_BR_FDB_MAX_LEARNED
			text = " fdb_max_learned 1"
		}
	case fdbMacvlan, fdbPassthru:
		below, mode := fdbPort0Peer, uint32(4)
		kind = "macvlan"
		if i == fdbPassthru {
			below, mode = fdbPort1Peer, 8
		}
		body = attr(nla.IFLALink, u32(uint32(below)))
		info = attr(1, u32(mode))
		text = fmt.Sprintf(" link %d mode %d", below, mode)
	default:
		kind = "vxlan"
		info, text = g.fdbVXLAN(i)
	}
	head := linkHeader(i, 0, 0)
	head = append(head, attr(nla.IFLAIfname, text0(fmt.Sprintf("d%d", i)))...)
	head = append(head, attr(nla.IFLAAddress, hardware(i))...)
	link := attr(1, text0(kind))
	if info != nil || kind == "vxlan" {
		link = append(link, attr(2|nested, info)...)
	}
	m := netlink.Message{
		Header: netlink.Header{Type: rtnl.RTMNewLink, Flags: netlink.Create | netlink.Excl},
		Data:   append(append(head, body...), attr(nla.IFLALinkInfo|nested, link)...),
	}
	g.raw(fmt.Sprintf("ip link add d%d index %d address %s type %s%s", i, i, colons(hardware(i)), kind, text), asked(m))
}

// fdbVXLAN draws the settings of a vxlan device.
func (g *reqGen) fdbVXLAN(i int) (info []byte, text string) {
	info = attr(1, u32(uint32(i)))
	text = fmt.Sprintf(" id %d", i)
	switch g.IntN(6) {
	case 0:
		info = append(info, attr(2, []byte{10, 0, 0, 9})...)
		text += " remote 10.0.0.9"
	case 1:
		info = append(info, attr(16, addrs("2001:db8::9")[0].AsSlice())...)
		text += " remote 2001:db8::9"
	case 2:
		info = append(info, attr(17, addrs("2001:db8::1")[0].AsSlice())...)
		text += " local 2001:db8::1"
	case 3:
		info = append(attr(1, u32(0)), attr(25, []byte{1})...)
		text = " external"
	}
	if g.chance(20) {
		info = append(info, attr(9, u32(2))...)
		text += " maxaddress 2"
	}
	if g.chance(25) {
		info = append(info, attr(15, []byte{0x12, byte(0xb0 + i)})...)
		text += fmt.Sprintf(" dstport %d", 0x12b0+i)
	}
	return info, text
}

func (g *reqGen) fdbMaster(port, master int) {
	m := netlink.Message{
		Header: netlink.Header{Type: rtnl.RTMNewLink},
		Data:   append(linkHeader(port, 0, 0), attr(nla.IFLAMaster, u32(uint32(master)))...),
	}
	g.raw(fmt.Sprintf("ip link set index %d master %d", port, master), asked(m))
}

// fdbNextHops makes nexthop objects of forwarding databases, and one that is none.
func (g *reqGen) fdbNextHops() {
	for i, a := range addrs("10.0.0.21", "10.0.0.22", "2001:db8::21") {
		g.op(NextHopOp{Add, rpdb.NextHopObject{ID: uint32(i + 1), Family: rpdb.FamilyOf(a), Hop: rpdb.NextHop{Gateway: a}, FDB: true}})
	}
	for i, ids := range [][]uint32{{1, 2}, {2}, {3}} {
		o := rpdb.NextHopObject{ID: uint32(10 + i), FDB: true}
		for _, id := range ids {
			o.Group = append(o.Group, rpdb.GroupMember{ID: id, Weight: 1})
		}
		g.op(NextHopOp{Add, o})
	}
	g.op(NextHopOp{Add, rpdb.NextHopObject{ID: 20, Family: rpdb.IPv4, Blackhole: true}})
}

// fdbNextHop takes an object away, or makes it again.
func (g *reqGen) fdbNextHop() {
	if g.chance(30) {
		was := g.spoilt
		g.spoilt = -1
		g.fdbNextHops()
		g.spoilt = was
		return
	}
	g.op(NextHopOp{Del, rpdb.NextHopObject{ID: pick[uint32](g.dice, 1, 2, 3, 10, 11, 12, 20)}})
}

func (g *reqGen) fdbIndex() int {
	return pick(g.dice, fdbPort0, fdbPort0, fdbPort0, fdbPort1, fdbPort1, fdbBridge0, fdbBridge0, fdbBridge1, fdbMacvlan, fdbPassthru,
		fdbVXLAN0, fdbVXLAN0, fdbVXLAN1, fdbPort0Peer, fdbPort1Peer, int(rpdb.Loopback), 0, 99)
}

// fdbMAC draws a hardware address: one of few, so that entries meet.
func (g *reqGen) fdbMAC() []byte {
	switch x := g.IntN(100); {
	case x < 55:
		return []byte{2, 0, 0, 0, 10, byte(1 + g.IntN(4))}
	case x < 70:
		return hardware(fdbPort0 + g.IntN(10))
	case x < 78:
		return make([]byte, 6)
	}
	return pick(g.dice, []byte{1, 0, 0x5e, 0, 0, 5}, []byte{0x33, 0x33, 0, 0, 0, 5}, []byte{0x33, 0x33, 0, 0, 0, 1}, []byte{1, 0x80, 0xc2, 0, 0, 0},
		[]byte{1, 0x80, 0xc2, 0, 0, 14}, []byte{1, 0x80, 0xc2, 0, 0, 16}, []byte{255, 255, 255, 255, 255, 255}, []byte{0, 0x11, 0x22, 0x33, 0x44, 0x55})
}

var fdbStates = []uint16{
	rpdb.NUDPermanent, rpdb.NUDPermanent, rpdb.NUDPermanent, rpdb.NUDNoARP, rpdb.NUDNoARP, rpdb.NUDReachable, rpdb.NUDReachable,
	rpdb.NUDReachable, rpdb.NUDStale, rpdb.NUDNone, rpdb.NUDPermanent | rpdb.NUDNoARP, rpdb.NUDPermanent | rpdb.NUDReachable, 0x100 | rpdb.NUDReachable,
}

// fdbHeader draws struct ndmsg; the flags suit the device more often than not.
func (g *reqGen) fdbHeader(i int, state uint16) (head []byte, text string) {
	flags := pick[byte](g.dice, 0, ntfMaster, ntfMaster, ntfSelf, ntfSelf, ntfMaster|ntfSelf)
	if i >= fdbBridge0 && g.chance(70) {
		flags = ntfSelf
	}
	if g.chance(25) {
		flags |= pick[byte](g.dice, ntfUse, ntfUse, ntfExtLearned, ntfExtLearned, ntfSticky, ntfOffloaded, ntfRouter, ntfUse|ntfExtLearned)
	}
	head = append([]byte{byte(familyBridge), 0, 0, 0}, u32(uint32(i))...)
	head = binary.NativeEndian.AppendUint16(head, state)
	return append(head, flags, 0), fmt.Sprintf("dev %d state 0x%x flags 0x%x", i, state, flags)
}

// fdbAttrs are attributes with their text.
type fdbAttrs struct {
	data []byte
	text strings.Builder
}

func (a *fdbAttrs) put(name string, typ uint16, b []byte) {
	a.data = append(a.data, attr(typ, b)...)
	fmt.Fprintf(&a.text, " %s %x", name, b)
}

// fdbEntry adds or deletes an entry.
func (g *reqGen) fdbEntry(typ netlink.HeaderType) {
	i := g.fdbIndex()
	head, text := g.fdbHeader(i, pick(g.dice, fdbStates...))
	mac := g.fdbMAC()
	var a fdbAttrs
	if g.chance(97) {
		a.put("lladdr", nla.NDALLAddr, mac)
	}
	if vx := i == fdbVXLAN0 || i == fdbVXLAN1; vx && g.chance(95) || g.chance(4) {
		g.fdbRemote(&a)
	}
	if g.chance(4) {
		a.put("vlan", nla.NDAVLAN, u16(pick[uint16](g.dice, 0, 1, 10, 4094, 4095, 4096)))
	}
	if g.chance(10) {
		g.fdbExt(&a)
	}
	if g.chance(5) {
		a.put("flags_ext", nla.NDAFlagsExt, u32(pick[uint32](g.dice, 0, 1, 2, 4, 3, 0xffffffff)))
	}
	verb, flags := "add", netlink.HeaderFlags(0)
	if typ == rtnl.RTMNewNeigh {
		flags = pick(g.dice, netlink.Create|netlink.Excl, netlink.Create|netlink.Excl, netlink.Create|netlink.Append, netlink.Create|netlink.Append,
			netlink.Create|netlink.Replace, netlink.Create|netlink.Replace, netlink.Replace, netlink.Create, 0)
	} else {
		verb = "del"
	}
	m := netlink.Message{Header: netlink.Header{Type: typ, Flags: flags}, Data: append(head, a.data...)}
	g.raw(fmt.Sprintf("bridge fdb %s %s%s (flags 0x%x)", verb, text, a.text.String(), uint16(flags)), asked(m))
}

// fdbRemote draws where a vxlan device is to send to.
func (g *reqGen) fdbRemote(a *fdbAttrs) {
	if g.chance(12) {
		a.put("nhid", nla.NDANHID, u32(pick[uint32](g.dice, 10, 10, 11, 11, 12, 1, 20, 99, 0)))
		if g.chance(90) {
			return
		}
	}
	dst := pick(g.dice, addrs("10.0.0.9", "10.0.0.9", "10.0.0.10", "10.0.0.11", "2001:db8::9", "2001:db8::a", "0.0.0.0", "::", "224.0.0.9")...)
	if g.chance(95) {
		a.put("dst", nla.NDADst, dst.AsSlice())
	}
	if g.chance(15) {
		a.put("port", nla.NDAPort, binary.BigEndian.AppendUint16(nil, pick[uint16](g.dice, 0, 8472, 4789, 4790)))
	}
	if g.chance(15) {
		a.put("vni", nla.NDAVNI, u32(pick[uint32](g.dice, 0, 10, 11, 12, 1<<24)))
	}
	if g.chance(15) {
		a.put("src_vni", nla.NDASrcVNI, u32(pick[uint32](g.dice, 0, 10, 11, 12, 1<<24)))
	}
	if g.chance(15) {
		a.put("via", nla.NDAIfindex, u32(pick[uint32](g.dice, 1, fdbPort0Peer, 99, 0)))
	}
}

// fdbExt draws NDA_FDB_EXT_ATTRS.
func (g *reqGen) fdbExt(a *fdbAttrs) {
	var in []byte
	if g.chance(80) {
		in = append(in, attr(1, []byte{pick[byte](g.dice, 0, 1, 1, 1, 3, 2, 4, 255)})...)
	}
	if g.chance(30) {
		in = append(in, attr(2, nil)...)
	}
	if g.chance(5) {
		in = append(in, attr(pick[uint16](g.dice, 2, 3, 1), u32(1))...)
	}
	typ := uint16(nla.NDAFDBExt | nested)
	if g.chance(10) {
		typ = nla.NDAFDBExt
	}
	a.put("ext", typ, in)
}

// fdbFlush deletes all entries that fit.
func (g *reqGen) fdbFlush() {
	i := g.fdbIndex()
	state := pick[uint16](g.dice, 0, 0, 0, rpdb.NUDPermanent, rpdb.NUDNoARP, rpdb.NUDPermanent|rpdb.NUDNoARP, rpdb.NUDReachable)
	head, text := g.fdbHeader(i, state)
	var a fdbAttrs
	for _, x := range []struct {
		name string
		typ  uint16
		of   []byte
	}{
		{"state mask", nla.NDAStateMask, u16(pick[uint16](g.dice, rpdb.NUDPermanent, rpdb.NUDNoARP, rpdb.NUDPermanent|rpdb.NUDNoARP, 0xffff))},
		{"flags mask", nla.NDAFlagsMask, []byte{pick[byte](g.dice, ntfUse, ntfExtLearned, ntfSticky, ntfOffloaded, 255)}},
		{"brport", nla.NDAIfindex, u32(pick[uint32](g.dice, fdbPort0, fdbPort1, fdbBridge0, fdbBridge1, fdbMacvlan, 99, 0, 1<<31))},
		{"vlan", nla.NDAVLAN, u16(pick[uint16](g.dice, 1, 10, 4094, 4095, 0))},
		{"nhid", nla.NDANHID, u32(pick[uint32](g.dice, 10, 11, 12))},
		{"vni", nla.NDAVNI, u32(pick[uint32](g.dice, 0, 10, 11, 12))},
		{"src_vni", nla.NDASrcVNI, u32(pick[uint32](g.dice, 0, 10, 11, 12))},
		{"port", nla.NDAPort, binary.BigEndian.AppendUint16(nil, pick[uint16](g.dice, 0, 8472, 4789))},
		{"dst", nla.NDADst, pick(g.dice, addrs("10.0.0.9", "10.0.0.10", "2001:db8::9", "0.0.0.0")...).AsSlice()},
	} {
		odd := x.typ != nla.NDAStateMask && x.typ != nla.NDAFlagsMask
		if vx := i == fdbVXLAN0 || i == fdbVXLAN1; vx == (x.typ == nla.NDAIfindex || x.typ == nla.NDAVLAN) && odd {
			if g.chance(2) {
				a.put(x.name, x.typ, x.of)
			}
		} else if g.chance(20) {
			a.put(x.name, x.typ, x.of)
		}
	}
	m := netlink.Message{Header: netlink.Header{Type: rtnl.RTMDelNeigh, Flags: flagBulk}, Data: append(head, a.data...)}
	g.raw("bridge fdb flush "+text+a.text.String(), asked(m))
}

// fdbGet asks for one entry.
func (g *reqGen) fdbGet() {
	i, flags := g.fdbIndex(), pick[byte](g.dice, 0, ntfMaster, ntfSelf, ntfSelf, ntfMaster|ntfSelf)
	var a fdbAttrs
	if g.chance(40) {
		a.put("br", nla.NDAMaster, u32(uint32(pick(g.dice, fdbBridge0, fdbBridge0, fdbBridge1, fdbVXLAN0, fdbPort0, 99, 0))))
		if g.chance(90) {
			i = 0
		}
	}
	if g.chance(97) {
		a.put("lladdr", nla.NDALLAddr, g.fdbMAC())
	}
	if g.chance(10) {
		a.put("vni", nla.NDAVNI, u32(pick[uint32](g.dice, 0, 10, 11)))
	}
	if g.chance(5) {
		a.put("vlan", nla.NDAVLAN, u16(pick[uint16](g.dice, 0, 1, 4095)))
	}
	if g.chance(3) {
		a.put("dst", nla.NDADst, []byte{10, 0, 0, 9})
	}
	head := append(append([]byte{byte(familyBridge), 0, 0, 0}, u32(uint32(i))...), 0, 0, flags, 0)
	g.get(fmt.Sprintf("bridge fdb get dev %d flags 0x%x%s", i, flags, a.text.String()), rtnl.RTMGetNeigh, head, a.data)
}

// fdbDump lists the entries of one device or one bridge.
func (g *reqGen) fdbDump() {
	if g.chance(30) {
		g.oddDump(dumpFDB)
		return
	}
	m := dumpFDB.message()
	i := g.fdbIndex()
	text := fmt.Sprintf("bridge fdb show, index %d", i)
	switch g.IntN(4) {
	case 0:
		binary.NativeEndian.PutUint32(m.Data[4:], uint32(i))
	case 1: // as older tools ask: by the header of a link
		m.Data = linkHeader(pick(g.dice, 0, i), 0, 0)
		m.Data[0] = byte(familyBridge)
		if g.chance(60) {
			m.Data = append(m.Data, attr(nla.IFLAMaster, u32(uint32(i)))...)
		}
		text += " in a link's header"
	default:
		typ := pick[uint16](g.dice, nla.NDAIfindex, nla.NDAMaster)
		m.Data = append(m.Data, attr(typ, u32(uint32(i)))...)
		text += fmt.Sprintf(" in attribute %d", typ)
	}
	g.raw(text, m)
}

// fdbLink changes a device in a way that forwarding databases follow.
func (g *reqGen) fdbLink() {
	i := fdbPort0 + g.IntN(fdbVXLAN1-fdbPort0+1)
	set := func(text string, data []byte) {
		g.raw(fmt.Sprintf("ip link set index %d %s", i, text), asked(netlink.Message{
			Header: netlink.Header{Type: rtnl.RTMNewLink}, Data: append(linkHeader(i, 0, 0), data...),
		}))
	}
	info := func(kind string, data []byte) []byte {
		return attr(nla.IFLALinkInfo|nested, append(attr(1, text0(kind)), attr(2|nested, data)...))
	}
	switch x := g.IntN(100); {
	case x < 30:
		g.op(LinkOp{Index: i, Up: g.chance(55)})
	case x < 50:
		master := pick(g.dice, 0, 0, fdbBridge0, fdbBridge0, fdbBridge1)
		i = pick(g.dice, fdbPort0, fdbPort1, fdbPort0Peer, fdbVXLAN0, fdbVXLAN1, fdbMacvlan)
		g.fdbMaster(i, master)
	case x < 64:
		a := g.fdbMAC()
		set("address "+colons(a), attr(nla.IFLAAddress, a))
	case x < 72:
		g.raw(fmt.Sprintf("ip link del index %d", i), asked(netlink.Message{Header: netlink.Header{Type: rtnl.RTMDelLink}, Data: linkHeader(i, 0, 0)}))
	case x < 80:
		switch i {
		case fdbPort0, fdbPort0Peer:
			g.pair(fdbPort0, "v0", fdbPort0Peer, "v1")
		case fdbPort1, fdbPort1Peer:
			g.pair(fdbPort1, "v2", fdbPort1Peer, "v3")
		default:
			g.fdbDevice(i)
		}
	case x < 86:
		i = pick(g.dice, fdbBridge0, fdbBridge1)
		switch g.IntN(3) {
		case 0:
			set("type bridge fdb_flush", info("bridge", attr(21, nil)))
		case 1:
			v := pick[uint32](g.dice, 0, 1, 2, 5)
			set(fmt.Sprintf("type bridge fdb_max_learned %d", v), info("bridge", attr(49, u32(v))))
		default:
			v := pick[uint32](g.dice, 20001, 30000, 100003, 12345)
			set(fmt.Sprintf("type bridge ageing_time %d", v), info("bridge", attr(4, u32(v))))
		}
	case x < 92:
		i = pick(g.dice, fdbVXLAN0, fdbVXLAN1)
		a := pick(g.dice, addrs("10.0.0.9", "10.0.0.10", "0.0.0.0", "2001:db8::9", "2001:db8::a")...)
		typ := uint16(2)
		if a.Is6() {
			typ = 16
		}
		set("type vxlan remote "+a.String(), info("vxlan", attr(typ, a.AsSlice())))
	case x < 96:
		v := pick[uint32](g.dice, 1, 2, 4, 8, 16)
		i = fdbMacvlan
		set(fmt.Sprintf("type macvlan mode %d", v), info("macvlan", attr(1, u32(v))))
	default:
		a := pick(g.dice, "10.7.0.1/24", "2001:db8:7::1/64")
		p := netip.MustParsePrefix(a)
		g.op(AddrOp{pick(g.dice, Add, Del), rpdb.Addr{
			Family: rpdb.FamilyOf(p.Addr()), Index: i, Local: p.Addr(), PrefixLen: uint8(p.Bits()), Valid: rpdb.Forever, Preferred: rpdb.Forever,
		}})
	}
}

func u16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }

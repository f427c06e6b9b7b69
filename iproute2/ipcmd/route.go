package ipcmd

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Bytes of struct rtmsg.
const (
	rtmFamily   = 0
	rtmDstLen   = 1
	rtmSrcLen   = 2
	rtmTOS      = 3
	rtmTable    = 4
	rtmProtocol = 5
	rtmScope    = 6
	rtmType     = 7
	rtmFlags    = 8
	rtmLen      = 12
)

// route is the object route (do_iproute).
func (c *call) route() int {
	add := func(flags netlink.HeaderFlags) func(*call) int {
		return func(c *call) int { return c.routeModify(rtnl.RTMNewRoute, flags) }
	}
	return c.choose("route", (*call).routeList, []verb{
		{"add", false, add(rtnl.FlagsAdd)},
		{"change", false, add(rtnl.FlagsChange)},
		{"chg", true, add(rtnl.FlagsChange)},
		{"replace", false, add(rtnl.FlagsReplace)},
		{"prepend", false, add(rtnl.FlagsPrepend)},
		{"append", false, add(rtnl.FlagsAppend)},
		{"test", false, add(netlink.Excl)},
		{"delete", false, func(c *call) int { return c.routeModify(rtnl.RTMDelRoute, 0) }},
		{"list", false, (*call).routeList},
		{"show", false, (*call).routeList},
		{"lst", false, (*call).routeList},
		{"get", false, (*call).routeGet},
		{"flush", false, (*call).routeFlush},
		{"save", false, (*call).routeSave},
		{"restore", false, (*call).routeRestore},
		{"showdump", false, (*call).routeShowDump},
		{"help", false, func(c *call) int { c.usage(usageRoute); return 0 }},
	})
}

// routeRequest is a route under construction (iproute_modify).
type routeRequest struct {
	*call
	request
	metrics metricList
	dev     string
	nhid    uint32

	devOK, gwOK, dstOK, legsOK, scopeOK, tableOK, typeOK bool
}

func (c *call) routeModify(typ netlink.HeaderType, flags netlink.HeaderFlags) int {
	r := routeRequest{call: c, request: request{typ: typ, flags: flags, body: make([]byte, rtmLen)}}
	h := r.body
	h[rtmFamily], h[rtmTable], h[rtmScope] = c.family, byte(rpdb.TableMain), byte(rpdb.ScopeNowhere)
	if typ != rtnl.RTMDelRoute {
		h[rtmProtocol], h[rtmScope], h[rtmType] = rpdb.ProtoBoot, byte(rpdb.ScopeGlobal), byte(rpdb.Unicast)
	}
	for ; r.more() && !r.legsOK; r.advance() {
		w := r.word()
		if w == "nexthop" {
			r.legsOK = true
			break
		}
		if !r.addressWord(w) && !r.earlyWord(w) && !r.metricWord(w) && !r.lateWord(w) {
			r.destination(w)
		}
	}
	if !r.dstOK {
		r.usage(usageRoute)
	}
	return r.finish()
}

// bind takes the family of the first address.
func (r *routeRequest) bind(f uint8) {
	if r.body[rtmFamily] == afUnspec {
		r.body[rtmFamily] = f
	}
}

func (r *routeRequest) addressWord(w string) bool {
	switch w {
	case "src":
		p := r.getAddr(r.value(), r.body[rtmFamily])
		r.bind(p.family)
		r.attr(nla.RTAPrefSrc, p.data)
	case "as":
		if r.value() == "to" {
			r.value()
		}
		p := r.getAddr(r.word(), r.body[rtmFamily])
		r.bind(p.family)
		r.attr(nla.RTANewDst, p.data)
	case "via":
		if r.gwOK {
			r.invarg("use nexthop syntax to specify multiple via\n", w)
		}
		r.gwOK = true
		r.via(&r.request)
	case "from":
		p := r.getPrefix(r.value(), r.body[rtmFamily])
		r.bind(p.family)
		if len(p.data) > 0 {
			r.attr(nla.RTASrc, p.data)
		}
		r.body[rtmSrcLen] = byte(p.bits)
	default:
		return false
	}
	return true
}

// via reads [FAMILY] ADDRESS into a gateway of the route's family or of the other.
func (r *routeRequest) via(to *request) {
	r.value()
	family := r.familyWord(r.body[rtmFamily])
	p := r.getAddr(r.word(), family)
	r.bind(p.family)
	if p.family == r.body[rtmFamily] {
		to.attr(nla.RTAGateway, p.data)
		return
	}
	to.attr(nla.RTAVia, append(binary.NativeEndian.AppendUint16(nil, uint16(p.family)), p.data...))
}

// earlyWord reads the words that are compared before those of the metrics.
func (r *routeRequest) earlyWord(w string) bool {
	switch {
	case w == "tos" || is(w, "dsfield"):
		r.body[rtmTOS] = r.tos("\"tos\" value is invalid\n")
	case w == "expires":
		r.request.u32(nla.RTAExpires, r.call.u32("\"expires\" value is invalid\n"))
	case is(w, "metric", "priority") || w == "preference":
		r.request.u32(nla.RTAPriority, r.call.u32("\"metric\" value is invalid\n"))
	case w == "scope":
		v, ok := r.Names.ScopeID(r.value())
		if !ok {
			r.invarg("invalid \"scope\" value\n", r.word())
		}
		r.body[rtmScope], r.scopeOK = byte(v), true
	default:
		return false
	}
	return true
}

// lateWord reads the words that are compared after those of the metrics.
func (r *routeRequest) lateWord(w string) bool {
	switch {
	case is(w, "realms"):
		r.request.u32(nla.RTAFlow, r.call.realms("\"realm\" value is invalid\n"))
	case w == "onlink":
		r.body[rtmFlags] |= byte(rpdb.NHOnlink)
	case w == "nhid":
		r.nhid = r.call.u32("\"id\" value is invalid\n")
		r.request.u32(nla.RTANHID, r.nhid)
	case is(w, "protocol"):
		r.body[rtmProtocol] = r.call.protocol("\"protocol\" value is invalid\n")
	case is(w, "table"):
		r.setTable(r.call.table("\"table\" value is invalid\n"))
	case is(w, "vrf"):
		r.setTable(r.vrfTableArg())
	case w == "dev" || w == "oif":
		r.dev, r.devOK = r.value(), true
	case is(w, "pref"):
		r.pref()
	case w == "encap":
		r.encap(&r.request, nla.RTAEncap, nla.RTAEncapType)
	case w == "ttl-propagate":
		v, ok := onlyOf(r.value(), "disabled", "enabled")
		if !ok {
			r.invarg("\"ttl-propagate\" value is invalid\n", r.word())
		}
		r.request.u8(nla.RTATTLPropagate, v)
	case is(w, "fastopen_no_cookie"):
		r.metrics.add(nla.RTAXFastOpen, r.zeroOrOne("fastopen_no_cookie"))
	default:
		return false
	}
	return true
}

// onlyOf returns which of the words a prefix names.
func onlyOf(w string, words ...string) (uint8, bool) {
	for i := len(words) - 1; i >= 0; i-- {
		if matches(w, words[i]) {
			return uint8(i), true
		}
	}
	return 0, false
}

func (r *routeRequest) setTable(id uint32) {
	r.tableOK = true
	if id < 256 {
		r.body[rtmTable] = byte(id)
		return
	}
	r.body[rtmTable] = 0
	r.request.u32(nla.RTATable, id)
}

func (r *routeRequest) pref() {
	var v uint8
	switch w := r.value(); w {
	case "low":
		v = byte(rpdb.PrefLow)
	case "medium":
		v = byte(rpdb.PrefMedium)
	case "high":
		v = byte(rpdb.PrefHigh)
	default:
		var ok bool
		if v, ok = parseU8(w, 0); !ok {
			r.invarg("\"pref\" value is invalid\n", w)
		}
	}
	r.request.u8(nla.RTAPref, v)
}

// destination reads [to] [TYPE] PREFIX.
func (r *routeRequest) destination(w string) {
	if w == "to" {
		w = r.value()
	}
	if w == "" || w[0] < '0' || w[0] > '9' {
		if t, ok := routeType(w); ok {
			r.body[rtmType], r.typeOK = byte(t), true
			w = r.value()
		}
	}
	if matches(w, "help") {
		r.usage(usageRoute)
	}
	if r.dstOK {
		r.duparg2("to", w)
	}
	p := r.getPrefix(w, r.body[rtmFamily])
	r.bind(p.family)
	r.body[rtmDstLen], r.dstOK = byte(p.bits), true
	if len(p.data) > 0 {
		r.attr(nla.RTADst, p.data)
	}
}

// finish adds what is known only at the end, and sends the request.
func (r *routeRequest) finish() int {
	if r.devOK {
		i := r.device(r.dev)
		if i == 0 {
			return r.nodev(r.dev)
		}
		r.request.u32(nla.RTAOIF, uint32(i))
	}
	r.metrics.addTo(&r.request)
	if r.legsOK {
		r.legs()
	}
	h := r.body
	if h[rtmFamily] == afUnspec {
		h[rtmFamily] = afInet
	}
	if !r.tableOK {
		switch rpdb.RouteType(h[rtmType]) {
		case rpdb.Local, rpdb.Broadcast, rpdb.NAT, rpdb.Anycast:
			h[rtmTable] = byte(rpdb.TableLocal)
		}
	}
	if !r.scopeOK {
		r.defaultScope()
	}
	if !r.typeOK && h[rtmFamily] == afMPLS {
		h[rtmType] = byte(rpdb.Unicast)
	}
	return r.exec(&r.request, r.showRoute)
}

func (r *routeRequest) defaultScope() {
	h := r.body
	set := func(s rpdb.Scope) { h[rtmScope] = byte(s) }
	if h[rtmFamily] == afInet6 || h[rtmFamily] == afMPLS {
		set(rpdb.ScopeGlobal)
		return
	}
	switch rpdb.RouteType(h[rtmType]) {
	case rpdb.Local, rpdb.NAT:
		set(rpdb.ScopeHost)
	case rpdb.Broadcast, rpdb.Multicast, rpdb.Anycast:
		set(rpdb.ScopeLink)
	case rpdb.Unicast, rpdb.TypeUnspec:
		switch {
		case r.typ == rtnl.RTMDelRoute:
			set(rpdb.ScopeNowhere)
		case !r.gwOK && !r.legsOK && r.nhid == 0:
			set(rpdb.ScopeLink)
		}
	}
}

// showRoute prints the route of a notification.
func (c *call) showRoute(m netlink.Message) {
	r, err := rtnl.ParseReply(m)
	if err != nil {
		return
	}
	gone := m.Header.Type == rtnl.RTMDelRoute
	o := c.printOptions()
	if c.opt.json {
		c.echoObject(deletedObject(gone, iproute2.ReplyJSON(&r, o)))
		return
	}
	if gone {
		c.print("Deleted ")
	}
	c.print(iproute2.FormatReply(&r, o) + "\n")
}

package ipcmd

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// getRequest is a question under construction (iproute_get).
type getRequest struct {
	*call
	request
	flags     uint32
	mark      uint32
	in, out   string
	hasIn     bool
	hasOut    bool
	connected bool
	fromOK    bool
	dstOK     bool
}

func (c *call) routeGet() int {
	g := getRequest{call: c, request: request{typ: rtnl.RTMGetRoute, body: make([]byte, rtmLen)}}
	g.body[rtmFamily] = c.family
	for ; g.more(); g.advance() {
		if w := g.word(); !g.selector(w) && !g.packet(w) {
			g.destination(w)
		}
	}
	if !g.dstOK {
		g.errorf("need at least a destination address\n")
		return 1
	}
	if status := g.finish(); status != 0 {
		return status
	}
	return g.send()
}

func (g *getRequest) bind(f uint8) {
	if g.body[rtmFamily] == afUnspec {
		g.body[rtmFamily] = f
	}
}

func (g *getRequest) selector(w string) bool {
	switch {
	case w == "tos" || is(w, "dsfield"):
		g.body[rtmTOS] = g.tos("TOS value is invalid\n")
	case is(w, "from"):
		if matches(g.value(), "help") {
			g.usage(usageRoute)
		}
		g.fromOK = true
		p := g.getPrefix(g.word(), g.body[rtmFamily])
		g.bind(p.family)
		if len(p.data) > 0 {
			g.attr(nla.RTASrc, p.data)
		}
		g.body[rtmSrcLen] = byte(p.bits)
	case is(w, "iif"):
		g.in, g.hasIn = g.value(), true
	case is(w, "mark"):
		g.mark = g.call.u32("invalid mark value")
	case is(w, "oif") || w == "dev":
		g.out, g.hasOut = g.value(), true
	case is(w, "notify"):
		g.flags |= rpdb.FlagNotify
	case is(w, "connected"):
		g.connected = true
	case is(w, "vrf"):
		if k := g.links.named(g.value()); k == nil || k.Kind != "vrf" {
			g.invarg("Invalid VRF\n", g.word())
		}
		g.out, g.hasOut = g.word(), true
	case is(w, "uid"):
		g.request.u32(nla.RTAUID, g.call.u32("invalid UID\n"))
	case is(w, "fibmatch"):
		g.flags |= rtnl.FlagFibMatch
	default:
		return false
	}
	return true
}

func (g *getRequest) packet(w string) bool {
	port := func(msg string) uint16 {
		v, ok := parseU16(g.value(), 0)
		if !ok {
			g.invarg(msg, g.word())
		}
		return v
	}
	switch {
	case w == "as":
		if g.value() == "to" {
			g.value()
		}
		p := g.getAddr(g.word(), g.body[rtmFamily])
		g.bind(p.family)
		g.attr(nla.RTANewDst, p.data)
	case is(w, "sport"):
		g.be16(nla.RTASPort, port("invalid sport\n"))
	case is(w, "dport"):
		g.be16(nla.RTADPort, port("invalid dport\n"))
	case is(w, "ipproto"):
		g.request.u8(nla.RTAIPProto, g.ipProto())
	case w == "flowlabel" && g.Version >= Version7:
		g.be32(nla.RTAFlowLabel, g.call.u32("invalid flowlabel\n"))
	default:
		return false
	}
	return true
}

func (g *getRequest) destination(w string) {
	if w == "to" {
		w = g.value()
	}
	if matches(w, "help") {
		g.usage(usageRoute)
	}
	p := g.getPrefix(w, g.body[rtmFamily])
	g.bind(p.family)
	if len(p.data) > 0 {
		g.attr(nla.RTADst, p.data)
	}
	bits := p.bits
	if full := familyBits(g.body[rtmFamily]); full != 0 && bits != full {
		g.errorf("Warning: /%d as prefix is invalid, only /%d (or none) is supported.\n", bits, full)
		bits = full
	}
	g.body[rtmDstLen] = byte(bits)
	g.dstOK = true
}

// finish adds the devices, the mark and the flags.
func (g *getRequest) finish() int {
	for _, d := range []struct {
		given bool
		name  string
		typ   uint16
	}{{g.hasIn, g.in, nla.RTAIIF}, {g.hasOut, g.out, nla.RTAOIF}} {
		if !d.given {
			continue
		}
		i := g.device(d.name)
		if i == 0 {
			return g.nodev(d.name)
		}
		g.request.u32(d.typ, uint32(i))
	}
	if g.mark != 0 {
		g.request.u32(nla.RTAMark, g.mark)
	}
	g.bind(afInet)
	if g.body[rtmFamily] == afInet {
		g.flags |= rtnl.FlagLookupTable
	}
	binary.NativeEndian.PutUint32(g.body[rtmFlags:], g.flags)
	return 0
}

func (g *getRequest) send() int {
	p := g.routePrinter(g.printOptions())
	times := 1
	if g.connected && !g.fromOK {
		times = 2
	}
	for range times {
		answers, err := g.ask(&g.request)
		if err != nil {
			return g.refused(err)
		}
		for _, m := range answers {
			g.answer(p, m)
		}
		// What connected asks next is printed as text even by -j.
		p.end()
		p.json = false
	}
	return 0
}

func (g *getRequest) answer(p *routePrinter, m netlink.Message) {
	if m.Header.Type != rtnl.RTMNewRoute {
		return
	}
	if r, err := rtnl.ParseReply(m); err == nil {
		p.print(m, &r)
	}
}

// hopInfo returns what finds the nexthop object of a route for -d, over the side
// connection.
func (c *call) hopInfo() func(uint32) *rpdb.NextHopObject {
	known := map[uint32]*rpdb.NextHopObject{}
	return func(id uint32) *rpdb.NextHopObject {
		if h, ok := known[id]; ok {
			return h
		}
		known[id] = c.askHop(id)
		return known[id]
	}
}

var _ iproute2.LinkNames = (*linkCache)(nil)

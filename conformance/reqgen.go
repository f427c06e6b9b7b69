package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// reqArea is a kind of program: what most of its requests are about.
type reqArea struct {
	name string
	// needs are the requests without which nothing of the area works: a host that
	// answers EOPNOTSUPP to one has not built it.
	needs []netlink.HeaderType
	draw  func(*reqGen)
}

var reqAreas = []reqArea{
	{"rules", []netlink.HeaderType{rtnl.RTMNewRule, rtnl.RTMDelRule, rtnl.RTMGetRule}, (*reqGen).rules},
	{"links", []netlink.HeaderType{rtnl.RTMNewLink, rtnl.RTMDelLink, rtnl.RTMGetLink}, (*reqGen).links},
	{"addrs", []netlink.HeaderType{rtnl.RTMNewLink, rtnl.RTMNewAddr, rtnl.RTMDelAddr, rtnl.RTMGetAddr}, (*reqGen).addrs},
	{"routes4", []netlink.HeaderType{rtnl.RTMNewLink, rtnl.RTMNewAddr, rtnl.RTMNewRoute, rtnl.RTMDelRoute, rtnl.RTMGetRoute}, (*reqGen).routes4},
	{"routes6", []netlink.HeaderType{rtnl.RTMNewLink, rtnl.RTMNewAddr, rtnl.RTMNewRoute, rtnl.RTMDelRoute, rtnl.RTMGetRoute}, (*reqGen).routes6},
	{"nexthops", []netlink.HeaderType{rtnl.RTMNewLink, rtnl.RTMNewAddr, rtnl.RTMNewNextHop, rtnl.RTMDelNextHop, rtnl.RTMGetNextHop}, (*reqGen).nexthops},
	{"neighs", []netlink.HeaderType{rtnl.RTMNewLink, rtnl.RTMNewNeigh, rtnl.RTMDelNeigh, rtnl.RTMGetNeigh}, (*reqGen).neighs},
	{"fdb", []netlink.HeaderType{rtnl.RTMNewLink, rtnl.RTMNewNeigh, rtnl.RTMDelNeigh, rtnl.RTMGetNeigh}, (*reqGen).fdbs},
	{"mixed", []netlink.HeaderType{
		rtnl.RTMNewLink, rtnl.RTMNewAddr, rtnl.RTMNewRoute, rtnl.RTMNewRule, rtnl.RTMNewNextHop, rtnl.RTMNewNeigh,
	}, (*reqGen).mixed},
	{"settings", []netlink.HeaderType{rtnl.RTMNewLink, rtnl.RTMNewAddr, rtnlGetNetConf}, (*reqGen).settings},
}

// ReqAreas returns the names of the areas, for [RequestsConfig.Only].
func ReqAreas() []string {
	var out []string
	for _, a := range reqAreas {
		out = append(out, a.name)
	}
	return out
}

// drawProgram draws program number n of an area.
func drawProgram(area *reqArea, seed, n uint64) *reqProgram {
	h := uint64(slices.IndexFunc(reqAreas, func(a reqArea) bool { return a.name == area.name }) + 1)
	g := &reqGen{dice: newDice(seed, n<<8|h<<1)}
	g.spoilt = pick(g.dice, 0, 10, 25, 50)
	area.draw(g)
	return &reqProgram{area: area.name, seed: seed, number: n, steps: g.steps}
}

// reqGen draws the steps of one program.
type reqGen struct {
	dice
	spoilt int // how many of 100 requests are spoilt
	seq    uint32
	steps  []reqStep
	t      traits
	// shared6 tells that there may be IPv6 nexthop objects.
	shared6 bool
	// realms tells that a route may have, or have had, realms.
	realms bool
}

func (g *reqGen) socket() reqSock {
	return pick(g.dice, sockIP, sockIP, sockIP, sockIP, sockIP, sockStrict, sockStrict, sockPlain, sockExtended, sockCapped, sockUncommon)
}

// sound adds a request that is sent as it is, through the socket that ip would use.
func (g *reqGen) sound(op Op) {
	was := g.spoilt
	g.spoilt = -1
	g.op(op)
	g.spoilt = was
}

// op adds a request, or the writing of a sysctl.
func (g *reqGen) op(op Op) {
	if s, ok := op.(SysctlOp); ok {
		g.steps = append(g.steps, reqStep{op: s, settle: true})
		return
	}
	m, err := message(op)
	if err != nil {
		return // no bytes stand for it
	}
	m.Header.Flags |= netlink.Request | netlink.Acknowledge
	g.message(m, reqStep{op: op})
}

// raw adds a request that no Op stands for.
func (g *reqGen) raw(text string, m netlink.Message) { g.message(m, reqStep{text: text}) }

func (g *reqGen) message(m netlink.Message, s reqStep) {
	g.seq++
	s.data = datagram(m, g.seq)
	s.sock = sockIP
	if g.spoilt >= 0 {
		s.sock = g.socket()
	}
	if g.spoilt > 0 && g.chance(g.spoilt) {
		if data, how := (spoiler{g.dice}).spoil(s.data, g.seq); !foreign(data) && !readsBeyond(data) {
			s.data, s.spoilt = data, how
		}
	}
	s.settle, s.pause = unsettles(s.data), startsTimer(s.data)
	t, f := s.typ()
	s.grace = g.realms && t == rtnl.RTMGetRoute && f == rpdb.IPv4
	g.steps = append(g.steps, s)
	g.realms = g.realms || namesRealms(s.data)
	switch {
	case asksToNotify(s.data):
		g.steps = append(g.steps, reqStep{op: SysctlOp{"net/ipv4/route/flush", "1"}})
	case t == rtnl.RTMNewNextHop && f == rpdb.IPv6:
		g.shared6 = true
	case t == rtnl.RTMGetRoute && f == rpdb.IPv6 && g.shared6:
		g.sound(emptyShared6)
	}
}

// emptyShared6 makes the kernel forget the answers that it keeps with IPv6 nexthop
// objects, for each processor, and gives to other routes by the same object: it changes
// a route, in a table that no rule names.
var emptyShared6 = RouteOp{Verb: Replace, Route: rpdb.Route{
	Family: rpdb.IPv6, Table: 77777, Dst: netip.MustParsePrefix("100::/64"), Type: rpdb.Unreachable,
	Priority: 1, Protocol: rpdb.ProtoStatic,
}}

// namesRealms reports whether a request is about a route with realms. How many there
// are decides which checks of sources the kernel makes, and it counts down late, when RCU
// lets it (free_fib_info_rcu).
func namesRealms(m []byte) bool {
	s := reqStep{data: m}
	t, f := s.typ()
	if t != rtnl.RTMNewRoute || f != rpdb.IPv4 || len(m) < nlHeader+12 {
		return false
	}
	const multipath, flow = 9, 11
	attrs, _ := splitAttrs(m[nlHeader+12:])
	return slices.ContainsFunc(attrs, func(a rawAttr) bool {
		return a.kind() == flow || a.kind() == multipath && bytes.Contains(a.data, attr(flow, make([]byte, 4))[:4])
	})
}

// asksToNotify reports whether a request is an IPv4 RTM_GETROUTE with RTM_F_NOTIFY. The
// flag stays in the answer that the nexthop has in its cache for the processor that
// answered (inet_rtm_getroute), and comes back with other destinations, until the cache
// is emptied.
func asksToNotify(m []byte) bool {
	s := reqStep{data: m}
	t, f := s.typ()
	return t == rtnl.RTMGetRoute && f == rpdb.IPv4 && len(m) >= nlHeader+12 &&
		binary.NativeEndian.Uint32(m[nlHeader+8:])&rpdb.FlagNotify != 0
}

// foreign reports whether a datagram that was cut short goes on with what the kernel
// takes for a request to a part that is not emulated, such as traffic control.
func foreign(datagram []byte) bool {
	for first := true; len(datagram) >= nlHeader; first = false {
		n := int(binary.NativeEndian.Uint32(datagram))
		if n < nlHeader || n > len(datagram) {
			return false
		}
		s := reqStep{data: datagram}
		t, _ := s.typ()
		if _, known := reqTypes[t]; !first && !known && t >= msgLink {
			return true
		}
		datagram = datagram[min((n+3)&^3, len(datagram)):]
	}
	return false
}

// readsBeyond reports whether a request for a forwarding database ends in a number that
// is too short, where the kernel reads on in its memory (rtnl_fdb_add has no policy).
func readsBeyond(m []byte) bool {
	s := reqStep{data: m}
	t, f := s.typ()
	if t&^3 != msgNeigh || f != familyBridge || len(m) < nlHeader+12 {
		return false
	}
	m = m[:min(len(m), max(int(binary.NativeEndian.Uint32(m)), nlHeader+12))]
	attrs, left := splitAttrs(m[nlHeader+12:])
	room := len(left)
	for _, a := range slices.Backward(attrs) {
		if room += len(a.data); room >= 4 {
			return false
		}
		if a.kind() == nla.NDANHID || a.kind() == nla.NDAFlagsExt {
			return true
		}
		room += 4
	}
	return false
}

// startsTimer reports whether a request gives a neighbour a state that a timer ends at
// once (NUD_INCOMPLETE, NUD_DELAY, NUD_PROBE), which is in a jiffy or two.
func startsTimer(m []byte) bool {
	s := reqStep{data: m}
	t, f := s.typ()
	return t == rtnl.RTMNewNeigh && f != familyBridge && len(m) >= nlHeader+12 &&
		binary.NativeEndian.Uint16(m[nlHeader+8:])&(rpdb.NUDIncomplete|rpdb.NUDDelay|rpdb.NUDProbe) != 0
}

// unsettles reports whether a request can start something that outlasts its answer.
func unsettles(m []byte) bool {
	s := reqStep{data: m}
	switch t, f := s.typ(); t {
	case rtnl.RTMNewLink, rtnl.RTMDelLink, 19:
		return true
	case rtnl.RTMNewAddr, rtnl.RTMDelAddr:
		return f != rpdb.IPv4
	}
	return false
}

// dumpKind is one dump, as ip asks for it and by its parts.
type dumpKind struct {
	text   string
	typ    netlink.HeaderType
	family rpdb.Family
	ext    []byte // attributes
}

var (
	dumpRules4    = dumpKind{"ip -4 rule show", rtnl.RTMGetRule, rpdb.IPv4, nil}
	dumpRules6    = dumpKind{"ip -6 rule show", rtnl.RTMGetRule, rpdb.IPv6, nil}
	dumpLabels6   = dumpKind{"ip addrlabel", rtnl.RTMGetAddrLabel, rpdb.IPv6, nil}
	dumpRoutes4   = dumpKind{"ip -4 route show table all", rtnl.RTMGetRoute, rpdb.IPv4, nil}
	dumpRoutes6   = dumpKind{"ip -6 route show table all", rtnl.RTMGetRoute, rpdb.IPv6, nil}
	dumpAddrs4    = dumpKind{"ip -4 addr show", rtnl.RTMGetAddr, rpdb.IPv4, nil}
	dumpAddrs6    = dumpKind{"ip -6 addr show", rtnl.RTMGetAddr, rpdb.IPv6, nil}
	dumpLinks     = dumpKind{"ip link show", rtnl.RTMGetLink, rpdb.Unspec, attr(29, []byte{1, 0, 0, 0})}
	dumpFDB       = dumpKind{"bridge fdb show", rtnl.RTMGetNeigh, 7, nil}
	dumpNeighs4   = dumpKind{"ip -4 neigh show", rtnl.RTMGetNeigh, rpdb.IPv4, nil}
	dumpNeighs6   = dumpKind{"ip -6 neigh show", rtnl.RTMGetNeigh, rpdb.IPv6, nil}
	dumpNextHops  = dumpKind{"ip nexthop show", rtnl.RTMGetNextHop, rpdb.Unspec, nil}
	dumpBuckets   = dumpKind{"ip nexthop bucket show", rtnl.RTMGetNextHopBucket, rpdb.Unspec, nil}
	dumpNetConf4  = dumpKind{"ip -4 netconf show", rtnlGetNetConf, rpdb.IPv4, nil}
	dumpNetConf6  = dumpKind{"ip -6 netconf show", rtnlGetNetConf, rpdb.IPv6, nil}
	dumpGroups4   = dumpKind{"ip -4 maddr show", rtmGetMulticast, rpdb.IPv4, nil}
	dumpGroups6   = dumpKind{"ip -6 maddr show", rtmGetMulticast, rpdb.IPv6, nil}
	dumpAllAddrs  = dumpKind{"ip addr show", rtnl.RTMGetAddr, rpdb.Unspec, nil}
	dumpAllRoutes = dumpKind{"ip route show table all, of any family", rtnl.RTMGetRoute, rpdb.Unspec, nil}
)

const rtmGetMulticast netlink.HeaderType = 58

const rtnlGetNetConf netlink.HeaderType = 82

// dump adds dumps as ip asks for them.
func (g *reqGen) dump(kinds ...dumpKind) {
	for _, k := range kinds {
		was := g.spoilt
		g.spoilt = -1
		g.raw(k.text, k.message())
		g.spoilt = was
	}
}

func (k dumpKind) message() netlink.Message {
	body := make([]byte, reqHeaderLen(k.typ))
	body[0] = byte(k.family)
	return netlink.Message{
		Header: netlink.Header{Type: k.typ, Flags: netlink.Request | netlink.Dump},
		Data:   append(body, k.ext...),
	}
}

// oddDump adds a dump with a filter, right or wrong.
func (g *reqGen) oddDump(k dumpKind) {
	m := k.message()
	text := k.text
	for range g.IntN(3) {
		switch g.IntN(4) {
		case 0:
			at := g.IntN(reqHeaderLen(k.typ))
			m.Data[at] = pick[byte](g.dice, 0, 1, 2, 3, 4, 10, 24, 254, 255)
			text += fmt.Sprintf(" with byte %d of the header %d", at, m.Data[at])
		case 1:
			f := pick(g.dice, filters[k.typ]...)
			v := pick[uint32](g.dice, 0, 1, 2, 3, 4, 10, 254, 255, 999, 0xffffffff)
			m.Data = append(m.Data, attr(f, binary.NativeEndian.AppendUint32(nil, v))...)
			text += fmt.Sprintf(" with attribute %d: %d", f, v)
		case 2:
			m.Header.Flags ^= pick(g.dice, netlink.Acknowledge, netlink.Root, netlink.Match, netlink.Echo)
			text += fmt.Sprintf(" with flags 0x%x", uint16(m.Header.Flags))
		default:
			m.Data[0] = pick[byte](g.dice, 0, 2, 10, 7, 28, 128, 129, 255)
			text += fmt.Sprintf(" of family %d", m.Data[0])
		}
	}
	g.raw(text, m)
}

// filters are the attributes that the dumps of a type know, and others.
var filters = map[netlink.HeaderType][]uint16{
	rtnl.RTMGetAddrLabel:     {1, 2, 3},
	rtnl.RTMGetRule:          {15, 6, 1, 3},
	rtnl.RTMGetRoute:         {15, 4, 4, 15, 1, 30, 6, 7},
	rtnl.RTMGetAddr:          {10, 1, 2, 8},
	rtnl.RTMGetLink:          {29, 10, 29, 33, 3},
	rtnl.RTMGetNeigh:         {8, 9, 1, 2},
	rtnl.RTMGetNextHop:       {1, 5, 9, 10, 11, 2},
	rtnl.RTMGetNextHopBucket: {1, 5, 9, 13, 2},
	rtmGetMulticast:          {7, 10, 1, 8},
	rtnlGetNetConf:           {1, 2},
}

// get adds a question about one object.
func (g *reqGen) get(text string, typ netlink.HeaderType, head []byte, attrs ...[]byte) {
	m := netlink.Message{Header: netlink.Header{Type: typ, Flags: netlink.Request}, Data: head}
	for _, a := range attrs {
		m.Data = append(m.Data, a...)
	}
	if g.chance(50) {
		m.Header.Flags |= netlink.Acknowledge
	}
	g.raw(text, m)
}

// ask adds an RTM_GETROUTE for a random flow.
func (g *reqGen) ask(f rpdb.Family) {
	fg := flowGen{dice: g.dice, family: f, devs: someDevs}
	q := fg.query()
	if !q.Flow.Dst.IsValid() {
		return
	}
	o := rtnl.GetOptions{FibMatch: q.FibMatch, Notify: g.chance(5)}
	g.raw(q.command(newNames().with(devNames)), rtnl.GetRoute(q.Flow, o))
}

// with returns the names with others added.
func (n *names) with(more map[int]string) *names {
	for i, s := range more {
		(*n)[i] = s
	}
	return n
}

func header(n int, bytes ...byte) []byte { return append(bytes, make([]byte, n-len(bytes))...) }

func text0(s string) []byte { return append([]byte(s), 0) }

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// prelude makes the devices of the route scenarios, all with addresses, and quiets
// the kernel.
func (g *reqGen) prelude(ops []Op) {
	g.quiet()
	// Without a seed the kernel takes a secret one.
	g.op(SysctlOp{"net/ipv4/fib_multipath_hash_seed", strconv.FormatUint(uint64(g.Uint32()|1), 10)})
	for _, v := range frontDevs {
		p := peerOf[v]
		g.pair(p, devNames[p], v, devNames[v])
	}
	g.sound(LinkOp{Index: rpdb.Loopback, Up: true})
	for _, v := range frontDevs {
		if g.chance(4) {
			continue
		}
		g.sound(LinkOp{Index: peerOf[v], Up: true})
		g.sound(LinkOp{Index: v, Up: true})
	}
	for _, op := range ops {
		g.sound(op)
	}
}

// quiet keeps the kernel from sending, waiting and drawing by itself.
func (g *reqGen) quiet() {
	g.op(SysctlOp{"net/ipv6/conf/lo/router_solicitation_delay", "0"}) // which also puts off checks of addresses
	for _, w := range []string{"all", "default"} {
		for _, kv := range [][2]string{{"accept_ra", "0"}, {"accept_dad", "0"}, {"router_solicitations", "0"}, {"router_solicitation_delay", "0"}, {"addr_gen_mode", "1"}} {
			if w == "default" || kv[0] != "addr_gen_mode" {
				g.op(SysctlOp{"net/ipv6/conf/" + w + "/" + kv[0], kv[1]})
			}
		}
	}
}

// pair adds a request for two veth devices with set hardware addresses.
func (g *reqGen) pair(a int, nameA string, b int, nameB string) {
	m, err := rtnl.NewVeth(
		rpdb.Link{Index: a, Name: nameA, Address: hardware(a)}, rpdb.Link{Index: b, Name: nameB, Address: hardware(b)})
	if err != nil {
		panic(err) // names and addresses are fixed
	}
	was := g.spoilt
	g.spoilt = -1
	g.raw(fmt.Sprintf("ip link add %s index %d address %s type veth peer name %s index %d address %s",
		nameA, a, colons(hardware(a)), nameB, b, colons(hardware(b))), m)
	g.spoilt = was
}

// hardware is the hardware address that programs give to a device.
func hardware(index int) []byte { return []byte{2, 0, 0, 0, byte(index >> 8), byte(index)} }

func colons(b []byte) string {
	s := make([]string, len(b))
	for i, x := range b {
		s[i] = fmt.Sprintf("%02x", x)
	}
	return strings.Join(s, ":")
}

// addr4 and addr6 are the addresses that the routes of gen4 and gen6 count on.
func addr4Ops() []Op {
	var ops []Op
	for i, dev := range frontDevs[:2] {
		ops = append(ops, AddrOp{Add, rpdb.Addr{
			Family: rpdb.IPv4, Index: dev, Local: addrs(fmt.Sprintf("10.%d.0.1", i))[0], PrefixLen: 24,
			Valid: rpdb.Forever, Preferred: rpdb.Forever,
		}})
	}
	return ops
}

func addr6Ops() []Op {
	var ops []Op
	for i, dev := range frontDevs {
		ops = append(ops, AddrOp{Add, rpdb.Addr{
			Family: rpdb.IPv6, Index: dev, Local: addrs(fmt.Sprintf("2001:db8:%x::1", 0xa+i))[0], PrefixLen: 64,
			Flags: rpdb.IFANoDAD, Valid: rpdb.Forever, Preferred: rpdb.Forever,
		}})
	}
	return ops
}

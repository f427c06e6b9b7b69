package ipcmd

import (
	"encoding/binary"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a neighbour (NDA_*), flags (NTF_*) and bytes of struct ndmsg.
const (
	ntfUse         = 1 << 0
	ntfProxy       = 1 << 3
	ntfExtLearned  = 1 << 4
	ntfRouter      = 1 << 7
	ntfExtManaged  = 1 << 0
	nudNoARP       = 0x40
	nudPermanent   = 0x80
	nudNone        = 0x100 // the tool's own: no state at all
	nudAll         = ^uint16(0)
	nudListed      = 0xff &^ nudNoARP
	nudFlushed     = nudAll &^ (nudNoARP | nudPermanent)
	ndmFamily      = 0
	ndmIfindex     = 4
	ndmState       = 8
	ndmFlags       = 10
	ndmLen         = 12
	maxNeighRounds = 10
)

// neigh is the object neighbour (do_ipneigh).
func (c *call) neigh() int {
	change := func(typ netlink.HeaderType, flags netlink.HeaderFlags) func(*call) int {
		return func(c *call) int { return c.neighModify(typ, flags) }
	}
	return c.choose("neigh", (*call).neighList, []verb{
		{"add", false, change(rtnl.RTMNewNeigh, rtnl.FlagsAdd)},
		{"change", false, change(rtnl.RTMNewNeigh, rtnl.FlagsChange)},
		{"chg", true, change(rtnl.RTMNewNeigh, rtnl.FlagsChange)},
		{"replace", false, change(rtnl.RTMNewNeigh, rtnl.FlagsReplace)},
		{"delete", false, change(rtnl.RTMDelNeigh, 0)},
		{"get", false, (*call).neighGet},
		{"show", false, (*call).neighList},
		{"lst", false, (*call).neighList},
		{"list", false, (*call).neighList},
		{"flush", false, (*call).neighFlush},
		{"help", false, func(c *call) int { c.usage(usageNeigh); return 0 }},
	})
}

// neighRequest is a neighbour under construction (ipneigh_modify).
type neighRequest struct {
	*call
	request
	dst          prefix
	dev, lladdr  string
	dstOK, devOK bool
	flags, ext   uint32
	proto        uint8
}

func (c *call) neighModify(typ netlink.HeaderType, flags netlink.HeaderFlags) int {
	r := neighRequest{call: c, request: request{typ: typ, flags: flags, body: make([]byte, ndmLen)}}
	binary.NativeEndian.PutUint16(r.body[ndmState:], nudPermanent)
	for ; r.more(); r.advance() {
		if w := r.word(); !r.option(w) {
			r.destination(w)
		}
	}
	if !r.devOK || !r.dstOK || r.dst.family == afUnspec {
		r.errorf("Device and destination are required arguments.\n")
		panic(exit(255))
	}
	r.body[ndmFamily] = r.dst.family
	r.body[ndmFlags] = byte(r.flags)
	r.attr(nla.NDADst, r.dst.data)
	if r.lladdr != "" && r.lladdr != "null" {
		b, ok := r.hardware(r.lladdr)
		if !ok {
			panic(exit(1))
		}
		r.attr(nla.NDALLAddr, b)
	}
	if r.proto != 0 {
		r.request.u8(nla.NDAProtocol, r.proto)
	}
	if r.ext != 0 {
		r.request.u32(nla.NDAFlagsExt, r.ext)
	}
	if r.dev != "" {
		i := r.device(r.dev)
		if i == 0 {
			return r.nodev(r.dev)
		}
		binary.NativeEndian.PutUint32(r.body[ndmIfindex:], uint32(i))
	}
	return r.exec(&r.request, nil)
}

func (r *neighRequest) option(w string) bool {
	switch {
	case is(w, "lladdr"):
		if r.value(); r.lladdr != "" {
			r.duparg("lladdr", r.word())
		}
		r.lladdr = r.word()
	case is(w, "nud"):
		s, ok := nudState(r.value())
		if !ok {
			r.invarg("nud state is bad", r.word())
		}
		binary.NativeEndian.PutUint16(r.body[ndmState:], s)
	case is(w, "proxy"):
		if matches(r.value(), "help") {
			r.usage(usageNeigh)
		}
		if r.dstOK {
			r.duparg("address", r.word())
		}
		r.dst, r.dstOK, r.devOK = r.getAddr(r.word(), r.family), true, true
		r.flags |= ntfProxy
	case w == "router":
		r.flags |= ntfRouter
	case w == "managed":
		r.ext |= ntfExtManaged
		binary.NativeEndian.PutUint16(r.body[ndmState:], 0)
	case w == "use":
		r.flags |= ntfUse
		binary.NativeEndian.PutUint16(r.body[ndmState:], 0)
	case is(w, "extern_learn"):
		r.flags |= ntfExtLearned
	case w == "dev":
		r.dev, r.devOK = r.value(), true
	case is(w, "protocol"):
		r.proto = r.protocol("\"protocol\" value is invalid\n")
	default:
		return false
	}
	return true
}

func (r *neighRequest) destination(w string) {
	if w == "to" {
		w = r.value()
	}
	if matches(w, "help") {
		r.value()
		r.usage(usageNeigh)
	}
	if r.dstOK {
		r.duparg2("to", w)
	}
	r.dst, r.dstOK = r.getAddr(w, r.family), true
}

// nudState reads the name of a state, or a number with one bit (nud_state_a2n).
func nudState(w string) (uint16, bool) {
	switch {
	case is(w, "permanent"):
		return nudPermanent, true
	case is(w, "reachable"):
		return rpdb.NUDReachable, true
	case w == "noarp":
		return nudNoARP, true
	case w == "none":
		return 0, true
	case w == "stale":
		return rpdb.NUDStale, true
	case w == "incomplete":
		return rpdb.NUDIncomplete, true
	case w == "delay":
		return rpdb.NUDDelay, true
	case w == "probe":
		return rpdb.NUDProbe, true
	case is(w, "failed"):
		return rpdb.NUDFailed, true
	}
	v, ok := parseUnsigned(w, 0)
	return uint16(v), ok && v < 0x100 && v&(v-1) == 0
}

// neighFilter is what ip neigh show and flush select.
type neighFilter struct {
	family      uint8
	dev         string
	index       int
	master      uint32
	state       uint16
	stateOK     bool
	unused      bool
	proxy       bool
	protocol    uint8
	to          prefix
	onlyMasters bool
}

// neighSelectors reads the selectors (do_show_or_flush). It returns the exit status.
func (c *call) neighSelectors(state uint16) (f *neighFilter, status int) {
	f = &neighFilter{family: c.family, state: state}
	for ; c.more(); c.advance() {
		if w := c.word(); !c.neighSelector(f, w) {
			if w == "to" {
				w = c.value()
			}
			if matches(w, "help") {
				c.usage(usageNeigh)
			}
			f.to = c.getPrefix(w, f.family)
			if f.family == afUnspec {
				f.family = f.to.family
			}
		}
	}
	if f.dev != "" {
		if f.index = c.device(f.dev); f.index == 0 {
			return nil, c.nodev(f.dev)
		}
	}
	return f, 0
}

func (c *call) neighSelector(f *neighFilter, w string) bool {
	switch {
	case w == "dev":
		if c.value(); f.dev != "" {
			c.duparg("dev", c.word())
		}
		f.dev = c.word()
	case w == "master":
		f.master = uint32(c.masterArg(c.value()))
	case w == "vrf":
		k := c.links.named(c.value())
		if k == nil || k.Kind != "vrf" {
			c.invarg("Not a valid VRF name\n", c.word())
		}
		f.master = uint32(k.Index)
	case w == "nomaster":
		f.onlyMasters = true
	case w == "unused":
		f.unused = true
	case w == "nud":
		c.nudSelector(f)
	case w == "proxy":
		f.proxy = true
	case is(w, "protocol"):
		v, ok := c.Names.ProtoID(c.value())
		if !ok && c.word() != "all" {
			c.invarg("invalid \"protocol\"\n", c.word())
		}
		f.protocol = v
	default:
		return false
	}
	return true
}

func (c *call) nudSelector(f *neighFilter) {
	w := c.value()
	if !f.stateOK {
		f.state, f.stateOK = 0, true
	}
	s, ok := nudState(w)
	switch {
	case ok && s == 0:
		s = nudNone
	case ok:
	case w == "all":
		s = nudAll
	default:
		c.invarg("nud state is bad", w)
	}
	f.state |= s
}

func (f *neighFilter) request() *request {
	r := &request{typ: rtnl.RTMGetNeigh, body: make([]byte, ndmLen)}
	r.body[ndmFamily] = f.family
	if f.proxy {
		r.body[ndmFlags] = ntfProxy
	}
	if f.index != 0 {
		r.u32(nla.NDAIfindex, uint32(f.index))
	}
	switch {
	case f.master != 0:
		r.u32(nla.NDAMaster, f.master)
	case f.onlyMasters:
		r.u32(nla.NDAMaster, ^uint32(0))
	}
	return r
}

// accepts tells whether a neighbour is one of those selected (print_neigh).
func (f *neighFilter) accepts(m netlink.Message) bool {
	if len(m.Data) < ndmLen {
		return false
	}
	as := iproute2.ParseAttrs(m.Data[ndmLen:])
	family, flags := m.Data[ndmFamily], m.Data[ndmFlags]
	state := binary.NativeEndian.Uint16(m.Data[ndmState:])
	index := int(int32(binary.NativeEndian.Uint32(m.Data[ndmIfindex:])))
	switch {
	case f.family != afUnspec && f.family != family, f.index != 0 && f.index != index:
		return false
	case f.state&state == 0 && flags&(ntfProxy|ntfExtLearned) == 0 && (state != 0 || f.state&nudNone == 0):
		return false
	case f.protocol != 0 && as.Uint(nla.NDAProtocol) != uint64(f.protocol):
		return false
	case f.to.family != afUnspec && (family != f.to.family || !f.to.contains(as[nla.NDADst], f.to.bits)):
		return false
	}
	const ndaCacheInfo, refcount = 3, 12
	ci := as[ndaCacheInfo]
	return !f.unused || len(ci) < refcount+4 || binary.NativeEndian.Uint32(ci[refcount:]) == 0
}

func (c *call) neighList() int {
	f, status := c.neighSelectors(nudListed)
	if status != 0 {
		return status
	}
	list := []iproute2.Object{}
	if c.dump(f.request(), nil, func(m netlink.Message) {
		if f.accepts(m) {
			r := c.record()
			iproute2.PrintNeigh(r, m, f.index != 0)
			if list = append(list, r.Object()); !c.opt.json {
				c.print(r.Text())
			}
		}
	}) != 0 {
		c.cutShort(list)
		return 1
	}
	if c.opt.json {
		c.list(list)
	}
	return 0
}

// neighGet asks for one neighbour (ipneigh_get).
func (c *call) neighGet() int {
	r := request{typ: rtnl.RTMGetNeigh, body: make([]byte, ndmLen)}
	var dst prefix
	dev := ""
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case w == "dev":
			dev = c.value()
		case is(w, "proxy"):
			dst = c.getAddr(c.value(), c.family)
			r.body[ndmFlags] = ntfProxy
		default:
			if w == "to" {
				w = c.value()
			}
			if matches(w, "help") {
				c.usage(usageNeigh)
			}
			if dst.family != afUnspec {
				c.duparg2("to", w)
			}
			dst = c.getAddr(w, c.family)
		}
	}
	if dst.family == afUnspec || dev == "" {
		c.errorf("Device and address are required arguments.\n")
		return 1
	}
	i := c.device(dev)
	if i == 0 {
		return c.nodev(dev)
	}
	r.body[ndmFamily] = dst.family
	binary.NativeEndian.PutUint32(r.body[ndmIfindex:], uint32(i))
	r.attr(nla.NDADst, dst.data)
	answers, err := c.ask(&r)
	if err != nil {
		return c.refused(err)
	}
	json := c.opt.json && c.Version >= Version7
	for _, m := range answers {
		rec := iproute2.NewRecord(c.printOptions(), json)
		iproute2.PrintNeigh(rec, m, false)
		if json {
			c.list([]iproute2.Object{rec.Object()})
		} else {
			c.print(rec.Text())
		}
	}
	return 0
}

// neighFlush deletes the neighbours selected until none is left.
func (c *call) neighFlush() int {
	if !c.more() {
		c.errorf("Flush requires arguments.\n")
		return 1
	}
	f, status := c.neighSelectors(nudFlushed)
	if status != 0 {
		return status
	}
	for round := 0; round < maxNeighRounds; round++ {
		var doomed []request
		if c.dump(f.request(), nil, func(m netlink.Message) {
			if f.accepts(m) {
				doomed = append(doomed, request{typ: rtnl.RTMDelNeigh, flags: netlink.Acknowledge, body: slices.Clone(m.Data)})
				if c.opt.stats > 1 {
					r := iproute2.NewRecord(c.printOptions(), false)
					iproute2.PrintNeigh(r, m, f.index != 0)
					c.print(r.Text())
				}
			}
		}) != 0 {
			return 1
		}
		if len(doomed) == 0 {
			c.flushDone(round)
			return 0
		}
		for i := range doomed {
			if _, err := c.ask(&doomed[i]); err != nil {
				c.errorf("Failed to send flush request: %s\n", errnoText(err))
				return 1
			}
		}
		if c.opt.stats > 0 {
			c.printf("\n*** Round %d, deleting %d entries ***\n", round+1, len(doomed))
		}
	}
	c.printf("*** Flush not complete bailing out after %d rounds\n", maxNeighRounds)
	return 1
}

package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const (
	metricUser     = 1024 // IP6_RT_PRIO_USER
	metricAddrconf = 256  // IP6_RT_PRIO_ADDRCONF
)

// config6 is a route as a request describes it (struct fib6_config).
type config6 struct {
	table    uint32
	dst, src netip.Addr
	dstLen   uint8
	srcLen   uint8
	metric   uint32
	typ      rpdb.RouteType
	protocol uint8
	flags    flags6
	pref     rpdb.RouterPref
	cloned   bool // of the cache (RTF_CACHE)

	dev        int
	gateway    netip.Addr
	onlink     bool
	prefsrc    netip.Addr
	nhid       uint32
	encap      *rpdb.Encap
	encapAttr  []byte // where the request has it
	metrics    []byte
	legs       []byte // RTA_MULTIPATH
	expires    jiffies
	ignoreDown bool // the device may be down
	deleteAll  bool // with all siblings
	cause      *cause6
}

// policyRoute6 is rtm_ipv6_policy.
var policyRoute6 = []policy{
	0:                {strictStart: 29 + 1},
	nla.RTAIIF:       {kind: attrU32},
	nla.RTAOIF:       {kind: attrU32},
	nla.RTAGateway:   {len: 16},
	nla.RTAPriority:  {kind: attrU32},
	nla.RTAPrefSrc:   {len: 16},
	nla.RTAMetrics:   {kind: attrNested},
	nla.RTAMultipath: {len: rtnexthopLen},
	nla.RTATable:     {kind: attrU32},
	nla.RTAMark:      {kind: attrU32},
	nla.RTAPref:      {kind: attrU8},
	nla.RTAEncapType: {kind: attrU16},
	nla.RTAEncap:     {kind: attrNested},
	nla.RTAExpires:   {kind: attrU32},
	nla.RTAUID:       {kind: attrU32},
	nla.RTAIPProto:   {kind: attrU8},
	nla.RTASPort:     {kind: attrU16},
	nla.RTADPort:     {kind: attrU16},
	nla.RTANHID:      {kind: attrU32},
	nla.RTAFlowLabel: {kind: attrBE32},
}

// parseRoute6 reads a request (rtm_to_fib6_config).
func (n *Namespace) parseRoute6(r *request) (*config6, error) {
	if len(r.data) < routeHeaderLen {
		return nil, fail(rpdb.EINVAL, "Invalid header length")
	}
	h := r.data[:routeHeaderLen]
	tb, err := parseAttrs(r.data[routeHeaderLen:], policyRoute6, liberal, &r.ext)
	if err != nil {
		return nil, err
	}
	if h[3] != 0 {
		return nil, fail(rpdb.EINVAL, "Invalid dsfield (tos): option not available for IPv6")
	}
	if tb.has(nla.RTAFlowLabel) {
		return nil, failAttr(rpdb.EINVAL, "Flow label cannot be specified for this operation", tb[nla.RTAFlowLabel])
	}
	c := &config6{
		table: uint32(h[4]), dstLen: h[1], srcLen: h[2], protocol: h[5], typ: rpdb.RouteType(h[7]),
		cause: &cause6{req: r, flags: r.head.Flags},
	}
	flags := binary.NativeEndian.Uint32(h[8:])
	c.onlink = flags&rpdb.NHOnlink != 0
	c.cloned = flags&rpdb.FlagCloned != 0
	switch c.typ {
	case rpdb.Unreachable, rpdb.Blackhole, rpdb.Prohibit, rpdb.Throw:
		c.flags |= flagReject
	case rpdb.Local:
		c.flags |= flagLocal
	}
	if err := c.readHop(tb); err != nil {
		return nil, err
	}
	if c.dst, err = prefixAttr6(tb, nla.RTADst, c.dstLen); err != nil {
		return nil, err
	}
	if c.src, err = prefixAttr6(tb, nla.RTASrc, c.srcLen); err != nil {
		return nil, err
	}
	return c, c.readRest(tb, r.head.Type == rtnl.RTMNewRoute)
}

// prefixAttr6 reads the bytes of an address that its length covers.
func prefixAttr6(tb attrs, typ int, bits uint8) (netip.Addr, error) {
	var b [16]byte
	if tb.has(typ) {
		n := (int(bits) + 7) / 8
		if len(tb[typ]) < n {
			return netip.Addr{}, fail(rpdb.EINVAL, "")
		}
		copy(b[:], tb[typ][:min(n, len(b))])
	}
	return netip.AddrFrom16(b), nil
}

func addr6Of(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b[:16])) }

func (c *config6) readHop(tb attrs) error {
	if tb.has(nla.RTANHID) {
		if tb.has(nla.RTAGateway) || tb.has(nla.RTAOIF) || tb.has(nla.RTAMultipath) || tb.has(nla.RTAEncap) {
			return fail(rpdb.EINVAL, "Nexthop specification and nexthop id are mutually exclusive")
		}
		c.nhid = tb.u32(nla.RTANHID)
	}
	if tb.has(nla.RTAGateway) {
		c.gateway = addr6Of(tb[nla.RTAGateway])
	}
	if tb.has(nla.RTAVia) {
		return fail(rpdb.EINVAL, "IPv6 does not support RTA_VIA attribute")
	}
	return nil
}

func (c *config6) readRest(tb attrs, isNew bool) error {
	if tb.has(nla.RTAPrefSrc) {
		if a := addr6Of(tb[nla.RTAPrefSrc]); !a.IsUnspecified() {
			c.prefsrc = a
		}
	}
	if tb.has(nla.RTAOIF) {
		c.dev = int(int32(tb.u32(nla.RTAOIF)))
	}
	if tb.has(nla.RTAPriority) {
		c.metric = tb.u32(nla.RTAPriority)
	}
	if tb.has(nla.RTAMetrics) {
		c.metrics = tb[nla.RTAMetrics]
	}
	if tb.has(nla.RTATable) {
		c.table = tb.u32(nla.RTATable)
	}
	if tb.has(nla.RTAMultipath) {
		c.legs = tb[nla.RTAMultipath]
		if err := c.checkLegs(isNew); err != nil {
			return err
		}
	}
	if tb.has(nla.RTAPref) {
		c.pref = rpdb.RouterPref(tb.u8(nla.RTAPref))
		if c.pref != rpdb.PrefLow && c.pref != rpdb.PrefHigh {
			c.pref = rpdb.PrefMedium
		}
	}
	if err := c.readEncap(tb); err != nil {
		return err
	}
	if tb.has(nla.RTAExpires) {
		if s := finite(tb.u32(nla.RTAExpires)); s != rpdb.Forever {
			c.expires, c.flags = seconds(s), c.flags|flagExpires
		}
	}
	return nil
}

// finite returns a lifetime in seconds, with what is too long for the kernel's ticks
// made a little shorter (addrconf_timeout_fixup on 64 bits: nothing is).
func finite(s uint32) uint32 { return s }

func (c *config6) readEncap(tb attrs) error {
	if tb.has(nla.RTAEncap) {
		c.encap, c.encapAttr = &rpdb.Encap{Data: append([]byte{}, tb[nla.RTAEncap]...)}, tb[nla.RTAEncap]
	}
	if !tb.has(nla.RTAEncapType) {
		return nil
	}
	typ := tb.u16(nla.RTAEncapType)
	if c.encap != nil {
		c.encap.Type = typ
	}
	return c.cause.req.checkEncapType(typ)
}

// leg6 is one entry of RTA_MULTIPATH (struct rtnexthop).
type leg6 struct {
	flags, hops byte
	dev         int
	attrs       []byte
}

// nextLeg6 cuts the first leg off (rtnh_ok, rtnh_next).
func nextLeg6(b []byte) (l leg6, rest []byte, ok bool) {
	if len(b) < rtnexthopLen {
		return leg6{}, nil, false
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < rtnexthopLen || n > len(b) {
		return leg6{}, nil, false
	}
	l = leg6{flags: b[2], hops: b[3], dev: int(int32(binary.NativeEndian.Uint32(b[4:]))), attrs: b[rtnexthopLen:n]}
	return l, b[min((n+3)&^3, len(b)):], true
}

// find returns the payload of an attribute, or nil (nla_find).
func (l leg6) find(typ uint16) []byte {
	for b := l.attrs; ; {
		a, rest, ok := nextAttr(b)
		if !ok {
			return nil
		}
		if a.typ == typ {
			return a.data
		}
		b = rest
	}
}

// checkLegs checks the legs before anything else is (rtm_to_fib6_multipath_config).
func (c *config6) checkLegs(isNew bool) error {
	l, rest, ok := nextLeg6(c.legs)
	if !ok {
		return fail(rpdb.EINVAL, "Invalid nexthop configuration - no valid nexthops")
	}
	for ; ok; l, rest, ok = nextLeg6(rest) {
		has := c.gateway.IsValid()
		if gw := l.find(nla.RTAGateway); gw != nil {
			if len(gw) < 16 {
				return fail(rpdb.EINVAL, "Invalid IPv6 address in RTA_GATEWAY")
			}
			has = true
		}
		if isNew && (c.nhid != 0 || !has) {
			return fail(rpdb.EINVAL, "Device only routes can not be added for IPv6 using the multipath API.")
		}
	}
	for l, rest, ok = nextLeg6(c.legs); ok; l, rest, ok = nextLeg6(rest) {
		if t := l.find(nla.RTAEncapType); len(t) >= 2 {
			if err := c.cause.req.checkEncapType(binary.NativeEndian.Uint16(t)); err != nil {
				return err
			}
		}
	}
	return nil
}

// leg is the configuration of one leg.
func (c *config6) leg(l leg6) *config6 {
	out := *c
	if l.dev != 0 {
		out.dev = l.dev
	}
	if len(l.attrs) > 0 {
		if gw := l.find(nla.RTAGateway); gw != nil {
			out.gateway = addr6Of(gw)
		}
		typ := uint16(0)
		if c.encap != nil {
			typ = c.encap.Type
		}
		if t := l.find(nla.RTAEncapType); len(t) >= 2 {
			typ = binary.NativeEndian.Uint16(t)
		}
		out.encap = nil
		if e := l.find(nla.RTAEncap); e != nil {
			out.encap, out.encapAttr = &rpdb.Encap{Type: typ, Data: append([]byte{}, e...)}, e
		}
	}
	out.onlink = out.onlink || uint32(l.flags)&rpdb.NHOnlink != 0
	return &out
}

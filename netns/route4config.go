package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// route4Policy is rtm_ipv4_policy.
var route4Policy = []policy{
	0:                {strictStart: nla.RTADPort + 1},
	nla.RTADst:       {kind: attrU32},
	nla.RTASrc:       {kind: attrU32},
	nla.RTAIIF:       {kind: attrU32},
	nla.RTAOIF:       {kind: attrU32},
	nla.RTAGateway:   {kind: attrU32},
	nla.RTAPriority:  {kind: attrU32},
	nla.RTAPrefSrc:   {kind: attrU32},
	nla.RTAMetrics:   {kind: attrNested},
	nla.RTAMultipath: {len: rtnexthopLen},
	nla.RTAFlow:      {kind: attrU32},
	nla.RTATable:     {kind: attrU32},
	nla.RTAMark:      {kind: attrU32},
	nla.RTAEncapType: {kind: attrU16},
	nla.RTAEncap:     {kind: attrNested},
	nla.RTAUID:       {kind: attrU32},
	nla.RTAIPProto:   {kind: attrU8},
	nla.RTASPort:     {kind: attrU16},
	nla.RTADPort:     {kind: attrU16},
	nla.RTANHID:      {kind: attrU32},
	rtaMax:           {},
}

// config4 is a request to add or delete a route (struct fib_config).
type config4 struct {
	dst      uint32
	plen     uint8
	tos      uint8
	table    uint32
	proto    uint8
	scope    rpdb.Scope
	typ      rpdb.RouteType
	flags    uint32 // rtm_flags
	priority uint32
	prefsrc  uint32
	hop      hopConfig
	multi    []byte // RTA_MULTIPATH; nil: none
	metrics  []byte // RTA_METRICS; nil: none
	nhid     uint32
	nlFlags  netlink.HeaderFlags
	req      *request // nil: the kernel's own
}

// hopConfig is what a request says of one nexthop.
type hopConfig struct {
	oif       int
	gw        netip.Addr // invalid: none
	flags     uint32
	realms    uint32
	encap     []byte // RTA_ENCAP; nil: none
	encapType uint16
}

// parseConfig4 reads a request (rtm_to_fib_config).
func (n *Namespace) parseConfig4(r *request) (*config4, error) {
	head, list, err := split(r.data, routeHeaderLen)
	if err != nil {
		return nil, fail(rpdb.EINVAL, "") // nlmsg_validate says nothing
	}
	if _, err := parseAttrs(list, route4Policy, liberal, &r.ext); err != nil {
		return nil, err
	}
	c := &config4{
		plen: head[1], tos: head[3], table: uint32(head[4]), proto: head[5],
		scope: rpdb.Scope(head[6]), typ: rpdb.RouteType(head[7]),
		flags:   binary.NativeEndian.Uint32(head[8:]),
		nlFlags: r.head.Flags, req: r,
	}
	c.hop.flags = c.flags
	if c.tos&3 != 0 {
		return nil, fail(rpdb.EINVAL, "Invalid dsfield (tos): ECN bits must be 0")
	}
	if c.typ > rpdb.XResolve {
		return nil, fail(rpdb.EINVAL, "Invalid route type")
	}
	hasGW, hasVia := false, false
	for {
		a, rest, ok := nextAttr(list)
		if !ok {
			break
		}
		list = rest
		hasGW, hasVia = hasGW || a.typ == nla.RTAGateway, hasVia || a.typ == nla.RTAVia
		if err := c.attribute(a); err != nil {
			return nil, err
		}
	}
	switch {
	case c.plen > 32:
		return nil, fail(rpdb.EINVAL, "Invalid prefix length")
	case c.plen < 32 && c.dst&^mask4(c.plen) != 0:
		return nil, fail(rpdb.EINVAL, "Invalid prefix for given prefix length")
	case c.nhid != 0 && (c.hop.oif != 0 || c.hop.gw.IsValid() || c.hop.encap != nil || c.multi != nil):
		return nil, fail(rpdb.EINVAL, "Nexthop specification and nexthop id are mutually exclusive")
	case hasGW && hasVia:
		return nil, fail(rpdb.EINVAL, "Nexthop configuration can not contain both GATEWAY and VIA")
	}
	if c.table == rpdb.TableUnspec {
		c.table = rpdb.TableMain
	}
	return c, nil
}

// split cuts the fixed header off a request (nlmsg_parse).
func split(data []byte, n int) (head, list []byte, err error) {
	if len(data) < n {
		return nil, nil, fail(rpdb.EINVAL, "Invalid header length")
	}
	return data[:n], data[min((n+3)&^3, len(data)):], nil
}

// attribute takes one attribute in, whose length was checked.
func (c *config4) attribute(a attr) error {
	u32 := func() uint32 { return binary.NativeEndian.Uint32(a.data) }
	var err error
	switch a.typ {
	case nla.RTADst:
		c.dst = binary.BigEndian.Uint32(a.data)
	case nla.RTAOIF:
		c.hop.oif = int(int32(u32()))
	case nla.RTAGateway:
		// 0.0.0.0 stands for none, but not after another gateway.
		if gw := gateway4(a.data); gw.IsValid() || !c.hop.gw.IsValid() {
			c.hop.gw = gw
		} else {
			c.hop.gw = netip.IPv4Unspecified()
		}
	case nla.RTAVia:
		c.hop.gw, err = via4(a.data)
	case nla.RTAPriority:
		c.priority = u32()
	case nla.RTAPrefSrc:
		c.prefsrc = binary.BigEndian.Uint32(a.data)
	case nla.RTAMetrics:
		c.metrics = a.data
	case nla.RTAMultipath:
		c.multi = a.data
		err = c.req.checkEncapTypes(a.data)
	case nla.RTAFlow:
		c.hop.realms = u32()
	case nla.RTATable:
		c.table = u32()
	case nla.RTAEncap:
		c.hop.encap = a.data
	case nla.RTAEncapType:
		c.hop.encapType = binary.NativeEndian.Uint16(a.data)
		err = c.req.checkEncapType(c.hop.encapType)
	case nla.RTANHID:
		c.nhid = u32()
	}
	return err
}

// gateway4 reads an IPv4 gateway; 0.0.0.0 stands for none.
func gateway4(b []byte) netip.Addr {
	a := netip.AddrFrom4([4]byte(b[:4]))
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// via4 reads a gateway of either family (fib_gw_from_via).
func via4(b []byte) (netip.Addr, error) {
	if len(b) < 2 {
		return netip.Addr{}, fail(rpdb.EINVAL, "Invalid attribute length for RTA_VIA")
	}
	a, ok := netip.AddrFromSlice(b[2:])
	switch binary.NativeEndian.Uint16(b) {
	case uint16(rpdb.IPv4):
		if !ok || !a.Is4() {
			return netip.Addr{}, fail(rpdb.EINVAL, "Invalid IPv4 address in RTA_VIA")
		}
	case uint16(rpdb.IPv6):
		if !ok || !a.Is6() {
			return netip.Addr{}, fail(rpdb.EINVAL, "Invalid IPv6 address in RTA_VIA")
		}
	default:
		return netip.Addr{}, fail(rpdb.EINVAL, "Unsupported address family in RTA_VIA")
	}
	return a, nil
}

// hopAttrs is one leg of RTA_MULTIPATH.
type hopAttrs struct {
	flags  uint8
	weight uint32
	oif    int
	list   []byte
}

// nextHop cuts the first leg off (rtnh_ok, rtnh_next). rest is nil when the legs
// fill their attribute exactly, or overlap its end only with padding.
func nextHop(b []byte) (h hopAttrs, rest []byte, ok bool) {
	if len(b) < rtnexthopLen {
		return h, b, false
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < rtnexthopLen || n > len(b) {
		return h, b, false
	}
	h = hopAttrs{
		flags: b[2], weight: uint32(b[3]) + 1,
		oif: int(int32(binary.NativeEndian.Uint32(b[4:]))), list: b[rtnexthopLen:n],
	}
	return h, b[min((n+3)&^3, len(b)):], true
}

// find returns the first attribute of a type (nla_find), or nil.
func find(list []byte, typ uint16) []byte {
	for {
		a, rest, ok := nextAttr(list)
		if !ok {
			return nil
		}
		if a.typ == typ {
			return a.data
		}
		list = rest
	}
}

// countHops counts the legs (fib_count_nexthops).
func countHops(b []byte) (int, error) {
	n := 0
	for {
		_, rest, ok := nextHop(b)
		if !ok {
			break
		}
		n, b = n+1, rest
	}
	if len(b) > 0 {
		return 0, fail(rpdb.EINVAL, "Invalid nexthop configuration - extra data after nexthops")
	}
	return n, nil
}

// readHop reads one leg (fib_get_nhs).
func readHop(h hopAttrs) (hopConfig, error) {
	c := hopConfig{oif: h.oif, flags: uint32(h.flags)}
	if h.flags&uint8(rpdb.NHDead|rpdb.NHLinkDown) != 0 {
		return c, fail(rpdb.EINVAL, "Invalid flags for nexthop - can not contain DEAD or LINKDOWN")
	}
	gw, via, flow := find(h.list, nla.RTAGateway), find(h.list, nla.RTAVia), find(h.list, nla.RTAFlow)
	var err error
	switch {
	case gw != nil && via != nil:
		return c, fail(rpdb.EINVAL, "Nexthop configuration can not contain both GATEWAY and VIA")
	case gw != nil && len(gw) < 4:
		return c, fail(rpdb.EINVAL, "Invalid IPv4 address in RTA_GATEWAY")
	case gw != nil:
		c.gw = gateway4(gw)
	case via != nil:
		if c.gw, err = via4(via); err != nil {
			return c, err
		}
	}
	if flow != nil {
		if len(flow) < 4 {
			return c, fail(rpdb.EINVAL, "Invalid RTA_FLOW")
		}
		c.realms = binary.NativeEndian.Uint32(flow)
	}
	c.encap = find(h.list, nla.RTAEncap)
	if t := find(h.list, nla.RTAEncapType); t != nil {
		c.encapType = binary.NativeEndian.Uint16(t)
	}
	return c, nil
}

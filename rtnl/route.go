package rtnl

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const (
	routeHeaderLen = 12 // struct rtmsg
	hopFlagMask    = 0xff
	clockTick      = 10 // milliseconds of a clock_t (USER_HZ 100)
	cacheInfoLen   = 32
	cacheExpires   = 8 // offset of rta_expires
)

// ParseRoute reads an RTM_NEWROUTE or RTM_DELROUTE message of IPv4 or IPv6. A route
// with one nexthop has its nexthop flags in NextHops[0].Flags, others keep rtm_flags
// in Flags. Of the cache information only the expiry is kept.
func ParseRoute(m netlink.Message) (rpdb.Route, error) {
	var r rpdb.Route
	err := parseRoute(&r, m, nil)
	return r, err
}

// routeParser reads one route. Its hop collects the attributes of a single nexthop.
type routeParser struct {
	reader
	route   *rpdb.Route
	pool    *pool
	dstLen  uint8
	srcLen  uint8
	flags   uint32
	hop     rpdb.NextHop
	hasHop  bool
	hasMany bool
}

// parseRoute reads a route into *out, sharing slices through the pool if there is
// one. After an error *out is meaningless.
func parseRoute(out *rpdb.Route, m netlink.Message, shared *pool) error {
	h, r, err := header(m, "route", routeHeaderLen)
	if err != nil {
		return err
	}
	f, err := family(h[0], "route")
	if err != nil {
		return err
	}
	p := routeParser{reader: r, route: out, pool: shared, dstLen: h[1], srcLen: h[2]}
	p.flags = binary.NativeEndian.Uint32(h[8:])
	p.hop.Weight = 1
	*out = rpdb.Route{
		Family:   f,
		TOS:      h[3],
		Table:    uint32(h[4]),
		Protocol: h[5],
		Scope:    rpdb.Scope(h[6]),
		Type:     rpdb.RouteType(h[7]),
	}
	for p.next() {
		if !p.nexthop() {
			p.attribute()
		}
	}
	p.finish()
	return done(&p.reader, "route")
}

// nexthop reads the current attribute if it belongs to a single nexthop.
func (p *routeParser) nexthop() bool {
	if !readHop(&p.reader, &p.hop, p.route.Family) {
		if p.typ != nla.RTAOIF {
			return false
		}
		p.hop.Dev = p.index()
	}
	p.hasHop = true
	return true
}

// readHop reads the attributes that a single nexthop and a leg of a multipath route
// have in common.
func readHop(r *reader, hop *rpdb.NextHop, f rpdb.Family) bool {
	switch r.typ {
	case nla.RTAGateway:
		hop.Gateway = r.addr(f)
	case nla.RTAVia:
		hop.Gateway = r.via()
	case nla.RTAFlow:
		hop.Realms = r.u32()
	case nla.RTAEncapType:
		encapOf(hop).Type = r.u16()
	case nla.RTAEncap:
		encapOf(hop).Data = append([]byte{}, r.data...)
	default:
		return false
	}
	return true
}

func encapOf(hop *rpdb.NextHop) *rpdb.Encap {
	if hop.Encap == nil {
		hop.Encap = new(rpdb.Encap)
	}
	return hop.Encap
}

// via reads a gateway with its family (struct rtvia).
func (r *reader) via() netip.Addr {
	if r.err == nil && len(r.data) < 2 {
		r.want(2)
		return netip.Addr{}
	}
	f := rpdb.Family(binary.NativeEndian.Uint16(r.data))
	a, ok := netip.AddrFromSlice(r.data[2:])
	if !ok || rpdb.FamilyOf(a) != f {
		r.fail(fmt.Errorf("gateway of family %d with %d bytes", f, len(r.data)-2))
	}
	return a
}

// attribute reads an attribute of the route itself.
func (p *routeParser) attribute() {
	rt := p.route
	switch p.typ {
	case nla.RTADst:
		rt.Dst = p.prefix(rt.Family, p.dstLen).Masked()
	case nla.RTASrc:
		rt.Src = p.prefix(rt.Family, p.srcLen).Masked()
	case nla.RTATable:
		rt.Table = p.u32()
	case nla.RTAPriority:
		rt.Priority = p.u32()
	case nla.RTAPrefSrc:
		rt.PrefSrc = p.addr(rt.Family)
	case nla.RTAPref:
		rt.Pref = rpdb.RouterPref(p.u8())
	case nla.RTANHID:
		rt.NHID = p.u32()
	case nla.RTACacheInfo:
		if p.want(cacheInfoLen) {
			if t := int32(binary.NativeEndian.Uint32(p.data[cacheExpires:])); t != 0 {
				rt.Expires = rpdb.Some(int64(t) * clockTick)
			}
		}
	case nla.RTAExpires:
		rt.Expires = rpdb.Some(int64(p.u32()) * 1000)
	case nla.RTAMetrics:
		rt.Metrics = p.pool.metrics(&p.reader)
	case nla.RTAMultipath:
		p.hasMany = true
		rt.NextHops = p.pool.multipath(&p.reader, rt.Family)
	case nla.RTAPad:
	default:
		rt.Extra = append(rt.Extra, p.extra())
	}
}

// finish sorts the flags and checks what belongs together.
func (p *routeParser) finish() {
	rt := p.route
	if p.err != nil {
		return
	}
	rt.Flags = p.flags
	if p.hasHop && !p.hasMany {
		p.hop.Flags = p.flags & hopFlagMask
		rt.Flags = p.flags &^ hopFlagMask
		rt.NextHops = p.pool.hop(p.hop)
	}
	if p.dstLen > 0 && !rt.Dst.IsValid() {
		p.err = fmt.Errorf("destination length %d without a destination", p.dstLen)
		return
	}
	if p.srcLen > 0 && !rt.Src.IsValid() {
		p.err = fmt.Errorf("source length %d without a source", p.srcLen)
		return
	}
	if !rt.Dst.IsValid() {
		rt.Dst = netip.PrefixFrom(rt.Family.Zero(), 0)
	}
	if p.srcLen == 0 {
		rt.Src = netip.Prefix{}
	}
}

const rtnexthopLen = 8 // struct rtnexthop

// parseMultipath reads the legs of a multipath route.
func parseMultipath(r *reader, f rpdb.Family) []rpdb.NextHop {
	var hops []rpdb.NextHop
	for b := r.data; len(b) > 0; {
		if len(b) < rtnexthopLen {
			r.fail(fmt.Errorf("%d bytes after the last nexthop", len(b)))
			return nil
		}
		n := int(binary.NativeEndian.Uint16(b))
		if n < rtnexthopLen || n > len(b) {
			r.fail(fmt.Errorf("a nexthop claims %d of the %d bytes left", n, len(b)))
			return nil
		}
		hop := rpdb.NextHop{
			Flags:  uint32(b[2]),
			Weight: uint32(b[3]) + 1,
			Dev:    int(int32(binary.NativeEndian.Uint32(b[4:]))),
		}
		in := reader{rest: b[rtnexthopLen:n]}
		for in.next() {
			readHop(&in, &hop, f) // a leg has no other attributes
		}
		r.fail(in.err)
		hops = append(hops, hop)
		b = b[min(align4(n), len(b)):]
	}
	return hops
}

// EncodeRoute returns the body of an RTM_NEWROUTE message, in the order in which a
// kernel dumps it (fib_dump_info, rt6_fill_node). ParseRoute reads it back as the
// same route, apart from an expiry that is no multiple of 10 ms. To add the route to
// a kernel take [NewRoute].
func EncodeRoute(r rpdb.Route) ([]byte, error) {
	e := newEncoder()
	encodeRouteKey(e, &r)
	if r.NHID != 0 {
		e.Uint32(nla.RTANHID, r.NHID)
	}
	if r.Family == rpdb.IPv6 && r.Expires.Set {
		// In jiffies of USER_HZ, at the place of rta_expires.
		e.u32s(nla.RTACacheInfo, 0, 0, uint32(int32(r.Expires.V/clockTick)), 0, 0, 0, 0, 0)
	}
	flags := r.Flags
	if isSingle(&r) {
		flags |= r.NextHops[0].Flags & hopFlagMask
	}
	if err := encodeHops(e, &r); err != nil {
		return nil, fmt.Errorf("route %s: %w", r.Dst, err)
	}
	e.extra(r.Extra)
	return e.body("route", routeHeader(&r, flags))
}

func routeHeader(r *rpdb.Route, flags uint32) []byte {
	head := []byte{
		byte(r.Family), prefixLen(r.Dst), prefixLen(r.Src), r.TOS,
		shortTable(r.Table), r.Protocol, byte(r.Scope), byte(r.Type), 0, 0, 0, 0,
	}
	binary.NativeEndian.PutUint32(head[8:], flags)
	return head
}

// encodeRouteKey writes everything but the nexthops and the expiry.
func encodeRouteKey(e encoder, r *rpdb.Route) {
	e.Uint32(nla.RTATable, r.Table)
	if prefixLen(r.Dst) > 0 {
		e.addr(nla.RTADst, r.Dst.Addr())
	}
	if prefixLen(r.Src) > 0 {
		e.addr(nla.RTASrc, r.Src.Addr())
	}
	if r.Priority != 0 || r.Family == rpdb.IPv6 {
		e.Uint32(nla.RTAPriority, r.Priority)
	}
	encodeMetrics(e, r.Metrics)
	if r.PrefSrc.IsValid() {
		e.addr(nla.RTAPrefSrc, r.PrefSrc)
	}
	if r.Family == rpdb.IPv6 {
		e.Uint8(nla.RTAPref, uint8(r.Pref))
	}
}

// isSingle tells whether the route is written without RTA_MULTIPATH.
func isSingle(r *rpdb.Route) bool { return len(r.NextHops) == 1 && r.NextHops[0].Weight <= 1 }

// encodeHops writes a single nexthop or the legs of a multipath route.
func encodeHops(e encoder, r *rpdb.Route) error {
	if len(r.NextHops) == 0 {
		return nil
	}
	if isSingle(r) {
		hop := &r.NextHops[0]
		if hop.Dev != 0 {
			e.Uint32(nla.RTAOIF, uint32(hop.Dev))
		}
		encodeHop(e, hop, r.Family)
		return nil
	}
	b, err := multipathBytes(r)
	if err != nil {
		return err
	}
	e.Bytes(nla.RTAMultipath, b)
	return nil
}

func multipathBytes(r *rpdb.Route) ([]byte, error) {
	var out []byte
	for i := range r.NextHops {
		hop := &r.NextHops[i]
		weight := max(hop.Weight, 1)
		if weight > 256 || hop.Flags > hopFlagMask {
			return nil, fmt.Errorf("nexthop %d: weight %d or flags %#x do not fit", i, weight, hop.Flags)
		}
		in := newEncoder()
		encodeHop(in, hop, r.Family)
		attrs, err := in.Encode()
		if err != nil {
			return nil, fmt.Errorf("nexthop %d: %w", i, err)
		}
		out = binary.NativeEndian.AppendUint16(out, uint16(rtnexthopLen+len(attrs)))
		out = append(out, byte(hop.Flags), byte(weight-1))
		out = binary.NativeEndian.AppendUint32(out, uint32(hop.Dev))
		out = append(out, attrs...)
	}
	return out, nil
}

// encodeHop is the inverse of readHop.
func encodeHop(e encoder, hop *rpdb.NextHop, f rpdb.Family) {
	switch gw := hop.Gateway; {
	case !gw.IsValid():
	case rpdb.FamilyOf(gw) == f:
		e.addr(nla.RTAGateway, gw)
	default:
		b := binary.NativeEndian.AppendUint16(nil, uint16(rpdb.FamilyOf(gw)))
		e.Bytes(nla.RTAVia, append(b, gw.AsSlice()...))
	}
	if hop.Realms != 0 {
		e.Uint32(nla.RTAFlow, hop.Realms)
	}
	if hop.Encap != nil {
		e.Bytes(nla.RTAEncap, hop.Encap.Data)
		e.Uint16(nla.RTAEncapType, hop.Encap.Type)
	}
}

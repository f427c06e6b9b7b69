package rtnl

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Reply is an answer to RTM_GETROUTE: a refusal (Err), or every field of the route
// message. Fields that a family or a form of the request does not have are zero.
type Reply struct {
	Err rpdb.Errno
	Msg string // extended acknowledgement of a refusal

	Family   rpdb.Family
	Dst      netip.Prefix // the flow's destination; with FibMatch the route's
	Src      netip.Prefix // the flow's source; invalid: not in the reply
	TOS      uint8        // of the route that matched
	Table    uint32
	Protocol uint8
	Scope    rpdb.Scope
	Type     rpdb.RouteType
	Flags    uint32 // rtm_flags

	IIF, OIF int
	Gateway  netip.Addr // of either family
	PrefSrc  netip.Addr // the chosen source
	// StoredSrc is the route's own preferred source, which an IPv6 answer about output
	// has besides; ParseReply reads only the first of the two.
	StoredSrc netip.Addr
	Realms    uint32
	Encap     *rpdb.Encap
	NextHops  []rpdb.NextHop // of a multipath route (FibMatch)
	NHID      uint32

	Priority rpdb.Opt[uint32]
	Pref     rpdb.Opt[rpdb.RouterPref]
	Mark     uint32
	UID      rpdb.Opt[uint32]
	Metrics  []rpdb.Metric

	Cache rpdb.Opt[CacheInfo] // counters and ages, never compared
	Extra []rpdb.Attr
}

// CacheInfo is struct rta_cacheinfo. Times are in clock_t.
type CacheInfo struct {
	ClntRef, LastUse uint32
	Expires          int32
	Error, Used      uint32
	ID, TS, TSAge    uint32
}

// ParseReply reads the RTM_NEWROUTE message that answers an RTM_GETROUTE. Of an
// attribute that is there twice the first counts, as for ip.
func ParseReply(m netlink.Message) (Reply, error) {
	h, r, err := header(m, "route reply", routeHeaderLen)
	if err != nil {
		return Reply{}, err
	}
	f, err := family(h[0], "route reply")
	if err != nil {
		return Reply{}, err
	}
	rep := Reply{
		Family: f, TOS: h[3], Table: uint32(h[4]), Protocol: h[5],
		Scope: rpdb.Scope(h[6]), Type: rpdb.RouteType(h[7]),
		Flags: binary.NativeEndian.Uint32(h[8:]),
	}
	var hop rpdb.NextHop
	for r.next() {
		switch r.typ {
		case nla.RTADst:
			rep.Dst = r.prefix(f, h[1])
		case nla.RTASrc:
			rep.Src = r.prefix(f, h[2])
		default:
			if !readHop(&r, &hop, f) && !readReply(&r, &rep) {
				readReplyRare(&r, &rep)
			}
		}
	}
	if !rep.Dst.IsValid() {
		rep.Dst = netip.PrefixFrom(f.Zero(), 0)
	}
	rep.Gateway, rep.Realms, rep.Encap = hop.Gateway, hop.Realms, hop.Encap
	return rep, done(&r, "route reply")
}

func readReply(r *reader, rep *Reply) bool {
	switch r.typ {
	case nla.RTATable:
		rep.Table = r.u32()
	case nla.RTAIIF:
		rep.IIF = r.index()
	case nla.RTAOIF:
		rep.OIF = r.index()
	case nla.RTAPrefSrc:
		if a := r.addr(rep.Family); !rep.PrefSrc.IsValid() {
			rep.PrefSrc = a
		}
	case nla.RTAPriority:
		rep.Priority = rpdb.Some(r.u32())
	case nla.RTAPref:
		rep.Pref = rpdb.Some(rpdb.RouterPref(r.u8()))
	case nla.RTAMark:
		rep.Mark = r.u32()
	case nla.RTAUID:
		rep.UID = rpdb.Some(r.u32())
	default:
		return false
	}
	return true
}

func readReplyRare(r *reader, rep *Reply) {
	switch r.typ {
	case nla.RTANHID:
		rep.NHID = r.u32()
	case nla.RTAMultipath:
		rep.NextHops = parseMultipath(r, rep.Family)
	case nla.RTAMetrics:
		rep.Metrics = parseMetrics(r)
	case nla.RTACacheInfo:
		if r.want(cacheInfoLen) {
			rep.Cache = rpdb.Some(parseCacheInfo(r.data))
		}
	case nla.RTAPad:
	default:
		rep.Extra = append(rep.Extra, r.extra())
	}
}

func parseCacheInfo(b []byte) CacheInfo {
	u := func(i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }
	return CacheInfo{
		ClntRef: u(0), LastUse: u(1), Expires: int32(u(2)), Error: u(3),
		Used: u(4), ID: u(5), TS: u(6), TSAge: u(7),
	}
}

package rtnl

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// EncodeReply writes the body of the RTM_NEWROUTE message that answers an
// RTM_GETROUTE, with the attributes in the kernel's order (rt_fill_info,
// rt6_fill_node). It is for answers without FibMatch: a route that is shown as it is
// is written by EncodeRoute.
func EncodeReply(r Reply) []byte {
	e := newEncoder()
	e.Uint32(nla.RTATable, r.Table)
	if r.Dst.Bits() > 0 {
		e.addr(nla.RTADst, r.Dst.Addr())
	}
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		e.addr(nla.RTASrc, r.Src.Addr())
	}
	if r.Family == rpdb.IPv6 {
		encodeReply6(e, &r)
	} else {
		encodeReply4(e, &r)
	}
	head := rpdb.Route{
		Family: r.Family, Dst: r.Dst, Src: r.Src, TOS: r.TOS, Table: r.Table,
		Protocol: r.Protocol, Scope: r.Scope, Type: r.Type,
	}
	b, err := e.body("route", routeHeader(&head, r.Flags))
	if err != nil {
		panic("rtnl: EncodeReply: " + err.Error()) // no attribute above can be too long
	}
	return b
}

func encodeReply4(e encoder, r *Reply) {
	nonZero(e, nla.RTAOIF, uint32(r.OIF))
	encodeEncap(e, r.Encap)
	nonZero(e, nla.RTAFlow, r.Realms)
	replyAddr(e, nla.RTAPrefSrc, r.PrefSrc)
	if r.Gateway.IsValid() {
		encodeHop(e, &rpdb.NextHop{Gateway: r.Gateway}, r.Family)
	}
	encodeMetrics(e, r.Metrics)
	nonZero(e, nla.RTAMark, r.Mark)
	if r.UID.Set {
		e.Uint32(nla.RTAUID, r.UID.V)
	}
	nonZero(e, nla.RTAIIF, uint32(r.IIF))
	encodeCache(e, r)
}

func encodeReply6(e encoder, r *Reply) {
	nonZero(e, nla.RTAIIF, uint32(r.IIF))
	replyAddr(e, nla.RTAPrefSrc, r.PrefSrc)
	replyAddr(e, nla.RTAPrefSrc, r.StoredSrc)
	encodeMetrics(e, r.Metrics)
	if r.Priority.Set {
		e.Uint32(nla.RTAPriority, r.Priority.V)
	}
	replyAddr(e, nla.RTAGateway, r.Gateway)
	nonZero(e, nla.RTAOIF, uint32(r.OIF))
	encodeEncap(e, r.Encap)
	encodeCache(e, r)
	if r.Pref.Set {
		e.Uint8(nla.RTAPref, uint8(r.Pref.V))
	}
}

func replyAddr(e encoder, typ uint16, a netip.Addr) {
	if a.IsValid() {
		e.addr(typ, a)
	}
}

func encodeEncap(e encoder, encap *rpdb.Encap) {
	if encap != nil {
		e.Bytes(nla.RTAEncap, encap.Data)
		e.Uint16(nla.RTAEncapType, encap.Type)
	}
}

func encodeCache(e encoder, r *Reply) {
	c := r.Cache.V
	e.u32s(nla.RTACacheInfo, c.ClntRef, c.LastUse, uint32(c.Expires), c.Error, c.Used, c.ID, c.TS, c.TSAge)
}

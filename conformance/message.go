package conformance

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// message returns the request of an op. Sysctls have none.
func message(op Op) (netlink.Message, error) {
	switch o := op.(type) {
	case LinkOp:
		return linkMessage(o)
	case AddrOp:
		b, err := rtnl.EncodeAddr(o.Addr)
		return request(rtnl.RTMNewAddr, rtnl.RTMDelAddr, o.Verb, b), err
	case RuleOp:
		return ruleMessage(o)
	case RouteOp:
		return routeMessage(o)
	case NextHopOp:
		return nextHopMessage(o)
	case NeighOp:
		b, err := rtnl.EncodeNeigh(o.Neigh)
		return request(rtnl.RTMNewNeigh, rtnl.RTMDelNeigh, o.Verb, b), err
	}
	return netlink.Message{}, fmt.Errorf("%T has no netlink message", op)
}

// request gives a body the type and the flags of a verb.
func request(add, del netlink.HeaderType, v Verb, body []byte) netlink.Message {
	m := netlink.Message{Header: netlink.Header{Type: add}, Data: body}
	switch v {
	case Add:
		m.Header.Flags = netlink.Create | netlink.Excl
	case Append:
		m.Header.Flags = netlink.Create | netlink.Append
	case Prepend:
		m.Header.Flags = netlink.Create
	case Replace:
		m.Header.Flags = netlink.Create | netlink.Replace
	case Change:
		m.Header.Flags = netlink.Replace
	case Del:
		m.Header.Type = del
	}
	return m
}

const (
	ruleHeader  = 12
	routeHeader = 12
)

func ruleMessage(o RuleOp) (netlink.Message, error) {
	b, err := rtnl.EncodeRule(o.Rule)
	if err != nil {
		return netlink.Message{}, err
	}
	r := &o.Rule
	drop := map[uint16]bool{
		nla.FRAPriority:          o.NoPref,
		nla.FRASuppressPrefixLen: !r.SuppressPrefixLen.Set,
		nla.FRATable:             r.Table == 0,
		nla.FRAProtocol:          o.Verb == Del,
		nla.FRADSCPMask:          r.DSCP.Set && r.DSCP.V.Mask == 0x3f,
	}
	m := request(rtnl.RTMNewRule, rtnl.RTMDelRule, o.Verb, without(b, ruleHeader, drop))
	if o.NoExcl && o.Verb == Add {
		m.Header.Flags = netlink.Create
	}
	return m, nil
}

func routeMessage(o RouteOp) (netlink.Message, error) {
	b, err := rtnl.EncodeRoute(o.Route)
	if err != nil {
		return netlink.Message{}, err
	}
	r := &o.Route
	b = without(b, routeHeader, map[uint16]bool{
		nla.RTACacheInfo: true,
		nla.RTAPref:      o.Verb == Del,
		nla.RTAPriority:  r.Priority == 0,
	})
	if r.Expires.Set {
		b = append(b, attr(nla.RTAExpires, binary.NativeEndian.AppendUint32(nil, uint32(r.Expires.V/1000)))...)
	}
	if o.AnyScope {
		b[6] = byte(rpdb.ScopeNowhere)
	}
	return request(rtnl.RTMNewRoute, rtnl.RTMDelRoute, o.Verb, b), nil
}

func nextHopMessage(o NextHopOp) (netlink.Message, error) {
	h := o.NextHop
	res := h.Resilient
	h.Resilient = nil
	b, err := rtnl.EncodeNextHop(h)
	if err != nil {
		return netlink.Message{}, err
	}
	if res != nil {
		n := attr(nla.NHAResGroupBuckets, binary.NativeEndian.AppendUint16(nil, res.NumBuckets))
		b = append(b, attr(nla.NHAGroupType, binary.NativeEndian.AppendUint16(nil, 1))...)
		b = append(b, attr(nla.NHAResGroup|nested, n)...)
	}
	if o.Verb == Del {
		b[0] = 0
	}
	return request(rtnl.RTMNewNextHop, rtnl.RTMDelNextHop, o.Verb, b), nil
}

const nested = 0x8000

func linkMessage(o LinkOp) (netlink.Message, error) {
	switch {
	case o.Peer != 0:
		return rtnl.NewVeth(rpdb.Link{Index: o.Index, Name: o.Name}, rpdb.Link{Index: o.Peer, Name: o.PeerNm})
	case o.Up:
		return rtnl.SetLink(o.Index, rpdb.IFFUp, rpdb.IFFUp)
	case o.Down:
		return rtnl.SetLink(o.Index, 0, rpdb.IFFUp)
	}
	m, err := rtnl.SetLinkAttrs(rpdb.Link{Index: o.Index, Name: o.Name, MTU: o.MTU})
	if o.Group.Set {
		m.Data = append(m.Data, attr(nla.IFLAGroup, binary.NativeEndian.AppendUint32(nil, o.Group.V))...)
	}
	return m, err
}

// attr is one netlink attribute, padded.
func attr(typ uint16, data []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// without copies a body without the attributes whose type is in drop.
func without(b []byte, header int, drop map[uint16]bool) []byte {
	out := append([]byte(nil), b[:header]...)
	for rest := b[header:]; len(rest) >= 4; {
		n := int(binary.NativeEndian.Uint16(rest))
		if n < 4 || n > len(rest) {
			break
		}
		padded := min((n+3)&^3, len(rest))
		if typ := binary.NativeEndian.Uint16(rest[2:]) & 0x3fff; !drop[typ] {
			out = append(out, rest[:padded]...)
		}
		rest = rest[padded:]
	}
	return out
}

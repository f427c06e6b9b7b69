package rtnl

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// The flags of the verbs of ip route; ip rule, ip addr and ip nexthop add with
// FlagsAdd too.
const (
	FlagsAdd     = netlink.Create | netlink.Excl
	FlagsReplace = netlink.Create | netlink.Replace
	FlagsChange  = netlink.Replace
	FlagsAppend  = netlink.Create | netlink.Append
	FlagsPrepend = netlink.Create
)

// request makes a request that wants an acknowledgement.
func request(typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte, err error) (netlink.Message, error) {
	return netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   body,
	}, err
}

// computedFlags are set by the kernel when it dumps a rule; it would store them if a
// request had them.
const computedFlags = rpdb.RuleUnresolved | rpdb.RuleIIFDetached | rpdb.RuleOIFDetached

// NewRule returns the request that adds a rule, with its preference given even if 0.
func NewRule(r rpdb.Rule, flags netlink.HeaderFlags) (netlink.Message, error) {
	r.Flags &^= computedFlags
	b, err := EncodeRule(r)
	return request(RTMNewRule, flags, b, err)
}

// DelRule returns the request that deletes the first rule with all the selectors
// that r has.
func DelRule(r rpdb.Rule) (netlink.Message, error) {
	r.Flags &^= computedFlags
	b, err := EncodeRule(r)
	return request(RTMDelRule, 0, b, err)
}

// NewRoute returns the request that adds a route. It leaves out what a kernel only
// dumps: states of nexthops, the nexthops of a nexthop object, the device of an
// error route. An expiry is rounded up to seconds.
func NewRoute(r rpdb.Route, flags netlink.HeaderFlags) (netlink.Message, error) {
	b, err := routeRequest(r)
	return request(RTMNewRoute, flags, b, err)
}

// DelRoute returns the request that deletes a route.
func DelRoute(r rpdb.Route) (netlink.Message, error) {
	b, err := routeRequest(r)
	return request(RTMDelRoute, 0, b, err)
}

func routeRequest(r rpdb.Route) ([]byte, error) {
	e := newEncoder()
	encodeRouteKey(e, &r)
	if r.Expires.Set {
		e.Uint32(nla.RTAExpires, uint32((max(r.Expires.V, 0)+999)/1000))
	}
	var flags uint32
	switch {
	case r.NHID != 0:
		e.Uint32(nla.RTANHID, r.NHID)
	case r.Type.Err() == rpdb.OK:
		r.NextHops = requestHops(r.NextHops)
		if isSingle(&r) {
			flags = r.NextHops[0].Flags
		}
		if err := encodeHops(e, &r); err != nil {
			return nil, fmt.Errorf("route %s: %w", r.Dst, err)
		}
	}
	e.extra(r.Extra)
	return e.body("route", routeHeader(&r, flags))
}

// requestHops copies nexthops without the flags that a request may not have.
func requestHops(hops []rpdb.NextHop) []rpdb.NextHop {
	out := make([]rpdb.NextHop, len(hops))
	for i, h := range hops {
		h.Flags &= rpdb.NHOnlink | rpdb.NHPervasive
		out[i] = h
	}
	return out
}

// NewNextHop returns the request that adds a nexthop object.
func NewNextHop(nh rpdb.NextHopObject, flags netlink.HeaderFlags) (netlink.Message, error) {
	nh.Hop.Flags &= rpdb.NHOnlink
	nh.Scope = 0 // the kernel computes it, and how long a group is out of balance
	if nh.Resilient != nil {
		res := *nh.Resilient
		res.UnbalancedTime = 0
		nh.Resilient = &res
	}
	b, err := EncodeNextHop(nh)
	return request(RTMNewNextHop, flags, b, err)
}

// DelNextHop returns the request that deletes a nexthop object.
func DelNextHop(id uint32) (netlink.Message, error) {
	e := newEncoder()
	e.Uint32(nla.NHAID, id)
	b, err := e.body("nexthop", make([]byte, nexthopHeaderLen))
	return request(RTMDelNextHop, 0, b, err)
}

// NewAddr returns the request that adds an address.
func NewAddr(a rpdb.Addr, flags netlink.HeaderFlags) (netlink.Message, error) {
	b, err := EncodeAddr(a)
	return request(RTMNewAddr, flags, b, err)
}

// DelAddr returns the request that deletes an address.
func DelAddr(a rpdb.Addr) (netlink.Message, error) {
	b, err := EncodeAddr(a)
	return request(RTMDelAddr, 0, b, err)
}

// NewNeigh returns the request that adds a neighbour.
func NewNeigh(n rpdb.Neigh, flags netlink.HeaderFlags) (netlink.Message, error) {
	b, err := EncodeNeigh(n)
	return request(RTMNewNeigh, flags, b, err)
}

// DelNeigh returns the request that deletes a neighbour.
func DelNeigh(n rpdb.Neigh) (netlink.Message, error) {
	b, err := EncodeNeigh(n)
	return request(RTMDelNeigh, 0, b, err)
}

// NewAddrLabel returns the request that adds an address label.
func NewAddrLabel(l rpdb.AddrLabel, flags netlink.HeaderFlags) (netlink.Message, error) {
	b, err := EncodeAddrLabel(l)
	return request(RTMNewAddrLabel, flags, b, err)
}

// DelAddrLabel returns the request that deletes an address label.
func DelAddrLabel(l rpdb.AddrLabel) (netlink.Message, error) {
	b, err := EncodeAddrLabel(l)
	return request(RTMDelAddrLabel, 0, b, err)
}

// NewLink returns the request that creates a device of l.Kind, up if its flags say
// so. Index 0 lets the kernel choose one.
func NewLink(l rpdb.Link, flags netlink.HeaderFlags) (netlink.Message, error) {
	b, err := linkRequest(l)
	return request(RTMNewLink, flags, b, err)
}

func linkRequest(l rpdb.Link) ([]byte, error) {
	e := newEncoder()
	linkRequestAttrs(e, &l)
	if l.Kind != "" {
		e.nest(nla.IFLALinkInfo, func(in encoder) {
			in.String(nla.IFLAInfoKind, l.Kind)
			if l.Kind == "vrf" {
				in.nest(nla.IFLAInfoData, func(data encoder) { data.Uint32(nla.IFLAVRFTable, l.VRFTable) })
			}
		})
	}
	return e.body("link "+l.Name, linkRequestHeader(l.Index, l.Flags, l.Flags&rpdb.IFFUp))
}

func linkRequestHeader(index int, flags, change uint32) []byte {
	head := make([]byte, linkHeaderLen)
	binary.NativeEndian.PutUint32(head[4:], uint32(index))
	binary.NativeEndian.PutUint32(head[8:], flags)
	binary.NativeEndian.PutUint32(head[12:], change)
	return head
}

func linkRequestAttrs(e encoder, l *rpdb.Link) {
	if l.Name != "" {
		e.String(nla.IFLAIfname, l.Name)
	}
	if l.MTU != 0 {
		e.Uint32(nla.IFLAMTU, l.MTU)
	}
	if l.Group != 0 {
		e.Uint32(nla.IFLAGroup, l.Group)
	}
	if l.Master != 0 {
		e.Uint32(nla.IFLAMaster, uint32(l.Master))
	}
	if l.Address != nil {
		e.Bytes(nla.IFLAAddress, l.Address)
	}
	if l.Peer != 0 {
		e.Uint32(nla.IFLALink, uint32(l.Peer))
	}
}

const vethInfoPeer = 1 // VETH_INFO_PEER

// NewVeth returns the request that creates two devices joined by a cable, both in
// the namespace of the transport, and both down: SetLink brings them up.
func NewVeth(a, b rpdb.Link) (netlink.Message, error) {
	e := newEncoder()
	linkRequestAttrs(e, &a)
	e.nest(nla.IFLALinkInfo, func(in encoder) {
		in.String(nla.IFLAInfoKind, "veth")
		in.nest(nla.IFLAInfoData, func(data encoder) {
			data.Do(vethInfoPeer, func() ([]byte, error) {
				peer := newEncoder()
				linkRequestAttrs(peer, &b)
				return peer.body("link "+b.Name, linkRequestHeader(b.Index, 0, 0))
			})
		})
	})
	body, err := e.body("link "+a.Name, linkRequestHeader(a.Index, 0, 0))
	return request(RTMNewLink, FlagsAdd, body, err)
}

// SetLink returns the request that changes the flags of a device that are in mask.
func SetLink(index int, flags, mask uint32) (netlink.Message, error) {
	return request(RTMNewLink, 0, linkRequestHeader(index, flags, mask), nil)
}

// SetLinkAttrs returns the request that gives a device the name, MTU, master and
// group that l has; zero values are left alone.
func SetLinkAttrs(l rpdb.Link) (netlink.Message, error) {
	e := newEncoder()
	linkRequestAttrs(e, &l)
	b, err := e.body("link "+l.Name, linkRequestHeader(l.Index, 0, 0))
	return request(RTMNewLink, 0, b, err)
}

// DelLink returns the request that deletes a device.
func DelLink(index int) (netlink.Message, error) {
	return request(RTMDelLink, 0, linkRequestHeader(index, 0, 0), nil)
}

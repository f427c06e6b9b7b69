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
	addrHeaderLen    = 8  // struct ifaddrmsg
	addrCacheInfoLen = 16 // struct ifa_cacheinfo
)

// ParseAddr reads an RTM_NEWADDR or RTM_DELADDR message. The kernel leaves out an
// IPv4 address that is zero, and IFA_LOCAL of an IPv6 address without a peer.
func ParseAddr(m netlink.Message) (rpdb.Addr, error) {
	h, r, err := header(m, "address", addrHeaderLen)
	if err != nil {
		return rpdb.Addr{}, err
	}
	f, err := family(h[0], "address")
	if err != nil {
		return rpdb.Addr{}, err
	}
	a := rpdb.Addr{
		Family: f, PrefixLen: h[1], Flags: uint32(h[2]), Scope: rpdb.Scope(h[3]),
		Index: int(int32(binary.NativeEndian.Uint32(h[4:]))),
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}
	var address netip.Addr
	for r.next() {
		switch r.typ {
		case nla.IFAAddress:
			address = r.addr(f)
		case nla.IFALocal:
			a.Local = r.addr(f)
		default:
			readAddr(&r, &a)
		}
	}
	if r.err == nil {
		r.err = setAddress(&a, address)
	}
	if err := done(&r, "address"); err != nil {
		return rpdb.Addr{}, err
	}
	return a, nil
}

func readAddr(r *reader, a *rpdb.Addr) {
	switch r.typ {
	case nla.IFALabel:
		a.Label = r.str()
	case nla.IFABroadcast:
		a.Broadcast = r.addr(a.Family)
	case nla.IFAAnycast:
		a.Anycast = r.addr(a.Family)
	case nla.IFAFlags:
		a.Flags = r.u32()
	case nla.IFAPriority:
		a.Metric = r.u32()
	case nla.IFAProto:
		a.Protocol = r.u8()
	case nla.IFACacheInfo:
		if !r.want(addrCacheInfoLen) {
			return
		}
		a.Preferred = binary.NativeEndian.Uint32(r.data)
		a.Valid = binary.NativeEndian.Uint32(r.data[4:])
		a.Created = binary.NativeEndian.Uint32(r.data[8:])
		a.Updated = binary.NativeEndian.Uint32(r.data[12:])
	default:
		a.Extra = append(a.Extra, r.extra())
	}
}

// setAddress sorts IFA_LOCAL and IFA_ADDRESS into address and peer.
func setAddress(a *rpdb.Addr, address netip.Addr) error {
	if int(a.PrefixLen) > a.Family.Bits() {
		return fmt.Errorf("prefix length %d of an %s address", a.PrefixLen, a.Family)
	}
	switch {
	case a.Family == rpdb.IPv4:
		if !a.Local.IsValid() {
			a.Local = rpdb.IPv4.Zero()
		}
		if !address.IsValid() {
			address = rpdb.IPv4.Zero()
		}
	case !a.Local.IsValid() && !address.IsValid():
		return fmt.Errorf("no address")
	case !a.Local.IsValid():
		a.Local = address
	case !address.IsValid():
		address = a.Local
	}
	if address != a.Local {
		a.Peer = address
	}
	return nil
}

// EncodeAddr returns the body of an RTM_NEWADDR message. ParseAddr reads it back as
// the same address.
func EncodeAddr(a rpdb.Addr) ([]byte, error) {
	if rpdb.FamilyOf(a.Local) != a.Family {
		return nil, fmt.Errorf("address: %s is no %s address", a.Local, a.Family)
	}
	e := newEncoder()
	e.addr(nla.IFAAddress, a.Address())
	if a.Family == rpdb.IPv4 || a.Peer.IsValid() {
		e.addr(nla.IFALocal, a.Local)
	}
	if a.Broadcast.IsValid() {
		e.addr(nla.IFABroadcast, a.Broadcast)
	}
	if a.Anycast.IsValid() {
		e.addr(nla.IFAAnycast, a.Anycast)
	}
	if a.Label != "" {
		e.String(nla.IFALabel, a.Label)
	}
	if a.Protocol != 0 {
		e.Uint8(nla.IFAProto, a.Protocol)
	}
	e.Uint32(nla.IFAFlags, a.Flags)
	if a.Metric != 0 {
		e.Uint32(nla.IFAPriority, a.Metric)
	}
	e.u32s(nla.IFACacheInfo, a.Preferred, a.Valid, a.Created, a.Updated)
	e.extra(a.Extra)
	head := []byte{byte(a.Family), a.PrefixLen, byte(a.Flags), byte(a.Scope), 0, 0, 0, 0}
	binary.NativeEndian.PutUint32(head[4:], uint32(a.Index))
	return e.body("address", head)
}

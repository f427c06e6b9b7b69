package rtnl

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const (
	neighHeaderLen = 12 // struct ndmsg
	labelHeaderLen = 12 // struct ifaddrlblmsg
)

// ParseNeigh reads an RTM_NEWNEIGH or RTM_DELNEIGH message of IPv4 or IPv6.
func ParseNeigh(m netlink.Message) (rpdb.Neigh, error) {
	h, r, err := header(m, "neighbour", neighHeaderLen)
	if err != nil {
		return rpdb.Neigh{}, err
	}
	f, err := family(h[0], "neighbour")
	if err != nil {
		return rpdb.Neigh{}, err
	}
	n := rpdb.Neigh{
		Family: f,
		Index:  int(int32(binary.NativeEndian.Uint32(h[4:]))),
		State:  binary.NativeEndian.Uint16(h[8:]),
		Flags:  h[10],
	}
	for r.next() {
		switch r.typ {
		case nla.NDADst:
			n.IP = r.addr(f)
		case nla.NDALLAddr:
			n.LLAddr = append([]byte{}, r.data...)
		default:
			n.Extra = append(n.Extra, r.extra())
		}
	}
	if r.err == nil && !n.IP.IsValid() {
		r.err = fmt.Errorf("no address")
	}
	if err := done(&r, "neighbour"); err != nil {
		return rpdb.Neigh{}, err
	}
	return n, nil
}

// EncodeNeigh returns the body of an RTM_NEWNEIGH message. ParseNeigh reads it back
// as the same neighbour.
func EncodeNeigh(n rpdb.Neigh) ([]byte, error) {
	if rpdb.FamilyOf(n.IP) != n.Family {
		return nil, fmt.Errorf("neighbour: %s is no %s address", n.IP, n.Family)
	}
	e := newEncoder()
	e.addr(nla.NDADst, n.IP)
	if n.LLAddr != nil {
		e.Bytes(nla.NDALLAddr, n.LLAddr)
	}
	e.extra(n.Extra)
	head := make([]byte, neighHeaderLen)
	head[0] = byte(n.Family)
	binary.NativeEndian.PutUint32(head[4:], uint32(n.Index))
	binary.NativeEndian.PutUint16(head[8:], n.State)
	head[10], head[11] = n.Flags, byte(rpdb.Unicast)
	return e.body("neighbour", head)
}

// ParseAddrLabel reads an RTM_NEWADDRLABEL message.
func ParseAddrLabel(m netlink.Message) (rpdb.AddrLabel, error) {
	h, r, err := header(m, "address label", labelHeaderLen)
	if err != nil {
		return rpdb.AddrLabel{}, err
	}
	l := rpdb.AddrLabel{Index: int(int32(binary.NativeEndian.Uint32(h[4:])))}
	for r.next() {
		switch r.typ {
		case nla.IFALAddress:
			l.Prefix = r.prefix(rpdb.IPv6, h[2])
		case nla.IFALLabel:
			l.Label = r.u32()
		}
	}
	if r.err == nil && !l.Prefix.IsValid() {
		r.err = fmt.Errorf("no prefix")
	}
	if err := done(&r, "address label"); err != nil {
		return rpdb.AddrLabel{}, err
	}
	return l, nil
}

// EncodeAddrLabel returns the body of an RTM_NEWADDRLABEL message. ParseAddrLabel
// reads it back as the same label.
func EncodeAddrLabel(l rpdb.AddrLabel) ([]byte, error) {
	if !l.Prefix.Addr().Is6() {
		return nil, fmt.Errorf("address label: %s is no IPv6 prefix", l.Prefix)
	}
	e := newEncoder()
	e.addr(nla.IFALAddress, l.Prefix.Addr())
	e.Uint32(nla.IFALLabel, l.Label)
	head := make([]byte, labelHeaderLen)
	head[0], head[2] = byte(rpdb.IPv6), byte(l.Prefix.Bits())
	binary.NativeEndian.PutUint32(head[4:], uint32(l.Index))
	return e.body("address label", head)
}

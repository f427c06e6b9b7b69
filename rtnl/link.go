package rtnl

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const linkHeaderLen = 16 // struct ifinfomsg

// ParseLink reads an RTM_NEWLINK or RTM_DELLINK message. NoInet and NoInet6 are set
// when the kernel lists the device's address families (IFLA_AF_SPEC) without them.
// Counters are dropped. IFLA_LINKINFO and IFLA_AF_SPEC are also kept in Extra when
// they say more than the fields do.
func ParseLink(m netlink.Message) (rpdb.Link, error) {
	h, r, err := header(m, "link", linkHeaderLen)
	if err != nil {
		return rpdb.Link{}, err
	}
	l := rpdb.Link{
		Type:  binary.NativeEndian.Uint16(h[2:]),
		Index: int(int32(binary.NativeEndian.Uint32(h[4:]))),
		Flags: binary.NativeEndian.Uint32(h[8:]),
	}
	for r.next() {
		if !readLink(&r, &l) {
			readLinkNest(&r, &l)
		}
	}
	if err := done(&r, "link"); err != nil {
		return rpdb.Link{}, err
	}
	return l, nil
}

// readLink reads the current attribute if it is a plain one.
func readLink(r *reader, l *rpdb.Link) bool {
	switch r.typ {
	case nla.IFLAIfname:
		l.Name = r.str()
	case nla.IFLAAddress:
		l.Address = append([]byte{}, r.data...)
	case nla.IFLAMTU:
		l.MTU = r.u32()
	case nla.IFLALink:
		l.Peer = r.index()
	case nla.IFLAQdisc:
		l.Qdisc = r.str()
	case nla.IFLAMaster:
		l.Master = r.index()
	case nla.IFLATxQLen:
		l.TxQLen = r.u32()
	case nla.IFLAOperstate:
		l.Operstate = r.u8()
	case nla.IFLAGroup:
		l.Group = r.u32()
	default:
		return false
	}
	return true
}

func readLinkNest(r *reader, l *rpdb.Link) {
	switch r.typ {
	case nla.IFLAStats, nla.IFLAStats64, nla.IFLAPad:
	case nla.IFLAPropList:
		in := r.nested()
		for in.next() {
			if in.typ == nla.IFLAAltIfname {
				l.AltNames = append(l.AltNames, in.str())
			}
		}
		r.fail(in.err)
	case nla.IFLALinkInfo:
		if parseLinkInfo(r, l) {
			l.Extra = append(l.Extra, r.extra())
		}
	case nla.IFLAAFSpec:
		if parseAFSpec(r, l) {
			l.Extra = append(l.Extra, r.extra())
		}
	default:
		l.Extra = append(l.Extra, r.extra())
	}
}

// parseLinkInfo reads the kind of a device and the table of a VRF, and reports
// whether there is more.
func parseLinkInfo(r *reader, l *rpdb.Link) (more bool) {
	in := r.nested()
	for in.next() {
		switch in.typ {
		case nla.IFLAInfoKind:
			l.Kind = in.str()
		case nla.IFLAInfoData:
			if l.Kind != "vrf" {
				more = true
				continue
			}
			data := in.nested()
			for data.next() {
				if data.typ == nla.IFLAVRFTable {
					l.VRFTable = data.u32()
				} else {
					more = true
				}
			}
			in.fail(data.err)
		default:
			more = true
		}
	}
	r.fail(in.err)
	return more
}

// parseAFSpec notes which address families the device lacks, and reports whether
// those it has say more (rtnl_fill_link_af).
func parseAFSpec(r *reader, l *rpdb.Link) (more bool) {
	l.NoInet, l.NoInet6 = true, true
	in := r.nested()
	for in.next() {
		switch rpdb.Family(in.typ) {
		case rpdb.IPv4:
			l.NoInet = false
		case rpdb.IPv6:
			l.NoInet6 = false
		default:
			more = true
		}
		more = more || len(in.data) > 0
	}
	r.fail(in.err)
	return more
}

// EncodeLink returns the body of an RTM_NEWLINK message. ParseLink reads it back as
// the same link; Assumed has no place in a message.
func EncodeLink(l rpdb.Link) ([]byte, error) {
	e := newEncoder()
	if l.Name != "" {
		e.String(nla.IFLAIfname, l.Name)
	}
	encodeLinkNumbers(e, &l)
	if l.Qdisc != "" {
		e.String(nla.IFLAQdisc, l.Qdisc)
	}
	if l.Address != nil {
		e.Bytes(nla.IFLAAddress, l.Address)
	}
	encodeLinkNests(e, &l)
	e.extra(l.Extra)
	head := make([]byte, linkHeaderLen)
	binary.NativeEndian.PutUint16(head[2:], l.Type)
	binary.NativeEndian.PutUint32(head[4:], uint32(l.Index))
	binary.NativeEndian.PutUint32(head[8:], l.Flags)
	return e.body(fmt.Sprintf("link %s", l.Name), head)
}

func encodeLinkNumbers(e encoder, l *rpdb.Link) {
	e.Uint32(nla.IFLATxQLen, l.TxQLen)
	e.Uint8(nla.IFLAOperstate, l.Operstate)
	e.Uint32(nla.IFLAMTU, l.MTU)
	e.Uint32(nla.IFLAGroup, l.Group)
	if l.Master != 0 {
		e.Uint32(nla.IFLAMaster, uint32(l.Master))
	}
	if l.Peer != 0 {
		e.Uint32(nla.IFLALink, uint32(l.Peer))
	}
}

func encodeLinkNests(e encoder, l *rpdb.Link) {
	if len(l.AltNames) > 0 {
		e.nest(nla.IFLAPropList, func(in encoder) {
			for _, n := range l.AltNames {
				in.String(nla.IFLAAltIfname, n)
			}
		})
	}
	if l.Kind != "" && !hasAttr(l.Extra, nla.IFLALinkInfo) {
		e.nest(nla.IFLALinkInfo, func(in encoder) {
			in.String(nla.IFLAInfoKind, l.Kind)
			if l.Kind == "vrf" {
				in.nest(nla.IFLAInfoData, func(data encoder) { data.Uint32(nla.IFLAVRFTable, l.VRFTable) })
			}
		})
	}
	if !hasAttr(l.Extra, nla.IFLAAFSpec) {
		e.nest(nla.IFLAAFSpec, func(in encoder) {
			if !l.NoInet {
				in.Bytes(uint16(rpdb.IPv4), nil)
			}
			if !l.NoInet6 {
				in.Bytes(uint16(rpdb.IPv6), nil)
			}
		})
	}
}

func hasAttr(as []rpdb.Attr, typ uint16) bool {
	for i := range as {
		if as[i].Type == typ {
			return true
		}
	}
	return false
}

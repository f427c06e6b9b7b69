package rtnl

import (
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// GetOptions are the parts of an RTM_GETROUTE request that are not the flow.
type GetOptions struct {
	// FibMatch asks for the route that matched, as a dump shows it, instead of the
	// way that the packet takes.
	FibMatch bool
	// Notify sets RTM_F_NOTIFY, which has no effect on the answer but for its flag.
	Notify bool
}

// GetRoute returns the request that asks a kernel about a flow, with the attributes
// that ip route get sends. IPv4 requests ask for the table (RTM_F_LOOKUP_TABLE).
//
// The user id is left out where the kernel ignores it (IPv4 input) and where it is
// rpdb.InvalidUID: then the kernel takes the caller's for output. TunID cannot be
// asked for.
func GetRoute(f rpdb.Flow, o GetOptions) netlink.Message {
	fam := f.Family()
	r := rpdb.Route{Family: fam}
	e := newEncoder()
	var head [3]byte
	if f.Dst.IsValid() {
		head[1] = byte(fam.Bits())
		e.addr(nla.RTADst, f.Dst)
	}
	if f.Src.IsValid() && !f.Src.IsUnspecified() {
		head[2] = byte(fam.Bits())
		e.addr(nla.RTASrc, f.Src)
	}
	nonZero(e, nla.RTAIIF, uint32(f.IIF))
	nonZero(e, nla.RTAOIF, uint32(f.OIF))
	nonZero(e, nla.RTAMark, f.Mark)
	if f.UID != rpdb.InvalidUID && (f.IIF == 0 || fam == rpdb.IPv6) {
		e.Uint32(nla.RTAUID, f.UID)
	}
	if f.IPProto != 0 {
		e.Uint8(nla.RTAIPProto, f.IPProto)
	}
	if f.SPort != 0 {
		e.be16(nla.RTASPort, f.SPort)
	}
	if f.DPort != 0 {
		e.be16(nla.RTADPort, f.DPort)
	}
	if f.FlowLabel != 0 && fam == rpdb.IPv6 {
		e.be32(nla.RTAFlowLabel, f.FlowLabel)
	}
	h := routeHeader(&r, getFlags(fam, o))
	h[1], h[2], h[3] = head[1], head[2], f.TOS
	b, err := e.body("route", h)
	if err != nil {
		panic("rtnl: GetRoute: " + err.Error()) // no attribute above can be too long
	}
	return netlink.Message{
		Header: netlink.Header{Type: RTMGetRoute, Flags: netlink.Request},
		Data:   b,
	}
}

func nonZero(e encoder, typ uint16, v uint32) {
	if v != 0 {
		e.Uint32(typ, v)
	}
}

// getFlags returns rtm_flags of a request. IPv6 refuses RTM_F_LOOKUP_TABLE and
// always tells the table.
func getFlags(f rpdb.Family, o GetOptions) uint32 {
	var flags uint32
	if f == rpdb.IPv4 {
		flags |= FlagLookupTable
		if o.Notify {
			flags |= rpdb.FlagNotify
		}
	}
	if o.FibMatch {
		flags |= FlagFibMatch
	}
	return flags
}

// ParseGet reads an RTM_GETROUTE request for a flow: the inverse of GetRoute, for
// who answers such requests. Attributes that are absent are zero; given tells which
// of the fields with a default (user id, protocol) were there.
func ParseGet(m netlink.Message) (f rpdb.Flow, o GetOptions, given rpdb.Fields, err error) {
	h, r, err := header(m, "route get", routeHeaderLen)
	if err != nil {
		return f, o, 0, err
	}
	fam, err := family(h[0], "route get")
	if err != nil {
		return f, o, 0, err
	}
	flags := binary.NativeEndian.Uint32(h[8:])
	o = GetOptions{FibMatch: flags&FlagFibMatch != 0, Notify: flags&rpdb.FlagNotify != 0}
	f = rpdb.Flow{Dst: fam.Zero(), TOS: h[3]}
	for r.next() {
		switch r.typ {
		case nla.RTADst:
			f.Dst = r.addr(fam)
		case nla.RTASrc:
			f.Src = r.addr(fam)
		case nla.RTAIIF:
			f.IIF = r.index()
		case nla.RTAOIF:
			f.OIF = r.index()
		case nla.RTAMark:
			f.Mark = r.u32()
		case nla.RTAUID:
			f.UID = r.u32()
			given |= rpdb.FieldUID
		case nla.RTAIPProto:
			f.IPProto = r.u8()
			given |= rpdb.FieldIPProto
		case nla.RTASPort:
			f.SPort = r.be16()
		case nla.RTADPort:
			f.DPort = r.be16()
		case nla.RTAFlowLabel:
			f.FlowLabel = r.be32()
		}
	}
	return f, o, given, done(&r, "route get")
}

// Ask asks who answers t which way a flow goes. A refusal, which is an answer, is in
// Reply.Err; the error is for an exchange that failed.
func Ask(t Transport, f rpdb.Flow, o GetOptions) (Reply, error) {
	rep := Reply{Family: f.Family()}
	answered := false
	for m, err := range t.Do(GetRoute(f, o)) {
		var refusal *Error
		switch {
		case errors.As(err, &refusal):
			rep.Err, rep.Msg = refusal.Errno, refusal.Msg
		case err != nil:
			return Reply{}, err
		default:
			if rep, err = ParseReply(m); err != nil {
				return Reply{}, err
			}
		}
		answered = true
	}
	if !answered {
		return Reply{}, errors.New("route get: no answer")
	}
	return rep, nil
}

package rtnl

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const (
	nexthopHeaderLen = 8 // struct nhmsg
	groupEntryLen    = 8 // struct nexthop_grp
)

// ParseNextHop reads an RTM_NEWNEXTHOP or RTM_DELNEXTHOP message. Hop.Weight of an
// object that is no group is 1. Of a resilient group BucketsOutstanding is set: its
// buckets come in messages of their own.
func ParseNextHop(m netlink.Message) (rpdb.NextHopObject, error) {
	h, r, err := header(m, "nexthop", nexthopHeaderLen)
	if err != nil {
		return rpdb.NextHopObject{}, err
	}
	nh := rpdb.NextHopObject{
		Family:   rpdb.Family(h[0]),
		Scope:    rpdb.Scope(h[1]),
		Protocol: h[2],
	}
	flags := binary.NativeEndian.Uint32(h[4:])
	for r.next() {
		if !readNextHop(&r, &nh) {
			readGroup(&r, &nh)
		}
	}
	if nh.Group == nil {
		nh.Hop.Weight = 1
		nh.Hop.Flags = flags
	}
	if err := done(&r, "nexthop"); err != nil {
		return rpdb.NextHopObject{}, err
	}
	return nh, nil
}

// readNextHop reads the current attribute if it belongs to a single object.
func readNextHop(r *reader, nh *rpdb.NextHopObject) bool {
	switch r.typ {
	case nla.NHAID:
		nh.ID = r.u32()
	case nla.NHABlackhole:
		nh.Blackhole = true
	case nla.NHAFDB:
		nh.FDB = true
	case nla.NHAOIF:
		nh.Hop.Dev = r.index()
	case nla.NHAGateway:
		if nh.Family != rpdb.IPv4 && nh.Family != rpdb.IPv6 {
			r.fail(fmt.Errorf("a gateway in address family %d", nh.Family))
			break
		}
		nh.Hop.Gateway = r.addr(nh.Family)
	case nla.NHAEncapType:
		encapOf(&nh.Hop).Type = r.u16()
	case nla.NHAEncap:
		encapOf(&nh.Hop).Data = append([]byte{}, r.data...)
	default:
		return false
	}
	return true
}

// readGroup reads the current attribute as one of a group.
func readGroup(r *reader, nh *rpdb.NextHopObject) {
	switch r.typ {
	case nla.NHAGroup:
		nh.Group = parseGroup(r)
	case nla.NHAGroupType:
		if r.u16() == groupResilient && nh.Resilient == nil {
			nh.Resilient = &rpdb.Resilient{BucketsOutstanding: true}
		}
	case nla.NHAResGroup:
		nh.Resilient = parseResilient(r)
	case nla.NHAOpFlags: // says how weights are written, not what the group is
	default:
		nh.Extra = append(nh.Extra, r.extra())
	}
}

// parseGroup reads the members of a group. The high byte of a weight is 0 on
// kernels before 6.12.
func parseGroup(r *reader) []rpdb.GroupMember {
	if len(r.data)%groupEntryLen != 0 || len(r.data) == 0 {
		r.fail(fmt.Errorf("a group of %d bytes", len(r.data)))
		return nil
	}
	ms := make([]rpdb.GroupMember, 0, len(r.data)/groupEntryLen)
	for b := r.data; len(b) > 0; b = b[groupEntryLen:] {
		ms = append(ms, rpdb.GroupMember{
			ID:     binary.NativeEndian.Uint32(b),
			Weight: uint32(b[5])<<8 + uint32(b[4]) + 1,
		})
	}
	return ms
}

func parseResilient(r *reader) *rpdb.Resilient {
	res := &rpdb.Resilient{BucketsOutstanding: true}
	in := r.nested()
	for in.next() {
		switch in.typ {
		case nla.NHAResGroupBuckets:
			res.NumBuckets = in.u16()
		case nla.NHAResGroupIdleTimer:
			res.IdleTimer = in.u32()
		case nla.NHAResGroupUnbalancedTimer:
			res.UnbalancedTimer = in.u32()
		case nla.NHAResGroupUnbalancedTime:
			res.UnbalancedTime = in.u64()
		}
	}
	r.fail(in.err)
	return res
}

// EncodeNextHop returns the body of an RTM_NEWNEXTHOP message. ParseNextHop reads it
// back as the same object, apart from the buckets of a resilient group.
func EncodeNextHop(nh rpdb.NextHopObject) ([]byte, error) {
	e := newEncoder()
	e.Uint32(nla.NHAID, nh.ID)
	switch {
	case len(nh.Group) > 0:
		if err := encodeGroup(e, &nh); err != nil {
			return nil, fmt.Errorf("nexthop %d: %w", nh.ID, err)
		}
	default:
		if err := encodeNextHopHop(e, &nh); err != nil {
			return nil, fmt.Errorf("nexthop %d: %w", nh.ID, err)
		}
	}
	e.Flag(nla.NHAFDB, nh.FDB)
	e.extra(nh.Extra)
	head := []byte{byte(nh.Family), byte(nh.Scope), nh.Protocol, 0, 0, 0, 0, 0}
	binary.NativeEndian.PutUint32(head[4:], nh.Hop.Flags)
	return e.body("nexthop", head)
}

func encodeGroup(e encoder, nh *rpdb.NextHopObject) error {
	var b []byte
	for _, m := range nh.Group {
		if m.Weight < 1 || m.Weight > 1<<16 {
			return fmt.Errorf("weight %d of member %d", m.Weight, m.ID)
		}
		w := m.Weight - 1
		b = binary.NativeEndian.AppendUint32(b, m.ID)
		b = append(b, byte(w), byte(w>>8), 0, 0)
	}
	e.Bytes(nla.NHAGroup, b)
	if nh.Resilient == nil {
		return nil
	}
	e.Uint16(nla.NHAGroupType, groupResilient)
	e.nested(nla.NHAResGroup, func(in encoder) {
		in.Uint16(nla.NHAResGroupBuckets, nh.Resilient.NumBuckets)
		in.Uint32(nla.NHAResGroupIdleTimer, nh.Resilient.IdleTimer)
		in.Uint32(nla.NHAResGroupUnbalancedTimer, nh.Resilient.UnbalancedTimer)
		if t := nh.Resilient.UnbalancedTime; t != 0 {
			in.Uint64(nla.NHAResGroupUnbalancedTime, t)
		}
	})
	return nil
}

func encodeNextHopHop(e encoder, nh *rpdb.NextHopObject) error {
	e.Flag(nla.NHABlackhole, nh.Blackhole)
	if nh.Hop.Dev != 0 {
		e.Uint32(nla.NHAOIF, uint32(nh.Hop.Dev))
	}
	if gw := nh.Hop.Gateway; gw.IsValid() {
		if rpdb.FamilyOf(gw) != nh.Family {
			return fmt.Errorf("gateway %s in an %s object", gw, nh.Family)
		}
		e.addr(nla.NHAGateway, gw)
	}
	if encap := nh.Hop.Encap; encap != nil {
		e.Bytes(nla.NHAEncap, encap.Data)
		e.Uint16(nla.NHAEncapType, encap.Type)
	}
	return nil
}

// Bucket is one bucket of a resilient nexthop group.
type Bucket struct {
	Group    uint32 // id of the group
	Index    uint16
	NHID     uint32 // id of the member that the bucket sends to
	IdleTime uint64 // clock_t since its last use
}

// ParseBucket reads an RTM_NEWNEXTHOPBUCKET message.
func ParseBucket(m netlink.Message) (Bucket, error) {
	_, r, err := header(m, "nexthop bucket", nexthopHeaderLen)
	if err != nil {
		return Bucket{}, err
	}
	var b Bucket
	for r.next() {
		switch r.typ {
		case nla.NHAID:
			b.Group = r.u32()
		case nla.NHAResBucket:
			in := r.nested()
			for in.next() {
				switch in.typ {
				case nla.NHAResBucketIndex:
					b.Index = in.u16()
				case nla.NHAResBucketNHID:
					b.NHID = in.u32()
				case nla.NHAResBucketIdleTime:
					b.IdleTime = in.u64()
				}
			}
			r.fail(in.err)
		}
	}
	return b, done(&r, "nexthop bucket")
}

// EncodeBucket is the inverse of ParseBucket.
func EncodeBucket(b Bucket) ([]byte, error) {
	e := newEncoder()
	e.Uint32(nla.NHAID, b.Group)
	e.nested(nla.NHAResBucket, func(in encoder) {
		in.Uint16(nla.NHAResBucketIndex, b.Index)
		in.Uint64(nla.NHAResBucketIdleTime, b.IdleTime)
		in.Uint32(nla.NHAResBucketNHID, b.NHID)
	})
	return e.body("nexthop bucket", make([]byte, nexthopHeaderLen))
}

package rpdb

import "net/netip"

// IP protocol numbers that the decision itself looks at.
const (
	ProtoICMP   uint8 = 1
	ProtoTCP    uint8 = 6
	ProtoUDP    uint8 = 17
	ProtoICMPv6 uint8 = 58
)

// InvalidUID is the user id that the kernel gives an IPv6 RTM_GETROUTE with an
// input device and no uid: it lies in no range that a rule can name.
const InvalidUID uint32 = 0xffffffff

// Fields is a set of fields of a Flow.
type Fields uint32

// The fields of a Flow that may be left unknown.
const (
	FieldMark Fields = 1 << iota
	FieldUID
	FieldIPProto
	FieldSPort
	FieldDPort
	FieldTOS
	FieldFlowLabel
	FieldTunID
)

// Hashed is what the kernel makes the hash of a multipath route of (fib_multipath_hash,
// rt6_multipath_hash): the flow or the headers of a packet.
type Hashed uint8

// What is hashed.
const (
	HashedQuestion Hashed = iota // what RTM_GETROUTE has: a packet for IPv4, the flow for IPv6
	HashedFlow                   // the flow: a host sends; DPort of ICMP is type and code (fl4_icmp_type)
	HashedPacket                 // the headers of a packet that arrived; of TCP, UDP and their like alone have ports
	HashedFrame                  // a packet that is no IP packet, of which nothing but Cause is known, under policy 0 (arp_process)
	HashedNot                    // nothing: the first leg that can be used is taken (fib_compute_spec_dst)
)

// Flow is what the kernel knows of a packet when it looks for a route (struct
// flowi). Its family is that of Dst. The zero value of a field is what the kernel
// sees when nobody set it.
//
// With IIF 0 the packet comes from this host, as ip route get asks; with IIF set
// it arrived on that device and the whole input path is followed.
type Flow struct {
	Dst, Src  netip.Addr // Src invalid or unspecified: not chosen yet
	IIF, OIF  int        // ifindex, 0 none; IIF wins
	Mark      uint32
	TOS       uint8  // the whole header byte; ECN bits are ignored
	UID       uint32 // IPv4 input always uses 0; see InvalidUID
	IPProto   uint8
	SPort     uint16
	DPort     uint16
	FlowLabel uint32 // IPv6
	TunID     uint64
	// Bound tells that OIF is the device that the socket is bound to (SO_BINDTODEVICE). An
	// IPv6 route must then lead there even if the source is known, which it need not for a
	// question of RTM_GETROUTE. IPv4 knows no difference.
	Bound bool
	// Direct is SO_DONTROUTE: only routes without a gateway count (RT_SCOPE_LINK). For
	// IPv4 output; IPv6 does not know it.
	Direct bool
	// Hashed is what the hash of a multipath route is made of.
	Hashed Hashed
	// NextHeader is what the IPv6 header of a packet has there, which policy 0 counts: IPProto
	// is what follows extension headers.
	NextHeader uint8
	// AnySource lets the source be an address of another host (FLOWI_FLAG_ANYSRC): a VRF
	// device looks up so what it is given. For IPv4 output; IPv6 does not ask.
	AnySource bool
	// Cause is the packet that an ICMP error is about, nil for all else: the error takes
	// the leg of a multipath route that the hash of that packet tells (icmp_send,
	// icmp6_send). One that is passed on, a HashedPacket, does so under policy 0 alone
	// (ip_multipath_l3_keys).
	Cause *Flow

	// Unknown names fields that nobody knows. Their values above are assumed, and
	// Decision.Depends tells which of them could change the answer.
	Unknown Fields
}

// Family returns the family of the destination.
func (f *Flow) Family() Family { return FamilyOf(f.Dst) }

// Key is what one lookup through the rules is made with (the kernel's flowi4 or
// flowi6 at that moment). A decision may take several: for the packet, and for
// the check of its source.
type Key struct {
	Family    Family
	Dst, Src  netip.Addr // always valid; Src unspecified if not known
	HasSrc    bool       // IPv6: the source is known (RT6_LOOKUP_F_HAS_SADDR)
	IIF, OIF  int
	Mark      uint32
	TOS       uint8 // ECN bits cleared
	Scope     Scope // IPv4: only routes of at least this scope
	UID       uint32
	IPProto   uint8
	SPort     uint16
	DPort     uint16
	FlowLabel uint32
	TunID     uint64

	// L3MDev is the VRF device that the flow belongs to, 0 none; L3FromOIF tells
	// that it was derived from OIF (FLOWI_FLAG_L3MDEV_OIF).
	L3MDev    int
	L3FromOIF bool

	// IgnoreLinkState lets nexthops without carrier pass
	// (FIB_LOOKUP_IGNORE_LINKSTATE).
	IgnoreLinkState bool
}

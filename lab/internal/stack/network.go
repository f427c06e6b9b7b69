package stack

import (
	"net/netip"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Network is what sockets need of their host: its routes, its clock, and a way to
// send. The datapath's host implements it. All methods may be called from any
// goroutine, and must not call back into the Stack while they run.
type Network interface {
	// Route decides as the kernel would for a packet that this host sends now
	// (ip_route_output_key_hash, ip6_route_output_flags), with what the path allows.
	// Nothing is counted or recorded: sockets ask before they send.
	Route(f *rpdb.Flow) Path

	// AddrType is what an address is to this host: for IPv4 by the local table of the
	// main domain, or of the VRF that the device oif belongs to or is
	// (inet_addr_type_dev_table; oif 0: the main domain); for IPv6 Local if a device of
	// that domain has it and, with oif not 0 and an address of scope link or host, if
	// that is oif itself (ipv6_chk_addr). bind, and the source of a connection, hang
	// on it.
	AddrType(a netip.Addr, oif int) rpdb.RouteType

	// Link tells of a device by its index or, with index 0, by its name.
	Link(index int, name string) (Link, bool)

	// Sysctl returns a setting by its path (net/ipv4/ip_nonlocal_bind), and whether
	// the host has it.
	Sysctl(path string) (string, bool)

	// Output sends a whole IP packet that begins with its IPv4 or IPv6 header. The
	// transport checksum is valid; the datapath fills in the IPv4 header's. It routes
	// the packet by its header and by o, fragments it if the path wants that and DF is
	// not set, and answers what cannot be sent with Transport.ICMPError. The packet is
	// queued; the buffer belongs to the datapath afterwards.
	Output(packet []byte, o Meta)

	// Send is Output, and waits until the packet has left or is lost: ENOBUFS tells that the
	// first device dropped it (net_xmit_errno). It must not be called from the event loop.
	Send(packet []byte, o Meta) rpdb.Errno

	// Now is the time of the world, and AfterFunc calls f on a goroutine of its own or
	// of the world when d has passed on that clock; stop tells whether it prevented the
	// call. f may take locks but does not wait.
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)

	// Seed is the start of what is random on this host: ports, sequence numbers.
	Seed() uint64
}

// Path is a decision, and what the datapath knows of the way.
type Path struct {
	rpdb.Decision

	// MTU is the size of the largest packet that goes this way: what path MTU discovery
	// learned, the route's mtu, or the device's (ip_dst_mtu_maybe_forward,
	// ip6_dst_mtu_maybe_forward). Locked tells that the route's mtu is locked, so that
	// packets go without DF (ip_dont_fragment). Meaningful if Err is OK.
	MTU    int
	Locked bool
	// AdvMSS is what a SYN announces on this way (ipv4_default_advmss,
	// ip6_default_advmss): the route's advmss, or the MTU less the IP and TCP
	// headers; 0: the stack works it out from MTU.
	AdvMSS int
	// Hops is the TTL or hop limit of packets that go this way, 0: 64
	// (ip4_dst_hoplimit, ip6_dst_hoplimit).
	Hops uint8
}

// Link is what sockets ask of a device.
type Link struct {
	Index  int
	Name   string
	MTU    int
	VRF    bool // it is a VRF device
	Master int  // the VRF that it belongs to, 0 none
}

// Meta is what a socket adds to its packets beside their headers (struct
// sockcm_cookie, the fields of flowi that no header shows).
type Meta struct {
	Mark, UID uint32
	OIF       int // SO_BINDTODEVICE, IP_PKTINFO or the scope of the destination; 0 none
	// FlowLabel is the label that routes are looked up with (IPv6); the header's may be
	// one that was made up for the flow (net.ipv6.auto_flowlabels).
	FlowLabel uint32
	// Decision is the way that the socket has found for the packet (skb_dst), nil: the
	// datapath is to look for it. The lookup of a socket that is bound to no address does
	// not know the source that it brings.
	Decision *rpdb.Decision
	// Gateways are not used: the destination must be on-link (SO_DONTROUTE, RT_SCOPE_LINK).
	DontRoute bool
	// Raw tells that the datapath must not look at the transport header for ports: the
	// socket is a raw one, whose lookup has none (raw_sendmsg).
	Raw bool
	// IgnoreDF lets the datapath fragment though DF is set (skb->ignore_df).
	IgnoreDF bool
	// DeviceMTU lets packets be as large as the device sends, whatever the way allows
	// (IP_PMTUDISC_PROBE).
	DeviceMTU bool
}

// Transport is what the datapath calls: Stack implements it. The methods are
// called from the datapath's event loop, and do not wait for anything but short
// locks; the caller holds no lock that a method of Network takes.
type Transport interface {
	// Deliver hands over a packet that was accepted for this host, after reassembly
	// (ip_local_deliver_finish, ip6_input_finish). The datapath hands over packets of
	// every protocol, those that it answers itself too (ICMP echo requests,
	// neighbour discovery): raw sockets see them. False tells that nobody wanted the
	// packet: then the datapath sends an ICMP error (port unreachable for UDP,
	// protocol unreachable for what it does not know itself). TCP segments that nobody
	// wants are answered by the stack.
	//
	// The stack may keep the packet: nobody may write to it afterwards.
	Deliver(packet []byte, in Arrival) bool

	// Sent reports whether a socket of this host sent the packet that an ICMP error or a redirect
	// quotes, as far as the kernel can tell: only then what it says of the way is believed
	// (the lookups of udp_err, tcp_v4_err, ping_err, raw_icmp_error).
	Sent(e *ICMPError) bool

	// ICMPError tells of an ICMP error about a packet of this host
	// (icmp_unreach, icmpv6_notify). Redirects are not told: they change routes.
	ICMPError(e ICMPError)
}

// Arrival is what is known of an arrived packet beside its bytes.
type Arrival struct {
	IIF   int    // ifindex of the device, or of its VRF (skb->skb_iif after l3mdev_ip_rcv)
	SDIF  int    // ifindex of the device itself if IIF is its VRF, otherwise 0 (inet_sdif)
	Proto uint8  // the upper-layer protocol
	Upper int    // offset of its header in the packet: behind IPv4 options, IPv6 extension headers
	Mark  uint32 // skb->mark
	// Type is how input routing decided: local, broadcast, multicast, anycast.
	Type rpdb.RouteType
	// LinkBroadcast tells that the frame was not sent to this host alone (skb->pkt_type
	// is not PACKET_HOST).
	LinkBroadcast bool
	// Verified tells that the transport checksum is known to be right
	// (CHECKSUM_UNNECESSARY), as that of every packet that an emulated host made and that
	// no link corrupted.
	Verified bool
	Time     time.Time
}

// ICMPError is an ICMP or ICMPv6 error that quotes a packet of this host.
type ICMPError struct {
	Offender   netip.Addr // who sent it
	Type, Code uint8      // of ICMP, or of ICMPv6 if the quoted packet is IPv6
	Info       uint32     // next-hop MTU (fragmentation needed, packet too big) or pointer (parameter problem)
	Quoted     []byte     // the quoted packet from its IP header on, as much as came
	IIF, SDIF  int        // where it arrived, as in Arrival
	TTL        uint8      // of the error's own packet
	Time       time.Time
	// Local tells that no ICMP error came: this host has no way for the packet.
	Local bool
}

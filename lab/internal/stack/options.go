package stack

import (
	"net/netip"
	"time"
)

// PMTUDisc is how a datagram socket uses path MTU discovery (IP_MTU_DISCOVER).
type PMTUDisc uint8

const (
	// PMTUWant sets DF on what fits the path, and fragments the rest; the default.
	PMTUWant PMTUDisc = iota
	// PMTUDont never sets DF.
	PMTUDont
	// PMTUDo always sets DF, and refuses what does not fit with EMSGSIZE.
	PMTUDo
	// PMTUProbe always sets DF and does not look at the path's MTU, only at the
	// device's.
	PMTUProbe
)

// Options are what setsockopt and bind would set on a socket before it is used.
// The zero value is a socket with Linux's defaults.
type Options struct {
	// Local is the address to bind to; for listening sockets it is given to the
	// call instead. An invalid address or port 0 leaves the choice to the host.
	Local netip.AddrPort

	Device int    // ifindex of SO_BINDTODEVICE; 0: none
	Mark   uint32 // SO_MARK
	UID    uint32 // owner, which rules can select by
	TOS    uint8  // IP_TOS, IPV6_TCLASS: the whole byte
	TTL    uint8  // IP_TTL, IPV6_UNICAST_HOPS; 0: the route's or the host's

	// ReuseAddr is SO_REUSEADDR. TCP listeners have it in any case, as Go and all
	// servers set it.
	ReuseAddr bool
	ReusePort bool // SO_REUSEPORT: sockets of one user share a port
	V6Only    bool // IPV6_V6ONLY
	FreeBind  bool // IP_FREEBIND: bind to an address that this host does not have
	Broadcast bool // SO_BROADCAST
	DontRoute bool // SO_DONTROUTE
	PMTU      PMTUDisc
	RecvErr   bool // IP_RECVERR: ICMP errors are queued for ReadError

	// HeaderIncluded is IP_HDRINCL, for raw IPv4 sockets.
	HeaderIncluded bool

	// KeepAlive is the idle time after which TCP sends keep-alive probes, and their
	// interval; 0: none.
	KeepAlive time.Duration
	// MSS is TCP_MAXSEG: the largest segment to announce and to send; 0: the path's.
	MSS uint16
	// Backlog is that of listen; 0: net.core.somaxconn.
	Backlog int

	// ReceiveBuffer and SendBuffer are sizes in bytes; 0: the host's defaults. For
	// datagrams only the former is used.
	ReceiveBuffer, SendBuffer int

	// Command and PID name the program that owns the socket, for listings.
	Command string
	PID     int

	connected bool // inside the package: the socket has a peer
}

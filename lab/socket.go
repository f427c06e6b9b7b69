package lab

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// SocketOptions are what setsockopt and bind set on a socket before it is used: a mark,
// a device, TTL and TOS. The zero value is a socket with Linux's defaults.
type SocketOptions = stack.Options

// PMTUDisc is how a datagram socket uses path MTU discovery ([SocketOptions].PMTU).
type PMTUDisc = stack.PMTUDisc

// The ways.
const (
	PMTUWant  = stack.PMTUWant
	PMTUDont  = stack.PMTUDont
	PMTUDo    = stack.PMTUDo
	PMTUProbe = stack.PMTUProbe
)

// PacketInfo is what one datagram has in place of its socket's options (IP_PKTINFO).
type PacketInfo = stack.PacketInfo

// UDPConn is a UDP socket of an emulated host.
type UDPConn = stack.UDPConn

// RawConn is a raw socket of an emulated host.
type RawConn = stack.RawConn

// ListenUDP opens a UDP socket with options; network is udp, udp4 or udp6.
func (h *Host) ListenUDP(network string, at netip.AddrPort, o SocketOptions) (*UDPConn, error) {
	return h.host.Stack.ListenUDP(network, at, o)
}

// ListenRaw opens a raw socket of a protocol; network is ip4 or ip6, and an invalid
// address binds it to none.
func (h *Host) ListenRaw(network string, proto uint8, at netip.Addr, o SocketOptions) (*RawConn, error) {
	return h.host.Stack.ListenRaw(network, proto, at, o)
}

// Device returns the ifindex of a device of the host, 0 if there is none.
func (h *Host) Device(name string) int {
	l, _ := h.host.Link(0, name)
	return l.Index
}

// Frame is a frame that a device sends or receives, see [Host.Tap].
type Frame = datapath.Frame

// The directions of a [Frame], and what it begins with.
const (
	In       = datapath.In
	Out      = datapath.Out
	Ethernet = datapath.Ethernet
	RawIP    = datapath.RawIP
)

// Tap has f called for each frame that a device of the host sends or receives, as a
// packet socket sees it; with an ifindex of 0, any device. f runs on the loop that carries
// all packets of the world, one call at a time, and must not wait. close ends it.
func (h *Host) Tap(device int, f func(Frame)) (close func()) { return h.host.Host.Tap(device, f) }

// Settle waits until every packet under way has arrived somewhere, or waits for time to
// pass: for the answer of a neighbour, in a slow cable.
func (s *Server) Settle() { s.engine.Settle() }

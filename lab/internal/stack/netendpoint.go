package stack

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/rulewalk/rulewalk/rpdb"
)

// netProtocol is IPv4 or IPv6 as gVisor's TCP sees them: nothing but the headers of
// what it sends. Addresses, routes, fragments and ICMP are the datapath's.
type netProtocol struct {
	t  *tcpStack
	v6 bool
}

func (t *tcpStack) newIPv4(*gstack.Stack) gstack.NetworkProtocol { return &netProtocol{t, false} }
func (t *tcpStack) newIPv6(*gstack.Stack) gstack.NetworkProtocol { return &netProtocol{t, true} }

func (p *netProtocol) Number() tcpip.NetworkProtocolNumber {
	if p.v6 {
		return header.IPv6ProtocolNumber
	}
	return header.IPv4ProtocolNumber
}

func (p *netProtocol) MinimumPacketSize() int { return p.header() }

func (p *netProtocol) header() int {
	if p.v6 {
		return ipv6Header
	}
	return ipv4Header
}

func (p *netProtocol) ParseAddresses(b []byte) (src, dst tcpip.Address) {
	if p.v6 {
		return header.IPv6(b).SourceAddress(), header.IPv6(b).DestinationAddress()
	}
	return header.IPv4(b).SourceAddress(), header.IPv4(b).DestinationAddress()
}

func (p *netProtocol) NewEndpoint(_ gstack.NetworkInterface, _ gstack.TransportDispatcher) gstack.NetworkEndpoint {
	e := &netEndpoint{netProtocol: p, domain: p.t.making}
	e.AddressableEndpointState.Init(e, gstack.AddressableEndpointStateOptions{})
	return e
}

func (*netProtocol) SetOption(tcpip.SettableNetworkProtocolOption) tcpip.Error {
	return &tcpip.ErrUnknownProtocolOption{}
}

func (*netProtocol) Option(tcpip.GettableNetworkProtocolOption) tcpip.Error {
	return &tcpip.ErrUnknownProtocolOption{}
}

func (*netProtocol) Close() {}
func (*netProtocol) Wait()  {}

func (*netProtocol) Parse(*gstack.PacketBuffer) (tcpip.TransportProtocolNumber, bool, bool) {
	return 0, false, false
}

// netEndpoint is a netProtocol on the interface of one device. Addresses exist as
// connections use them (spoofing).
type netEndpoint struct {
	gstack.AddressableEndpointState
	*netProtocol
	domain
}

func (*netEndpoint) Enable() tcpip.Error { return nil }
func (*netEndpoint) Enabled() bool       { return true }
func (*netEndpoint) Disable()            {}
func (*netEndpoint) DefaultTTL() uint8   { return 64 } // connections set their own
func (e *netEndpoint) Close()            { e.AddressableEndpointState.Cleanup() }

// MTU is IP's payload, with the room that gVisor leaves for selective acknowledgments.
// It bounds what gVisor believes to have announced; what a path carries it learns from the
// peer's SYN (clamp).
func (e *netEndpoint) MTU() uint32 {
	mss := e.mss
	if mss == 0 {
		mss = 65535 - ipv4Header - tcpHeader
	}
	return uint32(mss + tcpHeader + spaceForSACK(true))
}

func (e *netEndpoint) EndpointHeaderSize() uint32 { return uint32(e.header()) }
func (e *netEndpoint) MaxHeaderLength() uint16    { return uint16(e.header()) }

func (e *netEndpoint) NetworkProtocolNumber() tcpip.NetworkProtocolNumber { return e.Number() }

func (*netEndpoint) Stats() gstack.NetworkEndpointStats { return noStats{} }

func (*netEndpoint) HandlePacket(*gstack.PacketBuffer) {}

func (*netEndpoint) WriteHeaderIncludedPacket(*gstack.Route, *gstack.PacketBuffer) tcpip.Error {
	return &tcpip.ErrNotSupported{}
}

// WritePacket sends a segment of gVisor's.
func (e *netEndpoint) WritePacket(r *gstack.Route, params gstack.NetworkHeaderParams, pkt *gstack.PacketBuffer) tcpip.Error {
	n := e.header()
	p := make([]byte, n+pkt.Size())
	at := n
	for _, b := range pkt.AsSlices() {
		at += copy(p[at:], b)
	}
	o, _ := pkt.Owner.(*owner)
	e.t.send(p, ipHeader{
		src: fromAddress(r.LocalAddress()), dst: fromAddress(r.RemoteAddress()), proto: rpdb.ProtoTCP, ttl: params.TTL,
	}, o, e.device)
	return nil
}

type noStats struct{}

func (noStats) IsNetworkEndpointStats() {}

// noLink is the link below: nothing is sent by it.
type noLink struct{}

func (noLink) MTU() uint32                             { return 65536 }
func (noLink) SetMTU(uint32)                           {}
func (noLink) MaxHeaderLength() uint16                 { return 0 }
func (noLink) LinkAddress() tcpip.LinkAddress          { return "" }
func (noLink) SetLinkAddress(tcpip.LinkAddress)        {}
func (noLink) Attach(gstack.NetworkDispatcher)         {}
func (noLink) IsAttached() bool                        { return true }
func (noLink) Wait()                                   {}
func (noLink) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (noLink) AddHeader(*gstack.PacketBuffer)          {}
func (noLink) ParseHeader(*gstack.PacketBuffer) bool   { return true }
func (noLink) Close()                                  {}
func (noLink) SetOnCloseAction(func())                 {}
func (noLink) Capabilities() gstack.LinkEndpointCapabilities {
	return gstack.CapabilityTXChecksumOffload | gstack.CapabilityRXChecksumOffload
}

func (noLink) WritePackets(gstack.PacketBufferList) (int, tcpip.Error) {
	return 0, &tcpip.ErrNotSupported{}
}

// owner is what the segments of a connection carry beside their bytes; those of an
// accepted connection have their listener's.
type owner struct {
	o   Options
	syn *synTimer // of a connection that is being opened
}

// KUID implements tcpip.PacketOwner.
func (o *owner) KUID() uint32 { return o.o.UID }

// KGID implements tcpip.PacketOwner.
func (o *owner) KGID() uint32 { return 0 }

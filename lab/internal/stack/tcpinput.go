package stack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// deliverTCP gives a segment to the socket that it is for, or answers it with a reset
// (tcp_v4_rcv, tcp_v6_rcv).
func (s *Stack) deliverTCP(a *arrived, in *Arrival) {
	if n := int(a.upper[12]>>4) * 4; n < tcpHeader || n > len(a.upper) || in.LinkBroadcast {
		return
	}
	if !in.Verified && !a.valid(rpdb.ProtoTCP, a.upper) {
		return
	}
	s.mu.RLock()
	t := s.tcp
	s.mu.RUnlock()
	if t == nil || !t.deliver(a, in) {
		s.reset(a, in)
	}
}

// deliver hands a segment to gVisor; false if no socket wants it.
func (t *tcpStack) deliver(a *arrived, in *Arrival) bool {
	local := netip.AddrPortFrom(a.dst, be.Uint16(a.upper[2:]))
	remote := netip.AddrPortFrom(a.src, be.Uint16(a.upper))
	accept := t.s.l3mdevAccept("tcp", in.SDIF)
	if ep, device := t.connection(local, remote, in.IIF, in.SDIF, accept); ep != nil {
		var o *Options
		if flagsOf(a.upper)&(flagSYN|flagACK|flagRST) == flagSYN && ep.EndpointState() == tcp.StateTimeWait {
			// gVisor gives it to a listener of the packet's interface (TCP_TW_SYN).
			if l := t.listener(local, remote, in, accept); l != nil {
				device, o = l.o.Device, &l.o
			}
		}
		t.handOver(ep, a, in, local, remote, device, o)
		return true
	}
	l := t.listener(local, remote, in, accept)
	if l == nil {
		return false
	}
	// The domain of the connection (inet_request_bound_dev_if, tcp_v6_init_req).
	device := l.o.Device
	switch {
	case device != 0:
	case in.SDIF != 0, remote.Addr().Is6() && remote.Addr().IsLinkLocalUnicast():
		device = in.IIF
	}
	t.domain(device, 0)
	t.handOver(l.ep, a, in, local, remote, device, &l.o)
	return true
}

// handOver queues a segment at a socket. o are the options of a listening socket,
// nil for connections.
func (t *tcpStack) handOver(ep *tcp.Endpoint, a *arrived, in *Arrival, local, remote netip.AddrPort, device int, o *Options) {
	view := buffer.NewViewWithData(a.packet[:in.Upper+len(a.upper)])
	seg := view.AsSlice()[in.Upper:]
	nic := nicOf(device)
	if flagsOf(seg)&flagSYN != 0 {
		t.setRetries()
		mss := t.clamp(seg, ep, local, remote, device, o)
		if ep.EndpointState() == tcp.StateListen {
			nic = t.domain(device, mss)
		}
	}
	pkt := gstack.NewPacketBuffer(gstack.PacketBufferOptions{Payload: buffer.MakeWithView(view)})
	pkt.NICID = nic
	pkt.NetworkProtocolNumber = protocolOf(a.dst)
	pkt.TransportProtocolNumber = tcp.ProtocolNumber
	pkt.RXChecksumValidated = true
	pkt.NetworkHeader().Consume(in.Upper)
	pkt.TransportHeader().Consume(int(seg[12]>>4) * 4)
	t.queue(ep, endpointID(local, remote), pkt)
	pkt.DecRef()
}

// clamp lowers the segment size that a SYN announces to what the way back carries, and
// returns what is announced there.
func (t *tcpStack) clamp(seg []byte, ep *tcp.Endpoint, local, remote netip.AddrPort, device int, o *Options) int {
	if o == nil {
		t.mu.RLock()
		c := t.conns[ep]
		t.mu.RUnlock()
		if c == nil {
			return 0
		}
		o = &c.o
	}
	opt := *o
	opt.Device = device
	f := opt.flow(rpdb.ProtoTCP, local, remote)
	path := t.s.net.Route(&f)
	clamp(seg, &path, local.Addr().Is4(), opt.MSS)
	return advertised(&path, local.Addr().Is4(), opt.MSS)
}

// listener finds the listening socket for a segment (__inet_lookup_listener,
// inet6_lookup_listener).
func (t *tcpStack) listener(local, remote netip.AddrPort, in *Arrival, accept bool) *TCPListener {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return find(t.listeners[local.Port()], remote, local, in.IIF, in.SDIF, accept, mix(t.s.seed, remote, local))
}

func (l *TCPListener) claimed() *binding     { return l.bind }
func (l *TCPListener) connected() bool       { return false }
func (l *TCPListener) localAddr() netip.Addr { return l.bind.addr }

// score is compute_score of net/ipv4/inet_hashtables.c and net/ipv6/inet6_hashtables.c.
func (l *TCPListener) score(_, dst netip.AddrPort, iif, sdif int, accept bool) (int, bool) {
	b, v4 := l.bind, dst.Addr().Is4()
	if v4 == b.v6 && (!b.v6 || b.v6only) || !deviceMatches(b.device, iif, sdif, accept) {
		return 0, false
	}
	if !b.addr.IsUnspecified() && b.addr != dst.Addr() {
		return 0, false
	}
	score := 1
	if b.device != 0 {
		score = 2
	}
	if !b.v6 {
		score++
	}
	return score, true
}

// tcpError tells the connection whose segment an ICMP error quotes: one that is being
// opened fails, others send smaller segments or go on (tcp_v4_err, tcp_v6_err).
func (s *Stack) tcpError(q *quote, e *ICMPError) {
	s.mu.RLock()
	t := s.tcp
	s.mu.RUnlock()
	if t == nil {
		return
	}
	ep, _ := t.connection(q.src, q.dst, e.IIF, e.SDIF, s.l3mdevAccept("tcp", e.SDIF))
	if ep == nil {
		return
	}
	v6 := q.src.Addr().Is6()
	v := e.verdict(v6)
	switch {
	case v.ignore || !v6 && e.Type == icmpUnreach && int(e.Code) >= len(unreach4):
	case v.tooBig:
		t.tooBig(ep, q, int(e.Info))
	default:
		t.mu.RLock()
		c := t.conns[ep]
		t.mu.RUnlock()
		if st := ep.EndpointState(); c != nil && (st == tcp.StateSynSent || st == tcp.StateConnecting) {
			c.abandon(v.errno)
		} else if !e.Local {
			softError(ep, v.errno, q.src.Addr())
		}
	}
}

// softError is remembered for the case that the connection times out
// (sk_err_soft). That there is no route any more is not: the connection times out.
func softError(ep *tcp.Endpoint, errno rpdb.Errno, local netip.Addr) {
	var e icmpFailure
	switch errno {
	case rpdb.EHOSTUNREACH:
		e.kind = gstack.DestinationHostUnreachableTransportError
	case rpdb.ENETUNREACH:
		e.kind = gstack.DestinationNetworkUnreachableTransportError
	default:
		return
	}
	pkt := gstack.NewPacketBuffer(gstack.PacketBufferOptions{})
	pkt.NetworkProtocolNumber = protocolOf(local)
	ep.HandleError(e, pkt)
	pkt.DecRef()
}

// tooBig lowers the size of a connection's segments (tcp_v4_mtu_reduced). A router
// that does not tell its MTU makes it the lowest.
func (t *tcpStack) tooBig(ep *tcp.Endpoint, q *quote, mtu int) {
	v4 := q.src.Addr().Is4()
	lowest := 1280
	if v4 {
		lowest = max(68, t.s.sysctlInt("net/ipv4/route/min_pmtu", 552))
	}
	mtu = max(mtu, lowest) - (headers(v4) - tcpHeader)
	if t.sack {
		bare := len(q.upper) >= tcpHeader && q.upper[12]>>4 == tcpHeader/4
		mtu += spaceForSACK(!bare)
	}
	ep.HandleError(icmpFailure{gstack.PacketTooBigTransportError, uint32(mtu)}, nil)
}

// icmpFailure is an ICMP error as gVisor knows it; info of a packet too big is the
// size of IP's payload.
type icmpFailure struct {
	kind gstack.TransportErrorKind
	info uint32
}

func (e icmpFailure) Kind() gstack.TransportErrorKind { return e.kind }
func (e icmpFailure) Info() uint32                    { return e.info }
func (icmpFailure) Origin() tcpip.SockErrOrigin       { return tcpip.SockExtErrorOriginICMP }
func (icmpFailure) Type() uint8                       { return icmpUnreach }
func (icmpFailure) Code() uint8                       { return 0 }

package stack

import (
	"cmp"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Socket is one socket as ss lists it.
type Socket struct {
	Proto  uint8 // rpdb.ProtoTCP, ProtoUDP, ProtoICMP, ProtoICMPv6; of raw sockets any
	Raw    bool
	State  string         // ss's word: LISTEN, ESTAB, TIME-WAIT, UNCONN, ...
	Local  netip.AddrPort // port: the identifier of ping sockets, the protocol of raw ones
	Remote netip.AddrPort // invalid: none
	Both   bool           // an IPv6 socket that takes IPv4 too: ss shows * for any address
	Device int            // ifindex, 0 none

	// RecvQ is what waits for the program in bytes, for listening sockets in
	// connections; SendQ what is not acknowledged, for listening sockets the backlog.
	RecvQ, SendQ int

	// The program that owns the socket; none for connections that wait for accept or
	// that were closed by it.
	UID     uint32
	Command string
	PID     int
}

// Sockets lists the sockets of the host, by protocol, local address and peer.
func (s *Stack) Sockets() []Socket {
	var list []Socket
	s.mu.RLock()
	for _, cs := range s.udp {
		for _, c := range cs {
			x := c.listed(rpdb.ProtoUDP, c.bind.device)
			x.Both = c.v6 && !c.bind.v6only
			list = append(list, x)
		}
	}
	for _, cs := range s.pings {
		for _, c := range cs {
			list = append(list, c.listed(c.proto, c.bind.device))
		}
	}
	for _, c := range s.raws {
		x := c.listed(c.proto, c.o.Device)
		x.Raw = true
		list = append(list, x)
	}
	t := s.tcp
	s.mu.RUnlock()
	if t != nil {
		list = append(list, t.listed()...)
	}
	slices.SortStableFunc(list, func(a, b Socket) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
	})
	return list
}

// listed describes a datagram socket.
func (d *datagram) listed(proto uint8, device int) Socket {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := Socket{
		Proto: proto, State: "UNCONN", Local: d.local, Remote: d.remote, Device: device, RecvQ: d.used,
		UID: d.o.UID, Command: d.o.Command, PID: d.o.PID,
	}
	if d.remote.IsValid() {
		x.State = "ESTAB"
	}
	return x
}

// listed describes the TCP sockets: those of programs, and those that only gVisor
// has still, or already.
func (t *tcpStack) listed() []Socket {
	seen := make(map[gstack.TransportEndpoint]bool)
	var list []Socket
	t.mu.RLock()
	for _, ls := range t.listeners {
		for _, l := range ls {
			seen[l.ep] = true
			list = append(list, l.listed())
		}
	}
	conns := make(map[gstack.TransportEndpoint]*TCPConn, len(t.conns))
	for _, c := range t.conns {
		conns[c.ep] = c
	}
	t.mu.RUnlock()
	for _, e := range append(t.g.RegisteredEndpoints(), t.g.CleanupEndpoints()...) {
		ep, ok := e.(*tcp.Endpoint)
		if !ok || seen[e] {
			continue
		}
		seen[e] = true
		id := ep.TransportEndpointInfo.ID
		if id.RemotePort == 0 {
			continue
		}
		x := Socket{
			Proto: rpdb.ProtoTCP, State: stateName(ep.EndpointState()),
			Local:  netip.AddrPortFrom(fromAddress(id.LocalAddress), id.LocalPort),
			Remote: netip.AddrPortFrom(fromAddress(id.RemoteAddress), id.RemotePort),
		}
		if x.State == "" {
			continue
		}
		x.RecvQ, _ = ep.GetSockOptInt(tcpip.ReceiveQueueSizeOption)
		if n, err := ep.GetSockOptInt(tcpip.SendQueueSizeOption); err == nil {
			x.SendQ = n
		}
		if c := conns[e]; c != nil {
			x.Device, x.UID, x.Command, x.PID = c.o.Device, c.o.UID, c.o.Command, c.o.PID
		}
		list = append(list, x)
	}
	return list
}

func (l *TCPListener) listed() Socket {
	backlog := l.o.Backlog
	if backlog == 0 {
		backlog = l.t.s.sysctlInt("net/core/somaxconn", 4096)
	}
	return Socket{
		Proto: rpdb.ProtoTCP, State: "LISTEN", Local: netip.AddrPortFrom(l.bind.addr, l.bind.port),
		Both: l.bind.v6 && !l.bind.v6only, Device: l.o.Device, SendQ: backlog,
		UID: l.o.UID, Command: l.o.Command, PID: l.o.PID,
	}
}

// stateName is ss's word for a state; empty for sockets that are gone.
func stateName(s tcp.EndpointState) string {
	switch s {
	case tcp.StateEstablished:
		return "ESTAB"
	case tcp.StateConnecting, tcp.StateSynSent:
		return "SYN-SENT"
	case tcp.StateSynRecv:
		return "SYN-RECV"
	case tcp.StateFinWait1:
		return "FIN-WAIT-1"
	case tcp.StateFinWait2:
		return "FIN-WAIT-2"
	case tcp.StateTimeWait:
		return "TIME-WAIT"
	case tcp.StateCloseWait:
		return "CLOSE-WAIT"
	case tcp.StateLastAck:
		return "LAST-ACK"
	case tcp.StateClosing:
		return "CLOSING"
	}
	return ""
}

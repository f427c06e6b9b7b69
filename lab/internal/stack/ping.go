package stack

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"github.com/rulewalk/rulewalk/rpdb"
)

// PingConn is a ping socket (socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)): it sends
// echo requests under an identifier of its own and receives the replies to them.
// All methods may be called from any goroutine.
type PingConn struct {
	datagram
	proto uint8
	bind  *binding // port is the identifier
}

// ListenPing makes a ping socket. network is "ip4" or "ip6", addr the source of
// the requests or invalid, ident the identifier, or 0 to have one chosen.
func (s *Stack) ListenPing(network string, addr netip.Addr, ident uint16, o Options) (*PingConn, error) {
	c, err := s.bindPing(network, addr, ident, o)
	if err != nil {
		return nil, opError("listen", network, nil, ipAddr(addr), err)
	}
	return c, nil
}

func (s *Stack) bindPing(network string, addr netip.Addr, ident uint16, o Options) (*PingConn, error) {
	v6, _, errno := family(network, addr, true)
	if errno != rpdb.OK {
		return nil, fail("socket", errno)
	}
	a, errno := s.checkBind(&o, addr)
	if errno != rpdb.OK {
		return nil, fail("bind", errno)
	}
	c := &PingConn{proto: rpdb.ProtoICMP}
	if v6 {
		c.proto = rpdb.ProtoICMPv6
	}
	c.init(s, &o)
	c.bind = &binding{
		proto: c.proto, v6: v6, v6only: v6, addr: wildcard(a, v6), port: ident, device: o.Device, uid: o.UID,
	}
	rules := s.portRules(c.proto)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if errno := s.claim(c.bind, rules, anyParity, nil); errno != rpdb.OK {
		return nil, fail("bind", errno)
	}
	c.local = netip.AddrPortFrom(c.bind.addr, c.bind.port)
	if s.pings == nil {
		s.pings = make(map[uint16][]*PingConn)
	}
	s.pings[c.bind.port] = append(s.pings[c.bind.port], c)
	return c, nil
}

// Close closes the socket.
func (c *PingConn) Close() error {
	if !c.shut() {
		return errClosed
	}
	s := c.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports.remove(c.bind)
	list := slices.DeleteFunc(slices.Clone(s.pings[c.bind.port]), func(x *PingConn) bool { return x == c })
	if s.pings[c.bind.port] = list; len(list) == 0 {
		delete(s.pings, c.bind.port)
	}
	return nil
}

// Ident is the identifier of the requests.
func (c *PingConn) Ident() uint16 { return c.bind.port }

// Source is the address that requests to dst leave with, as connect and
// getsockname tell it, or the error that they would end with.
func (c *PingConn) Source(dst netip.Addr) (netip.Addr, error) {
	g, _, err := c.plan(dst, 0, &PacketInfo{})
	return g.ip.src, err
}

// Send sends an echo request.
func (c *PingConn) Send(dst netip.Addr, seq uint16, payload []byte, info PacketInfo) error {
	g, to, err := c.plan(dst, icmpHeader+len(payload), &info)
	if err != nil {
		if errors.Is(err, rpdb.EMSGSIZE) {
			c.tooLong(to, g.path.MTU, payload)
		}
		return opError("write", c.network(), nil, ipAddr(dst), err)
	}
	n := g.ip.size()
	p := make([]byte, n+icmpHeader+len(payload))
	g.ip.put(p)
	m := p[n:]
	m[0] = c.request()
	be.PutUint16(m[4:], c.bind.port)
	be.PutUint16(m[6:], seq)
	copy(m[icmpHeader:], payload)
	if c.proto == rpdb.ProtoICMPv6 {
		be.PutUint16(m[2:], g.ip.sum(m))
	} else {
		be.PutUint16(m[2:], ^checksum.Checksum(m, 0))
	}
	if err := c.stack.send(p, g.meta); err != nil {
		return opError("write", c.network(), nil, ipAddr(dst), err)
	}
	return nil
}

// plan routes a request of size bytes behind the IP header.
func (c *PingConn) plan(dst netip.Addr, size int, info *PacketInfo) (outgoing, netip.AddrPort, error) {
	o, local, _, err := c.sending()
	if err != nil {
		return outgoing{}, netip.AddrPort{}, err
	}
	info.apply(&o)
	to, errno := c.stack.target(&o, netip.AddrPortFrom(dst, 0), c.bind.addr, toBind)
	if errno == rpdb.OK && to.Addr().Is6() != c.bind.v6 {
		errno = rpdb.EAFNOSUPPORT
	}
	if errno != rpdb.OK {
		return outgoing{}, to, fail("sendto", errno)
	}
	if info.Src.IsValid() {
		local = netip.AddrPortFrom(info.Src, local.Port())
	}
	g, errno := c.stack.plan(&o, c.proto, local, message(to, c.proto, c.request(), 0), size)
	if errno != rpdb.OK {
		return g, to, fail("sendto", errno)
	}
	return g, to, nil
}

// request is the type of an echo request.
func (c *PingConn) request() uint8 {
	if c.proto == rpdb.ProtoICMPv6 {
		return icmp6Echo
	}
	return icmpEcho
}

// Reply is an echo reply.
type Reply struct {
	Message
	Seq uint16
}

// ReadReply receives an echo reply; b gets its payload. Errors are told as by
// UDPConn: by their errno once, and whole by ReadError.
func (c *PingConn) ReadReply(b []byte) (int, Reply, error) {
	buf := make([]byte, icmpHeader+len(b))
	n, m, err := c.next("recvmsg", buf)
	if err != nil {
		return 0, Reply{}, opError("read", c.network(), nil, nil, err)
	}
	return copy(b, buf[icmpHeader:max(n, icmpHeader)]), Reply{m, be.Uint16(buf[6:])}, nil
}

func (c *PingConn) network() string {
	if c.bind.v6 {
		return "ip6"
	}
	return "ip4"
}

// findPing finds the socket of an identifier (ping_lookup).
func (s *Stack) findPing(proto uint8, ident uint16, local netip.Addr, iif, sdif int) *PingConn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.pings[ident] {
		if c.proto != proto || !c.bind.addr.IsUnspecified() && c.bind.addr != local {
			continue
		}
		if c.bind.device == 0 || c.bind.device == iif || c.bind.device == sdif {
			return c
		}
	}
	return nil
}

// deliverPing gives an echo reply to the socket that asked (ping_rcv).
func (s *Stack) deliverPing(a *arrived, in *Arrival) {
	reply := byte(icmpEchoReply)
	if in.Proto == rpdb.ProtoICMPv6 {
		reply = icmp6EchoReply
	}
	if a.upper[0] != reply {
		return
	}
	c := s.findPing(in.Proto, be.Uint16(a.upper[4:]), a.dst, in.IIF, in.SDIF)
	if c == nil || !in.Verified && !icmpValid(a, in.Proto) {
		return
	}
	c.receive(a.upper, Message{
		From: zoned(s, netip.AddrPortFrom(a.src, 0), in), Dst: a.dst, IIF: in.IIF, SDIF: in.SDIF,
		TTL: a.ttl, TOS: a.tos, Time: in.Time,
	})
}

func icmpValid(a *arrived, proto uint8) bool {
	if proto == rpdb.ProtoICMPv6 {
		return a.valid(proto, a.upper)
	}
	return checksum.Checksum(a.upper, 0) == 0xffff
}

// pingError tells the socket whose request an ICMP error quotes (ping_err). An
// unconnected socket hears of errors only if it asked for them.
func (s *Stack) pingError(q *quote, e *ICMPError) {
	if q.upper[0] != icmpEcho && q.proto == rpdb.ProtoICMP || q.upper[0] != icmp6Echo && q.proto == rpdb.ProtoICMPv6 {
		return
	}
	v := e.verdict(q.src.Addr().Is6())
	c := s.findPing(q.proto, q.src.Port(), q.src.Addr(), e.IIF, e.SDIF)
	if c == nil || v.ignore {
		return
	}
	seq := be.Uint16(q.upper[6:])
	se := e.socketError(q, v.errno, q.upper)
	se.Dst = netip.AddrPortFrom(q.dst.Addr(), 0)
	se.Seq = seq
	c.report(v, false, se)
}

func ipAddr(a netip.Addr) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return &net.IPAddr{IP: a.AsSlice(), Zone: a.Zone()}
}

package stack

import (
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// RawConn is a raw IP socket (socket(AF_INET, SOCK_RAW, proto)): it gets a copy of
// every packet of its protocol that arrives for the host. All methods may be called
// from any goroutine.
type RawConn struct {
	datagram
	proto uint8
	v6    bool
	addr  netip.Addr // bound to; unspecified: any
}

// protoRaw is IPPROTO_RAW: such sockets only send, whole packets.
const protoRaw = 255

// ListenRaw makes a raw socket of a protocol. network is "ip4" or "ip6", addr the
// address to bind to or invalid.
func (s *Stack) ListenRaw(network string, proto uint8, addr netip.Addr, o Options) (*RawConn, error) {
	v6, _, errno := family(network, addr, true)
	call := "socket"
	if errno == rpdb.OK {
		call = "bind"
		addr, errno = s.checkBind(&o, addr)
	}
	if errno != rpdb.OK {
		return nil, opError("listen", network, nil, ipAddr(addr), fail(call, errno))
	}
	c := &RawConn{proto: proto, v6: v6, addr: wildcard(addr, v6)}
	c.init(s, &o)
	c.o.HeaderIncluded = c.o.HeaderIncluded || proto == protoRaw
	c.local = netip.AddrPortFrom(c.addr, uint16(proto))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, opError("listen", network, nil, nil, errClosed)
	}
	s.raws = append(slices.Clone(s.raws), c)
	return c, nil
}

// Close closes the socket.
func (c *RawConn) Close() error {
	if !c.shut() {
		return errClosed
	}
	s := c.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raws = slices.DeleteFunc(slices.Clone(s.raws), func(x *RawConn) bool { return x == c })
	return nil
}

// Read receives a packet: from the IP header on for IPv4, from the header of the
// protocol on for IPv6.
func (c *RawConn) Read(b []byte) (int, Message, error) {
	n, m, err := c.next("recvmsg", b)
	if err != nil {
		err = opError("read", c.network(), nil, nil, err)
	}
	return n, m, err
}

// Send sends data to an address behind an IP header with the socket's options or,
// with Options.HeaderIncluded, as a whole packet, of which the host fills in the
// length, the checksum, and source and identification if they are 0 (raw_send_hdrinc).
// Checksums of the upper layer are the caller's, except that of ICMPv6.
func (c *RawConn) Send(dst netip.Addr, data []byte, info PacketInfo) error {
	if err := c.send(dst, data, &info); err != nil {
		return opError("write", c.network(), nil, ipAddr(dst), err)
	}
	return nil
}

func (c *RawConn) send(dst netip.Addr, data []byte, info *PacketInfo) error {
	ready := c.settings // sock_wmalloc looks at no pending error
	if c.o.HeaderIncluded {
		ready = c.sending
	}
	o, local, _, err := ready()
	if err != nil {
		return err
	}
	info.apply(&o)
	to, errno := c.stack.target(&o, netip.AddrPortFrom(dst, 0), c.addr, toSend)
	if errno == rpdb.OK && to.Addr().Is6() != c.v6 {
		errno = rpdb.EAFNOSUPPORT
	}
	if errno != rpdb.OK {
		return fail("sendto", errno)
	}
	src := netip.AddrPortFrom(local.Addr(), 0)
	if info.Src.IsValid() {
		src = netip.AddrPortFrom(info.Src, 0)
	}
	size := len(data)
	if o.HeaderIncluded {
		size -= min(size, ipv4Header)
		o.PMTU = PMTUDont
	}
	var typ, code uint8
	if len(data) >= 2 && !o.HeaderIncluded { // raw_probe_proto_opt, rawv6_probe_proto_opt
		typ, code = data[0], data[1]
	}
	g, errno := c.stack.plan(&o, c.proto, src, message(to, c.proto, typ, code), size)
	if errno == rpdb.EMSGSIZE {
		c.tooLong(to, g.path.MTU, data)
	}
	if errno != rpdb.OK {
		return fail("sendto", errno)
	}
	g.meta.Raw = true
	if o.HeaderIncluded && !c.v6 {
		return c.sendWhole(&g, data)
	}
	n := g.ip.size()
	p := make([]byte, n+len(data))
	g.ip.put(p)
	copy(p[n:], data)
	if c.proto == rpdb.ProtoICMPv6 && len(data) >= 4 {
		p[n+2], p[n+3] = 0, 0
		be.PutUint16(p[n+2:], g.ip.sum(p[n:]))
	}
	if c.v6 {
		return c.stack.send(p, g.meta)
	}
	c.stack.output(p, g.meta) // raw_sendmsg hides ENOBUFS
	return nil
}

// sendWhole sends a packet with the caller's IPv4 header.
func (c *RawConn) sendWhole(g *outgoing, data []byte) error {
	if len(data) < ipv4Header || int(data[0]&15)*4 > len(data) || int(data[0]&15)*4 < ipv4Header {
		return fail("sendto", rpdb.EINVAL)
	}
	if len(data) > g.path.MTU { // never fragmented
		return fail("sendto", rpdb.EMSGSIZE)
	}
	p := slices.Clone(data)
	be.PutUint16(p[2:], uint16(len(p)))
	if be.Uint32(p[12:]) == 0 {
		src := g.ip.src.As4()
		copy(p[12:], src[:])
	}
	if be.Uint16(p[4:]) == 0 {
		be.PutUint16(p[4:], g.ip.id)
	}
	c.stack.output(p, g.meta)
	return nil
}

func (c *RawConn) network() string {
	if c.v6 {
		return "ip6"
	}
	return "ip4"
}

// takes tells whether the socket wants packets of a protocol between two addresses
// (raw_v4_match, raw_v6_match).
func (c *RawConn) takes(v6 bool, proto uint8, local netip.Addr, iif, sdif int, accept bool) bool {
	return c.v6 == v6 && c.proto == proto && (c.addr.IsUnspecified() || c.addr == local) &&
		deviceMatches(c.o.Device, iif, sdif, accept)
}

// deliverRaw gives copies to all raw sockets that want the packet, and tells whether
// there was one (raw_local_deliver).
func (s *Stack) deliverRaw(a *arrived, in *Arrival) bool {
	s.mu.RLock()
	raws := s.raws
	s.mu.RUnlock()
	if len(raws) == 0 {
		return false
	}
	accept := s.l3mdevAccept("raw", in.SDIF)
	found := false
	for _, c := range raws {
		if !c.takes(a.dst.Is6(), in.Proto, a.dst, in.IIF, in.SDIF, accept) {
			continue
		}
		found = true
		data := a.packet
		if c.v6 {
			data = a.upper
		}
		c.receive(data, Message{
			From: zoned(s, netip.AddrPortFrom(a.src, 0), in), Dst: a.dst, IIF: in.IIF, SDIF: in.SDIF,
			TTL: a.ttl, TOS: a.tos, Time: in.Time,
		})
	}
	return found
}

// rawError tells raw sockets that could have sent the quoted packet and asked for
// errors (raw_icmp_error, rawv6_err).
func (s *Stack) rawError(q *quote, e *ICMPError) {
	s.mu.RLock()
	raws := s.raws
	s.mu.RUnlock()
	v := e.verdict(q.src.Addr().Is6())
	if len(raws) == 0 || v.ignore {
		return
	}
	for _, c := range raws {
		if c.takes(q.src.Addr().Is6(), q.proto, q.src.Addr(), e.IIF, e.SDIF, true) {
			se := e.socketError(q, v.errno, q.upper)
			se.Dst = netip.AddrPortFrom(q.dst.Addr(), 0)
			c.report(v, false, se)
		}
	}
}

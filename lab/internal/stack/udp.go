package stack

import (
	"net"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// UDPConn is a UDP socket. It implements net.Conn and net.PacketConn, and has the
// netip methods of net.UDPConn. All methods may be called from any goroutine.
type UDPConn struct {
	datagram
	network string
	v6      bool // an IPv6 socket; it may take IPv4 too
	bind    *binding
}

var (
	_ net.Conn       = (*UDPConn)(nil)
	_ net.PacketConn = (*UDPConn)(nil)
)

// ListenUDP makes a socket bound to an address. network is "udp", "udp4" or "udp6";
// with "udp" and no address the socket takes both families. Port 0 chooses one.
func (s *Stack) ListenUDP(network string, addr netip.AddrPort, o Options) (*UDPConn, error) {
	c, err := s.bindUDP(network, addr, o)
	return c, opError("listen", network, nil, udpAddr(addr), err)
}

// DialUDP makes a socket bound to Options.Local and connected to an address, whose
// source is what the host's routes give now (ip4_datagram_connect).
func (s *Stack) DialUDP(network string, addr netip.AddrPort, o Options) (*UDPConn, error) {
	local := o.Local
	if !local.Addr().IsValid() && network == "udp" && addr.Addr().Unmap().Is4() {
		local = netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())
	}
	c, err := s.bindUDP(network, local, o)
	if err == nil {
		if err = c.Connect(addr); err != nil {
			c.Close()
			c = nil
		}
	}
	return c, opError("dial", network, udpAddr(o.Local), udpAddr(addr), err)
}

func (s *Stack) bindUDP(network string, addr netip.AddrPort, o Options) (*UDPConn, error) {
	v6, v6only, errno := family(network, addr.Addr(), o.V6Only)
	if errno != rpdb.OK {
		return nil, fail("socket", errno)
	}
	a, errno := s.checkBind(&o, addr.Addr())
	if errno != rpdb.OK {
		return nil, fail("bind", errno)
	}
	a = wildcard(a, v6)
	c := &UDPConn{network: network, v6: v6}
	c.init(s, &o)
	c.bind = &binding{
		proto: rpdb.ProtoUDP, v6: v6, v6only: v6only, addr: a, port: addr.Port(), device: o.Device,
		uid: o.UID, reuseAddr: o.ReuseAddr, reusePort: o.ReusePort,
	}
	rules := s.portRules(rpdb.ProtoUDP)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if errno := s.claim(c.bind, rules, anyParity, nil); errno != rpdb.OK {
		return nil, fail("bind", errno)
	}
	c.local = netip.AddrPortFrom(a, c.bind.port)
	if s.udp == nil {
		s.udp = make(map[uint16][]*UDPConn)
	}
	s.udp[c.bind.port] = ordered(s.udp[c.bind.port], c)
	return c, nil
}

// Connect gives the socket a destination, and the source that goes with it.
func (c *UDPConn) Connect(addr netip.AddrPort) error {
	c.mu.Lock()
	o, local := c.o, c.local
	c.mu.Unlock()
	dst, errno := c.stack.target(&o, addr, c.bind.addr, toBind)
	if errno == rpdb.OK && dst.Addr().Is6() && !c.v6 {
		errno = rpdb.EAFNOSUPPORT
	}
	if errno != rpdb.OK {
		return fail("connect", errno)
	}
	g, errno := c.stack.plan(&o, rpdb.ProtoUDP, netip.AddrPortFrom(c.bind.addr, local.Port()), dst, 0)
	if errno != rpdb.OK {
		return fail("connect", errno)
	}
	c.stack.mu.Lock()
	defer c.stack.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.o = o
	c.bind.device = o.Device // that of a link-local destination
	c.remote = dst
	c.local = netip.AddrPortFrom(g.ip.src, local.Port())
	if local.Addr().IsUnspecified() { // found by its address from now on (udp_lib_rehash)
		list := c.stack.udp[local.Port()]
		c.stack.udp[local.Port()] = slices.Insert(without(list, c), 0, c)
	}
	return nil
}

// Close closes the socket.
func (c *UDPConn) Close() error {
	if !c.shut() {
		return opError("close", c.network, c.LocalAddr(), nil, errClosed)
	}
	s := c.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports.remove(c.bind)
	list := without(s.udp[c.bind.port], c)
	if s.udp[c.bind.port] = list; len(list) == 0 {
		delete(s.udp, c.bind.port)
	}
	return nil
}

// LocalAddr returns the *net.UDPAddr that the socket is bound to.
func (c *UDPConn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return udpAddr(c.local)
}

// RemoteAddr returns the *net.UDPAddr that the socket is connected to, or nil.
func (c *UDPConn) RemoteAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return udpAddr(c.remote)
}

// Read receives a datagram.
func (c *UDPConn) Read(b []byte) (int, error) {
	n, _, err := c.ReadMsg(b)
	return n, err
}

// ReadFrom implements net.PacketConn; the address is a *net.UDPAddr.
func (c *UDPConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, m, err := c.ReadMsg(b)
	return n, udpAddr(m.From), err
}

// ReadFromUDPAddrPort is ReadFrom without an allocation for the address.
func (c *UDPConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, m, err := c.ReadMsg(b)
	return n, m.From, err
}

// ReadMsg receives a datagram, and tells what recvmsg's control messages would.
func (c *UDPConn) ReadMsg(b []byte) (int, Message, error) {
	n, m, err := c.next("recvfrom", b)
	if err != nil {
		err = opError("read", c.network, c.LocalAddr(), c.RemoteAddr(), err)
	}
	return n, m, err
}

// Write sends a datagram to the address that the socket is connected to.
func (c *UDPConn) Write(b []byte) (int, error) {
	return c.WriteMsg(b, netip.AddrPort{}, PacketInfo{})
}

// WriteTo implements net.PacketConn.
func (c *UDPConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	a, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, opError("write", c.network, c.LocalAddr(), addr, fail("sendto", rpdb.EINVAL))
	}
	return c.WriteMsg(b, a.AddrPort(), PacketInfo{})
}

// WriteToUDPAddrPort is WriteTo without an allocation for the address.
func (c *UDPConn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	return c.WriteMsg(b, addr, PacketInfo{})
}

// PacketInfo is what one datagram is sent with instead of the socket's options
// (IP_PKTINFO, IP_TTL, IP_TOS, SO_MARK as control messages). Zero: the
// socket's.
type PacketInfo struct {
	Src    netip.Addr
	Device int
	TTL    uint8
	TOS    uint8
	Mark   uint32
}

func (i *PacketInfo) apply(o *Options) {
	if i.Device != 0 {
		o.Device = i.Device
	}
	if i.TTL != 0 {
		o.TTL = i.TTL
	}
	if i.TOS != 0 {
		o.TOS = i.TOS
	}
	if i.Mark != 0 {
		o.Mark = i.Mark
	}
}

// WriteMsg sends a datagram; an invalid address means the connected one. The
// source of an unbound socket is what the host's routes give at this moment.
func (c *UDPConn) WriteMsg(b []byte, addr netip.AddrPort, info PacketInfo) (int, error) {
	err := c.send(b, addr, &info)
	if err == nil {
		return len(b), nil
	}
	to := udpAddr(addr)
	if to == nil {
		to = c.RemoteAddr()
	}
	return 0, opError("write", c.network, c.LocalAddr(), to, err)
}

func (c *UDPConn) send(b []byte, addr netip.AddrPort, info *PacketInfo) error {
	o, local, remote, err := c.sending()
	if err != nil {
		return err
	}
	info.apply(&o)
	dst, errno := remote, rpdb.OK
	switch {
	case addr.IsValid():
		dst, errno = c.stack.target(&o, addr, c.bind.addr, toSend)
	case !remote.IsValid():
		errno = rpdb.EDESTADDRREQ
	}
	switch {
	case errno != rpdb.OK:
	case dst.Addr().Is6() && !c.v6:
		errno = rpdb.EAFNOSUPPORT
	case dst.Addr().Is4() && c.bind.v6only:
		errno = rpdb.ENETUNREACH
	case dst.Port() == 0:
		errno = rpdb.EINVAL
	case len(b) > 0xffff && dst.Addr().Is4():
		errno = rpdb.EMSGSIZE
	}
	if errno != rpdb.OK {
		return fail("sendto", errno)
	}
	src := local
	if info.Src.IsValid() {
		src = netip.AddrPortFrom(info.Src, local.Port())
	}
	g, errno := c.stack.plan(&o, rpdb.ProtoUDP, src, dst, udpHeader+len(b))
	if errno == rpdb.EMSGSIZE {
		c.tooLong(dst, g.path.MTU, b)
	}
	if errno != rpdb.OK {
		return fail("sendto", errno)
	}
	c.stack.output(udpPacket(&g.ip, local.Port(), dst.Port(), b), g.meta)
	return nil
}

// udpPacket builds the packet of a datagram.
func udpPacket(ip *ipHeader, sport, dport uint16, data []byte) []byte {
	n := ip.size()
	p := make([]byte, n+udpHeader+len(data))
	ip.put(p)
	u := p[n:]
	be.PutUint16(u, sport)
	be.PutUint16(u[2:], dport)
	be.PutUint16(u[4:], uint16(len(u)))
	copy(u[udpHeader:], data)
	sum := ip.sum(u)
	if sum == 0 {
		sum = 0xffff
	}
	be.PutUint16(u[6:], sum)
	return p
}

// deliverUDP gives a datagram to the socket that it is for, or to all that want a
// broadcast or multicast one (__udp4_lib_rcv, __udp6_lib_rcv).
func (s *Stack) deliverUDP(a *arrived, in *Arrival) bool {
	n := int(be.Uint16(a.upper[4:]))
	if n == 0 && a.dst.Is6() {
		n = len(a.upper)
	}
	if n < udpHeader || n > len(a.upper) {
		return true
	}
	u := a.upper[:n]
	if sum := be.Uint16(u[6:]); !in.Verified && (sum != 0 && !a.valid(rpdb.ProtoUDP, u) || sum == 0 && a.dst.Is6()) {
		return true
	}
	src := netip.AddrPortFrom(a.src, be.Uint16(u))
	dst := netip.AddrPortFrom(a.dst, be.Uint16(u[2:]))
	accept := s.l3mdevAccept("udp", in.SDIF)
	m := Message{
		From: zoned(s, src, in), Dst: a.dst, IIF: in.IIF, SDIF: in.SDIF,
		TTL: a.ttl, TOS: a.tos, Time: in.Time,
	}
	if in.Type == rpdb.Broadcast || in.Type == rpdb.Multicast {
		for _, c := range s.allUDP(src, dst, in, accept) {
			c.receive(u[udpHeader:], m)
		}
		return true
	}
	c := s.findUDP(src, dst, in.IIF, in.SDIF, accept)
	if c == nil {
		return false
	}
	c.receive(u[udpHeader:], m)
	return true
}

// zoned adds the zone to a link-local address.
func zoned(s *Stack, a netip.AddrPort, in *Arrival) netip.AddrPort {
	if !a.Addr().Is6() || !a.Addr().IsLinkLocalUnicast() {
		return a
	}
	i := in.IIF
	if in.SDIF != 0 {
		i = in.SDIF
	}
	if l, ok := s.net.Link(i, ""); ok {
		return netip.AddrPortFrom(a.Addr().WithZone(l.Name), a.Port())
	}
	return a
}

func (c *UDPConn) claimed() *binding     { return c.bind }
func (c *UDPConn) connected() bool       { return c.remote.IsValid() }
func (c *UDPConn) localAddr() netip.Addr { return c.local.Addr() }

// score is compute_score of net/ipv4/udp.c and net/ipv6/udp.c. s.mu is held.
func (c *UDPConn) score(src, dst netip.AddrPort, iif, sdif int, accept bool) (int, bool) {
	v4 := dst.Addr().Is4()
	if v4 == c.v6 && (!c.v6 || c.bind.v6only) || !deviceMatches(c.bind.device, iif, sdif, accept) {
		return 0, false
	}
	if local := c.local.Addr(); !local.IsUnspecified() && local != dst.Addr() || c.connected() && c.remote != src {
		return 0, false
	}
	part, score := 1, 0 // IPv6 counts 1 for each
	if v4 {
		if part, score = 4, 1; !c.v6 {
			score = 2
		}
	}
	if c.connected() {
		score += 2 * part
	}
	if c.bind.device != 0 {
		score += part
	}
	return score, true
}

// findUDP finds the socket for a datagram (__udp4_lib_lookup, __udp6_lib_lookup).
func (s *Stack) findUDP(src, dst netip.AddrPort, iif, sdif int, accept bool) *UDPConn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return find(s.udp[dst.Port()], src, dst, iif, sdif, accept, mix(s.seed, src, dst))
}

// allUDP finds all sockets that take a broadcast or multicast datagram
// (__udp4_lib_mcast_deliver).
func (s *Stack) allUDP(src, dst netip.AddrPort, in *Arrival, accept bool) []*UDPConn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*UDPConn
	for _, c := range s.udp[dst.Port()] {
		if _, ok := c.score(src, dst, in.IIF, in.SDIF, accept); ok {
			all = append(all, c)
		}
	}
	return all
}

// udpError tells the socket that sent the quoted datagram (__udp4_lib_err,
// __udp6_lib_err).
func (s *Stack) udpError(q *quote, e *ICMPError) {
	v := e.verdict(q.src.Addr().Is6())
	if v.ignore {
		return
	}
	accept := s.l3mdevAccept("udp", e.SDIF)
	c := s.findUDP(q.dst, q.src, e.IIF, e.SDIF, accept)
	if c == nil {
		return
	}
	c.report(v, c.RemoteAddr() != nil, e.socketError(q, v.errno, q.upper[udpHeader:]))
}

// family resolves the network's name and an address to bind to.
func family(network string, a netip.Addr, v6only bool) (v6, only bool, errno rpdb.Errno) {
	four := a.IsValid() && a.Unmap().Is4()
	six := a.IsValid() && !four
	switch network[len(network)-1] {
	case '4':
		if six {
			return false, false, rpdb.EAFNOSUPPORT
		}
		return false, false, rpdb.OK
	case '6':
		if four {
			return true, true, rpdb.EAFNOSUPPORT
		}
		return true, true, rpdb.OK
	}
	return !four, v6only, rpdb.OK
}

// wildcard gives an address that nobody chose.
func wildcard(a netip.Addr, v6 bool) netip.Addr {
	switch {
	case a.IsValid() && !v6:
		return a.Unmap()
	case a.IsValid():
		return a
	case v6:
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func udpAddr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return net.UDPAddrFromAddrPort(a)
}

package stack

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/rulewalk/rulewalk/rpdb"
)

// DialTCP opens a connection. The source address is Options.Local's, or what the
// host's routes give for the destination now. network is "tcp", "tcp4" or "tcp6". An
// ICMP error or a reset ends the attempt at once; without an answer it ends as
// tcp_syn_retries says, or with ctx.
func (s *Stack) DialTCP(ctx context.Context, network string, addr netip.AddrPort, o Options) (*TCPConn, error) {
	c, err := s.dialTCP(ctx, network, addr, &o)
	if err != nil {
		return nil, opError("dial", network, tcpAddr(o.Local), tcpAddr(addr), err)
	}
	return c, nil
}

func (s *Stack) dialTCP(ctx context.Context, network string, addr netip.AddrPort, o *Options) (*TCPConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError(err)
	}
	t, err := s.transport()
	if err != nil {
		return nil, err
	}
	local, remote, path, err := s.connectRoute(network, addr, o)
	if err != nil {
		return nil, err
	}
	c, err := t.newActive(network, local, remote, o)
	if err != nil {
		return nil, err
	}
	if o.Local.Port() == 0 { // rules may look at the port (ip_route_newports)
		f := o.flow(rpdb.ProtoTCP, c.local, c.remote)
		path = s.net.Route(&f)
	}
	err = c.connect(ctx, &path)
	if err != nil {
		c.shut()
		c.ep.Close()
		return nil, err
	}
	return c, nil
}

// connectRoute finds the two ends of a connection: first the way and the source
// that it gives (tcp_v4_connect: ip_route_connect), later the port.
func (s *Stack) connectRoute(network string, addr netip.AddrPort, o *Options) (local, remote netip.AddrPort, path Path, err error) {
	if _, _, errno := family(network, addr.Addr(), false); errno != rpdb.OK {
		return local, remote, path, fail("socket", errno)
	}
	src, errno := s.checkBind(o, o.Local.Addr())
	if errno != rpdb.OK {
		return local, remote, path, fail("bind", errno)
	}
	if src.IsValid() {
		src = src.Unmap()
	}
	remote, errno = s.target(o, addr, src, toBind)
	if errno != rpdb.OK {
		return local, remote, path, fail("connect", errno)
	}
	if !src.IsValid() || src.IsUnspecified() {
		src = rpdb.FamilyOf(remote.Addr()).Zero()
	}
	f := o.flow(rpdb.ProtoTCP, netip.AddrPortFrom(src, o.Local.Port()), remote)
	path = s.net.Route(&f)
	if errno = path.Err; errno == rpdb.OK && (path.Type == rpdb.Broadcast || path.Type == rpdb.Multicast) {
		errno = rpdb.ENETUNREACH
	}
	if src.IsUnspecified() {
		src = path.Src
	}
	if errno == rpdb.OK && !src.IsValid() {
		errno = rpdb.EADDRNOTAVAIL
	}
	if errno != rpdb.OK {
		return local, remote, path, fail("connect", errno)
	}
	return netip.AddrPortFrom(src, o.Local.Port()), remote, path, nil
}

// newActive makes the socket of a connection that is opened, bound to its address
// and port.
func (t *tcpStack) newActive(network string, local, remote netip.AddrPort, o *Options) (*TCPConn, error) {
	s := t.s
	nic := t.domain(o.Device, 0)
	b := &binding{
		proto: rpdb.ProtoTCP, v6: local.Addr().Is6(), v6only: true, addr: local.Addr(), port: local.Port(),
		device: o.Device, uid: o.UID, reuseAddr: o.ReuseAddr, reusePort: o.ReusePort,
	}
	unused := func(port uint16) bool {
		ep, _ := t.connection(netip.AddrPortFrom(local.Addr(), port), remote, o.Device, 0, true)
		return ep == nil
	}
	rules := s.portRules(rpdb.ProtoTCP)
	call := "bind"
	if b.port == 0 {
		call = "connect"
	}
	s.mu.Lock()
	errno := s.claim(b, rules, evenFirst, unused)
	s.mu.Unlock()
	if errno != rpdb.OK {
		return nil, fail(call, errno)
	}
	local = netip.AddrPortFrom(local.Addr(), b.port)
	ep, wq, err := t.endpoint(local.Addr().Is6(), o)
	if err == nil {
		err = bindEndpoint(ep, nic, local)
	}
	if err != nil {
		s.mu.Lock()
		s.ports.remove(b)
		s.mu.Unlock()
		return nil, err
	}
	c := newTCPConn(t, ep, wq, network, *o)
	c.bind, c.local, c.remote = b, local, remote
	return c, nil
}

// endpoint makes gVisor's socket with the options.
func (t *tcpStack) endpoint(v6 bool, o *Options) (*tcp.Endpoint, *waiter.Queue, error) {
	t.setRetries()
	wq := new(waiter.Queue)
	proto := protocolOf(netip.IPv4Unspecified())
	if v6 {
		proto = protocolOf(netip.IPv6Unspecified())
	}
	e, gerr := t.g.NewEndpoint(tcp.ProtocolNumber, proto, wq)
	if gerr != nil {
		return nil, nil, fail("socket", errnoOf(gerr))
	}
	ep := e.(*tcp.Endpoint)
	so := ep.SocketOptions()
	so.SetReuseAddress(true) // which ports may be shared was decided before
	so.SetReusePort(true)
	so.SetV6Only(o.V6Only)
	if o.Device != 0 {
		if gerr := so.SetBindToDevice(int32(o.Device)); gerr != nil {
			return nil, nil, fail("setsockopt", rpdb.ENODEV)
		}
	}
	if o.ReceiveBuffer != 0 {
		so.SetReceiveBufferSize(int64(o.ReceiveBuffer), true)
	}
	if o.SendBuffer != 0 {
		so.SetSendBufferSize(int64(o.SendBuffer), true)
	}
	setKeepAlive(ep, o.KeepAlive)
	return ep, wq, nil
}

func bindEndpoint(ep *tcp.Endpoint, nic tcpip.NICID, local netip.AddrPort) error {
	a := tcpip.FullAddress{NIC: nic, Port: local.Port()}
	if !local.Addr().IsUnspecified() {
		a.Addr = toAddress(local.Addr())
	}
	if err := ep.Bind(a); err != nil {
		ep.Close()
		return fail("bind", errnoOf(err))
	}
	return nil
}

// setHops sets the TTL of a connection's segments.
func setHops(ep *tcp.Endpoint, v4 bool, hops uint8) {
	if v4 {
		ep.SetSockOptInt(tcpip.IPv4TTLOption, int(hops))
	} else {
		ep.SetSockOptInt(tcpip.IPv6HopLimitOption, int(hops))
	}
}

// advertised is the segment size that a SYN announces on a path, 0 if it is not known.
func advertised(p *Path, v4 bool, user uint16) int {
	if p.Err != rpdb.OK {
		return 0
	}
	mss := p.AdvMSS
	if mss == 0 {
		mss = p.MTU - headers(v4)
	}
	mss = min(mss, 65535-ipv4Header-tcpHeader)
	if user != 0 {
		mss = min(mss, int(user))
	}
	if mss < 48 {
		return 0
	}
	return mss
}

// connect shakes hands.
func (c *TCPConn) connect(ctx context.Context, path *Path) error {
	if path.Err != rpdb.OK {
		return fail("connect", path.Err)
	}
	setHops(c.ep, c.remote.Addr().Is4(), c.t.s.hops(&c.o, path, c.remote.Addr()))
	if mss := advertised(path, c.remote.Addr().Is4(), c.o.MSS); mss != 0 {
		c.ep.SetSockOptInt(tcpip.MaxSegOption, mss)
	}
	syn := newSYNTimer(c.t.s, func() { c.abandon(rpdb.ETIMEDOUT) })
	defer syn.end()
	c.ep.SetOwner(&owner{o: c.o, syn: syn})
	stop := context.AfterFunc(ctx, c.notify)
	defer stop()

	to := tcpip.FullAddress{NIC: nicOf(c.o.Device), Addr: toAddress(c.remote.Addr()), Port: c.remote.Port()}
	if err := c.ep.Connect(to); err != nil {
		if _, started := err.(*tcpip.ErrConnectStarted); !started {
			return fail("connect", errnoOf(err))
		}
	}
	gerr, err := c.until(&c.writing, func() tcpip.Error { return c.connected(ctx) })
	if err != nil {
		return err
	}
	c.mu.Lock()
	errno := c.failed
	c.mu.Unlock()
	switch {
	case errno != rpdb.OK:
		return fail("connect", errno)
	case gerr != nil:
		return fail("connect", errnoOf(gerr))
	}
	return contextError(ctx.Err())
}

// connected tells how the attempt to connect ended, or that it did not.
func (c *TCPConn) connected(ctx context.Context) tcpip.Error {
	c.mu.Lock()
	failed := c.failed != rpdb.OK
	c.mu.Unlock()
	if failed || ctx.Err() != nil {
		return nil
	}
	switch c.ep.EndpointState() {
	case tcp.StateConnecting, tcp.StateSynSent, tcp.StateSynRecv:
		return &tcpip.ErrWouldBlock{}
	case tcp.StateError, tcp.StateClose:
		err := c.ep.LastError()
		if _, timeout := err.(*tcpip.ErrTimeout); timeout {
			return &tcpip.ErrWouldBlock{} // gVisor is early; synTimer ends it
		}
		if err == nil {
			return &tcpip.ErrConnectionRefused{}
		}
		return err
	}
	return nil
}

// abandon ends an attempt to connect with an error.
func (c *TCPConn) abandon(errno rpdb.Errno) {
	c.mu.Lock()
	if c.failed == rpdb.OK {
		c.failed = errno
	}
	c.mu.Unlock()
	c.notify()
}

// contextError is what package net makes of a context's end.
func contextError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return errDeadline
	}
	return errCanceled
}

var errCanceled = errors.New("operation was canceled")

func tcpAddr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return net.TCPAddrFromAddrPort(a)
}

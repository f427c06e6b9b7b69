package stack

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/refs"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// tcpStack is gVisor's TCP of one host. gVisor knows one interface for each device
// that sockets are bound to (a domain), and one for all other sockets; which
// socket gets a segment is decided here, and the IP layer below is netEndpoint.
type tcpStack struct {
	s     *Stack
	g     *gstack.Stack
	queue func(gstack.TransportEndpoint, gstack.TransportEndpointID, *gstack.PacketBuffer)
	start time.Time // of the monotonic clock
	sack  bool      // net.ipv4.tcp_sack

	ending sync.Mutex // orders settle and close
	ended  bool

	mu        sync.RWMutex
	nics      map[domain]tcpip.NICID
	making    domain                      // whose interface is being made
	listeners map[uint16][]*TCPListener   // by port, in the order of ordered
	conns     map[tcpip.Endpoint]*TCPConn // those that the program has open, or opens
	closed    map[flowEnds]int            // those that are being closed just now, a listener's without remote
}

// domain is what an interface of gVisor's stands for: a device, 0 for any, and a
// segment size, 0 for the largest.
type domain struct{ device, mss int }

type flowEnds struct{ local, remote netip.AddrPort }

// whileClosing runs a call that closes a connection, or a listener (remote is invalid
// then) with the connections that nobody accepted: resets that it sends are not answers
// to segments (tcp_send_active_reset).
func (t *tcpStack) whileClosing(e flowEnds, f func()) {
	t.mu.Lock()
	t.closed[e]++
	t.mu.Unlock()
	f()
	t.mu.Lock()
	if t.closed[e]--; t.closed[e] == 0 {
		delete(t.closed, e)
	}
	t.mu.Unlock()
}

func (t *tcpStack) closing(local, remote netip.AddrPort) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.closed[flowEnds{local, remote}] > 0 ||
		t.closed[flowEnds{netip.AddrPortFrom(netip.Addr{}, local.Port()), netip.AddrPort{}}] > 0
}

// anyDevice is the interface of sockets that are bound to no device; the others
// have the number of their device. Those from firstSized on are for connections that
// are accepted: they tell gVisor the segment size of the path.
const (
	anyDevice  tcpip.NICID = 1 << 30
	firstSized tcpip.NICID = 1 << 29
)

func nicOf(device int) tcpip.NICID {
	if device == 0 {
		return anyDevice
	}
	return tcpip.NICID(device)
}

// bufferSizes reads net.ipv4.tcp_rmem and tcp_wmem. The largest receive buffer gives
// the window scale: 10 by the default of Linux 6.18, 7 by that of 6.15 and before.
func (s *Stack) bufferSizes() (receive tcpip.TCPReceiveBufferSizeRangeOption, send tcpip.TCPSendBufferSizeRangeOption) {
	receive = tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: 131072, Max: 33554432}
	send = tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: 262144, Max: 4194304} // gVisor grows it by the window
	sizes := func(path string, dst ...*int) {
		v, _ := s.net.Sysctl(path)
		f := strings.Fields(v)
		if len(f) != 3 {
			return
		}
		for i, d := range dst {
			if n, err := strconv.Atoi(f[i]); err == nil && n > 0 && d != nil {
				*d = n
			}
		}
	}
	sizes("net/ipv4/tcp_rmem", &receive.Min, &receive.Default, &receive.Max)
	sizes("net/ipv4/tcp_wmem", &send.Min, nil, &send.Max)
	receive.Default = max(receive.Min, receive.Default)
	receive.Max = max(receive.Default, receive.Max)
	send.Default = max(send.Default, send.Min)
	send.Max = max(send.Max, send.Default)
	return receive, send
}

// transport returns gVisor's TCP, made at the first call.
func (s *Stack) transport() (*tcpStack, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.tcp == nil {
		s.tcp = newTCPStack(s)
	}
	return s.tcp, nil
}

func newTCPStack(s *Stack) *tcpStack {
	refs.SetLeakMode(refs.NoLeakChecking) // gVisor's own check of its counters is for its tests
	t := &tcpStack{
		s: s, start: s.net.Now(), nics: make(map[domain]tcpip.NICID),
		listeners: make(map[uint16][]*TCPListener), conns: make(map[tcpip.Endpoint]*TCPConn),
		closed: make(map[flowEnds]int),
	}
	source := &lockedSource{rng: rand.New(rand.NewPCG(s.random(), s.random()))}
	t.g = gstack.New(gstack.Options{
		NetworkProtocols:   []gstack.NetworkProtocolFactory{t.newIPv4, t.newIPv6},
		TransportProtocols: []gstack.TransportProtocolFactory{tcp.NewProtocolCUBIC},
		Clock:              clock{t},
		RandSource:         source,
		SecureRNG:          source,
	})
	receiveSizes, sendSizes := s.bufferSizes()
	t.sack = s.sysctlInt("net/ipv4/tcp_sack", 1) != 0
	sack := tcpip.TCPSACKEnabled(t.sack)
	// gVisor's RACK takes everything for lost when packets take no time, as on a clock
	// that only jumps: losses are found by selective acknowledgments (RFC 6675).
	recovery := tcpip.TCPRecovery(0)
	for _, o := range []tcpip.SettableTransportProtocolOption{&receiveSizes, &sendSizes, &sack, &recovery} {
		if err := t.g.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			panic("stack: gVisor refuses a setting: " + err.String())
		}
	}
	t.queue = t.g.TransportProtocolInstance(tcp.ProtocolNumber).(interface {
		QueuePacket(gstack.TransportEndpoint, gstack.TransportEndpointID, *gstack.PacketBuffer)
	}).QueuePacket
	t.domain(0, 0)
	return t
}

// domain returns the interface of a device and a segment size, made at the first call.
func (t *tcpStack) domain(device, mss int) tcpip.NICID {
	d := domain{device, mss}
	t.mu.RLock()
	nic, ok := t.nics[d]
	t.mu.RUnlock()
	if ok {
		return nic
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if nic, ok := t.nics[d]; ok {
		return nic
	}
	if nic = nicOf(device); mss != 0 {
		nic = firstSized + tcpip.NICID(len(t.nics))
	}
	t.nics[d], t.making = nic, d
	if err := t.g.CreateNIC(nic, noLink{}); err != nil {
		panic("stack: gVisor refuses an interface: " + err.String())
	}
	t.g.SetSpoofing(nic, true)
	t.g.AddRoute(tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: nic})
	t.g.AddRoute(tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: nic})
	return nic
}

func (t *tcpStack) hasDomain(device int) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.nics[domain{device, 0}]
	return ok
}

// setRetries has connections that begin now give up after net.ipv4.tcp_retries2
// retransmissions.
func (t *tcpStack) setRetries() {
	n := tcpip.TCPMaxRetriesOption(max(t.s.sysctlInt("net/ipv4/tcp_retries2", tcp.MaxRetries), 0))
	if err := t.g.SetTransportProtocolOption(tcp.ProtocolNumber, &n); err != nil {
		panic("stack: gVisor refuses a setting: " + err.String())
	}
}

// settle waits until gVisor's goroutines have nothing to do.
func (t *tcpStack) settle() {
	t.ending.Lock()
	defer t.ending.Unlock()
	if t.ended {
		return
	}
	t.g.Pause()
	t.g.Resume()
}

// close ends all connections and waits for gVisor's goroutines.
func (t *tcpStack) close() {
	t.mu.Lock()
	var conns []*TCPConn
	for _, c := range t.conns {
		conns = append(conns, c)
	}
	var listeners []*TCPListener
	for _, l := range t.listeners {
		listeners = append(listeners, l...)
	}
	t.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	for _, c := range conns {
		c.shut()
		c.ep.Abort()
	}
	t.ending.Lock()
	t.ended = true
	t.ending.Unlock()
	t.g.Close()
	t.g.Wait()
}

// connection finds the connection of a segment that arrived, established or being
// established (__inet_lookup_established), and the device that it is bound to.
func (t *tcpStack) connection(local, remote netip.AddrPort, iif, sdif int, accept bool) (*tcp.Endpoint, int) {
	id := endpointID(local, remote)
	proto := protocolOf(local.Addr())
	for i, device := range [...]int{iif, sdif, 0} {
		if i == 1 && sdif == 0 || i < 2 && !t.hasDomain(device) || i == 2 && !deviceMatches(0, iif, sdif, accept) {
			continue
		}
		ep, ok := t.g.FindTransportEndpoint(proto, tcp.ProtocolNumber, id, nicOf(device)).(*tcp.Endpoint)
		if ok && ep.TransportEndpointInfo.ID.RemotePort != 0 {
			return ep, device
		}
	}
	return nil, 0
}

func endpointID(local, remote netip.AddrPort) gstack.TransportEndpointID {
	return gstack.TransportEndpointID{
		LocalPort: local.Port(), LocalAddress: toAddress(local.Addr()),
		RemotePort: remote.Port(), RemoteAddress: toAddress(remote.Addr()),
	}
}

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return header.IPv4ProtocolNumber
	}
	return header.IPv6ProtocolNumber
}

func toAddress(a netip.Addr) tcpip.Address {
	switch {
	case a.Is4():
		return tcpip.AddrFrom4(a.As4())
	case a.IsValid():
		return tcpip.AddrFrom16(a.As16())
	}
	return tcpip.Address{}
}

func fromAddress(a tcpip.Address) netip.Addr {
	b, _ := netip.AddrFromSlice(a.AsSlice())
	return b
}

// errnoOf is Linux's number of gVisor's error.
func errnoOf(err tcpip.Error) rpdb.Errno {
	switch err.(type) {
	case *tcpip.ErrConnectionRefused:
		return rpdb.ECONNREFUSED
	case *tcpip.ErrConnectionReset:
		return rpdb.ECONNRESET
	case *tcpip.ErrConnectionAborted:
		return rpdb.ECONNABORTED
	case *tcpip.ErrAborted, *tcpip.ErrClosedForSend:
		return rpdb.EPIPE
	case *tcpip.ErrTimeout:
		return rpdb.ETIMEDOUT
	case *tcpip.ErrHostUnreachable:
		return rpdb.EHOSTUNREACH
	case *tcpip.ErrNetworkUnreachable:
		return rpdb.ENETUNREACH
	case *tcpip.ErrPortInUse:
		return rpdb.EADDRINUSE
	case *tcpip.ErrBadLocalAddress, *tcpip.ErrNoPortAvailable:
		return rpdb.EADDRNOTAVAIL
	case *tcpip.ErrNotConnected:
		return rpdb.ENOTCONN
	case *tcpip.ErrNoBufferSpace:
		return rpdb.ENOBUFS
	}
	return rpdb.EINVAL
}

// lockedSource is gVisor's source of random numbers, which follow from the host's
// seed so that a world can be repeated.
type lockedSource struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (l *lockedSource) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.Uint64()
}

func (l *lockedSource) Int63() int64 { return int64(l.Uint64() >> 1) }
func (l *lockedSource) Seed(int64)   {}

// Read fills b.
func (l *lockedSource) Read(b []byte) (int, error) {
	var w [8]byte
	for n := 0; n < len(b); {
		binary.LittleEndian.PutUint64(w[:], l.Uint64())
		n += copy(b[n:], w[:])
	}
	return len(b), nil
}

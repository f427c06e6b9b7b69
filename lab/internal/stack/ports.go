package stack

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// binding is the claim of one socket on a port (struct inet_bind_bucket's owners).
type binding struct {
	proto     uint8
	v6        bool       // the socket is an IPv6 one
	v6only    bool       // and takes no IPv4
	addr      netip.Addr // unspecified: any
	port      uint16     // or the identifier of a ping socket
	device    int
	uid       uint32
	reuseAddr bool
	reusePort bool
	listening bool
}

// bindings are the claims on the ports of a host, by protocol and port. Its owner
// locks it.
type bindings map[portKey][]*binding

type portKey struct {
	proto uint8
	port  uint16
}

func (b bindings) add(x *binding) {
	k := portKey{x.proto, x.port}
	b[k] = append(b[k], x)
}

func (b bindings) remove(x *binding) {
	k := portKey{x.proto, x.port}
	for i, y := range b[k] {
		if y == x {
			b[k] = append(b[k][:i:i], b[k][i+1:]...)
			break
		}
	}
	if len(b[k]) == 0 {
		delete(b, k)
	}
}

// conflict tells whether x cannot have its port beside those who have it
// (inet_csk_bind_conflict, udp_lib_lport_inuse).
func (b bindings) conflict(x *binding) bool {
	for _, y := range b[portKey{x.proto, x.port}] {
		if x.device != 0 && y.device != 0 && x.device != y.device || !overlap(x, y) {
			continue
		}
		if x.reusePort && y.reusePort && x.uid == y.uid {
			continue
		}
		if x.reuseAddr && y.reuseAddr && (x.proto != rpdb.ProtoTCP || !y.listening) {
			continue
		}
		return true
	}
	return false
}

// shares tells whether the two sockets are one group that the flows to their port
// are spread over (inet_reuseport_add_sock, udp_reuseport_add_sock).
func (b *binding) shares(x *binding) bool {
	return b.reusePort && x.reusePort && b.v6 == x.v6 && b.v6only == x.v6only && b.addr == x.addr &&
		b.device == x.device && b.uid == x.uid
}

// overlap tells whether some packet could be for either (inet_rcv_saddr_equal).
func overlap(x, y *binding) bool {
	if x.v6 != y.v6 {
		six := x
		if y.v6 {
			six = y
		}
		if six.v6only || !six.addr.IsUnspecified() && !six.addr.Is4In6() {
			return false
		}
		return six.addr.IsUnspecified() || x.addr.IsUnspecified() || y.addr.IsUnspecified() ||
			x.addr.Unmap() == y.addr.Unmap()
	}
	return x.addr.IsUnspecified() || y.addr.IsUnspecified() || x.addr == y.addr
}

// portRules are the settings of a host that the choice of a port depends on.
type portRules struct {
	low, high    int // net.ipv4.ip_local_port_range
	unprivileged int // net.ipv4.ip_unprivileged_port_start
}

// portRules reads the settings; the identifiers of ping sockets are any number
// (ping_get_port).
func (s *Stack) portRules(proto uint8) portRules {
	r := portRules{32768, 60999, s.sysctlInt("net/ipv4/ip_unprivileged_port_start", 1024)}
	if proto == rpdb.ProtoICMP || proto == rpdb.ProtoICMPv6 {
		return portRules{1, 65535, 0}
	}
	v, _ := s.net.Sysctl("net/ipv4/ip_local_port_range")
	if f := strings.Fields(v); len(f) == 2 {
		a, err1 := strconv.Atoi(f[0])
		b, err2 := strconv.Atoi(f[1])
		if err1 == nil && err2 == nil && 0 < a && a <= b && b < 65536 {
			r.low, r.high = a, b
		}
	}
	return r
}

// Which ports are tried first: connect takes even ones, bind odd ones
// (__inet_hash_connect, inet_csk_find_open_port), UDP any.
const (
	evenFirst = 0
	oddFirst  = 1
	anyParity = -1
)

// claim reserves a port for x, a free one of the range if x.port is 0. usable, if
// not nil, refuses ports that are taken in another way. s.mu is held.
func (s *Stack) claim(x *binding, r portRules, parity int, usable func(port uint16) bool) rpdb.Errno {
	free := func() bool {
		return !s.ports.conflict(x) && (usable == nil || usable(x.port))
	}
	if s.ports == nil {
		s.ports = make(bindings)
	}
	if x.port != 0 {
		switch {
		case x.uid != 0 && int(x.port) < r.unprivileged:
			return rpdb.EACCES
		case !free():
			return rpdb.EADDRINUSE
		}
		s.ports.add(x)
		return rpdb.OK
	}
	n := r.high - r.low + 1
	start, step := int(s.random()%uint64(n)), 1
	if parity != anyParity {
		start, step = start&^1|(parity^r.low&1), 2
	}
	for pass := range step {
		for i := 0; i < n; i += step {
			x.port = uint16(r.low + (start+pass+i)%n)
			if free() {
				s.ports.add(x)
				return rpdb.OK
			}
		}
	}
	x.port = 0
	if parity == evenFirst {
		return rpdb.EADDRNOTAVAIL
	}
	return rpdb.EADDRINUSE
}

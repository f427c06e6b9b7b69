package stack

import (
	"net/netip"
	"slices"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Types and codes of ICMP and ICMPv6 that sockets look at.
const (
	icmpEchoReply      = 0
	icmpUnreach        = 3
	icmpFragNeeded     = 4 // code of icmpUnreach
	icmpSourceQuench   = 4
	icmpRedirect       = 5
	icmpEcho           = 8
	icmpTimeExceeded   = 11
	icmpParamProblem   = 12
	icmp6Unreach       = 1
	icmp6TooBig        = 2
	icmp6TimeExceeded  = 3
	icmp6ParamProblem  = 4
	icmp6Redirect      = 137
	icmp6Echo          = 128
	icmp6EchoReply     = 129
	ipv6HopByHop       = 0
	ipv6Routing        = 43
	ipv6Fragment       = 44
	ipv6DestOptions    = 60
	maxQuotedExtension = 8
)

// Where an error of the error queue comes from (SO_EE_ORIGIN_*).
const (
	OriginLocal = 1
	OriginICMP  = 2
	OriginICMP6 = 3
)

// SocketError is an entry of a socket's error queue (struct sock_extended_err).
type SocketError struct {
	Errno      rpdb.Errno
	Origin     uint8
	Type, Code uint8
	Info       uint32     // the MTU of EMSGSIZE
	Offender   netip.Addr // who sent the ICMP error; invalid for local ones
	// Dst is where the packet was sent. Payload is the quoted data: behind the header
	// for UDP and raw sockets, from the ICMP header on for ping sockets.
	Dst     netip.AddrPort
	Payload []byte
	Seq     uint16 // of the echo request, for ping sockets
	TTL     uint8  // of the ICMP error's own packet
	Time    time.Time
}

// Error implements error.
func (e *SocketError) Error() string { return e.Errno.Error() }

// Unwrap returns the Errno.
func (e *SocketError) Unwrap() error { return e.Errno }

// quote is the packet that an ICMP error quotes. src is the address of this host.
type quote struct {
	src, dst netip.AddrPort // ports if it has some
	proto    uint8
	upper    []byte
}

// parseQuote reads a quoted packet as far as the ports (8 bytes).
func parseQuote(b []byte) (q quote, ok bool) {
	if len(b) < ipv4Header {
		return q, false
	}
	var src, dst netip.Addr
	switch b[0] >> 4 {
	case 4:
		n := int(b[0]&15) * 4
		if n < ipv4Header || len(b) < n {
			return q, false
		}
		src, dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		q.proto, q.upper = b[9], b[n:]
	case 6:
		if len(b) < ipv6Header {
			return q, false
		}
		src, dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		if q.proto, q.upper, ok = skipExtensions(b[6], b[ipv6Header:]); !ok {
			return q, false
		}
	default:
		return q, false
	}
	if len(q.upper) < 8 {
		return q, false
	}
	var sport, dport uint16
	switch q.proto {
	case rpdb.ProtoTCP, rpdb.ProtoUDP:
		sport, dport = be.Uint16(q.upper), be.Uint16(q.upper[2:])
	case rpdb.ProtoICMP, rpdb.ProtoICMPv6:
		sport = be.Uint16(q.upper[4:]) // the identifier of an echo request
	}
	q.src, q.dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	return q, true
}

// skipExtensions goes over the extension headers of a quoted IPv6 packet
// (ipv6_skip_exthdr).
func skipExtensions(next uint8, b []byte) (proto uint8, upper []byte, ok bool) {
	for range maxQuotedExtension {
		n := 0
		switch next {
		case ipv6HopByHop, ipv6Routing, ipv6DestOptions:
			if len(b) < 8 {
				return 0, nil, false
			}
			n = int(b[1])*8 + 8
		case ipv6Fragment:
			if len(b) < 8 || be.Uint16(b[2:])&0xfff8 != 0 {
				return 0, nil, false
			}
			n = 8
		default:
			return next, b, true
		}
		if len(b) < n {
			return 0, nil, false
		}
		next, b = b[0], b[n:]
	}
	return 0, nil, false
}

// verdict is what an ICMP error means to a socket.
type verdict struct {
	errno  rpdb.Errno
	hard   bool // told to a connected socket that did not ask for errors
	tooBig bool
	ignore bool
}

// unreach4 is icmp_err_convert, by code.
var unreach4 = [16]verdict{
	0:  {errno: rpdb.ENETUNREACH},
	1:  {errno: rpdb.EHOSTUNREACH},
	2:  {errno: rpdb.ENOPROTOOPT, hard: true},
	3:  {errno: rpdb.ECONNREFUSED, hard: true},
	4:  {errno: rpdb.EMSGSIZE},
	5:  {errno: rpdb.EOPNOTSUPP},
	6:  {errno: rpdb.ENETUNREACH, hard: true},
	7:  {errno: rpdb.EHOSTDOWN, hard: true},
	8:  {errno: rpdb.ENONET, hard: true},
	9:  {errno: rpdb.ENETUNREACH, hard: true},
	10: {errno: rpdb.EHOSTUNREACH, hard: true},
	11: {errno: rpdb.ENETUNREACH},
	12: {errno: rpdb.EHOSTUNREACH},
	13: {errno: rpdb.EHOSTUNREACH, hard: true},
	14: {errno: rpdb.EHOSTUNREACH, hard: true},
	15: {errno: rpdb.EHOSTUNREACH, hard: true},
}

// unreach6 is tab_unreach of icmpv6_err_convert, by code.
var unreach6 = [7]verdict{
	0: {errno: rpdb.ENETUNREACH},
	1: {errno: rpdb.EACCES, hard: true},
	2: {errno: rpdb.EHOSTUNREACH},
	3: {errno: rpdb.EHOSTUNREACH},
	4: {errno: rpdb.ECONNREFUSED, hard: true},
	5: {errno: rpdb.EACCES, hard: true},
	6: {errno: rpdb.EACCES, hard: true},
}

// verdict converts the error's type and code as __udp4_lib_err, tcp_v4_err and
// icmpv6_err_convert do.
func (e *ICMPError) verdict(v6 bool) verdict {
	if v6 {
		return e.verdict6()
	}
	switch e.Type {
	case icmpSourceQuench, icmpRedirect:
		return verdict{ignore: true}
	case icmpParamProblem:
		return verdict{errno: rpdb.EPROTO, hard: true}
	case icmpUnreach:
		if int(e.Code) >= len(unreach4) {
			return verdict{errno: rpdb.EHOSTUNREACH}
		}
		v := unreach4[e.Code]
		v.tooBig = e.Code == icmpFragNeeded
		return v
	}
	return verdict{errno: rpdb.EHOSTUNREACH} // time exceeded
}

func (e *ICMPError) verdict6() verdict {
	switch e.Type {
	case icmp6Unreach:
		if int(e.Code) >= len(unreach6) {
			return verdict{errno: rpdb.EPROTO, hard: true}
		}
		return unreach6[e.Code]
	case icmp6TooBig:
		return verdict{errno: rpdb.EMSGSIZE, tooBig: true}
	case icmp6ParamProblem:
		return verdict{errno: rpdb.EPROTO, hard: true}
	case icmp6TimeExceeded:
		return verdict{errno: rpdb.EHOSTUNREACH}
	}
	return verdict{errno: rpdb.EPROTO}
}

// socketError is the entry that the error makes in a queue.
func (e *ICMPError) socketError(q *quote, errno rpdb.Errno, payload []byte) *SocketError {
	origin := uint8(OriginICMP)
	if q.src.Addr().Is6() {
		origin = OriginICMP6
	}
	info := uint32(0)
	if errno == rpdb.EMSGSIZE || errno == rpdb.EPROTO {
		info = e.Info
	}
	return &SocketError{
		Errno: errno, Origin: origin, Type: e.Type, Code: e.Code, Info: info,
		Offender: e.Offender, Dst: q.dst, Payload: payload, TTL: e.TTL, Time: e.Time,
	}
}

// Sent implements Transport. The sequence numbers of TCP are not looked at, which the kernel
// does: gVisor does not tell what it has sent.
func (s *Stack) Sent(e *ICMPError) bool {
	q, ok := parseQuote(e.Quoted)
	if !ok {
		return false
	}
	if s.rawSent(&q, e) {
		return true
	}
	switch q.proto {
	case rpdb.ProtoTCP:
		return s.tcpSent(&q, e)
	case rpdb.ProtoUDP:
		c := s.findUDP(q.dst, q.src, e.IIF, e.SDIF, s.l3mdevAccept("udp", e.SDIF))
		return c != nil && e.redirects(&q, c.bind.device)
	case rpdb.ProtoICMP:
		c := s.findPing(q.proto, q.src.Port(), q.src.Addr(), e.IIF, e.SDIF)
		return c != nil && q.upper[0] == icmpEcho && (e.Type == icmpRedirect || c.o.PMTU != PMTUDont)
	}
	return false
}

// redirects reports whether a datagram socket that is bound to a device, or to none, takes a
// message for its own: the kernel looks for the way that an IPv6 redirect is about by the
// socket's device, and finds none without (ip6_sk_redirect, ip6_redirect_nh_match).
func (e *ICMPError) redirects(q *quote, device int) bool {
	return e.Type != icmp6Redirect || q.src.Addr().Is4() || device != 0
}

// rawSent reports whether a raw socket could have sent the quoted packet; one of IPv6 must
// have asked for errors.
func (s *Stack) rawSent(q *quote, e *ICMPError) bool {
	v6 := q.src.Addr().Is6()
	s.mu.RLock()
	raws := s.raws
	s.mu.RUnlock()
	return slices.ContainsFunc(raws, func(c *RawConn) bool {
		return c.takes(v6, q.proto, q.src.Addr(), e.IIF, e.SDIF, true) && (!v6 || c.o.RecvErr) && e.redirects(q, c.o.Device)
	})
}

// tcpSent reports whether there is the connection of the quoted segment, and it is open.
func (s *Stack) tcpSent(q *quote, e *ICMPError) bool {
	s.mu.RLock()
	t := s.tcp
	s.mu.RUnlock()
	if t == nil {
		return false
	}
	ep, _ := t.connection(q.src, q.dst, e.IIF, e.SDIF, s.l3mdevAccept("tcp", e.SDIF))
	if ep == nil {
		return false
	}
	switch ep.EndpointState() {
	case tcp.StateTimeWait, tcp.StateSynRecv, tcp.StateClose, tcp.StateError:
		return false
	}
	return true
}

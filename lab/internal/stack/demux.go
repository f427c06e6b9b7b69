package stack

import (
	"net/netip"
	"slices"
)

// demuxed is a socket that packets are looked up for by address and port.
type demuxed interface {
	*UDPConn | *TCPListener
	claimed() *binding
	connected() bool
	// score tells whether a packet from src to dst is for the socket, and how well it
	// fits (compute_score).
	score(src, dst netip.AddrPort, iif, sdif int, accept bool) (int, bool)
	// local is the address that the socket is looked up by.
	localAddr() netip.Addr
}

// ordered adds a socket to those of its port, in the order of the kernel's hash
// chains: the newest first, but those of IPv6 that share their port last
// (inet_hash, udp_lib_get_port).
func ordered[S demuxed](list []S, s S) []S {
	if b := s.claimed(); b.v6 && b.reusePort {
		return append(slices.Clone(list), s)
	}
	return slices.Insert(slices.Clone(list), 0, s)
}

func without[S demuxed](list []S, s S) []S {
	return slices.DeleteFunc(slices.Clone(list), func(x S) bool { return x == s })
}

// find finds the socket for a packet among those of its port: a connected one, then
// among those bound to the very address, then among the others; of those that fit,
// the one that fits best, but the first group that shares its port ends the search
// (udp4_lib_lookup4, udp4_lib_lookup2, inet_lhash2_lookup).
func find[S demuxed](list []S, src, dst netip.AddrPort, iif, sdif int, accept bool, hash uint64) S {
	var best S
	for _, s := range list {
		if s.connected() && !s.localAddr().IsUnspecified() {
			if _, ok := s.score(src, dst, iif, sdif, accept); ok {
				return s
			}
		}
	}
	for _, specific := range [...]bool{true, false} {
		top := -1
		for _, s := range list {
			if s.localAddr().IsUnspecified() == specific {
				continue
			}
			score, ok := s.score(src, dst, iif, sdif, accept)
			if !ok || score <= top {
				continue
			}
			best, top = s, score
			if !s.claimed().reusePort || s.connected() {
				continue
			}
			var final bool
			if best, final = share(list, s, hash); final {
				return best
			}
		}
		if top >= 0 {
			return best
		}
	}
	return best
}

// share picks one of the group that shares its port with s by the hash of the flow,
// and tells whether that is final: not if a member is connected
// (reuseport_select_sock, reuseport_has_conns).
func share[S demuxed](list []S, s S, hash uint64) (picked S, final bool) {
	var group []S
	final = true
	for _, x := range list {
		switch {
		case !x.claimed().shares(s.claimed()):
		case x.connected():
			final = false
		default:
			group = append(group, x)
		}
	}
	return group[hash%uint64(len(group))], final
}

package datapath

import (
	"net/netip"
	"time"
)

// limits are what keeps a host from sending too many ICMP errors.
type limits struct {
	peers  map[netip.Addr]*bucket // struct inet_peer
	errors map[netip.Addr]*bucket // of ip_error
	credit float64                // icmp_global
	stamp  time.Time
}

// bucket holds the right to send, as time (inet_peer.rate_tokens).
type bucket struct {
	tokens time.Duration
	last   time.Time
}

// maxPeers bounds what is remembered of single destinations.
const maxPeers = 4096

// burst is how many messages a peer may get at once (XRLIM_BURST_FACTOR).
const burst = 6

// allow is inet_peer_xrlim_allow: one message a time, and a burst at first.
func (b *bucket) allow(now time.Time, every time.Duration, burst int) bool {
	if b.last.IsZero() {
		b.tokens = every * time.Duration(burst)
	} else {
		b.tokens = min(b.tokens+now.Sub(b.last), every*time.Duration(burst))
	}
	b.last = now
	if b.tokens < every {
		return false
	}
	b.tokens -= every
	return true
}

func bucketOf(m *map[netip.Addr]*bucket, a netip.Addr) *bucket {
	if *m == nil || len(*m) > maxPeers {
		*m = map[netip.Addr]*bucket{}
	}
	b := (*m)[a]
	if b == nil {
		b = new(bucket)
		(*m)[a] = b
	}
	return b
}

// routeError limits what is told of missing ways: ip_rt_error_cost, ip_rt_error_burst.
func (l *limits) routeError(to netip.Addr, now time.Time) bool {
	return bucketOf(&l.errors, to).allow(now, time.Second, 5)
}

// global limits the messages of a host to all (icmp_global_allow).
func (l *limits) global(now time.Time, perSecond, burst int64) bool {
	if l.stamp.IsZero() {
		l.credit = float64(burst)
	} else {
		l.credit = min(l.credit+now.Sub(l.stamp).Seconds()*float64(perSecond), float64(burst))
	}
	l.stamp = now
	if l.credit < 1 {
		return false
	}
	l.credit--
	return true
}

// peer limits the messages to one (icmpv4_xrlim_allow, icmpv6_xrlim_allow).
func (l *limits) peer(to netip.Addr, now time.Time, every time.Duration) bool {
	return every == 0 || bucketOf(&l.peers, to).allow(now, every, burst)
}

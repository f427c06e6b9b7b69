package datapath

import (
	"net/netip"
	"time"
)

// limits are what keeps a host from sending too many ICMP errors. Time counts in the
// kernel's ticks, since what happens within one tick counts as at once.
type limits struct {
	peers  map[netip.Addr]*peer
	credit float64 // icmp_global
	stamp  ticks
	// present is the tick of the error that is being made, 0 for none: what takes the kernel a
	// microsecond must not be in two ticks.
	present ticks
}

// ticks are jiffies.
type ticks int64

const second ticks = 250

func (h *Host) ticks() ticks { return ticks(h.e.clock.Now().UnixNano() / int64(time.Second/250)) }

// peer is a host that messages are sent to (struct inet_peer).
type peer struct {
	tokens    ticks
	last      ticks
	redirects int
}

const (
	maxPeers  = 4096 // how many are remembered
	burst     = 6    // messages that a peer may get at once (XRLIM_BURST_FACTOR)
	longSince = 60 * second

	errorCost  = second     // ip_rt_error_cost
	errorBurst = 5 * second // ip_rt_error_burst

	redirectLoad    = second / 50 // ip_rt_redirect_load
	redirectMost    = 9           // ip_rt_redirect_number
	redirectSilence = redirectLoad << (redirectMost + 1)
)

// peer returns what is remembered of a peer (inet_getpeer).
func (l *limits) peer(a netip.Addr, now ticks) *peer {
	if l.peers == nil || len(l.peers) > maxPeers {
		l.peers = map[netip.Addr]*peer{}
	}
	p := l.peers[a]
	if p == nil {
		p = &peer{last: now - longSince}
		l.peers[a] = p
	}
	return p
}

// allow is inet_peer_xrlim_allow: one message a time, and a burst at first.
func (p *peer) allow(now, every ticks) bool {
	if p.last != now {
		p.tokens = min(p.tokens+now-p.last, burst*every)
		p.last = now
	}
	if p.tokens < every {
		return false
	}
	p.tokens -= every
	return true
}

// allowRouteError limits what is told of missing ways (ip_error).
func (p *peer) allowRouteError(now ticks) bool {
	p.tokens = min(p.tokens+now-p.last, errorBurst)
	p.last = now
	if p.tokens < errorCost {
		return false
	}
	p.tokens -= errorCost
	return true
}

// allowRedirect limits what is told of shorter ways (ip_rt_send_redirect): ever more
// rarely, and no more once the peer did not listen to many.
func (p *peer) allowRedirect(now ticks) bool {
	switch {
	case now > p.last+redirectSilence:
		p.tokens, p.redirects = 0, 0
	case p.redirects >= redirectMost:
		p.last = now
		return false
	case p.redirects > 0 && now <= p.last+redirectLoad<<p.redirects:
		return false
	}
	p.last = now
	p.redirects++
	return true
}

// message limits the messages of a host to all (icmp_global_allow) and to one peer
// (icmpv4_xrlim_allow, icmpv6_xrlim_allow): one each time, and some at once.
func (l *limits) message(to netip.Addr, now, every ticks, perSecond, most int64) bool {
	if l.stamp == 0 {
		l.credit = float64(most)
	} else {
		l.credit = min(l.credit+float64(now-l.stamp)*float64(perSecond)/float64(second), float64(most))
	}
	l.stamp = now
	if l.credit < 1 || !l.peer(to, now).allow(now, every) {
		return false
	}
	l.credit--
	return true
}

// allowed limits a message by the settings of a host; every is how often a peer gets one.
func (h *Host) allowed(to netip.Addr, every ticks) bool {
	v, now := h.view, h.limits.present
	if now == 0 {
		now = h.ticks()
	}
	return h.limits.message(to, now, every, v.Setting("ipv4/icmp_msgs_per_sec"), v.Setting("ipv4/icmp_msgs_burst"))
}

package datapath

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Types of neighbour discovery.
const (
	routerSolicitation     = 133
	routerAdvertisement    = 134
	neighbourSolicitation  = 135
	neighbourAdvertisement = 136
	icmp6Redirect          = 137
)

// Flags of a neighbour advertisement.
const (
	naRouter    = 0x80
	naSolicited = 0x40
	naOverride  = 0x20
)

const (
	ndHops = 255
	ndLen  = 24 // of a message to the end of its target
)

var allNodes6 = netip.MustParseAddr("ff02::1")

// solicited6 is the group that is asked for an address (addrconf_addr_solict_mult).
func solicited6(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 2, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

func isSolicited6(a netip.Addr) bool {
	b := a.As16()
	return solicited6(a) == a && b[0] == 0xff
}

// ownAddr6 is an address of a device itself, nil if it has not got it
// (ipv6_get_ifaddr).
func (h *Host) ownAddr6(l *link, a netip.Addr) *rpdb.Addr {
	addrs := h.view.Database.State().Addrs
	for i := range addrs {
		if x := &addrs[i]; x.Family == rpdb.IPv6 && x.Index == l.dev.Index && x.Local == a {
			return x
		}
	}
	return nil
}

// linkLocal6 is the link-local address of a device (ipv6_get_lladdr): the last one that is
// usable.
func (h *Host) linkLocal6(l *link) (netip.Addr, bool) {
	for _, x := range slices.Backward(h.view.Database.State().Addrs) {
		if x.Family == rpdb.IPv6 && x.Index == l.dev.Index && x.Local.IsLinkLocalUnicast() && x.Flags&(rpdb.IFATentative|rpdb.IFAOptimistic) == 0 {
			return x.Local, true
		}
	}
	return netip.Addr{}, false
}

// sendND sends a message of neighbour discovery on a link (ndisc_send_skb). No route is
// asked for.
func (h *Host) sendND(l *link, src, dst netip.Addr, m []byte) {
	p := h.e.build6(src, dst, rpdb.ProtoICMPv6, l.dev.Conf6.NeighbourClass, ndHops, len(m))
	b := p.data()
	copy(b[ip6Len:], m)
	sealICMP6(b, b[ip6Len:])
	p.d = rpdb.Decision{Type: rpdb.Unicast, OIF: l.dev.Index, Leg: -1, RuleIndex: -1}
	p.routed, p.quiet = true, true
	h.dispatch6(p)
}

// solicit6 asks who has an address: the one that was known last, or all
// (ndisc_solicit). waits is the packet that came last to wait for the answer, if any.
func (h *Host) solicit6(l *link, target netip.Addr, lladdr []byte, waits *packet) {
	h.now()
	src := netip.Addr{}
	if waits != nil && waits.data()[0]>>4 == 6 {
		if x := h.ownAddr6(l, src6(waits.data())); x != nil && x.Flags&(rpdb.IFATentative|rpdb.IFAOptimistic) == 0 {
			src = x.Local
		}
	}
	if !src.IsValid() {
		var ok bool
		if src, ok = h.linkLocal6(l); !ok {
			return
		}
	}
	dst := solicited6(target)
	if lladdr != nil {
		dst = target
	}
	h.sendND(l, src, dst, ndMessage(neighbourSolicitation, 0, target, addrOption(ndSourceLLAddr, l.dev.Address)))
}

// ndMessage makes a message about a target.
func ndMessage(typ, flags uint8, target netip.Addr, opts ...[]byte) []byte {
	m := make([]byte, ndLen, ndLen+16)
	m[0], m[4] = typ, flags
	t := target.As16()
	copy(m[8:], t[:])
	for _, o := range opts {
		m = append(m, o...)
	}
	return m
}

// neighbourDiscovery takes up a message (ndisc_rcv).
func (h *Host) neighbourDiscovery(p *packet, m []byte) {
	l := p.in
	if p.six.pieces && l.dev.Conf6.SuppressFragments || p.data()[7] != ndHops || m[1] != 0 {
		return
	}
	switch m[0] {
	case neighbourSolicitation:
		h.heardSolicitation(l, p, m)
	case neighbourAdvertisement:
		h.heardAdvertisement(l, p, m)
	case routerSolicitation:
		h.heardRouterSolicitation(l, p, m)
	case routerAdvertisement:
		h.heardRouter(l, p, m)
	case icmp6Redirect:
		h.heardRedirect6(l, p, m)
	}
}

// solicitation is a neighbour solicitation that can be answered.
type solicitation struct {
	l              *link
	from, target   netip.Addr
	lladdr         []byte // of who asks, nil if it is not told
	many           bool   // it was sent to a group
	own            bool   // the target is an address of this host, not an anycast address or a proxy's
	router, tllaos bool
}

// heardSolicitation answers who asks for an address (ndisc_recv_ns).
func (h *Host) heardSolicitation(l *link, p *packet, m []byte) {
	b := p.data()
	s := solicitation{l: l, from: src6(b), many: dst6(b).IsMulticast(), router: l.dev.Conf6.Router}
	if len(m) < ndLen {
		return
	}
	s.target = addr16(m[8:24])
	detects := s.from.IsUnspecified()
	o, ok := parseNDOptions(m[ndLen:])
	if !ok || s.target.IsMulticast() || detects && (!isSolicited6(dst6(b)) || o.source != nil) {
		return
	}
	if s.lladdr, ok = l.lladdrOf(o.source); !ok {
		return
	}
	s.lladdr = slices.Clone(s.lladdr)
	own := h.ownAddr6(l, s.target)
	if own == nil {
		if v := l.vrf(); v != nil {
			if own = h.ownAddr6(v, s.target); own != nil {
				s.router = v.dev.Conf6.Router
			}
		}
	}
	if own != nil {
		switch {
		case own.Flags&(rpdb.IFATentative|rpdb.IFAOptimistic) == 0:
		case detects:
			if o.nonce == nil || !l.isOwnProbe(s.target, o.nonce) {
				h.ns.DuplicateAddress(own.Index, s.target)
			}
			return
		case own.Flags&rpdb.IFAOptimistic == 0:
			return
		}
		s.own, s.tllaos = true, l.dev.Conf6.ForceTLLAO
		h.answerSolicitation(s)
		return
	}
	if !slices.Contains(l.dev.Anycasts, s.target) {
		proxy, router := h.ns.AnswersAsRouter(l.dev.Index, s.target)
		if !proxy || !l.dev.Conf6.Router || !l.dev.Conf6.ProxyNDP {
			return
		}
		s.router = router
	}
	if delay := h.proxyDelay(l); p.kind != toHost && s.many && delay > 0 {
		h.e.after(h.e.random(delay), func() {
			if h.now(); l.host == h {
				h.answerSolicitation(s)
			}
		})
		return
	}
	h.answerSolicitation(s)
}

// proxyDelay is how long an answer for somebody else waits at most.
func (h *Host) proxyDelay(l *link) time.Duration {
	text, _ := h.Sysctl("net/ipv6/neigh/" + l.dev.Name + "/proxy_delay")
	n, _ := strconv.Atoi(text)
	return time.Duration(n) * time.Second / 100
}

// answerSolicitation sends what answers a solicitation, the end of ndisc_recv_ns.
func (h *Host) answerSolicitation(s solicitation) {
	if s.from.IsUnspecified() {
		h.advertise(s.l, allNodes6, s.target, s.router, false, s.own, true)
		return
	}
	known := h.heard(s.l, s.from, netns.NeighNews{
		LLAddr: s.lladdr, State: rpdb.NUDStale, Create: !s.many || s.lladdr != nil || len(s.l.dev.Address) == 0, Override: true, WeakOverride: true,
	})
	if known || !s.l.ether() {
		h.advertise(s.l, s.from, s.target, s.router, true, s.own && s.many, s.many || s.tllaos)
	}
}

// advertise sends a neighbour advertisement (ndisc_send_na).
func (h *Host) advertise(l *link, dst, target netip.Addr, router, solicited, override, withAddr bool) {
	src := target
	if own := h.ownAddr6(l, target); own != nil {
		override = override && own.Flags&rpdb.IFAOptimistic == 0
		withAddr = withAddr || l.dev.Conf6.ForceTLLAO
	} else if src = h.view.Database.SourceOn(l.dev.Index, dst, 0); !src.IsValid() {
		return
	}
	flags := flag(router, naRouter) | flag(solicited, naSolicited) | flag(override, naOverride)
	var opt []byte
	if withAddr && len(l.dev.Address) > 0 {
		opt = addrOption(ndTargetLLAddr, l.dev.Address)
	}
	h.sendND(l, src, dst, ndMessage(neighbourAdvertisement, flags, target, opt))
}

func flag(set bool, bit uint8) uint8 {
	if set {
		return bit
	}
	return 0
}

// heardAdvertisement learns of a neighbour (ndisc_recv_na).
func (h *Host) heardAdvertisement(l *link, p *packet, m []byte) {
	b := p.data()
	if len(m) < ndLen {
		return
	}
	target, flags := addr16(m[8:24]), m[4]
	solicited := flags&naSolicited != 0
	switch {
	case target.IsMulticast(), solicited && dst6(b).IsMulticast(), !solicited && l.dev.Conf6.DropUnsolicited:
		return
	}
	o, ok := parseNDOptions(m[ndLen:])
	if !ok {
		return
	}
	lladdr, ok := l.lladdrOf(o.target)
	if !ok {
		return
	}
	if own := h.ownAddr6(l, target); own != nil {
		if own.Flags&rpdb.IFATentative != 0 {
			h.ns.DuplicateAddress(l.dev.Index, target)
		}
		return
	}
	// Our own answer for somebody else tells nothing.
	if lladdr != nil && string(lladdr) == string(l.dev.Address) && h.view.Proxies6() && h.view.Forwards6() && h.ns.AnswersFor(l.dev.Index, target) {
		return
	}
	news := netns.NeighNews{
		LLAddr: lladdr, State: rpdb.NUDStale, NotFailed: true, WeakOverride: true, Override: flags&naOverride != 0,
		RouterTold: true, Router: flags&naRouter != 0,
	}
	if solicited {
		news.State = rpdb.NUDReachable
	}
	if !h.ns.HasNeighbour(l.dev.Index, target) {
		if lladdr == nil || !l.dev.Conf6.Router || !h.acceptsUntracked(l, src6(b)) {
			return
		}
		news.Create, news.State = true, rpdb.NUDStale
	}
	h.heard(l, target, news)
}

// acceptsUntracked reports whether an advertisement makes a neighbour that nobody asked
// for (accept_untracked_na).
func (h *Host) acceptsUntracked(l *link, from netip.Addr) bool {
	switch l.dev.Conf6.AcceptUntracked {
	case 1:
		return true
	case 2:
		for _, x := range h.view.Database.State().Addrs { // ipv6_chk_prefix
			if x.Family == rpdb.IPv6 && x.Index == l.dev.Index && netip.PrefixFrom(x.Local, int(x.PrefixLen)).Masked().Contains(from) {
				return true
			}
		}
	}
	return false
}

// heardRouterSolicitation learns of a host that looks for routers (ndisc_recv_rs); to
// answer it is a daemon's business.
func (h *Host) heardRouterSolicitation(l *link, p *packet, m []byte) {
	from := src6(p.data())
	if !l.dev.Conf6.Router || from.IsUnspecified() {
		return
	}
	o, ok := parseNDOptions(m[icmpLen:])
	if !ok {
		return
	}
	if lladdr, ok := l.lladdrOf(o.source); ok {
		h.heard(l, from, netns.NeighNews{
			LLAddr: lladdr, State: rpdb.NUDStale, Create: true, Override: true, WeakOverride: true, RouterTold: true,
		})
	}
}

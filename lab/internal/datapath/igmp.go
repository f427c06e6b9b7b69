package datapath

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Group management of IPv4 (RFC 3376): types of messages, and of records in a report.
const (
	igmpQuery   = 0x11
	igmpReport1 = 0x12
	igmpReport2 = 0x16
	igmpLeave   = 0x17
	igmpReport3 = 0x22

	igmpIsExclude = 2
	igmpToInclude = 3
	igmpToExclude = 4
)

const (
	igmpLen     = 8                 // of the messages of versions 1 and 2
	igmpTOS     = 0xc0              // of all messages
	igmpOldTime = 260 * time.Second // that a router of an old version is believed to be there
	igmpRecords = (576 - 24 - igmpLen) / igmpLen

	// igmpFirst is how long the first report waits: two ticks of the kernel's.
	igmpFirst = 2 * time.Second / 250
)

var (
	allHosts4    = netip.AddrFrom4([4]byte{224, 0, 0, 1})
	allRouters4  = netip.AddrFrom4([4]byte{224, 0, 0, 2})
	igmpRouters  = netip.AddrFrom4([4]byte{224, 0, 0, 22}) // who hear reports of version 3
	routerAlert4 = []byte{0x94, 4, 0, 0}
)

// igmpState is what a device told of its IPv4 groups.
type igmpState struct {
	groupReports
	old1, old2 time.Time // until when routers of version 1, and 2, are believed to be there
	groups     map[netip.Addr]*igmpGroup
	general    func() bool // stops the answer to a question about all groups
}

// igmpGroup is a group whose report waits, or was sent (struct ip_mc_list).
type igmpGroup struct {
	at       time.Time // of the report; zero: none waits
	stop     func() bool
	left     int  // how often it is still reported without being asked
	reporter bool // this host was the last one to report it
}

// reported4 reports whether routers are told of an IPv4 group.
func (h *Host) reported4(g netip.Addr) bool {
	local := g.Is4() && g.As4()[0] == 224 && g.As4()[1] == 0 && g.As4()[2] == 0
	return g.Is4() && g != allHosts4 && (!local || h.view.Setting("ipv4/igmp_link_local_mcast_reports") != 0)
}

// groupsChanged4 finds what a device joined and left, and tells (igmp_group_added,
// igmp_group_dropped).
func (h *Host) groupsChanged4(l *link) {
	if !l.dev.Up() {
		l.igmp.end()
		l.igmp = nil
		return
	}
	if l.igmp == nil {
		l.igmp = &igmpState{groups: map[netip.Addr]*igmpGroup{}}
	}
	s, times := l.igmp, int(h.view.Setting("ipv4/igmp_qrv"))
	if !s.follow(l.dev.Groups, h.reported4, times) {
		return
	}
	version := h.igmpVersion(l)
	if version == 3 {
		s.stop = h.e.afterIdly(igmpFirst, func() { h.tellChanges4(l) })
		return
	}
	for _, c := range s.changes { // old versions do not tell of changes
		g := s.group(c.group)
		switch {
		case c.joined:
			g.left = times
			h.reportLater(l, c.group, igmpFirst)
		default:
			g.cancel()
			if delete(s.groups, c.group); g.reporter && version == 2 {
				h.sendIGMP(l, allRouters4, igmpMessage(igmpLeave, c.group))
			}
		}
	}
	s.changes = nil
}

// end stops all that waits; s may be nil.
func (s *igmpState) end() {
	if s == nil {
		return
	}
	for _, stop := range []func() bool{s.stop, s.general} {
		if stop != nil {
			stop()
		}
	}
	for _, g := range s.groups {
		g.cancel()
	}
}

func (s *igmpState) group(a netip.Addr) *igmpGroup {
	g := s.groups[a]
	if g == nil {
		g = new(igmpGroup)
		s.groups[a] = g
	}
	return g
}

func (g *igmpGroup) cancel() {
	if g.stop != nil {
		g.stop()
	}
	g.at, g.stop = time.Time{}, nil
}

// igmpVersion is the version that a device speaks (IGMP_V1_SEEN, IGMP_V2_SEEN).
func (h *Host) igmpVersion(l *link) int {
	now := h.e.clock.Now()
	switch forced := l.dev.Conf4.IGMPVersion; {
	case forced == 1, l.igmp != nil && now.Before(l.igmp.old1):
		return 1
	case forced == 2, l.igmp != nil && now.Before(l.igmp.old2):
		return 2
	}
	return 3
}

// tellChanges4 reports what changed, and comes back until it was told often enough
// (igmp_ifc_timer_expire).
func (h *Host) tellChanges4(l *link) {
	s := l.igmp
	if h.now(); l.host != h || s == nil {
		return
	}
	var records []groupRecord
	for _, c := range s.take() {
		typ := uint8(igmpToInclude)
		if c.joined {
			typ = igmpToExclude
		}
		records = append(records, groupRecord{c.group, typ})
	}
	// Those that were left first, then the groups that there are, the newest first.
	slices.SortStableFunc(records, func(a, b groupRecord) int { return int(a.typ) - int(b.typ) })
	h.sendReport4(l, records)
	if len(s.changes) > 0 {
		s.stop = h.e.afterIdly(igmpFirst+h.e.random(l.dev.Conf4.IGMPInterval3), func() { h.tellChanges4(l) })
	}
}

// reportLater has a group be reported after a time (igmp_start_timer).
func (h *Host) reportLater(l *link, group netip.Addr, wait time.Duration) {
	g := l.igmp.group(group)
	g.cancel()
	g.at = h.e.clock.Now().Add(wait)
	g.stop = h.e.afterIdly(wait, func() { h.reportGroup(l, group) })
}

// reportGroup reports a group in the version that routers understand (igmp_timer_expire).
func (h *Host) reportGroup(l *link, group netip.Addr) {
	if h.now(); l.host != h || l.igmp == nil || !joined(l, group) {
		return
	}
	g, version := l.igmp.group(group), h.igmpVersion(l)
	g.at, g.stop = time.Time{}, nil
	if g.left > 0 {
		if g.left--; g.left > 0 {
			interval := l.dev.Conf4.IGMPInterval3
			if version < 3 {
				interval = l.dev.Conf4.IGMPInterval2
			}
			h.reportLater(l, group, igmpFirst+h.e.random(interval))
		}
	}
	g.reporter = true
	switch version {
	case 1:
		h.sendIGMP(l, group, igmpMessage(igmpReport1, group))
	case 2:
		h.sendIGMP(l, group, igmpMessage(igmpReport2, group))
	default:
		h.sendReport4(l, []groupRecord{{group, igmpIsExclude}})
	}
}

// igmpMessage is one of versions 1 and 2.
func igmpMessage(typ uint8, group netip.Addr) []byte {
	g := group.As4()
	return append([]byte{typ, 0, 0, 0}, g[:]...)
}

// sendReport4 sends reports of version 3 (igmpv3_sendpack).
func (h *Host) sendReport4(l *link, records []groupRecord) {
	for part := range slices.Chunk(records, igmpRecords) {
		h.sendIGMP(l, igmpRouters, groupReport(igmpReport3, part))
	}
}

// sendIGMP sends a message with a router alert.
func (h *Host) sendIGMP(l *link, dst netip.Addr, m []byte) {
	src := h.view.Database.SourceOn(l.dev.Index, netip.IPv4Unspecified(), rpdb.ScopeLink)
	if !src.IsValid() || dst == igmpRouters && !h.hasAddr4(l, src) { // igmpv3_get_srcaddr
		src = netip.IPv4Unspecified()
	}
	put16(m[2:], 0)
	put16(m[2:], checksum(m))
	p := h.e.build4(src, dst, protoIGMP, igmpTOS, 1, len(m), routerAlert4...)
	b := p.data()
	copy(b[20+len(routerAlert4):], m)
	put16(b[6:], 0x4000) // DF
	sealIP4(b)
	p.d = rpdb.Decision{Type: rpdb.Multicast, OIF: l.dev.Index, Leg: -1, RuleIndex: -1, Flags: rpdb.FlagMulticast}
	p.net, p.proto, p.routed = p.off, protoIPv4, true
	h.dispatch4(p)
}

// hasAddr4 reports whether a device itself has an IPv4 address.
func (h *Host) hasAddr4(l *link, a netip.Addr) bool {
	for _, x := range h.view.Database.State().Addrs {
		if x.Index == l.dev.Index && x.Local == a {
			return true
		}
	}
	return false
}

// heardIGMP takes up a message (igmp_rcv).
func (h *Host) heardIGMP(p *packet, m []byte) {
	l := p.real
	if len(m) < igmpLen || checksum(m) != 0 || l.igmp == nil {
		return
	}
	group := netip.AddrFrom4([4]byte(m[4:8]))
	switch m[0] {
	case igmpQuery:
		h.heardQuery4(l, group, m)
	case igmpReport1, igmpReport2: // another host has told the routers
		if g := l.igmp.groups[group]; g != nil && p.kind != toHost {
			g.cancel()
			g.left, g.reporter = 0, false
		}
	}
}

// heardQuery4 has the groups that are asked for be reported some time later
// (igmp_heard_query).
func (h *Host) heardQuery4(l *link, group netip.Addr, m []byte) {
	s, now, wait := l.igmp, h.e.clock.Now(), time.Duration(m[1])*time.Second/10
	all := group.IsUnspecified()
	switch version := h.igmpVersion(l); {
	case len(m) == igmpLen:
		if m[1] == 0 {
			wait, all = 10*time.Second, true
			s.old1 = now.Add(igmpOldTime)
		} else {
			s.old2 = now.Add(igmpOldTime)
		}
		if s.stop != nil {
			s.stop()
		}
		s.changes, s.stop = nil, nil
	case len(m) < 12:
		return
	case version == 1:
		wait, all = 10*time.Second, true
	default:
		wait = floatTime(m[1])
		sources := be16(m[10:]) != 0
		if version == 3 && all {
			if !sources {
				h.answerGeneral(l, wait)
			}
			return
		}
	}
	for _, g := range l.dev.Groups {
		if !h.reported4(g) || !all && g != group {
			continue
		}
		x := s.group(g)
		if x.at.IsZero() || x.at.After(now.Add(wait)) { // igmp_mod_timer
			x.left = 0
			h.reportLater(l, g, igmpFirst+h.e.random(max(wait, igmpFirst/2)))
		}
	}
}

// floatTime is a time in tenths of a second in the notation of version 3 (IGMPV3_MRC).
func floatTime(code uint8) time.Duration {
	n := time.Duration(code)
	if code >= 128 {
		n = time.Duration(code&15|16) << (code>>4&7 + 3)
	}
	return n * time.Second / 10
}

// answerGeneral reports all groups at once, some time later (igmp_gq_timer_expire).
func (h *Host) answerGeneral(l *link, wait time.Duration) {
	if l.igmp.general != nil {
		l.igmp.general()
	}
	l.igmp.general = h.e.afterIdly(igmpFirst+h.e.random(max(wait, igmpFirst/2)), func() {
		if h.now(); l.host != h || l.igmp == nil {
			return
		}
		l.igmp.general = nil
		var records []groupRecord
		for _, g := range l.dev.Groups {
			if h.reported4(g) {
				records = append(records, groupRecord{g, igmpIsExclude})
			}
		}
		h.sendReport4(l, records)
	})
}

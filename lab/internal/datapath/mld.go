package datapath

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Multicast listener discovery (RFC 3810): types of messages, and of records in a report.
const (
	mldQuery   = 130
	mldReport1 = 131
	mldReport2 = 143

	mldIsExclude = 2
	mldToInclude = 3
	mldToExclude = 4
)

const (
	mldHops       = 1
	mldRobustness = 2           // mld_qrv: how often a change is told
	mldInterval   = time.Second // mldv2_unsolicited_report_interval
	mldQuery1Len  = 24          // of a query of version 1
	mldRecordLen  = 20          // of a record without sources
	mldRecords    = (minMTU6 - 56) / mldRecordLen
)

var mldRouters = netip.MustParseAddr("ff02::16")

// GroupsChanged implements netns.Packets.
func (e *Engine) GroupsChanged(n *netns.Namespace, dev int) {
	e.post(job{f: func() {
		h := e.Host(n)
		if l := h.linkOf(dev); l != nil && l.ether() {
			h.groupsChanged4(l)
			h.groupsChanged6(l)
		}
	}})
}

// GroupsToldAgain implements netns.Packets.
func (e *Engine) GroupsToldAgain(n *netns.Namespace, dev int) {
	e.post(job{f: func() {
		h := e.Host(n)
		l := h.linkOf(dev)
		if l == nil || l.mld == nil || len(l.mld.told) == 0 {
			return
		}
		for _, g := range l.mld.told {
			if reported(g) {
				l.mld.change(groupChange{g, true, mldRobustness})
			}
		}
		if len(l.mld.changes) == 0 {
			return
		}
		if l.mld.stop != nil {
			l.mld.stop()
		}
		h.tellChanges(l)
	}})
}

// reported reports whether routers are told of a group (MAF_NOREPORT).
func reported(g netip.Addr) bool {
	return g.Is6() && g != allNodes6 && g.As16()[1]&15 >= 2
}

// groupsChanged6 finds what a device joined and left, and tells (igmp6_group_added,
// igmp6_group_dropped, mld_ifc_event).
func (h *Host) groupsChanged6(l *link) {
	if !l.dev.Up() || !l.dev.Carrier || l.dev.Conf6.Disabled {
		if l.mld != nil && l.mld.stop != nil {
			l.mld.stop()
		}
		l.mld = nil
		return
	}
	if l.mld == nil {
		l.mld = new(groupReports)
	}
	if l.mld.follow(l.dev.Groups, reported, mldRobustness) {
		h.tellChanges(l)
	}
}

// tellChanges reports what changed, and comes back until it was told often enough
// (mld_ifc_work).
func (h *Host) tellChanges(l *link) {
	s := l.mld
	if l.host != h || s == nil {
		return
	}
	var records []groupRecord
	for _, c := range s.take() {
		typ := uint8(mldToInclude)
		if c.joined {
			typ = mldToExclude
		}
		records = append(records, groupRecord{c.group, typ})
	}
	h.sendReport(l, records)
	if len(s.changes) > 0 {
		s.stop = h.e.afterIdly(h.e.random(mldInterval), func() {
			h.now()
			h.tellChanges(l)
		})
	}
}

// sendReport sends reports of version 2 (mld_sendpack), from the link-local address if there
// is one.
func (h *Host) sendReport(l *link, records []groupRecord) {
	for part := range slices.Chunk(records, mldRecords) {
		h.sendMLD(l, mldRouters, groupReport(mldReport2, part))
	}
}

// sendMLD sends a message with a router alert.
func (h *Host) sendMLD(l *link, dst netip.Addr, m []byte) {
	src, ok := h.linkLocal6(l)
	if !ok {
		src = netip.IPv6Unspecified()
	}
	p := h.e.build6(src, dst, protoHopByHop, 0, mldHops, 8+len(m))
	b := p.data()
	copy(b[ip6Len:], []byte{rpdb.ProtoICMPv6, 0, optRouterAlert, 2, 0, 0, optPadN, 0})
	copy(b[ip6Len+8:], m)
	sealICMP6(b, b[ip6Len+8:])
	p.d = rpdb.Decision{Type: rpdb.Multicast, OIF: l.dev.Index, Leg: -1, RuleIndex: -1}
	p.routed = true
	h.dispatch6(p)
}

// heardQuery answers a router that asks for groups, some time later (igmp6_event_query).
func (h *Host) heardQuery(p *packet, m []byte) {
	b, l := p.data(), p.real
	if len(m) < mldQuery1Len || !src6(b).IsLinkLocalUnicast() || b[7] != mldHops || !p.six.alert {
		return
	}
	group := addr16(m[8:24])
	if !group.IsUnspecified() && !group.IsMulticast() {
		return
	}
	old := len(m) == mldQuery1Len || l.dev.Conf6.MLDVersion == 1
	wait := time.Duration(be16(m[4:])) * time.Millisecond
	if code := int(be16(m[4:])); !old && code >= 32768 { // a floating point number
		wait = time.Duration((code&0xfff|0x1000)<<(code>>12&7+3)) * time.Millisecond
	}
	h.e.after(h.e.random(wait), func() {
		if h.now(); l.host == h {
			h.answerQuery(l, group, old)
		}
	})
}

// answerQuery reports the groups of a device, or one that was asked for.
func (h *Host) answerQuery(l *link, group netip.Addr, old bool) {
	var records []groupRecord
	for _, g := range l.dev.Groups {
		if !reported(g) || !group.IsUnspecified() && g != group {
			continue
		}
		records = append(records, groupRecord{g, mldIsExclude})
		if old {
			g16 := g.As16()
			h.sendMLD(l, g, append([]byte{mldReport1, 0, 0, 0, 0, 0, 0, 0}, g16[:]...))
		}
	}
	if !old {
		h.sendReport(l, records)
	}
}

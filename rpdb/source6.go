package rpdb

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// sources fills in the source addresses of an answer. RTM_GETROUTE shows the one
// that the route's device gets even if the flow came with a source, and forgets
// the VRF of the flow; a socket remembers it (ip6_route_get_saddr, spec IPv6 5.3,
// 9.9).
func (l *look6) sources(d *Decision) {
	res := &l.res
	dev := res.hop.dev
	if res.obj != nil && len(res.obj.hops) > 0 {
		// The first leg's device, whichever leg was chosen.
		dev = res.obj.hops[0].dev
	}
	d.ReplySrc = res.own().PrefSrc
	if !d.ReplySrc.IsValid() {
		d.ReplySrc = l.db.selectSource6(dev, l.k.Dst, nil, nil)
	}
	if d.FlowSrc.IsValid() {
		d.Src = d.FlowSrc
		return
	}
	vrf := l.db.devs[l.k.L3MDev]
	foreign := vrf != nil && (dev == nil || dev.vrf != vrf.Index)
	if own := res.own(); own.PrefSrc.IsValid() && !foreign {
		d.Src = own.PrefSrc
		l.w.source(SourceTrace{Addr: d.Src, How: SourcePrefSrc, Dev: dev.index()})
		return
	}
	if foreign {
		dev = vrf
	}
	if l.w == nil && !foreign {
		d.Src = d.ReplySrc
		return
	}
	d.Src = l.db.selectSource6(dev, l.k.Dst, l.w, l.w.sourceFor6(dev))
}

// saddr6 is one source address selection (ipv6_dev_get_saddr).
type saddr6 struct {
	db    *Database
	w     *Walk
	tr    *SourceTrace
	dev   *device // the outgoing device, nil unknown
	dst   netip.Addr
	scope int
	label uint32
	best  cand6
}

// cand6 is a candidate: an address and its device.
type cand6 struct {
	addr *Addr
	dev  *device
}

// selectSource6 chooses the source for a destination by RFC 6724 as Linux does
// (spec IPv6 3.3). It is invalid if there is none.
func (db *Database) selectSource6(dev *device, dst netip.Addr, w *Walk, tr *SourceTrace) netip.Addr {
	s := saddr6{db: db, w: w, tr: tr, dev: dev, dst: dst, scope: scope6(dst), label: db.label6(dst, dev.index())}
	if dev != nil {
		dev.note6(w, "use_oif_addrs_only", b2i(dev.conf6.oifAddrsOnly))
	}
	switch {
	case dev != nil && (multicast6(dst) || s.scope <= scopeLink6 || dev.conf6.oifAddrsOnly):
		s.scan(dev)
	case dev != nil && dev.vrf != 0:
		s.scan(dev)
		s.scan(db.devs[dev.vrf])
		s.scanDomain(dev.vrf)
	default:
		s.scanDomain(0)
	}
	if s.best.addr == nil {
		return netip.Addr{}
	}
	s.tr.chosen(s.best.addr, SourceRFC6724)
	return s.best.addr.Local
}

// scanDomain looks at every device of an L3 domain; 0 is that of no VRF.
func (s *saddr6) scanDomain(vrf int) {
	for _, d := range s.db.order {
		if d.vrf == vrf {
			s.scan(d)
		}
	}
}

// scan looks at the addresses of a device; a later one must be better to be taken
// (__ipv6_dev_get_saddr).
func (s *saddr6) scan(d *device) {
	if d.NoInet6 {
		return
	}
	for _, a := range d.addrs6 {
		c := cand6{a, d}
		if a.Flags&IFATentative != 0 && a.Flags&IFAOptimistic == 0 {
			s.tr.lost6(s, c, Source6Tentative, netip.Addr{})
			continue
		}
		if multicast6(a.Local) || a.Local.IsUnspecified() || a == s.best.addr {
			continue
		}
		if s.best.addr == nil {
			s.best = c
			s.tr.lost6(s, c, SourceOK, netip.Addr{})
			continue
		}
		rule, better := s.better(c)
		if better {
			s.tr.lost6(s, s.best, rule, a.Local)
			s.best = c
			s.tr.lost6(s, c, SourceOK, netip.Addr{})
		} else {
			s.tr.lost6(s, c, rule, s.best.addr.Local)
		}
	}
}

// better compares a candidate with the best so far, rule by rule; the first
// difference decides.
func (s *saddr6) better(c cand6) (SourceRule, bool) {
	for _, r := range source6Rules {
		if a, b := s.value(r, c), s.value(r, s.best); a != b {
			return r, a > b
		}
	}
	return Source6First, false
}

// source6Rules are the rules in the order in which they are applied.
var source6Rules = [...]SourceRule{
	Source6Same, Source6Scope, Source6Preferred, Source6Home, Source6OutDev, Source6Label,
	Source6Privacy, Source6Orchid, Source6Prefix, Source6NotOptimistic,
}

// value is the worth of a candidate under one rule; bigger is better
// (ipv6_get_saddr_eval).
func (s *saddr6) value(r SourceRule, c cand6) int {
	a := c.addr
	switch r {
	case Source6Same:
		return b2i(a.Local == s.dst)
	case Source6Scope:
		if v := scope6(a.Local); v >= s.scope {
			return -v
		} else {
			return v - 128
		}
	case Source6Preferred:
		return b2i(s.preferred(c))
	case Source6Home:
		return b2i(s.home(a))
	case Source6OutDev:
		return b2i(s.dev == nil || s.dev == c.dev)
	case Source6Label:
		return b2i(s.db.label6(a.Local, c.dev.Index) == s.label)
	case Source6Privacy:
		if a.Flags&IFATemporary != 0 {
			c.dev.note6(s.w, "use_tempaddr", c.dev.conf6.useTempaddr)
		}
		return b2i(a.Flags&IFATemporary == 0 != (c.dev.conf6.useTempaddr >= 2))
	case Source6Orchid:
		return b2i(orchid(a.Local) == orchid(s.dst))
	case Source6Prefix:
		return min(commonBits(a.Local, s.dst), int(a.PrefixLen))
	case Source6NotOptimistic:
		return b2i(a.Flags&IFAOptimistic == 0)
	}
	return 0
}

// home reports whether an address is a home address, for kernels that care.
func (s *saddr6) home(a *Addr) bool {
	if a.Flags&IFAHomeAddress == 0 {
		return false
	}
	if s.db.facts.HomeAddresses == Unknown {
		s.w.assume("whether the kernel has CONFIG_IPV6_MIP6", "yes")
	}
	return s.db.facts.HomeAddresses != No
}

// preferred reports whether an address is neither deprecated nor optimistic, or is
// of a class that is exempt (ipv6_saddr_preferred, ipv6_use_optimistic_addr).
func (s *saddr6) preferred(c cand6) bool {
	avoid := IFADeprecated
	if c.addr.Flags&IFAOptimistic != 0 {
		c.dev.note6(s.w, "optimistic_dad", b2i(c.dev.conf6.optimisticDAD))
		c.dev.note6(s.w, "use_optimistic", b2i(c.dev.conf6.useOptimistic))
	}
	if !c.dev.conf6.optimisticDAD || !c.dev.conf6.useOptimistic {
		avoid |= IFAOptimistic
	}
	return exempt6(c.addr.Local) || c.addr.Flags&avoid == 0
}

// exempt6 reports whether an address is v4-mapped, v4-compatible or loopback.
func exempt6(a netip.Addr) bool {
	return a.Is4In6() || !a.IsUnspecified() && compat6.Contains(a)
}

var (
	compat6   = netip.MustParsePrefix("::/96")
	orchid6   = netip.MustParsePrefix("2001:10::/28")
	siteLocal = netip.MustParsePrefix("fec0::/10")
)

func orchid(a netip.Addr) bool { return orchid6.Contains(a) }

// Scopes of addresses (IPV6_ADDR_SCOPE_*).
const (
	scopeLink6   = 2
	scopeSite6   = 5
	scopeGlobal6 = 14
)

// scope6 is the scope of an address, -1 for the unspecified one
// (__ipv6_addr_src_scope).
func scope6(a netip.Addr) int {
	switch {
	case multicast6(a):
		return int(a.As16()[1] & 0xf)
	case a.IsUnspecified():
		return -1
	case linkScope6(a), a == netip.IPv6Loopback():
		return scopeLink6
	case siteLocal.Contains(a):
		return scopeSite6
	}
	return scopeGlobal6
}

// commonBits is the length of the longest prefix that two addresses share.
func commonBits(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	hi := binary.BigEndian.Uint64(x[:8]) ^ binary.BigEndian.Uint64(y[:8])
	if hi != 0 {
		return bits.LeadingZeros64(hi)
	}
	return 64 + bits.LeadingZeros64(binary.BigEndian.Uint64(x[8:])^binary.BigEndian.Uint64(y[8:]))
}

// sourceFor6 opens the record of an IPv6 selection, nil on a nil Walk.
func (w *Walk) sourceFor6(dev *device) *SourceTrace {
	if w == nil {
		return nil
	}
	w.Source = SourceTrace{Dev: dev.index()}
	return &w.Source
}

// lost6 records a candidate with the value of every rule, and the rule that decided
// against it; SourceOK for the best so far.
func (t *SourceTrace) lost6(s *saddr6, c cand6, why SourceRule, against netip.Addr) {
	if t == nil {
		return
	}
	for i := range t.Candidates {
		if o := &t.Candidates[i]; o.Addr == c.addr {
			o.Lost, o.Against = why, against
			return
		}
	}
	sc := SourceCandidate{Addr: c.addr, Lost: why, Against: against}
	for _, r := range source6Rules {
		sc.Scores = append(sc.Scores, SourceScore{Rule: r, Value: s.value(r, c)})
	}
	t.Candidates = append(t.Candidates, sc)
}

package snapshot

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// finish merges the pieces into one state and says what is missing.
func (l *loader) finish() (*Snapshot, error) {
	l.endTexts()
	if len(l.pieces) == 0 {
		return nil, fmt.Errorf("nothing was read")
	}
	m := merger{l: l, state: new(rpdb.State)}
	m.links()
	for i := range l.pieces {
		m.piece(&l.pieces[i])
	}
	m.state.Missing = rpdb.AllParts &^ m.told
	m.assume()
	snap := l.snap // not the loader's own, which holds all pieces
	snap.State, snap.Warnings = m.state, l.warn.all()
	return &snap, nil
}

// merger puts pieces together. What two of them tell is taken from the first.
type merger struct {
	l     *loader
	state *rpdb.State
	told  rpdb.Parts
	owner map[unit]*piece
}

// unit is what is taken from one piece as a whole.
type unit struct {
	what  rpdb.Parts
	table uint32 // of routes
	dev   int    // of addresses and neighbours
}

func (u unit) String() string {
	name := partTexts[u.what]
	switch {
	case u.table != 0:
		return fmt.Sprintf("%s of table %d", name, u.table)
	case u.dev != 0:
		return fmt.Sprintf("%s of device %d", name, u.dev)
	}
	return name
}

// partTexts names kinds of state in sentences.
var partTexts = map[rpdb.Parts]string{
	rpdb.PartRules4: "IPv4 rules", rpdb.PartRules6: "IPv6 rules",
	rpdb.PartRoutes4: "IPv4 routes", rpdb.PartRoutes6: "IPv6 routes",
	rpdb.PartNextHops: "nexthop objects", rpdb.PartBuckets: "buckets of resilient nexthop groups",
	rpdb.PartLinks: "devices", rpdb.PartAddrs4: "IPv4 addresses", rpdb.PartAddrs6: "IPv6 addresses",
	rpdb.PartNeighs: "neighbours", rpdb.PartSysctls: "sysctls", rpdb.PartLabels: "IPv6 address labels",
}

// takes reports whether the piece is the one that a unit is taken from: the first
// that has it.
func (m *merger) takes(p *piece, u unit) bool {
	first, ok := m.owner[u]
	if !ok {
		if m.owner == nil {
			m.owner = map[unit]*piece{}
		}
		m.owner[u] = p
		return true
	}
	return first == p
}

// taken returns the entries whose unit the piece owns. It warns of the others
// unless they only repeat what the state, which has is, tells already.
func taken[T any](m *merger, p *piece, has, list []T, unitOf func(*T) unit) []T {
	var last unit
	ours := false
	keep := func(e *T) bool {
		if u := unitOf(e); u != last {
			last, ours = u, m.takes(p, u)
		}
		return ours
	}
	first := 0
	for first < len(list) && keep(&list[first]) {
		first++
	}
	if first == len(list) {
		return list
	}
	kept := slices.Clone(list[:first])
	refused := map[unit][]T{}
	for i := first; i < len(list); i++ {
		if keep(&list[i]) {
			kept = append(kept, list[i])
		} else {
			refused[last] = append(refused[last], list[i])
		}
	}
	for u, again := range refused {
		same := 0
		for i := range has {
			if same < len(again) && unitOf(&has[i]) == u && reflect.DeepEqual(has[i], again[same]) {
				same++
			}
		}
		if same < len(again) {
			m.l.warn.addf(Repeated, p.file, 0, "%s: taken from %s, not from here", u, m.owner[u].file)
		}
	}
	return kept
}

func byFamily(f rpdb.Family, p4, p6 rpdb.Parts) rpdb.Parts {
	if f == rpdb.IPv6 {
		return p6
	}
	return p4
}

// join appends, without a copy where there is nothing to append to.
func join[T any](a, b []T) []T {
	if len(a) == 0 {
		return b
	}
	return append(a, b...)
}

// piece adds one piece whose device indexes are final.
func (m *merger) piece(p *piece) {
	s, from := m.state, &p.state
	s.Rules = join(s.Rules, taken(m, p, s.Rules, from.Rules, func(r *rpdb.Rule) unit {
		return unit{what: byFamily(r.Family, rpdb.PartRules4, rpdb.PartRules6)}
	}))
	s.Routes = join(s.Routes, taken(m, p, s.Routes, from.Routes, func(r *rpdb.Route) unit {
		return unit{what: byFamily(r.Family, rpdb.PartRoutes4, rpdb.PartRoutes6), table: r.Table}
	}))
	s.NextHops = join(s.NextHops, taken(m, p, s.NextHops, from.NextHops, func(*rpdb.NextHopObject) unit {
		return unit{what: rpdb.PartNextHops}
	}))
	s.Addrs = join(s.Addrs, taken(m, p, s.Addrs, from.Addrs, func(a *rpdb.Addr) unit {
		return unit{what: byFamily(a.Family, rpdb.PartAddrs4, rpdb.PartAddrs6), dev: a.Index}
	}))
	s.Neighs = join(s.Neighs, taken(m, p, s.Neighs, from.Neighs, func(n *rpdb.Neigh) unit {
		return unit{what: rpdb.PartNeighs, dev: n.Index}
	}))
	s.Labels = join(s.Labels, taken(m, p, s.Labels, from.Labels, func(*rpdb.AddrLabel) unit {
		return unit{what: rpdb.PartLabels}
	}))
	m.sysctls(p)
	if s.Kernel.Release == "" {
		s.Kernel = from.Kernel
	}
	m.facts(&from.Facts)
	s.Notes = append(s.Notes, from.Notes...)
	m.told |= p.told
}

func (m *merger) sysctls(p *piece) {
	if m.state.Sysctls == nil {
		m.state.Sysctls = p.state.Sysctls
		return
	}
	differ := 0
	for path, v := range p.state.Sysctls {
		if old, ok := m.state.Sysctls[path]; !ok {
			m.state.Sysctls[path] = v
		} else if old != v {
			differ++
		}
	}
	if differ > 0 {
		m.l.warn.addf(Repeated, p.file, 0, "%d sysctls have other values than in a file before; those stay", differ)
	}
}

func (m *merger) facts(f *rpdb.Facts) {
	to := &m.state.Facts
	for _, x := range []struct {
		to   *rpdb.Tri
		from rpdb.Tri
	}{
		{&to.CustomRules4, f.CustomRules4},
		{&to.CustomRules6, f.CustomRules6},
		{&to.CustomLocal4, f.CustomLocal4},
		{&to.HomeAddresses, f.HomeAddresses},
	} {
		if *x.to == rpdb.Unknown {
			*x.to = x.from
		}
	}
}

// assume fills in what every host has and says so.
func (m *merger) assume() {
	s := m.state
	for _, x := range []struct {
		f             rpdb.Family
		rules, routes rpdb.Parts
	}{{rpdb.IPv4, rpdb.PartRules4, rpdb.PartRoutes4}, {rpdb.IPv6, rpdb.PartRules6, rpdb.PartRoutes6}} {
		if s.Missing&x.rules != 0 {
			s.Rules = append(s.Rules, rpdb.DefaultRules(x.f)...)
			m.l.warn.addf(NotTold, "", 0, "no %s: the default ones are assumed", partTexts[x.rules])
		}
	}
	for _, p := range partNames {
		switch {
		case s.Missing&p.part == 0, p.part == rpdb.PartRules4, p.part == rpdb.PartRules6:
		case p.part == rpdb.PartNeighs, p.part == rpdb.PartBuckets, p.part == rpdb.PartLabels, p.part == rpdb.PartNextHops:
			if m.matters(p.part) {
				m.l.warn.addf(NotTold, "", 0, "no %s", partTexts[p.part])
			}
		default:
			m.l.warn.addf(NotTold, "", 0, "no %s", partTexts[p.part])
		}
	}
	m.ownRoutes()
	if s.Kernel.Release == "" {
		m.l.warn.addf(NotTold, "", 0, "no kernel release: %s is assumed", s.Kernel)
	}
	var assumed []string
	for i := range s.Links {
		if s.Links[i].Assumed {
			assumed = append(assumed, s.Links[i].Name)
		}
	}
	if n := len(assumed); n > 0 {
		if n > 10 {
			assumed = append(assumed[:10], fmt.Sprintf("and %d more", n-10))
		}
		m.l.warn.addf(Assumed, "", 0, "devices that are only named, and taken to be up: %s", strings.Join(assumed, ", "))
	}
}

// matters reports whether a kind of state that few hosts need could change an
// answer here.
func (m *merger) matters(p rpdb.Parts) bool {
	s := m.state
	switch p {
	case rpdb.PartNextHops:
		return slices.ContainsFunc(s.Routes, func(r rpdb.Route) bool { return r.NHID != 0 })
	case rpdb.PartBuckets:
		return slices.ContainsFunc(s.NextHops, func(n rpdb.NextHopObject) bool { return n.Resilient != nil })
	case rpdb.PartNeighs: // IPv6 asks for the neighbour where it has a choice of gateways
		first := map[netip.Prefix]bool{}
		for i := range s.Routes {
			r := &s.Routes[i]
			if r.Family != rpdb.IPv6 || len(r.NextHops) == 0 || !r.NextHops[0].Gateway.IsValid() {
				continue
			}
			if first[r.Dst] || len(r.NextHops) > 1 {
				return true
			}
			first[r.Dst] = true
		}
	}
	return false
}

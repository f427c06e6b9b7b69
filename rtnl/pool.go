package rtnl

import "github.com/rulewalk/rulewalk/rpdb"

// pool shares equal slices between routes: a table of a million routes has few
// different nexthops. The slices must not be changed. A nil pool shares nothing.
type pool struct {
	hops   map[rpdb.NextHop][]rpdb.NextHop
	legs   [2]map[string][]rpdb.NextHop // by family, then the bytes of the attribute
	metric map[string][]rpdb.Metric
}

func newPool() *pool {
	return &pool{
		hops:   make(map[rpdb.NextHop][]rpdb.NextHop),
		legs:   [2]map[string][]rpdb.NextHop{make(map[string][]rpdb.NextHop), make(map[string][]rpdb.NextHop)},
		metric: make(map[string][]rpdb.Metric),
	}
}

// hop returns a list of one nexthop. Those with an encapsulation are not shared:
// that is compared by its pointer.
func (p *pool) hop(h rpdb.NextHop) []rpdb.NextHop {
	if p == nil || h.Encap != nil {
		return []rpdb.NextHop{h}
	}
	s, ok := p.hops[h]
	if !ok {
		s = []rpdb.NextHop{h}
		p.hops[h] = s
	}
	return s
}

// multipath returns the legs that the current attribute of r holds.
func (p *pool) multipath(r *reader, f rpdb.Family) []rpdb.NextHop {
	if p == nil {
		return parseMultipath(r, f)
	}
	m := p.legs[0]
	if f == rpdb.IPv6 {
		m = p.legs[1]
	}
	s, ok := m[string(r.data)]
	if !ok {
		s = parseMultipath(r, f)
		if r.err == nil {
			m[string(r.data)] = s
		}
	}
	return s
}

// metrics returns the metrics that the current attribute of r holds.
func (p *pool) metrics(r *reader) []rpdb.Metric {
	if p == nil {
		return parseMetrics(r)
	}
	s, ok := p.metric[string(r.data)]
	if !ok {
		s = parseMetrics(r)
		if r.err == nil {
			p.metric[string(r.data)] = s
		}
	}
	return s
}

package rpdb

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// hash6 is the multipath hash of an IPv6 flow (rt6_multipath_hash, spec IPv6 2.5).
// Policy 2 hashes inner headers, which only a packet has; without one it is as 0.
func (c hashConf) hash6(k *Key, packet bool) uint32 {
	use := hashSrc | hashDst | hashLabel | hashProto
	switch c.policy {
	case 1:
		use = hashSrc | hashDst | hashProto | hashSPort | hashDPort
	case 3:
		if use = c.fields; use&hashOuter == 0 {
			if packet {
				return c.finish0()
			}
			return 0
		}
	}
	var m [72]byte
	if use&hashProto != 0 {
		m[2] = k.IPProto
	}
	if use&hashLabel != 0 {
		binary.BigEndian.PutUint32(m[4:], k.FlowLabel)
	}
	if use&hashSPort != 0 {
		binary.BigEndian.PutUint16(m[28:], k.SPort)
	}
	if use&hashDPort != 0 {
		binary.BigEndian.PutUint16(m[30:], k.DPort)
	}
	if use&hashSrc != 0 {
		a := k.Src.As16()
		copy(m[36:], a[:])
	}
	if use&hashDst != 0 {
		a := k.Dst.As16()
		copy(m[52:], a[:])
	}
	if bytes.Compare(m[52:68], m[36:52]) < 0 {
		swap(m[36:52], m[52:68])
	}
	if binary.LittleEndian.Uint16(m[30:]) < binary.LittleEndian.Uint16(m[28:]) {
		swap(m[28:30], m[30:32])
	}
	key := uint64(c.seed)<<32 | uint64(c.seed)
	return c.finish(uint32(siphash(key, key, m[:])), packet)
}

// needs6 returns the fields of a flow that the hash of an IPv6 flow depends on.
func (c hashConf) needs6() Fields {
	if c.policy == 0 || c.policy == 2 {
		return FieldIPProto | FieldFlowLabel
	}
	return c.needs()
}

// known6 reports whether the hash of a flow can be computed. Without fields it is 0,
// whatever the seed.
func (c hashConf) known6(unknown Fields) bool {
	if c.policy == 3 && c.fields&hashOuter == 0 {
		return true
	}
	return c.seed != 0 && unknown&c.needs6() == 0
}

// choosePath picks among the siblings of a route or the members of its nexthop
// group (fib6_select_path).
func (l *look6) choosePath(s *search6, hit *pick6) {
	if hit.leg < 0 || l.db.legCount(hit.route, hit.obj) < 2 {
		return
	}
	if l.output && l.k.OIF != 0 && l.db.kernel.Has(FeatureMultipathOIF6) &&
		l.db.leg6(hit.route, hit.obj, hit.leg).oif == l.k.OIF {
		return
	}
	p := picker6{s: s, hit: *hit}
	if hit.obj.lacksBuckets() {
		l.res.undetermined = true
		return
	}
	p.setBounds()
	if !l.known {
		var open bool
		hit.leg, open = p.any()
		l.res.undetermined = l.res.undetermined || open
		n := l.db.legCount(hit.route, hit.obj)
		if i := l.db.onLeg - 1; i >= 0 && i < n && p.shares(n)[i] > 0 {
			hit.leg = i
		}
		return
	}
	if !l.hashed {
		k, next, header := &l.k, l.next, l.db.six.hash.policy == 0
		if f := l.cause; f != nil && (!l.packet || header) {
			k, next = &Key{Src: f.Src, Dst: f.Dst, IPProto: f.IPProto, SPort: f.SPort, DPort: f.DPort, FlowLabel: f.FlowLabel}, f.NextHeader
		}
		packet := l.packet || l.cause != nil
		if packet && header && next != k.IPProto { // ip6_multipath_l3_keys
			with := *k
			with.IPProto = next
			k = &with
		}
		l.hash = l.db.six.hash.hash6(k, packet)
		l.hashed = l.hash != 0
	}
	hit.leg = p.leg(l.hash)
}

// picker6 is the choice among the legs of a route as a function of the hash.
type picker6 struct {
	s     *search6
	hit   pick6
	total uint64 // weight of the siblings that take flows
}

// setBounds adds up the weights of siblings (rt6_multipath_rebalance). A group has
// its bounds already.
func (p *picker6) setBounds() {
	if p.hit.obj != nil {
		return
	}
	for i := range p.hit.route.NextHops {
		if !p.dead(i) {
			p.total += uint64(max(p.hit.route.NextHops[i].Weight, 1))
		}
	}
}

// dead reports whether a sibling takes no flows (rt6_is_dead).
func (p *picker6) dead(i int) bool {
	l := p.s.db.leg6(p.hit.route, nil, i)
	return l.flags&NHDead != 0 || l.flags&NHLinkDown != 0 && l.ignoresLinkdown(p.s.w)
}

// leg returns the leg that a hash selects.
func (p *picker6) leg(hash uint32) int {
	if p.hit.obj != nil {
		return p.groupLeg(hash)
	}
	var w uint64
	for i := range p.hit.route.NextHops {
		if p.dead(i) {
			continue
		}
		w += uint64(max(p.hit.route.NextHops[i].Weight, 1))
		if int64(hash) > int64(bound(w, p.total)) {
			continue
		}
		l := p.s.db.leg6(p.hit.route, nil, i)
		if score, _ := p.s.rate(p.hit.route.Sibling(i), &l, p.s.strict); score < 0 {
			break
		}
		return i
	}
	return p.hit.leg
}

// groupLeg is leg for a nexthop group, without a look at devices
// (nexthop_select_path_hthr, nexthop_select_path_res).
func (p *picker6) groupLeg(hash uint32) int {
	o := p.hit.obj
	if len(o.buckets) > 0 {
		return o.buckets[int(hash)%len(o.buckets)]
	}
	good := -1
	for i := range o.hops {
		if p.s.db.neighInvalid(&o.hops[i]) {
			continue
		}
		if good < 0 {
			good = i
		}
		if int64(hash) <= int64(o.hops[i].bound) {
			return i
		}
	}
	return max(good, 0)
}

// any returns a leg that flows can take, and whether flows can take others too.
func (p *picker6) any() (leg int, more bool) {
	if o := p.hit.obj; o != nil && len(o.buckets) > 0 {
		for _, b := range o.buckets {
			more = more || b != o.buckets[0]
		}
		return o.buckets[0], more
	}
	leg = p.leg(0)
	for i := range p.s.db.legCount(p.hit.route, p.hit.obj) {
		if b := p.bound(i); b >= 0 && (p.leg(uint32(b)) != leg || p.leg(min(uint32(b)+1, 1<<31-1)) != leg) {
			return leg, true
		}
	}
	return leg, false
}

// bound is the upper bound of a leg, -1 if it takes no flows.
func (p *picker6) bound(leg int) int32 {
	if p.hit.obj != nil {
		return p.hit.obj.hops[leg].bound
	}
	if p.dead(leg) {
		return -1
	}
	var w uint64
	for i := range p.hit.route.NextHops[:leg+1] {
		if !p.dead(i) {
			w += uint64(max(p.hit.route.NextHops[i].Weight, 1))
		}
	}
	return bound(w, p.total)
}

// legs6 lists the ways of an IPv6 multipath route with their shares.
func (db *Database) legs6(f *Flow, d *Decision) []Leg {
	r := d.Route
	obj := db.object6(r)
	n := db.legCount(r, obj)
	if n < 2 || obj != nil && obj.blackhole {
		return nil
	}
	p := picker6{s: &search6{db: db}, hit: pick6{r, obj, max(d.Leg, 0)}}
	p.setBounds()
	share := p.shares(n)
	out := make([]Leg, n)
	for i := range out {
		l := db.leg6(r, obj, i)
		out[i] = Leg{Index: i, Share: share[i], Src: r.Sibling(i).PrefSrc}
		if obj != nil {
			out[i].Hop = NextHop{Dev: l.oif, Gateway: l.gw, Weight: obj.hops[i].weight}
		} else {
			out[i].Hop = r.NextHops[i]
		}
		if !out[i].Src.IsValid() {
			src := l.dev
			if obj != nil {
				src = obj.hops[0].dev
			}
			out[i].Src = db.selectSource6(src, f.Dst, nil, nil)
		}
		out[i].Skipped = p.skipped(i, &l)
	}
	return out
}

// skipped says why a leg takes no flows, empty if it does.
func (p *picker6) skipped(i int, l *leg6) string {
	switch {
	case l.flags&NHLinkDown != 0 && l.ignoresLinkdown(nil):
		return "linkdown"
	case l.flags&NHDead != 0:
		return "dead"
	case p.hit.obj != nil && p.s.db.neighInvalid(&p.hit.obj.hops[i]):
		return "neighbour failed"
	}
	return ""
}

// shares is the part of flows that takes each of n legs.
func (p *picker6) shares(n int) []float64 {
	out := make([]float64, n)
	if o := p.hit.obj; o != nil && o.Resilient != nil {
		for _, b := range o.buckets {
			out[b] += 1 / float64(len(o.buckets))
		}
		return out
	}
	edges := []int64{-1, 1<<31 - 1}
	for i := range n {
		if b := p.bound(i); b >= 0 {
			edges = append(edges, int64(b))
		}
	}
	slices.Sort(edges)
	for i := 1; i < len(edges); i++ {
		if d := edges[i] - edges[i-1]; d > 0 {
			out[p.leg(uint32(edges[i]))] += float64(d) / (1 << 31)
		}
	}
	return out
}

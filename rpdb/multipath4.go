package rpdb

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// hash4 is the multipath hash of an IPv4 flow (fib_multipath_hash, spec 12).
func (c hashConf) hash4(f *Flow, src, dst netip.Addr) uint32 {
	var m [48]byte
	use := hashSrc | hashDst
	switch c.policy {
	case 1:
		use |= hashProto | hashSPort | hashDPort
	case 3:
		if use = c.fields; use&hashOuter == 0 {
			if f.Hashed == HashedFlow {
				return 0
			}
			return c.finish0()
		}
	}
	if f.Hashed == HashedFrame {
		use = 0
	}
	if use&hashProto != 0 {
		m[2] = f.IPProto
	}
	// Only headers with ports take part; the packet of ip route get has them for TCP
	// and UDP, and ICMP has none.
	if f.IPProto != ProtoICMP || f.Hashed == HashedFlow {
		if use&hashSPort != 0 {
			binary.BigEndian.PutUint16(m[28:], f.SPort)
		}
		if use&hashDPort != 0 {
			binary.BigEndian.PutUint16(m[30:], f.DPort)
		}
	}
	if use&hashSrc != 0 && src.Is4() {
		s := src.As4()
		copy(m[36:], s[:])
	}
	if use&hashDst != 0 {
		d := dst.As4()
		copy(m[40:], d[:])
	}
	if binary.LittleEndian.Uint32(m[40:]) < binary.LittleEndian.Uint32(m[36:]) {
		swap(m[36:40], m[40:44])
	}
	if binary.LittleEndian.Uint16(m[30:]) < binary.LittleEndian.Uint16(m[28:]) {
		swap(m[28:30], m[30:32])
	}
	key := uint64(c.seed)<<32 | uint64(c.seed)
	return c.finish(uint32(siphash(key, key, m[:])), f.Hashed != HashedFlow)
}

// finish0 is the hash when no field takes part.
func (c hashConf) finish0() uint32 { return jhash2words(0, 0, 0) >> 1 }

func swap(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

// choosePath4 picks the nexthop of a route with several (fib_select_path,
// fib_select_multipath). src is the source that the flow came with.
func (db *Database) choosePath4(f *Flow, src, dst netip.Addr, output bool, res *found4, d *Decision) {
	hops := res.alias.info.paths()
	if len(hops) < 2 || f.Hashed == HashedNot {
		return
	}
	pick := db.picker4(res.alias.info, res.leg, src, output)
	if db.hash4.known(f) && !res.alias.info.nh.lacksBuckets() {
		if f.Cause != nil && (f.Hashed == HashedQuestion || db.hash4.policy == 0) {
			f, src, dst = f.Cause, f.Cause.Src, f.Cause.Dst
		}
		res.leg = pick.leg(db.hash4.hash4(f, src, dst))
	} else {
		res.leg, d.Undetermined = pick.first()
		if i := db.onLeg - 1; i >= 0 && i < len(hops) && pick.can(i) {
			res.leg = i
		}
	}
	res.hop = &hops[res.leg]
}

// paths returns the nexthops that a route spreads over.
func (in *info4) paths() []hop {
	if in.nh != nil {
		return in.nh.hops
	}
	return in.hops
}

// picker4 is the choice among a route's nexthops as a function of the hash.
type picker4 struct {
	db   *Database
	in   *info4
	dflt int        // the first usable nexthop
	src  netip.Addr // a source that pins its nexthop; invalid: none
}

func (db *Database) picker4(in *info4, dflt int, src netip.Addr, output bool) picker4 {
	p := picker4{db: db, in: in, dflt: dflt}
	if output && src.IsValid() && !src.IsUnspecified() && db.kernel.Has(FeatureMultipathSource) {
		p.src = src
	}
	return p
}

// leg returns the nexthop that a hash selects.
func (p *picker4) leg(hash uint32) int {
	if p.in.nh != nil {
		return p.objectLeg(hash)
	}
	best, sel := -1, p.dflt
	for i := range p.in.hops {
		h := &p.in.hops[i]
		if h.bound < 0 || p.db.useNeigh && p.db.neighInvalid(h) {
			continue
		}
		score := 0
		if p.src.IsValid() && h.saddr == p.src {
			score += 2
		}
		if int64(hash) <= int64(h.bound) {
			score++
		}
		if score > best {
			best, sel = score, i
			if score == 3 || score == 1 && !p.src.IsValid() {
				break
			}
		}
	}
	return sel
}

// objectLeg is leg for a nexthop group (nexthop_select_path_hthr,
// nexthop_select_path_res).
func (p *picker4) objectLeg(hash uint32) int {
	o := p.in.nh
	if len(o.buckets) > 0 {
		return o.buckets[int(hash)%len(o.buckets)]
	}
	good := -1
	for i := range o.hops {
		h := &o.hops[i]
		if p.db.neighInvalid(h) {
			continue
		}
		if good < 0 {
			good = i
		}
		if int64(hash) <= int64(h.bound) {
			return i
		}
	}
	return max(good, 0)
}

// first returns a nexthop that flows can take, and whether flows can take others
// too.
func (p *picker4) first() (leg int, more bool) {
	hops := p.in.paths()
	leg = p.leg(0)
	for i := range hops {
		if b := hops[i].bound; b >= 0 && (p.leg(uint32(b)) != leg || p.leg(uint32(b)+1) != leg) {
			return leg, true
		}
	}
	return leg, len(p.in.nhBuckets()) > 0 && p.spread()
}

// can reports whether flows can take a nexthop.
func (p *picker4) can(leg int) bool {
	hops := p.in.paths()
	for i := range hops {
		if b := hops[i].bound; b >= 0 && (p.leg(uint32(b)) == leg || p.leg(uint32(b)+1) == leg) {
			return true
		}
	}
	return p.leg(0) == leg || slices.Contains(p.in.nhBuckets(), leg)
}

func (in *info4) nhBuckets() []int {
	if in.nh == nil {
		return nil
	}
	return in.nh.buckets
}

// spread reports whether a resilient group's buckets name more than one leg.
func (p *picker4) spread() bool {
	for _, b := range p.in.nh.buckets {
		if b != p.in.nh.buckets[0] {
			return true
		}
	}
	return false
}

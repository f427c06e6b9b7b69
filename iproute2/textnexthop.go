package iproute2

import (
	"math"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// nextHopLine reads a line of ip nexthop or of ip nexthop bucket.
func (t *TextReader) nextHopLine(w []string) {
	if len(w) > 2 && w[2] == "index" {
		t.bucketLine(w)
		return
	}
	t.enter(kindNextHop)
	p := newLineParser(w, t.c)
	p.dev = t.devs.index
	h, err := p.nextHop(t.block.hint.family)
	if err != nil {
		t.problem("a nexthop that cannot be read, and is left out: " + err.Error())
		return
	}
	if len(p.bad) > 0 {
		t.problem("a nexthop with words that are not known, kept without them: " + strings.Join(p.bad, " "))
	}
	if _, ok := t.hops[h.ID]; ok {
		return
	}
	t.hops[h.ID] = len(t.st.NextHops)
	t.st.NextHops = append(t.st.NextHops, h)
}

// nextHop reads the words of a nexthop object. One without an address is IPv4
// unless the command or a device-only IPv6 entry tells otherwise, which its text
// does not.
func (p *lineParser) nextHop(f rpdb.Family) (rpdb.NextHopObject, error) {
	var h rpdb.NextHopObject
	h.Hop.Weight = 1
	for p.more() {
		p.nextHopWord(&h, p.next())
	}
	switch {
	case len(h.Group) > 0:
	case h.Hop.Gateway.IsValid():
		h.Family = rpdb.FamilyOf(h.Hop.Gateway)
	case f != rpdb.Unspec:
		h.Family = f
	default:
		h.Family = rpdb.IPv4
	}
	return h, p.err
}

func (p *lineParser) nextHopWord(h *rpdb.NextHopObject, key string) {
	switch key {
	case "id":
		h.ID = p.uint(key)
	case "group":
		s := p.value(key)
		g, ok := parseGroup(s)
		p.need(ok, key, s)
		h.Group = g
	case "type":
		if p.value(key) == "resilient" {
			h.Resilient = &rpdb.Resilient{BucketsOutstanding: true}
		}
	case "buckets", "idle_timer", "unbalanced_timer", "unbalanced_time":
		p.resilientWord(h, key)
	case "scope":
		s := p.value(key)
		v, ok := p.n.ScopeID(s)
		p.need(ok, key, s)
		h.Scope = v
	case "proto", "protocol":
		h.Protocol = p.proto(key)
	case "blackhole":
		h.Blackhole = true
	case "fdb":
		h.FDB = true
	case "hw_stats", "used":
		p.value(key)
	default:
		if !p.hopWord(&h.Hop, key) {
			p.bad = append(p.bad, key)
		}
	}
}

func (p *lineParser) resilientWord(h *rpdb.NextHopObject, key string) {
	s := p.value(key)
	r := h.Resilient
	if r == nil {
		p.fail("%s outside a resilient group", key)
		return
	}
	if key == "buckets" {
		v, ok := parseUint(s, 10, 0xffff)
		p.need(ok, key, s)
		r.NumBuckets = uint16(v)
		return
	}
	v, ok := parseClock(s)
	p.need(ok, key, s)
	switch key {
	case "idle_timer":
		r.IdleTimer = uint32(v)
	case "unbalanced_timer":
		r.UnbalancedTimer = uint32(v)
	default:
		r.UnbalancedTime = v
	}
}

// parseClock reads seconds as formatClock prints them.
func parseClock(s string) (uint64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v < 1e9) {
		return 0, false
	}
	return uint64(math.Round(v * 100)), true
}

// parseGroup reads ID[,WEIGHT]/...
func parseGroup(s string) ([]rpdb.GroupMember, bool) {
	var g []rpdb.GroupMember
	for _, part := range strings.Split(s, "/") {
		id, weight, weighted := strings.Cut(part, ",")
		m := rpdb.GroupMember{Weight: 1}
		v, ok := parseUint(id, 0, 1<<32-1)
		m.ID = v
		if ok && weighted {
			m.Weight, ok = parseUint(weight, 0, 1<<16)
		}
		if !ok {
			return nil, false
		}
		g = append(g, m)
	}
	return g, true
}

// bucketLine reads: id G index I idle_time T nhid N.
func (t *TextReader) bucketLine(w []string) {
	t.enter(kindBucket)
	p := newLineParser(w, t.c)
	var id, index, nhid uint32
	for p.more() {
		switch key := p.next(); key {
		case "id":
			id = p.uint(key)
		case "index":
			index = p.uint(key)
		case "nhid":
			nhid = p.uint(key)
		case "idle_time":
			p.value(key)
		default:
			if _, ok := routeFlagBits[key]; !ok {
				p.bad = append(p.bad, key)
			}
		}
	}
	if p.err != nil || len(p.bad) > 0 {
		t.problem("a bucket that cannot be read")
		return
	}
	t.setBucket(id, index, nhid)
}

func (t *TextReader) setBucket(id, index, nhid uint32) {
	i, ok := t.hops[id]
	if !ok || t.st.NextHops[i].Resilient == nil || index >= uint32(t.st.NextHops[i].Resilient.NumBuckets) {
		t.problem("a bucket of a group that was not shown before")
		return
	}
	r := t.st.NextHops[i].Resilient
	if r.Buckets == nil {
		r.Buckets = make([]uint32, r.NumBuckets)
	}
	r.Buckets[index] = nhid
	r.BucketsOutstanding = false
	t.buckets = true
}

package rtnl

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// CollectState reads everything that netlink tells into a State. Unlike Collect it
// keeps no messages: a route takes some two hundred bytes, and routes share their
// nexthops. Sysctls and the kernel's version are not read.
func CollectState(t Transport, progress func(Progress)) (*rpdb.State, error) {
	b := newBuilder()
	col := collector{t: t, to: b, progress: progress}
	if err := col.run(); err != nil {
		return nil, err
	}
	s := b.done()
	s.Missing |= rpdb.PartSysctls
	var err error
	s.Facts, err = Probe(t, s)
	return s, err
}

// builder is the sink that makes a State.
type builder struct {
	state   rpdb.State
	routes  list[rpdb.Route]
	pool    *pool
	kind    Kind
	start   lengths // when kind began
	buckets map[uint32][]Bucket
}

type lengths struct{ rules, routes, nexthops, links, addrs, neighs, labels int }

func newBuilder() *builder {
	return &builder{pool: newPool(), buckets: make(map[uint32][]Bucket)}
}

// begin implements sink. When the kind is the same again, what it brought is dropped.
func (b *builder) begin(k Kind) {
	s := &b.state
	if k != b.kind {
		b.kind = k
		b.start = lengths{
			len(s.Rules), b.routes.len(), len(s.NextHops), len(s.Links),
			len(s.Addrs), len(s.Neighs), len(s.Labels),
		}
	}
	s.Rules = s.Rules[:b.start.rules]
	b.routes.cut(b.start.routes)
	s.NextHops = s.NextHops[:b.start.nexthops]
	s.Links = s.Links[:b.start.links]
	s.Addrs = s.Addrs[:b.start.addrs]
	s.Neighs = s.Neighs[:b.start.neighs]
	s.Labels = s.Labels[:b.start.labels]
	if k == Buckets {
		clear(b.buckets)
	}
}

// add implements sink.
func (b *builder) add(k Kind, m netlink.Message) error {
	s := &b.state
	switch k {
	case Links:
		return appendParsed(&s.Links, m, ParseLink)
	case Addrs4, Addrs6:
		return appendParsed(&s.Addrs, m, ParseAddr)
	case Neighs4, Neighs6:
		return appendParsed(&s.Neighs, m, ParseNeigh)
	case Labels:
		return appendParsed(&s.Labels, m, ParseAddrLabel)
	case NextHops:
		return appendParsed(&s.NextHops, m, ParseNextHop)
	case RulesIPv4, RulesIPv6:
		return appendParsed(&s.Rules, m, ParseRule)
	case Routes4, Routes6:
		return parseRoute(b.routes.add(), m, b.pool)
	case Buckets:
		bucket, err := ParseBucket(m)
		b.buckets[bucket.Group] = append(b.buckets[bucket.Group], bucket)
		return err
	}
	return nil
}

func appendParsed[T any](to *[]T, m netlink.Message, parse func(netlink.Message) (T, error)) error {
	v, err := parse(m)
	if err == nil {
		*to = append(*to, v)
	}
	return err
}

// groups implements sink.
func (b *builder) groups() []uint32 {
	var ids []uint32
	for i := range b.state.NextHops {
		if b.state.NextHops[i].Resilient != nil {
			ids = append(ids, b.state.NextHops[i].ID)
		}
	}
	return ids
}

// done puts the buckets into their groups and returns the state.
func (b *builder) done() *rpdb.State {
	b.state.Routes = b.routes.take()
	for i := range b.state.NextHops {
		if nh := &b.state.NextHops[i]; nh.Resilient != nil {
			setBuckets(nh.Resilient, b.buckets[nh.ID])
		}
	}
	return &b.state
}

// setBuckets fills the table of a group if every bucket was dumped.
func setBuckets(r *rpdb.Resilient, buckets []Bucket) {
	n := int(r.NumBuckets)
	table := make([]uint32, n)
	seen := make([]bool, n)
	count := 0
	for _, b := range buckets {
		if i := int(b.Index); i < n && !seen[i] {
			seen[i] = true
			table[i] = b.NHID
			count++
		}
	}
	if count == n && n > 0 {
		r.Buckets, r.BucketsOutstanding = table, false
	}
}

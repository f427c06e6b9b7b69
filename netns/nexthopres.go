package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// resTable are the buckets of a resilient group (struct nh_res_table).
type resTable struct {
	buckets         []bucket
	idle            jiffies
	unbalanced      jiffies // 0: buckets in use are never forced to move
	unbalancedSince jiffies
	wanting         []*groupEntry // that have too few buckets (uw_nh_entries)
	next            jiffies       // when upkeep is due, while members are wanting
}

// bucket is one of them (struct nh_res_bucket).
type bucket struct {
	entry          *groupEntry // nil: nobody's yet
	used, migrated jiffies
}

// rebalance computes how many buckets each member is to have
// (nh_res_group_rebalance).
func (t *resTable) rebalance(g *group, now jiffies) {
	t.wanting = nil
	total, sum, before := uint64(0), uint64(0), uint64(0)
	for _, e := range g.entries {
		total += uint64(e.weight)
	}
	for _, e := range g.entries {
		sum += uint64(e.weight)
		bound := (uint64(len(t.buckets))*sum + total/2) / total
		e.wants = int(bound - before)
		before = bound
		if e.buckets < e.wants {
			if len(t.wanting) == 0 {
				t.unbalancedSince = now
			}
			t.wanting = append([]*groupEntry{e}, t.wanting...)
		}
	}
}

// upkeep moves the buckets that may move, and finds out when it is due again
// (nh_res_table_upkeep). moved is told of each.
func (t *resTable) upkeep(now jiffies, moved func(i int)) {
	const least = hz / 2 // NH_RES_UPKEEP_MIN_INTERVAL
	t.next = now + t.idle
	if t.unbalanced != 0 {
		t.next = now + t.unbalanced
	}
	for i := range t.buckets {
		b := &t.buckets[i]
		if !t.movable(b, now) || len(t.wanting) == 0 {
			continue
		}
		to := t.wanting[0]
		b.assign(to)
		b.used, b.migrated = now, now
		if moved != nil {
			moved(i)
		}
		if to.buckets == to.wants {
			t.wanting = t.wanting[1:]
		}
	}
	t.next = max(t.next, now+least)
}

// movable tells whether a bucket goes to another member, and if not, when it may
// (nh_res_bucket_should_migrate).
func (t *resTable) movable(b *bucket, now jiffies) bool {
	switch {
	case b.entry == nil:
		return true
	case b.entry.buckets <= b.entry.wants:
		return false
	case b.used == b.migrated || now >= b.used+t.idle:
		return true
	}
	if t.unbalanced != 0 {
		if now > t.unbalancedSince+t.unbalanced {
			return true
		}
		t.next = min(t.next, t.unbalancedSince+t.unbalanced)
	}
	t.next = min(t.next, b.used+t.idle)
	return false
}

// assign gives a bucket to a member (nh_res_bucket_set_nh).
func (b *bucket) assign(e *groupEntry) {
	if b.entry != nil {
		b.entry.buckets--
	}
	if b.entry = e; e != nil {
		e.buckets++
	}
}

// adopt gives the buckets to the members of another group that takes the place of
// the old one (replace_nexthop_grp_res).
func (t *resTable) adopt(g *group, now jiffies) {
	since, had := t.unbalancedSince, len(t.wanting) > 0
	for _, e := range g.entries {
		e.buckets = 0
	}
	for i := range t.buckets {
		b := &t.buckets[i]
		old := b.entry
		b.entry = nil
		for _, e := range g.entries {
			if old != nil && e.nh == old.nh {
				b.assign(e)
			}
		}
	}
	t.rebalance(g, now)
	if had && len(t.wanting) > 0 {
		t.unbalancedSince = since
	}
	t.upkeep(now, nil)
}

// unbalancedTime is how long the group is out of balance
// (nh_res_table_unbalanced_time).
func (t *resTable) unbalancedTime(now jiffies) jiffies {
	if len(t.wanting) == 0 {
		return 0
	}
	return now - t.unbalancedSince
}

// resilientGroup finds a resilient group (nexthop_find_group_resilient).
func (n *Namespace) resilientGroup(id uint32) (*nexthop, error) {
	h := n.nexthops.find(id)
	switch {
	case h == nil:
		return nil, fail(rpdb.ENOENT, "")
	case h.group == nil:
		return nil, fail(rpdb.EINVAL, "Not a nexthop group")
	case h.group.res == nil:
		return nil, fail(rpdb.EINVAL, "Nexthop group not of type resilient")
	}
	return h, nil
}

// appendBucket writes one bucket (nh_fill_res_bucket).
func (n *Namespace) appendBucket(h *nexthop, i int) []byte {
	b := &h.group.res.buckets[i]
	w := &message{b: []byte{0, 0, h.protocol, 0, 0, 0, 0, 0}}
	w.u32(nla.NHAID, h.id)
	w.nest(nla.NHAResBucket|nestedFlag, func() {
		w.u16(nla.NHAResBucketIndex, uint16(i))
		w.u32(nla.NHAResBucketNHID, b.entry.nh.id)
		w.put(nla.NHAResBucketIdleTime, binary.NativeEndian.AppendUint64(nil, uint64((n.world.now()-b.used).clock())))
	})
	return w.b
}

// getBucket answers RTM_GETNEXTHOPBUCKET (rtm_get_nexthop_bucket).
func getBucket(r *request) error {
	tb, err := parseObjectRequest(r, objectBucketGetPolicy)
	if err != nil {
		return err
	}
	id, err := objectID(r, tb)
	if err != nil {
		return err
	}
	if !tb.has(nla.NHAResBucket) {
		return fail(rpdb.EINVAL, "Bucket information is missing")
	}
	res, err := parseAttrs(tb[nla.NHAResBucket], []policy{nla.NHAResBucketIndex: {kind: attrU16}}, strict, &r.ext)
	if err != nil {
		return err
	}
	if !res.has(nla.NHAResBucketIndex) {
		return fail(rpdb.EINVAL, "Bucket index is missing")
	}
	index := int(res.u16(nla.NHAResBucketIndex))
	h, err := r.ns.resilientGroup(id)
	if err != nil {
		return err
	}
	if index >= len(h.group.res.buckets) {
		return fail(rpdb.ENOENT, "Bucket index out of bounds")
	}
	r.reply(rtnl.RTMNewNextHopBucket, 0, r.ns.appendBucket(h, index))
	return nil
}

// dumpBuckets answers RTM_GETNEXTHOPBUCKET with NLM_F_DUMP
// (rtm_dump_nexthop_bucket).
func dumpBuckets(r *request) error {
	n := r.ns
	tb, err := parseObjectRequest(r, objectBucketDumpPolicy)
	if err != nil {
		return fail(refusal(err).Errno, "") // nlmsg_parse without extack
	}
	id, err := filterID(tb, nla.NHAID)
	if err != nil {
		return err
	}
	var member uint32
	if tb.has(nla.NHAResBucket) {
		res, err := parseAttrs(tb[nla.NHAResBucket], []policy{nla.NHAResBucketNHID: {kind: attrU32}}, strict, &r.ext)
		if err != nil {
			return err
		}
		if member, err = filterID(res, nla.NHAResBucketNHID); err != nil {
			return err
		}
	}
	f, err := objectFilterOf(r, tb)
	if err != nil {
		return err
	}
	groups := n.nexthops.list
	if id != 0 {
		h, err := n.resilientGroup(id)
		if err != nil {
			return err
		}
		groups = []*nexthop{h}
	}
	for _, h := range groups {
		if h.group == nil || h.group.res == nil {
			continue
		}
		for i := range h.group.res.buckets {
			nh := h.group.res.buckets[i].entry.nh
			if f.shows(nh) && (member == 0 || member == nh.id) {
				r.row(rtnl.RTMNewNextHopBucket, 0, n.appendBucket(h, i))
			}
		}
	}
	return nil
}

// filterID reads an id that a dump is restricted to (nh_valid_dump_nhid).
func filterID(tb attrs, typ int) (uint32, error) {
	if !tb.has(typ) {
		return 0, nil
	}
	if id := tb.u32(typ); id != 0 {
		return id, nil
	}
	return 0, fail(rpdb.EINVAL, "Invalid nexthop id")
}

// plan sees to it that a group whose members want buckets gets its upkeep.
func (s *nexthops) plan(t *resTable) {
	if len(t.wanting) > 0 && (s.upkeep == 0 || t.next < s.upkeep) {
		s.upkeep = t.next
	}
}

// upkeepBuckets moves the buckets whose time has come (nh_res_table_upkeep_dw). The
// caller holds the lock.
func (n *Namespace) upkeepBuckets() {
	now := n.world.now()
	n.nexthops.upkeep = 0
	for _, h := range n.nexthops.list {
		if h.group == nil || h.group.res == nil || len(h.group.res.wanting) == 0 {
			continue
		}
		t := h.group.res
		if now >= t.next {
			t.upkeep(now, func(i int) {
				n.changes.Add(1)
				n.notify(nil, GroupNextHop, rtnl.RTMNewNextHopBucket, netlink.Replace, n.appendBucket(h, i))
			})
		}
		n.nexthops.plan(t)
	}
}

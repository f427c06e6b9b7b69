package ipcmd

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// hopFilter is what ip nexthop show and flush select, and ip nexthop bucket list.
type hopFilter struct {
	dev, master, protocol uint32
	groups, fdb           bool
	id, nhid              uint32 // of buckets: the group, and the member
}

// hopSelector reads a selector of nexthop objects and of buckets alike.
func (c *call) hopSelector(f *hopFilter, w string) bool {
	switch {
	case is(w, "dev"):
		f.dev = uint32(c.masterArg(c.value()))
	case is(w, "master"):
		f.master = uint32(c.masterArg(c.value()))
	case is(w, "vrf"):
		k := c.links.named(c.value())
		if k == nil || k.Kind != "vrf" {
			c.invarg("Invalid VRF\n", c.word())
		}
		f.master = uint32(k.Index)
	default:
		return false
	}
	return true
}

// hopSelectors reads the selectors of show and flush (ipnh_list_flush). With an id
// it does what one does with that object, and reports the exit status.
func (c *call) hopSelectors(one func(*call, uint32) int) (f *hopFilter, status int, done bool) {
	f = &hopFilter{}
	for ; c.more(); c.advance() {
		w := c.word()
		switch {
		case is(w, "groups"):
			f.groups = true
		case c.hopSelector(f, w):
		case w == "id":
			return f, one(c, c.u32("invalid id value")), true
		case is(w, "protocol"):
			f.protocol = c.u32("invalid protocol value")
		case is(w, "fdb"):
			f.fdb = true
		case is(w, "help"):
			c.usage(usageNexthop)
		default:
			c.invarg("", w)
		}
	}
	return f, 0, false
}

func (f *hopFilter) request(family uint8) *request {
	r := &request{typ: rtnl.RTMGetNextHop, body: make([]byte, nhmLen)}
	r.body[nhmFamily] = family
	if f.dev != 0 {
		r.u32(nla.NHAOIF, f.dev)
	}
	if f.groups {
		r.attr(nla.NHAGroups, nil)
	}
	if f.master != 0 {
		r.u32(nla.NHAMaster, f.master)
	}
	if f.fdb {
		r.attr(nla.NHAFDB, nil)
	}
	return r
}

func (f *hopFilter) accepts(h *rpdb.NextHopObject) bool {
	return f.protocol == 0 || f.protocol == uint32(h.Protocol)
}

func (c *call) nexthopList() int {
	f, status, done := c.hopSelectors((*call).getID)
	if done {
		return status
	}
	r := f.request(c.family)
	c.wantStats(r)
	o := c.printOptions()
	list := []iproute2.Object{}
	status = c.dump(r, nil, func(m netlink.Message) {
		h, err := rtnl.ParseNextHop(m)
		switch {
		case err != nil || !f.accepts(&h):
		case c.opt.json:
			list = append(list, iproute2.NextHopJSON(&h, o))
		default:
			c.print(iproute2.FormatNextHop(&h, o) + "\n")
		}
	})
	switch {
	case status != 0:
		c.cutShort(list)
		return 2
	case c.opt.json:
		c.list(list)
	}
	return 0
}

// nexthopFlush deletes the objects selected; of all, the groups come first
// (ipnh_flush).
func (c *call) nexthopFlush() int {
	all := !c.more()
	f, status, done := c.hopSelectors((*call).deleteHop)
	if done {
		return status
	}
	f.groups = f.groups || all
	n, ok := c.flushHops(f)
	if ok && all {
		f.groups = false
		var more int
		more, ok = c.flushHops(f)
		n += more
	}
	if !ok {
		status = 2
	}
	if n == 0 {
		c.print("Nothing to flush\n")
	} else {
		c.printf("Flushed %d nexthops\n", n)
	}
	return status
}

// deleteHop deletes the object of an id.
func (c *call) deleteHop(id uint32) int {
	r := request{typ: rtnl.RTMDelNextHop, flags: netlink.Acknowledge, body: make([]byte, nhmLen)}
	r.u32(nla.NHAID, id)
	if _, err := c.ask(&r); err != nil {
		c.refused(err)
		return 1
	}
	return 0
}

func (c *call) flushHops(f *hopFilter) (n int, ok bool) {
	r := f.request(c.family)
	r.flags |= netlink.Dump
	answers, err := c.ask(r)
	for _, m := range answers {
		h, bad := rtnl.ParseNextHop(m)
		if bad != nil || !f.accepts(&h) {
			continue
		}
		if c.deleteHop(h.ID) == 0 {
			n++
		}
	}
	if err != nil {
		c.refused(err)
		c.errorf("Dump terminated. Failed to flush nexthops\n")
		return n, false
	}
	return n, true
}

// bucket is the command bucket of nexthop (do_ipnh_bucket).
func (c *call) bucket() int {
	return c.choose("nexthop", (*call).bucketList, []verb{
		{"list", false, (*call).bucketList},
		{"show", false, (*call).bucketList},
		{"lst", false, (*call).bucketList},
		{"get", false, (*call).bucketGet},
		{"help", false, func(c *call) int { c.usage(usageNexthop); return 0 }},
	})
}

func (c *call) bucketList() int {
	f := &hopFilter{}
	for ; c.more(); c.advance() {
		w := c.word()
		switch {
		case c.hopSelector(f, w):
		case w == "id":
			f.id = c.u32("invalid id value")
		case w == "nhid":
			f.nhid = c.u32("invalid id value")
		case is(w, "help"):
			c.usage(usageNexthop)
		default:
			c.invarg("", w)
		}
	}
	r := &request{typ: rtnl.RTMGetNextHopBucket, body: make([]byte, nhmLen)}
	r.body[nhmFamily] = c.family
	for _, a := range []struct {
		typ uint16
		v   uint32
	}{{nla.NHAID, f.id}, {nla.NHAOIF, f.dev}, {nla.NHAMaster, f.master}} {
		if a.v != 0 {
			r.u32(a.typ, a.v)
		}
	}
	if f.nhid != 0 {
		r.nest(nla.NHAResBucket|nested, func() { r.u32(nla.NHAResBucketNHID, f.nhid) })
	}
	return c.printBuckets(r)
}

func (c *call) printBuckets(r *request) int {
	list := []iproute2.Object{}
	status := c.dump(r, nil, func(m netlink.Message) {
		b, err := rtnl.ParseBucket(m)
		switch {
		case err != nil:
		case c.opt.json:
			list = append(list, iproute2.BucketJSON(&b))
		default:
			c.print(iproute2.FormatBucket(&b) + "\n")
		}
	})
	switch {
	case status != 0:
		c.cutShort(list)
		return 2
	case c.opt.json:
		c.list(list)
	}
	return 0
}

func (c *call) bucketGet() int {
	var id uint32
	var index rpdb.Opt[uint16]
	for ; c.more(); c.advance() {
		switch c.word() {
		case "id":
			id = c.u32("invalid id value")
		case "index":
			v, ok := parseU16(c.value(), 0)
			if !ok {
				c.invarg("invalid bucket index value", c.word())
			}
			index = rpdb.Some(v)
		default:
			c.usage(usageNexthop)
		}
	}
	if id == 0 || !index.Set {
		c.usage(usageNexthop)
	}
	r := request{typ: rtnl.RTMGetNextHopBucket, body: make([]byte, nhmLen)}
	r.body[nhmFamily] = c.family
	r.u32(nla.NHAID, id)
	r.nest(nla.NHAResBucket|nested, func() { r.u16(nla.NHAResBucketIndex, index.V) })
	answers, err := c.ask(&r)
	if err != nil {
		return c.refused(err)
	}
	for _, m := range answers {
		b, err := rtnl.ParseBucket(m)
		switch {
		case err != nil:
		case c.opt.json:
			c.list([]iproute2.Object{iproute2.BucketJSON(&b)})
		default:
			c.print(iproute2.FormatBucket(&b) + "\n")
		}
	}
	return 0
}

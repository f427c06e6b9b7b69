package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Kind names one dump: what the kernel lists for one request. Buckets takes a
// request for each resilient group.
type Kind string

// The kinds, whose names may serve as file names.
const (
	Links     Kind = "links"
	Addrs4    Kind = "addrs4"
	Addrs6    Kind = "addrs6"
	Neighs4   Kind = "neighs4"
	Neighs6   Kind = "neighs6"
	Labels    Kind = "labels"
	NextHops  Kind = "nexthops"
	Buckets   Kind = "buckets"
	RulesIPv4 Kind = "rules4"
	RulesIPv6 Kind = "rules6"
	Routes4   Kind = "routes4"
	Routes6   Kind = "routes6"
)

// Kinds lists all kinds in the order in which they are collected: the state that
// others refer to first, the large tables last. Buckets comes after NextHops.
var Kinds = []Kind{
	Links, Addrs4, Addrs6, Neighs4, Neighs6, Labels,
	NextHops, Buckets, RulesIPv4, RulesIPv6, Routes4, Routes6,
}

// dumps tells how a kind is asked for: request, size of its header, family.
var dumps = map[Kind]struct {
	typ    netlink.HeaderType
	header int
	family rpdb.Family
	part   rpdb.Parts
}{
	Links:     {RTMGetLink, linkHeaderLen, rpdb.Unspec, rpdb.PartLinks},
	Addrs4:    {RTMGetAddr, addrHeaderLen, rpdb.IPv4, rpdb.PartAddrs4},
	Addrs6:    {RTMGetAddr, addrHeaderLen, rpdb.IPv6, rpdb.PartAddrs6},
	Neighs4:   {RTMGetNeigh, neighHeaderLen, rpdb.IPv4, rpdb.PartNeighs},
	Neighs6:   {RTMGetNeigh, neighHeaderLen, rpdb.IPv6, rpdb.PartNeighs},
	Labels:    {RTMGetAddrLabel, labelHeaderLen, rpdb.IPv6, rpdb.PartLabels},
	NextHops:  {RTMGetNextHop, nexthopHeaderLen, rpdb.Unspec, rpdb.PartNextHops},
	Buckets:   {RTMGetNextHopBucket, nexthopHeaderLen, rpdb.Unspec, rpdb.PartBuckets},
	RulesIPv4: {RTMGetRule, ruleHeaderLen, rpdb.IPv4, rpdb.PartRules4},
	RulesIPv6: {RTMGetRule, ruleHeaderLen, rpdb.IPv6, rpdb.PartRules6},
	Routes4:   {RTMGetRoute, routeHeaderLen, rpdb.IPv4, rpdb.PartRoutes4},
	Routes6:   {RTMGetRoute, routeHeaderLen, rpdb.IPv6, rpdb.PartRoutes6},
}

// Parts returns the kind of state that a dump of kind k tells; 0 for a kind that is
// not known.
func (k Kind) Parts() rpdb.Parts { return dumps[k].part }

// DumpRequest returns the request for a dump that passes the kernel's strict check.
// Links are listed without counters, routes of all tables.
func DumpRequest(k Kind) netlink.Message {
	d := dumps[k]
	data := make([]byte, d.header)
	data[0] = byte(d.family)
	if k == Links {
		data = binary.NativeEndian.AppendUint16(data, attrHeaderLen+4)
		data = binary.NativeEndian.AppendUint16(data, nla.IFLAExtMask)
		data = binary.NativeEndian.AppendUint32(data, extMaskSkipStats)
	}
	return netlink.Message{
		Header: netlink.Header{Type: d.typ, Flags: netlink.Request | netlink.Dump},
		Data:   data,
	}
}

// bucketRequest returns the request for the buckets of one group.
func bucketRequest(group uint32) netlink.Message {
	m := DumpRequest(Buckets)
	m.Data = binary.NativeEndian.AppendUint16(m.Data, attrHeaderLen+4)
	m.Data = binary.NativeEndian.AppendUint16(m.Data, nla.NHAID)
	m.Data = binary.NativeEndian.AppendUint32(m.Data, group)
	return m
}

// Progress tells how far a collection is.
type Progress struct {
	Kind     Kind
	Messages int  // of this kind so far
	Attempt  int  // 1, or more when the state changed during a dump
	Done     bool // the kind is complete
}

const (
	// maxAttempts bounds how often a dump is taken that the kernel marks as
	// inconsistent.
	maxAttempts = 10
	// progressStep is the number of messages between two calls of a progress
	// function.
	progressStep = 4096
)

// sink takes the messages of a collection.
type sink interface {
	// begin starts a kind, or starts it anew after an interrupted dump.
	begin(Kind)
	add(Kind, netlink.Message) error
	// groups lists the resilient groups seen.
	groups() []uint32
}

// collector runs all dumps into a sink.
type collector struct {
	t        Transport
	to       sink
	progress func(Progress)
	now      Progress
}

func (c *collector) report() {
	if c.progress != nil {
		c.progress(c.now)
	}
}

func (c *collector) run() error {
	for _, k := range Kinds {
		if err := c.kind(k); err != nil {
			return fmt.Errorf("reading %s: %w", k, err)
		}
	}
	return nil
}

// kind takes one dump, again and again while it is interrupted.
func (c *collector) kind(k Kind) error {
	var err error
	for attempt := 1; attempt <= maxAttempts; attempt++ {
		c.now = Progress{Kind: k, Attempt: attempt}
		c.report()
		c.to.begin(k)
		if err = c.requests(k); !errors.Is(err, ErrDumpInterrupted) {
			break
		}
	}
	switch {
	case errors.Is(err, ErrDumpInterrupted):
		return fmt.Errorf("%w, %d times in a row", err, maxAttempts)
	case isAbsent(err):
		err = nil // this kernel has no such thing, so there are none
	}
	if err == nil {
		c.now.Done = true
		c.report()
	}
	return err
}

// isAbsent tells whether a kernel without the feature refuses like this: nexthop
// objects before 5.3, buckets before 5.12, anything IPv6 where that is switched off.
func isAbsent(err error) bool {
	return errors.Is(err, rpdb.EOPNOTSUPP) || errors.Is(err, rpdb.EAFNOSUPPORT)
}

func (c *collector) requests(k Kind) error {
	if k != Buckets {
		return c.dump(k, DumpRequest(k))
	}
	for _, id := range c.to.groups() {
		if err := c.dump(k, bucketRequest(id)); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) dump(k Kind, req netlink.Message) error {
	for m, err := range c.t.Do(req) {
		if err != nil {
			return err
		}
		if !wanted(k, m) {
			continue
		}
		if err := c.to.add(k, m); err != nil {
			return err
		}
		if c.now.Messages++; c.now.Messages%progressStep == 0 {
			c.report()
		}
	}
	return nil
}

// wanted tells whether a message belongs to the dump of kind k. A kernel without
// IPv6 answers some requests for it with everything that it has, and one without
// strict checks lists cached routes.
func wanted(k Kind, m netlink.Message) bool {
	d := dumps[k]
	if m.Header.Type != d.typ-2 || len(m.Data) < d.header { // RTM_NEWx is RTM_GETx - 2
		return len(m.Data) < d.header // let the parser complain
	}
	if d.family != rpdb.Unspec && m.Data[0] != byte(d.family) {
		return false
	}
	if d.typ == RTMGetRoute {
		return binary.NativeEndian.Uint32(m.Data[8:])&rpdb.FlagCloned == 0
	}
	return true
}

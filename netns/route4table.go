package netns

import (
	"bytes"
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// insertRoute4 adds a route to a table (fib_table_insert).
func (n *Namespace) insertRoute4(t *table4, c *config4) error {
	fi, err := n.createInfo4(c)
	if err != nil {
		return err
	}
	a := alias4{dst: c.dst, plen: c.plen, tos: c.tos, typ: c.typ, info: fi}
	flags, err := n.place4(t, c, a)
	if err != nil || flags == 0 {
		n.release(fi)
		return err
	}
	n.notifyRoute4(rtnl.RTMNewRoute, flags, &a, t.id, c.req)
	return nil
}

// place4 finds the place of a route among those of its key and puts it there. It
// returns the flags of the notification, 0 if nothing changed.
func (n *Namespace) place4(t *table4, c *config4, a alias4) (netlink.HeaderFlags, error) {
	key := a.key()
	first := t.seek(key)
	at, same, exists := first, false, false
	sameFirst := false
	for x := t.at(at); x != nil && x.key() == key; x = t.at(at) {
		exists = true
		if x.typ == a.typ && x.info == a.info {
			same, sameFirst = true, at == first
			break
		}
		at = t.next(at)
	}
	flags := netlink.Excl
	if exists {
		if c.nlFlags&netlink.Excl != 0 {
			return 0, fail(rpdb.EEXIST, "")
		}
		flags = 0
		switch {
		case c.nlFlags&netlink.Replace != 0 && sameFirst:
			return 0, nil
		case same:
			return 0, fail(rpdb.EEXIST, "")
		case c.nlFlags&netlink.Replace != 0:
			old := t.at(first)
			n.release(old.info)
			*old = a
			return netlink.Replace, nil
		case c.nlFlags&netlink.Append != 0:
			flags = netlink.Append
		default:
			at = first
		}
	}
	if c.nlFlags&netlink.Create == 0 {
		return 0, fail(rpdb.ENOENT, "")
	}
	t.insert(at, a)
	return flags | netlink.Create, nil
}

// deleteRoute4 deletes the first route that the request fits (fib_table_delete).
func (n *Namespace) deleteRoute4(t *table4, c *config4) error {
	s := t.seek(key4{dst: c.dst, plen: c.plen, tos: c.tos})
	for ; ; s = t.next(s) {
		a := t.at(s)
		if a == nil || a.dst != c.dst || a.plen != c.plen || a.tos != c.tos {
			return fail(rpdb.ESRCH, "")
		}
		if n.matches4(c, a) {
			break
		}
	}
	a := *t.at(s)
	t.remove(s)
	n.notifyRoute4(rtnl.RTMDelRoute, 0, &a, t.id, c.req)
	n.release(a.info)
	return nil
}

// matches4 reports whether a request to delete means a route.
func (n *Namespace) matches4(c *config4, a *alias4) bool {
	fi := a.info
	return (c.typ == rpdb.TypeUnspec || c.typ == a.typ) &&
		(c.scope == rpdb.ScopeNowhere || c.scope == fi.scope) &&
		(c.prefsrc == 0 || c.prefsrc == fi.prefsrc) &&
		(c.proto == 0 || c.proto == fi.proto) &&
		(c.priority == 0 || c.priority == fi.priority) &&
		hopsMatch4(c, fi) && fi.metrics.match(c.metrics)
}

// hopsMatch4 compares nexthops (fib_nh_match).
func hopsMatch4(c *config4, fi *fibInfo) bool {
	direct := c.hop.oif != 0 || c.hop.gw.IsValid()
	switch {
	case c.nhid != 0:
		return fi.object != nil && fi.object.id == c.nhid
	case fi.object != nil:
		return !direct && c.multi == nil
	case direct:
		h := &fi.hops[0]
		if c.hop.encap != nil {
			e, err := buildEncap(c.hop.encapType, c.hop.encap)
			if err != nil || h.encap == nil || e.Type != h.encap.Type || !bytes.Equal(e.Data, h.encap.Data) {
				return false
			}
		}
		return (c.hop.realms == 0 || c.hop.realms == h.realms) &&
			(c.hop.oif == 0 || c.hop.oif == h.oif) && (!c.hop.gw.IsValid() || c.hop.gw == h.gw)
	case c.multi == nil:
		return true
	}
	return legsMatch4(c.multi, fi.hops)
}

// legsMatch4 compares the legs of a request with those of a route, which may have
// fewer.
func legsMatch4(b []byte, hops []hop4) bool {
	for i := range hops {
		h := &hops[i]
		attrs, rest, ok := nextHop(b)
		if !ok || attrs.oif != 0 && attrs.oif != h.oif {
			return false
		}
		b = rest
		gw, via, flow := find(attrs.list, nla.RTAGateway), find(attrs.list, nla.RTAVia), find(attrs.list, nla.RTAFlow)
		switch {
		case gw != nil && via != nil:
			return false
		case gw != nil:
			if len(gw) < 4 || !h.gw.Is4() || !bytes.Equal(gw[:4], h.gw.AsSlice()) {
				return false
			}
		case via != nil:
			a, err := via4(via)
			if err != nil || h.gw.IsValid() && a != h.gw {
				return false
			}
		}
		if flow != nil && (len(flow) < 4 || binary.NativeEndian.Uint32(flow) != h.realms) {
			return false
		}
	}
	return true
}

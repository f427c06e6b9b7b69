package snapshot

import (
	"encoding/binary"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const ntfProxy = 0x08

// links answers RTM_GETLINK (rtnl_getlink, rtnl_dump_ifinfo; inet6_dump_ifinfo). The
// selectors of a list are left to who asks, who tests them too.
func (s *Server) links(q *question) error {
	if err := s.told(rpdb.PartLinks); err != nil {
		return err
	}
	if q.dump {
		encode := rtnl.EncodeLink
		if q.family == rpdb.IPv6 {
			encode = encodeLink6
		}
		return sendAll(q, s.state.Links, encode, func(*rpdb.Link) bool { return true })
	}
	l := s.link(q)
	if l == nil {
		return refuse(rpdb.ENODEV, "")
	}
	return sendAll(q, []rpdb.Link{*l}, rtnl.EncodeLink, func(*rpdb.Link) bool { return true })
}

func (s *Server) link(q *question) *rpdb.Link {
	index, name, alt := q.index(4), q.attrs.Str(nla.IFLAIfname), q.attrs.Str(nla.IFLAAltIfname)
	if name == "" {
		name = alt
	}
	for i := range s.state.Links {
		l := &s.state.Links[i]
		if index > 0 && l.Index == index || index <= 0 && (l.Name == name || slices.Contains(l.AltNames, name)) {
			return l
		}
	}
	return nil
}

// encodeLink6 is a device as the IPv6 list of devices shows it.
func encodeLink6(l rpdb.Link) ([]byte, error) {
	const headerLen = 16
	body, err := rtnl.EncodeLink(l)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(body[:headerLen])
	out[0] = byte(rpdb.IPv6)
	for rest := body[headerLen:]; len(rest) >= 4; {
		n := int(binary.NativeEndian.Uint16(rest))
		padded := min((n+3)&^3, len(rest))
		switch binary.NativeEndian.Uint16(rest[2:]) {
		case 1, nla.IFLAIfname, 4, 5, 16: // address, name, MTU, peer, state
			out = append(out, rest[:padded]...)
		}
		rest = rest[padded:]
	}
	return out, nil
}

// addrs answers RTM_GETADDR.
func (s *Server) addrs(q *question) error {
	if err := s.told(q.either(rpdb.PartAddrs4, rpdb.PartAddrs6)); err != nil {
		return err
	}
	index := q.index(4)
	for _, f := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		err := sendAll(q, s.state.Addrs, rtnl.EncodeAddr, func(a *rpdb.Addr) bool {
			return a.Family == f && q.wants(f) && (index == 0 || a.Index == index)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rules answers RTM_GETRULE.
func (s *Server) rules(q *question) error {
	if err := s.told(q.either(rpdb.PartRules4, rpdb.PartRules6)); err != nil {
		return err
	}
	return sendAll(q, s.state.Rules, rtnl.EncodeRule, func(r *rpdb.Rule) bool { return q.wants(r.Family) })
}

// neighs answers RTM_GETNEIGH. No snapshot has proxy entries.
func (s *Server) neighs(q *question) error {
	if err := s.told(rpdb.PartNeighs); err != nil {
		return err
	}
	if q.head[10]&ntfProxy != 0 {
		return refuse(rpdb.EOPNOTSUPP, "%s does not tell the proxy entries", s.Name)
	}
	dev := q.attrs.Int(nla.NDAIfindex)
	if !q.dump {
		dev = q.index(4)
		for i := range s.state.Neighs {
			if n := &s.state.Neighs[i]; n.Index == dev && n.IP == q.attrs.Addr(nla.NDADst) {
				return sendAll(q, []rpdb.Neigh{*n}, rtnl.EncodeNeigh, func(*rpdb.Neigh) bool { return true })
			}
		}
		return refuse(rpdb.ENOENT, "Neighbour entry not found")
	}
	master := q.attrs.Int(nla.NDAMaster)
	return sendAll(q, s.state.Neighs, rtnl.EncodeNeigh, func(n *rpdb.Neigh) bool {
		return q.wants(n.Family) && (dev == 0 || n.Index == dev) && (master == 0 || s.masterOf(n.Index) == master)
	})
}

func (s *Server) masterOf(index int) int {
	for i := range s.state.Links {
		if l := &s.state.Links[i]; l.Index == index {
			return l.Master
		}
	}
	return 0
}

// labels answers RTM_GETADDRLABEL.
func (s *Server) labels(q *question) error {
	if err := s.told(rpdb.PartLabels); err != nil {
		return err
	}
	return sendAll(q, s.state.Labels, rtnl.EncodeAddrLabel, func(*rpdb.AddrLabel) bool { return true })
}

// nexthops answers RTM_GETNEXTHOP (rtm_get_nexthop, rtm_dump_nexthop).
func (s *Server) nexthops(q *question) error {
	if err := s.told(rpdb.PartNextHops); err != nil {
		return err
	}
	id := uint32(q.attrs.Uint(nla.NHAID))
	if !q.dump {
		i := slices.IndexFunc(s.state.NextHops, func(n rpdb.NextHopObject) bool { return n.ID == id })
		if i < 0 {
			return refuse(rpdb.ENOENT, "")
		}
		return sendAll(q, s.state.NextHops[i:i+1], rtnl.EncodeNextHop, func(*rpdb.NextHopObject) bool { return true })
	}
	oif, master := q.attrs.Int(nla.NHAOIF), q.attrs.Int(nla.NHAMaster)
	return sendAll(q, s.state.NextHops, rtnl.EncodeNextHop, func(n *rpdb.NextHopObject) bool {
		return (oif == 0 || n.Hop.Dev == oif) && (master == 0 || s.masterOf(n.Hop.Dev) == master) &&
			(!q.attrs.Has(nla.NHAGroups) || len(n.Group) > 0) && (!q.attrs.Has(nla.NHAFDB) || n.FDB) && q.wants(n.Family)
	})
}

// buckets answers RTM_GETNEXTHOPBUCKET of a resilient group, or of all.
func (s *Server) buckets(q *question) error {
	if err := s.told(rpdb.PartBuckets); err != nil {
		return err
	}
	group := uint32(q.attrs.Uint(nla.NHAID))
	for i := range s.state.NextHops {
		n := &s.state.NextHops[i]
		if n.Resilient == nil || group != 0 && n.ID != group {
			continue
		}
		for slot, id := range n.Resilient.Buckets {
			body, err := rtnl.EncodeBucket(rtnl.Bucket{Group: n.ID, Index: uint16(slot), NHID: id})
			if err != nil {
				return err
			}
			q.send(rtnl.RTMNewNextHopBucket, body)
		}
	}
	return nil
}

// routes answers RTM_GETROUTE. Its selectors but the table are left to who asks.
func (s *Server) routes(q *question) error {
	if !q.dump {
		return s.lookup(q)
	}
	if err := s.told(q.either(rpdb.PartRoutes4, rpdb.PartRoutes6)); err != nil {
		return err
	}
	if binary.NativeEndian.Uint32(q.head[8:])&rpdb.FlagCloned != 0 {
		s.note("%s does not tell cached routes", s.Name)
		return nil
	}
	table := uint32(q.attrs.Uint(nla.RTATable))
	found := table == 0
	for _, f := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		err := sendAll(q, s.state.Routes, rtnl.EncodeRoute, func(r *rpdb.Route) bool {
			ok := r.Family == f && q.wants(f) && (table == 0 || r.Table == table)
			found = found || ok
			return ok
		})
		if err != nil {
			return err
		}
	}
	// inet_dump_fib, inet6_dump_fib; with no family asked for, neither complains.
	switch {
	case found, q.family == rpdb.Unspec:
		return nil
	case q.family == rpdb.IPv4:
		return refuse(rpdb.ENOENT, "ipv4: FIB table does not exist")
	}
	return refuse(rpdb.ENOENT, "FIB table does not exist")
}

// lookup answers the question for the way of a packet (inet_rtm_getroute,
// inet6_rtm_getroute).
func (s *Server) lookup(q *question) error {
	f, o, given, err := rtnl.ParseGet(q.Message)
	if err != nil {
		return err
	}
	if f.IIF != 0 && !slices.ContainsFunc(s.state.Links, func(l rpdb.Link) bool { return l.Index == f.IIF }) {
		return refuse(rpdb.ENODEV, "")
	}
	if s.db == nil {
		if s.db, err = s.state.Build(); err != nil {
			return err
		}
	}
	if given&rpdb.FieldIPProto == 0 && f.Family() == rpdb.IPv4 {
		f.IPProto = rpdb.ProtoUDP
	}
	if given&rpdb.FieldUID == 0 {
		f.UID = s.UID
	}
	w := s.db.Walk(&f)
	for _, u := range w.Unknown {
		s.note("%s is not known, %s was assumed", u.What, u.Assumed)
	}
	if w.Decision.Undetermined {
		s.note("which nexthop of the multipath route is taken cannot be known; rulewalk why lists all")
	}
	if o.FibMatch && w.Decision.Err == rpdb.OK && w.Decision.Route != nil {
		r := *w.Decision.Route
		if r.Table = w.Decision.Table; r.Family == rpdb.IPv4 {
			r.Type = w.Decision.Type
		}
		return sendAll(q, []rpdb.Route{r}, rtnl.EncodeRoute, func(*rpdb.Route) bool { return true })
	}
	rep := rtnl.ExpectedOf(f, &w.Decision, o)
	if rep.Err != rpdb.OK {
		return refuse(rep.Err, "%s", rep.Msg)
	}
	q.send(rtnl.RTMNewRoute, rtnl.EncodeReply(rep))
	return nil
}

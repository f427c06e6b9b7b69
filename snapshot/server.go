package snapshot

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Server answers rtnetlink requests from a snapshot: dumps, the questions for one
// object, and RTM_GETROUTE, which package rpdb decides. It is an [rtnl.Transport] that
// changes nothing. What the snapshot does not tell is refused with words that say so,
// or, where a part of an answer is missing, is a note. It is not safe for concurrent
// use. The state is compiled for the first RTM_GETROUTE.
type Server struct {
	// Name is what texts call the snapshot.
	Name string
	// UID is who asks for routes: flows that give no user id have this one.
	UID uint32

	state *rpdb.State
	db    *rpdb.Database
	notes []string
}

// NewServer returns a server of a state, which must not be changed while it serves.
func NewServer(s *rpdb.State) *Server { return &Server{Name: "the snapshot", state: s} }

// Notes returns what the answers so far left out or assumed, in plain words, each
// once.
func (s *Server) Notes() []string { return s.notes }

// Close implements io.Closer.
func (s *Server) Close() error { return nil }

func (s *Server) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}

func refuse(e rpdb.Errno, format string, args ...any) error {
	return &rtnl.Error{Errno: e, Msg: fmt.Sprintf(format, args...)}
}

// question is a request that is being answered.
type question struct {
	netlink.Message
	typ    netlink.HeaderType
	dump   bool
	family rpdb.Family // Unspec: all
	head   []byte      // the request's header
	attrs  iproute2.Attrs
	send   func(typ netlink.HeaderType, body []byte) // an answer
}

// headers are the sizes of the headers of requests.
var headers = map[netlink.HeaderType]int{
	rtnl.RTMGetLink: 16, rtnl.RTMGetAddr: 8, rtnl.RTMGetRoute: 12, rtnl.RTMGetNeigh: 12, rtnl.RTMGetRule: 12,
	rtnl.RTMGetAddrLabel: 12, rtnl.RTMGetNextHop: 8, rtnl.RTMGetNextHopBucket: 8,
}

// isGet tells whether a message type only asks (rtnl_msgtype_kind).
func isGet(t netlink.HeaderType) bool { return t&3 == 2 }

// Do implements rtnl.Transport.
func (s *Server) Do(m netlink.Message) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		var answers []netlink.Message
		q := question{Message: m, typ: m.Header.Type, dump: m.Header.Flags&netlink.Dump == netlink.Dump}
		q.send = func(typ netlink.HeaderType, body []byte) {
			h := netlink.Header{Type: typ, Length: uint32(16 + len(body)), Sequence: m.Header.Sequence}
			if q.dump {
				h.Flags = netlink.Multi
			}
			answers = append(answers, netlink.Message{Header: h, Data: body})
		}
		err := s.serve(&q)
		for _, a := range answers {
			if !yield(a, nil) {
				return
			}
		}
		if err != nil {
			yield(netlink.Message{}, err)
		}
	}
}

func (s *Server) serve(q *question) error {
	if !isGet(q.typ) {
		return refuse(rpdb.EPERM, "%s cannot be changed", s.Name)
	}
	n, ok := headers[q.typ]
	if !ok {
		return refuse(rpdb.EOPNOTSUPP, "%s does not tell this", s.Name)
	}
	data := q.Data
	// As for the kernel, a shorter header has its family alone.
	q.head = slices.Concat(data[:min(n, len(data))], make([]byte, n))[:n]
	q.attrs = iproute2.ParseAttrs(data[min(n, len(data)):])
	if f := rpdb.Family(q.head[0]); f == rpdb.IPv4 || f == rpdb.IPv6 {
		q.family = f
	}
	switch q.typ {
	case rtnl.RTMGetLink:
		return s.links(q)
	case rtnl.RTMGetAddr:
		return s.addrs(q)
	case rtnl.RTMGetRoute:
		return s.routes(q)
	case rtnl.RTMGetNeigh:
		return s.neighs(q)
	case rtnl.RTMGetRule:
		return s.rules(q)
	case rtnl.RTMGetAddrLabel:
		return s.labels(q)
	case rtnl.RTMGetNextHop:
		return s.nexthops(q)
	default:
		return s.buckets(q)
	}
}

// untold are the words for kinds of state that are missing.
var untold = []struct {
	part rpdb.Parts
	what string
}{
	{rpdb.PartLinks, "the devices"},
	{rpdb.PartAddrs4, "the IPv4 addresses"},
	{rpdb.PartAddrs6, "the IPv6 addresses"},
	{rpdb.PartNeighs, "the neighbours"},
	{rpdb.PartLabels, "the address labels"},
	{rpdb.PartNextHops, "the nexthop objects"},
	{rpdb.PartBuckets, "the buckets of resilient groups"},
	{rpdb.PartRules4, "the IPv4 rules"},
	{rpdb.PartRules6, "the IPv6 rules"},
	{rpdb.PartRoutes4, "the IPv4 routes"},
	{rpdb.PartRoutes6, "the IPv6 routes"},
}

// told refuses a question about parts of the state that are all missing, and notes
// those that are.
func (s *Server) told(p rpdb.Parts) error {
	for _, u := range untold {
		switch {
		case p&u.part&s.state.Missing == 0:
		case p&^s.state.Missing == 0:
			return refuse(rpdb.EOPNOTSUPP, "%s does not tell %s", s.Name, u.what)
		default:
			s.note("%s does not tell %s", s.Name, u.what)
		}
	}
	return nil
}

// either returns the parts of a family, or of both.
func (q *question) either(p4, p6 rpdb.Parts) rpdb.Parts {
	switch q.family {
	case rpdb.IPv4:
		return p4
	case rpdb.IPv6:
		return p6
	}
	return p4 | p6
}

func (q *question) wants(f rpdb.Family) bool { return q.family == rpdb.Unspec || q.family == f }

// index returns the number at an offset of the header.
func (q *question) index(at int) int { return int(int32(binary.NativeEndian.Uint32(q.head[at:]))) }

// sendAll encodes and sends those of a list that are wanted.
func sendAll[T any](q *question, list []T, encode func(T) ([]byte, error), want func(*T) bool) error {
	for i := range list {
		if !want(&list[i]) {
			continue
		}
		body, err := encode(list[i])
		if err != nil {
			return err
		}
		q.send(q.typ-2, body) // RTM_NEWx is RTM_GETx - 2
	}
	return nil
}

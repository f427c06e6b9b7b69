package rtnl

import (
	"encoding/binary"
	"errors"
	"iter"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// script answers dumps from lists, with an outcome for each time a kind is asked for.
type script struct {
	t        *testing.T
	answers  map[Kind][]netlink.Message
	outcomes map[Kind][]error // of the first, second, ... dump; none: success
	asked    map[Kind]int
	reply    func(rpdb.Flow) Reply
}

func newScript(t *testing.T) *script {
	return &script{t: t, answers: map[Kind][]netlink.Message{}, outcomes: map[Kind][]error{}, asked: map[Kind]int{}}
}

func (s *script) has(k Kind, body []byte, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	m := netlink.Message{Header: netlink.Header{Type: dumps[k].typ - 2}, Data: body}
	s.answers[k] = append(s.answers[k], m)
}

func (s *script) kindOf(m netlink.Message) Kind {
	for _, k := range Kinds {
		d := dumps[k]
		if d.typ == m.Header.Type && (d.family == rpdb.Unspec || m.Data[0] == byte(d.family)) {
			return k
		}
	}
	s.t.Fatalf("unexpected request %+v", m)
	return ""
}

func (s *script) Do(m netlink.Message) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		if m.Header.Flags&netlink.Dump == 0 {
			s.lookup(m, yield)
			return
		}
		k := s.kindOf(m)
		n := s.asked[k]
		s.asked[k]++
		for _, a := range s.answers[k] {
			if k == Buckets && string(a.Data[8:16]) != string(m.Data[8:16]) {
				continue // of another group
			}
			if !yield(a, nil) {
				return
			}
		}
		if n < len(s.outcomes[k]) && s.outcomes[k][n] != nil {
			yield(netlink.Message{}, s.outcomes[k][n])
		}
	}
}

// lookup answers RTM_GETROUTE with the table that the script tells.
func (s *script) lookup(m netlink.Message, yield func(netlink.Message, error) bool) {
	f, _, _, err := ParseGet(m)
	if err != nil || s.reply == nil {
		s.t.Errorf("unexpected lookup of %s: %v", f.Dst, err)
		return
	}
	rep := s.reply(f)
	if rep.Err != rpdb.OK {
		yield(netlink.Message{}, &Error{Errno: rep.Err})
		return
	}
	b, err := EncodeRoute(rpdb.Route{Family: f.Family(), Dst: host(f.Dst), Table: rep.Table, Type: rpdb.Local})
	if err != nil {
		s.t.Error(err)
	}
	yield(netlink.Message{Header: netlink.Header{Type: RTMNewRoute}, Data: b}, nil)
}

func route(dst string, table uint32, typ rpdb.RouteType) rpdb.Route {
	p := netip.MustParsePrefix(dst)
	return rpdb.Route{
		Family: rpdb.FamilyOf(p.Addr()), Dst: p, Table: table, Type: typ, Protocol: rpdb.ProtoKernel,
		NextHops: []rpdb.NextHop{{Dev: 1, Weight: 1}},
	}
}

func (s *script) routes(rs ...rpdb.Route) {
	for _, r := range rs {
		b, err := EncodeRoute(r)
		s.has(map[rpdb.Family]Kind{rpdb.IPv4: Routes4, rpdb.IPv6: Routes6}[r.Family], b, err)
	}
}

func (s *script) rules(rs ...rpdb.Rule) {
	for _, r := range rs {
		b, err := EncodeRule(r)
		s.has(map[rpdb.Family]Kind{rpdb.IPv4: RulesIPv4, rpdb.IPv6: RulesIPv6}[r.Family], b, err)
	}
}

func TestInterruptedDumpIsRepeated(t *testing.T) {
	s := newScript(t)
	s.rules(rpdb.DefaultRules(rpdb.IPv4)...)
	s.routes(route("10.0.0.0/8", 254, rpdb.Unicast), route("2001:db8::/32", 254, rpdb.Unicast))
	s.outcomes[Routes4] = []error{ErrDumpInterrupted, ErrDumpInterrupted}
	s.outcomes[Routes6] = []error{nil}
	s.outcomes[RulesIPv4] = []error{ErrDumpInterrupted}
	s.reply = func(rpdb.Flow) Reply { return Reply{Err: rpdb.ENETUNREACH} }
	var last Progress
	st, err := CollectState(s, func(p Progress) {
		if p.Kind == Routes4 {
			last = p
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Routes) != 2 || len(st.Rules) != 3 || s.asked[Routes4] != 3 {
		t.Errorf("%d routes, %d rules after %d dumps", len(st.Routes), len(st.Rules), s.asked[Routes4])
	}
	if want := (Progress{Kind: Routes4, Messages: 1, Attempt: 3, Done: true}); last != want {
		t.Errorf("last progress %+v, want %+v", last, want)
	}
}

func TestDumpThatNeverSettles(t *testing.T) {
	s := newScript(t)
	for range maxAttempts {
		s.outcomes[Routes6] = append(s.outcomes[Routes6], ErrDumpInterrupted)
	}
	_, err := CollectState(s, nil)
	if !errors.Is(err, ErrDumpInterrupted) || !strings.Contains(err.Error(), "routes6") || s.asked[Routes6] != maxAttempts {
		t.Errorf("error %v after %d dumps", err, s.asked[Routes6])
	}
}

func TestKernelWithoutFeature(t *testing.T) {
	s := newScript(t)
	s.outcomes[NextHops] = []error{&Error{Errno: rpdb.EOPNOTSUPP}}
	s.outcomes[RulesIPv6] = []error{&Error{Errno: rpdb.EAFNOSUPPORT}}
	// A kernel without IPv6 answers for its routes with everything that it has.
	r, err := EncodeRoute(route("10.0.0.0/8", 254, rpdb.Unicast))
	s.has(Routes6, r, err)
	st, err := CollectState(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Routes) != 0 || st.Missing != rpdb.PartSysctls {
		t.Errorf("routes %v, missing %b", st.Routes, st.Missing)
	}
	s.outcomes[Links] = []error{nil, &Error{Errno: rpdb.EPERM, Msg: "No."}}
	if _, err := CollectState(s, nil); !errors.Is(err, rpdb.EPERM) || !strings.Contains(err.Error(), "No") {
		t.Errorf("refusal: %v", err)
	}
}

func TestCachedRoutesAreLeftOut(t *testing.T) {
	s := newScript(t)
	cached := route("10.1.1.1/32", 254, rpdb.Unicast)
	cached.Flags = rpdb.FlagCloned
	s.routes(cached, route("10.0.0.0/8", 254, rpdb.Unicast))
	st, err := CollectState(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Routes) != 1 || st.Routes[0].Dst.Bits() != 8 {
		t.Errorf("got %v", st.Routes)
	}
}

func TestBuckets(t *testing.T) {
	s := newScript(t)
	for _, id := range []uint32{7, 8} {
		b, err := EncodeNextHop(rpdb.NextHopObject{
			ID: id, Group: []rpdb.GroupMember{{ID: 1, Weight: 1}, {ID: 2, Weight: 1}}, Resilient: &rpdb.Resilient{NumBuckets: 3},
		})
		s.has(NextHops, b, err)
	}
	for _, v := range []Bucket{{7, 2, 1, 0}, {7, 0, 2, 0}, {7, 1, 2, 0}, {8, 0, 1, 0}} {
		b, err := EncodeBucket(v)
		s.has(Buckets, b, err)
	}
	st, err := CollectState(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole, part := st.NextHops[0].Resilient, st.NextHops[1].Resilient
	if d := cmp.Diff([]uint32{2, 2, 1}, whole.Buckets); d != "" || whole.BucketsOutstanding {
		t.Error(d, whole)
	}
	if part.Buckets != nil || !part.BucketsOutstanding {
		t.Errorf("a table with a hole was taken: %+v", part)
	}
}

// TestCaptureIsTheSameState checks that a capture holds what a direct reading gives.
func TestCaptureIsTheSameState(t *testing.T) {
	s := newScript(t)
	s.rules(rpdb.DefaultRules(rpdb.IPv4)...)
	s.rules(rpdb.DefaultRules(rpdb.IPv6)...)
	s.routes(route("10.0.0.1/32", 255, rpdb.Local), route("10.0.0.0/8", 254, rpdb.Unicast))
	s.outcomes[Routes4] = []error{ErrDumpInterrupted, nil, ErrDumpInterrupted}
	s.reply = func(rpdb.Flow) Reply { return Reply{Table: 254} }
	want, err := CollectState(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Collect(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.State()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, equal); d != "" {
		t.Errorf("(-read +captured):\n%s", d)
	}
	if got.Facts.CustomRules4 != rpdb.No {
		t.Errorf("facts %+v", got.Facts)
	}
	delete(c.Dumps, RulesIPv6)
	if got, err = c.State(); err != nil || got.Missing&rpdb.PartRules6 == 0 {
		t.Errorf("a capture without IPv6 rules does not say so: %v", err)
	}
}

func TestProbe(t *testing.T) {
	local4 := route("10.0.0.1/32", 255, rpdb.Local)
	local6, main6 := route("2001:db8::1/128", 255, rpdb.Local), route("2001:db8::/64", 254, rpdb.Unicast)
	dflt := append(rpdb.DefaultRules(rpdb.IPv4), rpdb.DefaultRules(rpdb.IPv6)...)
	for name, c := range map[string]struct {
		rules  []rpdb.Rule
		routes []rpdb.Route
		reply  Reply
		want   rpdb.Facts
	}{
		"merged":            {dflt, []rpdb.Route{local4}, Reply{Table: 254}, rpdb.Facts{CustomRules4: rpdb.No}},
		"parted":            {dflt, []rpdb.Route{local4}, Reply{Table: 255}, rpdb.Facts{CustomRules4: rpdb.Yes}},
		"nothing to ask":    {dflt, nil, Reply{}, rpdb.Facts{}},
		"refused":           {dflt, []rpdb.Route{local4}, Reply{Err: rpdb.EINVAL}, rpdb.Facts{}},
		"IPv4 rule deleted": {append(dflt[:2:2], dflt[3:]...), nil, Reply{}, rpdb.Facts{CustomRules4: rpdb.Yes}},
		"IPv6 rule added": {
			append(dflt[:5:5], rpdb.Rule{Family: rpdb.IPv6, Pref: 9, Action: rpdb.ActTable, Table: 254}),
			nil,
			Reply{},
			rpdb.Facts{CustomRules6: rpdb.Yes},
		},
		"IPv6 local rule deleted, not consulted": {
			append(dflt[:3:3], dflt[4]),
			[]rpdb.Route{local6, main6},
			Reply{Table: 255},
			rpdb.Facts{CustomRules6: rpdb.No},
		},
		"IPv6 local rule deleted, consulted": {
			append(dflt[:3:3], dflt[4]),
			[]rpdb.Route{local6, main6},
			Reply{Table: 254},
			rpdb.Facts{CustomRules6: rpdb.Yes},
		},
		"IPv6 main rule deleted, not consulted": {
			dflt[:4],
			[]rpdb.Route{local6, main6},
			Reply{Table: 254},
			rpdb.Facts{CustomRules6: rpdb.No},
		},
		"IPv6 main rule deleted, consulted": {
			dflt[:4],
			[]rpdb.Route{local6, main6},
			Reply{Err: rpdb.ENETUNREACH},
			rpdb.Facts{CustomRules6: rpdb.Yes},
		},
	} {
		s := newScript(t)
		s.reply = func(rpdb.Flow) Reply { return c.reply }
		got, err := Probe(s, &rpdb.State{Rules: c.rules, Routes: c.routes})
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestParseError(t *testing.T) {
	request := make([]byte, nlmsgHeaderLen+4)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	text, err := func() ([]byte, error) {
		e := newEncoder()
		e.String(nlmsgerrAttrMsg, "no!")
		return e.Encode()
	}()
	if err != nil {
		t.Fatal(err)
	}
	code := binary.NativeEndian.AppendUint32(nil, ^uint32(rpdb.EEXIST)+1)
	join := func(bs ...[]byte) (out []byte) {
		for _, b := range bs {
			out = append(out, b...)
		}
		return out
	}
	for name, c := range map[string]struct {
		typ   netlink.HeaderType
		flags netlink.HeaderFlags
		data  []byte
		msg   string
	}{
		"plain":         {netlink.Error, 0, join(code, request), ""},
		"explained":     {netlink.Error, netlink.AcknowledgeTLVs, join(code, request, text), "no!"},
		"capped":        {netlink.Error, netlink.AcknowledgeTLVs | netlink.Capped, join(code, request[:16], text), "no!"},
		"end of a dump": {netlink.Done, netlink.Multi | netlink.AcknowledgeTLVs, join(code, text), "no!"},
		"cut short":     {netlink.Error, netlink.AcknowledgeTLVs, join(code, request[:10]), ""},
	} {
		err := ParseError(netlink.Message{Header: netlink.Header{Type: c.typ, Flags: c.flags}, Data: c.data})
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, rpdb.EEXIST) || e.Msg != c.msg {
			t.Errorf("%s: %#v", name, err)
		}
	}
	if err := ParseError(netlink.Message{Header: netlink.Header{Type: netlink.Error}, Data: make([]byte, 20)}); err != nil {
		t.Errorf("an acknowledgement: %v", err)
	}
	if err := ParseError(netlink.Message{Header: netlink.Header{Type: netlink.Error}, Data: []byte{1}}); err == nil {
		t.Error("a byte was taken for an acknowledgement")
	}
}

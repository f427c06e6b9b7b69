//go:build linux

package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/conformance/internal/delta"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Mismatch is a question that kernel and engine answer differently.
type Mismatch struct {
	Scenario *Scenario
	Round    int
	Query    Query
	// Reason names why the difference is left out (docs/exclusions.md), empty if it
	// counts.
	Reason string
	// Ops and Flow are the smallest reproduction that was found, nil if it did not
	// happen again in a fresh namespace.
	Ops  []Op
	Flow *Query
	comparison

	replayed []Op // the ops that a replay is made of
}

// String tells the mismatch: how to bring it about, both answers, and what differs.
func (m *Mismatch) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "MISMATCH family %s, seed %d, scenario %d, round %d\n",
		m.Scenario.Family, m.Scenario.Seed, m.Scenario.Number, m.Round)
	ops, q := m.Ops, &m.Query
	if m.Flow != nil {
		q = m.Flow
		b.WriteString("in a fresh network namespace:\n")
	} else {
		b.WriteString("(not again in a fresh namespace, so not minimised)\n")
	}
	n := newNames()
	if m.Flow == nil {
		for _, op := range m.Scenario.Ops(m.Round) {
			op.command(n)
		}
	}
	for _, op := range ops {
		fmt.Fprintf(&b, "  %s\n", op.command(n))
	}
	fmt.Fprintf(&b, "  %s\n", q.command(n))
	fmt.Fprintf(&b, "kernel: %s\n", replyText(&m.kernel))
	fmt.Fprintf(&b, "engine: %s\n", replyText(&m.engine))
	fmt.Fprintf(&b, "differs: %s\n", strings.Join(m.diff, ", "))
	if slices.Contains(m.diff, diffVisits) {
		fmt.Fprintf(&b, "kernel visited: %v\nengine visited: %v\n", m.visits, m.walked)
	}
	return b.String()
}

// replyText writes the fields of a reply that are there.
func replyText(r *rtnl.Reply) string {
	if r.Err != rpdb.OK {
		return r.Err.Name()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Type, r.Dst)
	if r.Src.IsValid() {
		fmt.Fprintf(&b, " from %s", r.Src)
	}
	if r.Gateway.IsValid() {
		fmt.Fprintf(&b, " via %s", r.Gateway)
	}
	fmt.Fprintf(&b, " oif %d table %d", r.OIF, r.Table)
	if r.PrefSrc.IsValid() {
		fmt.Fprintf(&b, " prefsrc %s", r.PrefSrc)
	}
	if r.Priority.Set {
		fmt.Fprintf(&b, " metric %d", r.Priority.V)
	}
	fmt.Fprintf(&b, " tos 0x%x proto %d scope %d flags 0x%x", r.TOS, r.Protocol, r.Scope, r.Flags)
	if r.IIF != 0 {
		fmt.Fprintf(&b, " iif %d", r.IIF)
	}
	if r.Pref.Set {
		fmt.Fprintf(&b, " pref %d", r.Pref.V)
	}
	if r.NHID != 0 {
		fmt.Fprintf(&b, " nhid %d", r.NHID)
	}
	if r.Realms != 0 {
		fmt.Fprintf(&b, " realms %d/%d", r.Realms>>16, r.Realms&0xffff)
	}
	if r.Mark != 0 {
		fmt.Fprintf(&b, " mark %d", r.Mark)
	}
	if r.UID.Set {
		fmt.Fprintf(&b, " uid %d", r.UID.V)
	}
	for _, h := range r.NextHops {
		fmt.Fprintf(&b, " nexthop via %s oif %d weight %d flags %d", h.Gateway, h.Dev, h.Weight, h.Flags)
	}
	if len(r.Metrics) > 0 {
		fmt.Fprintf(&b, " metrics %v", r.Metrics)
	}
	if len(r.Extra) > 0 {
		fmt.Fprintf(&b, " extra %v", r.Extra)
	}
	return b.String()
}

// minimiseTime bounds the search for a smaller reproduction.
const minimiseTime = 30 * time.Second

// minimise looks for the fewest ops, and the plainest question, that still bring a
// mismatch about.
func (w *worker) minimise(m *Mismatch) {
	ops := m.Scenario.Ops(m.Round)
	q := m.Query
	deadline := time.Now().Add(minimiseTime)
	try := func(ops []Op, q Query) bool {
		if time.Now().After(deadline) {
			return false
		}
		c, reason, err := w.replay(ops, q, m)
		return err == nil && reason == "" && !c.same()
	}
	if !try(ops, q) {
		return
	}
	fails := func(ops []Op) bool { return try(ops, q) }
	ops = shrinkPairs(shrink(shrinkEvents(ops, fails), fails), fails)
	for _, simpler := range simplerQueries {
		s := q
		simpler(&s)
		if s != q && try(ops, s) {
			q = s
		}
	}
	ops = shrinkPairs(shrink(ops, fails), fails)
	if c, _, err := w.replay(ops, q, m); err == nil && !c.same() {
		m.Ops, m.Flow, m.comparison = ops, &q, c
	}
}

// replay brings a list of ops about in a fresh namespace and asks one question.
func (w *worker) replay(ops []Op, q Query, of *Mismatch) (comparison, string, error) {
	l, err := newLab()
	if err != nil {
		return comparison{}, "", err
	}
	defer func() { _ = l.Close() }()
	quiet := worker{run: w.run, trace: w.trace, variety: Variety{}}
	if err := quiet.change(l, ops); err != nil {
		return comparison{}, "", err
	}
	st, err := l.conn.State(nil)
	if err != nil {
		return comparison{}, "", err
	}
	db, err := st.Build()
	if err != nil {
		return comparison{}, "", err
	}
	cs, err := quiet.compareAll(l, db, []Query{q})
	if err != nil {
		return comparison{}, "", err
	}
	m := &Mismatch{Scenario: of.Scenario, Round: of.Round, Query: q, comparison: cs[0], replayed: ops}
	if cs[0].same() {
		return cs[0], "", nil
	}
	return cs[0], quiet.explain(db, m), nil
}

// shrinkEvents leaves out what happens to devices after their first coming up: such
// events cost time.
func shrinkEvents(ops []Op, fails func([]Op) bool) []Op {
	seen := map[LinkOp]bool{}
	var at []int
	for i, op := range ops {
		if l, ok := op.(LinkOp); ok && l.Peer == 0 && (!l.Up || seen[l]) {
			at = append(at, i)
		} else if ok {
			seen[l] = true
		}
	}
	less := func(drop []int) []Op {
		var rest []Op
		for i, op := range ops {
			if !slices.Contains(drop, i) {
				rest = append(rest, op)
			}
		}
		return rest
	}
	if rest := less(at); fails(rest) {
		return rest
	}
	var drop []int
	for _, i := range at {
		if try := append(slices.Clone(drop), i); fails(less(try)) {
			drop = try
		}
	}
	return less(drop)
}

// shrinkPairs leaves out whole pairs of devices: a device without its peer keeps the
// kernel waiting (linkwatch).
func shrinkPairs(ops []Op, fails func([]Op) bool) []Op {
	for _, v := range append([]int{rpdb.Loopback}, frontDevs...) {
		rest := slices.DeleteFunc(slices.Clone(ops), func(op Op) bool {
			l, ok := op.(LinkOp)
			return ok && (l.Index == v || l.Index == peerOf[v])
		})
		if len(rest) < len(ops) && fails(rest) {
			ops = rest
		}
	}
	return ops
}

// shrink is delta debugging: it leaves out halves, quarters, ... single ops as long
// as the rest still fails. What makes devices stays,
// and the seed of the multipath hash.
func shrink(ops []Op, fails func([]Op) bool) []Op {
	return delta.Shrink(ops, func(op Op) bool {
		s, sysctl := op.(SysctlOp)
		_, link := op.(LinkOp)
		return link || sysctl && strings.HasSuffix(s.Path, "hash_seed")
	}, fails)
}

// simplerQueries each leave out one part of a question.
var simplerQueries = []func(*Query){
	func(q *Query) { q.FibMatch = false },
	func(q *Query) { q.Flow.Mark = 0 },
	func(q *Query) { q.Flow.TOS = 0 },
	func(q *Query) { q.Flow.SPort = 0 },
	func(q *Query) { q.Flow.DPort = 0 },
	func(q *Query) { q.Flow.FlowLabel = 0 },
	func(q *Query) {
		q.Flow.IPProto = rpdb.ProtoUDP
		if q.Flow.Family() == rpdb.IPv6 {
			q.Flow.IPProto = 0
		}
	},
	func(q *Query) { q.Flow.UID = 0 },
	func(q *Query) { q.Flow.OIF = 0 },
	func(q *Query) { q.Flow.Src = rpdb.Flow{}.Src },
}

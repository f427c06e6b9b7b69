//go:build linux

package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// FlowsPerRound is the number of questions that each round of a scenario gets.
const FlowsPerRound = 170

// LookupsConfig says what [RunLookups] does.
type LookupsConfig struct {
	Family  rpdb.Family
	Seed    uint64
	Lookups int    // how many questions, in all
	First   uint64 // number of the first scenario
	Workers int    // 0: one for each CPU
	// Reproduce bounds the mismatches that are minimised, one of each kind (by the
	// fields that differ); the others are counted.
	Reproduce int
	// Progress is called now and then with the number of questions answered.
	Progress func(done int)
}

// LookupsReport is the outcome of [RunLookups].
type LookupsReport struct {
	Lookups    int
	Mismatches int
	Excluded   map[string]int // by reason, see docs/exclusions.md
	Found      []*Mismatch    // the first of each kind, minimised
	Fields     map[string]int // mismatches by the fields that differ
	Variety    Variety
	// TraceSkipped says why the visited tables were not compared; nil if they were.
	TraceSkipped error
}

// ExcludedTotal is the number of questions that were left out of the comparison.
func (r *LookupsReport) ExcludedTotal() int {
	n := 0
	for _, c := range r.Excluded {
		n += c
	}
	return n
}

// run is a RunLookups under way.
type run struct {
	cfg  LookupsConfig
	next atomic.Uint64
	done atomic.Int64
	stop context.CancelCauseFunc

	oneUser bool

	mu     sync.Mutex
	report LookupsReport
}

// RunLookups compares the engine with the running kernel: it plays random scenarios
// in network namespaces of its own, and puts random questions to both. It needs the
// right to make namespaces (see [ErrNoNamespace]). The scenarios and questions
// depend on the seed alone, whatever the number of workers.
func RunLookups(ctx context.Context, cfg LookupsConfig) (*LookupsReport, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.NumCPU()
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &run{cfg: cfg, stop: stop, oneUser: oneUser()}
	r.report.Excluded, r.report.Fields, r.report.Variety = map[string]int{}, map[string]int{}, Variety{}
	var wg sync.WaitGroup
	for i := range cfg.Workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			// Never unlocked: the thread has changed its namespaces and dies with the
			// goroutine.
			runtime.LockOSThread()
			if err := r.work(ctx, i); err != nil {
				stop(err)
			}
		}()
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return &r.report, err
	}
	return &r.report, nil
}

const flowsPerScenario = FlowsPerRound * roundsPerScenario

// work plays scenarios until enough questions are asked.
func (r *run) work(ctx context.Context, index int) error {
	w := &worker{run: r, variety: Variety{}}
	t, err := newTracer(index, r.cfg.Family)
	if err != nil {
		w.noTrace = err
	}
	w.trace = t
	for ctx.Err() == nil {
		i := r.next.Add(1) - 1
		quota := min(flowsPerScenario, r.cfg.Lookups-int(i)*flowsPerScenario)
		if quota <= 0 {
			break
		}
		s := NewScenario(r.cfg.Family, r.cfg.Seed, r.cfg.First+i)
		if err := w.play(ctx, s, quota); err != nil {
			err = fmt.Errorf("seed %d, scenario %d: %w", s.Seed, s.Number, err)
			return errors.Join(err, w.close())
		}
		w.hand()
	}
	return w.close()
}

// worker is one locked thread with what it has not yet handed to the run.
type worker struct {
	run     *run
	trace   *tracer
	noTrace error
	variety Variety
	pending []*Mismatch
	lookups int
}

func (w *worker) close() error {
	if w.trace == nil {
		return nil
	}
	return w.trace.Close()
}

// hand adds the worker's findings to the report.
func (w *worker) hand() {
	r := w.run
	r.mu.Lock()
	r.report.Lookups += w.lookups
	w.lookups = 0
	r.report.Variety.add(w.variety)
	w.variety = Variety{}
	if w.noTrace != nil {
		r.report.TraceSkipped = w.noTrace
	}
	var found []*Mismatch
	for _, m := range w.pending {
		if m.Reason != "" {
			r.report.Excluded[m.Reason]++
			continue
		}
		r.report.Mismatches++
		kind := strings.Join(m.diff, ", ")
		r.report.Fields[kind]++
		if r.report.Fields[kind] == 1 && len(r.report.Found) < r.cfg.Reproduce {
			r.report.Found = append(r.report.Found, m)
			found = append(found, m)
		}
	}
	r.mu.Unlock()
	w.pending = w.pending[:0]
	for _, m := range found {
		w.minimise(m)
	}
}

// play runs one scenario in a fresh namespace.
func (w *worker) play(ctx context.Context, s *Scenario, quota int) (err error) {
	l, err := newLab()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for round := range s.Rounds {
		if err := w.change(l, s.Rounds[round]); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		n := min(FlowsPerRound, quota)
		quota -= n
		if n == 0 || ctx.Err() != nil {
			break
		}
		if err := w.round(l, s, round, n); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	return nil
}

// change plays ops. What the kernel refuses is counted and left out.
func (w *worker) change(l *lab, ops []Op) error {
	for _, op := range ops {
		err := l.apply(op)
		var refused *rtnl.Error
		var path *fs.PathError
		if err != nil && !errors.As(err, &refused) && !errors.As(err, &path) {
			return err
		}
		w.variety.op(op, err == nil)
	}
	return l.settle()
}

// round asks n questions about the present state.
func (w *worker) round(l *lab, s *Scenario, round, n int) error {
	db, qs, cs, err := w.measure(l, s, round, n)
	if err != nil {
		return err
	}
	w.variety.state(db.State(), s.Family)
	w.lookups += n
	done := w.run.done.Add(int64(n))
	if w.run.cfg.Progress != nil {
		w.run.cfg.Progress(int(done))
	}
	for i := range cs {
		w.variety.walk(cs[i].walk, &qs[i])
		if cs[i].same() {
			continue
		}
		m := &Mismatch{Scenario: s, Round: round, Query: qs[i], comparison: cs[i]}
		m.Reason = w.explain(db, m)
		w.pending = append(w.pending, m)
	}
	return nil
}

// measure reads the state and puts questions, again if the state was not the same
// afterwards: the kernel does some things late.
func (w *worker) measure(l *lab, s *Scenario, round, n int) (*rpdb.Database, []Query, []comparison, error) {
	st, err := l.conn.State(nil)
	for err == nil {
		qs := queries(newDice(s.Seed, s.Number<<8|uint64(round)), s.Family, st, n)
		if w.run.oneUser {
			onlyRoot(qs)
		}
		var db *rpdb.Database
		if db, err = st.Build(); err != nil {
			return nil, nil, nil, fmt.Errorf("build the database: %w", err)
		}
		var cs []comparison
		if cs, err = w.compareAll(l, db, qs); err != nil {
			break
		}
		var after *rpdb.State
		if after, err = l.conn.State(nil); err == nil && sameState(st, after) {
			return db, qs, cs, nil
		}
		st = after
	}
	return nil, nil, nil, err
}

// onlyRoot gives all questions the one user that a user namespace has.
func onlyRoot(qs []Query) {
	for i := range qs {
		if qs[i].Flow.UID != rpdb.InvalidUID {
			qs[i].Flow.UID = 0
		}
	}
}

// sameState tells whether nothing but clocks moved between two readings.
func sameState(a, b *rpdb.State) bool {
	return reflect.DeepEqual(a.Rules, b.Rules) &&
		slices.EqualFunc(a.Routes, b.Routes, func(x, y rpdb.Route) bool {
			x.Expires.V, y.Expires.V = 0, 0
			return reflect.DeepEqual(x, y)
		}) &&
		slices.EqualFunc(a.Addrs, b.Addrs, func(x, y rpdb.Addr) bool {
			x.Extra, y.Extra, x.Created, y.Created, x.Updated, y.Updated = nil, nil, 0, 0, 0, 0
			return reflect.DeepEqual(x, y)
		}) &&
		slices.EqualFunc(a.Links, b.Links, func(x, y rpdb.Link) bool {
			return x.Index == y.Index && x.Flags == y.Flags && x.Name == y.Name
		}) &&
		slices.EqualFunc(unicast(a.Neighs), unicast(b.Neighs), func(x, y rpdb.Neigh) bool {
			return x.IP == y.IP && x.Index == y.Index && x.State == y.State
		})
}

// unicast leaves out the entries of multicast groups, which come when a device
// reports its groups.
func unicast(ns []rpdb.Neigh) []rpdb.Neigh {
	return slices.DeleteFunc(slices.Clone(ns), func(n rpdb.Neigh) bool { return n.IP.IsMulticast() })
}

// comparison is one question with the answers of both sides.
type comparison struct {
	kernel, engine rtnl.Reply
	diff           []string // the differing fields
	walk           *rpdb.Walk
	lookup         rpdb.Decision
	traced         bool
	visits, walked []Visit
}

// diffVisits names a difference of the visited tables.
const diffVisits = "visited tables"

func (c *comparison) same() bool { return len(c.diff) == 0 }

// compareAll asks the kernel and the engine every question.
func (w *worker) compareAll(l *lab, db *rpdb.Database, qs []Query) ([]comparison, error) {
	cs := make([]comparison, len(qs))
	for i := range qs {
		if w.trace != nil {
			if err := w.trace.mark(i); err != nil {
				return nil, fmt.Errorf("trace_marker: %w", err)
			}
		}
		rep, err := l.ask(&qs[i])
		if err != nil {
			return nil, fmt.Errorf("ask: %w", err)
		}
		cs[i].kernel = rep
	}
	if err := w.readVisits(cs); err != nil {
		return nil, err
	}
	empty := emptyTables(db.State(), w.run.cfg.Family)
	for i := range qs {
		cs[i].judge(db, &qs[i], empty)
	}
	return cs, nil
}

func (w *worker) readVisits(cs []comparison) error {
	if w.trace == nil {
		return nil
	}
	for i := range cs {
		cs[i].traced = true
	}
	return w.trace.read(func(query int, v Visit) {
		if query >= 0 && query < len(cs) {
			cs[query].visits = append(cs[query].visits, v)
		}
	})
}

// judge asks the engine and names what differs.
func (c *comparison) judge(db *rpdb.Database, q *Query, empty func(Visit) bool) {
	c.lookup, c.walk = db.Lookup(&q.Flow), db.Walk(&q.Flow)
	o := rtnl.GetOptions{FibMatch: q.FibMatch}
	c.engine = rtnl.ExpectedOf(q.Flow, &c.lookup, o)
	c.diff = rtnl.Compare(db, q.Flow, &c.lookup, o, c.kernel)
	if c.lookup != c.walk.Decision {
		c.diff = append(c.diff, "Walk's decision is not Lookup's")
	}
	if c.traced {
		f := q.Flow.Family()
		c.walked = walkedTables(c.walk, f)
		c.visits, c.walked = slices.DeleteFunc(c.visits, empty), slices.DeleteFunc(c.walked, empty)
		// The lookups that follow hang on the leg that was chosen: the check of the
		// source, or that of a rule whose suppressor looks at the device.
		if !slices.Equal(c.visits, c.walked) && !c.lookup.Undetermined {
			c.diff = append(c.diff, diffVisits)
		}
	}
}

// emptyTables tells the searches of tables without routes: no dump shows whether
// such a table exists, and nothing but the trace depends on it.
func emptyTables(st *rpdb.State, f rpdb.Family) func(Visit) bool {
	has := map[uint32]bool{}
	for i := range st.Routes {
		if r := &st.Routes[i]; r.Family == f {
			has[r.Table] = true
		}
	}
	return func(v Visit) bool { return !has[v.Table] && v.Err != rpdb.OK }
}

// refused6 is what the trace shows of an IPv6 table whose result did not count: its
// null entry, or a route that the rule turned down because of the source that it
// brings (FIB_RULE_FIND_SADDR).
func refused6(s *rpdb.Step) rpdb.Errno {
	for i := range s.Routes {
		switch r := &s.Routes[i]; r.Verdict {
		case rpdb.RouteChosen:
			return rpdb.OK
		case rpdb.RouteError:
			return r.Route.Type.Err()
		}
	}
	return rpdb.EHOSTUNREACH
}

// walkedTables lists the tables that a walk searched, as the trace of the kernel
// shows them: IPv4 reports a miss as EAGAIN; IPv6 finds its null entry instead,
// which is of type unreachable.
func walkedTables(walk *rpdb.Walk, f rpdb.Family) []Visit {
	var vs []Visit
	for i := range walk.Lookups {
		for j := range walk.Lookups[i].Steps {
			s := &walk.Lookups[i].Steps[j]
			if !s.TableExists {
				continue
			}
			v := Visit{Table: s.Table, Err: s.Err}
			switch s.Verdict {
			case rpdb.Missed:
				if f == rpdb.IPv6 {
					v.Err = refused6(s)
				}
			case rpdb.Thrown:
				v.Err = rpdb.EAGAIN
			case rpdb.Suppressed:
				v.Err = rpdb.OK
			case rpdb.Matched:
			default:
				continue
			}
			vs = append(vs, v)
		}
	}
	return vs
}

package fib

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Live is a FIB that changes while others read it. A reader sees one version of it
// for a call, whole; a former version lives until the last call in it ends. Its
// methods are safe for concurrent use, and readers never wait.
type Live struct {
	current atomic.Pointer[FIB]
	writer  sync.Mutex
}

// NewLive compiles a state for lookups. The state must not be changed afterwards.
func NewLive(st *rpdb.State) (*Live, error) {
	l := new(Live)
	if err := l.Replace(st); err != nil {
		return nil, err
	}
	return l, nil
}

// Load returns the present version, for several lookups in one. It keeps its answers
// for good, but gives them faster while it is the present one.
func (l *Live) Load() *FIB { return l.current.Load() }

// Lookup is [FIB.Lookup] in the present version.
func (l *Live) Lookup(flow *rpdb.Flow) rpdb.Decision { return l.Load().Lookup(flow) }

// LookupBatch is [FIB.LookupBatch], all in the present version.
func (l *Live) LookupBatch(flows []rpdb.Flow, out []rpdb.Decision) {
	l.Load().LookupBatch(flows, out)
}

// Find is [FIB.Find] in the present version.
func (l *Live) Find(k *rpdb.Key) rpdb.Found { return l.Load().Find(k) }

// Replace makes a state the present version: once it has returned, every lookup that
// begins answers from it. It fails as [rpdb.State.Build] and [Compile] do; then the
// version stays. It costs what they do, whatever the difference is. The state must
// not be changed afterwards.
func (l *Live) Replace(st *rpdb.State) error {
	l.writer.Lock()
	defer l.writer.Unlock()
	return l.replace(st)
}

// Apply makes the present version one with a change, as if it had been compiled of
// the changed state. ok is false, and the version stays, if the change may have
// consequences that only a kernel knows (see [rpdb.Database.With]): then the state
// must be read anew and given to Replace. What the change points to must not be
// changed afterwards.
//
// It costs some microseconds for a route, most of them for memory. For a rule it costs some nanoseconds for each
// rule, and after every 64 changes what compiling them costs.
func (l *Live) Apply(c *rpdb.Change) (ok bool, err error) {
	l.writer.Lock()
	defer l.writer.Unlock()
	f, err := l.Load().with(c)
	if f == nil || err != nil {
		return false, err
	}
	l.current.Store(f)
	return true, nil
}

// ApplyAll is Apply for changes one after the other. It returns how many were made: fewer
// than all if the next one cannot be. Several cost less than as many calls of Apply, for
// their memory accesses overlap.
func (l *Live) ApplyAll(changes []*rpdb.Change) (n int, err error) {
	l.writer.Lock()
	defer l.writer.Unlock()
	for n < len(changes) {
		some := changes[n:min(n+rpdb.MaxExpected, len(changes))]
		l.Load().expect(some)
		for _, c := range some {
			f, err := l.Load().with(c)
			if f == nil || err != nil {
				return n, err
			}
			l.current.Store(f)
			n++
		}
	}
	return n, nil
}

// Modify replaces the present version by one with a change of any kind, made to a
// copy of the present state: its lists and maps are its own, but not what their
// elements point to. Changes by several goroutines follow each other. It costs what
// Replace does.
func (l *Live) Modify(change func(*rpdb.State)) error {
	l.writer.Lock()
	defer l.writer.Unlock()
	st := copyOf(l.Load().db.State())
	change(st)
	return l.replace(st)
}

func (l *Live) replace(st *rpdb.State) error {
	db, err := st.Build()
	if err != nil {
		return err
	}
	f, err := compileFor(db, true)
	if err != nil {
		return err
	}
	l.current.Store(f)
	return nil
}

func copyOf(st *rpdb.State) *rpdb.State {
	out := *st
	out.Rules, out.Routes = slices.Clone(st.Rules), slices.Clone(st.Routes)
	out.Links, out.Addrs = slices.Clone(st.Links), slices.Clone(st.Addrs)
	out.NextHops, out.Neighs = slices.Clone(st.NextHops), slices.Clone(st.Neighs)
	out.Labels = slices.Clone(st.Labels)
	out.Sysctls = maps.Clone(st.Sysctls)
	if out.Sysctls == nil {
		out.Sysctls = rpdb.Sysctls{}
	}
	return &out
}

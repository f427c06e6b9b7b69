package fib

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Live is a FIB that is replaced while others read it. A reader sees one version of
// it for a call, whole; a replaced version lives until the last call in it ends.
// Its methods are safe for concurrent use, and readers never wait.
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

// Load returns the present version, for several lookups in one.
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

// Apply replaces the present version by one with a change, which gets a copy of the
// present state: its lists and maps are its own, but not what their elements point
// to. Changes by several goroutines follow each other. It costs what Replace does,
// linear in the state: some 30 µs for a host, half a second for a full IPv4 table.
func (l *Live) Apply(change func(*rpdb.State)) error {
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
	f, err := Compile(db)
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
	out.Sysctls = make(rpdb.Sysctls, len(st.Sysctls))
	for name, v := range st.Sysctls {
		out.Sysctls[name] = v
	}
	return &out
}

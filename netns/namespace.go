package netns

import (
	"sync"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Namespace is one emulated network namespace. Make it with [New] or [World.New].
type Namespace struct {
	world *World
	id    uint64

	// mu is the RTNL lock of this namespace alone. Requests that change something hold
	// it for writing, the others for reading.
	mu sync.RWMutex

	devices devices
	conf    devconf
	nsids   nsids
	fib6    fib6
	addrs6  addrs6

	// changes counts the changes, so that the database that answers lookups is built
	// again only after one.
	changes uint64
	lookups lookups

	sockets sockets
}

func newNamespace(w *World) *Namespace {
	n := &Namespace{world: w, conf: freshConf()}
	n.addLoopback()
	return n
}

// lookups keeps the database that RTM_GETROUTE is answered from.
type lookups struct {
	mu      sync.Mutex
	changes uint64
	db      *rpdb.Database
}

// database returns the decision engine over the present state. The caller holds the
// namespace's lock.
func (n *Namespace) database() (*rpdb.Database, error) {
	n.lookups.mu.Lock()
	defer n.lookups.mu.Unlock()
	if n.lookups.db == nil || n.lookups.changes != n.changes {
		db, err := n.state().Build()
		if err != nil {
			return nil, err
		}
		n.lookups.db, n.lookups.changes = db, n.changes
	}
	return n.lookups.db, nil
}

// state is the present state, in the order in which dumps show it. The caller holds
// the namespace's lock.
func (n *Namespace) state() *rpdb.State {
	st := &rpdb.State{Kernel: n.world.config.Kernel}
	for _, d := range n.devices.list {
		st.Links = append(st.Links, d.Link)
	}
	st.Addrs = append(st.Addrs, n.modelAddrs6()...)
	st.Routes = append(st.Routes, n.routes6()...)
	return st
}

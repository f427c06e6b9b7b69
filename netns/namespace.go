package netns

import (
	"slices"
	"sync"
	"sync/atomic"
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
	sysctls sysctls
	verify4 jiffies           // when lifetimes of IPv4 addresses end; 0: never
	texts   map[string]string // settings of sysctlTexts that were written
	fdbDue  jiffies           // when entries of forwarding databases age; 0: never
	nsids   nsids

	vxlans     []*vxlan // those whose packets go out here, newest first (struct vxlan_net)
	vxlanSocks []*vxlanSock

	rules    rules
	ip4      ipv4
	nexthops nexthops
	fib6     fib6
	addrs6   addrs6
	neighs   neighs
	labels   labels

	// changes counts the changes, so that the database that answers lookups is built
	// again only after one; neighChanges those of neighbours that lookups can see.
	changes, neighChanges atomic.Uint64
	lookups               lookups
	view                  atomic.Pointer[View]

	exceptions exceptions
	closed     atomic.Bool
	sockets    sockets
}

func newNamespace(w *World) *Namespace {
	n := &Namespace{world: w, conf: freshConf(), rules: newRules(), labels: newLabels()}
	n.addLoopback()
	return n
}

// Closed reports whether [Namespace.Close] was called. It is safe for concurrent use.
func (n *Namespace) Closed() bool { return n.closed.Load() }

// Close ends the namespace, as the kernel does when nothing refers to it any more
// (cleanup_net): the others forget its number, and its devices go with what depends on
// them elsewhere. Nothing may be asked of it afterwards.
func (n *Namespace) Close() error {
	w := n.world
	w.rtnl.Lock()
	defer w.rtnl.Unlock()
	defer w.settle6()
	w.record(Change{Kind: ChangeClose, Namespace: n.FD()})
	n.closed.Store(true)
	for _, other := range w.forget(n) {
		other.forgetNSID(n)
	}
	var doomed []*device
	for _, d := range slices.Backward(n.devices.born) { // default_device_exit_batch
		if !d.IsLoopback() {
			doomed = d.doom(doomed)
		}
	}
	unregister(doomed, nil)
	w.runWatch()
	return nil
}

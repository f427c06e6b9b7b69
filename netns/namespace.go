package netns

import (
	"sync"
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
	texts   map[string]string // settings of sysctlTexts that were written
	nsids   nsids
	rules   rules
	ip4     ipv4
	fib6    fib6
	addrs6  addrs6

	// changes counts the changes, so that the database that answers lookups is built
	// again only after one.
	changes uint64
	lookups lookups

	sockets sockets
}

func newNamespace(w *World) *Namespace {
	n := &Namespace{world: w, conf: freshConf(), rules: newRules()}
	n.addLoopback()
	return n
}

package netns

import (
	"sync"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Config says what kernel a [World] emulates. The zero value is good.
type Config struct {
	// Kernel is the emulated release; the zero one stands for 6.18.
	Kernel rpdb.Kernel
	// Clock tells the time, for lifetimes and ages; nil: time.Now.
	Clock func() time.Time
	// Seed is where the hardware addresses of new devices come from, and the seed of
	// the multipath hash: equal worlds draw equal ones.
	Seed uint64
}

// World is a set of namespaces that one kernel holds, with the pairs of links
// between them.
type World struct {
	config Config
	born   time.Time

	// rtnl is held for writing by requests that can touch more than one namespace
	// (links), for reading by all others.
	rtnl sync.RWMutex

	mu     sync.Mutex // guards what follows
	nextID uint64
	spaces map[uint64]*Namespace
}

// NewWorld returns a world without namespaces.
func NewWorld(c Config) *World {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &World{config: c, born: c.Clock(), spaces: map[uint64]*Namespace{}}
}

// New returns a namespace in a world of its own, as kernel 6.18 makes it.
func New() *Namespace { return NewWorld(Config{}).New() }

// New makes a namespace: a loopback device that is down, the default rules, no
// routes.
func (w *World) New() *Namespace {
	w.rtnl.Lock()
	defer w.rtnl.Unlock()
	n := newNamespace(w)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nextID++
	n.id = w.nextID
	w.spaces[n.id] = n
	return n
}

// has reports whether the emulated kernel has a feature.
func (w *World) has(f rpdb.Feature) bool { return w.config.Kernel.Has(f) }

// uptime is the time since the world began, in hundredths of a second, as addresses
// are stamped with.
func (w *World) uptime() uint32 {
	return uint32(w.config.Clock().Sub(w.born) / (10 * time.Millisecond))
}

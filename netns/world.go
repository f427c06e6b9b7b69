package netns

import (
	"encoding/binary"
	"maps"
	"slices"
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
	// the multipath hash where net.ipv4.fib_multipath_hash_seed is 0: equal worlds draw equal
	// ones.
	Seed uint64
	// DAD has namespaces look for duplicates of their new IPv6 addresses as Linux does: an address
	// is tentative for a second or two, while Packets asks whether somebody else has it.
	// Without, every address is valid at once.
	DAD bool
	// CPUs is how many processors the kernel counts on: veth devices get as many
	// queues. 0 stands for 1.
	CPUs int
	// NoMPLS is a kernel without mpls_iptunnel: it refuses routes that push labels.
	NoMPLS bool
	// NoHomeAddresses is a kernel without CONFIG_IPV6_MIP6: it does not prefer home
	// addresses as sources.
	NoHomeAddresses bool
	// Process, if not nil, tells in which namespace a process is (its FD), 0 if in none.
	// It is asked about each process that a request names, in place of SetPID, under the
	// locks of the world, which it must not use.
	Process func(pid uint32) (fd uint32)
	// Journal, if not nil, is told of every change before it is made, so that
	// [World.Replay] can make the same world again. It is called under the locks of the
	// world, from the goroutine of whoever makes the change: it must return soon, must not
	// use the world, and must not keep the data of the change.
	Journal func(Change)
}

// World is a set of namespaces that one kernel holds, with the pairs of links
// between them.
type World struct {
	config  Config
	born    time.Time
	packets Packets // nil: none are carried

	// rtnl is held for writing by requests that can touch more than one namespace
	// (links), for reading by all others.
	rtnl sync.RWMutex
	// watched are the devices whose carrier changed, under rtnl.
	watched []*device
	ethers  uint64 // hardware addresses handed out
	devices uint64 // made so far

	mu     sync.Mutex   // guards what follows
	busy   []*Namespace // with work of IPv6 addresses
	nextID uint64
	spaces map[uint64]*Namespace
	list   []*Namespace // the same, oldest first
	pids   map[uint32]*Namespace
}

// NewWorld returns a world without namespaces.
func NewWorld(c Config) *World {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &World{config: c, born: c.Clock(), spaces: map[uint64]*Namespace{}, pids: map[uint32]*Namespace{}}
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
	w.list = append(w.list, n)
	w.record(Change{Kind: ChangeNew, Namespace: n.FD()})
	return n
}

// FD returns the number that stands for the namespace in IFLA_NET_NS_FD and
// NETNSA_FD, where a client of the running kernel gives an open file.
func (n *Namespace) FD() uint32 { return uint32(n.id) }

// SetPID says in which namespace a process lives, for IFLA_NET_NS_PID and NETNSA_PID;
// nil forgets the process.
func (w *World) SetPID(pid uint32, n *Namespace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n == nil {
		w.record(Change{Kind: ChangePID, PID: pid})
		delete(w.pids, pid)
		return
	}
	w.record(Change{Kind: ChangePID, PID: pid, Namespace: n.FD()})
	w.pids[pid] = n
}

// forget takes a namespace out of the world and returns the others, oldest first.
func (w *World) forget(n *Namespace) []*Namespace {
	w.mu.Lock()
	delete(w.spaces, n.id)
	w.list = slices.DeleteFunc(w.list, func(x *Namespace) bool { return x == n })
	maps.DeleteFunc(w.pids, func(_ uint32, x *Namespace) bool { return x == n })
	w.mu.Unlock()
	return w.all()
}

// all are the namespaces, oldest first.
func (w *World) all() []*Namespace {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

func (w *World) byFD(fd uint32) (*Namespace, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.spaces[uint64(fd)]; n != nil {
		return n, nil
	}
	return nil, fail(rpdb.EBADF, "")
}

func (w *World) byPID(pid uint32) (*Namespace, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.pids[pid]; n != nil {
		return n, nil
	}
	return nil, fail(rpdb.ESRCH, "")
}

// randomEther draws a hardware address (eth_random_addr): unicast, locally
// administered, a function of the seed and of how many were drawn before.
func (w *World) randomEther() []byte {
	w.ethers++
	x := w.config.Seed + w.ethers*0x9e3779b97f4a7c15 // splitmix64
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	b := binary.BigEndian.AppendUint64(nil, x)[:6]
	b[0] = b[0]&^1 | 2
	return b
}

// uptime is the time since the world began, in hundredths of a second, as addresses
// are stamped with.
func (w *World) uptime() uint32 {
	return uint32(w.config.Clock().Sub(w.born) / (10 * time.Millisecond))
}

// has reports whether the emulated kernel has a feature.
func (w *World) has(f rpdb.Feature) bool { return w.config.Kernel.Has(f) }

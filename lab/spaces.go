package lab

import (
	"slices"
	"strings"
	"sync"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// space is a namespace with what keeps it: names, sockets, processes.
type space struct {
	id      ID
	ns      *netns.Namespace
	names   int
	sockets int
	known   bool // processes have begun in it
}

// spaces are the namespaces of a world by id and by name.
type spaces struct {
	mu    sync.Mutex
	world *netns.World
	byID  map[ID]*space
	names []name // newest first, as a directory of tmpfs lists its files
	ended func(*space)
}

type name struct {
	text string
	of   *space
}

func newSpaces(w *netns.World) *spaces {
	return &spaces{world: w, byID: map[ID]*space{}}
}

// add makes a namespace. The caller holds mu, or is the only one.
func (s *spaces) add() *space { return s.keep(s.world.New()) }

// keep takes a namespace of the world in.
func (s *spaces) keep(ns *netns.Namespace) *space {
	sp := &space{id: ID(ns.FD()), ns: ns}
	s.byID[sp.id] = sp
	return sp
}

// checkName tells whether a name can be that of a namespace (invalid_name).
func checkName(n string) error {
	if n == "" || len(n) > 255 || n == "." || n == ".." || strings.ContainsAny(n, "/\x00") {
		return refuse(rpdb.EINVAL, "namespace name %q", n)
	}
	return nil
}

func (s *spaces) named(n string) *space {
	for _, x := range s.names {
		if x.text == n {
			return x.of
		}
	}
	return nil
}

// find returns the namespace of an id, or of a name if there is one.
func (s *spaces) find(id ID, n string) (*space, error) {
	if n != "" {
		if sp := s.named(n); sp != nil {
			return sp, nil
		}
		return nil, refuse(rpdb.ENOENT, "namespace %q", n)
	}
	if id == 0 {
		id = Root
	}
	if sp := s.byID[id]; sp != nil {
		return sp, nil
	}
	return nil, refuse(rpdb.ENOENT, "namespace number %d", id)
}

// create makes a namespace with a name.
func (s *spaces) create(n string) (ID, error) {
	if err := checkName(n); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.named(n) != nil {
		return 0, refuse(rpdb.EEXIST, "namespace %q", n)
	}
	sp := s.add()
	s.link(n, sp)
	return sp.id, nil
}

// attach gives a namespace another name.
func (s *spaces) attach(n string, id ID) error {
	if err := checkName(n); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.named(n) != nil {
		return refuse(rpdb.EEXIST, "namespace %q", n)
	}
	sp, err := s.find(id, "")
	if err != nil {
		return err
	}
	s.link(n, sp)
	return nil
}

func (s *spaces) link(n string, sp *space) {
	sp.names++
	s.names = slices.Insert(s.names, 0, name{n, sp})
}

// unlink takes a name away. The namespace goes when nothing else keeps it.
func (s *spaces) unlink(n string, busy func() map[ID]bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.named(n)
	if sp == nil {
		return refuse(rpdb.ENOENT, "namespace %q", n)
	}
	s.names = slices.DeleteFunc(s.names, func(x name) bool { return x.text == n })
	sp.names--
	s.sweep(busy)
	return nil
}

// hold opens a namespace for a socket or a command; the result gives it back.
func (s *spaces) hold(id ID, n string) (*space, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp, err := s.find(id, n)
	if err != nil {
		return nil, nil, err
	}
	sp.sockets++
	return sp, sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		sp.sockets--
	}), nil
}

// enter is hold for a process that will run in the namespace.
func (s *spaces) enter(id ID, n string) (*space, func(), error) {
	sp, done, err := s.hold(id, n)
	if err == nil {
		s.mu.Lock()
		sp.known = true
		s.mu.Unlock()
	}
	return sp, done, err
}

// sweep ends the namespaces that neither a name nor a socket nor a process keeps, as
// the kernel does when the last reference goes (cleanup_net). It reports whether
// nameless ones are left. The caller holds mu.
func (s *spaces) sweep(busy func() map[ID]bool) (left bool) {
	var inUse map[ID]bool
	for id, sp := range s.byID {
		if id == Root || sp.names > 0 {
			continue
		}
		if sp.known && inUse == nil {
			inUse = busy() // reads much of /proc
		}
		if sp.sockets > 0 || inUse[id] {
			left = true
			continue
		}
		delete(s.byID, id)
		_ = sp.ns.Close()
		s.ended(sp)
	}
	return left
}

// nameOf returns the oldest name of a namespace, empty if it has none: of the names that
// fit, ip takes the one that it reads last (netns_identify_pid).
func (s *spaces) nameOf(id ID) (text string) {
	for _, n := range s.list() {
		if n.ID == id {
			text = n.Name
		}
	}
	return text
}

// list tells the names, newest first.
func (s *spaces) list() []NetNS {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]NetNS, len(s.names))
	for i, n := range s.names {
		out[i] = NetNS{Name: n.text, ID: n.of.id}
	}
	return out
}

// NetNS is a named namespace of a world.
type NetNS struct {
	Name string `json:"name"`
	ID   ID     `json:"id"`
}

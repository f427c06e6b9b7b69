package lab

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// serveCalls answers control calls; the first frame has been read.
func (s *session) serveCalls(k kind) error {
	for {
		if k != kindCall {
			return &Error{rpdb.EINVAL, "neither a netlink socket nor a call"}
		}
		var c call
		if err := decode(s.buf, &c); err != nil {
			return err
		}
		if err := s.answer(c); err != nil {
			return err
		}
		var err error
		if k, err = s.next(); err != nil {
			return err
		}
	}
}

func (s *session) answer(c call) error {
	f := calls[c.Op]
	if f == nil {
		return s.reply(nil, refuse(rpdb.EOPNOTSUPP, "call %q", c.Op))
	}
	v, err := f(s, c.Args)
	return s.reply(v, err)
}

// handle makes a call of a function with typed arguments.
func handle[A, R any](f func(*session, A) (R, error)) func(*session, json.RawMessage) (any, error) {
	return func(s *session, raw json.RawMessage) (any, error) {
		var args A
		if len(raw) > 0 {
			if err := decode(raw, &args); err != nil {
				return nil, err
			}
		}
		return f(s, args)
	}
}

var calls map[string]func(*session, json.RawMessage) (any, error)

func init() {
	calls = map[string]func(*session, json.RawMessage) (any, error){
		"info":        handle((*session).info),
		"save":        handle((*session).save),
		"shutdown":    handle((*session).shutdown),
		"netns.add":   handle((*session).addNetNS),
		"netns.del":   handle((*session).delNetNS),
		"netns.list":  handle((*session).listNetNS),
		"netns.find":  handle((*session).findNetNS),
		"netns.pids":  handle((*session).pids),
		"netns.of":    handle((*session).netNSOf),
		"tun.add":     handle((*session).addTun),
		"tun.del":     handle((*session).delTun),
		"sysctl.get":  handle((*session).getSysctl),
		"sysctl.set":  handle((*session).setSysctl),
		"sysctl.list": handle((*session).listSysctls),
	}
}

// Info describes a world.
type Info struct {
	Name       string    `json:"name"`
	Socket     string    `json:"socket"`
	PID        int       `json:"pid"` // of its server
	Started    time.Time `json:"started"`
	Namespaces int       `json:"namespaces"`
	Clients    int       `json:"clients"`
}

type nothing struct{}

func (s *session) info(nothing) (Info, error) {
	srv := s.server
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.spaces.mu.Lock()
	defer srv.spaces.mu.Unlock()
	return Info{
		Name: srv.name, Socket: srv.path, PID: os.Getpid(), Started: srv.born,
		Namespaces: len(srv.spaces.byID), Clients: len(srv.clients),
	}, nil
}

func (s *session) shutdown(nothing) (nothing, error) {
	// The reply first: closing the server closes this connection too.
	time.AfterFunc(20*time.Millisecond, s.server.Close)
	return nothing{}, nil
}

type saveArgs struct {
	Path string `json:"path"`
}

func (s *session) save(a saveArgs) (Saved, error) { return s.server.Save(a.Path) }

// netnsArgs name a namespace.
type netnsArgs struct {
	Name string `json:"name,omitempty"`
	ID   ID     `json:"id,omitempty"`
	PID  int    `json:"pid,omitempty"`
}

// addNetNS makes a namespace with a name, or with an id gives that one another name.
func (s *session) addNetNS(a netnsArgs) (opened, error) {
	if a.ID != 0 {
		return opened{a.ID}, s.server.spaces.attach(a.Name, a.ID)
	}
	id, err := s.server.spaces.create(a.Name)
	return opened{id}, err
}

func (s *session) delNetNS(a netnsArgs) (nothing, error) {
	err := s.server.spaces.unlink(a.Name, s.server.busy)
	s.server.sweep()
	return nothing{}, err
}

func (s *session) listNetNS(nothing) ([]NetNS, error) { return s.server.spaces.list(), nil }

func (s *session) findNetNS(a netnsArgs) (opened, error) {
	s.server.spaces.mu.Lock()
	defer s.server.spaces.mu.Unlock()
	sp, err := s.server.spaces.find(a.ID, a.Name)
	if err != nil {
		return opened{}, err
	}
	sp.known = true
	return opened{sp.id}, nil
}

// pids tells the processes in a namespace.
func (s *session) pids(a netnsArgs) ([]int, error) {
	o, err := s.findNetNS(a)
	if err != nil {
		return nil, err
	}
	out := []int{}
	for pid, id := range processes(s.server.path) {
		if id == o.NetNS {
			out = append(out, pid)
		}
	}
	slices.Sort(out)
	return out, nil
}

// netNSOf tells in which namespace a process is.
func (s *session) netNSOf(a netnsArgs) (opened, error) {
	id, ok := processes(s.server.path)[a.PID]
	if !ok {
		return opened{}, refuse(rpdb.ESRCH, "process %d", a.PID)
	}
	return opened{id}, nil
}

// sysctlArgs name a sysctl of a namespace, or for a list the folder that it lies in.
type sysctlArgs struct {
	NetNS ID     `json:"netns,omitempty"`
	Path  string `json:"path"`
	Value string `json:"value,omitempty"`
}

func (s *session) settings(id ID) (settings, error) {
	s.server.spaces.mu.Lock()
	defer s.server.spaces.mu.Unlock()
	sp, err := s.server.spaces.find(id, "")
	if err != nil {
		return nil, err
	}
	return settingsOf(sp.ns)
}

func (s *session) getSysctl(a sysctlArgs) (string, error) {
	t, err := s.settings(a.NetNS)
	if err != nil {
		return "", err
	}
	return t.Sysctl(a.Path)
}

func (s *session) setSysctl(a sysctlArgs) (nothing, error) {
	t, err := s.settings(a.NetNS)
	if err != nil {
		return nothing{}, err
	}
	return nothing{}, t.SetSysctl(a.Path, a.Value)
}

// Sysctl is one setting: its path below /proc/sys and its text, or why it has none.
type Sysctl struct {
	Path  string     `json:"path"`
	Value string     `json:"value"`
	Errno rpdb.Errno `json:"errno,omitempty"`
}

func (s *session) listSysctls(a sysctlArgs) ([]Sysctl, error) {
	t, err := s.settings(a.NetNS)
	if err != nil {
		return nil, err
	}
	out := []Sysctl{}
	for _, p := range t.Sysctls() {
		if !below(p, a.Path) {
			continue
		}
		v := Sysctl{Path: p}
		if v.Value, err = t.Sysctl(p); err != nil {
			v.Errno = asError(err).Errno
		}
		out = append(out, v)
	}
	return out, nil
}

// below tells whether a path is another one or lies below it.
func below(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (dir == "" || rest == "" || rest[0] == '/')
}

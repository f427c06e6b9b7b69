package lab

import (
	"encoding/json"
	"os"
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/rpdb"
)

// serveCalls answers control calls; the first frame has been read.
func (s *session) serveCalls(k wire.Kind) error {
	for {
		if k != wire.Call {
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
		"info":     handle((*session).info),
		"plug":     handle((*session).plug),
		"cable":    handle((*session).cable),
		"save":     handle((*session).save),
		"plan":     handle((*session).plan),
		"shutdown": handle((*session).shutdown),
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
	Hosts      []string  `json:"hosts,omitempty"` // see [Server.AddHost]
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
		Namespaces: len(srv.spaces.byID), Clients: len(srv.clients), Hosts: slices.Clone(srv.hosts),
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

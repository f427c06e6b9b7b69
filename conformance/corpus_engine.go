package conformance

import (
	"fmt"
	"strings"
	"sync"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// EngineDecider answers from the recorded states with rpdb: the states go through
// the readers of iproute2, the decision through Database.Walk, and the answer
// through the reply that a kernel would send and the printer of ip. It is safe for
// concurrent use and remembers the database of the latest state.
type EngineDecider struct {
	mu sync.Mutex
	c  *Case
	n  int
	db *rpdb.Database
}

// Name returns "engine".
func (*EngineDecider) Name() string { return "engine" }

// Decide implements [Decider].
func (e *EngineDecider) Decide(c *Case, n int, args []string) (Answer, error) {
	db, err := e.database(c, n)
	if err != nil {
		return Answer{}, err
	}
	links := iproute2.NewLinkTable(db.State().Links)
	get, err := iproute2.ParseGet(args, rpdb.Unspec, nil, links)
	if err != nil {
		return Answer{}, err
	}
	fillFlow(&get.Flow, get.Given)
	walk := db.Walk(&get.Flow)
	reply := rtnl.Expected(db, get.Flow, rtnl.GetOptions{FibMatch: get.FibMatch})
	a := Answer{Walk: FormatWalk(walk, links)}
	if reply.Err != rpdb.OK {
		a.Result = Result{Output: "RTNETLINK answers: " + reply.Err.Error(), Exit: 2}
		return a, nil
	}
	if get.Flow.IIF != 0 && get.Flow.Family() == rpdb.IPv4 && get.Given&rpdb.FieldUID != 0 {
		reply.UID = rpdb.Some(get.Flow.UID) // repeated, though it takes no part
	}
	o := iproute2.Options{Links: links}
	a.Output = trimLines(iproute2.FormatReply(&reply, &o))
	return a, nil
}

// fillFlow gives the fields that were not asked for the value that ip and the
// kernel put there, with root as the asker.
func fillFlow(f *rpdb.Flow, given rpdb.Fields) {
	if f.Family() == rpdb.IPv4 && given&rpdb.FieldIPProto == 0 {
		f.IPProto = rpdb.ProtoUDP
	}
	if f.Family() == rpdb.IPv6 && f.IIF != 0 && given&rpdb.FieldUID == 0 {
		f.UID = rpdb.InvalidUID
	}
}

// database returns the database of a recorded state.
func (e *EngineDecider) database(c *Case, n int) (*rpdb.Database, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.c == c && e.n == n {
		return e.db, nil
	}
	st, err := c.ReadState(n)
	if err != nil {
		return nil, err
	}
	db, err := st.Build()
	if err != nil {
		return nil, err
	}
	e.c, e.n, e.db = c, n, db
	return db, nil
}

// ReadState reads the recorded state n. A line that is not understood is an error.
func (c *Case) ReadState(n int) (*rpdb.State, error) {
	r := iproute2.NewTextReader()
	facts := ""
	for _, s := range c.State(n) {
		if s.Command == settings {
			facts = s.Text
			continue
		}
		if err := r.Read(strings.NewReader(s.Text), &iproute2.ReadOptions{Command: s.Command}); err != nil {
			return nil, fmt.Errorf("%s: state %d: %s: %w", c.Name, n, s.Command, err)
		}
	}
	text := r.State()
	for _, p := range text.Problems {
		return nil, fmt.Errorf("%s: state %d: %s", c.Name, n, p)
	}
	st := &rpdb.State{
		Rules: text.Rules, Routes: text.Routes, NextHops: text.NextHops,
		Links: text.Links, Addrs: text.Addrs, Neighs: text.Neighs,
		Kernel: rpdb.Kernel{Release: c.Kernel},
	}
	switch c.Family {
	case 4:
		st.Rules = append(st.Rules, rpdb.DefaultRules(rpdb.IPv6)...)
	case 6:
		st.Rules = append(st.Rules, rpdb.DefaultRules(rpdb.IPv4)...)
	}
	if err := parseSettings(facts, st); err != nil {
		return nil, fmt.Errorf("%s: state %d: %w", c.Name, n, err)
	}
	return st, nil
}

// FillWalks writes the walk of the engine below each query that it answers as the
// case has it, and fails where it does not.
func FillWalks(c *Case) error {
	engine := &EngineDecider{}
	for i := range c.Steps {
		s := &c.Steps[i]
		args, ok := QueryArgs(s.Text)
		if !ok || s.State == 0 || s.Beyond != "" {
			continue
		}
		a, err := engine.Decide(c, s.State, args)
		if err != nil {
			return err
		}
		if diff := diffText(s.Result.String(), a.Result.String()); diff != "" {
			return fmt.Errorf("%s:%d: $ %s: the engine answers otherwise:\n%s", c.Name, s.Line, s.Text, diff)
		}
		s.Walk = a.Walk
	}
	return nil
}

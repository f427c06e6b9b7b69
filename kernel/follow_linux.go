package kernel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// followBuffer is the room for notifications that were not read yet.
const followBuffer = 8 << 20

// A Follower keeps up with a namespace. A *fib.Live is one.
type Follower interface {
	// Replace takes a whole state.
	Replace(*rpdb.State) error
	// Apply takes one change. ok is false if it cannot; then the state is read anew.
	Apply(*rpdb.Change) (ok bool, err error)
}

// Follow keeps a follower at the state of the namespace: it hands over the state, then
// each change that the kernel tells of, until ctx ends or the follower fails; it
// returns their error. Where a change says too little of its consequences, or changes
// were lost, the state is read anew, which costs what [Conn.State] does. A sysctl of
// which the kernel tells nothing is not noticed until then. The Conn must not be used
// by others meanwhile.
func (c *Conn) Follow(ctx context.Context, f Follower) error {
	w, err := c.watch(watchGroups)
	if err != nil {
		return err
	}
	defer func() { _ = w.nl.Close() }()
	_ = w.nl.SetReadBuffer(followBuffer)
	defer context.AfterFunc(ctx, func() { _ = w.nl.SetReadDeadline(time.Unix(1, 0)) })()
	for {
		if err := c.reread(w, f); err != nil {
			return err
		}
		for again := false; !again; {
			if again, err = w.pass(f); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return err
			}
		}
	}
}

// reread hands over the present state. Changes that came while it was read may be in
// it; if they do not end, the first that is in it already leads to another reading.
func (c *Conn) reread(w *watcher, f Follower) error {
	for n := 0; ; n++ {
		if err := w.drain(); err != nil {
			return err
		}
		st, err := c.State(nil)
		if err != nil {
			return err
		}
		if n+1 < maxReadings && w.pending() {
			continue
		}
		return f.Replace(st)
	}
}

// pass waits for notifications and hands them over. again tells that the state must
// be read.
func (w *watcher) pass(f Follower) (again bool, err error) {
	ms, err := w.nl.Receive()
	if errors.Is(err, unix.ENOBUFS) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("watching for changes: %w", err)
	}
	for _, m := range ms {
		change, err := rtnl.ParseChange(m)
		if err != nil {
			return true, nil
		}
		if ok, err := f.Apply(&change); err != nil || !ok {
			return true, err
		}
	}
	return false, nil
}

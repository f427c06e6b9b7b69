package tcpdump

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

// Queue is a tap's buffer between a host, which must not wait, and the command: a
// [Packets] that is filled by Put. What comes while it is full is counted and lost, as
// in the kernel's socket buffer.
type Queue struct {
	ctx     context.Context
	packets chan capture.Packet
	done    chan struct{}
	once    sync.Once
	untap   func()
	dropped atomic.Int64
}

// NewQueue returns a queue for as many packets as capacity, which ends with the context.
// Close calls untap once.
func NewQueue(ctx context.Context, capacity int, untap func()) *Queue {
	return &Queue{ctx: ctx, packets: make(chan capture.Packet, capacity), done: make(chan struct{}), untap: untap}
}

// Put adds a packet, whose bytes must not change any more. It never waits, and any
// goroutine may call it, also after Close.
func (q *Queue) Put(p capture.Packet) {
	select {
	case q.packets <- p:
	default:
		q.dropped.Add(1)
	}
}

// Next implements [Packets]. Packets that are there come before the end.
func (q *Queue) Next() (capture.Packet, error) {
	select {
	case p := <-q.packets:
		return p, nil
	default:
	}
	select {
	case p := <-q.packets:
		return p, nil
	case <-q.ctx.Done():
		return capture.Packet{}, q.ctx.Err()
	case <-q.done:
		return capture.Packet{}, io.EOF
	}
}

// Dropped implements [Packets].
func (q *Queue) Dropped() int { return int(q.dropped.Load()) }

// Close implements [Packets]. A host closes the queue when the interface goes away.
func (q *Queue) Close() error {
	q.once.Do(func() {
		close(q.done)
		if q.untap != nil {
			q.untap()
		}
	})
	return nil
}

package tcpdump

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

func TestQueue(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	closed := 0
	q := NewQueue(ctx, 2, func() { closed++ })
	for i := range 5 {
		q.Put(capture.Packet{Length: i})
	}
	if q.Dropped() != 3 {
		t.Errorf("%d dropped, want 3", q.Dropped())
	}
	cancel()
	for i := range 2 {
		if p, err := q.Next(); err != nil || p.Length != i {
			t.Errorf("packet %d: %d, %v", i, p.Length, err)
		}
	}
	if _, err := q.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	for range 2 {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}
	if closed != 1 {
		t.Errorf("untapped %d times", closed)
	}
}

func TestQueueEndsWhileWaiting(t *testing.T) {
	q := NewQueue(context.Background(), 1, nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := q.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want io.EOF", err)
		}
	})
	wg.Go(func() { q.Close() })
	wg.Wait()
	q.Put(capture.Packet{Time: time.Now()})
}

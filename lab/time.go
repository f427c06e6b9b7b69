package lab

import (
	"context"
	"time"
)

// StandStill makes the clock of the world virtual: from now on it stands while anything
// happens in the world, and jumps to the next thing that waits for time when nothing
// does.
func (s *Server) StandStill() {
	s.clock.stand()
	s.engine.Changed()
}

// Now tells the time by the clock of the world.
func (s *Server) Now() time.Time { return s.clock.Now() }

// Sleep waits for a time by the clock of the world.
func (s *Server) Sleep(ctx context.Context, d time.Duration) error {
	passed := make(chan struct{})
	stop := s.engine.AfterFunc(d, func() { close(passed) })
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		stop()
		return ctx.Err()
	case <-s.done:
		return ErrClosed
	}
}

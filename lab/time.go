package lab

import (
	"context"
	"time"
)

// StandStill makes the clock of the world virtual: from now on it stands, but for
// [Server.Sleep].
func (s *Server) StandStill() { s.clock.stand() }

// Now tells the time by the clock of the world.
func (s *Server) Now() time.Time { return s.clock.Now() }

// Sleep waits for a time by the clock of the world and does what it brings about. A
// virtual clock jumps: from one thing that is due to the next.
func (s *Server) Sleep(ctx context.Context, d time.Duration) error {
	if !s.clock.stands() {
		select {
		case <-time.After(d):
			s.spaces.world.Work()
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	end := s.clock.Now().Add(d)
	for ctx.Err() == nil {
		next := s.spaces.world.Work()
		if next.IsZero() || !next.Before(end) {
			break
		}
		if now := s.clock.Now(); next.After(now) {
			s.clock.elapse(next.Sub(s.clock.born))
		} else { // due and not done: do not stand here for ever
			s.clock.elapse(now.Add(time.Millisecond).Sub(s.clock.born))
		}
	}
	s.clock.elapse(end.Sub(s.clock.born))
	s.spaces.world.Work()
	return ctx.Err()
}

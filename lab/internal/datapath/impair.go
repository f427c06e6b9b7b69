package datapath

import (
	"math/rand/v2"
	"time"
)

// Impairment is what a cable does to the frames that go one way through it, as netem
// does. The zero value is a perfect cable.
type Impairment struct {
	Loss      float64       // share of frames that are lost, 0 to 1
	Duplicate float64       // share of frames that come twice
	Reorder   float64       // share of frames that do not wait for the delay
	Corrupt   float64       // share of frames of which one bit is flipped
	Delay     time.Duration // that every frame takes
	Jitter    time.Duration // by which the delay differs at most, either way
	Rate      int64         // bits a second, 0: no limit
	Limit     int           // frames that wait at most; 0: 1000
	Seed      uint64        // of the dice
}

// impairment is an Impairment at work on the sending end of a cable.
type impairment struct {
	Impairment
	dice   *rand.Rand
	free   time.Time // when the cable has sent what waits
	last   time.Time // when the frame before arrives
	queued int
}

// defaultLimit is how many frames wait at most, as in netem.
const defaultLimit = 1000

// Impair has the cable behind a veth device do something to what the device sends; nil
// makes it perfect again. It reports whether there is such a device.
func (h *Host) Impair(index int, i *Impairment) (ok bool) {
	h.e.Do(func() {
		l := h.linkOf(index)
		if l == nil || l.dev.Kind != "veth" {
			return
		}
		ok, l.egress = true, nil
		if i != nil {
			l.egress = &impairment{Impairment: *i, dice: rand.New(rand.NewPCG(i.Seed, l.id))}
		}
	})
	return ok
}

// pass sends a frame through the cable.
func (i *impairment) pass(l *link, p *packet) {
	if i.chance(i.Loss) {
		l.e.free(p)
		return
	}
	if i.chance(i.Duplicate) {
		i.carry(l, l.e.clone(p))
	}
	if i.chance(i.Corrupt) {
		b := p.data()
		b[i.dice.IntN(len(b))] ^= 1 << i.dice.IntN(8)
	}
	i.carry(l, p)
}

func (i *impairment) chance(share float64) bool { return share > 0 && i.dice.Float64() < share }

// carry has a frame arrive when the rate and the delay let it.
func (i *impairment) carry(l *link, p *packet) {
	limit := i.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if i.queued >= limit {
		l.e.free(p)
		return
	}
	now := l.e.clock.Now()
	at := now
	if i.Rate > 0 {
		if i.free.Before(now) {
			i.free = now
		}
		i.free = i.free.Add(time.Duration(float64(len(p.data())*8) / float64(i.Rate) * float64(time.Second)))
		at = i.free
	}
	if !i.chance(i.Reorder) {
		at = at.Add(i.delay())
		if i.Jitter == 0 && at.Before(i.last) {
			at = i.last
		}
		i.last = at
	}
	wait := at.Sub(now)
	if wait <= 0 {
		l.cross(p)
		return
	}
	i.queued++
	l.e.after(wait, func() {
		i.queued--
		if l.host == nil {
			l.e.free(p)
			return
		}
		if l.host.now(); l.host == nil || !l.dev.Carrier { // the cable was pulled out meanwhile
			l.e.free(p)
			return
		}
		l.cross(p)
	})
}

func (i *impairment) delay() time.Duration {
	d := i.Delay
	if i.Jitter > 0 {
		d += time.Duration((i.dice.Float64()*2 - 1) * float64(i.Jitter))
	}
	return max(d, 0)
}

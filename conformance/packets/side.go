package packets

import (
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// side is a topology that is built: in the kernel or in a lab.
type side interface {
	// build tells the hosts the steps, and returns why some were refused.
	build(steps []Step) (refused map[int]string, err error)
	// ready waits until what was built is at rest, and forgets the frames so far.
	ready() error
	// send sends a probe; the error is the sender's.
	send(p *Probe) (rpdb.Errno, error)
	// frames adds the frames that came since the last call.
	frames(to []Frame) ([]Frame, error)
	close() error
}

// pace is how long a run waits.
type pace struct {
	// calm is how long no frame may come before a probe counts as done.
	calm time.Duration
	// asked is that time while a neighbour has not answered.
	asked time.Duration
}

// retransTime is how often hosts ask for a neighbour, in milliseconds.
const retransTime = 16

var (
	quick   = pace{700 * time.Microsecond, 70 * time.Millisecond}
	patient = pace{25 * time.Millisecond, 150 * time.Millisecond}
)

// result is what came of a probe: the sender's error, and the frames by their place.
type result struct {
	errno  rpdb.Errno
	frames map[string][]Frame
}

// exchange sends a probe on all sides and collects the frames.
func exchange(sides []side, p *Probe, pc pace) ([]result, error) {
	out := make([]result, len(sides))
	all := make([][]Frame, len(sides))
	for i, s := range sides {
		errno, err := s.send(p)
		if err != nil {
			return nil, err
		}
		out[i].errno = errno
	}
	for last := time.Now(); ; {
		limit := pc.calm
		for i, s := range sides {
			n := len(all[i])
			var err error
			if all[i], err = s.frames(all[i]); err != nil {
				return nil, err
			}
			if len(all[i]) > n {
				last = time.Now()
			}
			if unanswered(all[i]) {
				limit = pc.asked
			}
		}
		left := limit - time.Since(last)
		if left <= 0 {
			break
		}
		time.Sleep(min(left, 500*time.Microsecond))
	}
	for i := range all {
		out[i].frames = map[string][]Frame{}
		for _, f := range all[i] {
			out[i].frames[f.place()] = append(out[i].frames[f.place()], f)
		}
	}
	return out, nil
}

// unanswered reports whether a neighbour was asked for that has not answered.
func unanswered(frames []Frame) bool {
	type key struct{ device, target string }
	asked := map[key]bool{}
	for _, f := range frames {
		if len(f.Data) < etherLen {
			continue
		}
		b := f.Data[etherLen:]
		switch typ := be.Uint16(f.Data[12:]); {
		case typ == typeARP && len(b) >= 28 && b[7] == 1 && f.Out:
			asked[key{f.Device, string(b[24:28])}] = true
		case typ == typeARP && len(b) >= 28 && b[7] == 2 && !f.Out:
			delete(asked, key{f.Device, string(b[14:18])})
		case typ == typeIPv6 && len(b) >= ip6Len+24 && b[6] == protoICMPv6 && b[ip6Len] == 135 && f.Out:
			asked[key{f.Device, string(b[ip6Len+8 : ip6Len+24])}] = true
		case typ == typeIPv6 && len(b) >= ip6Len+24 && b[6] == protoICMPv6 && b[ip6Len] == 136 && !f.Out:
			delete(asked, key{f.Device, string(b[ip6Len+8 : ip6Len+24])})
		}
	}
	return len(asked) > 0
}

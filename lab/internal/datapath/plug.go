package datapath

import "fmt"

// Plug plugs something into a network card of the host: out gets the frames that the
// card sends, on the event loop, and must neither keep nor change them; what is given to
// in arrives at the card. unplug ends it.
func (h *Host) Plug(index int, out func(frame []byte)) (in func(frame []byte), unplug func(), err error) {
	var l *link
	h.e.Do(func() {
		if l = h.linkOf(index); l == nil || l.dev.Kind != "" || l.dev.IsLoopback() || l.out != nil {
			l = nil
			return
		}
		l.out = out
	})
	if l == nil {
		return nil, nil, fmt.Errorf("device %d is no network card, or something is plugged into it", index)
	}
	in = func(frame []byte) {
		b := make([]byte, headroom+len(frame))
		copy(b[headroom:], frame)
		p := &packet{buf: b, off: headroom, net: headroom}
		h.e.send(job{f: func() { h.e.arrive(h.e.find(l.id), p) }})
	}
	return in, func() { h.e.Do(func() { l.out = nil }) }, nil
}

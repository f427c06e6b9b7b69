package datapath

import (
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Direction is whether a device sends or receives a frame.
type Direction uint8

// The directions.
const (
	In Direction = iota
	Out
)

// LinkType is what a frame begins with.
type LinkType uint8

// The link types.
const (
	Ethernet LinkType = iota
	RawIP
)

// Frame is a frame that a tap sees.
type Frame struct {
	Time      time.Time
	Host      *Host
	View      *netns.View
	Device    *netns.Device
	Direction Direction
	LinkType  LinkType
	Data      []byte // the tap's own
	Kind      uint8  // of what arrives: 0 for this host, 1 broadcast, 2 multicast, 3 for another
	// Decision is where the packet was sent to; nil: the decision is not made yet, or is
	// none of this host's.
	Decision *rpdb.Decision
	// Comment is the decision in one line, if the engine's configuration makes one.
	Comment string
}

// Tap sees the frames of a host's devices, or of one (struct packet_type).
type Tap struct {
	host   *Host
	device uint64 // 0: all
	f      func(Frame)
}

// Tap has f called, on the event loop, for each frame that a device of the host sends or
// receives; with an ifindex that is not 0, that device alone. f must not wait. close
// ends it.
func (h *Host) Tap(index int, f func(Frame)) (close func()) {
	t := &Tap{host: h, f: f}
	h.e.Do(func() {
		if l := h.linkOf(index); l != nil {
			t.device = l.id
			l.taps = append(l.taps, t)
			return
		}
		h.taps = append(h.taps, t)
	})
	return func() {
		h.e.Do(func() {
			mine := func(x *Tap) bool { return x == t }
			h.taps = slices.DeleteFunc(h.taps, mine)
			if l := h.e.links[t.device]; l != nil {
				l.taps = slices.DeleteFunc(l.taps, mine)
			}
		})
	}
}

// tap shows a frame to the taps (dev_queue_xmit_nit, deliver_skb). On lo what is sent is
// not shown: it is received at once.
func (l *link) tap(p *packet, dir Direction) {
	if len(l.taps) == 0 && len(l.host.taps) == 0 {
		return
	}
	f := Frame{
		Time: l.e.clock.Now(), Host: l.host, View: l.host.view, Device: l.dev, Direction: dir,
		LinkType: RawIP, Data: slices.Clone(p.data()), Kind: uint8(p.kind),
	}
	switch {
	case l.ether():
		f.LinkType = Ethernet
		if dir == In {
			f.Kind = uint8(l.kindOf(f.Data))
		}
	case l.dev.IsLoopback():
		f.LinkType = Ethernet
		header := make([]byte, etherLen, etherLen+len(f.Data))
		put16(header[12:], protoOf(f.Data))
		f.Data = append(header, f.Data...)
	}
	if p.routed {
		d := p.d
		f.Decision = &d
	}
	if c := l.e.config.Comment; c != nil {
		f.Comment = c(&f)
	}
	for _, t := range l.taps {
		t.f(f)
	}
	for _, t := range l.host.taps {
		t.f(f)
	}
}

func (l *link) kindOf(frame []byte) frameKind {
	if len(frame) < etherLen {
		return toHost
	}
	switch dst := frame[:6]; {
	case string(dst) == string(l.dev.Address):
		return toHost
	case dst[0]&1 == 0:
		return toOther
	case string(dst) == string(l.dev.Broadcast):
		return toBroadcast
	}
	return toMulticast
}

// Flow is what rules see of the packet in the frame; false if it is none of IP.
func (f *Frame) Flow() (rpdb.Flow, bool) {
	b := f.Data
	if f.LinkType == Ethernet {
		if len(b) < etherLen {
			return rpdb.Flow{}, false
		}
		proto := be16(b[12:])
		b = b[etherLen:]
		if proto == proto8021Q && len(b) >= tagLen {
			proto, b = be16(b[2:]), b[tagLen:]
		}
		if proto != protoIPv4 && proto != protoIPv6 {
			return rpdb.Flow{}, false
		}
	}
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && ihl4(b) >= 20 && ihl4(b) <= len(b):
		return flowOf4(b), true
	case len(b) >= ip6Len && b[0]>>4 == 6:
		return flowOf6(b), true
	}
	return rpdb.Flow{}, false
}

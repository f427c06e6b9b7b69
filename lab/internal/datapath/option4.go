package datapath

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// IPv4 options, and the flags of the one for timestamps.
const (
	opt4End         = 0
	opt4Noop        = 1
	opt4Record      = 7
	opt4Timestamp   = 68
	opt4LooseRoute  = 131
	opt4StrictRoute = 137
	opt4Alert       = 148

	stampTime      = 0
	stampAddr      = 1
	stampPrescribe = 3
)

// options4 is where the options of a packet stand in its header, 0 for none, and what is
// still to be written into them (struct ip_options).
type options4 struct {
	record, stamp, route                  uint8
	recordAddr, stampAddr, stampTime, any bool
}

// timestamp4 is a time as ICMP and options have it (inet_current_timestamp).
func timestamp4(t time.Time) uint32 {
	t = t.UTC()
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return uint32(t.Sub(midnight).Milliseconds())
}

// receiveOptions4 reads the options of a packet that arrived and writes into them what this
// host adds (ip_rcv_options). It reports whether the packet may go on: routes that the sender
// chose are not followed (accept_source_route).
func (h *Host) receiveOptions4(p *packet) bool {
	if at := h.compile4(p); at != 0 {
		h.error4(p, icmpParameter, 0, uint32(at)<<24)
		return false
	}
	return p.opt4.route == 0
}

// compile4 is __ip_options_compile. It returns where in the header the first error is, 0 if
// there is none.
func (h *Host) compile4(p *packet) (bad int) {
	b := p.data()
	p.opt4 = options4{any: true}
	for at, end := 20, ihl4(b); at < end; {
		o := b[at:end]
		switch o[0] {
		case opt4End:
			clear(o)
			return 0
		case opt4Noop:
			at++
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return at
		}
		o = o[:o[1]]
		wrong, place := -1, (*uint8)(nil)
		switch o[0] {
		case opt4LooseRoute, opt4StrictRoute:
			wrong, place = pointer4(o, 3, 4, p.opt4.route), &p.opt4.route
		case opt4Record:
			wrong, place = h.record4(p, o), &p.opt4.record
		case opt4Timestamp:
			wrong, place = h.stamp4(p, o), &p.opt4.stamp
		case opt4Alert:
			if len(o) < 4 {
				wrong = 1
			}
		}
		if wrong >= 0 {
			return at + wrong
		}
		if place != nil {
			*place = uint8(at)
		}
		at += len(o)
	}
	return 0
}

// pointer4 checks the length and the pointer of an option, and that there was none before. It
// returns which byte of it is wrong, -1 for none.
func pointer4(o []byte, length int, least byte, before uint8) int {
	switch {
	case before != 0:
		return 0
	case len(o) < length:
		return 1
	case o[2] < least:
		return 2
	}
	return -1
}

func (h *Host) record4(p *packet, o []byte) (wrong int) {
	if wrong = pointer4(o, 3, 4, p.opt4.record); wrong >= 0 || int(o[2]) > len(o) {
		return wrong
	}
	if int(o[2])+3 > len(o) {
		return 2
	}
	put4(o[o[2]-1:], h.specificDst4(p))
	o[2] += 4
	p.opt4.recordAddr = true
	return -1
}

func (h *Host) stamp4(p *packet, o []byte) (wrong int) {
	if wrong = pointer4(o, 4, 5, p.opt4.stamp); wrong >= 0 {
		return wrong
	}
	kind, at := o[3]&15, int(o[2])
	if at > len(o) {
		if kind != stampPrescribe {
			if o[3]>>4 == 15 {
				return 3
			}
			o[3] += 16 // one more host that found no room
		}
		return -1
	}
	if at+3 > len(o) || (kind == stampAddr || kind == stampPrescribe) && at+7 > len(o) {
		return 2
	}
	switch kind {
	case stampTime:
		put32(o[at-1:], timestamp4(h.e.clock.Now()))
		o[2] += 4
	case stampAddr:
		put4(o[at-1:], h.specificDst4(p))
		put32(o[at+3:], timestamp4(h.e.clock.Now()))
		p.opt4.stampAddr = true
		o[2] += 8
	case stampPrescribe:
		if h.ns.AddrType(netip.AddrFrom4([4]byte(o[at-1:])), 0) == rpdb.Unicast {
			return -1
		}
		put32(o[at+3:], timestamp4(h.e.clock.Now()))
		o[2] += 8
	default:
		return -1
	}
	p.opt4.stampTime = true
	return -1
}

func put4(b []byte, a netip.Addr) {
	if a.Is4() {
		x := a.As4()
		copy(b, x[:])
	} else {
		clear(b[:4])
	}
}

// specificDst4 is this host's address as the sender of a packet would have it
// (fib_compute_spec_dst).
func (h *Host) specificDst4(p *packet) netip.Addr {
	b := p.data()
	if p.d.Flags&(rpdb.FlagBroadcast|rpdb.FlagMulticast|rpdb.FlagLocal) == rpdb.FlagLocal {
		return dst4(b)
	}
	if src := src4(b); src.As4()[0] != 0 {
		f := rpdb.Flow{Dst: src, TOS: b[1]}
		if p.in.dev.IsVRF() {
			f.OIF = p.in.dev.Index
		}
		if d := h.lookup(f); d.Err == rpdb.OK {
			return d.Src
		}
	}
	return h.view.Database.SourceOn(p.real.dev.Index, src4(b), rpdb.ScopeGlobal)
}

// forwardOptions4 writes the address that a packet leaves with into the route that it
// records (ip_forward_options). Timestamps keep the one that it arrived at.
func (h *Host) forwardOptions4(p *packet) {
	b, o := p.data(), p.opt4
	if !o.any {
		return
	}
	if o.recordAddr {
		f := rpdb.Flow{Dst: dst4(b), OIF: p.d.OIF, TOS: b[1], Mark: p.mark}
		x := b[o.record:]
		put4(x[x[2]-5:], h.lookup(f).Src)
	}
	sealIP4(b)
}

// echoOptions4 makes the options of an answer to a packet (__ip_options_echo,
// ip_options_build); from is the source of the answer. The answer is not sent if they are not
// ok.
func (h *Host) echoOptions4(p *packet, from netip.Addr) (opts []byte, ok bool) {
	if !p.opt4.any {
		return nil, true
	}
	b := p.ip()
	if at := p.opt4.record; at != 0 {
		o := slices.Clone(b[at : at+b[at+1]])
		if p.opt4.recordAddr && int(o[2]) <= len(o) {
			if int(o[2])+3 > len(o) {
				return nil, false
			}
			o[2] += 4
			put4(o[o[2]-5:], from)
		}
		opts = append(opts, o...)
	}
	if at := p.opt4.stamp; at != 0 {
		o := slices.Clone(b[at : at+b[at+1]])
		if int(o[2]) <= len(o) && !h.echoStamp4(p, o, from) {
			return nil, false
		}
		opts = append(opts, o...)
	}
	for len(opts)%4 != 0 {
		opts = append(opts, opt4End)
	}
	return opts, true
}

// echoStamp4 writes address and time into the timestamps of an answer.
func (h *Host) echoStamp4(p *packet, o []byte, from netip.Addr) bool {
	at := int(o[2])
	if p.opt4.stampAddr {
		if at+3 > len(o) {
			return false
		}
		at += 4
	}
	needsTime := false
	if p.opt4.stampTime {
		switch {
		case at+3 > len(o):
			return false
		case o[3]&15 != stampPrescribe:
			needsTime = true
			at += 4
		case at+7 <= len(o) && h.ns.AddrType(netip.AddrFrom4([4]byte(o[at-1:])), 0) != rpdb.Unicast:
			needsTime = true
			at += 8
		}
	}
	o[2] = byte(at)
	if p.opt4.stampAddr {
		put4(o[at-9:], from)
	}
	if needsTime {
		put32(o[at-5:], timestamp4(h.e.clock.Now()))
	}
	return true
}

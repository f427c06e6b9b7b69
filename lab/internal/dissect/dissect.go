// Package dissect writes captured packets as text, word for word as tcpdump 4.99
// does for the protocols that a lab's hosts speak. docs/lab.md names the
// protocols that tcpdump decodes further than this package.
//
// The layers of a packet are methods of one dissector, a file for each protocol.
// Each takes the bytes that were captured of its layer and the length that the
// layer has on the wire: a method that reads past the captured bytes ends the
// packet with the mark of a truncated protocol, such as [|tcp].
package dissect

import (
	"fmt"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/netdb"
)

// Dump says which bytes of a packet are shown after its text.
type Dump int

// The dumps: none, the bytes after the link header, all bytes.
const (
	NoDump Dump = iota
	DumpPayload
	DumpAll
)

// Stamp is the form of the time in front of a packet.
type Stamp int

// The forms, by the number of tcpdump's options -t.
const (
	Clock      Stamp = iota // 12:00:00.000000, local time
	NoStamp                 // -t
	UnixTime                // -tt: seconds since 1970
	SinceLast               // -ttt: since the packet before
	Date                    // -tttt: 2026-01-02 12:00:00.000000, local time
	SinceFirst              // -ttttt: since the first packet
)

// Options choose what is shown. The zero value is tcpdump's without options,
// except that no names are looked up: see Names.
type Options struct {
	Names       *netdb.Names // in place of addresses and numbers; nil as with -n
	Verbose     int          // how many -v
	LinkHeader  bool         // -e
	Quiet       bool         // -q
	AbsoluteSeq bool         // -S
	Number      bool         // -#
	NoChecksums bool         // -K
	Stamp       Stamp
	Nanoseconds bool
	Location    *time.Location         // for local times; nil is time.Local
	Hex         Dump                   // -x, -xx
	HexASCII    Dump                   // -X, -XX; wins over Hex and ASCII
	ASCII       Dump                   // -A, -AA
	InterfaceOf func(index int) string // names of interfaces that packets do not tell; nil knows none
}

// Printer writes packets. It remembers the connections that it saw, for relative
// sequence numbers, and the times. A Printer is for one goroutine.
type Printer struct {
	options     Options
	connections map[connection]*startSeq
	reference   time.Time
	count       int
}

// New returns a printer.
func New(o Options) *Printer {
	if o.Location == nil {
		o.Location = time.Local
	}
	return &Printer{options: o, connections: make(map[connection]*startSeq)}
}

// truncated ends a packet whose captured bytes are too few.
type truncated struct{}

// dissector is the state of one packet's text.
type dissector struct {
	*Printer
	out        []byte
	proto      string // the layer that is being written, for [|proto]
	linkLength int    // the length of the link header, which a dump leaves out
	iface      capture.Interface
}

// Append appends the text of a packet and a newline to dst.
func (p *Printer) Append(dst []byte, pkt *capture.Packet) []byte {
	p.count++
	d := dissector{Printer: p, out: dst, iface: pkt.Interface}
	if p.options.Number {
		d.f("%5d  ", p.count)
	}
	if d.invalid(pkt) {
		return append(d.out, '\n')
	}
	d.stamp(pkt.Time)
	d.packet(pkt)
	d.dump(pkt.Data)
	return append(d.out, '\n')
}

// invalid writes what is wrong with the lengths of a packet, and says whether
// anything is.
func (d *dissector) invalid(pkt *capture.Packet) bool {
	const maxSnap = 262144
	n, captured := pkt.Length, len(pkt.Data)
	sep := "[Invalid header:"
	say := func(format string, args ...any) {
		d.s(sep)
		d.f(format, args...)
		sep = ","
	}
	if captured == 0 {
		d.s("[Invalid header: caplen==0")
		sep = ","
	}
	if n == 0 {
		say(" len==0")
	} else if n < captured {
		say(" len(%d) < caplen(%d)", n, captured)
	}
	if captured > maxSnap {
		say(" caplen(%d) > %d", captured, maxSnap)
	}
	if n > maxSnap {
		say(" len(%d) > %d", n, maxSnap)
	}
	if sep == "," {
		d.s("]")
		return true
	}
	return false
}

// packet writes the layers.
func (d *dissector) packet(pkt *capture.Packet) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case truncated:
			d.trunc()
			d.linkLength = 0
		default:
			panic(r)
		}
	}()
	switch pkt.LinkType {
	case capture.Ethernet:
		d.proto = "ether"
		d.linkLength = d.ether(pkt.Data, pkt.Length)
	case capture.Raw:
		d.raw(pkt.Data, pkt.Length)
	case capture.LinuxSLL:
		d.linkLength = d.cooked1(pkt.Data, pkt.Length)
	case capture.LinuxSLL2:
		d.linkLength = d.cooked2(pkt.Data, pkt.Length)
	default:
		d.f("link type %d", pkt.LinkType)
		d.opaque(pkt.Data)
	}
}

// f appends formatted text.
func (d *dissector) f(format string, args ...any) { d.out = fmt.Appendf(d.out, format, args...) }

// s appends text.
func (d *dissector) s(text string) { d.out = append(d.out, text...) }

// trunc marks the present layer as truncated.
func (d *dissector) trunc() { d.s(" [|" + d.proto + "]") }

// bad marks the present layer as invalid.
func (d *dissector) bad() { d.s(" (invalid)") }

// stamp writes the time of a packet (ts_print).
func (d *dissector) stamp(t time.Time) {
	o := &d.options
	switch o.Stamp {
	case NoStamp:
	case UnixTime:
		d.f("%d%s ", t.Unix(), d.fraction(t.Nanosecond()))
	case SinceLast, SinceFirst:
		if !o.Nanoseconds {
			t = t.Truncate(time.Microsecond)
		}
		if d.reference.IsZero() {
			d.reference = t
		}
		since, sign := t.Sub(d.reference), " "
		if since < 0 {
			since, sign = -since, "-"
		}
		d.s(sign + time.Unix(0, 0).UTC().Add(since).Format("15:04:05") + d.fraction(int(since%time.Second)) + " ")
		if o.Stamp == SinceLast {
			d.reference = t
		}
	case Date:
		d.s(t.In(o.Location).Format(time.DateTime) + d.fraction(t.Nanosecond()) + " ")
	default:
		d.s(t.In(o.Location).Format(time.TimeOnly) + d.fraction(t.Nanosecond()) + " ")
	}
}

func (d *dissector) fraction(ns int) string {
	if d.options.Nanoseconds {
		return fmt.Sprintf(".%09d", ns)
	}
	return fmt.Sprintf(".%06d", ns/1000)
}

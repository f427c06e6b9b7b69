package rtnl

import (
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Capture is the state of a network namespace as its kernel told it: the messages
// themselves, and what netlink does not tell. Nothing is lost in it.
type Capture struct {
	// Dumps holds the messages of each kind one after the other, header and body,
	// as they came. A kind without an entry was not asked for.
	Dumps map[Kind][]byte

	Sysctls rpdb.Sysctls
	Kernel  rpdb.Kernel
	Facts   rpdb.Facts
	Host    string    // host name
	Time    time.Time // when the capture was complete
	// Missing lists what was not read beside the absent dumps.
	Missing rpdb.Parts
	// Notes tell what a reader should know, such as a change during the reading.
	Notes []string
}

// Collect reads everything that netlink tells, keeping the messages. A dump during
// which the state changed is repeated up to ten times. The progress function may be
// nil; it is called from the same goroutine.
func Collect(t Transport, progress func(Progress)) (*Capture, error) {
	keep := &keeper{c: &Capture{Dumps: make(map[Kind][]byte)}}
	col := collector{t: t, to: keep, progress: progress}
	if err := col.run(); err != nil {
		return nil, err
	}
	s, err := keep.c.State()
	if err != nil {
		return nil, err
	}
	keep.c.Facts, err = Probe(t, s)
	keep.c.Missing = rpdb.PartSysctls
	keep.c.Time = time.Now()
	return keep.c, err
}

// keeper is the sink that keeps messages.
type keeper struct {
	c         *Capture
	resilient []uint32
}

func (k *keeper) begin(kind Kind) {
	k.c.Dumps[kind] = []byte{}
	if kind == NextHops {
		k.resilient = nil
	}
}

func (k *keeper) add(kind Kind, m netlink.Message) error {
	k.c.Dumps[kind] = AppendMessage(k.c.Dumps[kind], m)
	if kind == NextHops {
		nh, err := ParseNextHop(m)
		if err != nil {
			return err
		}
		if nh.Resilient != nil {
			k.resilient = append(k.resilient, nh.ID)
		}
	}
	return nil
}

func (k *keeper) groups() []uint32 { return k.resilient }

// State reads the messages of the capture.
func (c *Capture) State() (*rpdb.State, error) {
	b := newBuilder()
	for _, k := range Kinds {
		dump, ok := c.Dumps[k]
		if !ok {
			b.state.Missing |= k.Parts()
			continue
		}
		b.begin(k)
		for m, err := range Messages(dump) {
			if err == nil && wanted(k, m) {
				err = b.add(k, m)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
		}
	}
	s := b.done()
	s.Sysctls, s.Kernel, s.Facts = c.Sysctls, c.Kernel, c.Facts
	s.Missing |= c.Missing
	s.Notes = c.Notes
	return s, nil
}

// Links reads the links of the capture.
func (c *Capture) Links() ([]rpdb.Link, error) {
	var links []rpdb.Link
	for m, err := range Messages(c.Dumps[Links]) {
		if err == nil {
			err = appendParsed(&links, m, ParseLink)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Links, err)
		}
	}
	return links, nil
}

// Messages yields the messages that lie one after the other in b, as ip route save
// writes them after its magic number. Their Data are parts of b. An error ends it.
func Messages(b []byte) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		for at := 0; at < len(b); {
			m, n, err := SplitMessage(b[at:])
			if err != nil {
				yield(m, fmt.Errorf("byte %d: %w", at, err))
				return
			}
			if !yield(m, nil) {
				return
			}
			at += min(n, len(b)-at)
		}
	}
}

// SplitMessage reads the message at the start of b, and how far the next one is.
func SplitMessage(b []byte) (m netlink.Message, n int, err error) {
	if len(b) < nlmsgHeaderLen {
		return m, 0, fmt.Errorf("a netlink message of %d bytes", len(b))
	}
	h := &m.Header
	h.Length = binary.NativeEndian.Uint32(b)
	h.Type = netlink.HeaderType(binary.NativeEndian.Uint16(b[4:]))
	h.Flags = netlink.HeaderFlags(binary.NativeEndian.Uint16(b[6:]))
	h.Sequence = binary.NativeEndian.Uint32(b[8:])
	h.PID = binary.NativeEndian.Uint32(b[12:])
	if h.Length < nlmsgHeaderLen || uint64(h.Length) > uint64(len(b)) {
		return m, 0, fmt.Errorf("a netlink message claims %d of %d bytes", h.Length, len(b))
	}
	m.Data = b[nlmsgHeaderLen:h.Length]
	return m, align4(int(h.Length)), nil
}

// AppendMessage appends a message to b, padded to a multiple of four bytes.
func AppendMessage(b []byte, m netlink.Message) []byte {
	h := m.Header
	b = binary.NativeEndian.AppendUint32(b, uint32(nlmsgHeaderLen+len(m.Data)))
	b = binary.NativeEndian.AppendUint16(b, uint16(h.Type))
	b = binary.NativeEndian.AppendUint16(b, uint16(h.Flags))
	b = binary.NativeEndian.AppendUint32(b, h.Sequence)
	b = binary.NativeEndian.AppendUint32(b, h.PID)
	b = append(b, m.Data...)
	return append(b, make([]byte, align4(len(m.Data))-len(m.Data))...)
}

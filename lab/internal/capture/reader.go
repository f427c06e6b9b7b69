package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// Reader reads the packets of a capture file in order. A Reader is for one goroutine.
type Reader struct {
	next func() (Packet, error)
	link LinkType
	snap int
}

var (
	ngMagic    = []byte{0x0a, 0x0d, 0x0d, 0x0a}
	pcapMagics = [][]byte{
		{0xa1, 0xb2, 0xc3, 0xd4}, {0xd4, 0xc3, 0xb2, 0xa1}, // microseconds
		{0xa1, 0xb2, 0x3c, 0x4d}, {0x4d, 0x3c, 0xb2, 0xa1}, // nanoseconds
	}
)

// ErrUnknownFormat says that a file is neither pcapng nor pcap.
var ErrUnknownFormat = errors.New("unknown file format")

// NewReader reads the beginning of a pcapng or pcap file. It returns
// [ErrUnknownFormat] for any other.
func NewReader(in io.Reader) (*Reader, error) {
	b := bufio.NewReader(in)
	magic, err := b.Peek(4)
	switch {
	case err != nil:
		return nil, short(magic, err)
	case bytes.Equal(magic, ngMagic):
		return newNgReader(b)
	}
	for _, m := range pcapMagics {
		if bytes.Equal(magic, m) {
			return newPcapReader(b)
		}
	}
	return nil, ErrUnknownFormat
}

func short(got []byte, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("truncated dump file; tried to read 4 file header bytes, only got %d", len(got))
	}
	return err
}

// LinkType returns the link type of the file, for pcapng of its first interface.
func (r *Reader) LinkType() LinkType { return r.link }

// SnapLength returns how much the file keeps of a packet at most, for pcapng by its
// first interface; 0 if it keeps all.
func (r *Reader) SnapLength() int { return r.snap }

// Next returns the next packet, whose bytes are the caller's, or [io.EOF] after the
// last one.
func (r *Reader) Next() (Packet, error) { return r.next() }

func newNgReader(in io.Reader) (*Reader, error) {
	ng, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
	if err != nil {
		return nil, err
	}
	r := &Reader{}
	// The first packet makes sure that the first interface is known.
	first, firstErr := readNg(ng)
	if i, err := ng.Interface(0); err == nil {
		r.link, r.snap = LinkType(i.LinkType), int(i.SnapLength)
	} else if firstErr == nil {
		r.link = first.LinkType
	}
	pending := true
	r.next = func() (Packet, error) {
		if pending {
			pending = false
			return first, firstErr
		}
		return readNg(ng)
	}
	return r, nil
}

func readNg(ng *pcapgo.NgReader) (Packet, error) {
	data, ci, o, err := ng.ReadPacketDataWithOptions()
	if err != nil {
		return Packet{}, err
	}
	i, err := ng.Interface(ci.InterfaceIndex)
	if err != nil {
		return Packet{}, err
	}
	p := Packet{
		Time:      ci.Timestamp,
		LinkType:  linkTypeOf(ci, i),
		Data:      data,
		Length:    ci.Length,
		Interface: Interface{Name: i.Name},
		Comment:   strings.Join(o.Comments, "; "),
	}
	if o.Flags != nil {
		p.Direction = directionOf(o.Flags)
	}
	p.cookedDirection()
	return p, nil
}

func linkTypeOf(ci gopacket.CaptureInfo, i pcapgo.NgInterface) LinkType {
	for _, a := range ci.AncillaryData {
		if t, ok := a.(layers.LinkType); ok {
			return LinkType(t)
		}
	}
	return LinkType(i.LinkType)
}

func directionOf(f *pcapgo.NgEpbFlags) Direction {
	switch f.Direction {
	case pcapgo.NgEpbFlagDirectionOutbound:
		return Out
	case pcapgo.NgEpbFlagDirectionInbound:
		for d := In; d < Out; d++ {
			if reception[d] == f.Reception {
				return d
			}
		}
		return In
	}
	return Unknown
}

func newPcapReader(in io.Reader) (*Reader, error) {
	f, err := pcapgo.NewReader(in)
	if err != nil {
		return nil, err
	}
	link := LinkType(f.LinkType())
	if link == 12 || link == 14 { // DLT_RAW as some systems number it
		link = Raw
	}
	return &Reader{link: link, snap: int(f.Snaplen()), next: func() (Packet, error) {
		data, ci, err := f.ReadPacketData()
		if err != nil {
			return Packet{}, err
		}
		p := Packet{Time: ci.Timestamp.In(time.UTC), LinkType: link, Data: data, Length: ci.Length}
		p.cookedDirection()
		return p, nil
	}}, nil
}

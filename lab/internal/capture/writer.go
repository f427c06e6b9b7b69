package capture

import (
	"fmt"
	"io"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// WriterOptions describe a file. The zero value is a file without a limit on what
// it keeps of a packet, written by nobody in particular.
type WriterOptions struct {
	Application string // who writes it
	Filter      string // the expression that chose its packets
	SnapLength  int    // how much is kept of a packet at most; 0 for all
}

// Writer writes packets as pcapng: an interface description for each interface when
// its first packet comes, with its name; for each packet the time in nanoseconds,
// the direction and how it was received (epb_flags), and the comment. Each packet is
// flushed, so that another program can read along. A Writer is for one goroutine.
type Writer struct {
	out        io.Writer
	options    WriterOptions
	ng         *pcapgo.NgWriter
	interfaces map[ngKey]int
}

// ngKey is what makes an interface description of its own: one has one link type.
type ngKey struct {
	name string
	link LinkType
}

// NewWriter returns a writer to out. The file begins with the first packet, or with
// [Writer.Describe].
func NewWriter(out io.Writer, o WriterOptions) *Writer {
	return &Writer{out: out, options: o, interfaces: make(map[ngKey]int)}
}

// Describe writes the description of an interface before its first packet, so that
// a file without packets is a capture file too. It flushes.
func (w *Writer) Describe(name string, link LinkType) error {
	if _, err := w.describe(ngKey{name, link}); err != nil {
		return err
	}
	return w.ng.Flush()
}

// describe returns the number of an interface in the file.
func (w *Writer) describe(k ngKey) (int, error) {
	if id, ok := w.interfaces[k]; ok {
		return id, nil
	}
	ni := pcapgo.NgInterface{
		Name:       k.name,
		LinkType:   layers.LinkType(k.link),
		Filter:     w.options.Filter,
		SnapLength: uint32(w.options.SnapLength),
	}
	id := 0
	var err error
	if w.ng == nil {
		w.ng, err = pcapgo.NewNgWriterInterface(w.out, ni, pcapgo.NgWriterOptions{
			SectionInfo: pcapgo.NgSectionInfo{Application: w.options.Application},
		})
	} else {
		id, err = w.ng.AddInterface(ni)
	}
	if err != nil {
		return 0, err
	}
	w.interfaces[k] = id
	return id, nil
}

// maxComment keeps a comment within an option of pcapng, whose length has 16 bits.
const maxComment = 1<<16 - 8

// Write writes a packet and flushes it.
func (w *Writer) Write(p *Packet) error {
	id, err := w.describe(ngKey{p.Interface.Name, p.LinkType})
	if err != nil {
		return err
	}
	if p.Length < len(p.Data) {
		return fmt.Errorf("a packet of %d bytes cannot have %d bytes captured", p.Length, len(p.Data))
	}
	var o pcapgo.NgPacketOptions
	if p.Comment != "" {
		o.Comments = []string{truncate(p.Comment, maxComment)}
	}
	if p.Direction != Unknown {
		o.Flags = &pcapgo.NgEpbFlags{Direction: pcapgo.NgEpbFlagDirectionInbound, Reception: reception[p.Direction]}
		if p.Direction == Out {
			o.Flags.Direction = pcapgo.NgEpbFlagDirectionOutbound
		}
	}
	err = w.ng.WritePacketWithOptions(gopacket.CaptureInfo{
		Timestamp:      p.Time,
		CaptureLength:  len(p.Data),
		Length:         p.Length,
		InterfaceIndex: id,
	}, p.Data, o)
	if err != nil {
		return err
	}
	return w.ng.Flush()
}

var reception = [...]pcapgo.NgEpbFlag{
	In:        pcapgo.NgEpbFlagReceptionTypeUnicast,
	Broadcast: pcapgo.NgEpbFlagReceptionTypeBroadcast,
	Multicast: pcapgo.NgEpbFlagReceptionTypeMulticast,
	OtherHost: pcapgo.NgEpbFlagReceptionTypePromiscuous,
	Out:       pcapgo.NgEpbFlagReceptionTypeNotSpecified,
}

// truncate cuts s to n bytes without leaving half a character.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

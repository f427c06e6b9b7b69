package lab

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/rpdb"
)

// CapturedPacket is a packet of a capture file, as far as routing looks at it.
type CapturedPacket struct {
	Flow      rpdb.Flow // without devices, mark and user, which no packet shows
	Time      time.Time
	Interface string // empty: the file does not tell
	Sent      bool   // by the interface; else received, or not known
	Known     bool   // Sent is known
	Foreign   bool   // received, for the hardware address of another host
	Comment   string // what was decided when it was captured
}

// ReadPacket reads the n-th packet of a pcapng or pcap file, counted from 1. A packet
// that is none of IP is an error.
func ReadPacket(r io.Reader, n int) (*CapturedPacket, error) {
	file, err := capture.NewReader(r)
	if err != nil {
		return nil, err
	}
	for i := 1; ; i++ {
		p, err := file.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("no packet %d: the file has %d", n, i-1)
		case err != nil:
			return nil, fmt.Errorf("packet %d: %w", i, err)
		case i == n:
			return captured(&p, n)
		}
	}
}

func captured(p *capture.Packet, n int) (*CapturedPacket, error) {
	f := datapath.Frame{LinkType: datapath.RawIP, Data: p.Data}
	switch {
	case p.LinkType == capture.Ethernet:
		f.LinkType = datapath.Ethernet
	case p.LinkType == capture.LinuxSLL2 && len(p.Data) >= capture.SLL2Len:
		f.Data = p.Data[capture.SLL2Len:]
	}
	flow, ok := f.Flow()
	if !ok {
		return nil, fmt.Errorf("packet %d is none of IPv4 or IPv6, so no route leads it", n)
	}
	return &CapturedPacket{
		Flow: flow, Time: p.Time, Interface: p.Interface.Name, Comment: p.Comment,
		Sent: p.Direction == capture.Out, Known: p.Direction != capture.Unknown, Foreign: p.Direction == capture.OtherHost,
	}, nil
}

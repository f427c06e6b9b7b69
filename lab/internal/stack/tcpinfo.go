package stack

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// TCPInfo is the state of a connection's sender (struct tcp_info).
type TCPInfo struct {
	RTT, RTTVar, RTO time.Duration
	Cwnd, Ssthresh   uint32 // in segments
	SegmentsOut      uint64
	SegmentsIn       uint64
	Retransmits      uint64 // segments that were sent again
	Timeouts         uint64 // of the retransmission timer
}

// Info tells how the connection fares (TCP_INFO).
func (c *TCPConn) Info() TCPInfo {
	var i tcpip.TCPInfoOption
	c.ep.GetSockOpt(&i)
	s := c.ep.Stats().(*tcp.Stats)
	return TCPInfo{
		RTT: i.RTT, RTTVar: i.RTTVar, RTO: i.RTO, Cwnd: i.SndCwnd, Ssthresh: i.SndSsthresh,
		SegmentsOut: s.SegmentsSent.Value(), SegmentsIn: s.SegmentsReceived.Value(),
		Retransmits: s.SendErrors.Retransmits.Value(), Timeouts: s.SendErrors.Timeouts.Value(),
	}
}
